"""Schema of ``trials.parquet``: one row per trial of a search, including failed ones."""

import pyarrow as pa

from nasturtium.records.compaction import FACTS
from nasturtium.records.parquet import column

# Estimates for a net that is pruned in its last rung, before that rung.
EXPECTED = (
    "parameters",
    "nonzero_parameters",
    "macs",
    "calculated_memory_bytes",
    "tflite_int8_bytes",
)

TRIALS = pa.schema(
    [
        column("dataset", pa.string(), "data set", required=True),
        column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
        column("run", pa.string(), "run directory below the seed's", required=True),
        column("trial", pa.string(), "name of the trial", required=True),
        column("parent", pa.string(), "of a child: the trial whose trained net was pruned further"),
        column("number", pa.int64(), "order in the search, from 0", required=True),
        column("worker", pa.int64(), "worker that ran it; null if one process ran all"),
        column("sampler_seed", pa.int64(), "seed of that worker's sampler"),
        column("status", pa.string(), "completed, failed, or skipped: not trained", required=True),
        column("reason", pa.string(), "why it failed, or was skipped"),
        column("best", pa.bool_(), "whether it is the exported model", required=True),
        column("meets_standard", pa.bool_(), "of nets trained to the end: within the tolerance"),
        column("picked_as", pa.list_(pa.string()), "best, small, knee: see docs/search.md"),
        column("rung", pa.int64(), "last rung that it was trained in, from 0", required=True),
        column("on_pareto_front", pa.bool_(), "of validation loss and parameters", required=True),
        column("score", pa.float64(), "objective and shortfall, lower is better; baseline: 0"),
        column("shortfall", pa.float64(), "how far it exceeds the tolerance, in tolerances"),
        column("feasible", pa.bool_(), "whether it satisfies search.constraints"),
        column("hypervolume", pa.float64(), "of ln loss and ln parameters, after this trial"),
        column("hypervolume_reference_loss", pa.float64(), "loss of its reference point"),
        column("hypervolume_reference_parameters", pa.float64(), "its reference parameters"),
        column("score_terms", pa.list_(pa.string()), "terms that counted", required=True),
        column("dropped_terms", pa.list_(pa.string()), "terms left out, each with its reason"),
        column("hyperparameters", pa.string(), "JSON object", required=True),
        column("learning_rate", pa.float64(), "initial learning rate", required=True),
        column("pruning_method", pa.string(), "method of the pruning inside the trial"),
        column(
            "pruning_ratio",
            pa.float64(),
            "its ratio, chosen by the search; of a child: of its parent's net",
        ),
        *FACTS,
        column("batch_size", pa.int64(), "samples of a training batch", required=True),
        column("epochs", pa.int64(), "epochs trained", required=True),
        column("best_epoch", pa.int64(), "epoch whose weights were kept, from 0"),
        column("validation_loss", pa.float64(), "of the kept epoch"),
        column("validation_accuracy", pa.float64(), "of the kept epoch"),
        column("validation_mae", pa.float64(), "of the kept epoch, in the target's unit"),
        column("parameters", pa.int64(), "all scalars, normalisation folded"),
        column("nonzero_parameters", pa.int64(), "scalars that are not zero"),
        column("prunable_parameters", pa.int64(), "scalars of prunable kernels"),
        column("sparsity", pa.float64(), "share of prunable parameters that are zero"),
        column("macs", pa.int64(), "multiply-accumulates of one sample, zeros included"),
        column("macs_reason", pa.string(), "why macs is null"),
        *(
            column(f"expected_{name}", pa.int64(), "estimate for after its pruning")
            for name in EXPECTED
        ),
        column("weights_bytes", pa.int64(), "weights in memory, dense"),
        column("peak_activation_bytes", pa.int64(), "calculated, batch 1, float32"),
        column("calculated_memory_bytes", pa.int64(), "sum of the two: a calculation"),
        column("gpu_weights_bytes", pa.int64(), "what loading the model adds on the GPU"),
        column("gpu_inference_peak_bytes", pa.int64(), "peak on the GPU, one pass, batch 1"),
        column("gpu_memory_method", pa.string(), "tf_allocator or none"),
        column("gpu_memory_reason", pa.string(), "why GPU memory is null"),
        column("tflite_int8_bytes", pa.int64(), "flash: its full-integer file, if asked for"),
        column("tflite_int8_arena_bytes", pa.int64(), "RAM: that file's arena, as in metrics"),
        column("tflite_int8_reason", pa.string(), "why one of them is null"),
        column("latency_p50_ms", pa.float64(), "median of single calls, in the search's process"),
        column("latency_p95_ms", pa.float64(), "95th percentile of the same"),
        column(
            "tflite_latency_ms",
            pa.float64(),
            "TFLite, float32, batch 1: the baseline's latency times the ratio of both in turn",
        ),
        column("tflite_latency_reason", pa.string(), "why that is null"),
        column("training_energy_j", pa.float64(), "joules of the trial's fit, idle power included"),
        column("training_energy_method", pa.string(), "how measured, or none"),
        column("training_energy_quality", pa.string(), "as in energy.parquet"),
        column("training_energy_reason", pa.string(), "why it is null or not quite right"),
        column("inference_energy_j", pa.float64(), "joules of one sample"),
        column("inference_energy_batch_size", pa.int64(), "samples of one call"),
        column("inference_energy_method", pa.string(), "how measured, or none"),
        column("inference_energy_quality", pa.string(), "as in energy.parquet"),
        column("inference_energy_reason", pa.string(), "why it is null or not quite right"),
        column("duration_s", pa.float64(), "wall time of the trial", required=True),
        column("rss_bytes", pa.int64(), "resident memory of the process after the trial"),
        column("model_path", pa.string(), "the trial's model; null where not kept"),
    ]
)
