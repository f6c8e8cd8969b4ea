"""The last lines of a Snakemake run: which nets to take, and a sentence for each failed job."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasturtium.plain_text import shown

_NOTHING_MEASURED = 3
_BLOCK = re.compile(r"^Error in rule (?P<rule>\w+):\n(?P<facts>(?:    .*\n?)*)", re.MULTILINE)
_LOG = re.compile(r"^    log: (?P<log>[^\s,]+)", re.MULTILINE)
_OUTPUT = re.compile(r"^    output: (?P<output>[^\s,]+)", re.MULTILINE)
_SENTENCE = re.compile(r" ERROR nasturtium: (?P<sentence>.*)")


@dataclass(frozen=True)
class Failure:
    """A job that failed: what it should have made, why it failed, and its log."""

    rule: str
    output: str
    sentence: str
    log: str

    def __str__(self) -> str:
        return f"{self.output} ({self.rule}): {self.sentence}"


def answer(results: str | Path = "results") -> None:
    """Say which nets to take, if that is known, and where to find more."""
    text = Path(results, "verdict.txt")
    if text.is_file():
        page = Path(results, "index.html")
        # It may be damaged. Names in it are plain, but anyone could have written the file.
        said = shown(text.read_text(encoding="utf-8", errors="replace"))
        sys.stderr.write(f"\n{said}\nAll of it on one page: {page}\n")


def after_failures(
    failed: Sequence[Failure], left: Mapping[str, object], command: Sequence[str]
) -> None:
    """Summarise the finished runs, say which nets to take, and then what failed.

    Parameters
    ----------
    left
        What ``command`` takes as JSON, together with ``failed``.
    command
        Summarises the finished runs; ends with status 3 if there are none.
    """
    done = subprocess.run(
        command,
        input=json.dumps({**left, "failed": [str(failure) for failure in failed]}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        answer()
    elif done.returncode != _NOTHING_MEASURED:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        sys.stderr.write(f"The rest could not be summarised: {why}\n")
    lines = [f"- {failure}" for failure in failed]
    sys.stderr.write("\n".join(["\nFailed:", *lines, ""]))
    sys.stderr.write("Correct that, and run the same command again; what is finished stays.\n")


def failures(logs: str | Sequence[str], folder: str | Path = ".") -> list[Failure]:
    """The jobs that failed, each once, in the order in which they did.

    Parameters
    ----------
    logs
        Snakemake's log, or its logs.
    folder
        Where it ran; the jobs' logs are named from there.
    """
    paths = [logs] if isinstance(logs, str) else logs
    text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in paths)
    found: dict[str, Failure] = {}
    for block in _BLOCK.finditer(text):
        log, output = _LOG.search(block["facts"]), _OUTPUT.search(block["facts"])
        name = output["output"] if output else block["rule"]
        path = log["log"] if log else ""
        found[name] = Failure(block["rule"], name, _why(Path(folder, path) if path else None), path)
    return list(found.values())


def _why(log: Path | None) -> str:
    """The last error in the job's log, or where to look for it."""
    told = []
    if log is not None and log.is_file():
        told = _SENTENCE.findall(log.read_text(encoding="utf-8", errors="replace"))
    if told:
        return told[-1].strip()
    return f"it ended without a message; see {log}" if log else "it ended without a message"
