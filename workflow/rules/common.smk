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
    provenance,
    sharing,
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
from nasturtium.settings.plan import (
    Plan,
    compaction_of_run,
    run_outputs,
    search_outputs,
    wildcard_patterns,
)
from nasturtium.settings.schema import load_schema

ROOT = Path(workflow.basedir)

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


# How many cores trainings share on this machine; 0 if they run one at a time. A job on a node of a
# cluster is told its threads and GPUs.
shared_cores = 0
if workflow.is_main_process:
    if workflow.nodes is None:
        limit = workflow.global_resources.get("gpu")
        shared_cores = sharing.shared_cores(
            workflow.resource_settings.cores, limit and limit.value
        )
    sharing.announce(shared_cores)
training_threads = sharing.training_threads(config["threads"], shared_cores)
training_gpus = 0 if shared_cores else 1
measuring_threads = sharing.measuring_threads(shared_cores)


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
