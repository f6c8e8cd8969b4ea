"""The execution of steps depends on net and device, is recorded, and changes no result."""

import ast
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.jobs import runtime
from nasturtium.models.reference_nets import build_reference
from nasturtium.training import execution, losses
from nasturtium.training.execution import choose
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of
from nasturtium.training.pruned_fit import pruned_fit
from tests.unit.test_training import PRUNING, RECIPE

LONG = {"steps_per_epoch": 100, "epochs": 30}


def data(task="regression") -> TrainingData:
    rng = np.random.default_rng(0)
    classes = 2 if task == "classification" else None
    description = Description("mine", task, (6,), classes=classes, reference={"mlp": [24, 16]})

    def split(count):
        features = rng.normal(size=(count, 6)).astype(np.float32)
        products = features[:, 0] * features[:, 1]
        return Split(features, (products > 0).astype(np.int64) if classes else products + 3)

    return TrainingData(description, split(500), split(100))


def net(given: TrainingData, seed=0) -> keras.Model:
    runtime.seed_everything(seed)
    return build_reference("mine", frame_of(given), given.description.reference)


def convolutional() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    tensor = keras.layers.Flatten()(keras.layers.Conv2D(2, 3)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(tensor))


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


def test_dense_nets_are_compiled_in_long_trainings_on_a_cpu(no_gpu, monkeypatch):
    dense = net(data())
    assert choose(dense, 32, **LONG) == execution.Execution(32, True)
    assert choose(dense, 1, **LONG) == execution.Execution(1, True)
    assert not choose(dense, 32, steps_per_epoch=100, epochs=29).jit_compile
    assert choose(dense, 32, steps_per_epoch=5, epochs=3).steps_per_execution == 5
    assert not choose(convolutional(), 32, **LONG).jit_compile
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"])
    assert not choose(dense, 32, **LONG).jit_compile


@pytest.mark.parametrize(("threads", "onednn"), [(1, "0"), (2, "1")])
def test_what_decides_the_bits_is_recorded(threads, onednn):
    code = f"""
from nasturtium.jobs import runtime
runtime.configure({threads})
print(runtime.arithmetic())
"""
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    found = ast.literal_eval(done.stdout)
    assert found["threads"] == threads
    # On a processor that oneDNN has no kernels for, it is off by itself.
    assert found["onednn"] in ((False,) if onednn == "0" else (True, False))
    assert found["precision"].startswith("float32")
    if sys.platform == "linux":
        assert found["instruction_set"].startswith(platform.machine())
        assert found["instruction_set"].endswith("oneDNN at most AVX2")
        flags = Path("/proc/cpuinfo").read_text()
        assert all(name in flags for name in found["instruction_set"].split()[1:-4])


def trained(monkeypatch, least, given, **more):
    monkeypatch.setattr(execution, "LEAST_COMPILED_STEPS", least)
    model = net(given)
    done = fit(model, given, {**RECIPE, **more}, seed=0, label="test")
    assert {row["jit_compile"] for row in done.epochs} == {least == 0}
    assert {row["steps_per_execution"] for row in done.epochs} == {8}
    assert {tuple(row[name] for name in runtime.arithmetic()) for row in done.epochs} == {
        tuple(runtime.arithmetic().values())
    }
    return model, done


@pytest.mark.parametrize(
    "task", ["regression", pytest.param("classification", marks=pytest.mark.long)]
)
def test_a_compiled_training_is_repeatable_and_agrees_with_the_plain_one(no_gpu, monkeypatch, task):
    given = data(task)
    model, done = trained(monkeypatch, 0, given)
    again, _ = trained(monkeypatch, 0, given)
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    plain, plain_done = trained(monkeypatch, 10**9, given)
    assert done.best_epoch == plain_done.best_epoch
    assert done.validation_loss == pytest.approx(plain_done.validation_loss, rel=1e-3)
    for first, second in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-3)


def test_huber_s_loss_is_minimised_and_the_squared_error_chosen_by(no_gpu, monkeypatch):
    given = data()
    model, done = trained(monkeypatch, 10**9, given, regression_loss="huber")
    error = model.predict(given.validation.features, verbose=0)[:, 0] - given.validation.targets
    assert done.validation_loss == pytest.approx(np.square(error).mean(), rel=1e-4)
    # Huber's is at most half the square.
    assert done.epochs[0]["loss"] < 0.5 * done.epochs[0]["validation_loss"] * 2
    squared = trained(monkeypatch, 10**9, given)[1]
    assert done.epochs[0]["loss"] != squared.epochs[0]["loss"]


@pytest.mark.parametrize("method", ["channels", "magnitude"])
def test_pruning_is_the_same_in_a_compiled_training(no_gpu, monkeypatch, method):
    given, results = data(), []
    for least in (0, 10**9):
        monkeypatch.setattr(execution, "LEAST_COMPILED_STEPS", least)
        recipe = {**RECIPE, "epochs": 6}
        done, pruned = pruned_fit(
            net(given),
            given,
            recipe,
            method=method,
            ratio=0.5,
            pruning=PRUNING,
            seed=0,
            label="test",
        )
        # The wrappers of magnitude pruning are never compiled.
        assert done.epochs[0]["jit_compile"] == (least == 0 and method == "channels")
        results.append((pruned, done))
    (compiled, done), (plain, plain_done) = results
    assert compiled.facts["reached_ratio"] == plain.facts["reached_ratio"]
    assert compiled.facts["removed_channels"] == plain.facts["removed_channels"]
    assert compiled.model.count_params() == plain.model.count_params()
    assert done.validation_loss == pytest.approx(plain_done.validation_loss, rel=1e-2)


@pytest.mark.parametrize(("task", "most_steps"), [("regression", 1), ("classification", 3)])
def test_a_step_is_traced_once_and_computes_what_that_of_keras_does(task, most_steps, monkeypatch):
    given, traced = data(task), []
    for kind in ("train_step", "test_step"):
        method = getattr(keras.Model, kind)

        def counted(model, batch, method=method, kind=kind):
            traced.append(kind)
            return method(model, batch)

        monkeypatch.setattr(keras.Model, kind, counted)

    def figures() -> list[dict]:
        traced.clear()
        model = net(given)
        # 8 steps an epoch: the last of them come by themselves.
        trained = fit(model, given, RECIPE, seed=1, label="x", steps_per_execution=most_steps)
        kept = [{k: v for k, v in row.items() if k != "duration_s"} for row in trained.epochs]
        return [kept, [weight.tobytes() for weight in model.get_weights()]]

    ours = figures()
    assert sorted(traced) == ["test_step", "train_step"]
    monkeypatch.setattr(losses, "trace_once", lambda model: None)
    assert figures() == ours
    assert len(traced) > 2
