"""Sequences in a long table, ``csv`` or ``parquet``: each row is a step of a sample at a time."""

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from nasturtium.data.catalog import Description
from nasturtium.data.own import checks, classes, sequences, tables, test_files
from nasturtium.data.own.columns import check_same
from nasturtium.data.own.conversion import check_converted, to_moments
from nasturtium.data.own.dialect import date_format
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The sequences of one table, or of two if ``test_path`` names the table of the test split.

    Samples are in the order in which the column ``id`` first names them. Their steps are in the
    order of the column ``time``. All columns except these two and the target are channels, unless
    ``features`` names the channels. The target is the same in all rows of a sample.

    Raises
    ------
    DataError
        Not such a table. The message names column and sample.
    """
    paths = [own[key] for key in ("path", "test_path") if key in own]
    files = [_File(path, own) for path in paths]
    if files[-1].channels != files[0].channels:
        raise DataError(f"{paths[1]}: has other columns than {paths[0]}; save both alike.")
    parts = [sequences.joined(f.samples, own, f.path, f.channels) for f in files]
    if parts[-1].shape != (len(parts[-1]), *parts[0].shape[1:]):
        raise DataError(
            f"{paths[1]}: has samples of {parts[1].shape[1]} steps, but {paths[0]} has samples of "
            f"{parts[0].shape[1]}; set 'steps'."
        )
    wheres = [f"{path}: column '{own['target']}'" for path in paths]
    if own["task"] == "classification":
        labels = [file.targets.to_pylist() for file in files]
        targets, names = classes.numbered(labels, wheres, paths)
    else:
        values = [file.targets.to_numpy() for file in files]
        found = [checks.targets(part, where) for part, where in zip(values, wheres, strict=True)]
        targets, names = np.concatenate(found), None
    described = checks.description(
        name,
        own,
        parts[0].shape[1:],
        targets,
        class_names=names,
        feature_names=tuple(files[0].channels),
    )
    return described, Samples(
        features=np.concatenate(parts),
        targets=targets,
        test_from=len(parts[0]) if len(parts) > 1 else None,
        sources=test_files.checksums(paths, paths),
    )


_NO_TIME = "which is no time like the others; correct it"


class _File:
    """The samples of one file, float64 of shape (steps, channels), and a target for each."""

    def __init__(self, path: str, own: Mapping):
        self.path = path
        keys = [own["id"], own["time"]]
        text = [*keys, own["target"]] if own["task"] == "classification" else keys
        wanted = {"target": own["target"], "categorical": keys}
        if "features" in own:
            wanted["features"] = [*own["features"], *keys]
        columns, _ = tables.read_columns(path, {**own, **wanted}, text)
        self.channels = [name for name in columns if name not in (*keys, own["target"])]
        if not self.channels:
            raise DataError(f"{path}: has only columns of id, time and target; name another file.")
        for name in (*keys, own["target"]):
            if columns[name].null_count or not len(columns[name]):
                raise DataError(
                    f"{path}: column '{name}' lacks a value; correct or remove the row."
                )
        ids = columns[own["id"]].combine_chunks().dictionary_encode()
        check_same(ids.dictionary.to_pylist(), f"{path}: column '{own['id']}'")
        times = f"{path}: column '{own['time']}'"
        sample = ids.indices.to_numpy()
        time = _moments(columns[own["time"]], own.get("date_format"), path, own["time"], times)
        order = np.lexsort((time, sample))
        same = (np.diff(sample[order]) == 0) & (np.diff(time[order]) == 0)
        if same.any():
            twice = ids[int(order[np.argmax(same)])]
            raise DataError(
                f"{path}: sample '{twice}' has two rows with the same '{own['time']}'; remove one."
            )
        starts = np.flatnonzero(np.diff(sample[order], prepend=-1))
        values = np.stack(
            [columns[n].cast(pa.float64(), safe=False).to_numpy() for n in self.channels], axis=1
        )
        self.samples = np.split(values[order], starts[1:])
        self.targets = self._one_each(columns[own["target"]], sample, order[starts], own, ids)

    def _one_each(self, column, sample, first, own, ids) -> pa.ChunkedArray:
        codes = column.combine_chunks().dictionary_encode().indices.to_numpy()
        differs = codes != codes[first][sample]
        if differs.any():
            raise DataError(
                f"{self.path}: sample '{ids[int(np.argmax(differs))]}' has more than one "
                f"'{own['target']}'; give it one target."
            )
        return column.take(pa.array(first))


def _moments(
    column: pa.ChunkedArray, written: str | None, path: str, name: str, where: str
) -> np.ndarray:
    """Times as numbers that sort like them: numbers, dates, or texts in one form such as 09:30.

    Raises
    ------
    DataError
        The times are texts, and their alphabetical order is no order in time.
    """
    try:
        return column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        encoded = column.combine_chunks().dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        format_ = written or date_format(texts, path, name)
        if format_:
            moments = to_moments(pa.chunked_array([encoded.dictionary]), format_)
            check_converted(pa.chunked_array([encoded.dictionary]), moments, where, 1, _NO_TIME)
            return moments.cast(pa.int64()).to_numpy()[encoded.indices.to_numpy()]
        # Texts such as 09:30 can be sorted. This fails for 9:30 and 10:30, and step2 and step10.
        forms = {re.sub(r"\d", "0", text) for text in texts}
        if len(forms) > 1:
            longest = max(texts, key=len)
            odd = next(t for t in texts if re.sub(r"\d", "0", t) != re.sub(r"\d", "0", longest))
            raise DataError(
                f"{where}: has {odd[:40]!r} and {longest[:40]!r}, which can't be sorted by time; "
                "write numbers or dates, or write all in one form, such as 09:30."
            ) from None
        return np.argsort(np.argsort(np.array(texts), kind="stable"))[encoded.indices.to_numpy()]
