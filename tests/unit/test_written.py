"""CSV and Parquet files from practice: encodings, notations, dates, truth values."""

import datetime
import gzip
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasturtium.data import notices, readers
from nasturtium.data.own import described
from nasturtium.deployment.inputs import describe_inputs, features_of
from nasturtium.errors import ConfigError, DataError


def prepared_form(name, own):
    """Description and samples, with all features in memory."""
    description, samples = readers.read_described(name, own)
    return description, replace(samples, features=np.concatenate(list(samples.features)))


def read(folder, text, saved_as="utf-8", **own):
    path = folder / "a.csv"
    path.write_bytes(text.encode(saved_as))
    described_as = {
        "format": "csv",
        "path": str(path),
        "task": "regression",
        "target": "y",
        "reference": {"mlp": [2]},
        **own,
    }
    description, samples = prepared_form("mine", described_as)
    return description, samples, path


def column(read_as, name):
    description, samples, _ = read_as
    return samples.features[:, description.feature_names.index(name)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "iso-8859-2"])
def test_texts_of_any_encoding_are_the_same(tmp_path, encoding):
    text = "größe,farbe,y\n1,grün,1\n2,weiß,2\n3,grün,3\n"
    own = {"encoding": encoding} if encoding == "iso-8859-2" else {}
    with notices.collected() as said:
        found = read(tmp_path, text, saved_as=encoding, categorical=["farbe"], **own)
    assert found[0].feature_names == ("größe", "farbe=grün", "farbe=weiß")
    guessed = encoding == "windows-1252"
    assert [("read as Windows-1252" in line) for line in said] == [True] * guessed
    # What predicts reads the same file alike.
    given = features_of(describe_inputs(found[0], None), found[2])
    np.testing.assert_array_equal(given, found[1].features)


def test_a_packed_file_is_read_as_the_file_itself(tmp_path):
    plain = read(tmp_path, "a;b;y\n1,5;yes;1\n2,5;no;2\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(plain[2].read_bytes()))
    own = {"format": "csv", "task": "regression", "target": "y", "reference": {"mlp": [2]}}
    packed = prepared_form("mine", {**own, "path": str(tmp_path / "a.csv.gz")})
    np.testing.assert_array_equal(packed[1].features, plain[1].features)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(plain[2].read_bytes())[:-9])
    with pytest.raises(DataError, match=r"a\.csv\.gz: "):
        prepared_form("mine", {**own, "path": str(tmp_path / "a.csv.gz")})


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"a,y\n1\x00,2\n")
    with pytest.raises(DataError, match="no text; save it as CSV"):
        prepared_form(
            "mine",
            {
                "format": "csv",
                "path": str(tmp_path / "b.csv"),
                "task": "regression",
                "target": "y",
                "reference": {"mlp": [2]},
            },
        )


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("a,y\n1234.5,10\n-2.25,20\n1e3,30\n", {}),
        ("a;y\n1234,5;10\n-2,25;20\n1e3;30\n", {}),
        ("a\ty\n1.234,5\t10\n-2,25\t20\n1.000\t30\n", {}),
        ('a,y\n"1,234.5",10\n-2.25,20\n"1,000",30\n', {}),
        ("a;y\n1 234,5;10\n-2,25;20\n1 000;30\n", {}),
        ("a;y\n1'234.5;10\n-2.25;20\n1'000;30\n", {}),
        ("a|y\n1234.5|10\n-2.25|20\n1000|30\n", {}),
        ("a;y\n1.234,5;10\n-2,25;20\n1.000;30\n", {"thousands": "."}),
        ('a,y\n"1234,5",10\n"-2,25",20\n"1000",30\n', {"decimal": ","}),
    ],
)
def test_numbers_are_the_same_in_every_notation(tmp_path, text, own):
    found = read(tmp_path, text, **own)
    np.testing.assert_array_equal(column(found, "a"), np.float32([1234.5, -2.25, 1000]))
    np.testing.assert_array_equal(found[1].targets, [10, 20, 30])
    given = features_of(describe_inputs(found[0], None), found[2])
    np.testing.assert_array_equal(given, found[1].features)


