"""What a machine tells about itself: read from the kernel's files, nothing invented (S3.I-1)."""

import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device_node.providers.network import network
from device_node.providers.power import battery, battery_health, heat
from tests.device_node.providers.bench import Bench

Tree = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A folder with kernel files of another machine, laid out as `/` is."""

    def make(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path / "root"

    return make


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "node", device_name="Desk")


async def test_status_of_this_machine(bench: Bench) -> None:
    status = await bench.ask("device.status")
    disk = shutil.disk_usage(Path.home())
    assert status["storage"]["totalBytes"] == disk.total
    assert 0 < status["uptimeSeconds"] <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert status["network"]["status"] in {"satisfied", "unsatisfied"}
    if not os.listdir("/sys/class/power_supply"):  # noqa: PTH208 - a test may block for a moment
        assert status["battery"] == {"state": "unknown", "lowPowerModeEnabled": False}


async def test_health_of_this_machine(bench: Bench) -> None:
    memory = (await bench.ask("device.health"))["memory"]
    assert memory["totalRamBytes"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory["usedRamBytes"] + memory["availableRamBytes"] == memory["totalRamBytes"]
    assert memory["lowMemory"] == (memory["availableRamBytes"] < memory["thresholdBytes"])


async def test_info_of_this_machine(bench: Bench, tmp_path: Path) -> None:
    info = await bench.ask("device.info")
    assert info["deviceName"] == "Desk"
    assert info["systemName"] == platform.freedesktop_os_release()["NAME"]
    named = Bench(tmp_path / "other", environ={"LANG": "de_CH.UTF-8"})
    assert (await named.ask("device.info"))["locale"] == "de_CH"
    assert (await named.ask("device.info"))["deviceName"] == os.uname().nodename


async def test_permissions_follow_the_owner(bench: Bench) -> None:
    bench.permissions["camera"] = False
    told = (await bench.ask("device.permissions"))["permissions"]
    assert told["camera"] == {"status": "denied", "promptable": False}
    assert told["screenRecording"] == {"status": "granted", "promptable": False}


def test_a_laptop_on_battery(tree: Tree) -> None:
    bat = "sys/class/power_supply/BAT0/"
    root = tree({
        bat + "type": "Battery\n", bat + "status": "Discharging\n", bat + "capacity": "83\n",
        bat + "temp": "312\n",
        bat + "current_now": "1250000\n", bat + "health": "Good\n",
        "sys/class/power_supply/AC/type": "Mains\n", "sys/class/power_supply/AC/online": "0\n",
        "sys/firmware/acpi/platform_profile": "low-power\n",
    })  # fmt: skip
    assert _plain(battery(root)) == {"state": "unplugged", "level": 0.83, "lowPowerModeEnabled": True}
    assert _plain(battery_health(root)) == {
        "state": "good", "chargingType": "none", "temperatureC": 31.2, "currentMa": 1250.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state"),
    [("Charging", "charging"), ("Full", "full"), ("Not charging", "unknown"), ("", "unknown")],
)
def test_states_of_a_battery(tree: Tree, status: str, state: str) -> None:
    root = tree({"sys/class/power_supply/B/type": "Battery", "sys/class/power_supply/B/status": status})
    assert _plain(battery(root)) == {"state": state, "lowPowerModeEnabled": False}


def test_the_battery_of_a_mouse_is_not_ours(tree: Tree) -> None:
    mouse = "sys/class/power_supply/hidpp_battery_0/"
    root = tree({mouse + "type": "Battery", mouse + "scope": "Device", mouse + "capacity": "5"})
    assert battery(root).level is None
    assert battery_health(root).charging_type == "unknown"


@pytest.mark.parametrize(
    ("temperature", "state"),
    [("45000", "nominal"), ("60000", "fair"), ("91000", "serious"), ("105000", "critical")],
)
def test_heat_against_the_trip_points(tree: Tree, temperature: str, state: str) -> None:
    zone = "sys/class/thermal/thermal_zone0/"
    root = tree({
        zone + "temp": temperature,
        zone + "trip_point_0_type": "active", zone + "trip_point_0_temp": "55000",
        zone + "trip_point_1_type": "passive", zone + "trip_point_1_temp": "90000",
        zone + "trip_point_2_type": "critical", zone + "trip_point_2_temp": "105000",
        "sys/class/thermal/thermal_zone1/temp": "20000",
    })  # fmt: skip
    assert _plain(heat(root)) == {"state": state}


def test_heat_nobody_can_tell(tree: Tree) -> None:
    assert heat(tree({"sys/class/thermal/thermal_zone0/temp": "44000"})) is None


def _card(name: str, state: str, **more: str) -> dict[str, str]:
    files = {"type": "1", "operstate": state, "flags": "0x1003", "uevent": f"INTERFACE={name}\n"} | more
    return {f"sys/class/net/{name}/{file}": content for file, content in files.items()}


ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def test_a_laptop_with_wifi(tree: Tree) -> None:
    root = tree(
        _card("lo", "unknown", type="772")
        | _card("wlp2s0", "up", uevent="DEVTYPE=wlan\nINTERFACE=wlp2s0\n")
        | _card("enp1s0", "down")
        | _card("docker0", "up", uevent="DEVTYPE=bridge\nINTERFACE=docker0\n")
        | {"proc/net/route": ROUTES + "wlp2s0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"}
    )
    assert _plain(network(root)) == {
        "status": "satisfied", "isExpensive": False, "isConstrained": False, "interfaces": ["wifi", "other"],
    }  # fmt: skip


def test_a_mobile_modem_costs_money(tree: Tree) -> None:
    route = " ".join(
        ["0" * 32, "00", "0" * 32, "00", "f" * 32, "00000400", "00000001", "0", "00000003", "wwan0"]
    )
    root = tree(_card("wwan0", "unknown", type="519") | {"proc/net/ipv6_route": route + "\n"})
    assert _plain(network(root)) == {
        "status": "satisfied", "isExpensive": True, "isConstrained": False, "interfaces": ["cellular"],
    }  # fmt: skip


def test_a_cable_that_leads_nowhere(tree: Tree) -> None:
    told = network(tree(_card("eth0", "up") | {"proc/net/route": ROUTES}))
    assert (told.status, told.interfaces) == ("unsatisfied", ["wired"])
