"""Keeps the password of a shared storage out of drivers' errors."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from nasturtium.errors import SearchError
from nasturtium.jobs.password import hidden


@contextmanager
def password_hidden() -> Iterator[None]:
    """Replace an error of the block that shows the password by a sentence without it.

    Raises
    ------
    SearchError
        Instead of such an error.
    """
    try:
        yield
    except Exception as error:
        shown = "".join(traceback.format_exception(error))
        if hidden(shown) == shown:
            raise
        lines = str(error).splitlines() or [""]
        raise SearchError(f"search.storage: {type(error).__name__}: {hidden(lines[0])}") from None
