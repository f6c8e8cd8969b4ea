"""The GPUs that are found, and the effect of each refusal of the driver."""

import pynvml
import pytest

from nasturtium import metering
from nasturtium.metering.devices.nvml import open_gpus
from nasturtium.metering.visible import resolve
from tests.nvml_fake import NS, Board, FakeNvml, VirtualClock, constant, installed

UUIDS = ["GPU-aaaa-1", "GPU-aaab-2", None]


@pytest.mark.parametrize(
    ("mask", "indices"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("0", (0,)),
        ("2,0", (2, 0)),
        (" 1 , 0", (1, 0)),
        ("0,7,1", (0,)),
        ("0,0", (0,)),
        ("GPU-aaab", (1,)),
        ("GPU-aaab-2,0", (1, 0)),
        ("GPU-aaa", ()),
        ("GPU-ffff,0", ()),
    ],
)
def test_visible_devices(mask, indices):
    visible = resolve(mask, UUIDS)
    assert visible.indices == indices
    entries = 0 if not mask else len(mask.split(","))
    assert (visible.reason is None) == (mask is None or (len(indices) == entries and mask != ""))


def test_mig_slices_are_told_apart():
    assert resolve("MIG-1234,0", UUIDS) == type(resolve(None, []))((0,), ("MIG-1234",), None)


@pytest.fixture
def clock():
    return VirtualClock()


def run(clock, library, seconds=5.0, during=None, **session):
    """One window under ``library``; ``during`` happens in its middle."""
    with installed(library):
        sources, reason = open_gpus(session.pop("mask", None), session.pop("order", None))
        with (
            metering.session(
                sources=sources, clock=clock, thread=False, idle_s=0, **session
            ) as meter,
            meter.window("fit", key="k") as window,
        ):
            clock.sleep(seconds / 2)
            if during is not None:
                during()
            clock.sleep(seconds / 2)
        energy = meter.energy(window)
    assert library.references == 0
    return {row["method"]: row for row in energy.rows}, energy, reason


def test_no_driver(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "CDLL", missing)
    with installed(None):
        assert open_gpus() == ([], "no NVIDIA driver (NVML shared library not found)")


@pytest.mark.parametrize(
    "code", [pynvml.NVML_ERROR_DRIVER_NOT_LOADED, pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH]
)
def test_a_driver_that_does_not_answer(clock, code):
    library = FakeNvml(clock, [Board()])
    library.failing["init"] = code
    with installed(library):
        sources, reason = open_gpus()
    assert sources == []
    assert reason.startswith("no usable NVIDIA driver")


def test_no_board(clock):
    with installed(FakeNvml(clock, [])):
        assert open_gpus() == ([], "the NVIDIA driver reports no GPU")


def test_the_device_is_identified(clock):
    rows, _, _ = run(clock, FakeNvml(clock, [Board(), Board(uuid="GPU-2222")]), mask="GPU-2222")
    row = rows["nvml_counter"]
    assert row["device_kind"] == "gpu"
    assert row["device_id"] == "GPU-2222"
    assert row["device_name"] == "Fake board"
    assert row["driver"] == "NVIDIA 580.00"
    assert row["pci_id"] == "00000000:01:00.0"


def test_an_index_may_mean_another_board(clock):
    boards = [Board(uuid="GPU-1"), Board(uuid="GPU-2")]
    assert "PCI_BUS_ID" in run(clock, FakeNvml(clock, boards), mask="1")[1].reason
    assert run(clock, FakeNvml(clock, boards), mask="1", order="PCI_BUS_ID")[1].reason is None


def test_mig_is_refused(clock):
    for energy in (
        run(clock, FakeNvml(clock, [Board(mig=True)]))[1],
        run(clock, FakeNvml(clock, [Board()]), mask="MIG-1234")[1],
    ):
        assert (energy.energy_j, energy.method, energy.quality) == (None, "none", "none")
        assert energy.device_kind == "gpu"
        assert "MIG" in energy.reason


def test_a_board_without_permission(clock):
    board = Board(failing={"nvmlDeviceGetHandleByIndex_v2": pynvml.NVML_ERROR_NO_PERMISSION})
    _, energy, _ = run(clock, FakeNvml(clock, [board]))
    assert (energy.energy_j, energy.method) == (None, "none")
    assert energy.reason == "GPU 0: Insufficient Permissions"


def test_two_boards_are_summed_and_a_part_is_not_the_whole(clock):
    boards = [Board(constant(100.0), uuid="GPU-1"), Board(constant(50.0), uuid="GPU-2")]
    _, energy, _ = run(clock, FakeNvml(clock, boards), seconds=4.0)
    assert energy.energy_j == pytest.approx(600.0, abs=0.01)
    assert sum(row["is_best"] for row in energy.rows) == 2
    boards[1].mig = True
    _, energy, _ = run(clock, FakeNvml(clock, boards), seconds=4.0)
    assert energy.energy_j is None
    best = [row["energy_j"] for row in energy.rows if row["is_best"]]
    assert best == [pytest.approx(400.0, abs=0.01)]


NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED


