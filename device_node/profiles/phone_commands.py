"""What the simulated phone answers. Values are made up, but consistent with each other and over time."""

import base64
import logging
import struct
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from device_node.commands import CommandFailed, Invocation, performs
from device_node.config import LocationSettings, NodeConfig
from device_node.surface import Persona
from device_node.text import printable
from protocol.commands.device import (
    Battery,
    BatteryHealth,
    DeviceDescription,
    DeviceHealth,
    DeviceHealthReport,
    DeviceInfo,
    DevicePermissions,
    DevicePermissionsReport,
    DeviceStatus,
    DeviceStatusReport,
    Location,
    LocationGet,
    Memory,
    Network,
    PermissionStatus,
    Power,
    Storage,
    SystemHealth,
    Thermal,
)
from protocol.commands.media import Camera, CameraList, Cameras, ScreenPicture, ScreenSnapshot
from protocol.commands.system import Shown, SystemNotify
from protocol.version import RELEASE

GB: Final = 1_000_000_000

STORAGE_BYTES: Final = 256 * GB
FREE_BYTES: Final = 81 * GB
RAM_BYTES: Final = 8 * GB
FREE_RAM_BYTES: Final = 3 * GB
LOW_RAM_BYTES: Final = 256_000_000

FULL_LIFE_S: Final = 20 * 3600.0
"""From a full battery to an empty one."""

START_LEVEL: Final = 0.83
LOW_LEVEL: Final = 0.2
"""At which a phone saves power by itself."""

MADE_UP_PLACE: Final = LocationSettings(lat=52.5163, lon=13.3777, accuracy_m=12.0)
"""Where a phone without a configured place stands."""

SCREEN_WIDTH_PX: Final = 390
SCREEN_HEIGHT_PX: Final = 844
SCREEN_GREY: Final = 0x60
"""Of the made-up screen."""

logger = logging.getLogger(__name__)


class PhoneCommands:
    """The commands of a phone, as far as they need no person and no sensor."""

    def __init__(self, person: Persona, config: NodeConfig, permissions: Mapping[str, bool]) -> None:
        self._person = person
        self._config = config
        self._permissions = permissions
        self._started_s = time.monotonic()

    @performs(DeviceStatus)
    async def status(self, _invocation: Invocation, _call: DeviceStatus) -> DeviceStatusReport:
        """A battery that slowly runs down, on a wireless network."""
        level = self._level()
        return DeviceStatusReport(
            battery=Battery(state="unplugged", level=level, low_power_mode_enabled=level < LOW_LEVEL),
            thermal=Thermal(state="nominal"),
            storage=Storage(
                total_bytes=STORAGE_BYTES, free_bytes=FREE_BYTES, used_bytes=STORAGE_BYTES - FREE_BYTES
            ),
            network=Network(
                status="satisfied", is_expensive=False, is_constrained=False, interfaces=["wifi", "cellular"]
            ),
            uptime_seconds=round(time.monotonic() - self._started_s, 3),
        )

    @performs(DeviceInfo)
    async def info(self, _invocation: Invocation, _call: DeviceInfo) -> DeviceDescription:
        """The phone it pretends to be."""
        system, _, version = self._person.platform.partition(" ")
        return DeviceDescription(
            device_name=self._config.display_name or self._person.display_name,
            model_identifier=self._person.model_identifier or "",
            system_name=system,
            system_version=version,
            app_version=RELEASE,
            app_build="simulated",
            locale="en_US",
        )

    @performs(DevicePermissions)
    async def permissions(self, _invocation: Invocation, _call: DevicePermissions) -> DevicePermissionsReport:
        """What the owner of the node allows."""
        return DevicePermissionsReport(
            permissions={
                name: PermissionStatus(status="granted" if granted else "denied", promptable=not granted)
                for name, granted in self._permissions.items()
            }
        )

    @performs(DeviceHealth)
    async def health(self, _invocation: Invocation, _call: DeviceHealth) -> DeviceHealthReport:
        """In good health."""
        return DeviceHealthReport(
            memory=Memory(
                pressure="normal",
                total_ram_bytes=RAM_BYTES,
                available_ram_bytes=FREE_RAM_BYTES,
                used_ram_bytes=RAM_BYTES - FREE_RAM_BYTES,
                threshold_bytes=LOW_RAM_BYTES,
                low_memory=False,
            ),
            battery=BatteryHealth(state="unplugged", charging_type="none", temperature_c=29.5),
            power=Power(doze_mode_enabled=False, low_power_mode_enabled=self._level() < LOW_LEVEL),
            system=SystemHealth(security_patch_level=None),
        )

    @performs(LocationGet)
    async def location(self, _invocation: Invocation, call: LocationGet) -> Location:
        """The configured place, or a made-up one; rounded when only a coarse one is wanted."""
        place = self._config.location or MADE_UP_PLACE
        coarse = call.desired_accuracy == "coarse"
        return Location(
            lat=round(place.lat, 2) if coarse else place.lat,
            lon=round(place.lon, 2) if coarse else place.lon,
            accuracy_meters=max(place.accuracy_m, 1000.0) if coarse else place.accuracy_m,
            timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            is_precise=not coarse,
            source="simulated",
        )

    @performs(CameraList)
    async def cameras(self, _invocation: Invocation, _call: CameraList) -> Cameras:
        """One on each side."""
        return Cameras(
            devices=[
                Camera(id="back", name="Back Camera", position="back", device_type="builtInWideAngleCamera"),
                Camera(
                    id="front", name="Front Camera", position="front", device_type="builtInWideAngleCamera"
                ),
            ]
        )

    @performs(ScreenSnapshot)
    async def screen(self, _invocation: Invocation, call: ScreenSnapshot) -> ScreenPicture:
        """A plain picture in the shape of a phone, whatever format was wanted."""
        width = min(call.max_width, SCREEN_WIDTH_PX)
        height = width * SCREEN_HEIGHT_PX // SCREEN_WIDTH_PX
        picture = base64.b64encode(plain_png(width, height, SCREEN_GREY)).decode()
        return ScreenPicture(
            format="png",
            base64=picture,
            width=width,
            height=height,
            screen_index=0,
            captured_at_ms=int(time.time() * 1000),
        )

    @performs(SystemNotify)
    async def notify(self, _invocation: Invocation, call: SystemNotify) -> Shown:
        """Written to the node's log in place of a screen."""
        if not self._permissions.get("notifications", False):
            raise CommandFailed("NOTIFICATIONS_DISABLED", "the owner does not allow notifications")
        logger.info("notification: %s: %s", printable(call.title), printable(call.body))
        return Shown(ok=True)

    def _level(self) -> float:
        used = (time.monotonic() - self._started_s) / FULL_LIFE_S
        return round(max(0.01, START_LEVEL - used), 2)


def plain_png(width: int, height: int, grey: int) -> bytes:
    """A grey rectangle as PNG. Source: PNG specification (third edition), section 5."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([grey]) * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
