"""The report's pages: every run is there, and every figure that is missing says why."""

import html
from html.parser import HTMLParser

import pytest

from nasturtium.records.checksums import write_json
from nasturtium.records.metrics import METRICS
from nasturtium.report.cost import costs
from nasturtium.report.html import figure, table
from nasturtium.report.pages import about, cost, summary_table
from nasturtium.report.summary import readable
from nasturtium.stages import pages
from tests.generated_study import summarised, write_study, write_summary


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rows = write_study(folder, "digits", seeds=1, ratios=[0.5], trials=1, epochs=2, measured=False)
    rows += write_study(folder, "cars", seeds=2, ratios=[0.5], trials=1, epochs=2, regression=True)
    return summarised(rows)


class Addresses(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href")]


def test_the_summary_has_a_line_a_run(rows):
    text = summary_table(rows)
    # And of each baseline, a constant and a linear model.
    assert text.count("<tr>") == len(rows) + 2 * 3 + 1
    assert text.count("(a constant)") == 3
    assert 'title="no NVIDIA driver">not measured</td>' in text


def test_the_summary_shows_the_int8_file(rows):
    (row,) = (r for r in rows if r["dataset"] == "digits" and r["run"] == "baseline")
    shown = (
        f"{100 * row['tflite_int8_accuracy']:.2f}</td>",
        f"{row['tflite_int8_accuracy_change_points']:+.2f} (",
        f"{row['tflite_int8_bytes'] / 1000:,.1f}</td>",
        f"{row['tflite_int8_arena_bytes'] / 1000:,.1f}</td>",
        f"{1000 * row['tflite_latency_p50_ms']:.1f}</td>",
    )
    for page in (summary_table([row]), readable([row])):
        for text in shown if page.startswith("<") else shown[1:2]:
            assert text in page
    missing = {name: None for name in row if name.startswith("tflite_int8")}
    without = {**row, **missing, "tflite_int8_reason": "LSTM has no int8 form"}
    assert summary_table([without]).count('title="LSTM has no int8 form"') == 5


def test_a_page_fetches_nothing(rows):
    for text in (summary_table(rows), cost(rows), about(rows, {"seeds": [0]})):
        reader = Addresses()
        reader.feed(text)
        assert reader.found == []
        assert "http" not in text


def test_a_figure_sorts_by_its_value_and_not_by_its_text():
    assert 'data-value="12345.0">12,345</td>' in str(figure(12345.0, ",.0f"))
    assert ">-</td>" in str(figure(None, ",.0f"))
    assert "&lt;script&gt;" in table(("run",), [["<script>"]])


def test_the_cost_is_a_sum_or_a_reason(rows):
    found = {(spent.dataset, spent.stage): spent for spent in costs(rows)}
    digits, cars = found["digits", "baseline"], found["cars", "baseline"]
    assert digits.energy_j is None
    assert digits.reason == "no NVIDIA driver"
    mine = [r for r in rows if (r["dataset"], r["stage"]) == ("cars", "baseline")]
    assert cars.jobs == 2
    assert cars.energy_j == pytest.approx(sum(row["job_energy_j"] for row in mine))
    assert cars.duration_s == pytest.approx(sum(row["job_duration_s"] for row in mine))


def test_a_stage_measured_in_part_has_no_sum(rows):
    mine = [dict(row) for row in rows if row["dataset"] == "cars"]
    mine[0]["job_energy_j"] = None
    spent = costs(mine)[0]
    assert spent.energy_j is None
    assert "1 of 2 jobs not measured" in spent.reason


def test_configuration_versions_and_machine_are_named(rows):
    text = about(rows, {"seeds": [0], "pruning": {"ratios": [0.5]}})
    for part in ("ratios:", "tensorflow", "snakemake", "A CPU of nobody", "A GPU of nobody"):
        assert part in text


@pytest.fixture(scope="module")
def written(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    drawn = []
    for dataset in ("digits", "cars"):
        for name in ("choice", "tradeoff"):
            drawn.append(folder / dataset / "figures" / f"{name}.svg")
            drawn[-1].parent.mkdir(parents=True, exist_ok=True)
            drawn[-1].write_text(f"<svg xmlns='http://www.w3.org/2000/svg'>{name}</svg>")
    card, split = folder / "digits" / "dataset.json", folder / "digits" / "seed0.split.json"
    described = {"input_shape": [2], "classes": 1, "class_names": ["one"]}
    warned = ["column 'id' is odd"]
    write_json(card, {"samples": 9, "description": described, "warnings": warned})
    counts = {name: {"samples": 3, "label_counts": [3]} for name in ("train", "validation", "test")}
    write_json(split, {"seed": 0, **counts, "warnings": ["no sample of class 'b'"]})
    pages.run(
        write_summary(
            folder, [{k: v for k, v in row.items() if k in METRICS.names} for row in rows]
        ),
        figures=drawn,
        index_path=folder / "index.html",
        front_path=folder / "front.html",
        folder=folder,
        config={"datasets": ["digits", "cars", "broken"]},
        cards=[card],
        splits=[split],
    )
    return folder


def test_what_was_warned_of_stands_on_every_page_of_the_data(written):
    for name in ("index", "data"):
        text = (written / f"{name}.html").read_text()
        assert "column &#x27;id&#x27; is odd" in text
        assert "Seed 0: no sample of class" in text


def test_one_page_answers_and_fetches_nothing(written):
    text = (written / "index.html").read_text()
    reader = Addresses()
    reader.feed(text)
    assert len(reader.found) == 4
    assert all(address.startswith("data:image/svg+xml;base64,") for address in reader.found)
    assert "http" not in text
    # The verdict comes before any figure, and the choice's figure before the rest.
    assert text.index("most accurate") < text.index("<img") < text.index("All figures")
    assert "test MAE (kEUR)" in text
    assert "(a linear model)" in text
    assert "broken: no verdict, since there is no baseline" in text


def test_the_report_begins_with_the_same_page(written):
    front = html.unescape((written / "front.html").read_text())
    page = (written / "index.html").read_text()
    begin, end = page.index("<h2>digits</h2>"), page.index("<h2>All figures</h2>")
    assert page[begin:end].strip() in front
    assert "<script>" not in (written / "front.html").read_text()
