"""Finding gateways: a hint from strangers, never a reason to trust (attack gate: rogue mDNS gateway)."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from device_node.discovery import MAX_ADDRESSES, MAX_GATEWAYS, FoundGateway, discover
from device_node.failure import Misused
from gateway.kernel.config.gateway import TlsSettings
from gateway.kernel.home import Home
from gateway.kernel.net.tls import certificate_paths, fingerprint, server_context
from tests.gateway.discovery.test_announcing import config
from tests.support.daemon import Daemon
from tests.support.mdns import LOOPBACK, SERVICE_TYPE, Browser, unique
from tests.support.mdns_raw import Shouting, announcement
from tests.support.netns import run_alone

PIN = "ab" * 32
TOKEN = "shared-token-of-the-honest-gateway"

# An announcement is complete after 1.7 s; then this is enough to hear of it.
LISTEN_S = 2.0


@contextlib.asynccontextmanager
async def announcing(
    name: str, txt: dict[str, str | bytes], *, port: int = 7777, addresses: tuple[str, ...] = ("192.0.2.7",)
) -> AsyncGenerator[None]:
    """A stranger on the network who announces what they like."""
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        port=port,
        parsed_addresses=list(addresses),
        properties=txt,
        server=f"stranger-{port}.local.",
    )
    zeroconf = AsyncZeroconf(interfaces=[LOOPBACK])
    try:
        await (await zeroconf.async_register_service(info))  # pyright: ignore[reportUnknownMemberType]
        yield
    finally:
        await zeroconf.async_close()


async def found(name: str) -> FoundGateway | None:
    """What `discover` tells about one of them."""
    everything = await discover(LISTEN_S, [LOOPBACK])
    return next((gateway for gateway in everything.gateways if gateway.name == name), None)


async def node(*args: str, home: Path) -> tuple[int, str]:
    """Run the shipped node program; its exit code and everything it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "device_node",
        *args,
        env={"HOME": str(home), "HOMARUS_HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_the_shipped_gateway_is_found_by_the_shipped_node(tmp_path: Path) -> None:
    name = unique("n-found")
    settings = config(name, tls=True)
    async with Browser() as browser, Daemon(tmp_path / "gateway", config=settings) as daemon:
        await browser.resolve(f"{name} (OpenClaw)")
        code, text = await node("discover", "--json", "--interface", LOOPBACK, home=tmp_path)
        assert code == 0, text
        listed: list[dict[str, Any]] = json.loads(text)["gateways"]
        (gateway,) = [entry for entry in listed if entry["name"] == name]
        pin = fingerprint(daemon.home / "keys" / "tls.crt").replace(":", "").lower()
        assert gateway == {
            "name": name,
            "host": f"{name}.local",
            "addresses": [LOOPBACK],
            "port": daemon.port,
            "tls": True,
            "tlsFingerprint": pin,
            "urls": [f"wss://{LOOPBACK}:{daemon.port}"],
        }
        code, text = await node("discover", "--interface", LOOPBACK, home=tmp_path)
        assert code == 0, text
        assert f"address      wss://{LOOPBACK}:{daemon.port}" in text
        assert f"SHA-256 {pin}, as announced" in text
        advice = text.partition("Anybody in this network")[2]
        assert "setup code" in advice
        assert pin not in advice, "an announced fingerprint is not for copying"


async def test_the_text_record_leads_nobody_elsewhere() -> None:
    name = unique("n-liar")
    txt: dict[str, str | bytes] = {
        "lanHost": "evil.example",
        "tailnetDns": "evil.example",
        "gatewayPort": "1",
        "displayName": "Your bank",
    }
    async with announcing(f"{name} (OpenClaw)", txt):
        gateway = await found(name)
    assert gateway is not None
    assert gateway == FoundGateway(
        name=name,
        host="stranger-7777.local",
        addresses=("192.0.2.7",),
        port=7777,
        tls=False,
        tls_fingerprint=None,
    )
    assert gateway.urls == ("ws://192.0.2.7:7777",)


async def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    packet = announcement("n-\u202ered".encode(), b"n-\x07bell", "192.0.2.7", txt=b"gatewayTlsSha256=\x1b[2J")
    with Shouting(lambda _: packet, pause_s=0.1):
        gateway = await found("n-\\u202ered")
    assert gateway is not None
    assert gateway.host == "n-\\x07bell.local"
    assert gateway.tls_fingerprint is None


async def test_a_malformed_stranger_hides_nobody() -> None:
    name = unique("n-proper")
    odd = (b"n-\x1b[31m", b"n-\x00", b"n-\xff\xfe", b"n-..", b".")
    packets = [announcement(label, b"odd", "192.0.2.8") for label in odd]
    packets += [
        b"",
        b"\x00" * 12,
        packets[0][:40],
        packets[0][:-1],
        packets[0].replace(b"\x05local", b"\xc0\x0clocal"),
    ]
    with Shouting(lambda number: packets[number % len(packets)], pause_s=0.02) as shouting:
        async with announcing(name, {}):
            gateway = await found(name)
    assert gateway is not None
    assert shouting.sent > len(packets)


async def test_fingerprints_are_read_in_any_spelling() -> None:
    name = unique("n-pin")
    spellings = {PIN.upper(): PIN, f"sha256:{PIN}": PIN, ":".join(["AB"] * 32): PIN, PIN[:-1]: None, "": None}
    async with contextlib.AsyncExitStack() as strangers:
        await asyncio.gather(
            *(
                strangers.enter_async_context(
                    announcing(f"{name}-{number}", {"gatewayTls": "1", "gatewayTlsSha256": spelled})
                )
                for number, spelled in enumerate(spellings)
            )
        )
        listed = (await discover(LISTEN_S, [LOOPBACK])).gateways
    read = {gateway.name: gateway.tls_fingerprint for gateway in listed if gateway.name.startswith(name)}
    assert read == {f"{name}-{number}": pin for number, pin in enumerate(spellings.values())}


async def test_addresses_are_few_and_lead_somewhere() -> None:
    name = unique("n-many")
    many = ("fe80::1", "2001:db8::1", *(f"192.0.2.{number}" for number in range(1, 20)))
    async with announcing(name, {}, addresses=many):
        gateway = await found(name)
    assert gateway is not None
    assert gateway.addresses == tuple(f"192.0.2.{number}" for number in range(1, MAX_ADDRESSES + 1))


async def test_one_without_a_port_or_a_usable_address_is_no_gateway() -> None:
    portless, near, proper = unique("n-portless"), unique("n-near"), unique("n-beside")
    async with contextlib.AsyncExitStack() as strangers:
        await asyncio.gather(
            strangers.enter_async_context(announcing(portless, {}, port=0)),
            strangers.enter_async_context(announcing(near, {}, port=7778, addresses=("fe80::1",))),
            strangers.enter_async_context(announcing(proper, {}, port=7779)),
        )
        names = {gateway.name for gateway in (await discover(LISTEN_S, [LOOPBACK])).gateways}
    assert names & {portless, near, proper} == {proper}


async def test_an_interface_of_another_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="eth0"):
        await discover(LISTEN_S, ["eth0"])
    code, text = await node("discover", "--interface", "192.0.2.77", home=tmp_path)
    assert code == 2, text
    assert "192.0.2.77 is no address of this machine; these are: 127.0.0.1" in text
    code, text = await node("discover", "--timeout", "0", home=tmp_path)
    assert (code, "--timeout" in text) == (2, True)


