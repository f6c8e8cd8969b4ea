"""The meter of a process opens and closes windows and computes their energy."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nasturtium.metering import accounting
from nasturtium.metering.accounting import WindowEnergy
from nasturtium.metering.clock import Clock
from nasturtium.metering.discover import Discovery
from nasturtium.metering.sampler import Sampler
from nasturtium.metering.sources import Source, is_readable
from nasturtium.metering.windows import Window
from nasturtium.records.energy import ENERGY, KINDS, POWER
from nasturtium.records.parquet import write_table

logger = logging.getLogger(__name__)


class Meter:
    """Windows over the sources of one process; made by :func:`nasturtium.metering.session`.

    Windows are periods of time, so they may nest and overlap without influencing each other: each
    reads its devices itself at its two ends.
    """

    def __init__(
        self,
        found: Discovery,
        *,
        synchronise: Callable[[], object] | None,
        clock: Clock,
        period_s: float,
    ) -> None:
        self.sampler = Sampler(found.sources, clock, period_s)
        self.clock = clock
        self.none_reason = found.reason or "no source of energy readings was given"
        self.is_closed = False
        self._synchronise = synchronise
        self._open: dict[int, Window] = {}
        self._closed: dict[int, tuple[Window, list[dict[str, Any]]]] = {}
        self._next_id = 0
        self._idle_w: list[float | None] = [None] * len(found.sources)

    @property
    def sources(self) -> Sequence[Source]:
        """The metered devices."""
        return self.sampler.sources

    @property
    def can_measure(self) -> bool:
        """Whether any device can be read; if not, every energy is None."""
        return any(is_readable(source) for source in self.sources)

    @property
    def reason(self) -> str | None:
        """Why nothing can be measured; None if something can."""
        if self.can_measure:
            return None
        reasons = [source.read().reason for source in self.sources]
        return "; ".join(reason for reason in [*reasons, self.none_reason] if reason)

    @contextmanager
    def window(
        self, kind: str, *, key: str, epoch: int | None = None, trial: str | None = None
    ) -> Iterator[Window]:
        """Account for the energy of a block.

        Parameters
        ----------
        kind
            job, fit, epoch, trial, inference or idle.
        key
            The caller's name for it.
        epoch, trial
            The epoch and trial to which it belongs, if any.

        Yields
        ------
        Window
            Pass it to :meth:`energy` after the block.

        Raises
        ------
        ValueError
            An unknown kind.

        Notes
        -----
        If the block raises, the window closes with status ``error`` and its energy so far, and the
        exception is passed on.
        """
        window = self.begin(kind, key=key, epoch=epoch, trial=trial, lexical=True)
        status = "error"
        try:
            yield window
            status = "ok"
        finally:
            self.end(window, status)

    def begin(
        self,
        kind: str,
        *,
        key: str,
        epoch: int | None = None,
        trial: str | None = None,
        lexical: bool = False,
    ) -> Window:
        """Open a window that :meth:`end` closes; for callbacks, which have no block.

        If ``end`` is never called for it (a fit that raised), it is closed with status ``error``
        when the lexical window closes in which it was opened.

        Parameters
        ----------
        kind, key, epoch, trial
            As for :meth:`window`.
        lexical
            Whether the caller always ends it, as a ``with`` block does; windows that callbacks left
            open inside it then end with it.
        """
        if kind not in KINDS:
            raise ValueError(f"'{kind}' is no kind of window; choose one of {', '.join(KINDS)}")
        if self.is_closed:
            raise RuntimeError("the session of this meter is over")
        parent = next(reversed(self._open), None)
        window = Window(self._next_id, kind, key, epoch, trial, parent, lexical=lexical)
        self._next_id += 1
        # Counting processes takes longest and its timing matters least, so it is done outside.
        window.processes = self.sampler.processes()
        window.synchronised = self._synchronised(window)
        window.t0_ns = self.clock.now_ns()
        window.opening = self.sampler.read()
        self._open[window.id] = window
        return window

    def end(self, window: Window, status: str = "ok") -> None:
        """Close a window; closing it again does nothing.

        A failed window is not synchronised: a pending error of the device would replace the current
        exception.
        """
        if self._open.get(window.id) is not window:
            return
        is_synchronised, window.status = False, "error"
        try:
            if status == "ok":
                is_synchronised = self._synchronised(window)
                window.status = status
        finally:
            window.t1_ns = self.clock.now_ns()
            window.closing = self.sampler.read()
            window.synchronised = window.synchronised and is_synchronised
            del self._open[window.id]
            self._abandon_inside(window)
            self._close(window)

    def energy(self, window: Window) -> WindowEnergy:
        """The energy of a closed window.

        Raises
        ------
        RuntimeError
            The window is still open.
        """
        if window.id not in self._closed:
            raise RuntimeError(f"the {window.kind} window '{window.key}' is still open")
        return accounting.total(self._closed[window.id][1])

    def closed_windows(self, kind: str | None = None, trial: str | None = None) -> list[Window]:
        """The closed windows in the order of opening, optionally of one kind or trial.

        This finds windows that a callback opened.
        """
        return [
            window
            for _, (window, _) in sorted(self._closed.items())
            if kind in (None, window.kind) and trial in (None, window.trial)
        ]

    def write(
        self,
        energy_path: str | os.PathLike,
        power_path: str | os.PathLike,
        *,
        identity: Mapping[str, Any],
        code: str,
    ) -> None:
        """Write every window and the trace, each file atomically; after the session only.

        Parameters
        ----------
        energy_path, power_path
            Files with the schemas ``ENERGY`` and ``POWER`` of :mod:`nasturtium.records.energy`.
        identity
            The columns ``dataset``, ``seed`` and ``run``.
        code
            Digest of the modules that made the figures.

        Raises
        ------
        RuntimeError
            The session is still open, or was opened by the parent of this forked process.
        RecordError
            The identity does not fit the schema.
        """
        if not self.sampler.is_ours:
            raise RuntimeError("a forked process can't write the figures of its parent's meter")
        if not self.is_closed:
            raise RuntimeError("the session is still open, so its last windows have no end yet")
        windows = (
            {**identity, **row, "t0_wall": self.clock.wall(row["t0_ns"])}
            for _, (_, rows) in sorted(self._closed.items())
            for row in rows
        )
        samples = (
            {**identity, "device_id": source.device.id, **row}
            for source, trace in zip(self.sources, self.sampler.traces, strict=True)
            for row in trace.rows()
        )
        write_table(energy_path, ENERGY, windows, code=code)
        write_table(power_path, POWER, samples, code=code)

    def remark(self, text: str) -> None:
        """Add ``text`` to the reason column of every window that is open."""
        for window in self._open.values():
            window.notes.append(text)

    def close(self) -> None:
        """Close what is still open, stop the sampler and release the devices."""
        for window in reversed(list(self._open.values())):
            window.notes.append("left open until the session ended")
            self.end(window, "error")
        self.is_closed = True
        if not self.sampler.is_ours:
            return
        has_stopped = self.sampler.stop()
        for source in self.sources:
            for reason, count in source.errors.items():
                logger.warning("%s: %s (%d times)", source.device.id, reason, count)
            if has_stopped:
                source.close()
        if not has_stopped:
            logger.warning("The power sampler hangs in a driver call; its devices stay open.")

    def _synchronised(self, window: Window) -> bool:
        """Wait until the device has finished its work; returns whether that is known."""
        if self._synchronise is None or not self.sampler.is_ours:
            return False
        try:
            self._synchronise()
        except RuntimeError as error:
            # TensorFlow can't synchronise inside a tf.function; then the window is slightly less
            # accurate, and the training continues.
            window.notes.append(f"not synchronised: {error}")
            return False
        return True

    def _abandon_inside(self, window: Window) -> None:
        """Close windows of callbacks that a block left open, since nothing else does."""
        if not window.lexical:
            return
        for other in [one for one in self._open.values() if one.id > window.id]:
            if not other.lexical:
                other.notes.append(f"never ended; closed with the {window.kind} window around it")
                other.t1_ns, other.closing = window.t1_ns, window.closing
                other.status, other.synchronised = "error", False
                del self._open[other.id]
                self._close(other)

    def _close(self, window: Window) -> None:
        later = self.sampler.processes()
        window.processes = [
            _larger(before, after) for before, after in zip(window.processes, later, strict=True)
        ]
        rows = accounting.window_rows(
            window,
            self.sources,
            self.sampler.traces,
            period_s=self.sampler.period_s,
            idle_w=self._idle_w,
            none_reason=self.none_reason,
        )
        self._closed[window.id] = window, rows
        if window.kind == "idle" and window.status == "ok":
            self._idle_w = accounting.mean_powers_w(rows, self.sources)


def _larger(before: tuple, after: tuple) -> tuple:
    if before[0] is None:
        return after
    return before if after[0] is None else max(before, after, key=lambda count: count[0])
