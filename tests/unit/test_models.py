"""The reference nets and search spaces, and what is calculated from a model's graph."""

import random

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tf_keras.src import backend as keras_backend

from nasturtium.data.catalog import NAMES, describe
from nasturtium.measurement.activations import calculated_memory, peak_activation_bytes
from nasturtium.measurement.macs import count_macs
from nasturtium.measurement.quality import measure_quality, predict, training_quality
from nasturtium.measurement.size import measure_size
from nasturtium.models.files import load_model, save_model
from nasturtium.models.frame import Frame
from nasturtium.models.reference_nets import PARAMETERS, build_reference
from nasturtium.models.weights import count_weights

COUNTS = {
    "mnist": 483_482,
    "cifar10": 122_570,
    "cifar10_train": 122_570,
    "sat6": 184_454,
    "california_housing": 11_739,
    "digits": 11_034,
    "diabetes": 2_817,
}


def frame(name: str) -> Frame:
    description = describe(name)
    columns = description.input_shape[-1]
    return Frame(
        description.input_shape,
        description.classes,
        description.input_scale,
        feature_mean=np.arange(columns, dtype=float),
        feature_variance=np.full(columns, 4.0),
        target_mean=150.0,
        target_std=70.0,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_net_has_the_study_s_parameter_count(name):
    model = build_reference(name, frame(name))
    assert model.count_params() == COUNTS[name] == PARAMETERS[name]
    assert count_weights(model).parameters == COUNTS[name]


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_a_saved_model_needs_no_custom_objects_and_computes_the_same(name, tmp_path):
    model = build_reference(name, frame(name))
    save_model(model, tmp_path / "model.keras")
    x = np.random.default_rng(0).random((5, *model.input_shape[1:]), np.float32)
    for again in (
        keras.models.load_model(tmp_path / "model.keras"),
        load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(model(x), again(x))


def test_the_frame_takes_raw_features_and_gives_the_target_s_unit():
    model = build_reference("diabetes", frame("diabetes"))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    assert model(np.zeros((1, 10), np.float32)).numpy() == pytest.approx(150.0)
    standardised = model.get_layer("standardise_input")(np.full((1, 10), 2.0, np.float32)).numpy()
    np.testing.assert_allclose(standardised[0], (2.0 - np.arange(10)) / 2.0, atol=1e-5)


def conv_net() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)  # 64 * 27 * 4 = 6,912
    x = keras.layers.BatchNormalization()(x)
    y = keras.layers.DepthwiseConv2D(3, padding="same")(x)  # 64 * 9 * 4 = 2,304
    x = keras.layers.Add()([x, y])
    x = keras.layers.SeparableConv2D(2, 3)(x)  # 36 * (9 * 4 + 4 * 2) = 1,584
    x = keras.layers.Conv2D(4, 1, groups=2, strides=2)(x)  # 9 * 1 * 4 = 36
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(5)(x))  # 36 * 5 = 180


def test_macs_are_counted_by_hand():
    assert count_macs(conv_net()) == (6_912 + 2_304 + 1_584 + 36 + 180, None)


def test_a_shared_layer_counts_at_each_call_and_size():
    inputs = keras.Input((8,))
    dense = keras.layers.Dense(8)
    model = keras.Model(inputs, dense(dense(dense(inputs))))
    assert count_macs(model) == (3 * 64, None)

    image = keras.Input((8, 8, 2))
    conv = keras.layers.Conv2D(2, 3, padding="same")
    large, small = conv(image), conv(keras.layers.MaxPooling2D()(image))
    joined = keras.layers.Concatenate()(
        [keras.layers.Flatten()(large), keras.layers.Flatten()(small)]
    )
    assert count_macs(keras.Model(image, joined)) == ((64 + 16) * 36, None)


def test_an_unknown_layer_gives_no_macs_but_a_reason():
    inputs = keras.Input((4, 3))
    macs, reason = count_macs(keras.Model(inputs, keras.layers.LSTM(2)(inputs)))
    assert macs is None
    assert "LSTM" in reason


def test_peak_activations_are_counted_by_hand():
    # Floats: input 192, conv 256, batch norm 256, depthwise 256, add 256, ...; while Add runs, its
    # two inputs and its output are alive, and nothing needs more.
    assert peak_activation_bytes(conv_net()) == 4 * (256 + 256 + 256)


@pytest.mark.parametrize(
    ("multiplier", "filters", "floats"),
    [
        (4, 2, 3 + 12),  # the depthwise part: its input beside what it writes
        (4, 9, 12 + 9),  # the pointwise part: what lies between beside the output
        (1, 9, 3 + 9),
    ],
)
def test_a_separable_convolution_has_a_tensor_inside(multiplier, filters, floats):
    inputs = keras.Input((6, 6, 3))
    layer = keras.layers.SeparableConv2D(filters, 3, padding="same", depth_multiplier=multiplier)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(layer(inputs)))
    assert peak_activation_bytes(model) == 4 * 36 * floats
    steps = keras.Input((6, 3))
    layer = keras.layers.SeparableConv1D(filters, 3, padding="same", depth_multiplier=multiplier)
    model = keras.Model(steps, keras.layers.GlobalAveragePooling1D()(layer(steps)))
    assert peak_activation_bytes(model) == 4 * 6 * floats


