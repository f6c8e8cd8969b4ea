"""Promotes the best trials of each rung, whose training continues to the end of the next one."""

import logging
from functools import partial

from nasturtium.errors import DamageError
from nasturtium.search.expected import as_expected
from nasturtium.search.rungs import promoted
from nasturtium.search.trials import Trials
from nasturtium.settings.rungs import least_finalists, promoted_count

logger = logging.getLogger(__name__)

_AIMS = ("validation_loss", "parameters")


def promote(trials: Trials) -> None:
    """Continue the best trials of each rung to the end of the next; nothing recorded is repeated.

    A net that fails is out; the others continue. If time is short, nets with a low score come
    first, and at least one of them is trained to the end.
    """
    for rung in range(1, len(trials.rungs)):
        done = trials.ledger.at_rung(rung - 1)
        seen = [as_expected(row) for row in done]
        count = promoted_count(len(done), least_finalists(trials.children_epochs))
        names = promoted(seen, count, _AIMS) if done else []
        for row in done:
            if row["trial"] not in names:
                trials.checkpoint(row["trial"], rung - 1).unlink(missing_ok=True)
        came = len([row for row in trials.rows if row["rung"] >= rung])
        for name in names:
            row = trials.ledger.row(name)
            if row["rung"] >= rung or row["status"] != "completed":
                continue
            if came and trials.is_late(rung):
                logger.warning("%s: no time is left for trial %s.", trials.label, name)
                continue
            came += 1
            trials.attempt(partial(_continue, trials), row, rung)


def _continue(trials: Trials, row: dict, rung: int) -> None:
    """Train one more rung; start from the first one if the last rung's checkpoint is damaged."""
    try:
        trials.run_rung(row, rung)
    except DamageError as error:
        logger.warning("%s", error)
        trials.run_anew(row, rung)
