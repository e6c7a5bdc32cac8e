"""How the machine is connected. Source: Linux sysfs-class-net, proc(5) `net/route` and `net/ipv6_route`."""

from pathlib import Path
from typing import Final, Literal

from device_node.providers.sysfs import entries, lines, number, text
from protocol.commands.device import Network

Kind = Literal["wifi", "cellular", "wired", "other"]

_KINDS: Final[tuple[Kind, ...]] = ("wired", "wifi", "cellular", "other")

_LOOPBACK: Final = 772
"""ARPHRD_LOOPBACK."""

_ETHERNET: Final = 1
"""ARPHRD_ETHER; wireless cards and bridges say so as well."""

_IS_UP: Final = 1
"""IFF_UP, and RTF_UP of a route."""


def network(root: Path) -> Network:
    """Interfaces that are up, and whether one of them leads out. Of limits Linux itself knows nothing."""
    up: dict[str, Kind] = {card.name: _kind(card) for card in entries(root / "sys/class/net") if _is_up(card)}
    kinds: set[Kind] = set(up.values())
    ways_out = _ways_out(root) & set(up)
    return Network(
        status="satisfied" if ways_out else "unsatisfied",
        is_expensive=bool(ways_out) and all(up[name] == "cellular" for name in ways_out),
        is_constrained=False,
        interfaces=[kind for kind in _KINDS if kind in kinds],
    )


def _is_up(card: Path) -> bool:
    if number(card / "type") == _LOOPBACK:
        return False
    state = text(card / "operstate")
    if state != "unknown":
        return state == "up"
    try:  # a tunnel has no state, only flags
        return bool(int(text(card / "flags") or "0", 16) & _IS_UP)
    except ValueError:
        return False


def _kind(card: Path) -> Kind:
    told = {line for line in lines(card / "uevent") if line.startswith("DEVTYPE=")}
    if "DEVTYPE=wlan" in told or (card / "wireless").exists() or (card / "phy80211").exists():
        return "wifi"
    if "DEVTYPE=wwan" in told or card.name.startswith("wwan"):
        return "cellular"
    if not told and number(card / "type") == _ETHERNET and card.name.startswith(("en", "eth")):
        return "wired"
    return "other"


def _ways_out(root: Path) -> set[str]:
    """Interfaces with a default route."""
    found: set[str] = set()
    for line in lines(root / "proc/net/route")[1:]:
        name, destination, _, flags, *rest = line.split()
        if destination == "0" * 8 and rest[3] == "0" * 8 and int(flags, 16) & _IS_UP:
            found.add(name)
    for line in lines(root / "proc/net/ipv6_route"):
        destination, prefix, *_, flags, name = line.split()
        if destination == "0" * 32 and prefix == "00" and int(flags, 16) & _IS_UP:
            found.add(name)
    return found
