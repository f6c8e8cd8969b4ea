"""Batches for training and validation by tf.data."""

from collections.abc import Mapping

import tensorflow as tf

from nasturtium.data.augmentation import augment, is_on
from nasturtium.data.splits import Split
from nasturtium.errors import DataError


def training_batches(
    split: Split, batch_size: int, seed: int, augmentation: Mapping | None = None
) -> tf.data.Dataset:
    """Shuffled (features, targets) batches; a new order every epoch, the same for a seed.

    Indices are shuffled and whole batches gathered, which is much cheaper than to shuffle and
    batch samples. The arrays stay on the host in their own dtype.

    Parameters
    ----------
    augmentation
        As of :func:`nasturtium.data.augmentation.augment`; None for none.

    Raises
    ------
    DataError
        Augmentation of samples that are no images.
    """
    order = tf.data.Dataset.range(len(split)).shuffle(
        len(split), seed=seed, reshuffle_each_iteration=True
    )
    dataset = _gather(split, order.batch(batch_size))
    if augmentation is None or not is_on(augmentation):
        return dataset
    if split.features.ndim != 4:
        raise DataError(
            "Configuration key 'training.augmentation' is for images, and this data set has none; "
            "leave it out under 'per_dataset'."
        )
    # One seed a batch, drawn in order: the same images for a seed, others in every epoch.
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
    """(features, targets) batches in order."""
    return _gather(split, tf.data.Dataset.range(len(split)).batch(batch_size))


def _gather(split: Split, indices: tf.data.Dataset) -> tf.data.Dataset:
    # On the host by name: a constant made eagerly on a machine with a GPU would lie in its memory.
    with tf.device("CPU:0"):
        features, targets = tf.constant(split.features), tf.constant(split.targets)
    return indices.map(
        lambda index: (tf.gather(features, index), tf.gather(targets, index)),
        num_parallel_calls=1,
        deterministic=True,
    ).prefetch(2)
