"""Compaction, case by case: what is removed, folded, kept and refused."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import compact, dependency_groups, prunable_parameters, verify
from nasturtium.errors import CompactionError
from nasturtium.models.files import load_model, save_model

layers = keras.layers


def kill(layer, *channels, bias=0.0):
    """Make output channels constant: kernel columns zero, the bias a number."""
    layer.kernel.assign(np.where(np.isin(range(layer.kernel.shape[-1]), channels), 0, layer.kernel))
    if layer.use_bias:
        values = layer.bias.numpy()
        values[list(channels)] = bias
        layer.bias.assign(values)


def sequential(*parts, shape=(8, 8, 3)):
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input(shape), *parts])


def reasons(result):
    return dict(result.frozen)


def test_removes_dead_units_and_folds_their_constants():
    model = sequential(
        layers.Dense(6, activation="sigmoid"), layers.Dense(3, use_bias=False), shape=(4,)
    )
    kill(model.layers[0], 1, 4, bias=0.7)
    result = compact(model)
    assert list(result.removed_channels.values()) == [2]
    assert result.model.layers[1].use_bias, "the constants need a bias to go to"
    assert result.params_after == 4 * 4 + 4 + 4 * 3 + 3 == result.model.count_params()
    assert verify(model, result.model) < 1e-5


def test_nothing_to_remove_means_nothing_changes():
    model = sequential(layers.Dense(5), layers.Dense(4, use_bias=False), shape=(3,))
    result = compact(model)
    assert result.removed_channels == {}
    assert result.params_before == result.params_after
    for before, after in zip(model.get_weights(), result.model.get_weights(), strict=True):
        assert np.array_equal(before, after)


def test_a_fold_that_would_cost_more_than_it_saves_is_left_out():
    def net(units):
        model = sequential(
            layers.Dense(2, activation="sigmoid", use_bias=False, name="hidden"),
            layers.DepthwiseConv2D(1, use_bias=False, depth_multiplier=units),
            layers.Conv2D(1, 1, use_bias=False),
            shape=(1, 1, 1),
        )
        kill(model.get_layer("hidden"), 0)
        return model

    # A unit saves its weight, its depthwise kernels and their rows; the bias costs 1.
    assert compact(net(2)).params_after == 2 + 4 + 4 - 5 + 1
    model = sequential(
        layers.Dense(2, activation="sigmoid", use_bias=False),
        layers.Dense(1, activation="linear", use_bias=False),
        shape=(1,),
    )
    kill(model.layers[0], 0)
    result = compact(model)  # saves 1 + 1 and costs 1
    assert (result.params_before, result.params_after) == (4, 3)


def test_of_a_net_with_a_dead_layer_its_constant_output_is_left():
    model = sequential(
        layers.Dense(16, activation="relu"), layers.Dense(8), layers.Dense(2), shape=(5,)
    )
    kill(model.layers[1], *range(8), bias=0.5)
    result = compact(model)
    names = [layer.name for layer in model.layers]
    assert result.removed_layers == names[:2]
    assert [layer.name for layer in result.model.layers[1:]] == names[2:]
    assert result.params_after == 5 * 2 + 2
    assert verify(model, result.model) < 1e-5


def residual(kind="Add", bias=0.0):
    """Two merged branches: ``conv`` is used twice, and the inner branch is constant."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    y = layers.Conv2D(6, 3, padding="same", activation="relu", name="inner")(x)
    y = layers.Conv2D(4, 3, padding="same", name="last")(y)
    y = layers.ReLU(name="after")(y)
    parts = [y, x] if kind == "Add" else [x, y]
    x = getattr(layers, kind)(name="merge")(parts)
    x = layers.Conv2D(3, 3, padding="same", name="next")(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten()(x)))
    kill(model.get_layer("last"), *range(4), bias=bias)
    return model


@pytest.mark.parametrize(("kind", "bias"), [("Add", 0.0), ("Subtract", 0.0), ("Multiply", 1.0)])
def test_a_branch_that_changes_nothing_goes_with_its_layers(kind, bias):
    model = residual(kind, bias)
    result = compact(model)
    assert result.removed_layers == ["inner", "last", "after", "merge"]
    assert "stem" in [layer.name for layer in result.model.layers]
    assert verify(model, result.model) < 1e-5


