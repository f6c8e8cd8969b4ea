"""Which net to take: named choices, made on the validation split and reported on the test split.

Plain arithmetic on rows of ``summary.parquet``. The choice uses the validation split, so that the
reported test figures are not those of the luckiest run; they are given with their intervals.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import special

from nasturtium.records.runs import BASELINE, Run
from nasturtium.statistics.intervals import Interval, mean_difference
from nasturtium.statistics.on_device import device_of, fits, why_none

TOLERATED_POINTS = 1.0
TOLERATED_MAE_SHARE = 0.05
# A few zeros by chance don't make a net smaller than the baseline; pruning single weights does.
_SPARSER = 0.95
# Nets whose parameters differ by less than half a percent are equally small.
_ALIKE = 1.005


@dataclass(frozen=True)
class Candidate:
    """A run of one data set over all its seeds, ``rows`` of ``summary.parquet`` by seed."""

    name: str
    rows: tuple[Mapping, ...]

    @property
    def classifies(self) -> bool:
        """Whether the task is a classification."""
        return self.rows[0]["task"] == "classification"

    def quality(self, split: str) -> float:
        """Mean accuracy in percent, or MAE in the target's unit, on ``validation`` or ``test``."""
        if self.classifies:
            return 100 * statistics.fmean(row[f"{split}_accuracy"] for row in self.rows)
        return statistics.fmean(row[f"{split}_mae"] for row in self.rows)

    def change(self, split: str, baseline: "Candidate") -> Interval | None:
        """Change of :meth:`quality` to the baseline's, in points or the target's unit.

        With one seed it is paired by sample, with several it is Student's over the seeds. None for
        the baseline, and if a figure is missing.
        """
        if self.name == baseline.name:
            return None
        if len(self.rows) == 1:
            return self._of_seed(split, self.rows[0])
        figure = "accuracy" if self.classifies else "mae"
        factor = 100 if self.classifies else 1
        pair = [[factor * row[f"{split}_{figure}"] for row in c.rows] for c in (self, baseline)]
        return mean_difference(*pair)

    def is_worse(self, split: str, baseline: "Candidate") -> bool:
        """Whether the split shows that it is worse, over the seeds or by the samples of one.

        Two seeds alone show almost nothing (Student's t with one degree of freedom): by them alone,
        any net would be as good as the baseline.
        """
        intervals = [self._of_seed(split, row) for row in self.rows]
        intervals.append(self.change(split, baseline))
        return any(i is not None and self._lies_below(i) for i in intervals)

    def size(self) -> tuple[float, float]:
        """Mean numbers of parameters and of non-zero ones, which decide between equal nets."""
        names = ("parameters", "nonzero_parameters")
        parameters, nonzero = (statistics.fmean(row[n] for row in self.rows) for n in names)
        return parameters, nonzero

    def _of_seed(self, split: str, row: Mapping) -> Interval | None:
        prefix = "" if split == "test" else f"{split}_"
        name, unit = ("accuracy_change", "_points") if self.classifies else ("mae_change", "")
        ends = [row.get(f"{prefix}{name}{end}{unit}") for end in ("", "_low", "_high")]
        return None if None in ends else Interval(*ends)

    def _lies_below(self, interval: Interval) -> bool:
        return interval.high < 0 if self.classifies else interval.low > 0


@dataclass(frozen=True)
class Choice:
    """A choice with its candidate, or the reason why there is none."""

    name: str
    candidate: Candidate | None
    reason: str = ""
    is_for_device: bool = False


@dataclass(frozen=True)
class Verdict:
    """Which nets to take for one data set.

    Attributes
    ----------
    considered
        Number of nets among which the choices were made, including trials of searches.
    optimism
        By how much the best of them looks better than it is on the validation split, in points or
        in the target's unit, if all were equally good: see :func:`optimism`.
    below_standard
        A sentence if a linear model beats the baseline, and one for each search that found nothing
        within its tolerance of the baseline.
    """

    dataset: str
    baseline: Candidate
    choices: tuple[Choice, ...]
    considered: int
    optimism: float
    below_standard: tuple[str, ...] = ()


def candidates_of(rows: Sequence[Mapping], dataset: str) -> list[Candidate]:
    """The runs of ``dataset`` that have every seed of its baseline, in the rows' order."""
    groups: dict[str, dict[int, Mapping]] = {}
    for row in rows:
        if row["dataset"] == dataset:
            groups.setdefault(row["run"], {})[row["seed"]] = row
    seeds = sorted(groups.get(BASELINE, {}))
    return [
        Candidate(name, tuple(of_seed[seed] for seed in seeds))
        for name, of_seed in groups.items()
        if seeds and sorted(of_seed) == seeds
    ]


