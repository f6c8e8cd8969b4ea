"""Names: runs, and the files inside a run directory."""

import re
from dataclasses import dataclass

BASELINE = "baseline"
BASELINE_LONGER = "baseline_longer"
PRUNED = "pruned"
SCRATCH = "scratch"
NAS = "nas"
NAS_PRUNED = "nas_pruned"
NAS_WITH_PRUNING = "nas_with_pruning"
RANDOM_SEARCH = "random_search"
BEST_OF_K = "baseline_best_of_k"
SCALED = "scaled"
RETRAINED = "retrained"
RETRAINED_PRUNED = "retrained_pruned"
QUANTISED = "quantised"

# The nets of a search that become runs besides the best one; see docs/search.md.
PICKS = ("best", "knee", "small")
SEARCHES = (NAS, NAS_WITH_PRUNING, RANDOM_SEARCH)

_PRUNED = re.compile(r"/([a-z][a-z0-9_]*)-(0\.\d\d)$")
_PICK = re.compile(rf"-({'|'.join(PICKS)})$")


@dataclass(frozen=True)
class Run:
    """One run of the study: ``results/{dataset}/seed{seed}/{name}/``."""

    dataset: str
    seed: int
    name: str

    @property
    def stage(self) -> str:
        """The stage that makes it: the first part of the name, without the name of an objective."""
        return re.split("[/-]", self.name)[0]

    @property
    def method(self) -> str | None:
        """Pruning method of a pruned run, otherwise None."""
        return found[1] if (found := _PRUNED.search(self.name)) else None

    @property
    def ratio(self) -> float | None:
        """Pruning ratio of a pruned run, otherwise None."""
        return float(found[2]) if (found := _PRUNED.search(self.name)) else None

    @property
    def pick(self) -> str | None:
        """Its pick, such as ``small`` for ``nas-small``; otherwise None."""
        return found[1] if (found := _PICK.search(self.name)) else None

    @property
    def is_search(self) -> bool:
        """Whether it is a search, with a table of trials."""
        return self.stage in SEARCHES and self.pick is None

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the runs from whose results its own job started."""
        if self.pick is not None:
            return (self.name.removesuffix(f"-{self.pick}"),)
        if self.quantised_from is not None:
            return (self.quantised_from,)
        if self.stage in (BASELINE, BEST_OF_K):
            return ()
        if self.stage == SCRATCH:
            return (self.name.replace(SCRATCH, PRUNED, 1),)
        if self.stage in (NAS_PRUNED, SCALED):
            return (NAS,)
        if self.stage == RETRAINED:
            return (self.name.split("/")[1].rsplit("-", 1)[0],)
        if self.stage == RETRAINED_PRUNED:
            return (f"{RETRAINED}/{self.name.split('/')[1]}",)
        return (BASELINE,)

    @property
    def is_compacted(self) -> bool:
        """Whether its model was pruned and compacted by its own job."""
        return self.stage in (PRUNED, NAS_PRUNED, NAS_WITH_PRUNING, RETRAINED_PRUNED)

    @property
    def quantised_from(self) -> str | None:
        """Name of the run whose net was trained further for int8; None for other runs."""
        if self.stage == QUANTISED:
            return BASELINE
        found = self.stage.removesuffix(f"_{QUANTISED}")
        return None if found == self.stage else found + self.name.removeprefix(self.stage)

    @property
    def label(self) -> str:
        """A readable name: ``digits seed 0 baseline``."""
        return f"{self.dataset} seed {self.seed} {self.name}"

    @property
    def identity(self) -> dict[str, object]:
        """The columns that every table of the run begins with."""
        return {"dataset": self.dataset, "seed": self.seed, "run": self.name}


def pruned_run(stage: str, method: str, ratio: float) -> str:
    """Name of a pruned run: ``pruned/magnitude-0.50``."""
    return f"{stage}/{method}-{ratio:.2f}"


def quantised_run(source: str) -> str:
    """Name of the run that trains the net of ``source`` further for int8."""
    stage, slash, rest = source.partition("/")
    return QUANTISED if stage == BASELINE else f"{stage}_{QUANTISED}{slash}{rest}"


def run_names(
    methods: list[str],
    ratios: list[float],
    controls: list[str],
    objectives: list[str] = (),
    picks: list[str] = (),
    search_controls: list[str] = (),
    *,
    quantised: bool = False,
) -> list[str]:
    """Names of all runs of one data set and seed, in the order of the stages.

    Parameters
    ----------
    controls
        ``baseline_longer``, and families of runs with one at each ratio: ``scratch/channels``,
        ``scratch/magnitude``, ``pruned/random``.
    objectives
        Names of the objectives besides the default one.
    picks
        Which of :data:`PICKS` are separate runs of each search.
    search_controls
        ``random_search``, ``baseline_best_of_k``, ``scaled``.
    quantised
        Whether baseline, pruned nets and searched nets are also trained for int8.
    """
    grid = [(method, ratio) for method in methods for ratio in ratios]
    families = [control.split("/") for control in controls if "/" in control]
    names = [
        BASELINE,
        *([BASELINE_LONGER] if BASELINE_LONGER in controls else []),
        *(pruned_run(PRUNED, *point) for point in grid),
        *(pruned_run(*family, ratio) for family in families for ratio in ratios),
        NAS,
        *(f"{NAS}-{pick}" for pick in picks),
        *(pruned_run(NAS_PRUNED, *point) for point in grid),
        NAS_WITH_PRUNING,
        *(f"{NAS_WITH_PRUNING}-{pick}" for pick in picks),
        *(f"{search}-{name}" for name in objectives for search in (NAS, NAS_WITH_PRUNING)),
        *search_controls,
    ]
    if quantised:
        pruned = [pruned_run(PRUNED, *point) for point in grid]
        names += map(quantised_run, [BASELINE, *pruned, NAS, NAS_WITH_PRUNING])
    # A control may also be one of the methods.
    return list(dict.fromkeys(names))
