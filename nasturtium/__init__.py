"""Nasturtium: measured pruning and architecture search of small neural networks.

In a notebook, ``load_summary()``, ``load_trials()`` and ``load_model(run)`` give the results, and
``load_predictor(run)`` gives a net's predictions for raw samples.
"""

import importlib
import os

# tensorflow-model-optimization and AutoKeras 1.1 work only with Keras 2. TensorFlow chooses the
# version of Keras when it is first imported, so this has to come before any such import.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
# A keras.json in the user's home, or KERAS_BACKEND, would change every net's numbers or the order
# of its axes, or end the job. Keras reads the file in this package instead.
os.environ["KERAS_HOME"] = os.path.join(os.path.dirname(__file__), "keras_home")
os.environ["KERAS_BACKEND"] = "tensorflow"

__version__ = "0.1.0"

_NOTEBOOK = {
    "load_model": "nasturtium.notebook",
    "load_predictor": "nasturtium.deployment.predictor",
    "load_summary": "nasturtium.notebook",
    "load_trials": "nasturtium.notebook",
}


def __getattr__(name: str):
    """Import what notebooks use on first use, so that importing the package stays fast."""
    # Named as a string: otherwise every stage's code digest would include that code.
    if name in _NOTEBOOK:
        return getattr(importlib.import_module(_NOTEBOOK[name]), name)
    raise AttributeError(f"module 'nasturtium' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_NOTEBOOK])
