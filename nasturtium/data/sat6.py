"""DeepSat SAT-6 (Basu et al. 2015): 405,000 airborne images, 28x28, red, green, blue, infrared."""

import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nasturtium.data import mat5
from nasturtium.data.mat5 import MatArray, MatError
from nasturtium.data.samples import Blocks, Samples
from nasturtium.data.sources import data_folder, file_sha256
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

MAT_FILE = "sat-6-full.mat"
CSV_FILES = ("X_train_sat6.csv", "y_train_sat6.csv", "X_test_sat6.csv", "y_test_sat6.csv")
# In the order of the one-hot columns.
CLASSES = ("building", "barren_land", "trees", "grassland", "road", "water")
SHAPE = (28, 28, 4)
KAGGLE = "crawford/deepsat-sat6"

_VALUES = 28 * 28 * 4
_ROWS_PER_BLOCK = 4096
_CSV_BLOCK_BYTES = 16 * 2**20  # about 1,400 rows of text
# deflate can't compress any further, so a header that states more is false.
_LARGEST_DEFLATE_RATIO = 1032


def read() -> Samples:
    """The training images, then the published test images, uint8, in blocks.

    The classes are in the order of ``CLASSES``. No checksums are published, so the checksums of
    the files at hand are recorded.

    Raises
    ------
    DataError
        A file is broken, or is missing and can't be downloaded.
    """
    folder = data_folder("sat6")
    if not (folder / MAT_FILE).exists() and all((folder / name).exists() for name in CSV_FILES):
        return read_csv(*(folder / name for name in CSV_FILES))
    return read_mat(_mat_file(folder))


def read_mat(path: str | Path) -> Samples:
    """The samples of a MATLAB file of version 5 in the layout of ``sat-6-full.mat``.

    ``train_x`` and ``test_x`` are 28x28x4xN of uint8. ``train_y`` and ``test_y`` are one-hot. Their
    shape is 6xN or Nx6, and they have any numeric class, since copies of the file differ. The
    images are read in blocks.

    Raises
    ------
    DataError
        Not such a file, or a label is not one-hot.
    """
    arrays = _arrays(path)
    counts = {}
    for name in ("train_x", "test_x"):
        found = arrays.get(name)
        shape = found.shape if found else ()
        if len(shape) != 4 or shape[:3] != SHAPE or not shape[3] or found.kind != "uint8":
            raise DataError(
                f"{path}: its variable '{name}' is {_shown(found)} instead of 28x28x4xN of uint8; "
                f"put the published {MAT_FILE} in its place."
            )
        counts[name] = shape[3]
    total = sum(counts.values())
    if total * _VALUES > os.path.getsize(path) * _LARGEST_DEFLATE_RATIO:
        raise DataError(
            f"{path}: is too small for the {total:,} images that its header states; put the "
            f"published {MAT_FILE} in its place."
        )
    targets = []
    for labels, images in (("train_y", "train_x"), ("test_y", "test_x")):
        found, count = arrays.get(labels), counts[images]
        shape = found.shape if found else ()
        if shape not in ((6, count), (count, 6)) or found.kind not in mat5.NUMERIC:
            raise DataError(
                f"{path}: its variable '{labels}' is {_shown(found)} instead of 6x{count} or "
                f"{count}x6; put the published {MAT_FILE} in its place."
            )
        with _explained(path):
            values = np.concatenate(list(found.blocks(count * 6)))
        # MATLAB's first axis varies fastest, so an array of 6xN lies in memory sample by sample.
        one_hot = values.reshape(count, 6) if shape == (6, count) else values.reshape(6, count).T
        targets.append(_labels(one_hot, f"{path}: '{labels}'", first_row=1))

    def blocks() -> Iterator[np.ndarray]:
        for name in counts:
            with _explained(path):
                for values in arrays[name].blocks(_ROWS_PER_BLOCK * _VALUES):
                    if values.dtype != np.uint8:
                        raise MatError(f"its variable '{name}' is stored as {values.dtype}")
                    # The first axis is fastest: the axes of an image come in reverse order.
                    images = values.reshape(-1, *reversed(SHAPE)).transpose(0, 3, 2, 1)
                    yield np.ascontiguousarray(images)

    return Samples(
        features=Blocks((total, *SHAPE), np.dtype(np.uint8), blocks),
        targets=np.concatenate(targets),
        test_from=counts["train_x"],
        sources={Path(path).name: file_sha256(path)},
    )


