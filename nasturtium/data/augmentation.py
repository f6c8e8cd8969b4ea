"""Random changes of training images, batch by batch and in the dtype of the images."""

from collections.abc import Mapping

import tensorflow as tf


def is_on(augmentation: Mapping) -> bool:
    """Whether the section ``training.augmentation`` turns on any change."""
    return bool(augmentation["flip"] or augmentation["shift"] or augmentation["cutout"])


def augment(images: tf.Tensor, augmentation: Mapping, seed: tf.Tensor) -> tf.Tensor:
    """``images`` of shape (batch, height, width, channels), each one changed at random.

    Parameters
    ----------
    augmentation
        ``flip``: mirror every second image from left to right, on average. ``shift``: move each
        image by up to this number of pixels in both directions, and fill the rest with zeros (the
        padded crop of He et al. 2016, arXiv 1512.03385, section 4.2). ``cutout``: set a square to
        zero. Its sides have this number of pixels, and its centre may lie anywhere in the image
        (DeVries and Taylor 2017, arXiv 1708.04552).
    seed
        Two integers. The same seed gives the same images.
    """
    seeds = tf.random.experimental.stateless_split(seed, 3)
    if augmentation["flip"]:
        images = _flip(images, seeds[0])
    if augmentation["shift"]:
        images = _shift(images, augmentation["shift"], seeds[1])
    if augmentation["cutout"]:
        images = _cutout(images, augmentation["cutout"], seeds[2])
    return images


def _flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    chosen = tf.random.stateless_uniform((tf.shape(images)[0], 1), seed) < 0.5
    columns = tf.range(images.shape[2])
    # Gathered by column, since TensorFlow needs ten times as long to reverse an axis of integers.
    columns = tf.where(chosen, columns[::-1], columns)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def _shift(images: tf.Tensor, pixels: int, seed: tf.Tensor) -> tf.Tensor:
    count = tf.shape(images)[0]
    padded = tf.pad(images, [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)])
    corners = tf.random.stateless_uniform((count, 2), seed, maxval=2 * pixels + 1, dtype=tf.int32)
    rows = corners[:, :1] + tf.range(images.shape[1])
    columns = corners[:, 1:] + tf.range(images.shape[2])
    return tf.gather(tf.gather(padded, rows, batch_dims=1), columns, axis=2, batch_dims=1)


def _cutout(images: tf.Tensor, side: int, seed: tf.Tensor) -> tf.Tensor:
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    seeds = tf.random.experimental.stateless_split(seed, 2)

    def inside(size: int, seed: tf.Tensor) -> tf.Tensor:
        centre = tf.random.stateless_uniform((count, 1), seed, maxval=size, dtype=tf.int32)
        distance = tf.range(size) - (centre - side // 2)
        return (distance >= 0) & (distance < side)

    square = inside(height, seeds[0])[:, :, tf.newaxis] & inside(width, seeds[1])[:, tf.newaxis]
    return tf.where(square[..., tf.newaxis], tf.zeros_like(images), images)
