"""Converts a user's raw samples to a net's inputs, exactly as for its training.

A sample that does not fit is an error that names row and column. Nothing is guessed: a net gives a
prediction for any input, and for a wrong input it looks like any other.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.text import encoded as encoded_texts
from nasturtium.data.text import numbers_of
from nasturtium.deployment.columns import REMEDY, Column, encoded, filled, from_frame
from nasturtium.deployment.number_format import sources, with_numbers
from nasturtium.errors import DataError

_TABLES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_ARRAYS = (".npy", ".npz")


def describe_inputs(
    description: Description, fill: np.ndarray | None, words: Sequence[str] | None = None
) -> dict[str, object]:
    """What :func:`features_of` needs to know, ready for JSON.

    Parameters
    ----------
    fill
        Replacement for missing values of each column or channel, shape (columns,); None if nothing
        is imputed.
    words
        For texts: the vocabulary, as :func:`nasturtium.data.splits.stored_words` returns it.
    """
    shape = list(description.input_shape)
    if description.is_image:
        return {
            "kind": "pictures",
            "shape": shape,
            "largest_value": description.input_scale,
            "picture_files": description.picture_files,
        }
    if description.kind == "text":
        return {"kind": "text", "shape": shape, **description.text, "words": list(words)}
    fills = [None] * shape[-1] if fill is None else [float(value) for value in fill]
    if description.kind != "table" or description.feature_names is None:
        return {"kind": "numbers", "shape": shape, "fill": None if fill is None else fills}
    categories = description.categories or {}
    numeric = shape[0] - sum(map(len, categories.values()))
    columns = [
        {"name": name, "fill": fills[i]}
        for i, name in enumerate(description.feature_names[:numeric])
    ]
    columns += [{"name": name, "categories": [*found]} for name, found in categories.items()]
    dialect = description.dialect
    return {"kind": "table", "shape": shape, "columns": columns, "dialect": dialect}


def features_of(inputs: Mapping, samples: object, separator: str | None = None) -> np.ndarray:
    """``samples`` as the net takes them: float32 of shape (samples, \\*input_shape).

    Parameters
    ----------
    inputs
        As from :func:`describe_inputs`.
    samples
        For a table: a pandas data frame or a mapping from column to values, with columns in any
        order and possibly others; or the path of a CSV or Parquet file; if no column is
        categorical, also an array of shape (samples, columns). For sequences: an array of shape
        (samples, steps, channels). For images: an array of shape (samples, height, width,
        channels), or paths of image files if the net was trained on files. For texts: one text, or
        a sequence of them; the result then has int32 tokens. An ``.npy`` file, or an ``.npz`` with
        one array, may replace an array.
    separator
        Separator of a CSV file; None for that of the training file.

    Raises
    ------
    DataError
        A column is missing, a category is unknown, a value is missing (and not imputed), not
        finite, not a number or out of range, or the shape is wrong.
    """
    if inputs["kind"] == "text":
        return _from_texts(inputs, samples)
    if isinstance(samples, str | os.PathLike):
        path = Path(samples)
        if not path.exists():
            raise DataError(f"{path}: there is no such file; correct the path.")
        if path.suffix.lower() in _TABLES:
            return _from_table_file(inputs, path, separator)
        if path.suffix.lower() in _ARRAYS:
            return _from_array(inputs, _load_array(path), str(path))
        return _from_pictures(inputs, _visible(path) if path.is_dir() else [path])
    if isinstance(samples, Mapping) or hasattr(samples, "columns"):
        wanted = _columns(inputs, "The samples")
        return from_frame(wanted, with_numbers(samples, inputs.get("dialect")))
    if isinstance(samples, Sequence) and samples and isinstance(samples[0], str | os.PathLike):
        return _from_pictures(inputs, [Path(path) for path in samples])
    return _from_array(inputs, samples, "The samples")


def _from_texts(inputs: Mapping, samples: object) -> np.ndarray:
    texts = [samples] if isinstance(samples, str) else samples
    if not isinstance(texts, Sequence) and not hasattr(texts, "tolist"):
        raise DataError("The samples: are no texts; give this net a text or a list of texts.")
    texts = list(texts)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError("The samples: are not all texts; give this net only texts.")
    return encoded_texts(texts, inputs, numbers_of(inputs["words"]), len(texts))


def _from_table_file(inputs: Mapping, path: Path, separator: str | None) -> np.ndarray:
    # Not imported for images: a small machine may not have pyarrow.
    from nasturtium.data.own import table_files
    from nasturtium.data.own.dialect import Dialect

    wanted, written = _columns(inputs, str(path)), inputs.get("dialect")
    dialect = Dialect.from_dict(written) if written else Dialect()
    names = sources([column.name for column in wanted], written)
    text = [column.name for column in wanted if column.categories]

    def choose(found: Sequence[str]) -> list[str]:
        table_files.check_names(str(path), found, names)
        return names

    if _TABLES[path.suffix.lower()] == "csv":
        dialect = dialect.of_file(str(path))
        if separator is not None:
            dialect = replace(dialect, separator=separator)
        table = table_files.read_csv(str(path), choose, text, dialect, REMEDY)
        first_row = 2
    else:
        table = table_files.read_parquet(str(path), choose, text, REMEDY)
        first_row = 1

    def values(column: Column) -> np.ndarray | list:
        found = table[column.name]
        return found.to_pylist() if column.categories else found.to_numpy()

    return encoded(wanted, values, str(path), first_row)


def _columns(inputs: Mapping, where: str) -> list[Column]:
    if inputs["kind"] != "table":
        raise DataError(
            f"{where}: columns have names, but this net takes arrays without names; give it an "
            f"array of shape (samples, {', '.join(map(str, inputs['shape']))})."
        )
    return [
        Column(c["name"], c.get("fill"), tuple(c["categories"]) if "categories" in c else None)
        for c in inputs["columns"]
    ]


def _load_array(path: Path) -> np.ndarray:
    try:
        loaded = np.load(path)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = list(loaded.files)
            chosen = names[0] if len(names) == 1 else "x"
            if chosen not in names:
                raise DataError(f"{path}: has {', '.join(names)}; save one array with the name x.")
            return loaded[chosen]
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: is no NumPy array; save it with numpy.save.") from error


def _from_array(inputs: Mapping, samples: object, where: str) -> np.ndarray:
    shape = tuple(inputs["shape"])
    array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: has values of type {array.dtype}, not numbers; give numbers.")
    if inputs["kind"] == "table" and any("categories" in c for c in inputs["columns"]):
        raise DataError(
            f"{where}: an array can't have categories, but this net needs them; give a frame or a "
            f"file with the columns {', '.join(c['name'] for c in inputs['columns'])}."
        )
    if array.shape == shape:
        array = array[None]
    if array.shape[1:] == shape[:-1] and shape[-1:] == (1,) and len(shape) == 3:
        array = array[..., None]  # grey pictures, without their axis of channels
    if array.shape[1:] != shape or not len(array):
        raise DataError(
            f"{where}: has shape {np.shape(samples)}, but the net takes (samples, "
            f"{', '.join(map(str, shape))}); reshape it."
        )
    if inputs["kind"] == "pictures":
        return _in_range(array, inputs["largest_value"], where)
    fill = inputs.get("fill")
    if inputs["kind"] == "table":
        fill = [c["fill"] for c in inputs["columns"]]
    # A row of a table, or a step of a sequence.
    rows = array.reshape(-1, shape[-1])
    steps = len(rows) // len(array)
    with_fills = filled(
        rows,
        [None] * shape[-1] if fill is None else fill,
        lambda row, column: f"{where}: row {row // steps + 1}, column {column + 1}",
    )
    return with_fills.reshape(array.shape)


def _in_range(pictures: np.ndarray, largest: float | None, where: str) -> np.ndarray:
    if pictures.dtype.kind == "f" and not np.isfinite(pictures).all():
        picture = int(np.argwhere(~np.isfinite(pictures))[0][0])
        raise DataError(
            f"{where}: picture {picture + 1} has a value that is not finite; correct it."
        )
    low, high = float(pictures.min()), float(pictures.max())
    least = -1.0 if largest == 1 else 0.0
    if largest is not None and (low < least or high > largest):
        raise DataError(
            f"{where}: has values from {low:g} to {high:g}, but the net was trained on values from "
            f"{least:g} to {largest:g}; give pictures with the same scale."
        )
    return pictures.astype(np.float32)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _from_pictures(inputs: Mapping, paths: Sequence[Path]) -> np.ndarray:
    if not inputs.get("picture_files"):
        raise DataError(
            f"{paths[0] if paths else 'The folder'}: is no input for this net, which was not "
            "trained on picture files; give an array of shape (samples, "
            f"{', '.join(map(str, inputs['shape']))})."
        )
    from nasturtium.data.own.image_folder import read_picture

    if not paths:
        raise DataError("The folder: has no pictures; name another folder.")
    shape = tuple(inputs["shape"])
    return np.stack([read_picture(path, shape) for path in paths]).astype(np.float32)