def verdict_of(rows: Sequence[Mapping], dataset: str) -> Verdict | None:
    """The verdict on ``dataset``; None without a baseline for comparison."""
    candidates = candidates_of(rows, dataset)
    baseline = next((c for c in candidates if c.name == BASELINE), None)
    if baseline is None:
        return None
    smaller = [c for c in candidates if _is_smaller(c, baseline)]
    equal = [c for c in smaller if not c.is_worse("validation", baseline)]
    near = [c for c in smaller if _is_near(c, baseline)]
    limit = "1 point" if baseline.classifies else "5 % of MAE"
    none_smaller = "no net is smaller than the baseline"
    choices = (
        Choice(
            "most accurate" if baseline.classifies else "least error",
            min(candidates, key=lambda c: (_badness(c), c.size())),
        ),
        _smallest(
            "smallest, not told worse",
            equal,
            "the validation samples tell that every smaller net is worse than the baseline"
            if smaller
            else none_smaller,
        ),
        _smallest(
            f"smallest within {limit}",
            near,
            f"every smaller net loses more than {limit} on the validation samples"
            if smaller
            else none_smaller,
        ),
        *_for_device(candidates),
    )
    considered = sum(_considered(c.rows[0]) for c in candidates)
    error = statistics.fmean(_standard_error(row) for row in baseline.rows)
    error /= math.sqrt(len(baseline.rows))
    below = [said for c in candidates for row in c.rows if (said := _below(row))]
    below = tuple(filter(None, [_unlearnt(baseline), *below]))
    return Verdict(dataset, baseline, choices, considered, optimism(considered, error), below)


def _considered(row: Mapping) -> int:
    """Number of nets that were compared for this row; a pick belongs to its search."""
    if Run(row["dataset"], row["seed"], row["run"]).pick is not None:
        return 0
    return row.get("chosen_from_trials") or 1


def _unlearnt(baseline: Candidate) -> str:
    """A sentence if a linear model beats the baseline by more than a tolerance."""
    figure = "accuracy" if baseline.classifies else "mae"
    known = [row.get(f"linear_{figure}") for row in baseline.rows]
    if None in known:
        return ""
    linear, own = statistics.fmean(known), baseline.quality("test")
    if baseline.classifies:
        is_worse, text = own < 100 * linear - TOLERATED_POINTS, f"{own:.2f} %, {100 * linear:.2f} %"
    else:
        is_worse = own > linear * (1 + TOLERATED_MAE_SHARE)
        text = f"MAE {own:.4g}, {linear:.4g}"
    if not is_worse:
        return ""
    return (
        f"The baseline is worse than a linear model on the test split ({text}), so it is not fully "
        "trained, and other nets look too good beside it; increase training.epochs, change "
        "training.learning_rate, or choose another reference net."
    )


def _below(row: Mapping) -> str:
    """A sentence if a search exported a net that is worse by its own tolerance."""
    run = Run(row["dataset"], row["seed"], row["run"])
    if row.get("meets_standard") is not False or run.pick is not None:
        return ""
    return (
        f"{run.name}, seed {run.seed}: no net of this search is within the tolerance of the "
        "baseline on the validation split, so the exported net is worse."
    )


def optimism(candidates: int, standard_error: float) -> float:
    """By how much the best of equally good candidates looks better than it is, on average.

    The expected maximum of as many standard normal numbers, times the standard error of a
    candidate's figure. It holds for nets that err independently. Nets that err on the same samples
    vary together, and the choice among them gains less, so it is an upper bound.
    """
    from scipy import integrate

    if candidates < 2:
        return 0.0

    def density(z: float) -> float:
        normal = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return z * candidates * normal * special.ndtr(z) ** (candidates - 1)

    return standard_error * integrate.quad(density, -8, 8)[0]


def _for_device(candidates: Sequence[Candidate]) -> list[Choice]:
    """The best net whose int8 file fits into the device, if the study has one."""
    device = device_of(candidates[0].rows[0])
    if device is None:
        return []
    best = min(
        (c for c in candidates if fits(c.rows)), key=lambda c: (_badness(c), c.size()), default=None
    )
    reason = "" if best else why_none([c.rows for c in candidates])
    return [Choice(f"best for {device}", best, reason, is_for_device=True)]


def _smallest(name: str, candidates: Sequence[Candidate], reason: str) -> Choice:
    if not candidates:
        return Choice(name, None, reason)
    fewest = min(c.size()[0] for c in candidates)
    alike = [c for c in candidates if c.size()[0] <= fewest * _ALIKE]
    # A stray zero doesn't make a net the smaller one; then the better one is.
    sparsest = min(c.size()[1] for c in alike)
    alike = [c for c in alike if c.size()[1] * _SPARSER <= sparsest]
    return Choice(name, min(alike, key=lambda c: (_badness(c), c.size())))


def _badness(candidate: Candidate) -> float:
    quality = candidate.quality("validation")
    return -quality if candidate.classifies else quality


def _is_smaller(candidate: Candidate, baseline: Candidate) -> bool:
    (parameters, nonzero), (most, most_nonzero) = candidate.size(), baseline.size()
    return parameters < most or (parameters == most and nonzero < _SPARSER * most_nonzero)


def _is_near(candidate: Candidate, baseline: Candidate) -> bool:
    own, reference = (c.quality("validation") for c in (candidate, baseline))
    if baseline.classifies:
        return own >= reference - TOLERATED_POINTS
    return own <= reference * (1 + TOLERATED_MAE_SHARE)


def _standard_error(row: Mapping) -> float:
    """Standard error of a run's validation accuracy in points, or of its MAE."""
    samples = row["validation_samples"]
    if row["task"] == "classification":
        share = row["validation_accuracy"]
        return 100 * math.sqrt(share * (1 - share) / samples)
    variance = max(0.0, row["validation_rmse"] ** 2 - row["validation_mae"] ** 2)
    return math.sqrt(variance / samples)
