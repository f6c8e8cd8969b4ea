"""Schemas of ``metrics.parquet``, with the row of a run, and ``summary.parquet``, with all runs."""

import pyarrow as pa

from nasturtium.records.compaction import FACTS
from nasturtium.records.latency import FORMS
from nasturtium.records.parquet import column
from nasturtium.records.training import ARITHMETIC


def _inference_energy(name: str, how: str) -> list[pa.Field]:
    return [
        column(f"{name}_j", pa.float64(), f"joules of a sample {how}, idle power included"),
        column(f"{name}_sd_j", pa.float64(), "sample standard deviation over the repeats"),
        column(f"{name}_net_j", pa.float64(), "the same less the idle power"),
        column(f"{name}_net_sd_j", pa.float64(), "its sample standard deviation"),
        column(f"{name}_idle_power_w", pa.float64(), "idle power before"),
        column(f"{name}_repeats", pa.int64(), "windows measured", required=True),
        column(f"{name}_batch_size", pa.int64(), "samples of one call", required=True),
        column(f"{name}_method", pa.string(), "how measured, or none", required=True),
        column(f"{name}_quality", pa.string(), "as in energy.parquet", required=True),
        column(f"{name}_reason", pa.string(), "why it is null or not quite right"),
    ]


# Suffixes of the columns of a file's energy; its calls have one sample.
OF_A_FILE = ("j", "sd_j", "net_j", "net_sd_j", "method", "quality", "reason")


def _file_energy(name: str) -> list[pa.Field]:
    fields = {field.name: field for field in _inference_energy(f"{name}_energy", "at batch 1")}
    return [fields[f"{name}_energy_{end}"].with_nullable(True) for end in OF_A_FILE]


def _interval(name: str, how: str) -> list[pa.Field]:
    return [
        column(f"{name}_low", pa.float64(), f"lower end of its 95 % interval: {how}"),
        column(f"{name}_high", pa.float64(), "upper end"),
    ]


def _tflite(name: str, weights: str) -> list[pa.Field]:
    return [
        column(f"{name}_bytes", pa.int64(), f"TFLite file with {weights}"),
        column(f"{name}_gzip_bytes", pa.int64(), "the same after gzip -9"),
        column(f"{name}_latency_p50_ms", pa.float64(), "its median at batch 1 on the CPU"),
        column(f"{name}_latency_p95_ms", pa.float64(), "95th percentile of the same"),
        column(f"{name}_reason", pa.string(), "why these are null"),
    ]


def _as_deployed(name: str, step: str) -> list[pa.Field]:
    return [
        column(f"{name}_sha256", pa.string(), "SHA-256 of that file"),
        column(f"{name}_accuracy", pa.float64(), "test_accuracy of that file; null: regression"),
        column(
            f"{name}_accuracy_change_points", pa.float64(), "that less test_accuracy, times 100"
        ),
        column(
            f"{name}_accuracy_change_low_points", pa.float64(), "lower end of its 95 % interval"
        ),
        column(f"{name}_accuracy_change_high_points", pa.float64(), "upper end, paired by sample"),
        column(f"{name}_mae", pa.float64(), "test_mae of that file, in target_unit"),
        column(f"{name}_mae_change", pa.float64(), "that less test_mae"),
        column(f"{name}_mae_change_low", pa.float64(), "lower end of its 95 % interval"),
        column(f"{name}_mae_change_high", pa.float64(), "upper end, paired by sample"),
        column(f"{name}_arena_bytes", pa.int64(), "its RAM in TensorFlow Lite Micro, 64 bits"),
        column(f"{name}_arena_reason", pa.string(), "why that is null"),
        column(
            f"{name}_micro_difference",
            pa.float64(),
            f"largest difference of its outputs there to TFLite's reference kernels, {step}",
        ),
    ]


