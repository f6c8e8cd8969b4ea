"""The paths of the study and its Python: Snakemake can't start scripts from every path."""

import re

from nasturtium.errors import ConfigError

# Snakemake starts a script with a shell command that has the path of Python unquoted.
_SPECIAL = re.compile(r"[^\w@%+=:,./~#-]")
# It takes text in braces for a wildcard.
_BRACES = re.compile(r"[{}]")


def check(python: str, study: str) -> None:
    """Refuse paths from which no job could be started.

    Parameters
    ----------
    python
        Path of the interpreter that runs Snakemake, and the scripts.
    study
        Folder of the Snakefile.

    Raises
    ------
    ConfigError
        A path has a character that Snakemake can't handle.
    """
    for what, path, bad in (
        ("Python lies at", python, _SPECIAL),
        ("the study lies in", study, _BRACES),
    ):
        if found := bad.search(path):
            name = {" ": "a blank", "'": "a quote", '"': "a quote"}.get(found[0], ascii(found[0]))
            raise ConfigError(
                f"{what[0].upper()}{what[1:]} {path!a}, but Snakemake can't start scripts if this "
                f"path contains {name}; move it, or create the virtual environment elsewhere."
            )
