# What happens when a run begins, succeeds or fails.
import sys

from nasturtium.jobs import endings, forking, last_words
from nasturtium.settings import other_study

PARTIAL = "nasturtium.stages.partial"


onstart:
    other_study.remember(config, workflow.overwrite_configfiles, "results")
    forking.start(ROOT, wanted=config["fork_server"], more=slow_to_load())


onsuccess:
    # Of single files nothing new is known about which net to take.
    if any(job.rule.name == "summary" for job in workflow.dag.jobs):
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
