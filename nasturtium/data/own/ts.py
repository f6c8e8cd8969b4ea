"""Format ``ts``: text files of the UEA and UCR archives of time series, with or without gzip.

The lines of the header begin with @. Then each line is a sample: its channels and its label are
separated by colons, and the values of a channel by commas (Bagnall et al. 2018, arXiv 1811.00075;
Löning et al. 2019, arXiv 1909.07872).
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.own import checks, classes, sequences, test_files
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

_LONGEST_LINE, _MOST_BYTES = 2**26, 2**32


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The sequences of one file, or of two if ``test_path`` names the file of the test split.

    A ``?`` or ``NaN`` is a missing value.

    Raises
    ------
    DataError
        Not such a file. The message names the line.
    """
    paths = [own[key] for key in ("path", "test_path") if key in own]
    files = [_File(path, own["task"]) for path in paths]
    if files[-1].channels != files[0].channels:
        raise DataError(
            f"{paths[1]}: has samples of {files[1].channels} channels, but {paths[0]} has samples "
            f"of {files[0].channels}; save both alike."
        )
    parts = [sequences.joined(file.samples, own, file.path) for file in files]
    if parts[-1].shape[1:] != parts[0].shape[1:]:
        raise DataError(
            f"{paths[1]}: has samples of {parts[1].shape[1]} steps, but {paths[0]} has samples of "
            f"{parts[0].shape[1]}; set 'steps'."
        )
    if own["task"] == "classification":
        targets, names = classes.numbered([file.labels for file in files], paths, paths)
    else:
        values = [np.array([_number(label) for label in file.labels]) for file in files]
        found = [checks.targets(part, path) for part, path in zip(values, paths, strict=True)]
        targets, names = np.concatenate(found), None
    described = checks.description(name, own, parts[0].shape[1:], targets, class_names=names)
    return described, Samples(
        features=np.concatenate(parts),
        targets=targets,
        test_from=len(parts[0]) if len(parts) > 1 else None,
        sources=test_files.checksums(paths, paths),
    )


class _File:
    """Samples of one file, float64 of shape (steps, channels), and their labels as text."""

    def __init__(self, path: str, task: str):
        self.path = path
        self.samples: list[np.ndarray] = []
        self.labels: list[str] = []
        self._header: dict[str, list[str]] = {}
        in_data = False
        for number, line in _lines(path):
            where = f"{path}: line {number}"
            if in_data:
                self._add(line, where)
            elif line.startswith("@"):
                key, *values = line[1:].split() or [""]
                in_data = key.lower() == "data"
                self._header[key.lower()] = values
                if in_data:
                    self._check_header(task)
            else:
                raise DataError(
                    f"{where} is not a header line, which begins with @; put a .ts file in its "
                    "place."
                )
        if not self.samples:
            raise DataError(
                f"{path}: has no samples after a line '@data'; put a complete .ts file in its "
                "place."
            )

    @property
    def channels(self) -> int:
        return self.samples[0].shape[1]

    def _check_header(self, task: str) -> None:
        if self._flag("timestamps"):
            raise DataError(
                f"{self.path}: has a time for each value (@timestamps true); save values at equal "
                "intervals, without times."
            )
        key = "classlabel" if task == "classification" else "targetlabel"
        if not self._flag(key):
            raise DataError(
                f"{self.path}: has no line '@{key} true', so it has no target for a {task}; change "
                "'task', or name another file."
            )

    def _flag(self, key: str) -> bool:
        return self._header.get(key, ["false"])[:1] == ["true"]

    def _add(self, line: str, where: str) -> None:
        *channels, label = line.split(":")
        label = label.strip()
        known = self._header.get("classlabel", ["false"])[1:]
        if not label or (known and label not in known):
            raise DataError(
                f"{where} ends with the label '{label[:40]}', which the header does not have; "
                "correct the line or the header."
            )
        try:
            values = [
                np.array(channel.replace("?", "nan").split(","), np.float64) for channel in channels
            ]
        except ValueError as error:
            raise DataError(
                f"{where} has a value that is no number ({str(error)[:80]}); correct it."
            ) from None
        if len({len(channel) for channel in values}) != 1:
            raise DataError(f"{where} has channels of different lengths, or none; correct it.")
        sample = np.stack(values, axis=1)
        if self.samples and sample.shape[1] != self.channels:
            raise DataError(
                f"{where} has {sample.shape[1]} channels, but the line before has {self.channels}; "
                "correct it."
            )
        self.samples.append(sample)
        self.labels.append(label)


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is neither empty nor a comment."""
    opened = gzip.open if str(path).endswith(".gz") else open
    size = number = 0
    try:
        with opened(path, "rb") as file:
            while line := file.readline(_LONGEST_LINE):
                number, size = number + 1, size + len(line)
                if size > _MOST_BYTES or len(line) == _LONGEST_LINE:
                    raise DataError(
                        f"{path}: line {number} is too long; put a .ts file in its place."
                    )
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if text and not text.startswith(("#", "%")):
                    yield number, text
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        said = f"{type(error).__name__}: {str(error)[:100]}"
        raise DataError(
            f"{path}: is not a complete text file ({said}); put a .ts file in its place."
        ) from error


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return np.nan  # the check of targets reports its row
