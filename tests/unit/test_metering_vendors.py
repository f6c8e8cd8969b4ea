"""A new vendor of devices needs one module and one line; no other code names a vendor."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import nasturtium
from nasturtium import metering
from nasturtium.metering import devices
from nasturtium.metering.devices import VENDORS, Vendor, counted_kind
from nasturtium.metering.discover import discover
from nasturtium.metering.sources import Device, Reading, Source
from tests.nvml_fake import VirtualClock


class Meter(Source):
    """A wall socket whose counter runs at 10 W and counts tenths of a joule."""

    counter_method = "socket_counter"
    counts_per_joule = 10
    update_period_s = 0.01
    longest_unread_s = 3.0

    def __init__(self, clock):
        super().__init__(Device("socket", "socket-0"))
        self._clock = clock

    def read(self) -> Reading:
        return Reading(energy_j=self._clock.now_ns() / 1e9 * 100 / self.counts_per_joule)


class Silent(Meter):
    counter_method = None

    def __init__(self, clock):
        super().__init__(clock)
        self.device = Device("gpu", "GPU-x")

    def read(self) -> Reading:
        return Reading(reason="it tells nothing")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def vendor(monkeypatch, clock) -> Vendor:
    found = SimpleNamespace(open_sources=lambda: ([Meter(clock)], None))
    monkeypatch.setitem(sys.modules, "a_vendor", found)
    added = Vendor("a_vendor", "socket")
    monkeypatch.setattr(devices, "VENDORS", (*VENDORS, added))
    return added


def window_of(sources, clock, pause_s: float):
    with metering.session(sources=sources, clock=clock, thread=False, idle_s=0) as meter:
        with meter.window("fit", key="k") as window:
            clock.sleep(pause_s)
        return meter.energy(window)


def test_a_new_vendor_is_found_and_its_joules_count(vendor, clock):
    found = discover([vendor])
    energy = window_of(found.sources, clock, 2)
    assert energy.energy_j == pytest.approx(20)
    assert (energy.method, energy.quality, energy.device_kind) == ("socket_counter", "ok", "socket")


def test_a_counter_unread_for_longer_than_its_source_allows_is_a_gap(vendor, clock):
    clock.is_sampling = False
    assert window_of(discover([vendor]).sources, clock, 2.9).quality == "ok"
    assert window_of(discover([vendor]).sources, clock, 5).quality == "gap"


def test_the_first_vendor_whose_kind_is_there_counts_measured_or_not(vendor, clock):
    energy = window_of([Meter(clock), Silent(clock)], clock, 2)
    assert (energy.device_kind, energy.energy_j, energy.method) == ("gpu", None, "none")
    assert counted_kind({"socket", "cpu_package"}) == "cpu_package"
    assert counted_kind({"none"}) is None


@pytest.mark.parametrize(
    "module", ["metering/methods.py", "metering/accounting.py", "jobs/gpu_slots.py"]
)
def test_no_figure_hangs_on_the_name_of_a_device(module):
    code = Path(nasturtium.__file__).with_name(module.split("/")[0]) / module.split("/")[1]
    assert re.findall(r"nvml|rapl|cpu_package|MIG", code.read_text()) == []