def test_without_a_counter_the_power_is_integrated(clock):
    board = Board(failing={"nvmlDeviceGetTotalEnergyConsumption": NOT_SUPPORTED})
    rows, energy, _ = run(clock, FakeNvml(clock, [board]))
    assert "nvml_counter" not in rows
    assert (energy.method, energy.quality) == ("nvml_power_trapz", "ok")
    assert energy.energy_j == pytest.approx(500.0)


@pytest.mark.parametrize("failing", ["field 186", "nvmlDeviceGetFieldValues"])
def test_without_instant_power_the_default_is_integrated(clock, failing):
    rows, energy, _ = run(clock, FakeNvml(clock, [Board(failing={failing: NOT_SUPPORTED})]))
    assert rows["nvml_power_trapz"]["energy_j"] == pytest.approx(500.0)
    assert "no instant power" in rows["nvml_power_trapz"]["reason"]
    assert energy.method == "nvml_counter"


def test_without_any_figure_the_reason_stands(clock):
    functions = (
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetFieldValues",
    )
    board = Board(failing=dict.fromkeys(functions, NOT_SUPPORTED))
    rows, energy, _ = run(clock, FakeNvml(clock, [board]))
    assert list(rows) == ["none"]
    assert (energy.energy_j, energy.quality) == (None, "none")
    assert "energy counter: Not Supported" in energy.reason
    assert "average power: Not Supported" in energy.reason


def test_a_field_that_is_not_supported_is_asked_for_once(clock):
    board = Board(failing={"nvmlDeviceGetTemperature": NOT_SUPPORTED})
    library = FakeNvml(clock, [board])
    with installed(library):
        (source,), _ = open_gpus()
        library.calls = 0
        reading = source.read()
    assert library.calls == 4
    assert reading.temperature_c is None
    assert reading.reason == "temperature: Not Supported"
    assert source.errors == {"temperature: Not Supported": 1}


def test_a_driver_older_than_the_bindings(clock, monkeypatch):
    """Its answer is no NVMLError, and must not end the training either."""
    library = FakeNvml(clock, [Board()])
    monkeypatch.delattr(FakeNvml, "nvmlDeviceGetComputeRunningProcesses_v3")
    assert not issubclass(pynvml.NVMLLibraryMismatchError, pynvml.NVMLError)
    rows, energy, _ = run(clock, library)
    assert energy.energy_j == pytest.approx(500.0)
    assert rows["nvml_counter"]["n_processes_on_device"] is None
    assert "process count" in energy.reason


def test_a_passing_failure_costs_one_sample(clock):
    board = Board()
    library = FakeNvml(clock, [board])

    def fail_once():
        board.failing["nvmlDeviceGetFieldValues"] = pynvml.NVML_ERROR_UNKNOWN
        clock.sleep(0.2)
        board.failing.clear()

    rows, energy, _ = run(clock, library, during=fail_once)
    assert energy.quality == "ok"
    assert rows["nvml_power_trapz"]["max_gap_s"] == pytest.approx(0.3)
    assert rows["nvml_power_trapz"]["energy_j"] == pytest.approx(520.0)


def test_a_gpu_lost_on_the_way(clock):
    board = Board()

    def lose():
        for function in ("TotalEnergyConsumption", "PowerUsage", "FieldValues"):
            board.failing[f"nvmlDeviceGet{function}"] = pynvml.NVML_ERROR_GPU_IS_LOST

    rows, energy, _ = run(clock, FakeNvml(clock, [board]), during=lose)
    assert (energy.energy_j, energy.quality) == (None, "error")
    assert "GPU is lost" in energy.reason
    assert len(rows) == 4
    assert {(row["energy_j"], row["quality"]) for row in rows.values()} == {(None, "error")}
    assert not any(row["is_best"] for row in rows.values())


def test_a_counter_that_goes_backwards_leaves_the_integral(clock):
    board = Board()

    def reload_driver():
        board.counter_origin_j = -5000.0  # within the samples only, the border sees a rise again
        clock.sleep(0.3)
        board.counter_origin_j = 20000.0

    rows, energy, _ = run(clock, FakeNvml(clock, [board]), during=reload_driver)
    assert rows["nvml_counter"]["energy_j"] is None
    assert rows["nvml_counter"]["quality"] == "error"
    assert "backwards" in rows["nvml_counter"]["reason"]
    assert energy.method == "nvml_power_trapz"
    assert energy.energy_j == pytest.approx(530.0)


def test_a_gap_in_sampling(clock):
    def look_away():
        clock.is_sampling = False
        clock.sleep(3.0)
        clock.is_sampling = True

    rows, energy, _ = run(clock, FakeNvml(clock, [Board()]), during=look_away)
    integral = rows["nvml_power_trapz"]
    assert integral["quality"] == "gap"
    assert integral["max_gap_s"] == pytest.approx(3.1, abs=0.1)
    assert "no sample of power for 3" in integral["reason"]
    # The counter went on counting.
    assert (energy.method, energy.quality) == ("nvml_counter", "ok")
    assert energy.energy_j == pytest.approx(800.0)


def test_times_are_monotonic(clock):
    _, energy, _ = run(clock, FakeNvml(clock, [Board()]))
    assert {row["t1_ns"] - row["t0_ns"] for row in energy.rows} == {5 * NS}
