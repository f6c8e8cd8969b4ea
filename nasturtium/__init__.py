"""Nasturtium: measured pruning and architecture search of small neural networks."""

import os

# tensorflow-model-optimization and AutoKeras 1.1 work on Keras 2 only. TensorFlow decides which
# Keras it is when it is first imported, so this has to stand before any such import.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

__version__ = "0.1.0"
