"""Schema of ``compaction.parquet``: one row with the effects of pruning and compaction."""

import pyarrow as pa

from nasturtium.records.parquet import column

# Also in trials.parquet and metrics.parquet, where null means that the model was not pruned.
FACTS = (
    column("reached_ratio", pa.float64(), "share of prunable parameters zeroed or removed"),
    column("parameters_before_compaction", pa.int64(), "all weights' scalars before"),
    column("removed_channels", pa.int64(), "units and filters that compaction removed"),
    column("compaction_max_rel_error", pa.float64(), "largest relative difference of outputs"),
    column("frozen_channels", pa.int64(), "channels that compaction must leave as they are"),
)

COMPACTION = pa.schema(
    [
        column("dataset", pa.string(), "data set", required=True),
        column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
        column("run", pa.string(), "run directory below the seed's", required=True),
        column("method", pa.string(), "pruning method", required=True),
        column("target_ratio", pa.float64(), "ratio asked for", required=True),
        *FACTS,
    ]
)
