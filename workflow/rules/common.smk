# Functions that the rules share. Nothing may be printed here: it would end up in --dag's output.
import gc
import json
import os
import sys
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from nasturtium.jobs import endings, provenance, snakemake_locks
from nasturtium.settings import configuration
from nasturtium.data.catalog import NAMES
from nasturtium.data.own import described
from nasturtium.digest import stage_digest
from nasturtium.errors import NasturtiumError
from nasturtium.pruning.methods import METHODS
from nasturtium.records.runs import Run, run_names
from nasturtium.search.state import made, made_by

ROOT = Path(workflow.basedir)

# What Snakemake plans lives until it ends. Python's collector looks at all of it again and again,
# in vain: left at its defaults, it takes a sixth of the time that a large study is planned in.
gc.freeze()
gc.set_threshold(100_000, 50, 100)

# Jobs compare what they find with what was planned.
provenance.announce_package(ROOT / "workflow/scripts")

# Jobs end with the Snakemake that runs them, and what a killed one had locked is free again.
endings.announce()
if workflow.is_main_process and not workflow.output_settings.dryrun:
    snakemake_locks.join_runs()
    endings.pass_interrupts_on()


onsuccess:
    show_answer()


onerror:
    if sentence := endings.no_memory(log):
        sys.stderr.write(f"{sentence}\n")


def show_answer():
    """Which nets to take, as the last that the command says."""
    answer = Path("results/verdict.txt")
    if answer.exists():
        sys.stderr.write(f"\n{answer.read_text()}")


def checked(config):
    """The configuration with defaults; a wrong one ends the command with one sentence."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    try:
        complete = configuration.validated(config, schema)
        for name in complete["datasets"]:
            if name in complete["own_datasets"]:
                described.check_files(name, complete["own_datasets"][name])
        return complete
    except NasturtiumError as error:
        raise WorkflowError(str(error)) from None


config = checked(config)

# Scripts inherit these. As parameters of a rule they would rerun what they don't change.
os.environ.setdefault("NASTURTIUM_DATA", config["data_dir"])
os.environ.update(NASTURTIUM_GPU_JOBS_PER_DEVICE=str(config["gpu_jobs_per_device"]))


def run_outputs(run, *more):
    """For `output`: the files that a run is made of; `more` are tables beside those of every run."""
    folder = f"results/{{dataset}}/seed{{seed}}/{run}"
    tables = ("training", *more, "energy", "power")
    return {
        "model": f"{folder}/model.keras",
        **{name: f"{folder}/{name}.parquet" for name in tables},
    }


def stage_settings(stage):
    """For `params`: exactly the settings that a stage depends on, for the rule's data set."""
    # Computed once a data set, as all below: in a large study they took a tenth of all planning.
    of_stage = cache(lambda dataset: configuration.for_stage(config, stage, dataset))
    return lambda wildcards: of_stage(wildcards.dataset)


def search_settings(stage):
    """The same for a search, with the objective that its run is named after."""
    of_search = cache(
        lambda dataset, objective: configuration.for_search(
            config, stage, dataset, objective
        )
    )
    return lambda wildcards: of_search(
        wildcards.dataset, wildcards.objective.lstrip("-")
    )


def ended_workers(stage):
    """For `input` of a search: a file of each of its workers, none where one process runs it.

    How many there are is not what a search depends on: of a finished one that nothing else has
    changed, it is as many as there were.
    """
    settings_now = search_settings(stage)

    def files(wildcards):
        folder = (
            f"{wildcards.dataset}/seed{wildcards.seed}/{stage}{wildcards.objective}"
        )
        workers = search_section(wildcards)["workers"]
        finished = made_by(f"state/{folder}")
        workers_then = finished.get("workers", 0)
        if finished == made(settings_now(wildcards), search_code(), workers_then):
            workers = workers if is_forced() else finished["workers"]
        ends = [f"results/{folder}/worker-{worker}.done" for worker in range(workers)]
        if not workflow.is_main_process:
            # The job itself, perhaps on a node of a cluster: what it was given is there.
            ends = [path for path in ends if os.path.exists(path)]
        return ends if workers > 1 else []

    return files


def is_forced():
    """Whether anything is to be made again that is there."""
    chosen = workflow.dag_settings
    return bool(chosen.forceall or chosen.forcetargets or chosen.forcerun)


@cache
def of_dataset(dataset):
    """The configuration of one data set."""
    return configuration.for_dataset(config, dataset)


def search_section(wildcards):
    """Section `search` of the rule's data set."""
    return of_dataset(wildcards.dataset)["search"]


def worker_settings(wildcards):
    """What a worker's search depends on."""
    stage, _, objective = wildcards.search.partition("-")
    return configuration.for_search(config, stage, wildcards.dataset, objective)


