"""Format ``folder-of-images``: a folder for each class, with PNG, JPEG or BMP files."""

import hashlib
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.own import checks, test_files
from nasturtium.data.own.columns import check_blanks
from nasturtium.data.samples import Blocks, Samples
from nasturtium.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "eval"}
# Only formats that Pillow decodes itself: for others, such as EPS, it calls programs.
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_MOST_PIXELS = 50_000_000
# Pictures that never reach half of the scale are dark, or have another scale.
_DARK = 128
# A picture is distorted if the factors of its height and width differ by more than this.
_STRETCHED = 1.25
_IMAGES_PER_BLOCK = 256
_BLOCK_BYTES = 2**20
# Pillow's decoders have no common error class.
_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """Images of ``input_shape``, uint8. Images of another size are resized (bilinear).

    Classes are the sorted names of the folders.

    Raises
    ------
    DataError
        There are no classes, a class is empty, or a file is no image.
    """
    shape = tuple(own["input_shape"])
    if len(shape) != 3 or shape[2] not in _MODES:
        raise DataError(
            f"Data set '{name}': input_shape must be [height, width, channels] with 1, 3 or 4 "
            f"channels, not {list(shape)}."
        )
    paths = [os.path.normpath(own[key]) for key in ("path", "test_path") if key in own]
    roots = [Path(path) for path in paths]
    classes = sorted(path.name for path in _visible(roots[0]) if path.is_dir())
    if len(classes) < 2:
        raise DataError(
            f"{roots[0]}: has {len(classes)} folders, but a classification needs at least two; add "
            "a folder for each class."
        )
    check_blanks(classes, str(roots[0]))
    if set(map(str.lower, classes)) <= _SPLITS:
        raise DataError(
            f"{roots[0]}: has the folders {' and '.join(classes)}, which are splits and no "
            "classes; set 'path' to one of them, and 'test_path' to the folder of the test split."
        )
    files, labels, counts = [], [], []
    for root in roots:
        unknown = [p.name for p in _visible(root) if p.is_dir() and p.name not in classes]
        if unknown:
            raise DataError(
                f"{root}: has the class '{unknown[0]}', which {roots[0]} does not have; add it "
                "there, or remove it."
            )
        for label, folder in enumerate(classes):
            found = _images(root / folder)
            if not found and root == roots[0]:
                raise DataError(f"{root / folder}: has no PNG, JPEG or BMP file; put images in it.")
            files += found
            labels += [label] * len(found)
        counts.append(len(files))

    def blocks() -> Iterator[np.ndarray]:
        brightest, stretched = 0, 0
        for start in range(0, len(files), _IMAGES_PER_BLOCK):
            part = files[start : start + _IMAGES_PER_BLOCK]
            read_part = [_read(path, shape) for path in part]
            block = np.stack([picture for picture, _ in read_part])
            stretched += sum(times > _STRETCHED for _, times in read_part)
            brightest = max(brightest, int(block[..., : min(shape[2], 3)].max()))
            yield block
        if stretched:
            logger.warning(
                "%s: %d of %d pictures have other proportions than %d x %d and are stretched; crop "
                "them, or choose another input_shape.",
                roots[0],
                stretched,
                len(files),
                *shape[:2],
            )
        # After all pictures: 12 bits in files of 16 bits, or digits from 0 to 16.
        if brightest < _DARK:
            logger.warning(
                "%s: the brightest value of all pictures is %d of 255; if the pictures are not "
                "dark, save them with their full scale.",
                roots[0],
                brightest,
            )

    targets = np.array(labels, np.int64)
    described = checks.description(
        name,
        own,
        shape,
        targets,
        input_scale=255.0,
        class_names=tuple(classes),
        picture_files=True,
    )
    return described, Samples(
        features=Blocks((len(files), *shape), np.dtype(np.uint8), blocks),
        targets=targets,
        test_from=counts[0] if len(roots) > 1 else None,
        sources=test_files.named({root: _digest(Path(root), classes) for root in paths}, paths),
    )


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder; create it or correct the path.")
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    if not folder.exists():
        return []
    found = _visible(folder)
    images = [path for path in found if path.suffix.lower() in _FORMATS and path.is_file()]
    if len(images) < len(found):
        logger.warning(
            "%s: %d files are no images and are skipped; move them elsewhere.",
            folder,
            len(found) - len(images),
        )
    return images


def read_picture(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """One picture of ``shape``, uint8: turned upright, reduced to 8 bits, resized (bilinear).

    Raises
    ------
    DataError
        The file is no picture, is too large, or has transparent pixels without a channel for them.
    """
    return _read(path, shape)[0]


def _read(path: Path, shape: tuple[int, int, int]) -> tuple[np.ndarray, float]:
    """The picture, and the ratio between its proportions and the proportions of ``shape``."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=sorted(set(_FORMATS.values()))) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise DataError(
                    f"{path}: has {image.width} x {image.height} pixels, more than "
                    f"{_MOST_PIXELS:,}; make it smaller."
                )
            upright = _eight_bits(ImageOps.exif_transpose(image))
            if shape[2] != 4 and _is_transparent(upright):
                raise DataError(
                    f"{path}: has transparent pixels, which {shape[2]} channels can't hold; set "
                    f"input_shape to [{shape[0]}, {shape[1]}, 4], or save the picture without "
                    "transparency."
                )
            converted = upright.convert(_MODES[shape[2]])
            if converted.size != (shape[1], shape[0]):
                converted = converted.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
            times = (upright.width * shape[0]) / (upright.height * shape[1])
            picture = np.asarray(converted, np.uint8).reshape(shape)
            return picture, max(times, 1 / times)
    except (Image.DecompressionBombError, *_ERRORS) as error:
        raise DataError(
            f"{path}: can't be read as an image ({type(error).__name__}); replace or remove it."
        ) from error


def _eight_bits(image: "Image.Image") -> "Image.Image":
    """A grey image of 16 bits reduced to 8 bits. Pillow would clip it at 255."""
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.float64)
    if values.min() < 0 or values.max() > 65_535:
        raise ValueError("more than 16 bits")
    return Image.fromarray(np.round(values / 257).astype(np.uint8), "L")


def _is_transparent(image: "Image.Image") -> bool:
    """Whether any pixel is transparent, fully or in part."""
    if "transparency" not in image.info and "A" not in image.getbands():
        return False
    return image.convert("RGBA").getextrema()[3][0] < 255


def _digest(root: Path, classes: list[str]) -> str:
    """SHA-256 of all names and contents, in order."""
    digest = hashlib.sha256()
    for folder in classes:
        for path in _images(root / folder):
            digest.update(f"{folder}/{path.name}\0{path.stat().st_size}\0".encode())
            with open(path, "rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
    return digest.hexdigest()
