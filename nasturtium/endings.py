"""What the end of a job says that could say nothing itself."""

import re
from collections.abc import Sequence
from pathlib import Path

_SIGNALS = {9: "SIGKILL", 6: "SIGABRT"}
# Snakemake's words for a job that died, and for one whose shell tells that it did.
_DEATH = re.compile(r"died with <Signals\.\w+: (\d+)>|non-zero exit status (\d+)")


def no_memory(logs: str | Sequence[str]) -> str | None:
    """One sentence if Snakemake's log, or one of its logs, tells of a lack of memory; else None."""
    paths = [logs] if isinstance(logs, str) else logs
    text = "".join(Path(path).read_text() for path in paths)
    for by_signal, status in _DEATH.findall(text):
        number = int(by_signal) if by_signal else int(status) - 128
        if number in _SIGNALS:
            return (
                f"A job was ended by {_SIGNALS[number]}, most likely for lack of memory; give it "
                "more, choose a smaller training.batch_size, or run fewer jobs at once, and run "
                "the same command again."
            )
    return None
