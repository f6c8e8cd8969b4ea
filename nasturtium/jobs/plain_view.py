"""A run in plain lines, for a pipe or a file: one where a job begins, one where it ends."""

import sys
import time
from collections.abc import Mapping

from nasturtium.jobs.live_view import JobLines, clock
from nasturtium.jobs.logs import shown


class PlainView(JobLines):
    """Prints permanent lines, and each sentence once: many jobs say the same."""

    def __init__(self):
        super().__init__()
        self._said: set[str] = set()
        self._begun_s: dict[int, float] = {}

    def say(self, text: str) -> None:
        """Print a line."""
        sys.stderr.write(f"{shown(text.rstrip())}\n")
        sys.stderr.flush()

    def begin(self, job: int) -> None:
        """Say that a job begins; Snakemake tells of a job more than once."""
        if job not in self._begun_s and self._counts(job):
            self._begun_s[job] = time.monotonic()
            self.say(f"begins  {self.state.label(job)}")

    def end(self, job: int, *, failed: bool = False) -> None:
        """Say that a job has ended, and how far the run is."""
        self._refresh()
        if not self._counts(job):
            return
        done = sum(map(self.state.done, self.state.planned))
        total = sum(self.state.planned.values())
        took = clock(time.monotonic() - self._begun_s.get(job, time.monotonic()))
        what = "FAILED " if failed else "is done"
        self.say(f"{what} {self.state.label(job)}, {took} ({done} of {total} jobs are done)")

    def _counts(self, job: int) -> bool:
        return self.state.label(job).split()[0] in self.state.planned

    def _take(self, line: Mapping) -> None:
        if not line["passing"] and line["text"] not in self._said:
            self._said.add(line["text"])
            self.say(f"        {line['text']}")
