"""Battery, charger and heat, as the kernel shows them.

Source: Linux Documentation/ABI/testing/sysfs-class-power and sysfs-class-thermal.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from device_node.providers.sysfs import entries, number, text
from protocol.commands.device import Battery, BatteryHealth, Thermal

State = Literal["unknown", "unplugged", "charging", "full"]
Heat = Literal["nominal", "fair", "serious", "critical"]

_STATES: Final[Mapping[str | None, State]] = {
    "Charging": "charging",
    "Discharging": "unplugged",
    "Full": "full",
}

_HEAT_OF_TRIP: Final[Mapping[str | None, Heat]] = {
    "active": "fair",
    "passive": "serious",
    "hot": "critical",
    "critical": "critical",
}
"""What passing a trip point means: a fan runs, the processor is slowed down, the machine is in danger."""

_RISING: Final[tuple[Heat, ...]] = ("nominal", "fair", "serious", "critical")


def battery(root: Path) -> Battery:
    """The first battery of the machine itself; `unknown` and no level where there is none."""
    supply = _battery_folder(root)
    percent = number(supply / "capacity") if supply is not None else None
    return Battery(
        state=_STATES.get(text(supply / "status"), "unknown") if supply is not None else "unknown",
        level=min(max(percent, 0), 100) / 100 if percent is not None else None,
        low_power_mode_enabled=saves_power(root),
    )


def battery_health(root: Path) -> BatteryHealth:
    """The same battery as hardware, and what feeds the machine."""
    supply = _battery_folder(root)
    temperature = number(supply / "temp") if supply is not None else None
    current = number(supply / "current_now") if supply is not None else None
    health = text(supply / "health") if supply is not None else None
    return BatteryHealth(
        state=health.lower() if health is not None else "unknown",
        charging_type=_charging_type(root),
        temperature_c=temperature / 10 if temperature is not None else None,
        current_ma=current / 1000 if current is not None else None,
    )


def saves_power(root: Path) -> bool:
    """Whether the owner chose the profile that saves power. Source: sysfs-platform_profile."""
    return text(root / "sys/firmware/acpi/platform_profile") == "low-power"


def heat(root: Path) -> Thermal | None:
    """The hottest part against its trip points; None where no part has any."""
    found: list[int] = []
    for zone in entries(root / "sys/class/thermal", "thermal_zone*"):
        temperature = number(zone / "temp")
        trips = [
            (_HEAT_OF_TRIP.get(text(kind)), number(kind.with_name(kind.name[: -len("type")] + "temp")))
            for kind in entries(zone, "trip_point_*_type")
        ]
        known = [(means, at) for means, at in trips if means is not None and at is not None and at > 0]
        if temperature is not None and known:
            found += [_RISING.index(means) for means, at in known if temperature >= at] or [0]
    return Thermal(state=_RISING[max(found)]) if found else None


def _battery_folder(root: Path) -> Path | None:
    """A battery with scope `Device` is that of a mouse or keyboard."""
    for supply in entries(root / "sys/class/power_supply"):
        if text(supply / "type") == "Battery" and text(supply / "scope") != "Device":
            return supply
    return None


def _charging_type(root: Path) -> str:
    """`ac` or `usb` of what is plugged in, `none`, or `unknown` where nothing tells."""
    kinds = {"Mains": "ac", "USB": "usb", "Wireless": "wireless"}
    found = False
    for supply in entries(root / "sys/class/power_supply"):
        kind = kinds.get(text(supply / "type") or "")
        online = number(supply / "online")
        if kind is None or online is None:
            continue
        found = True
        if online:
            return kind
    return "none" if found else "unknown"