def test_a_branch_of_constants_becomes_one_layer_of_them(tmp_path):
    model = residual("Add", bias=0.5)
    result = compact(model)
    assert result.removed_layers == ["inner", "last"]
    after = result.model.get_layer("after")
    assert isinstance(after, layers.Dense)
    assert not after.kernel.numpy().any()
    assert verify(model, result.model) < 1e-5
    save_model(result.model, tmp_path / "model.keras")
    assert verify(model, load_model(tmp_path / "model.keras")) < 1e-5


@pytest.mark.parametrize("rank", [1, 2])
def test_constants_that_no_tensor_has_the_positions_of_are_spread_over_them(rank):
    """Constant features before a padded border, which tells its positions from the others."""
    convolution = getattr(layers, f"Conv{rank}D")
    model = sequential(
        convolution(6, 3, padding="same", name="first"),
        convolution(4, 5, activation="softplus", name="dead"),
        layers.BatchNormalization(name="norm"),
        convolution(3, 3, padding="same", name="padded"),
        layers.Flatten(),
        layers.Dense(2),
        shape=(12,) * rank + (2,),
    )
    kill(model.get_layer("dead"), *range(4), bias=0.3)
    model.get_layer("norm").beta.assign([0.1, 0.2, 0.3, 0.4])
    result = compact(model)
    assert result.removed_layers == ["first", "dead"]
    assert result.params_after < result.params_before
    assert verify(model, result.model) < 1e-5
    lite = tf.lite.TFLiteConverter.from_keras_model(result.model).convert()
    interpreter = tf.lite.Interpreter(model_content=lite)
    interpreter.allocate_tensors()
    batch = np.zeros((1, *model.input_shape[1:]), "float32")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], batch)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model(batch), rtol=1e-4, atol=1e-6)


def test_channels_that_a_removed_layer_tied_together_go_one_by_one():
    """A depth multiplier ties two constants; the layer of constants in its place does not."""
    model = sequential(
        layers.Conv1D(4, 3, padding="same", name="first"),
        layers.DepthwiseConv1D(3, depth_multiplier=2, activation="softplus", name="dead"),
        layers.Conv1D(3, 3, padding="same", name="padded"),
        layers.Flatten(),
        layers.Dense(2),
        shape=(12, 2),
    )
    dead, padded = model.get_layer("dead"), model.get_layer("padded")
    dead.depthwise_kernel.assign(tf.zeros_like(dead.depthwise_kernel))
    padded.kernel.assign(np.where(np.arange(8)[:, None] == 1, 0, padded.kernel))
    result = compact(model)
    assert result.model.get_layer("padded").kernel.shape == (3, 7, 3)
    assert result.removed_layers == ["first"]
    assert result.removed_channels == {}
    assert result.params_before - result.params_after > 0
    assert result.params_after == result.model.count_params()
    assert verify(model, result.model) < 1e-5


