"""The objective: a weighted sum of relative changes against the baseline. Plain arithmetic.

``score = sum_k weight_k * ln(value_k / reference_k)``, lower is better. A weight trades one
relative change for another: with weights 1 for the loss and 0.1 for the parameters, a net with a
tenth of the parameters may have a loss higher by the factor 10**0.1 = 1.26. The baseline scores 0.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

from nasturtium.errors import SearchError

logger = logging.getLogger(__name__)

TERMS = {
    "validation_loss": "validation_loss",
    "parameters": "parameters",
    "nonzero_parameters": "nonzero_parameters",
    "macs": "macs",
    "calculated_memory": "calculated_memory_bytes",
    "int8_flash": "tflite_int8_bytes",
    "int8_ram": "tflite_int8_arena_bytes",
    "gpu_memory": "gpu_inference_peak_bytes",
    "latency": "tflite_latency_ms",
    "training_energy": "training_energy_j",
    "inference_energy": "inference_energy_j",
}
# A loss of exactly zero would make the logarithm infinite.
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Objective:
    """A scoring of trials against one reference.

    Attributes
    ----------
    weights
        Weight by term, only of the terms that count.
    reference
        The baseline's value by term, each positive.
    dropped
        The reason for each term that was left out for the whole search.
    """

    weights: Mapping[str, float]
    reference: Mapping[str, float]
    dropped: Mapping[str, str]

    def score(self, values: Mapping[str, float | None]) -> float:
        """The score of a trial.

        Parameters
        ----------
        values
            By column name, as in ``trials.parquet``; further columns are allowed.

        Raises
        ------
        SearchError
            A term that counts was not measured for this trial, or is negative or not finite.
        """
        return sum(
            weight * self._relative(term, values.get(TERMS[term]))
            for term, weight in self.weights.items()
        )

    def _relative(self, term: str, value: float | None) -> float:
        if value is None or not math.isfinite(value) or value < 0:
            raise SearchError(
                f"The objective's term '{term}' is {value} for this trial; it can't be scored."
            )
        return math.log(max(value, _SMALLEST) / self.reference[term])


def make_objective(
    weights: Mapping[str, float], reference: Mapping[str, float | None], reasons: Mapping[str, str]
) -> Objective:
    """The objective over those weighted terms that were measured for the reference.

    Parameters
    ----------
    weights
        Weight by term of :data:`TERMS`; zero switches a term off.
    reference
        The baseline's values by column name.
    reasons
        Why a column of the reference is None, by column name.

    Raises
    ------
    SearchError
        No term is left.
    """
    kept, values, dropped = {}, {}, {}
    for term, weight in weights.items():
        value = reference.get(TERMS[term])
        if weight == 0:
            continue
        if value is None:
            dropped[term] = reasons.get(TERMS[term], "not measured")
            logger.warning(
                "The objective's term '%s' is left out of this search: %s", term, dropped[term]
            )
        else:
            kept[term] = weight
            values[term] = max(float(value), _SMALLEST)
    if not kept:
        raise SearchError(
            "No term of search.objective can be measured here; give validation_loss a weight."
        )
    return Objective(kept, values, dropped)
