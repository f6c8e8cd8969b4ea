"""Schema of ``trials.parquet``: a row a trial of a search, failed ones included."""

import pyarrow as pa

from nasturtium.records.parquet import column

TRIALS = pa.schema(
    [
        column("dataset", pa.string(), "data set", required=True),
        column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
        column("run", pa.string(), "run directory below the seed's", required=True),
        column("trial", pa.string(), "name of the trial", required=True),
        column("number", pa.int64(), "order in the search, from 0", required=True),
        column("status", pa.string(), "completed or failed", required=True),
        column("reason", pa.string(), "why it failed"),
        column("best", pa.bool_(), "whether it is the exported model", required=True),
        column("on_pareto_front", pa.bool_(), "of validation loss and parameters", required=True),
        column("score", pa.float64(), "objective, lower is better; the baseline scores 0"),
        column("score_terms", pa.list_(pa.string()), "terms that counted", required=True),
        column("dropped_terms", pa.list_(pa.string()), "terms left out, each with its reason"),
        column("hyperparameters", pa.string(), "JSON object", required=True),
        column("learning_rate", pa.float64(), "initial learning rate", required=True),
        column("pruning_ratio", pa.float64(), "ratio of the pruning inside the trial"),
        column("batch_size", pa.int64(), "samples of a training batch", required=True),
        column("epochs", pa.int64(), "epochs trained", required=True),
        column("best_epoch", pa.int64(), "epoch whose weights were kept, from 0"),
        column("validation_loss", pa.float64(), "of the kept epoch"),
        column("validation_accuracy", pa.float64(), "of the kept epoch"),
        column("validation_mae", pa.float64(), "of the kept epoch, in the target's unit"),
        column("parameters", pa.int64(), "all weights' scalars"),
        column("nonzero_parameters", pa.int64(), "scalars that are not zero"),
        column("prunable_parameters", pa.int64(), "scalars of prunable kernels"),
        column("sparsity", pa.float64(), "share of prunable parameters that are zero"),
        column("macs", pa.int64(), "multiply-accumulates of one sample, zeros included"),
        column("macs_reason", pa.string(), "why macs is null"),
        column("weights_bytes", pa.int64(), "weights in memory, dense"),
        column("peak_activation_bytes", pa.int64(), "calculated, batch 1, float32"),
        column("calculated_memory_bytes", pa.int64(), "sum of the two: a calculation"),
        column("gpu_weights_bytes", pa.int64(), "what loading the model adds on the GPU"),
        column("gpu_inference_peak_bytes", pa.int64(), "peak on the GPU, one pass, batch 1"),
        column("gpu_memory_method", pa.string(), "tf_allocator or none"),
        column("gpu_memory_reason", pa.string(), "why GPU memory is null"),
        column("latency_p50_ms", pa.float64(), "median of single calls, in the search's process"),
        column("latency_p95_ms", pa.float64(), "95th percentile of the same"),
        column("training_energy_j", pa.float64(), "joules of the trial's fit"),
        column("training_energy_method", pa.string(), "how measured, or none"),
        column("training_energy_reason", pa.string(), "why training_energy_j is null"),
        column("inference_energy_j", pa.float64(), "joules of one sample"),
        column("inference_energy_method", pa.string(), "how measured, or none"),
        column("inference_energy_reason", pa.string(), "why inference_energy_j is null"),
        column("duration_s", pa.float64(), "wall time of the trial", required=True),
        column("model_path", pa.string(), "the trial's model; null once it is removed"),
    ]
)
