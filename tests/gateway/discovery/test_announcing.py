"""The shipped gateway in a real network of one machine: announced, changed, withdrawn (DC-7)."""

import asyncio
from pathlib import Path

import httpx
import pytest

from gateway.kernel.net.tls import fingerprint
from tests.cli.command import Result, ask_async
from tests.support.daemon import Daemon
from tests.support.mdns import Browser, txt, unique
from tests.support.wire import WireClient

NETWORK = """
[gateway]
host = "{host}"
tls.enabled = {tls}
[discovery]
hostname = "{name}"
interfaces = ["127.0.0.1"]
"""


def config(name: str, *, host: str = "0.0.0.0", tls: bool = False) -> str:
    """A gateway for others that is announced on loopback only, so that tests disturb nobody."""
    return NETWORK.format(host=host, name=name, tls=str(tls).lower())


async def test_a_gateway_is_found_with_its_port_and_fingerprint(tmp_path: Path) -> None:
    name = unique("h-tls")
    async with Browser() as browser, Daemon(tmp_path, config=config(name, tls=True)) as daemon:
        info = await browser.resolve(f"{name} (OpenClaw)")
        assert info.port == daemon.port
        assert has_loaded_zeroconf(daemon)
        assert info.parsed_addresses() == ["127.0.0.1"]
        assert info.server == f"{name}.local."
        pin = fingerprint(daemon.home / "keys" / "tls.crt").replace(":", "").lower()
        assert txt(info) == {
            "role": "gateway",
            "transport": "gateway",
            "displayName": name,
            "gatewayPort": str(daemon.port),
            "lanHost": f"{name}.local",
            "gatewayTls": "1",
            "gatewayTlsSha256": pin,
            "gatewayDirectReachable": "1",
        }
        assert daemon.token not in str(txt(info))


async def test_it_is_withdrawn_when_the_gateway_stops(tmp_path: Path) -> None:
    name = unique("h-stop")
    async with Browser() as browser:
        async with Daemon(tmp_path, config=config(name)):
            await browser.resolve(f"{name} (OpenClaw)")
        await browser.until(lambda: not browser.seen(f"{name} (OpenClaw)"))


async def test_settings_are_followed_without_a_restart(tmp_path: Path) -> None:
    one = unique("h-one")
    two = unique("h-two")
    three = unique("h-three")
    async with Browser() as browser, Daemon(tmp_path, config=config(one)) as daemon:
        await browser.resolve(f"{one} (OpenClaw)")
        assert (await set_to(daemon, "hostname", two)).code == 0
        assert "sshPort" not in txt(await browser.resolve(f"{two} (OpenClaw)"))
        await browser.until(lambda: not browser.seen(f"{one} (OpenClaw)"))
        assert (await set_to(daemon, "mode", "off")).code == 0
        await browser.until(lambda: not browser.seen(f"{two} (OpenClaw)"))
        await set_to(daemon, "hostname", three)
        assert (await set_to(daemon, "mode", "full")).code == 0
        told = txt(await browser.resolve(f"{three} (OpenClaw)"))
        assert told["sshPort"] == "22"
        assert told["cliPath"].endswith("/homarus")


async def test_it_answers_to_the_name_it_is_announced_by(tmp_path: Path) -> None:
    """OpenClaw's clients connect to the host of the service record. Any other name may be a rebound one."""
    name = unique("h-called")
    async with Browser() as browser, Daemon(tmp_path, config=config(name)) as daemon:
        await browser.resolve(f"{name} (OpenClaw)")
        async with httpx.AsyncClient(base_url=daemon.url) as http:

            async def status(host: str) -> int:
                return (await http.get("/healthz", headers={"Host": f"{host}:{daemon.port}"})).status_code

            assert await status(f"{name}.local") == 200
            assert await status(f"{name.upper()}.LOCAL") == 200
            assert await status(f"not-{name}.local") == 421
            await set_to(daemon, "hostname", f"{name}-2")
            await browser.resolve(f"{name}-2 (OpenClaw)")
            assert await status(f"{name}-2.local") == 200
            assert await status(f"{name}.local") == 421


async def set_to(daemon: Daemon, key: str, value: str) -> Result:
    """Change one setting of the running gateway."""
    return await ask_async(daemon, "config", "set", f"discovery.{key}", value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
async def test_a_loopback_gateway_is_not_announced(host: str, tmp_path: Path) -> None:
    """The second gateway, announced later, shows that the first had its chance."""
    own_name = unique("h-own")
    other = unique("h-open")
    async with Browser() as browser, Daemon(tmp_path / "own", config=config(own_name, host=host)) as own:
        async with Daemon(tmp_path / "open", config=config(other)):
            await browser.resolve(f"{other} (OpenClaw)")
        assert not browser.seen(f"{own_name} (OpenClaw)")
        assert not has_loaded_zeroconf(own)


async def test_it_can_be_switched_off_as_a_feature(tmp_path: Path) -> None:
    name = unique("h-off")
    other = unique("h-on")
    off = f'{config(name)}[features]\ndisabled = ["discovery"]\n'
    async with Browser() as browser, Daemon(tmp_path / "off", config=off) as daemon:
        async with Daemon(tmp_path / "open", config=config(other)):
            await browser.resolve(f"{other} (OpenClaw)")
        assert not browser.seen(f"{name} (OpenClaw)")
        assert not has_loaded_zeroconf(daemon)


async def test_two_gateways_of_one_name_are_both_found(tmp_path: Path) -> None:
    name = unique("h-same")
    async with Browser() as browser, Daemon(tmp_path / "a", config=config(name)) as first:
        await browser.resolve(f"{name} (OpenClaw)")
        async with Daemon(tmp_path / "b", config=config(name)) as second:
            other = await browser.resolve(f"{name} (OpenClaw)-2")
            assert other.port == second.port
            assert (await browser.resolve(f"{name} (OpenClaw)")).port == first.port


async def test_a_fault_in_the_section_is_named_and_the_last_good_stays(tmp_path: Path) -> None:
    async with Daemon(tmp_path, config=config("h-fault")) as daemon:
        refused = await set_to(daemon, "hostname", "no good name")
        assert refused.code != 0
        assert "discovery.hostname" in refused.err
        async with asyncio.timeout(20), await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            await client.connect()


def has_loaded_zeroconf(daemon: Daemon) -> bool:
    """Its compiled modules are mapped into the process."""
    return "/zeroconf/" in Path(f"/proc/{daemon.pid}/maps").read_text(encoding="utf-8")
