"""Data that look like something else give a warning or are refused."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from nasturtium.data import notices, prepared, readers
from nasturtium.data.own import tables
from nasturtium.errors import DataError

ROWS = 60
DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=ROWS), DRAW.normal(size=ROWS)


def read(folder, kind="csv", columns=None, **own):
    """Warnings that the table of ``columns`` is read with."""
    table, path = pa.table({"x": X, "y": Y, **(columns or {})}), folder / f"a.{kind}"
    (pyarrow.csv.write_csv if kind == "csv" else pyarrow.parquet.write_table)(table, path)
    given = {"format": kind, "path": str(path), "task": "regression", "target": "y"}
    with notices.collected() as warnings:
        tables.read("mine", {**given, "reference": {"mlp": [2]}, **own})
    return warnings


COUNTED = np.arange(ROWS)
DATES = 20240101 + 100 * (COUNTED % 12) + COUNTED % 28
MARKED = np.where(COUNTED % 9 == 0, -999, np.abs(X))
SUSPICIOUS = {
    "from 0": ("t", COUNTED, "column 't' counts the rows"),
    "from 1": ("...1", COUNTED + 1, r"column '\.\.\.1' counts the rows"),
    "shuffled names": (
        "customer_id",
        COUNTED[::-1] * 3,
        "has a different whole number in each row",
    ),
    "dates": ("day", DATES, "such as 20240101, which look like dates"),
    "low marks": ("z", MARKED, "has -999 7 times, far from all other values"),
    "high marks": ("z", np.where(COUNTED % 9 == 0, 9999, np.abs(X)), "has 9999 7 times"),
    "target": ("z", Y, "column 'z' is the same as the target"),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("case", SUSPICIOUS)
def test_a_column_that_seems_to_be_something_else_is_warned_of(tmp_path, kind, case):
    name, values, said = SUSPICIOUS[case]
    (warning,) = read(tmp_path, kind, {name: values})
    assert re.search(said, warning)
    # Who names the columns has looked at them.
    assert read(tmp_path, kind, {name: values}, features=["x", name]) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("year", 1990 + COUNTED % 30),
        ("price", 20_240_000 + 7919 * COUNTED % 99_999),
        ("balance", np.where(COUNTED == 3, -999, 400 * X)),
        ("id", COUNTED % 7),
        ("share", COUNTED / ROWS),
        ("temperature", np.where(COUNTED % 9 == 0, -9, 20 * X)),
    ],
)
def test_a_column_like_others_is_read_without_a_word(tmp_path, name, values):
    assert read(tmp_path, columns={name: values}) == []


SPACED = ["New York", "New  York", "Rome"]
PRECOMPOSED = ["caf\u00e9", "cafe\u0301", "Rome"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (SPACED, "'New  York' and 'New York' differ only in blanks"),
        (["New York", "New\u00a0York", "Rome"], "differ only in blanks"),
        (PRECOMPOSED, "differ only in the Unicode form of their letters"),
    ],
)
@pytest.mark.parametrize("use", ["label", "category", "array"])
def test_names_that_look_the_same_are_refused(tmp_path, names, said, use):
    texts = [names[n % 3] for n in COUNTED]
    np.savez(tmp_path / "a.npz", x=X[:, np.newaxis], y=np.array(texts))
    uses = {
        "category": lambda: read(tmp_path, columns={"c": texts}, categorical=["c"]),
        "label": lambda: read(tmp_path, columns={"y": texts}, task="classification"),
        "array": lambda: archive(tmp_path, task="classification"),
    }
    with pytest.raises(DataError, match=said):
        uses[use]()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Yes", "yes", "no"], "'Yes' and 'yes' differ only in case, and count as two"),
        (["1.0", "1", "2"], "'1' and '1.0' differ as texts, not as numbers"),
        (["01", "1", "2"], "'01' and '1' differ as texts, not as numbers"),
        (["?", "a", "b"], r"'\?' looks like a missing label"),
        (["unknown", "a", "b"], "'unknown' looks like a missing label"),
    ],
)
def test_labels_that_nearly_look_the_same_are_said(tmp_path, names, said):
    texts = [names[n % 3] for n in COUNTED]
    (warning,) = read(tmp_path, columns={"y": texts}, task="classification")
    assert re.search(said, warning)


def archive(folder, **own):
    given = {"format": "npz", "path": str(folder / "a.npz"), "task": "regression"}
    with notices.collected() as warnings:
        description, _ = readers.read_described("mine", {"reference": {"mlp": [2]}, **given, **own})
    return description, warnings


def test_a_target_that_is_the_same_everywhere_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"its target is 4\.5 for all samples"):
        read(tmp_path, columns={"y": np.full(ROWS, 4.5)})
    np.savez(tmp_path / "a.npz", x=X[:, np.newaxis], y=np.zeros(ROWS))
    with pytest.raises(DataError, match="its target is 0 for all samples"):
        archive(tmp_path)


def test_images_a_little_above_one_are_not_divided_by_255(tmp_path):
    images = np.clip(DRAW.random((ROWS, 4, 4, 3)) * 1.2, 0, 1).astype(np.float32) * 1.0000005
    assert images.max() > 1
    np.savez(tmp_path / "a.npz", x=images, y=COUNTED % 2)
    description, warnings = archive(tmp_path, task="classification")
    assert (description.input_scale, warnings) == (1.0, [])


def test_sequences_with_their_channels_first_are_said(tmp_path):
    for shape, count in (((ROWS, 3, 32), 1), ((ROWS, 32, 3), 0), ((ROWS, 32), 0)):
        np.savez(tmp_path / "a.npz", x=DRAW.normal(size=shape), y=Y)
        _, warnings = archive(tmp_path, kind="sequence", reference={"mlp": [2]})
        assert len(warnings) == count
    np.savez(tmp_path / "a.npz", x=DRAW.normal(size=(ROWS, 3, 32)), y=Y)
    _, (warning,) = archive(tmp_path, kind="sequence")
    assert "read as 3 steps of 32 channels; if the channels come first" in warning


@pytest.mark.parametrize(
    ("values", "is_said"),
    [
        (DRAW.integers(0, 4096, (8, 6, 6)).astype(np.uint16), True),
        (DRAW.integers(0, 17, (8, 6, 6)).astype(np.uint8), True),
        (DRAW.integers(0, 65_536, (8, 6, 6)).astype(np.uint16), False),
        (DRAW.integers(0, 256, (8, 6, 6)).astype(np.uint8), False),
    ],
)
def test_pictures_that_use_little_of_their_scale_are_said(tmp_path, values, is_said):
    for number, picture in enumerate(values):
        (tmp_path / "p" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "p" / "ab"[number % 2] / f"{number}.png")
    own = {"format": "folder-of-images", "path": str(tmp_path / "p"), "input_shape": [6, 6, 1]}
    own |= {"task": "classification", "reference": {"mlp": [2]}}
    with notices.collected() as warnings:
        prepared.write(tmp_path / "out", *readers.read_described("mine", own), warnings)
    assert len(warnings) == is_said
    assert all("the brightest value of all pictures is 1" in warning for warning in warnings)
    assert prepared.read_card(tmp_path / "out")["warnings"] == warnings


def sequences(folder, times, channel=None, ids="a{}", **own):
    """Sequences of ten steps, whose channel counts them in their true order; and the warnings."""
    lines = [
        f"{ids.format(sample)},{time},{step if channel is None else channel[step]},{sample % 2}"
        for sample in range(4)
        for step, time in enumerate(times)
    ]
    path = folder / "s.csv"
    path.write_text("\n".join(["id,t,x,y", *lines[::-1]]), encoding="utf-8")
    given = {"format": "csv", "path": str(path), "kind": "sequence", "task": "classification"}
    given |= {"id": "id", "time": "t", "target": "y", "reference": {"mlp": [2]}}
    with notices.collected() as warnings:
        samples = readers.read_described("mine", {**given, **own})[1]
    return samples.features[0, :, 0].tolist(), warnings


@pytest.mark.parametrize(
    "times",
    [
        range(5, 15),
        [f"{28 - 2 * n:02}.{n + 1:02}.2024" for n in range(10)],
        [f"{n + 1:02}/{28 - n}/2024" for n in range(10)],
        [f"2024-01-0{n}T10:00:00" for n in range(1, 10)] + ["2024-02-01T09:00:00"],
        [f"{n + 5:02}:30" for n in range(10)],
        [f"step{n + 5:02}" for n in range(10)],
    ],
)
def test_steps_are_in_the_order_of_their_times(tmp_path, times):
    assert sequences(tmp_path, times) == ([*range(10)], [])


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([f"{n + 5}:30" for n in range(10)], "column 't': has '9:30' and '14:30'"),
        ([f"step{n + 5}" for n in range(10)], "has 'step9' and 'step14'"),
        ([f"0{n}/05/2024" for n in range(1, 10)] + ["10/05/2024"], "can't be told apart"),
    ],
)
def test_times_without_an_order_are_refused(tmp_path, times, said):
    with pytest.raises(DataError, match=said):
        sequences(tmp_path, times)


def test_a_day_before_the_month_can_be_told(tmp_path):
    times = [f"0{n}/05/2024" for n in range(1, 10)] + ["10/05/2024"]
    assert sequences(tmp_path, times, date_format="%d/%m/%Y") == ([*range(10)], [])


def test_samples_whose_names_look_the_same_are_refused(tmp_path):
    (tmp_path / "s.csv").write_text("id,t,x,y\na,1,1,0\na ,2,1,0\nb,1,1,1\n", encoding="utf-8")
    given = {"format": "csv", "path": str(tmp_path / "s.csv"), "kind": "sequence"}
    given |= {"task": "classification", "id": "id", "time": "t", "target": "y"}
    with pytest.raises(DataError, match="column 'id': 'a' and 'a ' differ only in blanks"):
        readers.read_described("mine", {**given, "reference": {"mlp": [2]}})


def test_a_channel_with_a_number_for_what_is_missing_is_said(tmp_path):
    channel = [-999 if step == 3 else step for step in range(10)]
    _, (warning,) = sequences(tmp_path, range(10), channel)
    assert "channel 'x' has -999 4 times" in warning


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["one two three four five six", "one two"], None),
        (["one two three four five six", "one two three four five seven"], "increase 'length'"),
        (["这部电影很好看", "这部电影不好看"], "set 'tokens: characters'"),
    ],
)
def test_texts_that_are_read_otherwise_than_meant_are_said(tmp_path, texts, said):
    path = tmp_path / "t.csv"
    lines = [f"{texts[n % 2]},{n % 2}" for n in range(20)]
    path.write_text("\n".join(["s,y", *lines]), encoding="utf-8")
    net = {"textcnn": {"embedding": 2, "filters": 2, "kernel_sizes": [2], "dense": []}}
    given = {"format": "csv", "path": str(path), "kind": "text", "task": "classification"}
    with notices.collected() as warnings:
        readers.read_described(
            "mine", {**given, "text": "s", "target": "y", "length": 5, "reference": net}
        )
    assert len(warnings) == (said is not None)
    assert all(said in warning for warning in warnings)
