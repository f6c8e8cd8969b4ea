"""Damaged files: either the content is what was written, or one sentence names the file."""

import errno
import os
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasturtium.data import prepared
from nasturtium.data.catalog import describe
from nasturtium.data.samples import Samples
from nasturtium.data.splits import training_data, write_split
from nasturtium.errors import DamageError, StorageError
from nasturtium.jobs.logs import _explained
from nasturtium.records.atomic import atomic_path
from nasturtium.records.checksums import check_zip, read_json, write_json
from nasturtium.records.parquet import column, read_rows, write_table
from nasturtium.search.state import SearchState, read_provenance
from nasturtium.stages import summarise

ROWS = [{"name": f"run {i}", "size_j": i / 3} for i in range(40)]
SCHEMA = pa.schema([column("name", pa.string(), "a name"), column("size_j", pa.float64(), "J")])
DRAWN = random.Random(0)


def table(folder):
    write_table(folder / "metrics.parquet", SCHEMA, ROWS, code="abc")
    return folder / "metrics.parquet", lambda: read_rows(folder / "metrics.parquet")


def record(folder):
    state = SearchState(folder)
    state.record({"trial": "0003", "score": 0.1 + 0.2}, [{"epoch": 0, "loss": 1 / 3}])
    path = folder / "trials/trial_0003/trial.json"
    return path, lambda: read_json(path)


def data_set(folder):
    drawn = np.random.default_rng(0)
    samples = Samples(drawn.random((60, 8, 8, 1), np.float32), np.arange(60) % 10, None, {})
    prepared.write(folder, describe("digits"), samples)

    def read():
        data = prepared.read(folder)
        return data.features.tobytes(), data.targets.tobytes(), data.description

    return read


def features(folder):
    read = data_set(folder)
    return folder / "features.npy", read


def targets(folder):
    read = data_set(folder)
    return folder / "targets.npy", read


def card(folder):
    read = data_set(folder)
    return folder / "dataset.json", read


def split(folder):
    data_set(folder)
    data = prepared.read(folder)
    write_split(folder / "seed0.split.npz", data, {"validation": 0.3, "test": 0.3}, seed=0)

    def read():
        taken = training_data(data, folder / "seed0.split.npz")
        return taken.train.targets.tobytes(), taken.validation.features.tobytes()

    return folder / "seed0.split.npz", read


KINDS = [table, record, features, targets, card, split]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bit_that_flips_changes_nothing_unsaid(tmp_path, kind):
    path, read = kind(tmp_path)
    whole, content = read(), path.read_bytes()
    # The ends of a file hold what its readers look at first.
    places = {*range(24), *range(len(content) - 24, len(content))}
    places |= {DRAWN.randrange(len(content)) for _ in range(200)}
    sentences = []
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << DRAWN.randrange(8)
        path.write_bytes(damaged)
        try:
            assert read() == whole, place
        except DamageError as error:
            sentences.append(str(error))
    assert set(sentences) == {f"{path} is damaged; remove it and run the same command again."}
    # Blanks of JSON, and fields of a zip that nobody reads, may change.
    assert len(sentences) > 0.6 * len(places)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["empty", "cut", "zeroed", "noise", "longer"])
