"""CPU packages in a fake tree of the kernel's files."""

from contextlib import contextmanager

import pytest

from nasturtium import metering
from nasturtium.metering import discover as discovery
from nasturtium.metering.devices import rapl
from nasturtium.metering.devices.nvml import open_gpus
from tests.nvml_fake import Board, FakeNvml, VirtualClock, installed

RANGE_UJ = 262_143_328_850


def write_zone(root, folder, name, energy_uj=1_000_000):
    zone = root / folder
    zone.mkdir(parents=True)
    (zone / "name").write_text(f"{name}\n")
    (zone / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    (zone / "energy_uj").write_text(f"{energy_uj}\n")
    return zone


class Package:
    """Moves the counter of a zone on, with its wrap."""

    def __init__(self, zone, watts, clock):
        self.file, self.watts, self.clock = zone / "energy_uj", watts, clock
        self.start_ns = clock.now_ns()
        self.origin_uj = int(self.file.read_text())

    def __call__(self, seconds):
        for _ in range(round(seconds / 0.1)):
            elapsed_ns = self.clock.now_ns() + 100_000_000 - self.start_ns
            value = self.origin_uj + round(self.watts * elapsed_ns / 1000)
            self.file.write_text(f"{value % RANGE_UJ}\n")
            self.clock.sleep(0.1)


@pytest.fixture
def clock():
    return VirtualClock()


@contextmanager
def metered(sources, clock):
    """One window in a session of its own."""
    session = metering.session(sources=sources, clock=clock, thread=False, idle_s=0)
    with session as meter, meter.window("fit", key="k") as window:
        yield meter, window


def test_packages_and_beside_them_memories(tmp_path):
    write_zone(tmp_path, "intel-rapl:0", "package-0")
    write_zone(tmp_path, "intel-rapl:1", "package-1")
    write_zone(tmp_path, "intel-rapl:2", "psys")
    write_zone(tmp_path, "intel-rapl:0:0", "core")
    write_zone(tmp_path, "intel-rapl:0:1", "dram")
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0")
    sources, reason = rapl.open_packages(tmp_path)
    packages, memories = sources[:2], sources[2:]
    assert [source.device.id for source in packages] == ["intel-rapl:0", "intel-rapl:1"]
    assert [source.device.name for source in packages] == ["package-0", "package-1"]
    assert [(source.device.id, source.device.kind) for source in memories] == [
        ("intel-rapl:0:1", "cpu_dram")
    ]
    assert reason is None


@pytest.mark.parametrize("origin_uj", [1_000_000, RANGE_UJ - 100_000_000])
def test_joules_of_a_package_also_over_a_wrap(tmp_path, clock, origin_uj):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0", origin_uj)
    sources, _ = rapl.open_packages(tmp_path)
    run = Package(zone, 80.0, clock)
    with metered(sources, clock) as (meter, window):
        run(5.0)
    (row,) = meter.energy(window).rows
    assert row["energy_j"] == pytest.approx(400.0, abs=1e-3)
    assert row["power_mean_w"] == pytest.approx(80.0, abs=1e-3)
    assert (row["method"], row["device_kind"]) == ("rapl_package", "cpu_package")
    assert (row["quality"], row["reason"], row["is_best"]) == ("ok", None, True)
    assert row["counter_quantum_j"] == pytest.approx(0.08)
    assert row["power_peak_w"] is None


def test_a_step_back_that_is_no_wrap(tmp_path, clock):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0", 900_000_000)
    sources, _ = rapl.open_packages(tmp_path)
    with metering.session(sources=sources, clock=clock, thread=False, idle_s=0) as meter:
        with meter.window("fit", key="k") as spoilt:
            clock.sleep(1.0)
            (zone / "energy_uj").write_text("5\n")
            clock.sleep(1.0)
        with meter.window("fit", key="k") as fine:
            (zone / "energy_uj").write_text("3000005\n")
            clock.sleep(1.0)
    assert meter.energy(spoilt).energy_j is None
    assert "backwards" in meter.energy(spoilt).reason
    assert meter.energy(fine).energy_j == pytest.approx(3.0)


def test_no_tree(tmp_path):
    missing = tmp_path / "powercap"
    assert rapl.open_packages(missing) == ([], f"no {missing}")
    assert rapl.open_packages(tmp_path) == ([], f"no CPU package under {tmp_path}")


def refuse(monkeypatch, folder):
    """The tests may run as root, for whom no file is closed: refuse at the reading itself."""
    real = rapl.read_number

    def read_number(path):
        if path.name == "energy_uj" and path.parent.name == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(rapl, "read_number", read_number)


def test_no_permission(tmp_path, monkeypatch):
    write_zone(tmp_path, "intel-rapl:0", "package-0")
    refuse(monkeypatch, "intel-rapl:0")
    sources, reason = rapl.open_packages(tmp_path)
    assert sources == []
    assert "permission denied" in reason


def test_one_unreadable_package_spoils_the_sum(tmp_path, monkeypatch, clock):
    write_zone(tmp_path, "intel-rapl:0", "package-0")
    write_zone(tmp_path, "intel-rapl:1", "package-1")
    refuse(monkeypatch, "intel-rapl:1")
    sources, _ = rapl.open_packages(tmp_path)
    with metered(sources, clock) as (meter, window):
        clock.sleep(1.0)
    energy = meter.energy(window)
    assert energy.energy_j is None
    assert "permission denied" in energy.reason


def test_permission_lost_on_the_way(tmp_path, monkeypatch, clock):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0")
    sources, _ = rapl.open_packages(tmp_path)
    with metered(sources, clock) as (meter, window):
        Package(zone, 80.0, clock)(1.0)
        refuse(monkeypatch, "intel-rapl:0")
    energy = meter.energy(window)
    assert (energy.energy_j, energy.quality) == (None, "error")
    assert "permission denied" in energy.reason


def test_a_file_that_holds_no_number(tmp_path):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0")
    (source,), _ = rapl.open_packages(tmp_path)
    (zone / "energy_uj").write_text("\n")
    reading = source.read()
    assert reading.energy_j is None
    assert "energy_uj" in reading.reason
    assert sum(source.errors.values()) == 1


def test_a_counter_left_alone_too_long(tmp_path, clock):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0")
    sources, _ = rapl.open_packages(tmp_path)
    with metered(sources, clock) as (meter, window):
        clock.is_sampling = False
        clock.sleep(61.0)
        (zone / "energy_uj").write_text("2000000\n")
    assert meter.energy(window).quality == "gap"


def test_gpu_and_package_are_never_added(tmp_path, clock):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0")
    packages, _ = rapl.open_packages(tmp_path)
    with installed(FakeNvml(clock, [Board()])):
        gpus, _ = open_gpus()
        with (
            metering.session(
                sources=[*packages, *gpus], clock=clock, thread=False, idle_s=0
            ) as meter,
            meter.window("fit", key="k") as window,
        ):
            Package(zone, 80.0, clock)(4.0)
        energy = meter.energy(window)
    assert energy.device_kind == "gpu"
    assert energy.energy_j == pytest.approx(400.0)
    (package,) = (row for row in energy.rows if row["method"] == "rapl_package")
    assert package["energy_j"] == pytest.approx(320.0, abs=1e-3)
    assert not package["is_best"]


def test_discovery_names_both(tmp_path, monkeypatch, clock):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with installed(FakeNvml(clock, [Board()])):
        monkeypatch.setattr(rapl, "ROOT", tmp_path / "powercap")
        found = discovery.discover()
    assert found.sources == []
    assert found.reason == f"CUDA_VISIBLE_DEVICES is empty; no {tmp_path / 'powercap'}"


def test_memory_is_a_row_beside_the_package_and_not_added(tmp_path, clock):
    # As sysfs has them: inside of the package, and as a link beside it.
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0")
    inner = write_zone(zone, "intel-rapl:0:0", "dram")
    (tmp_path / "intel-rapl:0:0").symlink_to(inner)
    sources, reason = rapl.open_packages(tmp_path)
    assert reason is None
    package, memory = Package(zone, 80.0, clock), Package(inner, 10.0, VirtualClock())
    with metered(sources, clock) as (meter, window):
        memory(5.0)
        package(5.0)
    energy = meter.energy(window)
    rows = {row["method"]: row for row in energy.rows}
    assert rows["rapl_dram"]["energy_j"] == pytest.approx(50.0, abs=1e-3)
    assert (rows["rapl_dram"]["device_kind"], rows["rapl_dram"]["is_best"]) == ("cpu_dram", False)
    assert energy.energy_j == pytest.approx(400.0, abs=1e-3)
    assert (energy.method, energy.device_kind) == ("rapl_package", "cpu_package")


def test_memory_that_can_not_be_read_spoils_nothing(tmp_path):
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0")
    (write_zone(zone, "intel-rapl:0:0", "dram") / "energy_uj").unlink()
    sources, reason = rapl.open_packages(tmp_path)
    assert [source.device.id for source in sources] == ["intel-rapl:0"]
    assert reason is None
