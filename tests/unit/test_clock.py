"""A wall clock that is set back, and a missing font."""

import ast
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nasturtium
from nasturtium import metering
from nasturtium.metering import clock
from nasturtium.report import style

PACKAGE = Path(nasturtium.__file__).parent


def test_a_clock_that_is_set_back_changes_no_duration(monkeypatch, tmp_path):
    begin = datetime.now(UTC)
    jumps = iter(range(10**6))

    class Back(datetime):
        @classmethod
        def now(cls, tz=None):
            return begin - timedelta(hours=next(jumps))

    monkeypatch.setattr(clock, "datetime", Back)
    monkeypatch.setattr(time, "time", lambda: -3600.0 * next(jumps))
    start_s = time.monotonic()
    with metering.session(sources=[], idle_s=0) as meter:
        with meter.window("fit", key="test") as window:
            time.sleep(0.05)
        lasted_s = meter.energy(window).duration_s
    assert 0.05 <= lasted_s <= time.monotonic() - start_s
    # Two moments of one job keep their distance, whatever the clock did between them.
    apart = meter.clock.wall(window.t1_ns) - meter.clock.wall(window.t0_ns)
    assert abs(apart.total_seconds() - lasted_s) < 0.001


def test_the_wall_clock_is_read_in_one_place_only():
    readers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                call = f"{node.value.id}.{node.attr}"
                if call in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow"):
                    readers.add(path.relative_to(PACKAGE).as_posix())
    assert readers == {"metering/clock.py"}


def test_a_missing_font_is_named_in_the_log_and_the_figure_drawn(tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(style._LOOK, "font.family", "No Such Font")
    with caplog.at_level(logging.WARNING), style.matplotlib.rc_context(style._LOOK):
        drawn, axes = style.new_figure(1, 1, 4, 3)
        axes[0, 0].set_title("title")
        drawn.savefig(tmp_path / "figure.svg")
    assert "No Such Font" in caplog.text
    assert (tmp_path / "figure.svg").read_text().rstrip().endswith("</svg>")
