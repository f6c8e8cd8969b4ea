"""The one metering session of a process, and access to its meter."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from nasturtium.metering.clock import Clock
from nasturtium.metering.discover import Discovery, discover
from nasturtium.metering.meter import Meter
from nasturtium.metering.sources import Source

logger = logging.getLogger(__name__)

IDLE_S = 10.0

_current: Meter | None = None


def current() -> Meter | None:
    """The meter of this process; None outside a session, and in a forked child."""
    if _current is None or not _current.sampler.is_ours:
        return None
    return _current


@contextmanager
def session(
    *,
    synchronise: Callable[[], object] | None = None,
    sources: Sequence[Source] | None = None,
    period_s: float = 0.1,
    idle_s: float = IDLE_S,
    key: str = "job",
    clock: Clock | None = None,
    thread: bool = True,
) -> Iterator[Meter]:
    """Meter this process: discover the sources, start the sampler, open the ``job`` window.

    Parameters
    ----------
    synchronise
        Waits for the device, e.g. ``tensorflow.test.experimental.sync_devices``; called at both
        ends of every window. None: windows are not synchronised, and say so.
    sources
        Sources to read, instead of every GPU that this process sees and every CPU package. The
        session closes them.
    period_s
        The sampler's period.
    idle_s
        Length of an ``idle`` window before the ``job`` window, so that every energy has an idle
        power beside it; left out if nothing can be measured. 0 for none.
    key
        Name of the ``job`` window.
    clock, thread
        The caller's clock, and whether a thread samples; a replay has its own clock and calls
        ``meter.sampler.sample`` itself.

    Yields
    ------
    Meter
        Its windows can be read and written after the block, also if that raised.

    Raises
    ------
    RuntimeError
        This process already has a session: two samplers would use one driver, and a callback could
        not know to which session it belongs.
    """
    global _current
    if current() is not None:
        raise RuntimeError("this process already has a metering session")
    found = discover() if sources is None else Discovery(list(sources), None)
    meter = Meter(found, synchronise=synchronise, clock=clock or Clock(), period_s=period_s)
    _current = meter
    if meter.can_measure:
        names = ", ".join(source.device.name or source.device.id for source in meter.sources)
        logger.info("Metering the energy of %s.", names)
    else:
        logger.info("Energy can't be measured here: %s.", meter.reason)
    try:
        if thread and meter.can_measure:
            meter.sampler.start()
        # Outside the job, whose energy is that of its work.
        if idle_s > 0 and meter.can_measure:
            with meter.window("idle", key=key):
                meter.clock.sleep(idle_s)
        with meter.window("job", key=key):
            yield meter
    finally:
        _current = None
        meter.close()
