"""Energy while something runs: measured, or null with the reason.

``session`` meters a process; inside of it, ``Meter.window`` and ``MeterCallback`` account for
blocks, fits and epochs, and ``measure_inference`` for a model's calls. What each figure is worth
stands in ``docs/measuring.md``.
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
    # The callback is a class of Keras; whoever only reads a meter need not load TensorFlow.
    if name == "MeterCallback":
        from nasturtium.metering.callback import MeterCallback

        return MeterCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
