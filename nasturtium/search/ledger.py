"""The records of a search: its trials' rows, rung by rung, their epochs, the models to keep."""

import json
import logging
from collections.abc import Mapping, Sequence

from nasturtium.search.limits import tried
from nasturtium.search.picks import covered, mark_front, remove_models
from nasturtium.search.state import SearchState

logger = logging.getLogger(__name__)


class Ledger:
    """Rows of one process's trials, as they are now and as they were at the end of each rung.

    Parameters
    ----------
    state
        Each trial's record is a file in it.
    keep
        This number of models with the lowest scores stay on disk, and those of the front and those
        that were trained to the end.
    worker
        Number of this process among those that run the search together; None if it is alone.

    Attributes
    ----------
    rows, epochs
        Rows of ``trials.parquet`` and ``training.parquet`` so far, without the run's identity; a
        worker has only its own.
    """

    def __init__(self, state: SearchState, keep: int, worker: int | None = None):
        self.state, self.worker = state, worker
        self.rows: list[dict] = []
        self.epochs: list[dict] = []
        self._keep = keep
        self._rungs: dict[str, list[dict]] = {}
        self._others: dict[str, dict] = {}
        self._recorded = state.recorded()
        own = [
            name
            for name, done in self._recorded.items()
            if worker is None or done["row"]["worker"] == worker
        ]
        # The cause of failures just before the search ended may be gone by now.
        for name in sorted(own, reverse=True):
            if self._recorded[name]["row"]["status"] != "failed":
                break
            state.forget([name])
            del self._recorded[name]
            own.remove(name)
        # Trials that an earlier process ran.
        self.resumed = len(tried([self._recorded[name]["row"] for name in own]))
        if worker is not None:
            self._recorded.clear()

    def recall(self, row: Mapping) -> dict | None:
        """The recorded row of ``row``'s trial at the end of its first rung, or None.

        The trial's latest row is added to the rows. If the record has other hyperparameters, the
        oracle makes other proposals than before: it is removed, with all records after it.
        """
        recorded = self._recorded.pop(row["trial"], None)
        if recorded is None:
            return None
        if recorded["row"]["hyperparameters"] != row["hyperparameters"]:
            logger.warning(
                "From trial %s on, the oracle proposes other nets than before.", row["trial"]
            )
            self.state.forget([row["trial"], *self._recorded])
            self._recorded.clear()
            return None
        self._adopt(recorded)
        return recorded["rungs"][0]

    def adopt_all(self) -> None:
        """Take over the records of all workers, but for children, which are recalled."""
        for _, recorded in sorted(self.state.recorded().items()):
            if not recorded["row"].get("parent"):
                self._adopt(recorded)

    def record(self, row: dict, epochs: Sequence[dict]) -> None:
        """Record the state of ``row``'s trial at the end of a rung; ``epochs`` are new."""
        self.epochs.extend(epochs)
        own = [e for e in self.epochs if e["trial"] == row["trial"]] if row["rung"] else [*epochs]
        for epoch in own:
            epoch["selected"] = epoch["epoch"] == row.get("best_epoch")
        rungs = self._rungs.setdefault(row["trial"], [])
        rungs.append(json.loads(json.dumps(row)))
        self.state.record(row, own, rungs)

    def restart(self, name: str) -> None:
        """Remove the records of the trial ``name``, which begins again."""
        self.epochs[:] = [epoch for epoch in self.epochs if epoch["trial"] != name]
        self._rungs.pop(name, None)
        self.state.forget([name])

    def at_rung(self, rung: int) -> list[dict]:
        """The rows at the end of that rung, of all trials that completed it."""
        return [
            done
            for rungs in self._rungs.values()
            for done in rungs
            if done["rung"] == rung and done["status"] == "completed"
        ]

    def first_row(self, name: str) -> Mapping | None:
        """The row of the trial ``name`` at the end of its first rung; None if it was not begun."""
        if name in self._rungs:
            return self._rungs[name][0]
        return next((row for row in self.rows if row["trial"] == name), None)

    def row(self, name: str) -> dict:
        """The row of the trial ``name`` as it is now."""
        return next(row for row in self.rows if row["trial"] == name)

    def take_stock(self, row: dict, finalists: int) -> None:
        """The hypervolume after this trial, and the models that are worth keeping after it."""
        known = self.known()
        mark_front(known)
        # Dominated trials add nothing to it.
        row["hypervolume"] = covered([done for done in known if done["on_pareto_front"]] or known)
        remove_models(known, self._keep, finalists)

    def known(self) -> list[dict]:
        """The rows of all workers so far; each record is read once."""
        if self.worker is None:
            return self.rows
        for name in self.state.names(known={*self._others, *(row["trial"] for row in self.rows)}):
            row = self.state.row(name)
            if row is not None:
                self._others[name] = row
        return [*self._others.values(), *self.rows]

    def _adopt(self, recorded: Mapping) -> None:
        row = recorded["row"]
        self.rows.append(row)
        self.epochs.extend(recorded["epochs"])
        self._rungs[row["trial"]] = list(recorded["rungs"])
