"""Snakemake's logger plugin ``nasturtium``: on a terminal a live view, elsewhere a few plain lines.

Snakemake finds it by its name where this folder is on the path:
``PYTHONPATH=.:workflow/plugins snakemake --logger nasturtium``, as ``make study`` does.
"""

import logging
import sys

from rich.console import Console
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from nasturtium.jobs.live_view import LiveView
from nasturtium.jobs.plain_view import PlainView


class LogHandler(LogHandlerBase):
    """Turns Snakemake's events into the live view's state."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False  # Snakemake's own, so that --quiet and the like hold
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        console = Console(stderr=True)
        if self.common_settings.dryrun:
            self._view = None  # what would run, and why, is Snakemake's to say
        else:
            self._view = LiveView(console) if console.is_terminal else PlainView()
        self._started = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        try:
            if self._view is None or not self._show(record):
                text = self.format(record)
                if text and self._view is None:
                    print(text, file=sys.stderr)  # noqa: T201
                elif text:
                    self._view.say(text)
        except Exception:  # noqa: BLE001  (logging's own way: a view must not stop the study)
            self.handleError(record)

    def close(self) -> None:
        """Give the terminal back."""
        if self._view is not None and self._started:
            self._view.close()
            self._started = False
        super().close()

    def _show(self, record: logging.LogRecord) -> bool:
        """Whether the view says it, so that no line is needed."""
        state, event = self._view.state, getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            state.plan(record.stats)
            self._view.start()
            self._started = True
        elif event == LogEvent.JOB_INFO:
            state.know(record.jobid, record.rule_name, record.wildcards)
            self._begin(record.jobid)
        elif event == LogEvent.JOB_STARTED:
            for job in record.jobs:
                state.begin(job)
                self._begin(job)
        elif event == LogEvent.JOB_FINISHED:
            state.finish(record.job_id)
            self._end(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            state.fail(record.jobid)
            self._end(record.jobid, failed=True)
            # On a terminal the view only counts it; in plain lines it has been said.
            return isinstance(self._view, PlainView)
        elif event is None or event == LogEvent.ERROR:
            return self._started and record.levelno < logging.WARNING
        return True

    def _begin(self, job: int) -> None:
        if isinstance(self._view, PlainView):
            self._view.begin(job)

    def _end(self, job: int, *, failed: bool = False) -> None:
        if isinstance(self._view, PlainView):
            self._view.end(job, failed=failed)
        self._view.forget_steps()
