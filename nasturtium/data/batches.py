"""Batches for training and validation, made with tf.data."""

from collections.abc import Mapping

import tensorflow as tf

from nasturtium.data.augmentation import augment, is_on
from nasturtium.data.splits import Split
from nasturtium.errors import DataError


def training_batches(
    split: Split, batch_size: int, seed: int, augmentation: Mapping | None = None
) -> tf.data.Dataset:
    """Shuffled (features, targets) batches. Every epoch has a new order, which the seed decides.

    The indices are shuffled, and whole batches are gathered. This is much cheaper than shuffling
    and batching the samples. The arrays stay on the host in their own dtype.

    Parameters
    ----------
    augmentation
        See :func:`nasturtium.data.augmentation.augment`; None for no augmentation.

    Raises
    ------
    DataError
        Augmentation is turned on for samples that are no images.
    """
    order = tf.data.Dataset.range(len(split)).shuffle(
        len(split), seed=seed, reshuffle_each_iteration=True
    )
    dataset = _gather(split, order.batch(batch_size))
    if augmentation is None or not is_on(augmentation):
        return dataset
    if split.features.ndim != 4:
        raise DataError(
            "Configuration key 'training.augmentation' works on images only, and this data set has "
            "none; turn it off for this data set under 'per_dataset'."
        )
    # One seed per batch, drawn in order: the changes differ between epochs, not between runs.
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    return (
        tf.data.Dataset.zip((dataset, seeds))
        .map(
            lambda batch, seed: (augment(batch[0], augmentation, seed), batch[1]),
            num_parallel_calls=1,
            deterministic=True,
        )
        .prefetch(2)
    )


def batches(split: Split, batch_size: int) -> tf.data.Dataset:
    """(features, targets) batches in the order of the samples."""
    return _gather(split, tf.data.Dataset.range(len(split)).batch(batch_size))


def _gather(split: Split, indices: tf.data.Dataset) -> tf.data.Dataset:
    # The host is named, since TensorFlow would otherwise put the constant into a GPU's memory.
    with tf.device("CPU:0"):
        features, targets = tf.constant(split.features), tf.constant(split.targets)
    return indices.map(
        lambda index: (tf.gather(features, index), tf.gather(targets, index)),
        num_parallel_calls=1,
        deterministic=True,
    ).prefetch(2)
