"""A digest of exactly the code that a stage runs, for Snakemake's ``params`` rerun trigger."""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# A module, or something in it, that is named in a string.
_DOTTED = re.compile(rf"{PACKAGE.name}(\.\w+)+")
# Not a module, but it changes results like code: Keras's settings.
_KERAS = "keras_home/keras.json"
# Stages that are run by more scripts than the one with their name.
_SCRIPTS = {"nas": ("nas", "search_worker")}


def stage_digest(stage: str, scripts: str | Path) -> str:
    """:func:`code_digest` of a stage with its scripts in the folder ``scripts``."""
    names = _SCRIPTS.get(stage, (stage,))
    paths = (str(Path(scripts, f"{name}.py")) for name in names)
    return code_digest(f"nasturtium.stages.{stage}", *paths)


@cache
def code_digest(module: str, *scripts: str) -> str:
    """Hexadecimal SHA-256 over ``scripts``, ``module`` and all ``nasturtium`` modules it imports.

    Imports are found in the source, also inside functions, so nothing has to be imported here.
    Modules that a string names, such as ``"nasturtium.pruning.start"``, count too. Comments,
    docstrings and layout do not count, since they cannot change a result.

    Parameters
    ----------
    module
        Dotted name, such as ``nasturtium.stages.baseline``.
    scripts
        Paths of scripts that call the module.

    Raises
    ------
    FileNotFoundError
        There is no such module or script.
    """
    digest = hashlib.sha256()
    for name in sorted(imported_modules(module)):
        digest.update(name.encode())
        digest.update(_meaning(_file(name)))
    for script in scripts:
        digest.update(_meaning(Path(script)))
    if (PACKAGE / _KERAS).exists():
        digest.update((PACKAGE / _KERAS).read_bytes())
    return digest.hexdigest()


def imported_modules(module: str) -> set[str]:
    """Names of ``module`` and of all ``nasturtium`` modules that it imports, recursively."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return found


@cache
def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    package = path / "__init__.py"
    return package if package.is_file() else path.with_suffix(".py")


def meaning(source: bytes) -> bytes:
    """``source`` without comments, docstrings and layout."""
    return _without_words(ast.parse(source))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes())


@cache
def _meaning(file: Path) -> bytes:
    return _without_words(_tree(file))


def _without_words(tree: ast.Module) -> bytes:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body[0] = ast.Pass()
    return ast.unparse(tree).encode()


@cache
def _imports(module: str) -> set[str]:
    names = set()
    for node in ast.walk(_tree(_file(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        # A module may be named in a string and imported where it is used.
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _DOTTED.fullmatch(node.value)
        ):
            names.add(node.value)
    return {parent for name in names for parent in _with_parents(name) if _file(parent).is_file()}


def _with_parents(name: str) -> list[str]:
    """``a.b.c`` gives a, a.b and a.b.c, which importing it runs; other packages give none."""
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return []
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
