"""The verdict as text: a few lines for the terminal, and a page of Markdown."""

import statistics

from nasturtium.report.points import spread_of
from nasturtium.report.summary import aligned
from nasturtium.statistics.intervals import Interval
from nasturtium.statistics.on_device import need
from nasturtium.statistics.verdict import Candidate, Choice, Verdict

_COLUMNS = (
    "choice",
    "net",
    "validation",
    "test",
    "to the baseline, test",
    "differs?",
    "parameters",
)


def header(verdict: Verdict) -> list[str]:
    """Heads of the columns of :func:`lines`, with the figure's name and unit."""
    figure, change = figure_names(verdict.baseline)
    names = {
        "validation": f"validation {figure}",
        "test": f"test {figure}",
        "to the baseline, test": "to the baseline" + (f" ({change})" * verdict.baseline.classifies),
    }
    return [names.get(column, column) for column in _COLUMNS]


def lines(verdict: Verdict) -> list[list[str]]:
    """A line for the baseline and one for each choice, as cells of text."""
    baseline = verdict.baseline
    found = [(choice.name, choice.candidate) for choice in verdict.choices if choice.candidate]
    return [
        [
            name,
            candidate.name,
            _quality(candidate, "validation"),
            _with_interval(candidate),
            change_text(candidate, baseline),
            told_text(candidate, baseline),
            _parameters(candidate, baseline),
        ]
        for name, candidate in [("(reference)", baseline), *found]
    ]


