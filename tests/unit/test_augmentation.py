"""Augmentation: only the configured changes happen, at random and decided by the seed."""

import numpy as np
import pytest
import tensorflow as tf

from nasturtium.data.augmentation import augment
from nasturtium.data.batches import training_batches
from nasturtium.data.splits import Split
from nasturtium.errors import DataError

OFF = {"flip": False, "shift": 0, "cutout": 0}
IMAGES = np.random.default_rng(0).integers(1, 256, (200, 7, 9, 3)).astype(np.uint8)


def changed(**what) -> np.ndarray:
    return augment(tf.constant(IMAGES), {**OFF, **what}, tf.constant([1, 2])).numpy()


def test_half_of_the_images_are_mirrored():
    done = changed(flip=True)
    mirrored = (done == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((done == IMAGES).all(axis=(1, 2, 3)) ^ mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_images_move_by_whole_pixels_both_ways_and_zeros_come_in():
    done = changed(shift=2)
    padded = np.pad(IMAGES, [(0, 0), (2, 2), (2, 2), (0, 0)])
    seen = set()
    for image, wide in zip(done, padded, strict=True):
        moves = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if (image == wide[row : row + 7, column : column + 9]).all()
        ]
        assert len(moves) == 1
        seen.add(moves[0])
    assert len(seen) == 25


def test_cutout_zeroes_one_square_that_may_hang_over_the_border():
    done = changed(cutout=4)
    zero = (done == 0).all(axis=3)
    assert (done[~zero] == IMAGES[~zero]).all()
    sizes = zero.sum(axis=(1, 2))
    assert sizes.max() == 16
    assert 4 <= sizes.min() < 16
    for square in zero:
        rows, columns = np.flatnonzero(square.any(axis=1)), np.flatnonzero(square.any(axis=0))
        assert square[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_batches_are_augmented_anew_each_epoch_and_alike_for_a_seed():
    def epochs(seed: int) -> list[np.ndarray]:
        split = Split(IMAGES, np.arange(200))
        batches = training_batches(split, 64, seed, {**OFF, "flip": True, "shift": 1})
        drawn = []
        for _ in range(2):
            pairs = list(batches.as_numpy_iterator())
            order = np.argsort(np.concatenate([targets for _, targets in pairs]))
            drawn.append(np.concatenate([images for images, _ in pairs])[order])
        return drawn

    first, second = epochs(0)
    assert first.dtype == np.uint8
    assert (first != second).any()
    assert all((a == b).all() for a, b in zip((first, second), epochs(0), strict=True))
    assert (epochs(1)[0] != first).any()


def test_tables_are_refused():
    split = Split(np.zeros((9, 3), np.float32), np.zeros(9))
    with pytest.raises(DataError, match=r"training\.augmentation"):
        training_batches(split, 4, 0, {**OFF, "shift": 1})