def read_csv(
    train_images: str | Path,
    train_labels: str | Path,
    test_images: str | Path,
    test_labels: str | Path,
) -> Samples:
    """The samples of Kaggle's four CSV files, which have no header.

    A row of images has 3,136 integers from 0 to 255, channel fastest. A row of labels is one-hot.
    Only some MiB of the text are in memory at a time.

    Raises
    ------
    DataError
        A file has the wrong number of columns or rows, text, a number out of range, or a label
        that is not one-hot.
    """
    train, test = _csv_labels(train_labels), _csv_labels(test_labels)

    def blocks() -> Iterator[np.ndarray]:
        for path, count in ((train_images, len(train)), (test_images, len(test))):
            found = 0
            for table in _csv_batches(path, _VALUES):
                found += len(table)
                yield table.reshape(-1, *SHAPE)
            if found != count:
                raise DataError(
                    f"{path}: has {found:,} rows, but its label file has {count:,}; put the "
                    "published files in their place."
                )

    paths = (train_images, train_labels, test_images, test_labels)
    return Samples(
        features=Blocks((len(train) + len(test), *SHAPE), np.dtype(np.uint8), blocks),
        targets=np.concatenate([train, test]),
        test_from=len(train),
        sources={Path(path).name: file_sha256(path) for path in paths},
    )


def _mat_file(folder: Path) -> Path:
    """The MATLAB file in the data folder, downloaded from Kaggle if the user has a token."""
    path = folder / MAT_FILE
    if path.exists():
        return path
    reason = _download(path)
    if reason is not None:
        missing = [name for name in CSV_FILES if not (folder / name).exists()]
        raise DataError(
            f"{path}: is missing and can't be downloaded ({reason}), and {', '.join(missing)} "
            f"can't replace it, since they are missing too; put {MAT_FILE} or the four CSV files "
            f"of https://www.kaggle.com/datasets/{KAGGLE} into {folder}, or set up a Kaggle token "
            "(https://www.kaggle.com/docs/api) for the download."
        )
    return path


def _download(path: Path) -> str | None:
    """Download the MATLAB file to ``path`` with kagglehub. Return the reason for a failure."""
    try:
        import kagglehub
        from kagglehub.config import get_kaggle_credentials
    except ImportError:
        return "the package kagglehub is not installed"
    try:
        if get_kaggle_credentials() is None:
            return "kagglehub found no Kaggle token"
    except ValueError as error:
        return str(error)
    logger.info("Downloading %s from %s on Kaggle", path.name, KAGGLE)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is moved to its place when it is complete, so a broken download is never used.
    with tempfile.TemporaryDirectory(prefix=".kaggle-", dir=path.parent) as folder:
        try:
            found = Path(kagglehub.dataset_download(KAGGLE, MAT_FILE, output_dir=folder))
            _arrays(found)
        # kagglehub's errors have no common base class: Exception, OSError or those of requests.
        except Exception as error:  # noqa: BLE001
            return f"the download from Kaggle failed: {type(error).__name__}"
        shutil.move(found, path)
    return None


def _arrays(path: str | Path) -> dict[str, MatArray]:
    with _explained(path):
        return mat5.read_arrays(path)


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    """Raise DataError with the name of the file."""
    try:
        yield
    except (MatError, zlib.error, OSError) as error:
        raise DataError(
            f"{path}: can't be read as a MATLAB file of version 5 ({error}); put the published "
            f"{MAT_FILE} in its place."
        ) from error


def _shown(array: MatArray | None) -> str:
    return "missing" if array is None else f"{'x'.join(map(str, array.shape))} of {array.kind}"


def _labels(one_hot: np.ndarray, where: str, first_row: int) -> np.ndarray:
    """Labels of shape (samples,) from one-hot rows of shape (samples, 6)."""
    good = ((one_hot == 0) | (one_hot == 1)).all(axis=1) & (one_hot.sum(axis=1) == 1)
    if not good.all():
        raise DataError(
            f"{where}: the label of sample {int(np.argmin(good)) + first_row} is not one-hot; put "
            "the published file in its place."
        )
    return one_hot.argmax(axis=1).astype(np.int64)


def _csv_labels(path: str | Path) -> np.ndarray:
    rows = list(_csv_batches(path, len(CLASSES)))
    if not rows:
        raise DataError(f"{path}: is empty; put the published file in its place.")
    return _labels(np.concatenate(rows), str(path), first_row=1)


def _csv_batches(path: str | Path, columns: int) -> Iterator[np.ndarray]:
    """Blocks of rows of shape (rows, columns), uint8."""
    import pyarrow as pa
    import pyarrow.csv

    names = [str(number) for number in range(columns)]
    try:
        reader = pyarrow.csv.open_csv(
            path,
            # One thread: the row of an error is known, and little is read ahead.
            pyarrow.csv.ReadOptions(
                use_threads=False, block_size=_CSV_BLOCK_BYTES, column_names=names
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.uint8()), null_values=[]
            ),
        )
        for batch in reader:
            yield np.stack([column.to_numpy() for column in batch.columns], axis=1)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: is not a CSV file of {columns} integers from 0 to 255 a row "
            f"({str(error).splitlines()[0][:120]}); put the published file in its place."
        ) from error
