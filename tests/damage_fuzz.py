"""Damages files of a finished tiny study at random: damage must be noticed or do no harm.

Run it as ``python -m tests.damage_fuzz --study FOLDER``; without a folder it makes a study first.
Two kinds of cases, each one file and one damage (a bit flipped, cut, emptied, zeroed, noise, a
folder in its place, gone):

- **read**: the file is read as the stages read it. What comes out is what was written, or one
  sentence names the file.
- **command**: the command that made the study runs again. It succeeds and the tables are what they
  were, or it fails with such a sentence; no traceback, no "defect".
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from nasturtium.errors import NasturtiumError
from nasturtium.records.runs import Run
from tests.kill_matrix import _differences

DAMAGES = ("flip", "cut", "empty", "zero", "noise", "folder", "gone")
# For people to look at: nothing reads them, so nothing notices.
UNREAD = {".svg", ".html", ".md", ".txt"}
# The search's own notes for other programs, and locks, which are empty.
UNREAD_NAMES = {"lock", "graph", "oracle.json", "tuner0.json", "reference.lock"}


@dataclass(frozen=True)
class Case:
    """What was done to which file, and what came of it: ``named``, ``same`` or what is wrong."""

    path: Path
    damage: str
    outcome: str


def files(study: Path) -> list[Path]:
    """Files of a study that anything reads, relative to it."""
    found = []
    for top in ("results", "state"):
        for path in sorted((study / top).rglob("*")):
            is_note = path.name in UNREAD_NAMES or "oracle" in path.parts
            # Picks that the study does not ask for are written by their search, and read by nobody.
            is_note |= _is_unasked_pick(path)
            if path.is_file() and path.suffix not in UNREAD and not is_note:
                found.append(path.relative_to(study))
    return found


def _is_unasked_pick(path: Path) -> bool:
    pick = Run("", 0, path.parent.name).pick
    return pick is not None and not (path.parent / "metrics.parquet").exists()


def harm(path: Path, damage: str, drawn: random.Random) -> None:
    """Damage one file."""
    content = path.read_bytes()
    if damage == "flip":
        changed = bytearray(content)
        changed[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        content = bytes(changed)
    elif damage == "cut":
        content = content[: drawn.randrange(len(content))]
    elif damage == "empty":
        content = b""
    elif damage == "zero":
        content = bytes(len(content))
    elif damage == "noise":
        content = drawn.randbytes(len(content))
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(content)


def reader(path: Path) -> Callable[[], object]:
    """How the stages read a file, as something that can be compared."""
    from nasturtium.data import prepared
    from nasturtium.models.files import load_model
    from nasturtium.records.checksums import read_arrays, read_json
    from nasturtium.records.parquet import read_rows
    from nasturtium.search import state, state_access

    def data_set() -> object:
        data = prepared.read(path.parent)
        return data.description, data.features.tobytes(), data.targets.tobytes(), str(data.order)

    def model() -> object:
        loaded = load_model(path)
        return loaded.to_json(), [weight.tobytes() for weight in loaded.get_weights()]

    def arrays() -> object:
        return {name: array.tobytes() for name, array in read_arrays(path).items()}

    if path.name in ("features.npy", "targets.npy", "order.npy", "dataset.json"):
        return data_set
    if path.name == "finished":
        return lambda: state.read_provenance(path.parent)
    if path.name == "fingerprint":
        return lambda: state_access.known_fingerprint(path.parent)
    if path.name == "study":
        return lambda: state.SearchState(path.parent).nonce
    readers = {".npz": arrays, ".parquet": lambda: read_rows(path), ".keras": model}
    return readers.get(path.suffix, lambda: read_json(path))


def read_case(study: Path, name: Path, damage: str, drawn: random.Random) -> Case:
    """Damage a file, read it, put it back."""
    path = study / name
    kept, stat = path.read_bytes(), path.stat()
    read = reader(path)
    whole = read()
    try:
        harm(path, damage, drawn)
        outcome = "same" if read() == whole else _other(path, damage)
    except FileNotFoundError:
        # Snakemake makes it again, so no job gets so far.
        outcome = "named" if damage == "gone" else "traceback: FileNotFoundError"
    except NasturtiumError as error:
        is_sentence = "\n" not in str(error) and path.name in str(error)
        outcome = "named" if is_sentence else f"said: {error}"
    except Exception as error:  # noqa: BLE001  (any is a finding)
        outcome = f"traceback: {type(error).__name__}: {error}"
    finally:
        if path.is_dir():
            path.rmdir()
        path.write_bytes(kept)
        _set_times(path, stat)
    return Case(name, damage, outcome)


def _other(path: Path, damage: str) -> str:
    # In a finished search these two files only decide whether the next one starts again. It does.
    return "anew" if path.name in ("finished", "fingerprint") else f"silently other after {damage}"


def command_case(
    study: Path, name: Path, damage: str, drawn: random.Random, run: Callable[[Path], object]
) -> Case:
    """The same with the command that made the study, in a copy of it.

    Parameters
    ----------
    run
        Runs the command in a folder; what it gives has ``returncode``, ``stdout`` and ``stderr``.
    """
    with tempfile.TemporaryDirectory(prefix="damage-") as folder:
        copy = Path(folder) / "study"
        shutil.copytree(study, copy, symlinks=True)
        harm(copy / name, damage, drawn)
        done = run(copy)
        said = done.stdout + done.stderr
        if "Traceback" in said or "defect" in said:
            return Case(name, damage, "traceback: " + said[said.find("Traceback") :][:2000])
        if done.returncode:
            is_named = name.name in said and any(
                word in said for word in ("damaged", "could not be", "make it again", "is missing")
            )
            return Case(name, damage, "named" if is_named else f"said: {said[-1500:]}")
        tables = [path for path in files(study) if path.suffix in (".parquet", ".npy", ".npz")]
        different = {str(table): _differences(copy, study, str(table)) for table in tables}
        different = {table: what for table, what in different.items() if what}
        if damage == "gone" and set(different) == {str(name)} and not (copy / name).exists():
            # Snakemake makes again what is asked for, and this is not as long as what follows is.
            return Case(name, damage, "gone")
        return Case(name, damage, f"silently other: {different}" if different else "same")


def _set_times(path: Path, stat: os.stat_result) -> None:
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def is_good(case: Case) -> bool:
    """Whether the damage was noticed, or did nothing."""
    return case.outcome in ("same", "named", "anew", "gone")


def run_study(folder: Path) -> object:
    """The command that made the study, in a copy of it."""
    from tests.workflow.conftest import Project

    project = Project.__new__(Project)
    project.folder = folder
    return project.snakemake("--resources", "gpu=1")


def fuzz_reading(study: Path, cases: int, seed: int, most_s: float = float("inf")) -> list[Case]:
    """So many cases of reading, or as many as fit into the time."""
    drawn, found, start_s = random.Random(seed), [], time.monotonic()
    names = files(study)
    while len(found) < cases and time.monotonic() - start_s < most_s:
        found.append(read_case(study, drawn.choice(names), drawn.choice(DAMAGES), drawn))
    return found


def fuzz_commands(
    study: Path,
    cases: int,
    seed: int,
    run: Callable[[Path], object] = run_study,
    most_s: float = float("inf"),
    first: int = 0,
    told: Callable[[Case], None] = lambda case: None,
) -> list[Case]:
    """The same for commands. The number of a case decides what it draws, so it can be repeated."""
    found, start_s = [], time.monotonic()
    names = files(study)
    while len(found) < cases and time.monotonic() - start_s < most_s:
        drawn = random.Random(f"{seed} {first + len(found)}")
        name, damage = drawn.choice(names), drawn.choice(DAMAGES)
        found.append(command_case(study, name, damage, drawn, run))
        told(found[-1])
    return found


def main() -> int:
    """Run the cases that the command line asks for; 1 if any damage went unnoticed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--study", type=Path, help="a finished study's folder")
    options.add_argument("--cases", type=int, default=500, help="of reading")
    options.add_argument("--commands", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument(
        "--log", type=Path, help="a line of JSON for each command's case; goes on where it ends"
    )
    chosen = options.parse_args()
    study = chosen.study or _made()
    cases = fuzz_reading(study, chosen.cases, chosen.seed)
    _print("read", cases)
    known = _logged(chosen.log)
    more = known + fuzz_commands(
        study,
        chosen.commands - len(known),
        chosen.seed,
        first=len(known),
        told=lambda case: _log(chosen.log, case),
    )
    _print("command", more)
    return int(not all(map(is_good, cases + more)))


def _logged(log: Path | None) -> list[Case]:
    lines = log.read_text().splitlines() if log and log.exists() else []
    return [
        Case(Path((one := json.loads(line))["path"]), one["damage"], one["outcome"])
        for line in lines
    ]


def _log(log: Path | None, case: Case) -> None:
    if log:
        with log.open("a") as file:
            file.write(json.dumps({**asdict(case), "path": str(case.path)}) + "\n")


def _made() -> Path:
    from tests.kill_matrix import CONFIG
    from tests.workflow.conftest import Project

    project = Project(Path(tempfile.mkdtemp(prefix="damage-fuzz-")) / "study")
    project.configure(CONFIG)
    done = project.snakemake("--resources", "gpu=1")
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return project.folder


def _print(kind: str, cases: list[Case]) -> None:
    outcomes = Counter(case.outcome if is_good(case) else "BAD" for case in cases)
    print(f"{kind}: {len(cases)} cases, {dict(outcomes)}")
    for case in cases:
        if not is_good(case):
            print(f"- {case.path}, {case.damage}: {case.outcome}")


if __name__ == "__main__":
    sys.exit(main())