def test_a_file_that_is_not_what_was_written_is_named(tmp_path, kind, damage):
    path, read = kind(tmp_path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut": content[: len(content) // 2],
            "zeroed": bytes(len(content)),
            "noise": DRAWN.randbytes(len(content)),
            "longer": content + b"PAR1",
        }[damage]
    )
    if damage == "longer" and kind is split:
        return  # a zip may have a comment
    with pytest.raises(DamageError) as caught:
        read()
    assert str(caught.value) == f"{path} is damaged; remove it and run the same command again."


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_in_a_file_s_place_is_named(tmp_path, kind):
    path, read = kind(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(DamageError) as caught:
        read()
    assert str(caught.value) == (
        f"{path} could not be read: a folder stands in its place; remove it, and run the same "
        "command again."
    )


def test_a_folder_in_place_of_a_table_drops_no_run(tmp_path):
    (tmp_path / "metrics.parquet").mkdir()
    with pytest.raises(DamageError, match="a folder stands in its place"):
        summarise.run(
            [tmp_path / "metrics.parquet"],
            predictions=[],
            trials=[],
            latencies=[],
            table=tmp_path / "s.parquet",
            text=tmp_path / "s.md",
            answer=tmp_path / "verdict.txt",
            verdicts=[],
            devices={},
            code="abc",
        )
    assert not (tmp_path / "s.parquet").exists()


def test_a_folder_in_place_of_an_output_is_named(tmp_path):
    (tmp_path / "summary.md" / "mine").mkdir(parents=True)
    with (
        pytest.raises(StorageError, match="could not be written: a folder stands in its place"),
        atomic_path(tmp_path / "summary.md") as temporary,
    ):
        temporary.write_text("text")
    assert (tmp_path / "summary.md" / "mine").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DamageError, match=r"a.json is missing; run the same command again to"):
        read_json(tmp_path / "a.json")


def test_other_readers_take_a_sealed_table(tmp_path):
    path, _ = table(tmp_path)
    assert pq.read_table(path, page_checksum_verification=True).to_pylist() == ROWS


def test_how_a_search_was_made_is_unknown_where_its_note_is_damaged(tmp_path):
    state = SearchState(tmp_path)
    state.finish({"of": "abc", "workers": 2})
    assert read_provenance(tmp_path) == {"of": "abc", "workers": 2}
    path = tmp_path / "finished"
    path.write_bytes(path.read_bytes().replace(b"2", b"3"))
    assert read_provenance(tmp_path) == {}
    assert read_provenance(tmp_path / "elsewhere") == {}


def test_what_a_search_measured_once_is_checked(tmp_path):
    state = SearchState(tmp_path)
    assert state.measured_once("reference", lambda: [{"loss": 1.5}, {}]) == [{"loss": 1.5}, {}]
    path = tmp_path / "reference.json"
    path.write_bytes(path.read_bytes().replace(b"1.5", b"1.7"))
    with pytest.raises(DamageError, match=f"remove the folder {tmp_path}, and run the same"):
        state.measured_once("reference", dict)


def test_archives_are_checked_by_their_own_checksums(tmp_path):
    path = tmp_path / "model.keras"
    np.savez(path.with_suffix(".npz"), a=np.arange(100))
    content = path.with_suffix(".npz").read_bytes()
    path.write_bytes(content)
    check_zip(path)
    path.write_bytes(content.replace(bytes([50, 0, 0]), bytes([51, 0, 0])))
    with pytest.raises(DamageError, match="is damaged"):
        check_zip(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_what_can_not_be_read_is_not_called_unwritten(tmp_path, monkeypatch, number):
    path = tmp_path / "model.keras"
    path.write_text("")
    # Whoever runs the tests may be allowed to read everything.
    monkeypatch.setattr(os, "access", lambda name, mode: False)
    refused = PermissionError(number, "Permission denied", str(path))
    said = f"{path} could not be read: its owner or mode forbids it; change them, and run the same"
    assert _explained(refused).startswith(said)

    def copy():
        with atomic_path(tmp_path / "copy.keras"):
            raise refused

    with pytest.raises(PermissionError):
        copy()
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr("pathlib.Path.read_bytes", _raise(refused))
    with pytest.raises(DamageError, match=r"a\.json could not be read: its owner or mode"):
        read_json(tmp_path / "a.json")


def test_a_disk_that_gives_nothing_back_is_named():
    said = _explained(OSError(errno.EIO, "Input/output error", "a.npy"))
    assert said.startswith("a.npy could not be read: the disk reports an error")
    said = _explained(IsADirectoryError(errno.EISDIR, "Is a directory", "a.npy"))
    assert said.startswith("a.npy could not be read: a folder stands in its place")


def _raise(error):
    def function(*args):
        raise error

    return function


def test_a_record_with_text_and_numbers_comes_back_as_it_was(tmp_path):
    content = {"b": [1, 2.5, None, "ü\u2028"], "a": {"x": 1e-300, "3": True}}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    assert list(read_json(tmp_path / "a.json")) == ["b", "a"]
