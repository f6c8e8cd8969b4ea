"""Batches for training and validation by tf.data."""

import tensorflow as tf

from nasturtium.data.splits import Split


def training_batches(split: Split, batch_size: int, seed: int) -> tf.data.Dataset:
    """Shuffled (features, targets) batches; a new order every epoch, the same for a seed.

    Indices are shuffled and whole batches gathered, which is much cheaper than to shuffle and
    batch samples. The arrays stay on the host in their own dtype.
    """
    order = tf.data.Dataset.range(len(split)).shuffle(
        len(split), seed=seed, reshuffle_each_iteration=True
    )
    return _gather(split, order.batch(batch_size))


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
