"""``card.md`` describes a deployed net: its origin, quality, inputs and outputs."""

from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.deployment.predictor import FLOAT32, INT8
from nasturtium.statistics.intervals import Interval, mean_difference, proportion

_FILES = ((FLOAT32, "tflite"), (INT8, "tflite_int8"))
_MADE = {
    "baseline": "the data set's reference net, trained",
    "baseline_longer": "the trained reference net, retrained for as many epochs as pruned nets",
    "pruned": "the trained reference net, pruned during a retraining, and compacted",
    "quantised": "the trained reference net, retrained for int8",
    "pruned_quantised": "the trained reference net, pruned, compacted, and retrained for int8",
    "nas_quantised": "the best trial of an architecture search, retrained for int8",
    "nas_with_pruning_quantised": (
        "the best trial of a search that prunes every trial, retrained for int8"
    ),
    "scratch": "a pruned net's shape, trained from new weights",
    "nas": "the best trial of an architecture search",
    "nas_pruned": "the best trial of an architecture search, pruned, and compacted",
    "nas_with_pruning": "the best trial of a search that prunes every trial",
    "random_search": "the best net of a random search",
    "baseline_best_of_k": "the best of several reference nets that differ only in their seed",
    "scaled": "the reference net with its widths scaled to the size of a search's best net",
    "retrained": "a trial of an architecture search, trained for the whole budget",
    "retrained_pruned": "a trial of a search, trained for the whole budget, pruned, and compacted",
}


def card(
    row: Mapping,
    answers: Sequence[Mapping],
    description: Description,
    inputs: Mapping,
    sources_sha256: Mapping[str, str],
) -> str:
    """The card's text.

    Parameters
    ----------
    row, answers
        The run's row of ``metrics.parquet`` and its rows of ``predictions.parquet``.
    inputs
        See :func:`nasturtium.deployment.inputs.describe_inputs`.
    sources_sha256
        SHA-256 of the data's source files, by name.
    """
    made = _MADE.get(row["stage"], row["stage"])
    pruned = f", {row['method']} {row['ratio']:.2f}" if row["method"] else ""
    sources = "".join(f"\n- {name}: sha256 `{digest}`" for name, digest in sources_sha256.items())
    licence = description.licence or "not known here"
    checksums = "".join(
        f"- {name}: sha256 `{row[f'{key}_sha256']}`\n"
        for name, key in (("model.keras", "model"), *_FILES)
        if row[f"{key}_sha256"]
    )
    return f"""\
# {row["dataset"]}, seed {row["seed"]}, {row["run"]}

A net for {_task(description)}: {made}{pruned}.
{row["parameters"]:,} parameters, {_count(row["macs"])} multiply-accumulates per sample.
Made by Nasturtium with TensorFlow {row["tensorflow_version"]}.

## Files

{_table(row)}
RAM is the arena of TensorFlow Lite Micro's interpreter with 64-bit pointers; weights stay in
flash. Latency is the median at batch 1 on one thread of {row["cpu_name"]}.

## Quality

On the {row["test_samples"]:,} samples of the test split, which no choice used, with 95 % intervals.
The intervals cover the random choice of these samples. They do not cover other data.

{_quality(row, answers, description)}
## Input and output

{_input(inputs)}

{_output(description)}

`model.json` has this and the scaling in a form for programs. `{FLOAT32}` takes raw numbers. For
`{INT8}`, standardise them with the numbers in `model.json`, then round them to int8 with the
file's own scale. Neither file refuses missing values or values out of range;
`nasturtium.load_predictor` does.

## Data

{description.title or description.name}. Licence: {licence}.{sources}

## Checksums

{checksums}"""


def _task(description: Description) -> str:
    if description.classes is None:
        return "one number" + (f" in {description.target_unit}" if description.target_unit else "")
    return f"{description.classes} classes"


