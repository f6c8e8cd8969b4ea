"""The report's pages: every run is there, and every figure that is missing says why."""

from html.parser import HTMLParser

import pytest

from nasturtium.report.cost import costs
from nasturtium.report.html import figure, table
from nasturtium.report.pages import about_page, cost_page, summary_page
from nasturtium.report.summary import with_ratios
from tests.generated_study import write_study


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rows = write_study(folder, "digits", seeds=1, ratios=[0.5], trials=1, epochs=2, measured=False)
    rows += write_study(folder, "cars", seeds=2, ratios=[0.5], trials=1, epochs=2, regression=True)
    return with_ratios(rows)


class Addresses(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href")]


def test_the_summary_has_a_line_a_run(rows):
    text = summary_page(rows)
    assert text.count("<tr>") == len(rows) + 1
    assert 'title="no NVIDIA driver">not measured</td>' in text


def test_a_page_fetches_nothing(rows):
    for text in (summary_page(rows), cost_page(rows), about_page(rows, {"seeds": [0]})):
        reader = Addresses()
        reader.feed(text)
        assert reader.found == []
        assert "http" not in text


def test_a_figure_sorts_by_its_value_and_not_by_its_text():
    assert 'data-value="12345.0">12,345</td>' in str(figure(12345.0, ",.0f"))
    assert ">-</td>" in str(figure(None, ",.0f"))
    assert "&lt;script&gt;" in table(("run",), [["<script>"]])


def test_the_cost_is_a_sum_or_a_reason(rows):
    found = {(cost.dataset, cost.stage): cost for cost in costs(rows)}
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
    cost = costs(mine)[0]
    assert cost.energy_j is None
    assert "1 of 2 jobs not measured" in cost.reason


def test_configuration_versions_and_machine_are_named(rows):
    text = about_page(rows, {"seeds": [0], "pruning": {"ratios": [0.5]}})
    for part in ("ratios:", "tensorflow", "snakemake", "A CPU of nobody", "A GPU of nobody"):
        assert part in text
