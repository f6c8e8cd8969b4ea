"""The live view of a whole run: what is done, what is running, how long the rest may take.

Fed by Snakemake's log events and by the lines of the jobs themselves (``nasturtium.jobs.logs``).
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nasturtium.jobs.logs import LIVE_VIEW
from nasturtium.plain_text import shown

_REFRESH_S = 0.3


@dataclass
class _Running:
    rule: str
    name: str
    start_s: float


@dataclass
class State:
    """What is known of the run.

    Attributes
    ----------
    planned
        Number of jobs by rule.
    durations_s
        Wall times of the finished jobs by rule, seconds.
    """

    planned: dict[str, int] = field(default_factory=dict)
    durations_s: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    running: dict[int, _Running] = field(default_factory=dict)
    start_s: float = field(default_factory=time.monotonic)
    _known: dict[int, tuple[str, str]] = field(default_factory=dict)

    def plan(self, stats: Mapping[str, int]) -> None:
        """Take Snakemake's number of jobs by rule; the rule ``all`` does nothing."""
        self.planned = {rule: n for rule, n in stats.items() if rule not in ("all", "total")}

    def know(self, job: int, rule: str, wildcards: Mapping[str, str] | None) -> None:
        """Take a job's rule and wildcards; they are announced before the job starts."""
        self._known[job] = (rule, " ".join(value for value in (wildcards or {}).values() if value))
        self.begin(job)

    def begin(self, job: int) -> None:
        """A job starts."""
        if job in self._known and job not in self.running:
            self.running[job] = _Running(*self._known[job], time.monotonic())

    def finish(self, job: int) -> None:
        """A job succeeded."""
        ended = self.running.pop(job, None)
        if ended is not None:
            self.durations_s.setdefault(ended.rule, []).append(time.monotonic() - ended.start_s)

    def fail(self, job: int) -> None:
        """A job failed."""
        ended = self.running.pop(job, None)
        if ended is not None:
            self.failed[ended.rule] = self.failed.get(ended.rule, 0) + 1

    def label(self, job: int) -> str:
        """A job's rule and wildcards, as they were announced."""
        return " ".join(part for part in self._known.get(job, ("a job", "")) if part)

    def done(self, rule: str) -> int:
        """Finished jobs of ``rule``."""
        return len(self.durations_s.get(rule, []))

    def left(self, rule: str) -> int:
        """Jobs of ``rule`` that have not started yet."""
        running = sum(job.rule == rule for job in self.running.values())
        return max(0, self.planned[rule] - self.done(rule) - self.failed.get(rule, 0) - running)

    def remaining_s(self) -> float | None:
        """Estimate of the remaining time: each rule's mean so far, divided among parallel jobs.

        A rule of which nothing has finished counts with the mean of all jobs. None before the
        first job has finished.
        """
        everything = [value for values in self.durations_s.values() for value in values]
        if not everything:
            return None
        usual_s = statistics.fmean(everything)
        mean_s = {
            rule: statistics.fmean(self.durations_s.get(rule) or [usual_s]) for rule in self.planned
        }
        waiting = sum(mean_s[rule] * self.left(rule) for rule in self.planned)
        now_s = time.monotonic()
        running = sum(
            max(0.0, mean_s.get(job.rule, usual_s) - (now_s - job.start_s))
            for job in self.running.values()
        )
        return (waiting + running) / max(1, len(self.running))


class JobLines:
    """Follows the messages of the jobs, which write to a file that their environment names."""

    def __init__(self):
        self.state = State()
        descriptor, name = tempfile.mkstemp(prefix="nasturtium-live-", suffix=".jsonl")
        os.close(descriptor)
        self._lines = Path(name)
        self._read = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """From here on, jobs that start write to this view."""
        os.environ[LIVE_VIEW] = str(self._lines)
        self._thread.start()

    def close(self) -> None:
        """Show the remaining messages and remove the file."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._refresh()
        os.environ.pop(LIVE_VIEW, None)
        self._lines.unlink(missing_ok=True)

    def forget_steps(self) -> None:
        """A job has ended: its last step says nothing of the next job."""

    def _take(self, line: Mapping) -> None:
        raise NotImplementedError

    def _follow(self) -> None:
        while not self._ended.wait(_REFRESH_S):
            self._refresh()

    def _refresh(self) -> None:
        with open(self._lines, encoding="utf-8") as file:
            file.seek(self._read)
            text = file.read()
        whole = text.rpartition("\n")[0]
        if whole:
            self._read += len(whole.encode()) + 1
            for line in whole.splitlines():
                self._take(json.loads(line))


class LiveView(JobLines):
    """Draws a :class:`State` at the bottom of the terminal; permanent lines scroll above it."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console
        self._passing: dict[int, str] = {}
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to draw."""
        self._live = Live(self.render(), console=self._console, auto_refresh=False)
        self._live.start()
        super().start()

    def say(self, text: str) -> None:
        """Print a permanent line."""
        self._console.print(Text(shown(text.rstrip("\n"))))

    def forget_steps(self) -> None:
        """A job has ended: its last step says nothing of the next job."""
        if not self.state.running:
            self._passing = {}

    def close(self) -> None:
        """Draw a last time and give the terminal back."""
        super().close()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def render(self) -> Group:
        """The current view."""
        state = self.state
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column("stage")
        for name in ("done", "running", "left", "failed"):
            table.add_column(name, justify="right")
        for rule in state.planned:
            running = sum(job.rule == rule for job in state.running.values())
            numbers = (state.done(rule), running, state.left(rule), state.failed.get(rule, 0))
            style = "bold" if running else "dim" if not state.left(rule) else ""
            table.add_row(rule, *(str(n) if n else "-" for n in numbers), style=style)
        now_s = time.monotonic()
        jobs = [
            Text(f"> {job.rule} {job.name}, {clock(now_s - job.start_s)}", style="bold")
            for job in state.running.values()
        ]
        steps = [Text(f"  {text}") for text in self._passing.values()]
        return Group(self._bar(now_s), table, *jobs, *steps)

    def _bar(self, now_s: float) -> Table:
        total = sum(self.state.planned.values())
        done = sum(map(self.state.done, self.state.planned))
        remaining_s = self.state.remaining_s()
        left = "?" if remaining_s is None else f"about {clock(remaining_s)}"
        bar = Table.grid(padding=(0, 2, 0, 0))
        bar.add_row(
            ProgressBar(total=max(1, total), completed=done, width=30),
            f"{done} of {total} jobs",
            f"{clock(now_s - self.state.start_s)} gone, {left} to go",
        )
        return bar

    def _refresh(self) -> None:
        super()._refresh()
        if self._live is not None:
            self._live.update(self.render(), refresh=True)

    def _take(self, line: Mapping) -> None:
        if line["passing"]:
            self._passing.pop(line["job"], None)
            self._passing[line["job"]] = line["text"]
            # Nothing else connects a job's process with Snakemake's number for the job.
            for old in list(self._passing)[: -max(1, len(self.state.running))]:
                del self._passing[old]
        else:
            self.say(f"  {line['text']}")


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
