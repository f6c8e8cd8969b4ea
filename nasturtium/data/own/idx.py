"""Format ``idx``: images and labels in the format of MNIST's files, with or without gzip."""

import logging
from collections.abc import Mapping

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.mnist import read_idx
from nasturtium.data.own import checks, test_files
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

_CHANNELS = (1, 3, 4)


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The samples of a file of images and a file of labels, or of four files with ``test_path``.

    Raises
    ------
    DataError
        Not an IDX file of unsigned bytes, or images and labels don't fit each other.
    """
    pairs = [(own["path"], own["target_path"])]
    if "test_path" in own:
        pairs.append((own["test_path"], own["test_target_path"]))
    images, values = [], []
    for path, target_path in pairs:
        array, labels = read_idx(path), read_idx(target_path)
        if array.ndim < 2 or array.ndim > 4 or labels.shape != (len(array),) or not array.size:
            raise DataError(
                f"{path}: has shape {array.shape}, but {target_path} has {labels.shape}; save one "
                "target for each sample."
            )
        array = _channels_last(array[..., np.newaxis] if array.ndim == 3 else array, path)
        if images and array.shape[1:] != images[0].shape[1:]:
            raise DataError(
                f"{path}: has samples of another shape than {pairs[0][0]}; save both alike."
            )
        images.append(array if array.ndim == 4 else array.astype(np.float32))
        values.append(
            checks.labels(labels, target_path, own.get("classes"))
            if own["task"] == "classification"
            else checks.targets(labels, target_path)
        )
    shape, targets = images[0].shape[1:], np.concatenate(values)
    if own["task"] == "classification":
        checks.known_labels(values[-1], values[0], pairs[-1][1], pairs[0][1])
    features, scale = np.concatenate(images), None
    if len(shape) == 3:
        scale = checks.scale_of(own, features, pairs[0][0])
    return checks.description(name, own, shape, targets, input_scale=scale), Samples(
        features=features,
        targets=targets,
        test_from=len(values[0]) if len(pairs) > 1 else None,
        sources=test_files.checksums(
            [path for pair in pairs for path in pair], [pair[0] for pair in pairs]
        ),
    )


def _channels_last(array: np.ndarray, path: str) -> np.ndarray:
    """Move the channels of pictures to the last axis, with a warning, if they come first."""
    if array.ndim != 4 or array.shape[1] not in _CHANNELS or array.shape[3] in _CHANNELS:
        return array
    logger.warning(
        "%s: its samples of shape %s seem to be pictures with their channels first, so the "
        "channels are moved to the last axis; if this is wrong, save them as an npz file.",
        path,
        array.shape[1:],
    )
    return np.moveaxis(array, 1, -1)
