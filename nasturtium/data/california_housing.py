"""California Housing (Pace and Barry 1997): 20,640 block groups of the 1990 census."""

import tarfile
from pathlib import Path

import numpy as np

from nasturtium.data.samples import Samples
from nasturtium.data.sources import SourceFile, check, data_folder, fetch
from nasturtium.errors import DataError
from nasturtium.records.atomic import atomic_path

ARCHIVE = SourceFile(
    "cal_housing.tgz",
    "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
    ("https://ndownloader.figshare.com/files/5976036",),
)
MEMBER = "CaliforniaHousing/cal_housing.data"
FILE = "cal_housing.data"
SHA256 = "a2b44dcc7e1c9091b43c4f458b25cbd1f7e8068d08edd26bc4703108d3fa6214"


def read() -> Samples:
    """The 20,640 rows with scikit-learn's eight features. There is no published test split."""
    path = _find()
    check(path, SHA256)
    features, targets = parse(path)
    return Samples(features, targets, sources={FILE: SHA256})


def parse(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Features of shape (rows, 8) and targets of shape (rows,), both float32.

    The file's nine columns are longitude, latitude, housing median age, total rooms, total
    bedrooms, population, households, median income (10,000 USD) and median house value (USD).
    The features are scikit-learn's: MedInc, HouseAge, AveRooms, AveBedrms, Population, AveOccup,
    Latitude, Longitude; the target is in 100,000 USD.

    Raises
    ------
    DataError
        A row does not have nine numbers, or has no households.
    """
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise DataError(
            f"{path}: is not a table of nine comma-separated numbers a row ({error}); put the "
            "published file in its place."
        ) from error
    if table.shape[1:] != (9,) or not len(table):
        raise DataError(
            f"{path}: has {table.shape[1] if len(table) else 0} columns, not nine; put the "
            "published file in its place."
        )
    longitude, latitude, age, rooms, bedrooms, population, households, income, value = table.T
    if not (households > 0).all() or not np.isfinite(table).all():
        row = int(np.argmin((households > 0) & np.isfinite(table).all(axis=1)))
        raise DataError(
            f"{path}: row {row + 1} has no households or a value that is not finite; put the "
            "published file in its place."
        )
    columns = (
        income,
        age,
        rooms / households,
        bedrooms / households,
        population,
        population / households,
        latitude,
        longitude,
    )
    features = np.stack(columns, axis=1).astype(np.float32)
    return features, (value / 100_000).astype(np.float32)


def _find() -> Path:
    """The data file. If it does not exist, it is taken from the published archive."""
    path = data_folder("california_housing") / FILE
    if path.exists():
        return path
    archive = fetch("california_housing", ARCHIVE)
    with tarfile.open(archive) as tar:
        # Read by name: nothing is extracted to a path that the archive chooses.
        member = tar.extractfile(MEMBER)
        if member is None:
            raise DataError(
                f"{archive}: has no file {MEMBER}; delete it so that it is downloaded again."
            )
        content = member.read()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return path