@pytest.mark.parametrize("activation", ["tanh", "softplus", "gelu"])
def test_constants_are_rounded_once_however_many_layers_they_go_through(activation):
    widths = [24] * 6
    model = sequential(
        *(layers.Dense(width, activation=activation) for width in widths),
        layers.Dense(3),
        shape=(4,),
    )
    random = np.random.default_rng(2)
    for layer in model.layers:
        layer.set_weights([random.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    model.layers[0].kernel.assign(np.zeros((4, 24)))
    exact = np.zeros((1, 4))
    for layer in model.layers:
        kernel, bias = (weight.astype(float) for weight in layer.get_weights())
        exact = np.asarray(layer.activation(tf.constant(exact @ kernel + bias)))
    small = compact(model).model
    assert np.array_equal(small(np.ones((1, 4))), exact.astype("float32"))


def test_what_float32_takes_for_zero_or_infinite_is_taken_for_it():
    """A sigmoid of -200 is 1e-87 in float64, an exponential of 100 more than float32 holds."""
    model = sequential(
        layers.Conv2D(4, 3, activation="sigmoid", name="tiny"),
        layers.Conv2D(4, 3, padding="same", name="padded"),
    )
    kill(model.get_layer("tiny"), 1, bias=-200)
    assert compact(model).removed_channels == {"tiny": 1}
    model = sequential(layers.Dense(4, activation="exponential"), layers.Dense(2), shape=(3,))
    kill(model.layers[0], 1, bias=100)
    assert not compact(model).removed_channels


def test_a_branch_whose_readers_ignore_it_is_not_concatenated():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((6, 6, 2))
    parts = [layers.Conv2D(n, 3, padding="same", name=f"conv{n}")(inputs) for n in (3, 4, 5)]
    x = layers.Concatenate(name="together")(parts)
    model = keras.Model(inputs, layers.Conv2D(2, 1, name="reader")(x))
    kernel = model.get_layer("reader").kernel
    kernel.assign(np.where(np.arange(12)[:, None] < 7, kernel, 0))
    result = compact(model)
    assert result.removed_layers == ["conv5"]
    assert result.model.get_layer("reader").kernel.shape == (1, 1, 7, 2)
    kernel.assign(np.where(np.arange(12)[:, None] < 3, kernel, 0))
    result = compact(model)
    assert result.removed_layers == ["conv4", "conv5", "together"]
    assert verify(model, result.model) < 1e-5


def test_an_output_keeps_its_name_where_its_layer_goes():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((4,), name="first")
    unused = keras.Input((3,), name="second")
    x = layers.Dense(3, name="one")(inputs)
    y = layers.Dense(3, name="other")(layers.Dense(7, name="inner")(unused))
    model = keras.Model([inputs, unused], layers.Add(name="sum")([x, y]))
    kill(model.get_layer("other"), 0, 1, 2)
    result = compact(model)
    assert result.removed_layers == ["inner", "other"]
    assert result.model.output_names == ["sum"]
    assert result.model.input_names == ["first", "second"]
    assert verify(model, result.model) < 1e-5


def test_groups_keep_the_same_positions_in_every_block():
    model = sequential(
        layers.Conv2D(6, 3, name="first"),
        layers.Conv2D(4, 3, groups=2, name="grouped"),
        layers.Flatten(),
        layers.Dense(2),
    )
    first, grouped = model.get_layer("first"), model.get_layer("grouped")
    kill(first, 0, 3, 4, bias=0.3)
    kill(grouped, 1)
    result = compact(model)
    # Position 0 is dead in both blocks; position 1 in the second one alone.
    assert result.removed_channels == {"first": 2}
    assert result.model.get_layer("grouped").kernel.shape == (3, 3, 2, 4)
    assert verify(model, result.model) < 1e-5
    kill(grouped, 1, 3)
    assert compact(model).removed_channels == {"first": 2, "grouped": 2}
    assert verify(model, compact(model).model) < 1e-5


@pytest.mark.parametrize(
    ("bias", "removed"), [(0.0, {"first": 2, "turned": 2}), (0.4, {"turned": 1})]
)
def test_a_transposed_convolution_does_without_zeros_alone(bias, removed):
    model = sequential(
        layers.Conv2D(5, 3, name="first"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="turned"),
        layers.Conv2D(2, 3),
    )
    kill(model.get_layer("first"), 1, 2, bias=bias)
    turned = model.get_layer("turned")
    turned.kernel.assign(np.where(np.arange(4)[:, None] == 2, 0, turned.kernel))
    turned.bias.assign([0.1, 0.2, 0.6, 0.3])
    # A layer that reads only constants need not be constant: each position has other taps.
    only = (np.arange(4)[:, None] != 3) | np.isin(np.arange(5), [1, 2])
    turned.kernel.assign(turned.kernel * only)
    result = compact(model)
    assert result.removed_channels == removed
    assert verify(model, result.model) < 1e-5


@pytest.mark.parametrize(("shared", "removed"), [((1, 2), 2), (None, 1)])
def test_slopes_below_zero_count_where_a_constant_is_below_zero(shared, removed):
    model = sequential(
        layers.Conv2D(5, 3, name="first"),
        layers.PReLU(shared_axes=shared, alpha_initializer="random_normal", name="slopes"),
        layers.Conv2D(2, 3),
    )
    kill(model.get_layer("first"), 1, bias=0.5)
    kill(model.get_layer("first"), 2, bias=-0.5)
    result = compact(model)
    assert result.removed_channels == {"first": removed}
    assert result.model.get_layer("slopes").alpha.shape[-1] == 5 - removed
    assert verify(model, result.model) < 1e-5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(bad):
    model = sequential(layers.Dense(4, name="hidden"), layers.Dense(2), shape=(3,))
    model.layers[0].bias.assign([0, bad, 0, 0])
    with pytest.raises(CompactionError, match=r"'hidden'.*NaN or infinite values in its bias"):
        compact(model)


def test_what_tensorflow_cannot_run_as_a_graph_is_not_made():
    """oneDNN aborts on a 1x1 depthwise convolution of one channel and a 1x1 one of one filter."""
    separable = layers.SeparableConv2D(3, 1, activation="relu", name="separable")
    model = sequential(layers.Conv2D(3, 3, name="first"), separable, layers.Conv2D(2, 3))
    kill(model.get_layer("first"), 0, 1)
    separable.pointwise_kernel.assign(separable.pointwise_kernel * [1, 0, 0])
    result = compact(model)
    assert isinstance(result.model.get_layer("separable"), layers.Conv2D)
    assert verify(model, result.model) < 1e-5
    separable = layers.SeparableConv1D(3, 1, name="separable")
    model = sequential(layers.Conv1D(3, 3), separable, layers.Conv1D(2, 3), shape=(9, 2))
    kill(model.layers[0], 0, 1)
    separable.pointwise_kernel.assign(separable.pointwise_kernel * [1, 0, 0])
    result = compact(model)
    assert isinstance(result.model.get_layer("separable"), layers.Conv1D)
    assert verify(model, result.model) < 1e-5
    depthwise = layers.DepthwiseConv2D(1, use_bias=False)
    model = sequential(layers.Conv2D(3, 3, name="first"), depthwise, layers.Conv2D(1, 1))
    kill(model.get_layer("first"), 0, 1)
    assert verify(model, compact(model).model) < 1e-5


def test_an_embedding_gets_indices_that_it_knows():
    """Also as floats, in which the study's inputs come."""
    for dtype in ("float32", "int32"):
        inputs, other = keras.Input((7,), dtype=dtype), keras.Input((7, 4))
        x = layers.Embedding(3, 4, name="table")(layers.Reshape((7,))(inputs))
        x = layers.Dense(5, name="hidden")(layers.Add()([x, other]))
        model = keras.Model([inputs, other], layers.Dense(2)(layers.Flatten()(x)))
        kill(model.get_layer("hidden"), 1)
        result = compact(model)
        assert result.removed_channels == {"hidden": 1}
        assert verify(model, result.model) < 1e-5
        # Every index is drawn: a change of one row shows.
        table = result.model.get_layer("table").embeddings
        table.assign(table + np.array([[0], [0], [0.1]]))
        with pytest.raises(CompactionError, match="differ"):
            verify(model, result.model)


def test_a_model_that_runs_only_eagerly_is_refused(monkeypatch):
    def as_graph(function, **options):
        def run(batch):
            raise tf.errors.AbortedError(None, None, "no primitive")

        return run

    model = sequential(layers.Dense(2), shape=(3,))
    assert verify(model, model) == 0
    monkeypatch.setattr(tf, "function", as_graph)
    with pytest.raises(CompactionError, match=r"as a graph \(no primitive\)"):
        verify(model, model)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_batchnorm_with_zero_gamma_is_its_beta(padding):
    model = sequential(
        layers.Conv2D(6, 3),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2, padding="same"),
        layers.Conv2D(4, 3, padding=padding),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    )
    norm = model.layers[1]
    norm.gamma.assign([0, 1, 0, 1, 0, 1])
    norm.beta.assign([0.5, 0.1, 0.0, 0.1, -0.3, 0.1])
    norm.moving_mean.assign([1.0, 2, 3, 4, 5, 6])
    result = compact(model)
    # A padded border sees zeros, so there only the zero constant can go.
    expected = {"valid": 3, "same": 1}[padding]
    assert list(result.removed_channels.values()) == [expected]
    assert verify(model, result.model) < 1e-5


def test_zero_padding_keeps_only_zero_constants():
    model = sequential(
        layers.Conv2D(4, 3), layers.ZeroPadding2D(1), layers.Conv2D(2, 3), layers.Flatten()
    )
    kill(model.layers[0], 0, bias=0.0)
    kill(model.layers[0], 1, bias=1.0)
    result = compact(model)
    assert list(result.removed_channels.values()) == [1]
    assert verify(model, result.model) < 1e-5


def test_flatten_tiles_its_channels():
    model = sequential(layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2))
    model.layers[2].kernel.assign(np.random.default_rng(0).normal(size=(36 * 3, 2)))
    kill(model.layers[0], 1, bias=2.0)
    result = compact(model)
    assert result.model.layers[2].kernel.shape == (36 * 2, 2)
    assert verify(model, result.model) < 1e-5


