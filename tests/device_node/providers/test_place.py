"""`location.get`: the configured place, as exactly as it is asked for (S3.I-1)."""

from pathlib import Path

from device_node.config import LocationSettings
from tests.device_node.providers.bench import Bench

PLACE = LocationSettings(lat=46.948271, lon=7.451451, accuracy_m=20.0)


async def test_the_configured_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "node", place=PLACE)
    assert await bench.ask("location.get") == {
        "lat": 46.948271,
        "lon": 7.451451,
        "accuracyMeters": 20.0,
        "timestamp": "2027-01-15T08:00:00.000+00:00",
        "isPrecise": True,
        "source": "configured",
    }


async def test_a_rough_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "node", place=PLACE)
    answer = await bench.ask("location.get", {"desiredAccuracy": "coarse"})
    assert (answer["lat"], answer["lon"]) == (46.95, 7.45)
    assert (answer["accuracyMeters"], answer["isPrecise"]) == (1000.0, False)


async def test_the_owner_does_not_tell(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "node", place=PLACE)
    bench.permissions["location"] = False
    assert (await bench.refusal("location.get"))[0] == "LOCATION_DISABLED"


def test_without_a_place_it_is_not_offered(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "node")
    assert "location.get" not in bench.table.names
    found = next(found for found in bench.providers.findings if found.family == "location")
    assert not found.usable
    assert "node.toml" in found.detail
