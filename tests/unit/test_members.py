"""Random members of the search spaces: built, trained, pruned, compacted, converted, measured.

``check_members("image", 200, folder)`` takes many.
"""

from collections import Counter
from pathlib import Path

import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from nasturtium import metering
from nasturtium.compaction import compact, verify
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.measurement.tflite import convert
from nasturtium.models.files import load_model, save_model
from nasturtium.models.lite import Interpreter
from nasturtium.models.reference_nets import scaled_reference
from nasturtium.models.search_space import PRUNING_RATIO, build_net, make_space
from nasturtium.pruning.channels import ChannelPruning
from nasturtium.pruning.schedule import CubicSchedule
from nasturtium.pruning.selection import ChannelSelection
from nasturtium.search.measurer import Measurer
from nasturtium.training.frame_statistics import frame_of

SETTINGS = {
    "filters": [4, 6, 9],
    "kernel_sizes": [3, 5],
    "conv_blocks": [1, 2, 3],
    "stages": [1, 2, 3],
    "stage_blocks": [1, 2],
    "units": [4, 7],
    "dense_layers": [1, 2],
    "bins": [0, 8, 16],
    "reference_scales": [0.5, 1.0],
    "learning_rates": [0.003],
    "latency_runs": 2,
    "energy_window_s": 0.01,
    "energy_repeats": 1,
    # All that a trial can be measured by.
    "objective": {"latency": 1, "int8_flash": 1, "int8_ram": 1, "inference_energy": 1},
}
REFERENCES = {
    "image": {"cnn": {"filters": [6, 8], "dense": [8]}},
    "table": {"mlp": {"units": [9, 8], "bins": 8}},
    "sequence": {"cnn1d": {"filters": [6, 6], "dense": [8]}},
}
SHAPES = {
    "image": [(8, 8, 1), (13, 10, 3), (16, 16, 2)],
    "table": [(6,), (1,), (3,)],
    "sequence": [(25, 5), (12, 1)],
}
# What is measured but has no reason of its own, and the reason of what has another's.
REASONS = {
    "macs": "macs_reason",
    "gpu_weights_bytes": "gpu_memory_reason",
    "gpu_inference_peak_bytes": "gpu_memory_reason",
    "tflite_latency_ms": "tflite_latency_reason",
    "tflite_int8_bytes": "tflite_int8_reason",
    "tflite_int8_arena_bytes": "tflite_int8_reason",
    "inference_energy_j": "inference_energy_reason",
}
ALWAYS = (
    *("parameters", "nonzero_parameters", "prunable_parameters", "sparsity", "weights_bytes"),
    *("peak_activation_bytes", "calculated_memory_bytes", "latency_p50_ms", "latency_p95_ms"),
)


def tiny_data(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> TrainingData:
    """Forty random samples of three classes, or of a target in the thousands."""
    classes = 3 if kind != "table" or random.random() < 0.5 else None
    features = random.normal(2, 3, (40, *shape)).astype(np.float32)
    if kind == "image":
        features = random.integers(0, 256, (40, *shape), dtype=np.uint8)
    elif kind == "table":
        features[:, 0] = random.integers(0, 2, 40)  # fewer values than bins
    targets = np.arange(40) % 3
    task, scale = "classification", 255.0 if kind == "image" else None
    if classes is None:
        task, targets = "regression", random.normal(5000, 900, 40).astype(np.float32)
    split = Split(features, targets)
    return TrainingData(
        Description("tiny", task, shape, classes=classes, input_scale=scale), split, split
    )


def space_of(kind: str, data: TrainingData):
    reference = scaled_reference("tiny", {}, REFERENCES[kind])
    return make_space(frame_of(data), SETTINGS, [0.3, 0.5], reference)


def drawn(space, random: np.random.Generator) -> dict:
    """Draw each hyperparameter independently, all choices with the same probability."""
    hyperparameters = keras_tuner.HyperParameters()
    space.build(hyperparameters)
    return {
        parameter.name: random.choice(getattr(parameter, "values", [False, True])).item()
        for parameter in hyperparameters.space
    }


def pruned(model: keras.Model, data: TrainingData, ratio: float):
    """Train one step on each batch of a schedule, prune during this, and compact."""
    regression = data.description.classes is None
    model.compile(
        "sgd", "mse" if regression else "sparse_categorical_crossentropy", run_eagerly=True
    )
    inputs = data.train.features.astype(np.float32)
    assert np.isfinite(model.train_on_batch(inputs, data.train.targets))
    selection = ChannelSelection(model)
    reachable = selection.reachable(np.zeros(len(selection.groups)))
    schedule = CubicSchedule.from_training(20, min(ratio, 0.9 * reachable))
    pruning = ChannelPruning(model, schedule)
    for step in range(20):
        pruning.on_train_batch_end(step)
    assert np.isfinite(model.train_on_batch(inputs, data.train.targets))
    pruning.on_train_batch_end(20)
    return pruning.finish(inputs)


def check_member(space, values: dict, data: TrainingData, path: Path, measurer: Measurer) -> str:
    """Take one member all the way; its family."""
    model = build_net(space, values)
    found = pruned(model, data, values[PRUNING_RATIO])
    assert found.ratio > 0
    assert found.compaction.params_after < found.compaction.params_before
    assert verify(found.model, compact(found.model).model) <= 1e-5
    save_model(found.model, path)
    stored = load_model(path)
    sample = data.train.features[:1].astype(np.float32)
    np.testing.assert_array_equal(stored(sample), found.model(sample))
    interpreter = Interpreter(convert(stored))
    expected = stored(sample).numpy()
    np.testing.assert_allclose(interpreter.run(sample), expected, rtol=1e-3, atol=1e-4)
    measured = measurer.saved(stored, path)
    for name, reason in REASONS.items():
        assert measured.get(name) is not None or measured[reason], (name, measured)
    assert all(measured[name] is not None for name in ALWAYS), measured
    # These can be had on every machine.
    assert measured["macs"] > 0
    assert measured["tflite_latency_ms"] > 0
    assert measured["tflite_int8_bytes"] > 0, measured["tflite_int8_reason"]
    return values["body/family"]


def check_members(kind: str, count: int, folder: Path, seed: int = 0) -> Counter:
    """Run all steps for ``count`` random members of the space of one kind of data."""
    random = np.random.default_rng(seed)
    path, baseline, seen = folder / "member.keras", folder / "baseline.keras", Counter()
    with metering.session(sources=[], idle_s=0) as meter:
        for number in range(count):
            shape = SHAPES[kind][number % len(SHAPES[kind])]
            data = tiny_data(kind, shape, random)
            space = space_of(kind, data)
            if not number:
                save_model(build_net(space, space.middle()), baseline)
                measurer = Measurer(meter, SETTINGS, baseline)
            values = drawn(space, random)
            try:
                family = check_member(space, values, data, path, measurer)
            except Exception as error:
                error.add_note(f"member {number} of {kind} {shape}: {values}")
                raise
            seen[family] += 1
            tf.keras.backend.clear_session()
    return seen


@pytest.mark.long
@pytest.mark.parametrize("kind", SHAPES)
def test_every_member_that_is_drawn_can_be_measured_in_full(kind, tmp_path):
    assert check_members(kind, 4, tmp_path).total() == 4
