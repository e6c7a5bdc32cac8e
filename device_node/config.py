"""The settings of a node, as `node.toml` holds them.

Reading is strict: an unknown name or a wrong value is an error that names its place. Nothing here is needed
to start: a node beside a gateway finds it, and offers what is harmless until its owner allows more.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from device_node.failure import Misused

McpServerName = Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_-]{0,31}$")]
ProfileName = Literal["laptop", "phone", "android"]

MAX_CONFIG_BYTES: Final = 1024 * 1024
"""A larger file is not a configuration but a mistake."""


class TokenReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway's shared token is; exactly one of both."""

    env: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    """Name of an environment variable."""
    file: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    """Path of a file, relative to the node's folder."""

    def __post_init__(self) -> None:
        """Hold to the rule."""
        if (self.env is None) == (self.file is None):
            raise ValueError('expected { env = "NAME" } or { file = "path" }')


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which gateway this node belongs to."""

    url: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
    """`ws://` or `wss://`; without one the gateway of this machine."""
    tls_fingerprint: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    """SHA-256 of the only certificate to accept."""
    token: TokenReference | None = None


class PermissionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the owner lets this node do. The gateway has to approve each of it besides."""

    system_run: bool = True
    """Run programs; the node's own rules and the gateway's approvals stand in between."""
    files: bool = True
    """Show the names of folders."""
    notifications: bool = True
    """Show notifications."""
    mcp: bool = True
    """Call tools of the configured MCP servers."""
    canvas: bool = True
    """Show canvas pages."""
    camera: bool = False
    """Take pictures and films: off until the owner wants it."""
    microphone: bool = False
    """Listen: off until the owner wants it."""
    screen: bool = False
    """Show the screen: off until the owner wants it."""
    location: bool = False
    """Say where the device is: off until the owner wants it."""


class LocationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a device stands that has no receiver of its own; degrees and metres."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(gt=0, le=100_000)] = 50.0


class McpServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server of tools beside this node that speaks the Model Context Protocol on stdin and stdout."""

    argv: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1, max_length=256)]
    """Its program, absolute or found on `PATH`, and its arguments."""
    env: dict[str, str] = {}
    """Added to the bare environment it gets."""
    timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    """What one call of a tool may take."""


class CanvasSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The canvas of this node."""

    reach: tuple[Literal["loopback", "lan"], ...] = ()
    """What pages may be shown from besides the public network: this machine, the networks around it."""
    window: bool = False
    """Show it in a window of the desktop; otherwise it exists only in pictures."""
    program: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    """Path of the browser, when none of the usual names is on `PATH`."""


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of a node."""

    display_name: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    """What the gateway calls it; its host name unless given."""
    profile: ProfileName = "laptop"
    """`phone` and `android` are simulations for tests and demos."""
    gateway: GatewaySettings = GatewaySettings()
    permissions: PermissionSettings = PermissionSettings()
    location: LocationSettings | None = None
    canvas: CanvasSettings = CanvasSettings()
    mcp: dict[McpServerName, McpServerSettings] = {}
    """Servers whose tools this node lends, by name."""


PERMISSIONS: Final = tuple(PermissionSettings.__struct_fields__)
"""Names of what the owner can allow or deny."""


def parse_config(text: str, name: str = "node.toml") -> NodeConfig:
    """The settings in a TOML text; `name` is used in messages.

    Raises:
        Misused: naming the place that is wrong.
    """
    import tomllib

    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misused(f"{name} is no TOML: {error}", "correct that line") from error
    try:
        return msgspec.convert(values, NodeConfig)
    except msgspec.ValidationError as error:
        raise Misused(f"{name}: {_place(str(error))}", "correct that setting") from error


def load_config(path: Path) -> NodeConfig:
    """The settings in a file; the defaults when there is none.

    Raises:
        Misused: as for `parse_config`, or when it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CONFIG_BYTES + 1)
        text = data.decode()
    except FileNotFoundError:
        return NodeConfig()
    except OSError as error:
        raise Misused(f"{path} cannot be read: {error.strerror}", "make it readable for its owner") from error
    except UnicodeDecodeError as error:
        raise Misused(f"{path} is not UTF-8 text", "save it as UTF-8") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise Misused(f"{path} is larger than {MAX_CONFIG_BYTES} bytes", "this is no configuration")
    return parse_config(text, str(path))


def _place(message: str) -> str:
    """A msgspec message with its place first: `gateway.url: expected ...`."""
    what, at, place = message.rpartition(" - at `$")
    if not at:
        return message
    return f"{place.rstrip('`').lstrip('.')}: {what}"
