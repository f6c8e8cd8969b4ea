"""Slurm from Debian's packages on one host with four fake GPUs, in its own folder.

Its daemons, ports, keys and files are its own, so that a Slurm or Munge of the host is not
touched. It needs root: as another user, slurmd can't start jobs.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "squeue")
PACKAGES = "slurmctld slurmd slurm-client munge"
# Slurm wants a device file for each; no job opens them.
GPUS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")

# No cgroups and no accounting, so that it runs in a container. Jobs stay known to squeue for
# MinJobAge, where the executor looks for their end. The node claims what the shipped profile asks
# for, whatever the host has.
CONFIG = """\
ClusterName=nasturtium-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MinJobAge=600
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=200000 Gres=gpu:{gpus}
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """The reason why Slurm can't start here; None if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install {PACKAGES}"
    if os.getuid() != 0:
        return "slurmd needs root to start jobs"
    return None


class Cluster:
    """Starts the daemons, which end with :meth:`stop`; ``environment`` points programs to it."""

    def __init__(self, folder: Path):
        self.folder = folder
        config = folder / "slurm.conf"
        # The executor starts a job's step without SLURM_CONF, so srun is told by this one.
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        real = shutil.which("srun", path=_path())
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={config} exec {real} "$@"\n')
        srun.chmod(0o755)
        self.environment = {"SLURM_CONF": str(config), "PATH": f"{srun.parent}:{_path()}"}
        self._daemons: list[subprocess.Popen] = []
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        host = socket.gethostname().partition(".")[0]
        controller_port, node_port = _free_ports(2)
        text = CONFIG.format(
            host=host,
            folder=folder,
            controller_port=controller_port,
            node_port=node_port,
            gpus=len(GPUS),
        )
        config.write_text(text)
        gres = "".join(f"NodeName=node Name=gpu File={device}\n" for device in GPUS)
        (folder / "gres.conf").write_text(f"AutoDetect=off\n{gres}")

    def start(self) -> None:
        """Start Munge, the controller and the node; wait until the node takes jobs."""
        munge = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge.{name}" for option, name in munge.items()]
        key = f"--key-file={self.folder}/munge.key"
        self._daemon("munged", "--foreground", "--force", key, *options)
        self._wait_for(lambda: (self.folder / "munge.socket").exists(), "Munge's socket")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", "node")
        self._wait_for(lambda: "idle" in self.run("sinfo", "--noheader"), "an idle node")

    def stop(self) -> None:
        """End all jobs and daemons."""
        if len(self._daemons) > 1:
            self.run("scancel", "--user=root")
            self._wait_for(lambda: not self.run("squeue", "--noheader"), "the jobs' end")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def run(self, *command: str) -> str:
        """Output of one of Slurm's programs."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout if done.returncode == 0 else ""

    def logs(self) -> str:
        """Ends of the daemons' logs."""
        paths = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(f"{path.name}:\n{path.read_text()[-1500:]}" for path in paths)

    def _daemon(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.out", "wb") as output:
            daemon = subprocess.Popen(
                command, env={**os.environ, **self.environment}, stdout=output, stderr=output
            )
        self._daemons.append(daemon)

    def _wait_for(self, condition, what: str, within_s: float = 60.0) -> None:
        deadline_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"Slurm: {what} did not come.\n{self.logs()}")
            time.sleep(0.2)


def _path() -> str:
    """Debian keeps the daemons in sbin."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
