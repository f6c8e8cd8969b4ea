"""The Keras callback that opens windows for fits and epochs."""

import tf_keras as keras

from nasturtium.metering.meter import Meter
from nasturtium.metering.process import current
from nasturtium.metering.windows import Window


class MeterCallback(keras.callbacks.Callback):
    """A ``fit`` window, and an ``epoch`` window for each epoch, in the process's current meter.

    Does nothing outside a session. An epoch's window includes its validation, since Keras ends the
    epoch after it. A ``fit`` that raises does not end its windows; they close with status ``error``
    together with the surrounding block, or when this callback begins again.

    KerasTuner copies callbacks for every trial and can't copy a lock or a driver's handle, so this
    callback keeps only its two names; a copy, pickled or not, starts without open windows.

    Parameters
    ----------
    key
        Name of its windows.
    trial
        The search's trial to which they belong.
    """

    def __init__(self, key: str, trial: str | None = None) -> None:
        super().__init__()
        self.key = key
        self.trial = trial
        self._open: list[Window] = []

    def on_train_begin(self, logs=None):
        """Open the ``fit`` window."""
        self._end_all("error")
        self._begin("fit")

    def on_epoch_begin(self, epoch, logs=None):
        """Open an ``epoch`` window."""
        self._begin("epoch", int(epoch))

    def on_epoch_end(self, epoch, logs=None):
        """Close it."""
        meter = current()
        if meter is not None and len(self._open) > 1:
            meter.end(self._open.pop())

    def on_train_end(self, logs=None):
        """Close the ``fit`` window."""
        self._end_all("ok")

    def _begin(self, kind: str, epoch: int | None = None) -> None:
        meter: Meter | None = current()
        if meter is not None:
            window = meter.begin(kind, key=self.key, epoch=epoch, trial=self.trial)
            self._open.append(window)

    def _end_all(self, status: str) -> None:
        meter = current()
        while self._open:
            window = self._open.pop()
            if meter is not None:
                meter.end(window, status)

    def __getstate__(self) -> dict:
        return {"key": self.key, "trial": self.trial}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)