METRICS = pa.schema(
    [
        column("dataset", pa.string(), "data set", required=True),
        column("seed", pa.int64(), "seed of split, initialisation and search", required=True),
        column("run", pa.string(), "run directory below the seed's", required=True),
        column("stage", pa.string(), "stage that made the model", required=True),
        column("method", pa.string(), "pruning method; null where none is named"),
        column("ratio", pa.float64(), "share of prunable parameters to prune; null where none"),
        column("task", pa.string(), "classification or regression", required=True),
        column("target_unit", pa.string(), "unit of MAE and RMSE; null for a classification"),
        column("model_sha256", pa.string(), "SHA-256 of model.keras", required=True),
        # quality on the validation split, by which runs may be chosen
        column("validation_samples", pa.int64(), "samples of the validation split"),
        column("validation_loss", pa.float64(), "as test_loss, of the saved model"),
        column("validation_accuracy", pa.float64(), "share of right labels; null for a regression"),
        column("validation_mae", pa.float64(), "mean absolute error in target_unit"),
        column("validation_rmse", pa.float64(), "root mean squared error in target_unit"),
        # quality on the test split, which no choice uses
        column("test_samples", pa.int64(), "samples of the test split", required=True),
        column("test_loss", pa.float64(), "cross-entropy in nats, or MSE in the unit squared"),
        column("test_accuracy", pa.float64(), "share of right labels; null for a regression"),
        *_interval("test_accuracy", "Wilson's score interval"),
        column("test_balanced_accuracy", pa.float64(), "mean of the classes' recalls"),
        column("test_recall", pa.list_(pa.float64()), "by class; null for one without samples"),
        column("test_confusion", pa.list_(pa.int64()), "counts by row; each row is a right label"),
        column("test_calibration_error", pa.float64(), "expected, 10 bins of equal counts"),
        column("test_mae", pa.float64(), "mean absolute error in target_unit"),
        *_interval("test_mae", "Hall's t for skewed errors"),
        column("test_rmse", pa.float64(), "root mean squared error in target_unit"),
        *_interval("test_rmse", "the root of Hall's interval of the MSE"),
        column(
            "test_mae_fraction", pa.float64(), "test_mae over the largest |target| of the split"
        ),
        column("test_rmse_fraction", pa.float64(), "test_rmse over the same"),
        column("train_samples", pa.int64(), "samples of the train split"),
        column("train_accuracy", pa.float64(), "share of right labels, train split, unaugmented"),
        column("train_mae", pa.float64(), "mean absolute error on the train split"),
        column("train_rmse", pa.float64(), "root mean squared error on the train split"),
        column("constant_accuracy", pa.float64(), "accuracy if the answer is the commonest label"),
        column("constant_mae", pa.float64(), "MAE if the answer is the mean training target"),
        column(
            "linear_accuracy", pa.float64(), "accuracy of a logistic regression; in baseline's row"
        ),
        column("linear_mae", pa.float64(), "MAE of a linear regression; in the baseline's row"),
        column("linear_reason", pa.string(), "why these are null"),
        # size
        column("parameters", pa.int64(), "all scalars, normalisation folded", required=True),
        column("trainable_parameters", pa.int64(), "trainable scalars", required=True),
        column("nonzero_parameters", pa.int64(), "scalars that are not zero", required=True),
        column("prunable_parameters", pa.int64(), "scalars of prunable kernels", required=True),
        column("nonzero_prunable_parameters", pa.int64(), "those not zero", required=True),
        column("sparsity", pa.float64(), "share of prunable parameters that are zero"),
        *FACTS,
        column("macs", pa.int64(), "multiply-accumulates of one sample, zeros included"),
        column("macs_reason", pa.string(), "why macs is null"),
        column("weights_bytes", pa.int64(), "weights in memory, dense", required=True),
        column("weights_gzip_bytes", pa.int64(), "weights after gzip -9", required=True),
        column("keras_bytes", pa.int64(), "model.keras, normalisation folded", required=True),
        column("keras_gzip_bytes", pa.int64(), "the same after gzip -9", required=True),
        column("weights_csr_bytes", pa.int64(), "counted: prunable kernels as CSR", required=True),
        column(
            "weights_bitmask_bytes", pa.int64(), "counted: as bitmask and values", required=True
        ),
        *_tflite("tflite", "float32 weights"),
        *_as_deployed("tflite", "in the unit of the output"),
        *_tflite("tflite_dynamic", "dynamic-range int8 weights, activations float32"),
        *_tflite("tflite_int8", "int8 inputs, weights, activations and outputs, unframed"),
        column("tflite_int8_tensors", pa.int64(), "int8 tensors in that file"),
        *_as_deployed("tflite_int8", "in int8 steps"),
        *_file_energy("tflite"),
        *_file_energy("tflite_int8"),
        column("tflite_threads", pa.int64(), "threads of TFLite's latency", required=True),
        # memory
        column("peak_activation_bytes", pa.int64(), "calculated, batch 1, float32", required=True),
        column(
            "calculated_memory_bytes",
            pa.int64(),
            "weights_bytes + peak_activation_bytes: a calculation",
            required=True,
        ),
        column("gpu_weights_bytes", pa.int64(), "what loading the model adds on the GPU"),
        column("gpu_inference_peak_bytes", pa.int64(), "peak on the GPU over one forward pass"),
        column("gpu_memory_batch_size", pa.int64(), "samples of that pass"),
        column("gpu_memory_method", pa.string(), "tf_allocator or none", required=True),
        column("gpu_memory_reason", pa.string(), "why GPU memory is null"),
        # time
        column("latency_p50_ms", pa.float64(), "median of single calls at batch 1"),
        column("latency_p95_ms", pa.float64(), "95th percentile of the same"),
        column("latency_runs", pa.int64(), "number of timed calls"),
        column("throughput_samples_per_s", pa.float64(), "at throughput_batch_size, median"),
        column("throughput_batch_size", pa.int64(), "samples of one large batch"),
        column("latency_threads", pa.int64(), "TensorFlow's threads of one operation"),
        # energy
        *_inference_energy("inference_energy", "in batches of inference_energy_batch_size"),
        *_inference_energy("single_inference_energy", "at batch 1"),
        column("job_energy_j", pa.float64(), "joules of only the job that made the model"),
        column("job_energy_method", pa.string(), "how measured, or none", required=True),
        column("job_energy_quality", pa.string(), "as in energy.parquet", required=True),
        column("job_energy_reason", pa.string(), "why it is null or not quite right"),
        column(
            "job_duration_s",
            pa.float64(),
            "wall time of its job or jobs",
            required=True,
        ),
        column("job_epochs", pa.int64(), "epochs of all nets that its job trained"),
        # machine
        column("device_kind", pa.string(), "cpu or gpu", required=True),
        column("device_name", pa.string(), "device of the latency measurements", required=True),
        column("cpu_name", pa.string(), "processor", required=True),
        column("cpu_count", pa.int64(), "logical processors", required=True),
        column("python_version", pa.string(), "Python", required=True),
        column("tensorflow_version", pa.string(), "TensorFlow", required=True),
        *(field for field in ARITHMETIC if field.name != "threads"),
    ]
)