def test_a_sum_is_one_group():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    one, other = layers.Dense(5, name="one")(inputs), layers.Dense(5, name="other")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Add()([one, other])))
    kill(model.get_layer("one"), 0, 1)
    assert compact(model).removed_channels == {}
    kill(model.get_layer("other"), 1, 2)
    result = compact(model)
    assert result.removed_channels == {"one": 1, "other": 1}
    assert verify(model, result.model) < 1e-5
    groups = dependency_groups(model)
    assert len(groups) == 5
    made = {(m.layer, m.weight) for m in groups[0].members if m.produces}
    assert made == {("one", "kernel"), ("one", "bias"), ("other", "kernel"), ("other", "bias")}


def test_squeeze_and_excite_through_reshape():
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    gate = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(gate)
    x = layers.Multiply()([x, gate])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalMaxPooling2D()(x)))
    kill(model.get_layer("conv"), 2)
    result = compact(model)
    assert result.removed_channels == {"conv": 1, "gate": 1}
    assert verify(model, result.model) < 1e-5


@pytest.mark.parametrize("kind", ["depthwise", "separable"])
def test_a_depth_multiplier_repeats_its_channels(kind):
    layer = {
        "depthwise": layers.DepthwiseConv2D(3, depth_multiplier=2, bias_initializer="ones"),
        "separable": layers.SeparableConv2D(5, 3, depth_multiplier=2, bias_initializer="ones"),
    }[kind]
    model = sequential(layers.Conv2D(4, 3), layer, layers.Flatten(), layers.Dense(2))
    kill(model.layers[0], 1, bias=0.5)
    kill(model.layers[0], 2)
    result = compact(model)
    assert result.model.layers[0].filters == 2
    assert result.model.layers[1].output_shape[-1] == {"depthwise": 4, "separable": 5}[kind]
    assert verify(model, result.model) < 1e-5


