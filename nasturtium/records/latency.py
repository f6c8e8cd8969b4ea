"""Schemas of ``lite.parquet``, the TFLite files of a run, and of ``latency.parquet`` of a seed."""

import pyarrow as pa

from nasturtium.records.parquet import column

FORMS = ("tflite", "tflite_int8")
"""Prefixes of the columns of ``metrics.parquet`` with a file's figures."""

_IDENTITY = (
    column("dataset", pa.string(), "data set", required=True),
    column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
    column("run", pa.string(), "run directory below the seed's", required=True),
    column("form", pa.string(), "tflite (float32) or tflite_int8", required=True),
)

LITE = pa.schema([*_IDENTITY, column("content", pa.binary(), "the TFLite file", required=True)])
"""One row per form to which the run's model could be converted."""

LATENCY = pa.schema(
    [
        *_IDENTITY,
        column("ratio", pa.float64(), "latency over the baseline's, both files run in turn"),
        column("ratio_low", pa.float64(), "lower end of its 95 % interval"),
        column("ratio_high", pa.float64(), "upper end"),
        column("latency_ms", pa.float64(), "median of single calls at batch 1, one CPU thread"),
        column("baseline_latency_ms", pa.float64(), "the same of the baseline's file meanwhile"),
        column("call_floor_ms", pa.float64(), "a call of a file that adds one number"),
        column("blocks", pa.int64(), "blocks of each file"),
        column("calls_per_block", pa.int64(), "calls of a block"),
        column("load_average", pa.float64(), "load of the last minute before the measurement"),
        column("cpu_mhz", pa.float64(), "frequency of the processor before the measurement"),
        column("cpu_name", pa.string(), "processor", required=True),
        column("reason", pa.string(), "why there is no ratio"),
    ]
)
"""One row per run and form."""
