"""The energy of workers: one table for all, without mixing them up or counting one twice."""

from datetime import UTC, datetime, timedelta

import pytest

from nasturtium.metering.energy_file import stored_energy
from nasturtium.metering.workers import join, write_joined
from nasturtium.records.checksums import write_json
from nasturtium.records.energy import ENERGY, POWER
from nasturtium.records.parquet import write_table

S = 10**9
RUN = {"dataset": "digits", "seed": 0, "run": "nas"}
WALL = datetime(2026, 1, 1, tzinfo=UTC)


def window(number, kind, start_s, end_s, device, *, boot_s=0.0, joules=10.0):
    is_gpu = device is not None and device.startswith("GPU")
    return {
        **RUN,
        "window_id": number,
        "parent_id": 0 if number else None,
        "kind": kind,
        "key": "nas",
        "trial": "0000" if kind == "fit" else None,
        "t0_ns": round(start_s * S),
        "t1_ns": round(end_s * S),
        "t0_wall": WALL + timedelta(seconds=boot_s + start_s),
        "duration_s": end_s - start_s,
        "device_kind": "none" if device is None else "gpu" if is_gpu else "cpu_package",
        "device_id": device,
        "method": "none" if device is None else "nvml_counter" if is_gpu else "rapl_package",
        "is_best": device is not None,
        "energy_j": None if device is None else joules,
        "synchronised": True,
        "status": "ok",
        "quality": "none" if device is None else "ok",
        "reason": None,
    }


def tables(folder, windows, machine="a", samples=()):
    folder.mkdir()
    write_table(folder / "energy.parquet", ENERGY, windows, code="c")
    write_table(folder / "power.parquet", POWER, [{**RUN, **row} for row in samples], code="c")
    write_json(folder / "machine", {"boot": machine})
    return folder


def joined(tmp_path, *parts):
    folders = {n: tables(tmp_path / f"w{n}", *part) for n, part in enumerate(parts)}
    windows, samples = join(folders)
    write_joined(tmp_path, windows, samples, code="c")
    return windows, samples


def test_windows_of_workers_are_told_apart(tmp_path):
    windows, _ = joined(
        tmp_path,
        ([window(0, "job", 0, 9, "GPU-1"), window(1, "fit", 1, 5, "GPU-1")],),
        ([window(0, "job", 0, 9, "GPU-2"), window(1, "fit", 1, 5, "GPU-2")],),
    )
    assert [row["window_id"] for row in windows] == [0, 1, 2, 3]
    assert [row["parent_id"] for row in windows] == [None, 0, None, 2]
    assert [row["worker"] for row in windows] == [0, 0, 1, 1]
    assert {row["quality"] for row in windows} == {"ok"}
    job = stored_energy(tmp_path / "energy.parquet", "job")
    assert (job.energy_j, job.duration_s, job.quality) == (20.0, 18.0, "ok")


def test_a_device_that_two_used_at_once_is_shared_and_not_counted_twice(tmp_path):
    windows, _ = joined(
        tmp_path,
        ([window(0, "job", 0, 9, "package-0"), window(1, "fit", 1, 3, "package-0")],),
        ([window(0, "job", 5, 12, "package-0"), window(1, "fit", 10, 11, "package-0")],),
    )
    assert [row["quality"] for row in windows] == ["shared", "ok", "shared", "ok"]
    assert windows[0]["reason"] == "worker 1 used the device too"
    job = stored_energy(tmp_path / "energy.parquet", "job")
    assert (job.energy_j, job.method, job.quality) == (None, "none", "shared")
    assert "count it twice" in job.reason


def test_one_after_the_other_on_a_device_is_added_up(tmp_path):
    joined(
        tmp_path,
        ([window(0, "job", 0, 5, "package-0")],),
        ([window(0, "job", 5, 12, "package-0")],),
    )
    job = stored_energy(tmp_path / "energy.parquet", "job")
    assert (job.energy_j, job.method, job.quality) == (20.0, "rapl_package", "ok")


def test_packages_and_clocks_of_other_machines_are_not_mixed_up(tmp_path):
    sample = {"t_ns": 2 * S, "device_id": "package-0", "power_instant_w": 5.0}
    # The second machine was started 100 s later, so its clock shows 100 s less.
    windows, samples = joined(
        tmp_path,
        ([window(0, "job", 100, 109, "package-0")], "a", [{**sample, "t_ns": 102 * S}]),
        ([window(0, "job", 0, 9, "package-0", boot_s=100)], "b", [sample]),
        ([window(0, "job", 0, 9, "package-0", boot_s=100)], "b", [sample]),
    )
    names = [row["device_id"] for row in windows]
    other = "package-0 (machine of worker 1)"
    assert names == ["package-0", other, other]
    assert [row["device_id"] for row in samples] == names
    assert [row["t0_ns"] for row in windows] == [100 * S] * 3
    assert [row["t_ns"] for row in samples] == [102 * S] * 3
    assert [row["quality"] for row in windows] == ["ok", "shared", "shared"]


def test_workers_on_machines_without_meters_are_null_with_the_reason(tmp_path):
    none = {**window(0, "job", 0, 9, None), "reason": "no GPU"}
    joined(tmp_path, ([none],), ([none],))
    job = stored_energy(tmp_path / "energy.parquet", "job")
    assert (job.energy_j, job.method, job.quality) == (None, "none", "none")
    assert (job.reason, job.duration_s) == ("no GPU", 18.0)


def test_several_windows_of_one_process_are_still_refused(tmp_path):
    tables(tmp_path / "w", [window(0, "fit", 0, 1, "GPU-1"), window(1, "fit", 2, 3, "GPU-1")])
    with pytest.raises(ValueError, match="exactly one window of kind 'fit'"):
        stored_energy(tmp_path / "w" / "energy.parquet", "fit")
