"""Format ``npz``: archives of NumPy, read block by block and never unpickled."""

import logging
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.own import checks, sequences, test_files
from nasturtium.data.own.array_labels import array_labels
from nasturtium.data.own.columns import check_digits
from nasturtium.data.samples import Blocks, Samples
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 16 * 2**20
# deflate can't compress any further, so an archive that states more is false.
_LARGEST_RATIO = 1032
_CHANNELS = (1, 3, 4)
_NARROWER = "subtract a constant from them, or leave the column out"
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
)


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The samples of one archive, or of two if ``test_path`` names the archive of the test split.

    Images have shape (samples, height, width[, channels]), and tables (samples, columns). With
    ``kind: sequence``, samples are sequences of shape (samples, steps[, channels]).

    Raises
    ------
    DataError
        Not such an archive, an array is missing, or its shape or values don't fit.
    """
    feature_name, target_name = own.get("features", "x"), own.get("target", "y")
    parts = [(own["path"], feature_name, target_name)]
    if "test_path" in own or "test_features" in own:
        parts.append(
            (
                own.get("test_path", own["path"]),
                own.get("test_features", feature_name),
                own.get("test_target", target_name),
            )
        )
    arrays = [_Array(path, features) for path, features, _ in parts]
    targets, class_names = _targets(parts, [len(array) for array in arrays], own)
    shape, is_first = _input_shape(arrays[0], own)
    for array in arrays:
        if _input_shape(array, own) != (shape, is_first) or array.dtype != arrays[0].dtype:
            raise DataError(
                f"{array.where}: has samples of type {array.dtype} and shape {array.shape[1:]}, "
                f"unlike {arrays[0].where}; save both alike."
            )
    image = len(shape) == 3
    if own.get("kind") == "sequence":
        sequences.say_if_turned(*shape, arrays[0].where)
    dtype = checks.stored_dtype(arrays[0].dtype, image, arrays[0].where)
    missing_allowed = not image and own.get("missing", "error") != "error"

    scale = checks.input_scale(own, *_extremes(arrays), arrays[0].where) if image else None

    def blocks() -> Iterator[np.ndarray]:
        for array in arrays:
            row = 1
            for stored in array:
                block = np.moveaxis(stored, 1, -1) if is_first else stored
                converted = block.astype(dtype, copy=False).reshape(-1, *shape)
                checks.finite(converted, array.where, row, missing_allowed)
                if not image:
                    last = (-1, shape[-1])
                    _check_digits(block.reshape(last), converted.reshape(last), array.where)
                row += len(block)
                yield converted

    all_targets = np.concatenate(targets)
    described = checks.description(
        name, own, shape, all_targets, input_scale=scale, class_names=class_names
    )
    return described, Samples(
        features=Blocks((len(all_targets), *shape), dtype, blocks),
        targets=all_targets,
        test_from=len(targets[0]) if len(parts) > 1 else None,
        # If both splits use the same array, their files must differ.
        sources=test_files.checksums(
            list(dict.fromkeys(part[0] for part in parts)),
            [part[0] for part in parts] if len({part[1] for part in parts}) == 1 else (),
        ),
    )


class _Array:
    """One array of an archive. Its header is read at once, its rows are read block by block."""

    def __init__(self, path: str, name: str):
        self.where = f"{path}: array '{name}'"
        self._path, self._name = path, name
        with self._opened() as (file, info):
            self.shape, self.fortran, self.dtype = _header(file)
            size = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
            if self.dtype.hasobject:
                raise DataError(f"{self.where}: contains Python objects; save it as numbers.")
            if not self.shape or not self.shape[0] or not size:
                raise DataError(f"{self.where}: is empty; save samples in it.")
            if size != info.file_size - file.tell() or size > checks.MOST_VALUES:
                raise DataError(
                    f"{self.where}: its header states shape {self.shape} and {size:,} bytes, but "
                    "its size is another one; save it again."
                )
            if info.file_size > info.compress_size * _LARGEST_RATIO + 1024:
                raise DataError(
                    f"{self.where}: states a size that its compressed bytes can't have; save it "
                    "again."
                )

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        with self._opened() as (file, _):
            shape, _, dtype = _header(file)
            if self.fortran:
                # The values of a row are spread over the whole array.
                whole = np.frombuffer(_exactly(file, int(np.prod(shape)) * dtype.itemsize), dtype)
                yield whole.reshape(shape[::-1]).T
                return
            row_bytes = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
            rows = max(1, _BLOCK_BYTES // row_bytes)
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                content = _exactly(file, count * row_bytes)
                yield np.frombuffer(content, dtype).reshape(count, *shape[1:])

    @contextmanager
    def _opened(self) -> Iterator[tuple[BinaryIO, zipfile.ZipInfo]]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
                if self._name not in names:
                    raise DataError(
                        f"{self._path}: has no array '{self._name}', only "
                        f"{', '.join(map(repr, names[:10])) or 'nothing'}; name one of its arrays "
                        "under 'features' or 'target'."
                    )
                info = archive.infolist()[names.index(self._name)]
                with archive.open(info) as file:
                    yield file, info
        except _ERRORS as error:
            raise DataError(
                f"{self.where}: can't be read ({type(error).__name__}: "
                f"{str(error).splitlines()[0][:100] if str(error) else 'broken'}); save it again "
                "with numpy.savez."
            ) from error


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError(f"{size - len(content)} bytes are missing")
    return content


def _extremes(arrays: Sequence[_Array]) -> tuple[float, float]:
    """Smallest and largest value of images. Their type says little about it."""
    found = []
    for array in arrays:
        low, high, row = np.inf, -np.inf, 1
        for block in array:
            checks.finite(block, array.where, row, missing_allowed=False)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
            row += len(block)
        found.append((low, high))
    spreads = [{"its range": high - low} for low, high in found]
    test_files.compare(spreads[0], spreads[-1], arrays[-1].where)
    return min(low for low, _ in found), max(high for _, high in found)


def _check_digits(block: np.ndarray, stored: np.ndarray, where: str) -> None:
    for number in range(block.shape[1]):
        place = f"{where}: column {number + 1}"
        check_digits(block[:, number], stored[:, number], place, _NARROWER)


def _input_shape(array: _Array, own: Mapping) -> tuple[tuple[int, ...], bool]:
    """Shape of a sample, and whether its channels come first in the array."""
    found = array.shape[1:]
    if own.get("kind") == "sequence":
        return sequences.array_shape(array.shape, array.where), False
    if len(found) == 2:
        found = (*found, 1)  # grey images without an axis for channels
    wanted = tuple(own.get("input_shape", found))
    if len(found) == 3 and "input_shape" in own and wanted == (*found[1:], found[0]) != found:
        return wanted, True
    if len(found) == 1 and len(wanted) == 3 and np.prod(wanted) == found[0]:
        return wanted, False  # pictures as flat rows, channel fastest
    if len(found) not in (1, 3) or wanted not in (found, array.shape[1:]):
        raise DataError(
            f"{array.where}: its samples have shape {array.shape[1:]}, not "
            f"{wanted if 'input_shape' in own else '(columns,) or (height, width, channels)'}; "
            "save them in this shape, or change 'input_shape'."
        )
    if "input_shape" not in own and _is_channels_first(array, found):
        return (*found[1:], found[0]), True
    return found, False


def _is_channels_first(array: _Array, shape: tuple[int, ...]) -> bool:
    """Whether samples look like pictures with their channels first; if so, there is a warning.

    Raises
    ------
    DataError
        The samples do not look like pictures. The key 'input_shape' overrules this.
    """
    if len(shape) != 3:
        return False
    height, width, channels = shape
    if len(array.shape) == 3 and _is_strip(height, width):
        raise DataError(
            f"{array.where}: its samples of shape {array.shape[1:]} look like series, not like "
            f"grey pictures; set kind: sequence, or if they are pictures, input_shape: "
            f"{list(shape)}."
        )
    is_first = height in _CHANNELS and channels not in _CHANNELS
    if is_first:
        logger.warning(
            "%s: its samples of shape %s seem to be pictures with their channels first; if the "
            "channels come last, set input_shape: %s.",
            array.where,
            array.shape[1:],
            list(shape),
        )
    return is_first


def _is_strip(height: int, width: int) -> bool:
    return min(height, width) <= max(_CHANNELS) and max(height, width) >= 4 * min(height, width)


def _targets(
    parts: Sequence[tuple[str, str, str]], counts: Sequence[int], own: Mapping
) -> tuple[list[np.ndarray], tuple[str, ...] | None]:
    """Targets of each part, and the names of the classes if labels are no numbers from 0."""
    classification = own["task"] == "classification"
    arrays = [_Array(path, name) for path, _, name in parts]
    for array, (_, features, _), count in zip(arrays, parts, counts, strict=True):
        is_flat = array.shape in ((count,), (count, 1))
        if not (is_flat or (classification and len(array.shape) == 2 and len(array) == count)):
            raise DataError(
                f"{array.where}: has shape {array.shape}, but '{features}' has {count:,} samples; "
                "save one target for each sample."
            )
        if array.dtype.kind in "US" and not classification:
            raise DataError(
                f"{array.where}: contains texts, but a regression needs numbers; if the texts name "
                "classes, set 'task: classification'."
            )
        if array.dtype.kind not in "US":
            checks.stored_dtype(array.dtype, False, array.where)
    values = [np.concatenate(list(array)) for array in arrays]
    values = [v.reshape(-1) if v.shape[1:] in ((), (1,)) else v for v in values]
    wheres = [array.where for array in arrays]
    if classification and len(parts) > 1 and parts[0][0] == parts[1][0]:
        wheres[0] = f"array '{parts[0][2]}' of {parts[0][0]}"
    if classification:
        return array_labels(values, wheres, own)
    return [checks.targets(*pair) for pair in zip(values, wheres, strict=True)], None
