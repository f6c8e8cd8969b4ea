"""Files of a few bytes that expand to very many are refused before they take memory."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from nasturtium.data.own import image_folder, tables
from nasturtium.data.own.table_files import read_parquet
from nasturtium.errors import DataError

ROOT = Path(__file__).parents[2]
# What a refused file may take at its most.
MOST_BYTES = 600 * 2**20


def rows(path):
    """Two constant columns of 1.2e8 rows, 1.9 GB."""
    many = pa.table({"x": np.ones(4 * 10**6, np.int64), "y": np.ones(4 * 10**6)})
    with pyarrow.parquet.ParquetWriter(path, many.schema) as file:
        for _ in range(30):
            file.write_table(many)


def texts(path):
    """A text of one megabyte in each of 15,700 rows, 15.7 GB in all."""
    number = pa.array(np.zeros(15_700, np.int32))
    text = pa.DictionaryArray.from_arrays(number, ["x" * 10**6])
    pyarrow.parquet.write_table(pa.table({"x": text, "y": np.ones(15_700)}), path)


@pytest.mark.parametrize(("bomb", "categorical"), [(rows, []), (rows, ["x"]), (texts, ["x"])])
def test_a_table_is_bounded_by_what_it_decodes_to(tmp_path, bomb, categorical):
    path = tmp_path / "bomb.parquet"
    bomb(path)
    assert path.stat().st_size < 1_300_000
    own = {
        "format": "parquet",
        "path": str(path),
        "task": "regression",
        "target": "y",
        "categorical": categorical,
    }
    code = f"""
import resource
import pyarrow.compute, pyarrow.parquet
from nasturtium.data.own import tables
from nasturtium.errors import DataError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    tables.read("mine", {own!r})
except DataError as error:
    print(error)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30)),
    )
    said, used_bytes = done.stdout.splitlines()
    assert "bomb.parquet: decodes to more than 268,435,456 bytes" in said
    assert int(used_bytes) < MOST_BYTES


def test_a_sound_table_is_what_it_was(tmp_path):
    path = tmp_path / "a.parquet"
    many = 40_000
    table = pa.table(
        {
            "number": np.arange(many, dtype=np.int16),
            "text": [f"text {i % 7}" if i % 11 else None for i in range(many)],
            "whole": pa.array([i % 3 for i in range(many)]),
            "kind": pa.array(["a", "b"] * (many // 2)).dictionary_encode(),
        }
    )
    pyarrow.parquet.write_table(table, path, row_group_size=9_000)
    read = read_parquet(str(path), list, ["text", "whole", "kind"])
    assert read["number"].to_pylist() == table["number"].to_pylist()
    assert read["text"].to_pylist() == table["text"].to_pylist()
    assert read["whole"].to_pylist() == [str(i % 3) for i in range(many)]
    assert read["kind"].to_pylist() == ["a", "b"] * (many // 2)


def test_an_empty_table_has_its_columns(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table({"x": pa.array([], pa.int64())}), path)
    assert len(read_parquet(str(path), list, [])["x"]) == 0
    own = {"format": "parquet", "path": str(path), "task": "regression", "target": "x"}
    with pytest.raises(DataError, match="has no"):
        tables.read("mine", own)


def test_pictures_are_hashed_as_a_stream(tmp_path, monkeypatch):
    from PIL import Image

    (tmp_path / "a").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "a" / "1.png")
    known = image_folder._digest(tmp_path, ["a"])
    monkeypatch.setattr(image_folder, "_BLOCK_BYTES", 7)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read as a whole"))
    assert image_folder._digest(tmp_path, ["a"]) == known
