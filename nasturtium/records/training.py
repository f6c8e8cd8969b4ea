"""Schema of ``training.parquet``: one row per epoch; for a search, of every trial."""

import pyarrow as pa

from nasturtium.records.parquet import column

# Causes of different bits with the same code, data, settings, seed and versions.
ARITHMETIC = (
    column("threads", pa.int64(), "TensorFlow's threads of one operation"),
    column("onednn", pa.bool_(), "whether oneDNN's kernels are used"),
    column("instruction_set", pa.string(), "the processor's instructions that select kernels"),
    column("precision", pa.string(), "precision of layers, and of matrix products on a GPU"),
)

TRAINING = pa.schema(
    [
        column("dataset", pa.string(), "data set", required=True),
        column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
        column("run", pa.string(), "run directory below the seed's", required=True),
        column("trial", pa.string(), "trial of a search; null outside one"),
        column("epoch", pa.int64(), "epoch, counted from 0", required=True),
        column(
            "loss",
            pa.float64(),
            "training loss, for a regression in the unit squared; null: diverged",
        ),
        column("validation_loss", pa.float64(), "validation loss; null where it diverged"),
        column("accuracy", pa.float64(), "training accuracy; null for a regression"),
        column("validation_accuracy", pa.float64(), "validation accuracy; null for a regression"),
        column("mae", pa.float64(), "training MAE in the target's unit; null for a classification"),
        column("validation_mae", pa.float64(), "validation MAE in the target's unit"),
        column("learning_rate", pa.float64(), "learning rate of the epoch's last step"),
        column("sparsity", pa.float64(), "share of prunable weights masked; null if not pruning"),
        column("admissible", pa.bool_(), "whether the epoch could be kept", required=True),
        column("selected", pa.bool_(), "whether the epoch's weights were kept", required=True),
        column("averaged", pa.bool_(), "whether the averaged weights were better and used"),
        column("steps_per_execution", pa.int64(), "steps between two returns to Python"),
        column("jit_compile", pa.bool_(), "whether XLA compiled the step"),
        *ARITHMETIC,
        column("duration_s", pa.float64(), "wall time with validation, seconds", required=True),
    ]
)