def worker_storage(wildcards):
    """Where the workers of a search share their study."""
    return search_section(wildcards)["storage"]


def worker_threads(wildcards):
    """Threads of a worker: its part of this machine's cores, so that all run side by side."""
    # workflow.cores raises where none are given, as on a cluster.
    cores = workflow.resource_settings.cores
    if cores is None or not workflow.is_main_process:
        return config["threads"]
    part = cores // search_section(wildcards)["workers"]
    return max(1, min(config["threads"], part))


def search_code():
    """For `params`: a digest of the code of a search, however many workers it has."""
    return stage_code("nas")


def stage_code(stage):
    """For `params`: a digest of the content of exactly the code that a stage runs."""
    return stage_digest(stage, ROOT / "workflow/scripts")


def announce_plan():
    """Hold a job that plans anew, on a node of a cluster, to what was planned here."""
    scripts = (ROOT / "workflow/scripts").glob("*.py")
    stages = sorted({path.stem for path in scripts} - {"search_worker"})
    plan = [config, {stage: stage_code(stage) for stage in stages}]
    try:
        provenance.announce_plan(
            json.dumps(plan, sort_keys=True, default=str),
            is_main=workflow.is_main_process,
        )
    except NasturtiumError as error:
        raise WorkflowError(str(error)) from None


announce_plan()


def own_description(wildcards):
    """The description of a data set of the user's; None for a built-in one."""
    return configuration.own_description(config, wildcards.dataset)


def own_files(wildcards):
    """The files that it names."""
    return described.source_files(own_description(wildcards))


def own_folder(wildcards):
    """A digest of its folder of images, whose files are too many to be inputs."""
    return described.folder_content(own_description(wildcards))


def compaction_of_run(wildcards):
    """The run's compaction.parquet, where its stage prunes."""
    if not Run(wildcards.dataset, int(wildcards.seed), wildcards.run).is_compacted:
        return {}
    folder = f"results/{wildcards.dataset}/seed{wildcards.seed}/{wildcards.run}"
    return {"compaction": f"{folder}/compaction.parquet"}


def configured_runs(dataset):
    """Names of the runs of one data set and seed."""
    chosen = of_dataset(dataset)
    pruning, objectives = chosen["pruning"], chosen["search"]["objectives"]
    return run_names(
        pruning["methods"], pruning["ratios"], pruning["controls"], list(objectives)
    )


def all_metrics(wildcards):
    """One metrics.parquet for each run of the configured study."""
    return [
        f"results/{dataset}/seed{seed}/{run}/metrics.parquet"
        for dataset in config["datasets"]
        for seed in config["seeds"]
        for run in configured_runs(dataset)
    ]


def all_predictions(wildcards):
    """The table of predictions beside each of them."""
    return [
        path.replace("metrics.parquet", "predictions.parquet")
        for path in all_metrics(wildcards)
    ]


def all_trials(wildcards):
    """The table of trials of each search."""
    return [
        f"results/{dataset}/seed{seed}/{run}/trials.parquet"
        for dataset in config["datasets"]
        for seed in config["seeds"]
        for run in configured_runs(dataset)
        if Run(dataset, seed, run).stage in ("nas", "nas_with_pruning")
    ]


def all_deployed(wildcards):
    """The int8 file of every run of the configured study; what is beside it comes with it."""
    return [
        path.replace("metrics.parquet", "deployed/model_int8.tflite")
        for path in all_metrics(wildcards)
    ]


def tables_of_dataset(wildcards):
    """The tables that the figures of a data set are drawn from, beside the summary."""
    tables = []
    for seed in config["seeds"]:
        for run in configured_runs(wildcards.dataset):
            names = ["training", "energy", "power", "predictions"]
            if Run(wildcards.dataset, seed, run).stage in ("nas", "nas_with_pruning"):
                names.append("trials")
            folder = f"results/{wildcards.dataset}/seed{seed}/{run}"
            tables += [f"{folder}/{name}.parquet" for name in names]
    return tables


wildcard_constraints:
    dataset="|".join([*NAMES, *config["own_datasets"]]),
    seed=r"\d+",
    method="|".join(METHODS),
    ratio=r"0\.\d\d",
    objective=r"(-[a-z][a-z0-9_]*)?",
    search=r"nas(_with_pruning)?(-[a-z][a-z0-9_]*)?",
    trial=r"\d\d\d\d",
    worker=r"\d+",
    run=r"baseline|baseline_longer|((nas_)?pruned|scratch)/({methods})-0\.\d\d"
    r"|nas(_with_pruning)?(-[a-z][a-z0-9_]*)?"
    r"|retrained/[a-z0-9_-]+|retrained_pruned/[a-z0-9_-]+/({methods})-0\.\d\d".replace(
        "{methods}", "|".join(METHODS)
    ),
