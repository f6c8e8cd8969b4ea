"""The bytes of a ``.keras`` file: exactly three members, and plain arrays in the weights.

HDF5 reads any file that a file names, and an archive may unpack to any size.
"""

import io
import math
import zipfile
from collections.abc import Iterator

import h5py

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Largest unpacked size of each member, in bytes.
_LARGEST = {CONFIG: 2**23, METADATA: 2**16, WEIGHTS: 2**30}
_MOST_OBJECTS = 50_000


class NotAllowed(Exception):
    """Says in part of a sentence what is not allowed in a file."""


def read_members(content: bytes) -> dict[str, bytes]:
    """The three members of a ``.keras`` archive.

    Raises
    ------
    NotAllowed
        There are other members, or one is encrypted or too large.
    zipfile.BadZipFile
        It is not an archive, or is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != sorted(_LARGEST):
            raise NotAllowed(f"has other members than {', '.join(_LARGEST)}")
        found = {}
        for member in members:
            most = _LARGEST[member.filename]
            if member.flag_bits & 1:
                raise NotAllowed(f"has an encrypted {member.filename}")
            with archive.open(member) as file:
                # The size given in the archive may be wrong.
                found[member.filename] = file.read(most + 1)
            if len(found[member.filename]) > most:
                raise NotAllowed(f"has a {member.filename} of more than {most:,} bytes")
        return found


def check_weights(content: bytes) -> list[tuple[int, ...]]:
    """Shapes of all arrays in an HDF5 file that has only plain arrays.

    Raises
    ------
    NotAllowed
        Something in it refers to another file, is compressed, or is not an array of numbers.
    OSError
        It is not an HDF5 file, or is damaged.
    """
    with h5py.File(io.BytesIO(content), "r") as file:
        shapes = [array.shape for array in _arrays(file)]
    if sum(math.prod(shape) for shape in shapes) > len(content):
        raise NotAllowed("has weights that share their bytes")
    return shapes


def _arrays(file: h5py.File) -> Iterator[h5py.Dataset]:
    waiting, seen = [file["/"]], 0
    while waiting:
        group = waiting.pop()
        for name in group:
            seen += 1
            if seen > _MOST_OBJECTS:
                raise NotAllowed("has weights in too many parts")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise NotAllowed(f"has weights with a link, '{name}'")
            part = group[name]
            if isinstance(part, h5py.Group):
                waiting.append(part)
                continue
            is_plain = isinstance(part, h5py.Dataset) and part.dtype.kind in "fiub"
            if not is_plain or part.external or part.is_virtual:
                raise NotAllowed(f"has weights in another file, or no weights, in '{name}'")
            if part.id.get_create_plist().get_nfilters():
                raise NotAllowed(f"has compressed weights in '{name}'")
            yield part
