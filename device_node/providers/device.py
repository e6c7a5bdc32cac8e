"""`device.info`, `device.status`, `device.health` and `device.permissions`, from what this machine tells.

What it does not tell is left out or called `unknown`.
"""

import asyncio
import os
import platform
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from device_node.commands import Invocation, performs
from device_node.providers.finding import Family, usable
from device_node.providers.network import network
from device_node.providers.power import battery, battery_health, heat, saves_power
from device_node.providers.sysfs import lines, text
from protocol.commands.device import (
    DeviceDescription,
    DeviceHealth,
    DeviceHealthReport,
    DeviceInfo,
    DevicePermissions,
    DevicePermissionsReport,
    DeviceStatus,
    DeviceStatusReport,
    Memory,
    PermissionStatus,
    Power,
    Storage,
    SystemHealth,
)
from protocol.version import RELEASE

LOW_MEMORY_SHARE: Final = 0.05
"""Of all memory; with less available the machine is about to end programs."""

_PRESSURE: Final = ((LOW_MEMORY_SHARE, "critical"), (0.1, "high"), (0.2, "moderate"))
"""Available share below which the pressure is called so; our own scale, Linux has none."""

_WIRE_NAMES: Final = {"screen": "screenRecording", "system_run": "systemRun"}
"""Permissions that are called otherwise in OpenClaw's apps."""


class DeviceProvider:
    """Tells what this machine is and how it is doing."""

    def __init__(
        self,
        *,
        permissions: Mapping[str, bool],
        name: str | None,
        environ: Mapping[str, str],
        root: Path = Path("/"),
    ) -> None:
        self._permissions = permissions
        self._name = name
        self._environ = environ
        self._root = root

    @performs(DeviceInfo)
    async def info(self, _: Invocation, call: DeviceInfo) -> DeviceDescription:
        """What it is."""
        del call
        return await asyncio.to_thread(self._info)

    @performs(DeviceStatus)
    async def status(self, _: Invocation, call: DeviceStatus) -> DeviceStatusReport:
        """How it is doing."""
        del call
        return await asyncio.to_thread(self._status)

    @performs(DeviceHealth)
    async def health(self, _: Invocation, call: DeviceHealth) -> DeviceHealthReport:
        """Memory, battery and power."""
        del call
        return await asyncio.to_thread(self._health)

    @performs(DevicePermissions)
    async def permissions(self, _: Invocation, call: DevicePermissions) -> DevicePermissionsReport:
        """What the owner allows. Nothing can be asked for from afar: it is a setting of the node."""
        del call
        return DevicePermissionsReport(
            permissions={
                _WIRE_NAMES.get(name, name): PermissionStatus(
                    status="granted" if granted else "denied", promptable=False
                )
                for name, granted in sorted(self._permissions.items())
            }
        )

    def _info(self) -> DeviceDescription:
        system, version = self._system()
        model = (
            text(self._root / "sys/class/dmi/id/product_name")
            or text(self._root / "proc/device-tree/model")
            or platform.machine()
        )
        language = self._environ.get("LC_ALL") or self._environ.get("LANG") or "C"
        return DeviceDescription(
            device_name=self._name or socket.gethostname(),
            model_identifier=model or "unknown",
            system_name=system,
            system_version=version,
            app_version=RELEASE,
            app_build=RELEASE,
            locale=language.partition(".")[0],
        )

    def _system(self) -> tuple[str, str]:
        """Name and version of the system. Source: os-release(5)."""
        if sys.platform == "darwin":
            return "macOS", platform.mac_ver()[0] or "unknown"
        told = dict(line.split("=", 1) for line in lines(self._root / "etc/os-release") if "=" in line)
        name = told.get("NAME", platform.system()).strip("\"'")
        return name, told.get("VERSION_ID", platform.release()).strip("\"'")

    def _status(self) -> DeviceStatusReport:
        disk = os.statvfs(Path.home())
        total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
        return DeviceStatusReport(
            battery=battery(self._root),
            thermal=heat(self._root),
            storage=Storage(
                total_bytes=total,
                free_bytes=free,
                used_bytes=(disk.f_blocks - disk.f_bfree) * disk.f_frsize,
            ),
            network=network(self._root),
            uptime_seconds=float((text(self._root / "proc/uptime") or "0").partition(" ")[0]),
        )

    def _health(self) -> DeviceHealthReport:
        return DeviceHealthReport(
            memory=self._memory(),
            battery=battery_health(self._root),
            power=Power(doze_mode_enabled=False, low_power_mode_enabled=saves_power(self._root)),
            system=SystemHealth(),
        )

    def _memory(self) -> Memory:
        """Source: proc(5), meminfo; `MemAvailable` is what programs can get without swapping."""
        told = dict(line.split(":", 1) for line in lines(self._root / "proc/meminfo") if ":" in line)
        total, available = _kib(told["MemTotal"]), _kib(told["MemAvailable"])
        share = available / total
        return Memory(
            pressure=next((name for limit, name in _PRESSURE if share < limit), "normal"),
            total_ram_bytes=total,
            available_ram_bytes=available,
            used_ram_bytes=total - available,
            threshold_bytes=int(total * LOW_MEMORY_SHARE),
            low_memory=share < LOW_MEMORY_SHARE,
        )


def device_family(permissions: Mapping[str, bool], name: str | None, environ: Mapping[str, str]) -> Family:
    """All of it on Linux; elsewhere what does not need the kernel's files."""
    provider = DeviceProvider(permissions=permissions, name=name, environ=environ)
    if sys.platform == "linux":
        return usable("device", "from /proc and /sys", provider)
    return usable(
        "device",
        "name and permissions only: status and health are read from files only Linux has",
        provider,
        only={"device.info": True, "device.permissions": True},
    )


def _kib(value: str) -> int:
    return int(value.split(maxsplit=1)[0]) * 1024