async def test_a_rogue_gateway_receives_no_token(tmp_path: Path) -> None:
    """It announces the honest gateway's name and fingerprint, and has only a certificate of its own."""
    name = unique("n-rogue")
    honest = Home(tmp_path / "honest")
    rogue = Home(tmp_path / "rogue")
    for home in (honest, rogue):
        home.prepare()
    tls = TlsSettings(enabled=True)
    server_context(honest, tls)
    pin = fingerprint(certificate_paths(honest, tls)[0]).replace(":", "").lower()
    heard: list[str] = []
    accepted: list[str] = []
    requests: list[str] = []

    def upgrade(_: ServerConnection, request: Request) -> None:
        accepted.append(request.path)
        requests.append(f"{request.path} {request.headers}")

    async def listen(connection: ServerConnection) -> None:
        await connection.send('{"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1}}')
        heard.extend([str(message) async for message in connection])

    context = server_context(rogue, tls)
    async with serve(listen, LOOPBACK, 0, ssl=context, process_request=upgrade) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        txt: dict[str, str | bytes] = {"gatewayTls": "1", "gatewayTlsSha256": pin}
        async with announcing(f"{name} (OpenClaw)", txt, port=port, addresses=(LOOPBACK,)):
            gateway = await found(name)
            assert gateway is not None
            assert gateway.tls_fingerprint == pin, "it lies well"
            assert accepted == [], "looking connects to nobody"
            (url,) = gateway.urls
            for command in ("run", "pair"):
                home = tmp_path / command
                assert "another certificate" in await attempt(command, url, pin, home=home)
                assert len(accepted) == 1, "it got as far as being told nothing"
                accepted.clear()
                assert "is not trusted" in await attempt(command, url, None, home=home)
                assert accepted == [], "without a pin not even that"
    assert TOKEN not in "".join(requests)
    assert heard == []


async def attempt(command: str, url: str, pin: str | None, *, home: Path) -> str:
    """What `homarus node` says about the certificate of a gateway it is to reach with the shared token."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "device_node", command, "--url", url, "--token", TOKEN),
        *(("--tls-fingerprint", pin) if pin is not None else ()),
        env={"HOME": str(home), "HOMARUS_HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if b"certificate" in line:
                    return line.decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    raise AssertionError("it said nothing about the certificate")


FLOODED = """
import json, resource, subprocess, sys, time
from tests.support.mdns_raw import Shouting, one_of_many

def look():
    started = time.monotonic()
    argv = [sys.executable, "-m", "device_node", "discover", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    return time.monotonic() - started, json.loads(done.stdout)

def peak_kib():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

_, nobody = look()
quiet_kib = peak_kib()
with Shouting(one_of_many) as flood:
    took_s, answer = look()
print(json.dumps({
    "sent": flood.sent, "took_s": took_s, "grew_kib": peak_kib() - quiet_kib, "complete": answer["complete"],
    "listed": len(answer["gateways"]), "nobody": nobody,
}))
"""


@pytest.mark.timeout(120)
def test_a_flood_of_announcements_is_cut_short() -> None:
    done = run_alone([sys.executable, "-c", FLOODED], timeout_s=100)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["nobody"] == {"gateways": [], "complete": True}
    assert result["sent"] > 1000, "that was a flood"
    assert 0 < result["listed"] <= MAX_GATEWAYS
    assert result["complete"] is False
    assert result["took_s"] < 20
    assert result["grew_kib"] < 30 * 1024
