"""The machine and the software with which a figure was measured."""

import platform
from importlib.metadata import version
from pathlib import Path

from nasturtium.jobs import runtime


def describe_machine() -> dict[str, object]:
    """Device, processor, arithmetic and versions; nothing that identifies the host or its user."""
    import psutil
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return {
        "device_kind": "gpu" if gpus else "cpu",
        "device_name": details.get("device_name", "unknown GPU") if gpus else _cpu_name(),
        "cpu_name": _cpu_name(),
        "cpu_count": psutil.cpu_count(),
        "python_version": platform.python_version(),
        "tensorflow_version": version("tensorflow"),
        # Threads have their own column, beside the times measured with them.
        **{name: value for name, value in runtime.arithmetic().items() if name != "threads"},
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
