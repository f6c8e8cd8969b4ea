"""Measures energy while something runs; what can't be measured is null with a reason.

``session`` meters a process. In it, ``Meter.window`` and ``MeterCallback`` account for blocks, fits
and epochs, and ``measure_inference`` for a model's calls. ``docs/measuring.md`` explains the
accuracy of each figure.
"""

from nasturtium.metering.accounting import WindowEnergy
from nasturtium.metering.inference import InferenceEnergy, measure_inference
from nasturtium.metering.meter import Meter
from nasturtium.metering.process import current, session
from nasturtium.metering.windows import Window

__all__ = [
    "InferenceEnergy",
    "Meter",
    "MeterCallback",
    "Window",
    "WindowEnergy",
    "current",
    "measure_inference",
    "session",
]


def __getattr__(name: str):
    # The callback is a Keras class; code that only reads a meter does not have to load TensorFlow.
    if name == "MeterCallback":
        from nasturtium.metering.callback import MeterCallback

        return MeterCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
