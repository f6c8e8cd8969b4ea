"""Schema of ``predictions.parquet``: one row per sample of the validation and test splits."""

import pyarrow as pa

from nasturtium.records.parquet import column

PREDICTIONS = pa.schema(
    [
        column("dataset", pa.string(), "data set", required=True),
        column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
        column("run", pa.string(), "run directory below the seed's", required=True),
        column("split", pa.string(), "validation (used for choices) or test", required=True),
        column("index", pa.int64(), "the sample's place in the prepared data", required=True),
        column("target", pa.float64(), "its label, or its value in the target's unit"),
        column("prediction", pa.float64(), "most probable label, or value in the same unit"),
        column("prediction_probability", pa.float64(), "of that label; null for a regression"),
        column("target_probability", pa.float64(), "of the right label; null for a regression"),
        column("int8_prediction", pa.float64(), "prediction of the int8 file; null without one"),
    ]
)
