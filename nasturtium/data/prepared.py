"""The prepared form of a data set: memory-mapped arrays and a card that describes them."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.samples import Blocks, Samples
from nasturtium.errors import DataError
from nasturtium.records.atomic import atomic_path
from nasturtium.records.checksums import check_bytes, read_json, write_json

FEATURES, TARGETS, ORDER = "features.npy", "targets.npy", "order.npy"
CARD = "dataset.json"


@dataclass(frozen=True)
class Prepared:
    """A prepared data set. Its arrays are memory-mapped and read-only."""

    description: Description
    features: np.ndarray
    targets: np.ndarray
    test_from: int | None
    split_by: str | None = None
    order: np.ndarray | None = None
    tokens: tuple[str, ...] | None = None


def write(
    folder: str | Path,
    description: Description,
    samples: Samples,
    warnings: Sequence[str] = (),
) -> None:
    """Write the prepared form. The card comes last, so a card means that the arrays are complete.

    ``warnings`` may grow while blocks of samples are read.

    Raises
    ------
    DataError
        The samples don't have the described shape, or a label or value is out of range.
    """
    folder = Path(folder)
    _check(description, samples)
    features_sha256 = _save(folder / FEATURES, description, samples.features)
    targets_sha256 = _save(folder / TARGETS, description, samples.targets)
    order = np.zeros(0, np.int64) if samples.order is None else samples.order
    order_sha256 = _save(folder / ORDER, description, order)
    card = {
        "kind": description.kind,
        "description": asdict(description),
        "samples": len(samples.features),
        "features_shape": list(samples.features.shape),
        "published_test_samples": None
        if samples.test_from is None
        else len(samples.features) - samples.test_from,
        "features_dtype": str(samples.features.dtype),
        "test_from": samples.test_from,
        "sources_sha256": samples.sources,
        "label_counts": _label_counts(description, samples),
        "columns": list(samples.columns),
        "warnings": list(warnings),
        "features_sha256": features_sha256,
        "targets_sha256": targets_sha256,
        "order_sha256": order_sha256,
        "split_by": samples.split_by,
    }
    if samples.tokens is not None:
        card["tokens"] = list(samples.tokens)
    write_json(folder / CARD, card)


def read(folder: str | Path) -> Prepared:
    """Open a prepared data set without reading its arrays into memory.

    Raises
    ------
    DamageError
        One of its files has changed since it was written, or can't be read.
    """
    folder = Path(folder)
    card = read_card(folder)
    check_bytes(folder / FEATURES, card["features_sha256"])
    check_bytes(folder / TARGETS, card["targets_sha256"])
    check_bytes(folder / ORDER, card["order_sha256"])
    description = dict(card["description"])
    for name in ("input_shape", "feature_names", "class_names"):
        if description[name] is not None:
            description[name] = tuple(description[name])
    return Prepared(
        description=Description(**description),
        features=np.load(folder / FEATURES, mmap_mode="r"),
        targets=np.load(folder / TARGETS, mmap_mode="r"),
        test_from=card["test_from"],
        split_by=card["split_by"],
        order=np.load(folder / ORDER) if card["split_by"] else None,
        tokens=tuple(card["tokens"]) if "tokens" in card else None,
    )


def read_card(folder: str | Path) -> Mapping:
    """The content of a prepared data set's card."""
    return read_json(Path(folder) / CARD)


def _save(path: Path, description: Description, array: np.ndarray | Blocks) -> str:
    """Write an ``.npy`` file block by block, and return its SHA-256.

    The file appears only if all blocks are sound.
    """
    blocks = array if isinstance(array, Blocks) else [array]
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    digest = hashlib.sha256()
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        begin = io.BytesIO()
        np.lib.format.write_array_header_1_0(begin, header)
        file.write(begin.getvalue())
        digest.update(begin.getvalue())
        rows = 0
        for block in blocks:
            if block.dtype != array.dtype or block.shape[1:] != array.shape[1:]:
                raise DataError(
                    f"Data set '{description.name}': has samples of type {block.dtype} and shape "
                    f"{block.shape[1:]}, but others of type {array.dtype} and shape "
                    f"{array.shape[1:]}; correct its source files."
                )
            _check_finite(description, block)
            rows += len(block)
            content = memoryview(np.ascontiguousarray(block)).cast("B")
            file.write(content)
            digest.update(content)
        if rows != len(array):
            raise DataError(
                f"Data set '{description.name}': has {rows:,} samples instead of {len(array):,}; "
                "check its source files."
            )
    return digest.hexdigest()


def _check_finite(description: Description, block: np.ndarray) -> None:
    if block.dtype.kind != "f":
        return
    # NaN is a missing value that will be imputed. Infinity is always an error.
    bad = np.isinf(block) if description.impute and block.ndim > 1 else ~np.isfinite(block)
    if bad.any():
        raise DataError(
            f"Data set '{description.name}': has values that are not finite; correct its source "
            "files."
        )


def _label_counts(description: Description, samples: Samples) -> list[int] | None:
    if description.classes is None:
        return None
    return np.bincount(samples.targets, minlength=description.classes).tolist()


def _check(description: Description, samples: Samples) -> None:
    name = description.name
    if samples.features.shape[1:] != description.input_shape:
        raise DataError(
            f"Data set '{name}': its samples have shape {samples.features.shape[1:]}, not "
            f"{description.input_shape}; check its source files."
        )
    if len(samples.features) != len(samples.targets) or not len(samples.targets):
        raise DataError(
            f"Data set '{name}': {len(samples.features)} samples but {len(samples.targets)} "
            "targets; check its source files."
        )
    if description.classes is not None:
        low, high = int(samples.targets.min()), int(samples.targets.max())
        if low < 0 or high >= description.classes:
            raise DataError(
                f"Data set '{name}': labels run from {low} to {high}, not from 0 to "
                f"{description.classes - 1}; check its source files."
            )
    else:
        # Targets are checked before anything is written, blocks of features when they are written.
        _check_finite(description, samples.targets)
