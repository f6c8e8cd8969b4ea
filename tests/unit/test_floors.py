"""A room of the package imports only from lower floors, and never in a circle."""

from pathlib import Path

import nasturtium
from nasturtium.digest import _imports, _with_parents, imported_modules

PACKAGE = Path(nasturtium.__file__).parent
# From the top; what is not named here (errors, digest, plain_text) is on the lowest floor.
FLOORS = [
    {"stages", "notebook", "predict"},
    {"search", "deployment"},
    {"measurement", "training"},
    {"pruning", "metering", "data", "report", "jobs", "settings"},
    {"compaction", "models", "statistics", "records", "errors", "digest", "plain_text"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[str]:
    files = PACKAGE.rglob("*.py")
    names = [".".join(("nasturtium", *f.relative_to(PACKAGE).with_suffix("").parts)) for f in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def test_every_room_has_a_floor():
    assert {room(m) for m in modules()} - {None} == set(FLOOR)


def test_rooms_import_from_their_own_or_a_lower_floor():
    upward = [
        f"{module} imports {target}"
        for module in modules()
        for target in _imports(module)
        if room(target)
        and room(target) != room(module)
        and FLOOR[room(target)] < FLOOR.get(room(module), 0)
    ]
    assert upward == []


def test_rooms_do_not_import_each_other_in_a_circle():
    uses = {r: set() for r in FLOOR}
    for module in modules():
        if room(module):
            uses[room(module)] |= {room(t) for t in _imports(module)} - {None, room(module)}
    closed = {r: set(targets) for r, targets in uses.items()}
    for _ in FLOOR:
        closed = {r: t | {x for u in t for x in closed[u]} for r, t in closed.items()}
    assert [r for r, targets in closed.items() if r in targets] == []


def test_the_objective_needs_no_tensorflow():
    source = (PACKAGE / "search" / "objective.py").read_text()
    assert "tensorflow" not in source
    assert "keras" not in source


def test_only_measure_reads_the_test_split():
    readers = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "test_data" in path.read_text()
    ]
    assert sorted(readers) == ["data/splits.py", "stages/measure.py"]


def test_imports_are_found_with_their_parents():
    assert _with_parents("nasturtium.data.mnist") == [
        "nasturtium",
        "nasturtium.data",
        "nasturtium.data.mnist",
    ]
    assert _with_parents("numpy.linalg") == []
    assert "nasturtium.records.atomic" in imported_modules("nasturtium.stages.prepare_data")
