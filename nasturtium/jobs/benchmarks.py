"""Lets Snakemake's benchmarks count a fork as part of the job whose script it runs.

By the table of processes it belongs to the fork server, and a benchmark would miss it.
"""

import psutil
from snakemake import benchmark

from nasturtium.jobs.forking import server_process, waited_for


class _Job(psutil.Process):
    """A job's process, whose children include those of its fork."""

    def children(self, recursive: bool = False) -> list[psutil.Process]:
        """psutil's children, and the fork for which this process or one of them waits."""
        found = super().children(recursive=recursive)
        waited = {number for job in [self, *found] for number in waited_for(job.pid)}
        # A script that runs by itself waits for its Snakemake, which is not part of the job.
        forks = psutil.Process(server_process()).children(recursive=True) if waited else []
        for fork in forks:
            if fork.pid in waited:
                found += [fork, *fork.children(recursive=True)]
        return found


class _Timer(benchmark.BenchmarkTimer):
    def __init__(self, pid: int, *arguments, **options):
        super().__init__(pid, *arguments, **options)
        self.main = _Job(pid)


def count_forks() -> None:
    """From here on, benchmarks of this Snakemake count forks."""
    benchmark.BenchmarkTimer = _Timer
