"""`location.get`: where the owner says this machine stands.

A computer has no receiver of its own, and asking GeoClue over D-Bus would need another library; the owner's
word is exact enough for a machine on a desk.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from device_node.commands import CommandFailed, Invocation, performs
from device_node.providers.finding import Family, unusable, usable
from protocol.commands.device import Location, LocationGet

PERMISSION: Final = "location"

COARSE_DIGITS: Final = 2
"""Hundredths of a degree: about a kilometre."""

COARSE_METERS: Final = 1000.0


class Place(Protocol):
    """A place in degrees, with how far off it may be in metres."""

    @property
    def lat(self) -> float:
        """North of the equator."""
        ...

    @property
    def lon(self) -> float:
        """East of Greenwich."""
        ...

    @property
    def accuracy_m(self) -> float:
        """Radius."""
        ...


class PlaceProvider:
    """Tells the configured place, as exactly as it is asked for."""

    def __init__(self, place: Place, permissions: Mapping[str, bool], now_ms: Callable[[], int]) -> None:
        self._place = place
        self._permissions = permissions
        self._now_ms = now_ms

    @performs(LocationGet)
    async def get(self, _: Invocation, call: LocationGet) -> Location:
        """Where it is; as it stands still, the time is that of the answer."""
        if not self._permissions.get(PERMISSION, False):
            raise CommandFailed("LOCATION_DISABLED", "the owner of this node does not tell where it is")
        coarse = call.desired_accuracy == "coarse"
        place = self._place
        return Location(
            lat=round(place.lat, COARSE_DIGITS) if coarse else place.lat,
            lon=round(place.lon, COARSE_DIGITS) if coarse else place.lon,
            accuracy_meters=max(place.accuracy_m, COARSE_METERS) if coarse else place.accuracy_m,
            timestamp=datetime.fromtimestamp(self._now_ms() / 1000, UTC).isoformat(timespec="milliseconds"),
            is_precise=not coarse,
            source="configured",
        )


def place_family(place: Place | None, permissions: Mapping[str, bool], now_ms: Callable[[], int]) -> Family:
    """Offered when the owner wrote down a place."""
    if place is None:
        return unusable("location", "this machine cannot find out where it is; write [location] in node.toml")
    return usable("location", "the place in node.toml", PlaceProvider(place, permissions, now_ms))
