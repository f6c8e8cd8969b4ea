"""BatchNormalization is folded into the layer before it if possible, and only then."""

import numpy as np
import pytest
import tf_keras as keras

from nasturtium import metering
from nasturtium.compaction import compact, fold_batch_normalization, verify
from nasturtium.measurement.inference_form import inference_file
from nasturtium.measurement.size import measure_size
from nasturtium.models.files import load_model, save_model
from nasturtium.search.measurer import Measurer

layers = keras.layers


def randomised(model):
    """The model with weights as after a training: nothing is zero or one."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for variable in layer.weights:
                low = 0.3 if "variance" in variable.name else -1.0
                variable.assign(random.uniform(low, 1.5, variable.shape))
        else:
            layer.set_weights([random.normal(0, 0.4, w.shape) for w in layer.get_weights()])
    return model


def net(*parts, shape=(8, 8, 4)):
    x = inputs = keras.Input(shape)
    for part in parts:
        x = part(x)
    return randomised(keras.Model(inputs, x))


def norm(**options):
    return layers.BatchNormalization(name="norm", **options)


BEFORE = {
    "dense": [layers.Dense, 5],
    "convolution": [layers.Conv2D, 5, 3],
    "without bias": [lambda: layers.Conv2D(5, 3, padding="same", use_bias=False)],
    "groups": [lambda: layers.Conv2D(6, 3, groups=2)],
    "depthwise": [lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)],
    "separable": [lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2)],
    "transposed": [lambda: layers.Conv2DTranspose(5, 3, strides=2, padding="same")],
}


@pytest.mark.parametrize("kind", BEFORE)
def test_it_goes_into_each_kind_of_kernel(kind):
    make, *arguments = BEFORE[kind]
    layer = make(*arguments)
    model = net(layer, norm(), layers.ReLU(), layers.GlobalMaxPooling2D(), layers.Dense(2))
    folding = fold_batch_normalization(model)
    channels = layer.output_shape[-1]
    assert folding.folded == ["norm"]
    biases = 0 if layer.use_bias else channels
    assert folding.params_before - folding.params_after == 4 * channels - biases
    assert folding.params_after == folding.model.count_params()
    assert verify(model, folding.model) < 1e-5


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv1D(5, 3),
        lambda: layers.DepthwiseConv1D(3, depth_multiplier=2),
        lambda: layers.SeparableConv1D(5, 3, depth_multiplier=2),
        lambda: layers.Conv1DTranspose(5, 3),
    ],
)
def test_it_goes_into_kernels_over_steps(make):
    model = net(make(), norm(), layers.ReLU(), layers.GlobalMaxPooling1D(), shape=(9, 4))
    folding = fold_batch_normalization(model)
    assert folding.folded == ["norm"]
    assert verify(model, folding.model) < 1e-5


BETWEEN = {
    "dropout": ([layers.Dropout, 0.3], True),
    "average": ([layers.AveragePooling2D, 2, 1, "same"], True),
    "global average": ([layers.GlobalAveragePooling2D], True),
    "maximum": ([layers.MaxPooling2D], False),
    "zero padding": ([layers.ZeroPadding2D], False),
    "activation": ([layers.ReLU], False),
    "flatten": ([layers.Flatten], False),
}


@pytest.mark.parametrize("kind", BETWEEN)
def test_what_stands_between_decides(kind):
    (make, *arguments), folds = BETWEEN[kind]
    model = net(layers.Conv2D(3, 3, name="conv"), make(*arguments), norm())
    folding = fold_batch_normalization(model)
    assert folding.folded == (["norm"] if folds else [])
    assert (folding.model is model) is not folds
    assert folding.model.output_names == ["norm"], "an output keeps its name"
    assert verify(model, folding.model) < 1e-5


def test_it_stays_where_its_layer_is_read_elsewhere_activated_or_called_to_train():
    conv = layers.Conv2D(4, 3, padding="same")
    inputs = keras.Input((6, 6, 4))
    x = conv(inputs)
    assert not fold_batch_normalization(keras.Model(inputs, layers.Add()([x, norm()(x)]))).folded
    assert not fold_batch_normalization(keras.Model(inputs, [x, norm()(x)])).folded
    assert not fold_batch_normalization(keras.Model(inputs, norm()(x, training=True))).folded
    assert not fold_batch_normalization(net(layers.Dense(3, activation="tanh"), norm())).folded
    assert not fold_batch_normalization(net(norm(), layers.Dense(3))).folded
    twice = keras.Model(inputs, norm()(conv(x)))
    assert not fold_batch_normalization(twice).folded


def test_two_in_a_row_go_one_after_the_other():
    second = layers.BatchNormalization(scale=False, name="second")
    model = net(layers.Dense(3, use_bias=False), norm(center=False), second, layers.Dense(2))
    folding = fold_batch_normalization(model)
    assert folding.folded == ["norm", "second"]
    assert verify(model, folding.model) < 1e-5


def residual_net():
    """Three residual blocks of 8, 16 and 32 filters, the shortcuts projected: a ResNet-8."""
    x = inputs = keras.Input((16, 16, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x)))
    for filters, strides in ((8, 1), (16, 2), (32, 2)):
        shortcut = x
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        if strides > 1:
            shortcut = layers.Conv2D(filters, 1, strides, use_bias=False)(shortcut)
            shortcut = layers.BatchNormalization()(shortcut)
        x = layers.ReLU()(layers.Add()([x, shortcut]))
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return randomised(keras.Model(inputs, x))


def test_a_residual_net_loses_all_of_them(tmp_path):
    model = residual_net()
    folding = fold_batch_normalization(model)
    assert len(folding.folded) == 9
    # The 4 values of each channel become 1, or 0 if there was a bias.
    assert (folding.params_before, folding.params_after) == (20_298, 19_786)
    assert verify(model, folding.model) < 1e-5
    assert not compact(folding.model).removed_channels
    kept = [layer.name for layer in compact(model).model.layers]
    assert set(folding.folded) <= set(kept), "compaction leaves what a net is trained on with"
    assert not fold_batch_normalization(folding.model).folded
    save_model(folding.model, tmp_path / "model.keras")
    assert verify(model, load_model(tmp_path / "model.keras")) < 1e-5


def test_nested_models_are_folded_inside():
    inner = net(layers.Conv2D(3, 3), norm(), layers.ReLU(), shape=(8, 8, 4))
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, layers.Flatten()(inner(inputs)))
    folding = fold_batch_normalization(model)
    assert folding.folded == [f"{inner.name}/norm"]
    assert verify(model, folding.model) < 1e-5


def test_a_net_is_measured_folded_and_its_file_keeps_what_it_is_trained_on_with(tmp_path):
    path = tmp_path / "model.keras"
    save_model(residual_net(), path)
    kept = path.read_bytes()
    with inference_file(path) as used:
        size = measure_size(used.model(), used.path)
        assert size["keras_bytes"] == used.path.stat().st_size < len(kept)
        stored = load_model(used.path)
        for one, other in zip(used.model().weights, stored.weights, strict=True):
            assert one.name == other.name
            assert np.array_equal(one.numpy(), other.numpy())
        assert used.model().get_config() == stored.get_config()
    assert size["parameters"] == 19_786
    assert not used.path.exists()
    with metering.session(sources=[], idle_s=0) as meter:
        measurer = Measurer(meter, {"latency_runs": 2, "objective": {}}, path)
        assert measurer.saved(load_model(path), path)["parameters"] == 19_786
    assert path.read_bytes() == kept
    plain = net(layers.Dense(3), layers.Dense(2))
    save_model(plain, path)
    with inference_file(path) as used:
        assert used.path is path
    with inference_file(path, plain) as used:
        assert used.path is path
        assert used.model() is plain


def test_a_sequential_is_folded_too():
    parts = [layers.Dense(3), norm(), layers.ReLU(), layers.Dense(2)]
    model = randomised(keras.Sequential([keras.Input((4,)), *parts]))
    folding = fold_batch_normalization(model)
    assert folding.folded == ["norm"]
    assert verify(model, folding.model) < 1e-5