def test_the_input_of_a_separable_convolution_lives_on_where_it_is_read_again():
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.SeparableConv2D(3, 3, padding="same", depth_multiplier=4)(inputs)
    model = keras.Model(inputs, keras.layers.Add()([inputs, x]))
    assert peak_activation_bytes(model) == 4 * 36 * (3 + 12 + 3)


def test_a_branch_is_alive_until_it_is_read():
    inputs = keras.Input((10,))
    a = keras.layers.Dense(20)(inputs)
    b = keras.layers.Dense(3)(a)
    c = keras.layers.Dense(30)(b)
    output = keras.layers.Concatenate()([a, c])
    assert peak_activation_bytes(keras.Model(inputs, output)) == 4 * (20 + 30 + 50)


def test_sizes_and_nonzeros(tmp_path):
    model = build_reference("diabetes", frame("diabetes"))
    kernel = model.layers[2].kernel
    kernel.assign(np.where(np.arange(640).reshape(10, 64) < 320, 0.0, 1.0))
    save_model(model, tmp_path / "model.keras")
    size = measure_size(model, tmp_path / "model.keras")
    assert size["parameters"] == 2_817
    assert size["prunable_parameters"] == 640 + 64 * 32 + 32
    assert size["prunable_parameters"] - size["nonzero_prunable_parameters"] == 320
    assert size["sparsity"] == pytest.approx(320 / 2_720)
    memory = calculated_memory(model)
    assert memory["weights_bytes"] == 4 * 2_817
    assert size["weights_gzip_bytes"] < memory["weights_bytes"]
    assert size["keras_bytes"] == (tmp_path / "model.keras").stat().st_size


def test_quality_agrees_with_keras():
    model = build_reference("digits", frame("digits"))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 17, (1500, 8, 8, 1)).astype(np.uint8), rng.integers(0, 10, 1500)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(x, y, verbose=0)
    quality = measure_quality(predict(model, x), y, classes=10)
    assert quality["test_loss"] == pytest.approx(loss, rel=1e-4)
    assert quality["test_accuracy"] == pytest.approx(accuracy)
    assert quality["test_samples"] == 1500


def test_regression_quality_is_in_the_target_s_unit():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Rescaling(2.0)(inputs))
    outputs = predict(model, np.array([[1.0], [2.0]]))
    quality = measure_quality(outputs, np.array([3.0, 0.0]), None)
    assert quality["test_mae"] == pytest.approx(2.5)
    assert quality["test_rmse"] == pytest.approx(np.sqrt((1 + 16) / 2))
    assert quality["test_mae_fraction"] == pytest.approx(2.5 / 3)
    assert quality["test_rmse_fraction"] == pytest.approx(quality["test_rmse"] / 3)


def test_the_train_split_s_quality_stands_beside_it():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Rescaling(2.0)(inputs))
    quality = training_quality(model, np.array([[1.0], [2.0]]), np.array([3.0, 0.0]), None)
    assert quality["train_mae"] == pytest.approx(2.5)
    assert set(quality) == {"train_samples", "train_mae", "train_rmse"}


def test_without_a_gpu_its_memory_is_null_with_the_reason(tmp_path):
    import tensorflow as tf

    from nasturtium.measurement.gpu_memory import measure_gpu_memory, measure_gpu_memory_apart

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    for measure in (measure_gpu_memory, measure_gpu_memory_apart):
        memory = measure(tmp_path / "never read", batch_size=1)
        assert memory["gpu_weights_bytes"] is memory["gpu_inference_peak_bytes"] is None
        assert memory["gpu_memory_method"] == "none"
        assert "no GPU" in memory["gpu_memory_reason"]


@pytest.mark.parametrize("is_seeded", [True, False])
def test_checking_a_file_takes_no_seed_from_what_follows(tmp_path, is_seeded, monkeypatch):
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(2)(keras.layers.Dropout(0.5)(inputs))
    save_model(keras.Model(inputs, outputs), tmp_path / "model.keras")

    def next_weights(load):
        if is_seeded:
            keras.utils.set_random_seed(7)
        else:
            monkeypatch.delattr(keras_backend._SEED_GENERATOR, "generator", raising=False)
            random.seed(7)
            tf.random.set_seed(7)
        load(tmp_path / "model.keras")
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
        return layer.kernel.numpy()

    by_keras = next_weights(lambda path: keras.models.load_model(path, compile=False))
    np.testing.assert_array_equal(next_weights(load_model), by_keras)
