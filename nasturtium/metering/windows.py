"""Windows: periods of time for which energy is accounted."""

from dataclasses import dataclass, field

from nasturtium.metering.integrate import NS
from nasturtium.metering.sources import Reading


@dataclass
class Window:
    """A stretch of time that energy is accounted for."""

    id: int
    kind: str
    key: str
    epoch: int | None = None
    trial: str | None = None
    parent_id: int | None = None
    t0_ns: int = 0
    t1_ns: int | None = None
    status: str = "ok"
    synchronised: bool = False
    notes: list[str] = field(default_factory=list)
    opening: list[Reading] = field(default_factory=list)
    closing: list[Reading] = field(default_factory=list)
    processes: list[tuple[int | None, str | None]] = field(default_factory=list)
    lexical: bool = True
    """Whether a ``with`` block closes it, and not a callback that may never be called."""

    @property
    def duration_s(self) -> float:
        """Length in seconds; of a closed window only."""
        if self.t1_ns is None:
            raise RuntimeError(f"the {self.kind} window '{self.key}' is still open")
        return (self.t1_ns - self.t0_ns) / NS
