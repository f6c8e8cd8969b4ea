"""Where the study and its Python lie: Snakemake can't start scripts from everywhere."""

import re

from nasturtium.errors import ConfigError

# Snakemake starts a script by a line of the shell, with the path of Python as it is.
_SPECIAL = re.compile(r"[^\w@%+=:,./~#-]")
# It takes what is in braces for a name.
_BRACES = re.compile(r"[{}]")


def check(python: str, study: str) -> None:
    """Refuse paths that no job could be started from.

    Parameters
    ----------
    python
        Path of the interpreter that runs Snakemake, and the scripts.
    study
        Folder of the Snakefile.

    Raises
    ------
    ConfigError
        One holds a character that Snakemake does not get past.
    """
    for what, path, bad in (
        ("Python lies at", python, _SPECIAL),
        ("the study lies in", study, _BRACES),
    ):
        if found := bad.search(path):
            name = {" ": "a blank", "'": "a quote", '"': "a quote"}.get(found[0], ascii(found[0]))
            raise ConfigError(
                f"{what[0].upper()}{what[1:]} {path!a}, and Snakemake starts no script where "
                f"there is {name} in that path; move it, or make the virtual environment elsewhere."
            )
