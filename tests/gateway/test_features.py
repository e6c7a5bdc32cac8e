"""Optional features can be off, and can fail without taking the gateway along (S0.G-1, S0.G-2)."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from gateway.app import SETTINGS, start
from gateway.features import FEATURES
from gateway.kernel.config.overrides import Overrides
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.feature import Feature, House
from gateway.kernel.home import Home
from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import RpcError, WireClient

SEEN_OUTSIDE = {"discovery"}
"""Neither a method nor a route; tests/gateway/discovery switches it off and looks at the network."""

OPTIONAL = {feature.name for feature in FEATURES if not feature.core} - SEEN_OUTSIDE
"""Switching these off is tested below, each by what it takes away."""

TAKES_AWAY = {
    "backup": ("backup.create", "/healthz"),
    "canvas": ("canvas.surfaces", "/healthz"),
    "cron": ("cron.list", "/healthz"),
    "suggestions": ("taskSuggestions.list", "/healthz"),
    "openai_http": ("", "/v1/models"),
    "web": ("", "/"),
}
"""A method, or else a route, of each optional feature."""


def test_every_optional_feature_is_covered_here() -> None:
    assert set(TAKES_AWAY) >= OPTIONAL


@pytest.mark.parametrize("name", sorted(OPTIONAL))
async def test_a_feature_that_is_switched_off_is_nowhere_to_be_seen(name: str, tmp_path: Path) -> None:
    method, path = TAKES_AWAY[name]
    async with Daemon(tmp_path / "on") as daemon:
        with_it = await advertised(daemon)
        assert not method or method in with_it
    config = f'[features]\ndisabled = ["{name}"]\n'
    async with Daemon(tmp_path / "off", config=config) as daemon:
        without = await advertised(daemon)
        assert without <= with_it
        if method:
            assert method not in without
            async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
                await client.connect()
                with pytest.raises(RpcError, match="unknown method"):
                    await client.call(method, {})
        else:
            async with httpx.AsyncClient(base_url=daemon.url) as http:
                assert (await http.get(path)).status_code == 404


async def test_a_feature_that_fails_to_start_is_reported_and_chat_still_works(tmp_path: Path) -> None:
    async def crash(_: House) -> None:
        raise ZeroDivisionError("broken at load")

    home = Home(tmp_path / "home")
    home.prepare()
    config = ConfigStore.boot(home, SETTINGS, Overrides(port=0, token=TOKEN))
    async with AsyncExitStack() as stack:
        broken = Feature("broken", setup=crash, core=False)
        gateway = await start(stack, home, config, (*FEATURES, broken))
        part = gateway.house.health.parts()["broken"]
        assert (part.ok, "failed to start" in part.detail) == (False, True)
        async with await WireClient.open(gateway.url.replace("http", "ws"), token=TOKEN) as client:
            await client.connect()
            await client.call(
                "chat.send", {"sessionKey": "main", "message": "what is 6 * 7?", "idempotencyKey": "k"}
            )
            final = await client.wait_event("chat", lambda payload: payload["state"] == "final")
            assert "42" in str(final["payload"]["message"])
        async with httpx.AsyncClient(base_url=gateway.url) as http:
            assert "broken" in (await http.get("health")).text


async def test_a_core_feature_that_fails_stops_the_start(tmp_path: Path) -> None:
    async def crash(_: House) -> None:
        raise ZeroDivisionError("broken at load")

    home = Home(tmp_path / "home")
    home.prepare()
    config = ConfigStore.boot(home, SETTINGS, Overrides(port=0, token=TOKEN))
    with pytest.raises(ZeroDivisionError):
        async with AsyncExitStack() as stack:
            await start(stack, home, config, (*FEATURES, Feature("core part", setup=crash)))


async def advertised(daemon: Daemon) -> set[str]:
    """The methods of `hello-ok`."""
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        hello = await client.connect()
        return set(hello["features"]["methods"])


async def test_switching_off_what_cannot_be_is_said_and_a_home_may_change_its_mind(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    for disabled in ("", '"cron", "chat"', ""):
        (daemon.home / "homarus.toml").write_text(f"[features]\ndisabled = [{disabled}]\n")
        async with daemon:
            methods = await advertised(daemon)
            assert ("cron.list" in methods) == (disabled == "")
            assert "chat.send" in methods
    said = [line for line in daemon.stderr_text().splitlines() if "features.disabled" in line]
    assert len(said) == 1
    assert "chat cannot be switched off" in said[0]
    assert "cron" in said[0].partition("these can: ")[2]
