"""A SIGINT sent only to Snakemake reaches its jobs, like Ctrl-C."""

import signal
import threading

from nasturtium.jobs import endings
from tests.unit.test_endings import JOB, has_ended, started, wait_until

RUNNER = f"""
import subprocess, sys
from nasturtium.jobs import endings
endings.pass_interrupts_on()
child = subprocess.Popen([sys.executable, "-c", {JOB!r}], stdout=1)
print(child.pid, flush=True)
try:
    child.wait()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    child.wait()
"""


def test_an_interrupt_of_snakemake_ends_its_jobs(tmp_path):
    with started(
        f"import signal\nsignal.signal(2, signal.default_int_handler)\n{RUNNER}", tmp_path
    ) as runner:
        child = int(runner.stdout.readline())
        assert runner.stdout.readline() == "busy\n"
        runner.send_signal(signal.SIGINT)
        assert runner.stdout.readline() == "interrupted\n"
        wait_until(lambda: has_ended(child))
    assert "Ended by SIGINT" in (tmp_path / "job.log").read_text()


def test_a_program_s_own_handler_and_other_threads_are_left_alone(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        thread = threading.Thread(target=endings.pass_interrupts_on)
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        endings.pass_interrupts_on()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