# Columns that become smaller with the model; each gets its ratio to the baseline of the same data
# set and seed.
RATIOS = (
    "parameters",
    "nonzero_parameters",
    "macs",
    "weights_gzip_bytes",
    "keras_bytes",
    "tflite_bytes",
    "tflite_dynamic_bytes",
    "tflite_int8_bytes",
    "tflite_arena_bytes",
    "tflite_int8_arena_bytes",
    "calculated_memory_bytes",
    "gpu_inference_peak_bytes",
    "latency_p50_ms",
    "throughput_samples_per_s",
    "inference_energy_j",
    "single_inference_energy_j",
    "job_energy_j",
    "job_duration_s",
    "test_loss",
    "test_mae",
)


def _changes(prefix: str, split: str, what: str) -> list[pa.Field]:
    """Changes relative to the baseline on a split, with intervals, paired by sample."""
    figures = (
        ("accuracy_change", "_points", f"{split} accuracy less the baseline's, x 100"),
        ("mae_change", "", f"{split} MAE less the baseline's, in target_unit"),
        ("rmse_change", "", f"{split} RMSE less the baseline's, in target_unit"),
    )
    return [
        column(f"{prefix}{name}{end}{unit}", pa.float64(), text)
        for name, unit, meaning in figures
        for end, text in (
            ("", f"{meaning}; {what}"),
            ("_low", "lower end of its 95 % interval"),
            ("_high", "upper end, paired by sample"),
        )
    ]


SUMMARY = pa.schema(
    [
        *METRICS,
        *(column(f"{name}_ratio", pa.float64(), f"{name} over the baseline's") for name in RATIOS),
        *_changes("", "test", "no choice used this split"),
        *_changes("validation_", "validation", "choices may use this split"),
        column(
            "differs_from_baseline",
            pa.bool_(),
            "whether the interval of the change of accuracy or MAE on the test split excludes 0",
        ),
        *(
            column(f"{form}_latency_ratio{end}", pa.float64(), text)
            for form in FORMS
            for end, text in (
                ("", "latency of that file over the baseline's, both run in turn"),
                ("_low", "lower end of its 95 % interval"),
                ("_high", "upper end"),
            )
        ),
        column("device", pa.string(), "device for which nets are searched, from search.device"),
        column("device_flash_bytes", pa.int64(), "flash of the device: largest int8 file"),
        column("device_ram_bytes", pa.int64(), "RAM of the device: largest arena"),
        column("total_epochs", pa.int64(), "epochs of its job and of all jobs that it builds on"),
        column("total_duration_s", pa.float64(), "wall time of the same jobs"),
        column("total_energy_j", pa.float64(), "joules of the same jobs; null if one is null"),
        column("trial", pa.string(), "trial of the search that trained the net"),
        column("meets_standard", pa.bool_(), "of a search: within the tolerance of the baseline"),
        *(
            column(f"int8_gain{end}_{unit}", pa.float64(), text)
            for unit, figure in (("points", "accuracy, x 100"), ("mae", "MAE, in target_unit"))
            for end, text in (
                ("", f"test {figure}: int8 file less the int8 file of the net before retraining"),
                ("_low", "lower end of its 95 % interval"),
                ("_high", "upper end, paired by sample"),
            )
        ),
        column("chosen_from_trials", pa.int64(), "trained nets among which this one was chosen"),
    ]
)