def test_a_number_of_two_meanings_is_asked_about(tmp_path):
    text = "a;y\n1,234;1\n5,678;2\n"
    with pytest.raises(
        DataError, match="'1,234', whose comma may be a decimal or a thousands sign"
    ):
        read(tmp_path, text)
    assert column(read(tmp_path, text, decimal=","), "a")[0] == np.float32(1.234)
    assert column(read(tmp_path, text, thousands=","), "a")[0] == 1234


def test_a_number_with_separators_elsewhere_is_no_number(tmp_path):
    text = 'a,y\n"1,234",1\n"12,34",2\n'
    with pytest.raises(DataError, match="row 3 has '12,34', which is not a number"):
        read(tmp_path, text, thousands=",")


def test_usual_marks_of_missing_values_are_said(tmp_path):
    text = "a,b,y\n1,?,1\n2,5,2\nNA,6,3\n-,7,4\n"
    with notices.collected() as said:
        found = read(tmp_path, text, missing="median")
    np.testing.assert_array_equal(np.isnan(found[1].features), [[0, 1], [0, 0], [1, 0], [1, 0]])
    assert "column 'a' has '-', which is read as a missing value" in said[0]
    assert "column 'b' has '?', which is read as a missing value" in said[1]
    # A category of that name stays one.
    kept = read(tmp_path, "a,b,y\n1,?,1\n2,x,2\n", categorical=["b"])
    assert kept[0].feature_names == ("a", "b=?", "b=x")


def test_marks_of_the_user_s_own(tmp_path):
    text = "a,b,y\n-999,x,1\n2,unknown,2\n3,x,3\n"
    found = read(
        tmp_path, text, missing="mean", categorical=["b"], missing_values=["-999", "unknown"]
    )
    assert found[0].feature_names == ("a", "b=(missing)", "b=x")
    assert np.isnan(column(found, "a")[0])
    filled = features_of(describe_inputs(found[0], np.array([2.5, 0, 0])), found[2])
    assert filled[0].tolist() == [2.5, 0, 1]


@pytest.mark.parametrize("words", [("true", "False"), ("YES", "no"), ("t", "f"), ("Y", "n")])
def test_words_of_truth_become_one_and_zero(tmp_path, words):
    yes, no = words
    found = read(tmp_path, f"a,b,y\n{yes},1,1\n{no},2,2\n{yes},3,3\n")
    assert column(found, "a").tolist() == [1, 0, 1]
    inputs = describe_inputs(found[0], None)
    frame = {"a": [yes, no], "b": [1, 2]}
    np.testing.assert_array_equal(features_of(inputs, frame), found[1].features[:2])
    frame["a"] = [True, False]
    np.testing.assert_array_equal(features_of(inputs, frame), found[1].features[:2])
    with pytest.raises(DataError, match="row 1 has 'perhaps', which is no truth value"):
        features_of(inputs, {"a": ["perhaps"], "b": [1]})


DAYS = [datetime.date(2024, 2, 29), datetime.date(1969, 12, 31), datetime.date(2023, 7, 3)]


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y"]
)
def test_dates_become_numbers(tmp_path, form):
    lines = [f"{day.strftime(form)},{row},{row}" for row, day in enumerate(DAYS)]
    found = read(tmp_path, "\n".join(["sold,a,y", *lines]) + "\n")
    assert found[0].feature_names == (
        *("sold.days", "sold.year", "sold.month", "sold.weekday"),
        "a",
    )
    expected = [[(d - datetime.date(1970, 1, 1)).days, d.year, d.month, d.weekday()] for d in DAYS]
    np.testing.assert_array_equal(found[1].features[:, :4], expected)
    inputs = describe_inputs(found[0], None)
    np.testing.assert_array_equal(features_of(inputs, found[2]), found[1].features)
    frame = {"a": [0, 1, 2], "sold": DAYS}
    np.testing.assert_array_equal(features_of(inputs, frame), found[1].features)
    frame["sold"] = [day.strftime(form) for day in DAYS]
    np.testing.assert_array_equal(features_of(inputs, frame), found[1].features)


