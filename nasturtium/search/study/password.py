"""No error of a driver shows the password of a shared storage."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from nasturtium.errors import SearchError
from nasturtium.jobs.password import hidden


@contextmanager
def password_hidden() -> Iterator[None]:
    """An error that shows the password ends the block as a sentence that does not.

    Raises
    ------
    SearchError
        In the place of such an error.
    """
    try:
        yield
    except Exception as error:
        shown = "".join(traceback.format_exception(error))
        if hidden(shown) == shown:
            raise
        lines = str(error).splitlines() or [""]
        raise SearchError(f"search.storage: {type(error).__name__}: {hidden(lines[0])}") from None