def test_outputs_and_hidden_softmax_are_frozen():
    model = sequential(
        layers.Dense(4, activation="softmax", name="mixing"),
        layers.Dense(3, name="head"),
        shape=(5,),
    )
    model.get_layer("head").kernel.assign(np.eye(4, 3))
    kill(model.get_layer("head"), 0)
    result = compact(model)
    assert result.removed_channels == {}
    assert "softmax" in reasons(result)["mixing"]
    assert reasons(result)["head"] == "model output"
    assert result.frozen_channels == 7


@keras.utils.register_keras_serializable("tests")
class Doubled(layers.Dense):
    """A subclass computes something other than its parent."""

    def call(self, inputs):
        return 2 * super().call(inputs)


UNKNOWN = {
    "layer norm": lambda: layers.LayerNormalization(),
    "subclass": lambda: Doubled(4),
    "lambda": lambda: layers.Lambda(lambda x: x[..., ::-1]),
    "softmax": lambda: layers.Softmax(),
    "custom activation": lambda: layers.Activation(lambda x: x - tf.reduce_mean(x)),
    "reshaped": lambda: layers.Reshape((6, 24)),
    "per-channel scale": lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0]),
    "wrapped": lambda: layers.TimeDistributed(layers.Dense(3)),
    "concatenated rows": lambda: layers.Permute((2, 1, 3)),
    "norm on another axis": lambda: layers.BatchNormalization(axis=1),
    "slopes shared along channels": lambda: layers.PReLU(shared_axes=[3]),
    "noise shape": lambda: layers.Dropout(0.2, noise_shape=(None, 1, 1, 4)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_channels_around_unknown_layers_stay(name):
    layer = UNKNOWN[name]()
    model = sequential(
        layers.Conv2D(4, 3), layer, layers.Flatten(), layers.Dense(6), layers.Dense(2)
    )
    kill(model.layers[0], 1)
    kill(model.layers[3], 2, 3)
    result = compact(model)
    assert result.removed_channels == {model.layers[3].name: 2}
    assert reasons(result)[layer.name]
    assert verify(model, result.model) < 1e-5


def test_channels_first_is_left_alone():
    model = sequential(
        layers.Conv2D(4, 3, data_format="channels_first"),
        layers.Flatten(data_format="channels_first"),
        layers.Dense(6),
        layers.Dense(2),
        shape=(3, 8, 8),
    )
    kill(model.layers[0], 1)
    kill(model.layers[2], 5)
    result = compact(model)
    assert result.removed_channels == {model.layers[2].name: 1}
    assert "channels_first" in reasons(result)[model.layers[0].name]


def test_shared_layers_and_call_arguments_are_left_alone():
    inputs = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    x = shared(shared(inputs))
    x = layers.BatchNormalization(name="training")(layers.Dense(5, name="dense")(x), training=True)
    x = layers.Dense(3, name="scaled")(x) * 2 + 1
    model = keras.Model(inputs, layers.Dense(2)(x))
    kill(shared, 0)
    kill(model.get_layer("scaled"), 0)
    kill(model.get_layer("dense"), 0)
    result = compact(model)
    assert result.removed_channels == {}
    assert "shared" in reasons(result)["shared"]
    assert "arguments" in reasons(result)["training"]


def test_a_model_that_keras_cannot_copy_is_refused():
    inputs = keras.Input((4,))
    x = layers.Add()([layers.Dense(5)(inputs), tf.constant(np.ones((1, 5), np.float32))])
    with pytest.raises(CompactionError, match="can't be built from"):
        compact(keras.Model(inputs, layers.Dense(2)(x)))


def test_nested_models_are_compacted_inside_only():
    inner = sequential(layers.Dense(6, name="hidden"), layers.Dense(4, name="last"), shape=(5,))
    kill(inner.get_layer("hidden"), 0, 1)
    kill(inner.get_layer("last"), 0)
    inputs = keras.Input((3,))
    x = inner(layers.Dense(5, name="first")(inputs))
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(7, name="second")(x)))
    kill(model.get_layer("first"), 0)
    kill(model.get_layer("second"), 3)
    result = compact(model)
    assert result.removed_channels == {f"{inner.name}/hidden": 2, "second": 1}
    assert verify(model, result.model) < 1e-5