def test_day_and_month_that_can_not_be_told_apart_are_asked_for(tmp_path):
    text = "sold,y\n01/02/2024,1\n03/04/2024,2\n"
    with pytest.raises(DataError, match="day and month can't be told apart"):
        read(tmp_path, text)
    found = read(tmp_path, text, date_format="%m/%d/%Y")
    assert column(found, "sold.month").tolist() == [1, 3]


def test_a_time_of_day_is_a_part_too_and_a_mistake_is_named(tmp_path):
    text = "at,y\n2024-01-01 06:30,1\n2024-01-02T18:00:00Z,2\n"
    with pytest.raises(DataError, match="column 'at', which is not a number"):
        read(tmp_path, text)
    good = "at,y\n2024-01-01 06:30:00,1\n2024-01-02T18:00:00,2\n"
    assert column(read(tmp_path, good), "at.hour").tolist() == [6.5, 18]
    rows = "".join(f"2024-01-{1 + i % 28:02},{i}\n" for i in range(100_000))
    with pytest.raises(DataError, match="row 100002 has 'tomorrow', which is no date like"):
        read(tmp_path, "at,y\n" + rows + "tomorrow,1\n")


def test_dates_and_truth_values_of_parquet(tmp_path):
    table = pa.table({"sold": DAYS, "new": [True, False, None], "y": [1.0, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet")
    own = {
        "format": "parquet",
        "path": str(tmp_path / "a.parquet"),
        "task": "regression",
        "target": "y",
        "missing": "mean",
        "reference": {"mlp": [2]},
    }
    description, samples = prepared_form("mine", own)
    assert description.feature_names[:2] == ("sold.days", "sold.year")
    np.testing.assert_array_equal(samples.features[:, 4], [1, 0, np.nan])
    fill = np.full(5, 0.5)
    given = features_of(describe_inputs(description, fill), tmp_path / "a.parquet")
    np.testing.assert_array_equal(given[2], [*samples.features[2, :4], 0.5])


def test_a_test_file_may_have_another_order_and_encoding(tmp_path):
    (tmp_path / "t.csv").write_bytes("y;ü;a\n4;grün;1,5\n".encode("windows-1252"))
    found = read(
        tmp_path,
        "a;ü;y\n2,5;grün;1\n3,5;rot;2\n",
        categorical=["ü"],
        test_path=str(tmp_path / "t.csv"),
    )
    assert found[1].features[2].tolist() == [1.5, 1, 0]
    (tmp_path / "t.csv").write_text("y;ü;b\n4;grün;1,5\n")
    with pytest.raises(DataError, match=r"t.csv: has no column 'a', which .*a.csv has"):
        read(
            tmp_path,
            "a;ü;y\n2,5;grün;1\n3,5;rot;2\n",
            categorical=["ü"],
            test_path=str(tmp_path / "t.csv"),
        )


def test_the_card_says_what_became_of_each_column(tmp_path):
    text = "a,b,c,y\n1,x,yes,1\n,z,no,2\n5,x,no,4\n"
    _, samples, _ = read(tmp_path, text, categorical=["b"], missing="median")
    reports = {report["name"]: report for report in samples.columns}
    assert reports["a"] == {
        "name": "a",
        "kind": "number",
        "missing": 1,
        "distinct": 2,
        "lowest": 1.0,
        "highest": 5.0,
        "became": "standardised, missing filled by the median of the train split",
    }
    assert reports["b"]["became"] == "2 columns of zeros and ones"
    assert (reports["b"]["kind"], reports["c"]["kind"]) == ("category", "truth value")
    assert (reports["y"]["kind"], reports["y"]["highest"]) == ("target", 4.0)


def test_a_regression_of_texts_is_told_of_classification(tmp_path):
    with pytest.raises(DataError, match="not a number; correct it, or set 'task: class"):
        read(tmp_path, "a,y\n1,cheap\n2,dear\n")


def test_one_sign_can_not_be_both(tmp_path):
    own = {
        "format": "csv",
        "path": "x",
        "task": "regression",
        "target": "y",
        "reference": {"mlp": [2]},
        "decimal": ",",
        "thousands": ",",
    }
    with pytest.raises(ConfigError, match="thousands' is also the decimal sign"):
        described.check("mine", own)
