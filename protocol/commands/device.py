"""What a device is and how it is doing. Source: OpenClaw docs/nodes/device-commands.md (2026.9.6)."""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Command, Wire, command


class Battery(Wire):
    """`level` is from 0 to 1; absent where there is no battery."""

    state: Literal["unknown", "unplugged", "charging", "full"]
    level: float | None = None
    low_power_mode_enabled: bool


class Thermal(Wire):
    """How hot it is."""

    state: Literal["nominal", "fair", "serious", "critical"]


class Storage(Wire):
    """Of the file system with the owner's files."""

    total_bytes: int
    free_bytes: int
    used_bytes: int


class Network(Wire):
    """How it is connected."""

    status: Literal["satisfied", "unsatisfied", "requiresConnection"]
    is_expensive: bool
    is_constrained: bool
    interfaces: list[Literal["wifi", "cellular", "wired", "other"]]


class DeviceStatusReport(Wire):
    """How the device is doing."""

    battery: Battery
    thermal: Thermal | None = None
    """Absent where the hardware does not tell."""
    storage: Storage
    network: Network
    uptime_seconds: float


@command("device.status", capability="device")
class DeviceStatus(Command[DeviceStatusReport]):
    """How the device is doing."""


class DeviceDescription(Wire):
    """What the device is."""

    device_name: str
    model_identifier: str
    system_name: str
    system_version: str
    app_version: str
    app_build: str
    locale: str


@command("device.info", capability="device")
class DeviceInfo(Command[DeviceDescription]):
    """What the device is."""


class PermissionStatus(Wire):
    """Whether the owner allows something, and whether asking for it makes sense."""

    status: Literal["granted", "denied"]
    promptable: bool


class DevicePermissionsReport(Wire):
    """By permission name."""

    permissions: dict[str, PermissionStatus]


@command("device.permissions", capability="device")
class DevicePermissions(Command[DevicePermissionsReport]):
    """What the owner allows."""


class Memory(Wire):
    """RAM in bytes; `pressure` is `normal`, `moderate`, `high` or `critical`."""

    pressure: str
    total_ram_bytes: int
    available_ram_bytes: int
    used_ram_bytes: int
    threshold_bytes: int
    low_memory: bool


class BatteryHealth(Wire):
    """The battery as hardware."""

    state: str
    charging_type: str
    temperature_c: float | None = None
    current_ma: float | None = None


class Power(Wire):
    """Modes that keep a device from working."""

    doze_mode_enabled: bool
    low_power_mode_enabled: bool


class SystemHealth(Wire):
    """The operating system."""

    security_patch_level: str | None = None


class DeviceHealthReport(Wire):
    """Health of the device."""

    memory: Memory
    battery: BatteryHealth
    power: Power
    system: SystemHealth


@command("device.health", capability="device")
class DeviceHealth(Command[DeviceHealthReport]):
    """Memory, battery and power."""


class Location(Wire):
    """Where the device is; degrees, metres, and the time of the fix as ISO 8601."""

    lat: float
    lon: float
    accuracy_meters: float
    timestamp: str
    is_precise: bool
    altitude_meters: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    source: str | None = None


@command("location.get", capability="location")
class LocationGet(Command[Location]):
    """Where the device is.

    Errors: `LOCATION_DISABLED`, `LOCATION_PERMISSION_REQUIRED`, `LOCATION_TIMEOUT`, `LOCATION_UNAVAILABLE`,
    `LOCATION_BACKGROUND_UNAVAILABLE`.
    """

    timeout_ms: Annotated[int, Meta(ge=0, le=600_000)] = 10_000
    max_age_ms: Annotated[int, Meta(ge=0)] | None = None
    desired_accuracy: Literal["coarse", "balanced", "precise"] = "balanced"
