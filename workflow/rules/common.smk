# Functions that the rules share. Nothing may be printed here: it would end up in --dag's output.
import gc
import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from nasturtium.jobs import (
    endings,
    forking,
    last_words,
    provenance,
    snakemake_locks,
)
from nasturtium.settings import (
    clone_path,
    configuration,
    early_checks,
    other_study,
    pruning_steps,
)
from nasturtium.digest import stage_digest
from nasturtium.errors import NasturtiumError
from nasturtium.search.state import provenance_of, read_provenance
from nasturtium.settings.plan import (
    Plan,
    compaction_of_run,
    run_outputs,
    search_outputs,
    wildcard_patterns,
)
from nasturtium.settings.schema import load_schema

ROOT = Path(workflow.basedir)
PARTIAL = "nasturtium.stages.partial"

# Snakemake keeps its plan until it ends. With its defaults, Python's garbage collector goes through
# all of it repeatedly, which takes a sixth of the planning time of a large study.
gc.freeze()
gc.set_threshold(100_000, 50, 100)

# Jobs compare code and configuration with what was planned.
provenance.announce_package(ROOT / "workflow/scripts")

# Jobs end with the Snakemake that runs them, and the locks of a killed Snakemake are removed.
endings.announce()
if workflow.is_main_process and not workflow.output_settings.dryrun:
    snakemake_locks.join_runs()
    endings.pass_interrupts_on()


onstart:
    other_study.remember(config, workflow.overwrite_configfiles, "results")
    forking.start(ROOT, wanted=config["fork_server"], more=slow_to_load())


onsuccess:
    last_words.answer()


onerror:
    if sentence := endings.no_memory(log):
        sys.stderr.write(f"{sentence}\n")
    if workflow.is_main_process and (failed := last_words.failures(log)):
        last_words.after_failures(
            failed,
            what_is_left(),
            ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", PARTIAL],
        )


def slow_to_load():
    """What the jobs to come load beside TensorFlow: once for all, in the process for forks."""
    jobs = list(workflow.dag.needrun_jobs())
    if any("state" in job.params.keys() for job in jobs):
        yield "autokeras"
    if any(job.wildcards_dict.get("method") == "magnitude" for job in jobs):
        yield "tensorflow_model_optimization"


def what_is_left():
    """For nasturtium.stages.partial: what was made by this configuration, and what was to be."""
    dag = workflow.dag
    unfinished = [job for job in dag.needrun_jobs() if not dag.finished(job)]
    # Files that were to be made again belong to another configuration.
    outdated = {str(path) for job in unfinished for path in job.output}
    return {
        "metrics": [path for path in plan.metrics(None) if path not in outdated],
        "latencies": [path for path in plan.latencies(None) if path not in outdated],
        "figure_paths": expand(rules.figures.output, dataset=config["datasets"]),
        "cards": [*rules.pages.input.cards],
        "splits": [*rules.pages.input.splits],
        "config": config,
        "devices": plan.devices(),
        "code": stage_code("summarise"),
    }


def checked(config):
    """The configuration with defaults; a wrong one ends the command with one sentence."""
    try:
        clone_path.check(sys.executable, str(ROOT))
        complete = configuration.validated(config, load_schema())
        configuration.check_own_files(complete)
        pruning_steps.check(complete)
        if workflow.is_main_process:
            # Snakemake itself reads its targets only after this file.
            early_checks.check_targets(sys.argv[1:], wildcard_patterns(complete))
            files = workflow.overwrite_configfiles
            for said in (
                other_study.check(complete, files, "results"),
                early_checks.unlisted(complete),
            ):
                if said:
                    logger.warning(said)
        return complete
    except NasturtiumError as error:
        raise WorkflowError(str(error)) from None


config = checked(config)
plan = Plan(config)

# Scripts inherit these. As parameters of rules they would cause reruns without any effect.
os.environ.setdefault("NASTURTIUM_DATA", config["data_dir"])
os.environ.update(NASTURTIUM_GPU_JOBS_PER_DEVICE=str(config["gpu_jobs_per_device"]))


def ended_workers(stage):
    """For `input` of a search: a file of each of its workers, none where one process runs it."""
    settings_now = plan.search_settings(stage)

    def files(wildcards):
        search = (
            f"{wildcards.dataset}/seed{wildcards.seed}/{stage}{wildcards.objective}"
        )
        finished, chosen = read_provenance(f"state/{search}"), workflow.dag_settings
        now = provenance_of(
            settings_now(wildcards), stage_code("nas"), finished.get("workers", 0)
        )
        is_forced = chosen.forceall or chosen.forcetargets or chosen.forcerun
        is_same = finished == now and not is_forced
        ends = plan.worker_ends(wildcards, search, finished if is_same else None)
        # In a job, perhaps on a node of a cluster, its inputs exist.
        return [p for p in ends if workflow.is_main_process or os.path.exists(p)]

    return files


def worker_threads(wildcards):
    """Threads of a worker: its part of the cores that Snakemake has on this machine."""
    cores = workflow.resource_settings.cores if workflow.is_main_process else None
    return plan.worker_threads(wildcards, cores)


def stage_code(stage):
    """For `params`: a digest of the content of exactly the code that a stage runs."""
    return stage_digest(stage, ROOT / "workflow/scripts")


def announce_plan():
    """Hold a job that plans anew, on a node of a cluster, to what was planned here."""
    scripts = (ROOT / "workflow/scripts").glob("*.py")
    stages = sorted({path.stem for path in scripts} - {"search_worker"})
    planned = [config, {stage: stage_code(stage) for stage in stages}]
    try:
        provenance.announce_plan(
            json.dumps(planned, sort_keys=True, default=str),
            is_main=workflow.is_main_process,
        )
    except NasturtiumError as error:
        raise WorkflowError(str(error)) from None


announce_plan()


wildcard_constraints:
    **wildcard_patterns(config),
