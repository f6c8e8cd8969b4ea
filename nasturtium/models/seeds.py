"""Keras's generators of initial weights."""

import contextlib
import random
from collections.abc import Iterator

from tf_keras.src import backend as keras_backend


@contextlib.contextmanager
def seeds_kept() -> Iterator[None]:
    """Models that are built in the block do not change the seeds of later ones."""
    # After set_random_seed, Keras draws seeds from its own generator.
    keras_seeds = getattr(keras_backend._SEED_GENERATOR, "generator", random)
    state = keras_seeds.getstate()
    try:
        yield
    finally:
        keras_seeds.setstate(state)