def _table(row: Mapping) -> str:
    lines = ["| file | flash | RAM | latency |", "|---|--:|--:|--:|"]
    for name, key in _FILES:
        if row[f"{key}_bytes"] is None:
            lines.append(f"| `{name}` | not there: {row[f'{key}_reason']} | | |")
            continue
        arena = row[f"{key}_arena_bytes"]
        ram = f"not known: {row[f'{key}_arena_reason']}" if arena is None else f"{arena:,} bytes"
        latency_us = 1000 * row[f"{key}_latency_p50_ms"]
        lines.append(f"| `{name}` | {row[f'{key}_bytes']:,} bytes | {ram} | {latency_us:.1f} us |")
    return "\n".join(lines) + "\n"


def _quality(row: Mapping, answers: Sequence[Mapping], description: Description) -> str:
    classification = description.classes is not None
    figure = "accuracy" if classification else "MAE"
    lines = [f"| file | {figure} | change to model.keras |", "|---|--:|--:|"]
    lines.append(f"| `model.keras` | {_figure(answers, 'prediction', classification)} | |")
    for name, key in _FILES:
        change = _change(row, key, classification)
        if change is None:
            continue
        # The float32 file's predictions are not kept by sample.
        whole = _figure(answers, "int8_prediction", classification) if name == INT8 else "-"
        lines.append(f"| `{name}` | {whole} | {change} |")
    return "\n".join(lines) + "\n"


def _figure(answers: Sequence[Mapping], column: str, classification: bool) -> str:
    target = np.array([answer["target"] for answer in answers])
    given = np.array([answer[column] for answer in answers])
    if classification:
        share = proportion(int((given == target).sum()), len(target))
        return _between(share, 100, ".2f", " %")
    errors = np.abs(given - target)
    return _between(mean_difference(errors, np.zeros(len(errors))), 1, ".4g", "")


def _between(interval: Interval, factor: float, form: str, unit: str) -> str:
    middle, low, high = (
        f"{factor * value:{form}}" for value in (interval.estimate, interval.low, interval.high)
    )
    return f"{middle}{unit} ({low} to {high})"


def _change(row: Mapping, key: str, classification: bool) -> str | None:
    name, unit = ("accuracy", "_points") if classification else ("mae", "")
    change = row[f"{key}_{name}_change{unit}"]
    if change is None:
        return None
    low, high = (row[f"{key}_{name}_change_{end}{unit}"] for end in ("low", "high"))
    form = "+.2f" if classification else "+.3g"
    points = " points" if classification else ""
    within = "" if low is None else f" ({low:{form}} to {high:{form}})"
    return f"{change:{form}}{points}{within}"


def _input(inputs: Mapping) -> str:
    shape = " x ".join(map(str, inputs["shape"]))
    if inputs["kind"] == "pictures":
        largest = inputs["largest_value"]
        return f"Pictures of {shape} (height, width, channels), raw values up to {largest:g}."
    if inputs["kind"] == "text":
        known = f"{len(inputs['words']):,} of their tokens"
        return (
            f"Texts. Their first {inputs['length']} tokens ({inputs['tokens']}, in lower case) are "
            f"read, and {known} are known. The files take a number for each token: its place in "
            "`words` of `model.json` plus 2, or 1 if it is unknown. Short texts are padded with 0."
        )
    if inputs["kind"] != "table":
        return f"{shape} raw numbers per sample."
    lines = ["Columns of a table, by name and in the data's own units:", ""]
    for column in inputs["columns"]:
        if "categories" in column:
            lines.append(f"- {column['name']}: one of {', '.join(column['categories'])}")
        elif column["fill"] is None:
            lines.append(f"- {column['name']}: a number")
        else:
            lines.append(f"- {column['name']}: a number; {column['fill']:g} where it is missing")
    return "\n".join(lines)


def _output(description: Description) -> str:
    if description.classes is None:
        return f"The output is the target, in {description.target_unit or 'the unit of the data'}."
    names = description.class_names or tuple(map(str, range(description.classes)))
    return f"The outputs are the probabilities of {', '.join(names)}, in this order."


def _count(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"
