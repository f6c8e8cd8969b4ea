"""The generators that Keras draws initial weights from."""

import contextlib
import random
from collections.abc import Iterator

from tf_keras.src import backend as keras_backend


@contextlib.contextmanager
def seeds_kept() -> Iterator[None]:
    """Let what is built in the block take no seed from what is built after it."""
    # Where set_random_seed was called, Keras draws seeds from a generator of its own.
    keras_seeds = getattr(keras_backend._SEED_GENERATOR, "generator", random)
    state = keras_seeds.getstate()
    try:
        yield
    finally:
        keras_seeds.setstate(state)
