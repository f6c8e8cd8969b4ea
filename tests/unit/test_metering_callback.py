"""The Keras callback: copies, pickles, and a real fit."""

import copy
import pickle

import numpy as np
import pytest

from nasturtium import metering
from nasturtium.metering.devices.nvml import open_gpus
from tests.nvml_fake import Board, FakeNvml, VirtualClock, installed

keras = pytest.importorskip("tf_keras")


@pytest.fixture(scope="module")
def model():
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    net.compile("sgd", "mse")
    return net


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def meter(clock):
    with installed(FakeNvml(clock, [Board()])):
        sources, _ = open_gpus()
        with metering.session(sources=sources, clock=clock, thread=False, idle_s=0) as meter:
            yield meter


class Work(keras.callbacks.Callback):
    """Time passes in each epoch."""

    def __init__(self, clock, fail_at=None):
        super().__init__()
        self.clock, self.fail_at = clock, fail_at

    def on_epoch_begin(self, epoch, logs=None):
        self.clock.sleep(2.0 + epoch)
        if epoch == self.fail_at:
            raise MemoryError


def fit(model, callbacks, epochs=2):
    x, y = np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")
    model.fit(x, y, epochs=epochs, validation_data=(x, y), verbose=0, callbacks=callbacks)


def windows(meter):
    """Best row of every closed window."""
    energies = [meter.energy(window) for window in meter.closed_windows()]
    return [row for energy in energies for row in energy.rows if row["is_best"]]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda cb: pickle.loads(pickle.dumps(cb))])
def test_a_copy_in_a_real_fit(model, meter, clock, duplicate):
    original = metering.MeterCallback("search", trial="004")
    fit(model, [duplicate(original), Work(clock)])
    found = windows(meter)
    assert [(row["kind"], row["epoch"]) for row in found] == [
        ("fit", None),
        ("epoch", 0),
        ("epoch", 1),
    ]
    assert {(row["key"], row["trial"], row["status"]) for row in found} == {("search", "004", "ok")}
    assert [row["energy_j"] for row in found] == pytest.approx([500.0, 200.0, 300.0])
    assert len(meter.closed_windows("epoch", trial="004")) == 2
    assert meter.closed_windows("epoch", trial="005") == []


def test_a_used_callback_is_copied_without_its_model(model, meter, clock):
    used = metering.MeterCallback("k")
    fit(model, [used, Work(clock)], epochs=1)
    for again in (copy.deepcopy(used), pickle.loads(pickle.dumps(used))):
        assert again.model is None
        assert (again.key, again.trial) == ("k", None)


def test_a_fit_that_raises_and_is_tried_again(model, meter, clock):
    """What AutoKeras does when memory runs out: the same callback, a smaller batch."""
    callback = metering.MeterCallback("k")
    with meter.window("trial", key="t"):
        with pytest.raises(MemoryError):
            fit(model, [callback, Work(clock, fail_at=1)])
        fit(model, [callback, Work(clock)])
        with pytest.raises(MemoryError):
            fit(model, [callback, Work(clock, fail_at=0)])
    found = [(row["kind"], row["status"], row["duration_s"]) for row in windows(meter)]
    assert found == [
        ("trial", "ok", pytest.approx(12.0)),
        ("fit", "error", pytest.approx(5.0)),
        ("epoch", "ok", pytest.approx(2.0)),
        ("epoch", "error", pytest.approx(3.0)),
        ("fit", "ok", pytest.approx(5.0)),
        ("epoch", "ok", pytest.approx(2.0)),
        ("epoch", "ok", pytest.approx(3.0)),
        ("fit", "error", pytest.approx(2.0)),
        ("epoch", "error", pytest.approx(2.0)),
    ]


def test_without_a_session_it_does_nothing(model):
    callback = metering.MeterCallback("k")
    fit(model, [callback], epochs=1)
    assert metering.current() is None
    assert callback._open == []