def test_a_nested_model_called_twice_in_a_sequential():
    inner = sequential(layers.Dense(6, name="hidden"), layers.Dense(4), shape=(4,))
    kill(inner.get_layer("hidden"), 0, 1)
    model = sequential(inner, layers.Dropout(0.1), layers.Dense(3), layers.Dense(2), shape=(4,))
    kill(model.layers[2], 1)
    result = compact(model)
    assert sorted(result.removed_channels.values()) == [1, 2]
    assert verify(model, result.model) < 1e-5
    inputs = keras.Input((4,))
    twice = keras.Model(inputs, {"a": layers.Dense(1)(inner(inner(inputs))), "b": inner(inputs)})
    result = compact(twice)
    assert list(result.removed_channels.values()) == [2]
    assert set(result.model(np.ones((1, 4)))) == {"a", "b"}
    assert verify(twice, result.model) < 1e-5


class CastToFloat32(layers.Layer):
    """Stands in for AutoKeras's layer of this name."""

    def call(self, inputs):
        return tf.cast(inputs, tf.float32)


class ExpandLastDim(layers.Layer):
    """Stands in for AutoKeras's layer of this name."""

    def call(self, inputs):
        return tf.expand_dims(inputs, -1)


def test_autokeras_layers_become_plain_ones(tmp_path):
    inputs = keras.Input((6, 6), dtype="uint8")
    norm = layers.Normalization(axis=-1)
    norm.adapt(np.random.default_rng(0).normal(3, 2, (50, 6, 6, 1)))
    x = norm(ExpandLastDim()(CastToFloat32()(inputs)))
    x = layers.Flatten()(layers.Conv2D(4, 3)(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    kill(model.layers[4], 1)
    result = compact(model)
    assert list(result.removed_channels.values()) == [1]
    assert verify(model, result.model) < 1e-5
    result.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    batch = np.random.default_rng(1).integers(0, 255, (4, 6, 6), dtype=np.uint8)
    np.testing.assert_allclose(again(batch), model(batch), rtol=1e-5, atol=1e-6)


def compacted_cnn():
    model = sequential(
        layers.Rescaling(1 / 255),
        layers.Conv2D(6, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, activation="relu", use_bias=False),
        layers.SeparableConv2D(6, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(8, activation="relu"),
        layers.Dense(3, activation="softmax"),
    )
    model.layers[2].gamma.assign([0, 1, 1, 0, 1, 1])
    model.layers[2].beta.assign([0.4, 0.1, 0.1, 0, 0.1, 0.1])
    kill(model.layers[6], 1, 2)
    result = compact(model)
    assert len(result.removed_channels) == 3
    assert verify(model, result.model) < 1e-5
    return model, result.model


def test_a_compacted_model_loads_trains_on_and_converts(tmp_path):
    model, small = compacted_cnn()
    path = tmp_path / "model.keras"
    small.save(path)
    loaded = keras.models.load_model(path)
    batch = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 3)).astype("float32")
    assert np.array_equal(loaded(batch), small(batch))

    interpreter = tf.lite.Interpreter(
        model_content=tf.lite.TFLiteConverter.from_keras_model(loaded).convert()
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], batch[:1])
    interpreter.invoke()
    lite = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(lite, model(batch[:1]), rtol=1e-4, atol=1e-5)

    loaded.compile("adam", "sparse_categorical_crossentropy")
    before = loaded.get_weights()
    history = loaded.fit(batch, np.arange(8) % 3, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert any(not np.array_equal(a, b) for a, b in zip(before, loaded.get_weights(), strict=True))


def test_several_inputs_and_outputs_keep_their_order_and_names():
    one, other = keras.Input((3,), name="one"), keras.Input((4,), name="other")
    x, y = layers.Dense(5, name="x")(one), layers.Dense(6, name="y")(other)
    joined = layers.Concatenate()([x, y])
    outputs = [layers.Dense(2, name="a")(joined), layers.Dense(3, name="b")(y)]
    model = keras.Model([one, other], outputs)
    kill(model.get_layer("x"), 0, bias=1.0)
    kill(model.get_layer("y"), 5, bias=1.0)
    result = compact(model)
    assert result.removed_channels == {"x": 1, "y": 1}
    assert result.model.output_names == ["a", "b"]
    assert result.model.input_names == ["one", "other"]
    batch = [np.ones((2, 3), "float32"), np.ones((2, 4), "float32")]
    assert verify(model, result.model, inputs=batch) < 1e-5


def test_conv1d_and_temporal_dense():
    model = sequential(
        layers.Conv1D(6, 3, padding="causal", activation="sigmoid"),
        layers.Dense(5, activation="tanh"),
        layers.Conv1D(4, 3),
        layers.GlobalMaxPooling1D(),
        layers.Dense(2),
        shape=(10, 3),
    )
    kill(model.layers[0], 0, bias=0.3)
    kill(model.layers[1], 1, bias=0.3)
    result = compact(model)
    assert list(result.removed_channels.values()) == [1, 1]
    assert verify(model, result.model) < 1e-5


def test_depthwise_and_separable_convolutions_over_steps():
    model = sequential(
        layers.Conv1D(6, 3),
        layers.DepthwiseConv1D(3, depth_multiplier=2),
        layers.SeparableConv1D(5, 3, depth_multiplier=2, padding="causal", activation="relu"),
        layers.MaxPooling1D(2),
        layers.Flatten(),
        layers.Dense(2),
        shape=(12, 3),
    )
    assert prunable_parameters(model) == 3 * 3 * 6 + 24 * 5 + 4 * 5 * 2
    kernel = model.layers[0].kernel.numpy()
    kernel[..., 1] = 0
    model.layers[0].kernel.assign(kernel)
    pointwise = model.layers[2].pointwise_kernel.numpy()
    pointwise[..., 3] = 0
    model.layers[2].pointwise_kernel.assign(pointwise)
    result = compact(model)
    assert list(result.removed_channels.values()) == [1, 2, 1]
    assert prunable_parameters(result.model) == 3 * 3 * 5 + 20 * 4 + 4 * 4 * 2
    assert verify(model, result.model) < 1e-5


def test_verify_refuses_another_function():
    model = sequential(layers.Dense(6), layers.Dense(2), shape=(4,))
    kill(model.layers[0], 1)
    small = compact(model).model
    small.layers[1].bias.assign([0.0, 0.01])
    with pytest.raises(CompactionError, match="differ from the original"):
        verify(model, small)
    assert verify(model, small, tolerance=0.1) > 1e-5
    small.layers[1].bias.assign([0.0, np.nan])
    with pytest.raises(CompactionError, match="differ from the original"):
        verify(model, small, tolerance=0.1)
    with pytest.raises(CompactionError, match="second one would remove"):
        verify(model, model)
    with pytest.raises(CompactionError, match="shape"):
        verify(model, sequential(layers.Dense(3), shape=(4,)))


def test_verify_uses_the_real_inputs_given():
    model = sequential(layers.Dense(2, activation="relu"), shape=(2,))
    other = compact(model).model
    model.layers[0].kernel.assign(np.eye(2) * 1e-3)
    other.layers[0].kernel.assign(np.eye(2) * 1e-3)
    other.layers[0].bias.assign([-1e-9, 0])
    assert verify(model, other) < 1e-5
    with pytest.raises(CompactionError):
        verify(model, other, inputs=np.full((1, 2), 1e-3, "float32"))


def test_verify_tells_rounding_from_a_difference(caplog):
    """Large logits that are close: in float32, two equal softmaxes differ by rounding."""
    model = sequential(
        layers.Normalization(mean=0.1, variance=1.5),
        layers.Conv2D(24, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(5, activation="softmax"),
    )
    kill(model.layers[1], *range(12))
    kernel = model.layers[5].kernel
    kernel.assign(kernel * 0.1 + 1000 * np.random.default_rng(1).normal(size=(64, 1)))
    images = np.random.default_rng(0).standard_normal((200, 8, 8, 3)).astype("float32")
    small = compact(model).model
    assert verify(model, small, inputs=images) < 1e-5
    assert "magnify rounding" in caplog.text
    small.layers[5].bias.assign([0.01, 0, 0, 0, 0])
    with pytest.raises(CompactionError, match="differ"):
        verify(model, small, inputs=images)


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    "make", [Subclassed, lambda: keras.Sequential([layers.Dense(2)]), lambda: "a path"]
)
def test_a_model_without_a_graph_is_refused(make):
    with pytest.raises(CompactionError, match="no graph of layers"):
        compact(make())


def test_prunable_parameters_are_the_kernels():
    model = sequential(
        layers.Conv2D(6, 3),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(5, 3, depth_multiplier=2),
        layers.Flatten(),
        layers.Dense(2),
    )
    assert prunable_parameters(model) == 3 * 3 * 3 * 6 + 12 * 5 + 2 * 2 * 5 * 2


def test_an_offset_far_above_the_spread_hides_no_difference():
    inputs = keras.Input((4,))
    restore = keras.layers.Rescaling(1.0, offset=1e6)
    model = keras.Model(inputs, restore(keras.layers.Dense(1, name="output")(inputs)))
    other = keras.models.clone_model(model)
    other.set_weights([-weight for weight in model.get_weights()])
    with pytest.raises(CompactionError, match="differ"):
        verify(model, other)
    assert verify(model, compact(model).model) < 1e-5
