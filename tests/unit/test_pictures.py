"""Folders of pictures from cameras and programs: the same pixels, or a sentence."""

import numpy as np
import pytest
from PIL import Image

from nasturtium.data import notices, prepared, readers
from nasturtium.data.own import image_folder
from nasturtium.errors import DataError

HEIGHT, WIDTH = 6, 4
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
# What a camera stores for each value of EXIF's Orientation, so that turned back it is PIXELS.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}
ORIENTATION = 0x0112


def read(folder, channels: int) -> np.ndarray:
    own = {
        "path": str(folder),
        "task": "classification",
        "input_shape": [HEIGHT, WIDTH, channels],
        "reference": {"mlp": [2]},
    }
    _, samples = image_folder.read("pictures", own)
    return np.concatenate(list(samples.features))


def saved(tmp_path, image: Image.Image, **options):
    for name in "ab":
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "0.png", **options)
    return tmp_path


@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_turned_as_its_camera_says(tmp_path, orientation):
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation](PIXELS)))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = read(saved(tmp_path, image, exif=exif), 3)
    np.testing.assert_array_equal(found, [PIXELS, PIXELS])


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    grey = PIXELS[..., 0]
    image = Image.fromarray(grey.astype(np.uint16) * 257)
    found = read(saved(tmp_path, image), 1)
    np.testing.assert_array_equal(found[0, ..., 0], grey)


def test_transparent_pixels_are_refused_where_no_channel_holds_them(tmp_path):
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    alpha[2, 3] = 128
    folder = saved(tmp_path, Image.fromarray(np.concatenate([PIXELS, alpha], axis=-1)))
    with pytest.raises(DataError, match=r"0.png: has transparent pixels, which 3 channels"):
        read(folder, 3)
    np.testing.assert_array_equal(read(folder, 4)[0, ..., 3:], alpha)


def test_a_transparent_colour_of_a_palette_is_seen(tmp_path):
    image = Image.fromarray(PIXELS).quantize(8)
    with pytest.raises(DataError, match="transparent pixels"):
        read(saved(tmp_path, image, transparency=image.getpixel((0, 0))), 3)


def test_classes_that_differ_in_blanks_are_refused(tmp_path):
    for name in ("a", "a ", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(PIXELS).save(tmp_path / name / "0.png")
    with pytest.raises(DataError, match="'a' and 'a ' differ only in blanks"):
        read(tmp_path, 3)


def test_an_opaque_picture_with_a_channel_of_transparency_is_taken(tmp_path):
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    image = Image.fromarray(np.concatenate([PIXELS, alpha], axis=-1))
    np.testing.assert_array_equal(read(saved(tmp_path, image), 3)[0], PIXELS)


def of_classes(folder, classes, size):
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        values = np.random.default_rng(number).integers(0, 256, (size[0], size[1], 3), np.uint8)
        Image.fromarray(values).save(folder / name / "1.png")
    return {
        "format": "folder-of-images",
        "path": str(folder),
        "input_shape": [8, 8, 3],
        "task": "classification",
        "reference": {"mlp": [2]},
    }


@pytest.mark.parametrize(
    ("size", "count"), [((8, 8), 0), ((16, 16), 0), ((9, 8), 0), ((8, 32), 1), ((20, 10), 1)]
)
def test_pictures_that_are_stretched_are_said(tmp_path, size, count):
    own = of_classes(tmp_path / "p", "ab", size)
    with notices.collected() as warnings:
        prepared.write(tmp_path / "out", *readers.read_described("mine", own), warnings)
    assert len(warnings) == count
    assert all("2 of 2 pictures have other proportions than 8 x 8" in w for w in warnings)


def test_folders_of_splits_are_no_classes(tmp_path):
    own = of_classes(tmp_path / "p", ("train", "test"), (8, 8))
    with pytest.raises(DataError, match="has the folders test and train, which are splits"):
        readers.read_described("mine", own)
