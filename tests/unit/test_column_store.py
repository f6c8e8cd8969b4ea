"""Tables larger than memory: columns lie on disk and are read one at a time."""

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from nasturtium.data import prepared, splits
from nasturtium.data.own import column_store, table_files, tables
from nasturtium.data.own.column_store import ColumnStore, RowStore
from nasturtium.data.own.dialect import Dialect
from nasturtium.errors import DataError, StorageError

ROOT = Path(__file__).parents[2]
ROWS, COLUMNS = 150_000, 40


def batches(rows, each):
    for start in range(0, rows, each):
        numbers = np.arange(start, min(rows, start + each))
        yield pa.record_batch({"a": numbers * 0.5, "b": [f"t{n % 7}" for n in numbers]})


def test_columns_come_back_as_they_were_written():
    store = ColumnStore("a.csv")
    store.write(next(batches(1, 1)).schema, batches(1000, 64))
    assert list(store) == ["a", "b"]
    assert store["a"].to_pylist() == [n * 0.5 for n in range(1000)]
    assert store["b"].to_pylist() == [f"t{n % 7}" for n in range(1000)]
    store.replace("a", {"c": store["a"], "d": pa.chunked_array([np.arange(1000)])})
    assert list(store) == ["c", "d", "b"]
    assert store["d"].to_pylist() == list(range(1000))
    assert store["b"][999].as_py() == "t5"
    assert "a" not in store
    with pytest.raises(KeyError):
        store["a"]


def test_columns_of_no_rows_have_their_type():
    store = ColumnStore("a.csv")
    store.write(pa.schema([("a", pa.float64())]), [])
    assert len(store["a"]) == 0
    assert store["a"].type == pa.float64()


def test_rows_come_back_in_blocks(monkeypatch):
    draw = np.random.default_rng(0)
    x, kind = draw.normal(size=100).astype(np.float32), draw.integers(0, 3, 100)
    x[7] = np.nan
    rows = RowStore("a.csv", 100)
    rows.add(x)
    rows.add(kind, 3)
    rows.add(x * 2)
    expected = np.column_stack([x, np.eye(3, dtype=np.float32)[kind], x * 2])
    for block_bytes in (1, 4 * 5 * 7, 2**20):
        monkeypatch.setattr(column_store, "_BLOCK_BYTES", block_bytes)
        np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), expected)
    assert rows.width == 5
    assert not rows.whole


def test_extremes_are_those_of_all_columns():
    rows = RowStore("a.csv", 3)
    rows.add(np.array([3, 4, 250.0]))
    rows.add(np.array([-1, 4, 5.0]))
    assert (rows.low, rows.high, rows.whole) == (-1, 250, True)


def own(path, **more):
    given = {"format": "csv", "path": str(path), "task": "regression", "target": "y"}
    return {**given, "reference": {"mlp": [2]}, **more}


def test_a_full_temporary_folder_is_explained(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "1.5,2\n2.5,3\n" * 9, encoding="utf-8")
    full = functools.partial(open, "/dev/full", "r+b", buffering=0)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StorageError, match=r"a\.csv \(No space left on device\); free some space"):
        tables.read("mine", own(path))


def test_an_error_in_a_late_batch_names_its_row(tmp_path):
    lines = [f'{n},{n},yes,"{n % 900 + 1},000"' for n in range(200_000)]
    text = "\n".join(["x,y,b,t", *lines])
    for right, wrong, said in (
        ("\n150000,150000,", "\n150000,?!,", "row 150002 .* has '\\?!' in the column 'y'"),
        ("\n150000,150000,yes", "\n150000,1,maybe", "column 'b': row 150002 has 'maybe'"),
        ('\n150000,150000,yes,"601,000"', "\n150000,1,yes,x", "column 't': row 150002 has 'x'"),
    ):
        assert right in text
        (tmp_path / "a.csv").write_text(text.replace(right, wrong), encoding="utf-8")
        with pytest.raises(DataError, match=said):
            table_files.read_csv(
                str(tmp_path / "a.csv"),
                list if "t'" in said else lambda names: [n for n in names if n != "t"],
                [],
                Dialect(booleans=("b",), thousands="," if "t'" in said else None),
            )


def test_a_packed_table_is_bounded_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "_LEAST_BOUND_BYTES", 2**20)
    packed = pa.CompressedOutputStream(str(tmp_path / "a.csv.gz"), "gzip")
    with packed as file:
        file.write(b"x,y\n")
        for _ in range(100):
            file.write(b"1,1\n" * 10_000)
    with pytest.raises(DataError, match="over 200 times its size; split it"):
        tables.read("mine", own(tmp_path / "a.csv.gz"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_memory_is_bounded_by_a_column(tmp_path, kind):
    """As float64 the table has 48 MB; in one piece it took 148 MB more than a small one."""
    draw, path = np.random.default_rng(0), tmp_path / f"a.{kind}"
    table = pa.table({f"x{n}": draw.normal(size=ROWS).round(3) for n in range(COLUMNS)})
    if kind == "csv":
        pa.csv.write_csv(table, path)
    else:
        pa.parquet.write_table(table, path)
    described = own(path, format=kind, target="x0", missing="mean")
    small, out = str(tmp_path / "small"), str(tmp_path / "out")
    code = f"""
import re
import numpy as np, pyarrow.compute, pyarrow.csv, pyarrow.parquet
from nasturtium.stages import prepare_data
def peak_bytes():
    # Not ru_maxrss, which begins with the peak of the process that started this one.
    status = open("/proc/self/status").read()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])
prepare_data.run("mine", {small!r}, {own(tmp_path / "small.csv")!r})
before_bytes = peak_bytes()
prepare_data.run("mine", {out!r}, {described!r})
print(peak_bytes() - before_bytes)
"""
    (tmp_path / "small.csv").write_text("x,y\n" + "1.5,2\n2.5,3\n" * 9, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 110e6
    found = np.load(tmp_path / "out" / "features.npy")
    expected = np.column_stack([table[f"x{n}"].to_numpy() for n in range(1, COLUMNS)])
    np.testing.assert_array_equal(found, expected.astype(np.float32))


@pytest.mark.parametrize("impute", ["mean", "median"])
def test_what_missing_values_become_is_the_same_in_parts(tmp_path, monkeypatch, impute):
    draw = np.random.default_rng(0)
    x = draw.normal(3, 50, (500, 7))
    x[draw.random(x.shape) < 0.1] = np.nan
    lines = [
        ",".join("" if np.isnan(v) else f"{v:.5f}" for v in row) + f",{n}"
        for n, row in enumerate(x)
    ]
    names = ",".join(f"x{n}" for n in range(7))
    (tmp_path / "a.csv").write_text("\n".join([f"{names},y", *lines]), encoding="utf-8")
    read = tables.read("mine", own(tmp_path / "a.csv", missing=impute))
    prepared.write(tmp_path / "out", *read)
    found = []
    for fill_bytes, samples in ((2**26, 16_384), (8 * 361 * 2, 50), (1, 3)):
        monkeypatch.setattr(splits, "_FILL_BYTES", fill_bytes)
        monkeypatch.setattr(splits, "_GATHERED_SAMPLES", samples)
        data = prepared.read(tmp_path / "out")
        splits.write_split(tmp_path / "s.npz", data, {"validation": 0.15, "test": 0.15}, 0)
        found.append(splits.stored_fill(tmp_path / "s.npz"))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], found[2], rtol=1e-6)
