"""Trials whose files are not what was written run again, so that no result is made of them."""

import logging
from collections.abc import Callable, Sequence

from nasturtium.errors import DamageError
from nasturtium.search.state import SearchState

logger = logging.getLogger(__name__)


def whole_models(
    rows: Sequence[dict],
    state: SearchState,
    mark: Callable[[], dict | None],
    run_anew: Callable[[dict], None],
) -> dict | None:
    """The best row, with models of it and of the picks that are what was recorded.

    Parameters
    ----------
    rows
        Of all trials; those that are neither the best nor picked lose the path of a model that is
        damaged.
    mark
        Marks the best row and the picks among ``rows`` and returns the best, or None.
    run_anew
        Runs the trial of a row from its start.

    Raises
    ------
    DamageError
        A model is damaged as soon as it is written.
    """
    again: set[str] = set()
    while True:
        best = mark()
        damaged = [row for row in rows if row.get("model_path") and not state.has_model(row)]
        wanted = [row for row in damaged if row is best or row["picked_as"]]
        if not wanted:
            break
        for row in wanted:
            if row["trial"] in again:
                raise DamageError(
                    f"{row['model_path']} is damaged as soon as it is written; check the disk, and "
                    "run the same command again."
                )
            again.add(row["trial"])
            logger.warning("%s is damaged or gone.", row["model_path"])
            run_anew(row)
    for row in damaged:
        logger.warning("%s is damaged or gone, and is named no more.", row["model_path"])
        row["model_path"] = None
    return best
