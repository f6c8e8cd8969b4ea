"""Devices and their limits for the int8 file, by name or in bytes."""

from collections.abc import Mapping

# Flash and RAM in bytes. Firmware, interpreter and buffers have to fit beside a net, so these are
# upper limits for a net.
DEVICES = {
    # github.com/arduino/docs-content, nano-33-ble/tech-specs.yml: "256 KB SRAM, 1MB flash".
    "arduino_nano_33_ble": {"flash_bytes": 1_048_576, "ram_bytes": 262_144},
    # datasheets.raspberrypi.com/pico/pico-product-brief.pdf: "264KB on-chip SRAM; 2MB on-board
    # QSPI Flash".
    "raspberry_pi_pico": {"flash_bytes": 2_097_152, "ram_bytes": 270_336},
    # docs.zephyrproject.org/boards/st/nucleo_f446re: "512 KB Flash, 128 KB SRAM"; doc.riot-os.org,
    # nucleo-f446re, has the same.
    "nucleo_f446re": {"flash_bytes": 524_288, "ram_bytes": 131_072},
    # STMicroelectronics' data sheet DS10668, STM32L031x6: "32-Kbyte Flash, 8-Kbyte RAM";
    # doc.riot-os.org, nucleo-l031k6, has the same.
    "nucleo_l031k6": {"flash_bytes": 32_768, "ram_bytes": 8_192},
}
_TERMS = {"flash_bytes": "int8_flash", "ram_bytes": "int8_ram"}


def limits_of(device: str | Mapping[str, int] | None) -> dict[str, int]:
    """The limits in the form of ``search.constraints``: largest value by term of the objective.

    Parameters
    ----------
    device
        A name from :data:`DEVICES`; a mapping with ``flash_bytes``, ``ram_bytes`` or both; or None.
    """
    given = DEVICES[device] if isinstance(device, str) else device or {}
    return {_TERMS[name]: limit for name, limit in given.items()}


def columns_of(device: str | Mapping[str, int] | None) -> dict[str, str | int | None]:
    """The device and its limits as columns of ``summary.parquet``; empty without a device."""
    if device is None:
        return {}
    given = DEVICES[device] if isinstance(device, str) else device
    return {
        "device": device if isinstance(device, str) else "the device",
        **{f"device_{name}": given.get(name) for name in _TERMS},
    }


def with_device(search: Mapping) -> dict:
    """Section ``search`` with the limits of its ``device`` added to its ``constraints``."""
    constraints = dict(search["constraints"])
    for term, limit in limits_of(search["device"]).items():
        constraints[term] = min(limit, constraints.get(term, limit))
    return {**search, "constraints": constraints}