def terminal(verdict: Verdict, path: str) -> str:
    """The last lines of a run: the table, remarks, and where to find more."""
    shown = [name for name in range(len(_COLUMNS)) if _COLUMNS[name] != "validation"]
    cells = [[line[i] for i in shown] for line in [header(verdict), *lines(verdict)]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    table = [
        "  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join(
        [
            f"{verdict.dataset}: which net to take? {how(verdict.baseline)}",
            *table,
            *(f"  {sentence}" for sentence in missing(verdict)),
            f"  {references(verdict.baseline)}",
            f"  Files: results/{verdict.dataset}/seed{verdict.baseline.rows[0]['seed']}/NET/"
            f"model.keras; more in {path}",
        ]
    )


def markdown(verdict: Verdict) -> str:
    """The whole verdict, for ``verdict.md``."""
    found = [choice for choice in verdict.choices if choice.candidate]
    parts = [
        f"# {verdict.dataset}: which net to take",
        how(verdict.baseline),
        aligned(header(verdict), lines(verdict), names=2).rstrip(),
        "\n".join(f"- {sentence}" for sentence in missing(verdict)),
        references(verdict.baseline),
        "## How sure that is",
        "\n".join(f"- {sentence}" for sentence in caveats(verdict)),
        "## The files",
        "\n\n".join(_file(choice) for choice in found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def missing(verdict: Verdict) -> list[str]:
    """A sentence for each choice without a net, and for each search that found nothing as good.

    And one on the needs and the quality of the int8 file of the device's net.
    """
    nobody = [f"{c.name}: none, {c.reason}." for c in verdict.choices if c.candidate is None]
    return [*nobody, *_on_device(verdict), *verdict.below_standard]


def _on_device(verdict: Verdict) -> list[str]:
    for choice in verdict.choices:
        if choice.is_for_device and choice.candidate:
            rows = choice.candidate.rows
            names = ("accuracy", 100, " %") if choice.candidate.classifies else ("mae", 1, "")
            name, factor, unit = names
            known = spread_of([row.get(f"tflite_int8_{name}") for row in rows])
            value = "not known" if known is None else f"{factor * known.mean:.4g}{unit}"
            label, _ = figure_names(choice.candidate)
            return [
                f"{choice.name}: {choice.candidate.name} as an int8 file takes {need(rows)}; its "
                f"test {label} is then {value}."
            ]
    return []


def without_baseline(dataset: str) -> str:
    """The verdict on a data set whose baseline is missing."""
    return (
        f"{dataset}: no verdict, since there is no baseline to compare nets with; its log says why."
    )


def caveats(verdict: Verdict) -> list[str]:
    """Remarks on the reliability of the table."""
    baseline = verdict.baseline
    _, unit = figure_names(baseline)
    samples, seeds = baseline.rows[0]["validation_samples"], len(baseline.rows)
    paired = (
        f"Intervals of changes are Student's over {seeds} seeds, paired by seed."
        if seeds > 1
        else "Intervals of changes compare both nets sample by sample. They cover which samples "
        "were drawn, not another initialisation: for that, run several seeds."
    )
    tolerance = (
        '"Within 1 point" and "not told worse" were'
        if baseline.classifies
        else '"Within 5 % of MAE" and "not told worse" were'
    )
    return [
        '"Can\'t be told" means that this number of samples shows no difference, not that there is '
        "none.",
        f"{verdict.considered} nets were compared on {samples:,} validation samples"
        f"{' a seed' if seeds > 1 else ''}. If all were equally good and erred independently, the "
        f"best of them would look {verdict.optimism:.2g} {unit} better there than it is. So the "
        "validation column is too good for what was chosen by it; the test column is not.",
        f"{tolerance} decided on the validation samples; where the test samples say otherwise, "
        "believe the test.",
        paired,
        "Smaller means fewer parameters. Among nets within half a percent of each other, it means "
        "clearly fewer parameters that are not zero, and then the better net.",
    ]


def references(baseline: Candidate) -> str:
    """The results without a net: a constant, and a linear model."""
    rows = baseline.rows
    if baseline.classifies:
        constant = f"{100 * statistics.fmean(row['constant_accuracy'] for row in rows):.2f} %"
        known = [row.get("linear_accuracy") for row in rows]
        linear = None if None in known else f"{100 * statistics.fmean(known):.2f} %"
        what = "always the most frequent class"
    else:
        constant = f"{statistics.fmean(row['constant_mae'] for row in rows):.4g}"
        known = [row.get("linear_mae") for row in rows]
        linear = None if None in known else f"{statistics.fmean(known):.4g}"
        what = "always the mean of the training targets"
    figure, _ = figure_names(baseline)
    text = f"Without a net, test {figure}: {constant} by a constant ({what})"
    return f"{text}, {linear} by a linear model." if linear else f"{text}."


def how(baseline: Candidate) -> str:
    """The samples on which the choices were made, and those on which they are reported."""
    row, seeds = baseline.rows[0], len(baseline.rows)
    of_seeds = f" Means over {seeds} seeds." if seeds > 1 else " One seed."
    return (
        f"Chosen on {row['validation_samples']:,} validation samples, reported on "
        f"{row['test_samples']:,} test samples; in brackets 95 % intervals.{of_seeds}"
    )


def figure_names(baseline: Candidate) -> tuple[str, str]:
    """Name of the figure of quality, and the unit of its changes."""
    if baseline.classifies:
        return "accuracy", "points"
    unit = baseline.rows[0]["target_unit"] or "the target's unit"
    return f"MAE ({unit})", unit


def _quality(candidate: Candidate, split: str) -> str:
    value = candidate.quality(split)
    return f"{value:.2f} %" if candidate.classifies else f"{value:#.4g}"


def _with_interval(candidate: Candidate) -> str:
    text, known = _quality(candidate, "test"), uncertainty(candidate)
    if not known:
        return text
    return f"{text} {known}" if len(candidate.rows) > 1 else f"{text} ({known})"


def uncertainty(candidate: Candidate) -> str:
    """With one seed the interval of the test figure, with several its sample standard deviation."""
    name, factor = ("accuracy", 100) if candidate.classifies else ("mae", 1)
    if len(candidate.rows) > 1:
        spread = spread_of([factor * row[f"test_{name}"] for row in candidate.rows])
        return f"± {spread.deviation:.2g}"
    ends = [candidate.rows[0].get(f"test_{name}_{end}") for end in ("low", "high")]
    if None in ends:
        return ""
    form = ".1f" if candidate.classifies else ".3g"
    low, high = (factor * end for end in ends)
    return f"{low:{form}} to {high:{form}}"


def change_text(candidate: Candidate, baseline: Candidate) -> str:
    """Change of the test figure relative to the baseline's, with its interval."""
    change = candidate.change("test", baseline)
    if change is None:
        return "-"
    form = "+.2f" if candidate.classifies else "+.3g"
    return f"{change.estimate:{form}} ({change.low:{form}} to {change.high:{form}})"


def told_text(candidate: Candidate, baseline: Candidate) -> str:
    """Whether the test split shows a difference."""
    change = candidate.change("test", baseline)
    return "-" if change is None else told(change, higher_is_better=candidate.classifies)


def told(change: Interval, *, higher_is_better: bool) -> str:
    """A change to the baseline in words."""
    if change.holds_zero:
        return "can't be told"
    return "better" if (change.estimate > 0) == higher_is_better else "worse"


def _parameters(candidate: Candidate, baseline: Candidate) -> str:
    (own, nonzero), (reference, _) = candidate.size(), baseline.size()
    text = f"{own:,.0f}"
    if candidate.name != baseline.name:
        text += f" ({100 * own / reference:.0f} %)"
    return f"{text}, {nonzero:,.0f} not zero" if nonzero < 0.95 * own else text


def _file(choice: Choice) -> str:
    rows = choice.candidate.rows
    best = rows[0]
    run = f"{best['dataset']}/seed{best['seed']}/{best['run']}"
    others = ", ".join(f"seed {row['seed']}" for row in rows[1:])
    return "\n".join(
        [
            f"**{choice.name}**: `results/{run}/model.keras`"
            + (f" (likewise of {others})" if others else ""),
            "",
            "```",
            f"python -c 'import nasturtium; nasturtium.load_model(\"{run}\").summary()'",
            f"snakemake results/{run}/metrics.parquet --cores 1 --resources gpu=1 --force",
            "```",
        ]
    )
