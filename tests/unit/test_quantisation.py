"""Training for int8: the net computes like the int8 file, and the saved model is plain."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from nasturtium.data.catalog import describe
from nasturtium.data.splits import Split, TrainingData
from nasturtium.deployment.convert import convert_full_integer, predict_full_integer
from nasturtium.measurement.quality import predict
from nasturtium.models.encoding import encoded
from nasturtium.models.files import load_model, save_model
from nasturtium.models.frame import Frame, build_framed
from nasturtium.models.residual import residual_features
from nasturtium.records.metrics import SUMMARY
from nasturtium.records.runs import Run, quantised_run
from nasturtium.report.quantisation import sentences, with_gains
from nasturtium.training.fake_quantisation import FakeQuantisation, rounded
from nasturtium.training.fit import fit
from nasturtium.training.quantised_fit import quantised_fit
from tests.digits_data import digits_data

layers = keras.layers
RECIPE = {
    "epochs": 3,
    "batch_size": 32,
    "optimizer": "adam",
    "learning_rate": 0.003,
    "schedule": "constant",
    "weight_decay": 0.0,
}
DIGITS = Frame((8, 8, 1), 10, input_scale=16.0)


@pytest.fixture(scope="module")
def digits() -> TrainingData:
    return digits_data(train=900, validation=300)


def small_net() -> keras.Model:
    body = [
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(16, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    return build_framed(DIGITS, body, "small")


@pytest.fixture(scope="module")
def trained(digits) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = small_net()
    fit(model, digits, RECIPE, seed=0, label="test")
    return model


def as_int8(model: keras.Model, data: TrainingData) -> np.ndarray:
    """Outputs of the int8 file for the validation split."""
    content, bare = convert_full_integer(model, data.train.features)
    return predict_full_integer(content, bare, data.validation.features)


def accuracy(outputs: np.ndarray, data: TrainingData) -> float:
    return float((outputs.argmax(axis=1) == data.validation.targets).mean())


def test_a_kernel_is_rounded_channel_by_channel_and_trained_as_if_it_were_not():
    kernel = tf.Variable([[0.5, -100.0], [0.0, 33.3], [-1.27, 12.7]])
    with tf.GradientTape() as tape:
        found = rounded(kernel, (-1,))
        total = tf.reduce_sum(found * [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    steps = [0.01, 100 / 127]
    np.testing.assert_allclose(found / steps, np.rint(kernel / steps), atol=1e-4)
    assert found[1, 0] == 0
    gradient = tape.gradient(total, kernel)
    np.testing.assert_array_equal(gradient, [[1, 2], [3, 4], [5, 6]])


def test_what_is_trained_computes_as_the_int8_file_does(trained, digits):
    samples = digits.validation.features
    rounding = FakeQuantisation(trained, digits.train.features)
    plain, fake = (model.predict(samples, verbose=0) for model in (trained, rounding.model))
    file = as_int8(trained, digits)
    # In steps of the probabilities' scale, 1/256.
    off_fake, off_plain = (np.abs(np.rint(256 * outputs) - 256 * file) for outputs in (fake, plain))
    assert off_fake.max() <= 2
    assert off_fake.mean() < 0.3 * off_plain.mean()


def text_body(tensor):
    tensor = layers.GlobalAveragePooling1D()(layers.Embedding(50, 8)(tensor))
    return layers.Dense(3, activation="softmax")(tensor)


def residual_body(tensor):
    tensor = residual_features(tensor, stem=4, filters=[4, 6], blocks=[1, 1])
    return layers.Dense(10, activation="softmax")(tensor)


def separable_body(tensor):
    tensor = layers.SeparableConv2D(4, 3)(tensor)
    tensor = layers.LeakyReLU()(layers.DepthwiseConv2D(3, activation="tanh")(tensor))
    return layers.Dense(10, activation="softmax")(layers.Flatten()(tensor))


def table_frame(columns: int, target: bool) -> Frame:
    return Frame(
        (columns,),
        None if target else 3,
        feature_mean=np.zeros(columns),
        feature_variance=np.ones(columns),
        target_mean=150.0 if target else None,
        target_std=70.0 if target else None,
    )


NETS = {
    "residual": (DIGITS, residual_body),
    "separable": (DIGITS, separable_body),
    "encoded": (table_frame(5, True), lambda t: layers.Dense(1)(encoded(t, 4))),
    "text": (Frame((12,), 3, vocabulary=50), text_body),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", NETS)
def test_every_kind_of_net_is_trained_and_saved_in_plain_layers(kind, tmp_path):
    frame, body = NETS[kind]
    keras.utils.set_random_seed(0)
    model = build_framed(frame, body, kind)
    generator = np.random.default_rng(0)
    samples = generator.integers(0, 16, (64, *frame.input_shape)).astype(
        np.int32 if frame.vocabulary else np.float32
    )
    targets = generator.integers(0, 3, 64)
    split = Split(samples, targets if frame.classes else targets.astype(np.float32))
    description = describe("digits" if frame.classes else "diabetes")
    before = model.predict(samples, verbose=0)
    still = {**RECIPE, "epochs": 1, "learning_rate": 1e-12}
    data = TrainingData(description, split, split)
    kept, plain = quantised_fit(model, data, still, seed=0, label="test")
    path = tmp_path / "model.keras"
    save_model(plain, path)
    # Nothing is learnt at this rate, so the function is unchanged.
    after = load_model(path).predict(samples, verbose=0)
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)
    assert len(kept.epochs) == 1
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in plain.layers)


def test_zeros_stay_zeros(trained, digits):
    model = keras.models.clone_model(trained)
    model.set_weights(trained.get_weights())
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([np.where(np.abs(kernel) < 0.1, 0.0, kernel), bias])
    zeros = model.layers[-1].get_weights()[0] == 0
    assert 0.05 < zeros.mean() < 0.95
    _, plain = quantised_fit(model, digits, RECIPE, seed=0, label="test")
    found = plain.layers[-1].get_weights()[0]
    assert (found[zeros] == 0).all()
    assert (found[~zeros] != model.layers[-1].get_weights()[0][~zeros]).any()


@pytest.mark.long
def test_a_net_that_loses_much_by_int8_gains_by_training_for_it(trained, digits):
    # The same function, but half of the units have activations that are 300 times as large as the
    # others': one scale for all of them leaves nothing of the small ones.
    model = keras.models.clone_model(trained)
    model.set_weights(trained.get_weights())
    hidden, last = model.layers[-2], model.layers[-1]
    factors = np.where(np.arange(16) % 2, 300.0, 1.0)
    (kernel, bias), (next_kernel, next_bias) = hidden.get_weights(), last.get_weights()
    hidden.set_weights([kernel * factors, bias * factors])
    last.set_weights([next_kernel / factors[:, None], next_bias])
    whole = accuracy(predict(model, digits.validation.features), digits)
    lost = accuracy(as_int8(model, digits), digits)
    assert lost < whole - 0.1
    longer = {**RECIPE, "epochs": 8}
    _, plain = quantised_fit(model, digits, longer, seed=0, label="test")
    gained = accuracy(as_int8(plain, digits), digits)
    assert gained > whole - 0.05
    # As many epochs without the roundings gain as well, but less.
    fit(model, digits, longer, seed=0, label="test")
    assert accuracy(as_int8(model, digits), digits) < gained - 0.02


def told(own: list, before: list, task: str = "classification") -> str:
    """The sentence on a run: its int8 file predicts ``own``, that of its source ``before``."""
    target = np.zeros(len(own))
    names = ("baseline", "quantised")
    rows = [{"dataset": "d", "seed": 0, "run": name, "task": task} for name in names]
    answers = [
        {"split": np.array(["test"] * len(own)), "target": target, "int8_prediction": given}
        for given in (np.array(before), np.array(own))
    ]
    found = with_gains(rows, answers)
    assert set(found[1]) <= set(SUMMARY.names)
    (sentence,) = sentences(found)
    return sentence


def test_the_summary_says_whether_training_for_int8_gained_anything():
    right, wrong = [0.0], [1.0]
    gained = told(right * 100, right * 60 + wrong * 40)
    assert gained.startswith("d, seed 0, quantised: a gain: +40.00 points of accuracy")
    assert "no gain that can be told: +1.00" in told(right * 100, right * 99 + wrong)
    assert ": a loss: -40.00" in told(right * 60 + wrong * 40, right * 100)
    errors = list(np.random.default_rng(0).normal(5, 1, 100))
    assert ": a gain: -5" in told([0.0] * 100, errors, "regression")
    assert "not known" in told(right * 5, [np.nan] * 5)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("quantised", "baseline"),
        ("pruned_quantised/channels-0.50", "pruned/channels-0.50"),
        ("nas_quantised", "nas"),
        ("nas_with_pruning_quantised", "nas_with_pruning"),
        ("pruned/channels-0.50", None),
    ],
)
def test_a_run_says_what_it_was_trained_from(name, source):
    run = Run("digits", 0, name)
    assert run.quantised_from == source
    assert source is None or quantised_run(source) == name
    assert run.method == (None if "/" not in name else "channels")
