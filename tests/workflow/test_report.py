"""The report in a real browser, with the network off, at the scale of a large study."""

import os
import shutil
import time

import pytest

from nasturtium.records.parquet import read_rows
from tests.workflow.generated_project import generated_project

pytestmark = pytest.mark.long

RATIOS = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95]
FIGURES = 12
PAGES = 4


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A study of 200 runs and 500 trials, its figures and its report; and how long these took."""
    folder = tmp_path_factory.mktemp("report") / "project"
    project = generated_project(folder, seeds=5, ratios=RATIOS, trials=50)
    # No network while building: nothing listens at the discard port.
    dead = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    start_s = time.monotonic()
    for arguments in ([], ["--report", "report.html"]):
        command = ["--rerun-triggers", "mtime", *arguments]
        done = project.snakemake(*command, environment=dead)
        assert done.returncode == 0, done.stdout + done.stderr
    project.duration_s = time.monotonic() - start_s
    return project


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser, built):
    context = browser.new_context(offline=True, viewport={"width": 1500, "height": 950})
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda request: page.faults.append(request.url[:200]))
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.goto(built.path("report.html").as_uri())
    page.wait_for_selector("text=Results")
    yield page
    context.close()


def entries(page):
    """The buttons of the open list that show something."""
    return page.locator("a[iconname=eye]")


def test_a_large_study_is_drawn_and_reported_in_a_minute(built):
    rows = read_rows(built.path("results/summary.parquet"))
    trials = list(built.path("results").glob("*/*/*/trials.parquet"))
    assert len(rows) >= 200
    assert sum(len(read_rows(path)) for path in trials) == 500
    assert built.duration_s < 60
    assert built.path("report.html").stat().st_size < 10e6


def test_every_figure_is_shown(page, built):
    page.click("text='digits'")
    page.wait_for_selector("nav >> text='All stages'")
    names = page.evaluate("Object.keys(categories['digits'])")
    shown = set()
    for name in names:
        page.click(f"nav >> text='{name}'")
        for number in range(entries(page).count()):
            entries(page).nth(number).click()
            image = page.locator("img[src^='data:image/svg']").last
            image.wait_for()
            page.wait_for_function("() => [...document.images].every((image) => image.complete)")
            width = image.evaluate("image => Math.min(image.naturalWidth, image.offsetWidth)")
            assert width > 300, name
            shown.add(image.get_attribute("src"))
        page.click("nav >> text='digits'")
    assert len(shown) == FIGURES
    assert page.faults == []


def test_the_table_has_all_rows_and_sorts(page, built):
    rows = read_rows(built.path("results/summary.parquet"))
    page.click("text='All data sets'")
    entry = page.locator("tr", has_text="summary of every run").locator("a[iconname=eye]")
    entry.click()
    frame = page.frame_locator("iframe")
    body = frame.locator("tbody tr")
    body.first.wait_for()
    # And of each of the five seeds, a constant and a linear model.
    assert body.count() == len(rows) + 2 * 5
    head = frame.locator("th", has_text="parameters").first
    for best in (min, max):
        head.click()
        first = body.first.locator("td").nth(6).inner_text()
        assert int(first.replace(",", "")) == best(row["parameters"] for row in rows)
    frame.locator("input").fill("nas_with_pruning")
    assert body.locator("visible=true").count() == 5
    assert page.faults == []


def test_all_pages_of_the_study_are_there(page):
    page.click("text='All data sets'")
    entries(page).first.wait_for()
    assert entries(page).count() == PAGES
    entries(page).first.click()
    assert page.frame_locator("iframe").locator("h1").inner_text()
    assert page.faults == []


if os.environ.get("NASTURTIUM_PICTURES"):

    def test_pictures(page):
        """Screenshots to look at, in the folder that the variable names."""
        folder = os.environ["NASTURTIUM_PICTURES"]
        page.screenshot(path=f"{folder}/start.png")
        page.click("text='All data sets'")
        page.locator("tr", has_text="summary of every run").locator("a[iconname=eye]").click()
        page.frame_locator("iframe").locator("tbody tr").first.wait_for()
        page.screenshot(path=f"{folder}/summary.png")
        page.click("text='Results'")
        page.click("text='digits'")
        page.click("nav >> text='All stages'")
        entries(page).nth(1).click()
        page.wait_for_timeout(500)
        page.screenshot(path=f"{folder}/tradeoff.png")
        page.locator("a[iconname=information-circle]").nth(1).click()
        page.wait_for_timeout(300)
        page.screenshot(path=f"{folder}/caption.png")
