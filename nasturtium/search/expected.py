"""What a net that is yet to be pruned will come to, so that it is not judged by its dense size.

Inside a search a net is pruned in the last rung only. Before that its size is known all the same:
the ratio is a share of its prunable parameters (:class:`~nasturtium.pruning.selection`), and those
are counted. These values are estimates with columns of their own. They decide which nets go on, and
what an oracle learns; what is exported is measured.
"""

from collections.abc import Mapping

from nasturtium.pruning.methods import METHODS
from nasturtium.records.trials import EXPECTED

NOTHING_EXPECTED = dict.fromkeys(f"expected_{name}" for name in EXPECTED)
_FLOAT_BYTES = 4


def expect(row: Mapping) -> dict[str, int | None]:
    """Columns ``expected_*`` of a trial that is pruned later; None where nothing will change.

    Biases and normalisation that go with a channel are not taken off, so a net may come out a
    little smaller. Channels take the same share of the MACs as of the prunable parameters.

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
    """The row with what is expected of the net in place of what it measures before its pruning."""
    expected = {name: row.get(f"expected_{name}") for name in EXPECTED}
    return {**row, **{name: value for name, value in expected.items() if value is not None}}
