# What the workers of a search need to be told.
import os

from nasturtium.search.state import provenance_of, read_provenance


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

# {objective} is empty for the default objective, or a dash and a name of search.objectives. The
# picks of a search, nas-small and so on, are separate runs that its job also writes. If
# search.workers is above 1, the job only collects the workers' results.
