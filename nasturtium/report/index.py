"""The study's main page: which net to take, with its figure and table, then everything else."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from nasturtium.report import verdict as verdict_text
from nasturtium.report.as_deployed import int8_change, int8_change_text
from nasturtium.report.html import (
    Cell,
    figure,
    folded,
    items,
    page,
    paragraph,
    picture,
    section,
    table,
)
from nasturtium.report.summary import without_net
from nasturtium.statistics.verdict import Candidate, candidates_of, verdict_of

TITLE = "Which net to take?"
CHOICE = "choice"
"""Name of the figure that is shown first."""


def index_page(
    rows: Sequence[Mapping],
    figures: Mapping[str, Mapping[str, Path]],
    tables: Mapping[str, str],
    failed: Sequence[str] = (),
) -> str:
    """The whole page, self-contained.

    Parameters
    ----------
    rows
        Of ``summary.parquet``.
    figures
        The data sets of the study, each with its SVG files by name; :data:`CHOICE` comes first.
    tables
        Bodies of further pages, by their titles.
    failed
        A sentence for each job that failed; they come first.
    """
    rest = [
        section(dataset, "\n".join(folded(name, picture(path)) for name, path in of_set.items()))
        for dataset, drawn in figures.items()
        if (of_set := {name: path for name, path in drawn.items() if name != CHOICE})
    ]
    more = [folded(title, body) for title, body in tables.items()]
    return page(
        TITLE,
        _front(rows, figures, failed),
        section("All figures", "") if rest else "",
        *rest,
        section("More", "\n".join(more)) if more else "",
    )


def report_front(
    rows: Sequence[Mapping],
    figures: Mapping[str, Mapping[str, Path]],
    failed: Sequence[str] = (),
) -> str:
    """The page's first part for the start of Snakemake's report, in a separate frame.

    The report's style sheet does not affect it, and the graph of the jobs moves below it.
    """
    inner = html.escape(page(TITLE, _front(rows, figures, failed)))
    return (
        "<style>.prose.max-w-lg { max-width: none; } .prose.max-w-lg p { max-width: 46rem; } "
        "div:has(> div > .prose.max-w-lg) { flex-wrap: wrap; } "
        "div:has(> div > div > .prose.max-w-lg) { align-items: flex-start; }</style>\n"
        f'<iframe srcdoc="{inner}" title="{TITLE}" '
        'style="width: calc(100vw - 19rem); height: 94vh; border: 0"></iframe>\n'
    )


def _front(
    rows: Sequence[Mapping], figures: Mapping[str, Mapping[str, Path]], failed: Sequence[str]
) -> str:
    parts = [_dataset(rows, dataset, drawn) for dataset, drawn in figures.items()]
    if failed:
        lead = "These jobs failed, and what rests on them is missing below:"
        parts.insert(0, section("Not all of it was made", paragraph(lead) + items(failed)))
    return "\n".join(parts)


def _dataset(rows: Sequence[Mapping], dataset: str, drawn: Mapping[str, Path]) -> str:
    verdict = verdict_of(rows, dataset)
    if verdict is None:
        return section(dataset, paragraph(verdict_text.without_baseline(dataset)))
    parts = [
        paragraph(verdict_text.how(verdict.baseline)),
        table(verdict_text.header(verdict), verdict_text.lines(verdict), sortable=False),
        items(verdict_text.missing(verdict)) if verdict_text.missing(verdict) else "",
        paragraph(verdict_text.references(verdict.baseline)),
        picture(drawn[CHOICE]) if CHOICE in drawn else "",
        folded("How sure that is", items(verdict_text.caveats(verdict))),
        folded("Every net", _every_net(rows, dataset)),
    ]
    return section(dataset, "\n".join(parts))


def _every_net(rows: Sequence[Mapping], dataset: str) -> str:
    candidates = candidates_of(rows, dataset)
    baseline = next(c for c in candidates if c.name == "baseline")
    quality, change = verdict_text.figure_names(baseline)
    header = (
        "net",
        f"validation {quality}",
        f"test {quality}",
        "95 % interval" if len(baseline.rows) == 1 else "seeds",
        f"to the baseline ({change})",
        "differs?",
        "parameters",
        "not zero",
        "MACs",
        "weights, gzip (kB)",
        "TFLite file (kB)",
        "TFLite int8 file (kB)",
        "its RAM (kB)",
        "change by int8",
    )
    lines = [_line(c, baseline) for c in candidates]
    blank = [Cell(None)] * (len(header) - 3)
    # The constant and the linear model differ by seed; those of the first seed are shown.
    for name, text in without_net(baseline.rows[0]):
        value = float(text.removeprefix("MAE ").split()[0])
        lines.append([name, Cell(None), Cell(value, text), *blank])
    explained = paragraph(
        "A click on a column's head sorts by it. The summary has all figures with their ratios to "
        "the baseline."
    )
    return explained + table(header, lines, filtered=True)


def _line(candidate: Candidate, baseline: Candidate) -> list[Cell | str]:
    row = candidate.rows[0]
    form = ".2f" if candidate.classifies else ".4g"
    change = candidate.change("test", baseline)
    uncertainty = verdict_text.uncertainty(candidate)
    return [
        candidate.name,
        figure(candidate.quality("validation"), form),
        figure(candidate.quality("test"), form),
        uncertainty or "-",
        Cell(None)
        if change is None
        else Cell(change.estimate, verdict_text.change_text(candidate, baseline)),
        verdict_text.told_text(candidate, baseline),
        figure(candidate.size()[0], ",.0f"),
        figure(candidate.size()[1], ",.0f"),
        figure(row["macs"], ",d", row["macs_reason"]),
        figure(row["weights_gzip_bytes"] / 1000, ",.1f"),
        figure(_kilo(row["tflite_bytes"]), ",.1f", row["tflite_reason"]),
        figure(_kilo(row["tflite_int8_bytes"]), ",.1f", row["tflite_int8_reason"]),
        figure(_kilo(row["tflite_int8_arena_bytes"]), ",.1f", row["tflite_int8_arena_reason"]),
        Cell(int8_change(row), int8_change_text(row), row["tflite_int8_reason"]),
    ]


def _kilo(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000
