"""The code digest changes with everything that can change a result, and with nothing else."""

import pytest

from nasturtium import digest

MODULE = '''"""Docstring."""
import os

from nasturtium.helper import help_out  # a comment


def work():
    """Does it."""
    from nasturtium.late import later

    return help_out() + later(), "nasturtium.named.thing"
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "nasturtium"
    folder.mkdir()
    files = {
        "__init__.py": "VERSION = 1\n",
        "work.py": MODULE,
        "helper.py": "def help_out():\n    return 1\n",
        "named.py": "def thing():\n    return 3\n",
        "late.py": "def later():\n    return 2\n",
        "other.py": "X = 1\n",
        "script.py": "print(1)\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(digest, "PACKAGE", folder)
    return folder


def digest_now(package) -> str:
    _forget()
    return digest.code_digest("nasturtium.work", str(package / "script.py"))


@pytest.fixture(autouse=True)
def _fresh_caches():
    yield
    _forget()


def _forget():
    for function in (digest.code_digest, digest._file, digest._tree, digest._meaning):
        function.cache_clear()
    digest._imports.cache_clear()


@pytest.mark.parametrize(
    "name", ["__init__.py", "work.py", "helper.py", "late.py", "named.py", "script.py"]
)
def test_an_edit_of_anything_that_runs_changes_it(package, name):
    before = digest_now(package)
    (package / name).write_text((package / name).read_text() + "NEW = 3\n")
    assert digest_now(package) != before


def test_comments_docstrings_and_layout_do_not(package):
    before = digest_now(package)
    text = MODULE.replace("Docstring.", "Another.").replace("Does it.", "Does that.")
    (package / "work.py").write_text(text.replace("# a comment", "") + "\n\n# more\n")
    assert digest_now(package) == before


def test_modules_that_are_not_imported_do_not(package):
    before = digest_now(package)
    (package / "other.py").write_text("X = 2\n")
    assert digest_now(package) == before


def test_a_missing_module_is_an_error(package):
    with pytest.raises(FileNotFoundError):
        digest.code_digest("nasturtium.absent")
