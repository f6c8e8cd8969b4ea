"""The expected size of a net that is pruned later, so that it is not judged by its dense size.

In a search, a net is pruned only in the last rung. Its final size can be calculated before, since
the ratio is a share of its prunable parameters (:class:`~nasturtium.pruning.selection`). These
values are estimates and have their own columns. Promotions and oracles use them; an exported net is
measured.
"""

from collections.abc import Mapping

from nasturtium.pruning.methods import METHODS
from nasturtium.records.trials import EXPECTED

NOTHING_EXPECTED = dict.fromkeys(f"expected_{name}" for name in EXPECTED)
_FLOAT_BYTES = 4


def expect(row: Mapping) -> dict[str, int | None]:
    """Columns ``expected_*`` of a trial that is pruned later; None for values that won't change.

    Biases and normalisation of removed channels are not subtracted, so a net may become slightly
    smaller than expected. The share of removed MACs is taken to be that of the prunable parameters.

    Parameters
    ----------
    row
        The trial's row of ``trials.parquet``, measured as the dense net.
    """
    found = dict(NOTHING_EXPECTED)
    ratio = row["pruning_ratio"]
    if not ratio:
        return found
    lost = round(ratio * row["prunable_parameters"])
    found["expected_nonzero_parameters"] = row["nonzero_parameters"] - lost
    if METHODS[row["pruning_method"]].removes_channels:
        found["expected_parameters"] = row["parameters"] - lost
        found["expected_calculated_memory_bytes"] = (
            row["calculated_memory_bytes"] - _FLOAT_BYTES * lost
        )
        if row["macs"] is not None:
            found["expected_macs"] = round((1 - ratio) * row["macs"])
        if row.get("tflite_int8_bytes") is not None:
            found["expected_tflite_int8_bytes"] = row["tflite_int8_bytes"] - lost
    return found


def as_expected(row: Mapping) -> dict:
    """The row with expected values in place of those measured before the pruning."""
    expected = {name: row.get(f"expected_{name}") for name in EXPECTED}
    return {**row, **{name: value for name, value in expected.items() if value is not None}}
