"""TLS on the one port: a certificate to pin, no room for strangers without a handshake (case 26; S0.3-14)."""

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from gateway.kernel.config.gateway import TlsSettings
from gateway.kernel.home import Home
from gateway.kernel.net import tls_door
from gateway.kernel.net.doorman import Doorman
from gateway.kernel.net.origin import OriginPolicy
from gateway.kernel.net.server import Listener
from gateway.kernel.net.tls import certificate_paths, fingerprint, server_context
from gateway.kernel.supervisor import Supervisor
from tests.cli.command import ask_async
from tests.gateway.kernel.net.test_websocket import EchoReceiver
from tests.support.daemon import Daemon
from tests.support.wire import WireClient

TLS_ON = "[gateway.tls]\nenabled = true\n"


def unchecked() -> ssl.SSLContext:
    """Takes any certificate; who uses it compares the fingerprint."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pin_of(socket_: ClientConnection) -> str:
    shown = socket_.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return hashlib.sha256(shown).hexdigest().upper()


def printed_pin(daemon: Daemon) -> str:
    lines = [line for line in daemon.stderr_text().splitlines() if line.startswith("homarus tls sha256 ")]
    return lines[-1].split()[-1]


async def test_a_client_that_pins_the_printed_fingerprint_gets_in_over_wss(tmp_path: Path) -> None:
    async with Daemon(tmp_path, config=TLS_ON) as daemon:
        pin = printed_pin(daemon)
        url = f"wss://127.0.0.1:{daemon.port}/"
        client = WireClient(await connect(url, ssl=unchecked(), compression=None), daemon.token)
        assert pin_of(client.socket) == pin.replace(":", "")
        await client.wait_event("connect.challenge")
        client.challenge = client.events[0]["payload"]
        await client.connect()
        assert (await client.call("health", {"more": "than one TLS record" * 20_000}))["ok"] is True
        await client.close()
        health = ("gateway", "health", "--url", url, "--token", daemon.token)
        assert (await ask_async(daemon, *health, "--tls-fingerprint", pin)).code == 0
        wrong = await ask_async(daemon, *health, "--tls-fingerprint", "0" * 64)
        assert wrong.code != 0
        assert "certificate" in wrong.err
        assert (await ask_async(daemon, *health)).code != 0, "an unknown certificate is not trusted"
        await daemon.restart()
        assert printed_pin(daemon) == pin, "clients keep the pin; a restart must not change it"


async def test_a_certificate_that_cannot_be_used_is_named_and_nothing_starts(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, config='[gateway.tls]\nenabled = true\ncert = "c.pem"\nkey = "k.pem"\n')
    with pytest.raises(
        AssertionError, match=r"homarus: cannot use the certificate .*c\.pem.*gateway\.tls\.cert"
    ):
        await daemon.start()


def test_the_fingerprint_is_of_the_first_certificate_whatever_is_written_around_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    server_context(home, TlsSettings(enabled=True))
    made = certificate_paths(home, TlsSettings())[0]
    chain = tmp_path / "chain.pem"
    chain.write_text(f"# für zuhause\n{made.read_text()}\n{made.read_text()}", encoding="utf-8")
    assert fingerprint(chain) == fingerprint(made)
    assert (made.stat().st_mode | certificate_paths(home, TlsSettings())[1].stat().st_mode) & 0o077 == 0


class Door:
    """A TLS listener with room for few strangers."""

    def __init__(self, home: Home) -> None:
        self.doorman = Doorman(total=4, per_ip=4)
        self.tasks = Supervisor()
        self.listener = Listener(
            lambda: OriginPolicy(scheme="https"),
            lambda peer, _: EchoReceiver(peer),
            Starlette(),
            self.doorman,
            self.tasks,
        )
        self.context = server_context(home, TlsSettings(enabled=True))
        self.visitors: list[asyncio.StreamWriter] = []

    async def knock(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection that says nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self.visitors.append(writer)
        return reader, writer


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    home = Home(tmp_path)
    home.prepare()
    door = Door(home)
    await door.listener.open("127.0.0.1", 0, door.context)
    yield door
    for writer in door.visitors:
        writer.transport.abort()
    await asyncio.sleep(0.05)
    await door.listener.close()
    await door.tasks.close(1.0)


async def test_strangers_without_a_handshake_are_counted_and_the_oldest_is_shown_out(door: Door) -> None:
    """Case 26, before TLS: a flood of mute connections ends itself, and a client still gets in."""
    mute = [await door.knock() for _ in range(7)]
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(mute[0][0].read(), 5) == b""
    assert len(door.doorman) <= 4
    async with connect(f"wss://127.0.0.1:{door.listener.port}/", ssl=unchecked(), proxy=None) as client:
        await client.send("still open")
        assert await client.recv() == "still open"


async def test_a_handshake_that_never_ends_or_is_none_is_hung_up_on(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_door, "HANDSHAKE_S", 0.2)
    reader, _ = await door.knock()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    reader, writer = await door.knock()
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert not (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP")
    async with asyncio.timeout(5):
        while len(door.doorman) or door.tasks.running:  # noqa: ASYNC110 - the other side of the socket
            await asyncio.sleep(0.01)


async def test_a_request_that_comes_right_behind_the_handshake_is_not_lost(door: Door) -> None:
    """The client's Finished and its request in one segment, as TLS 1.3 clients send them."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unchecked().wrap_bio(incoming, outgoing, server_hostname="localhost")
    reader, writer = await door.knock()
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
    tls.write(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    writer.write(outgoing.read())
    answer = b""
    async with asyncio.timeout(5):
        while b"404" not in answer:
            incoming.write(await reader.read(65536))
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                continue


async def test_a_client_that_resets_during_the_handshake_leaves_nothing_behind(door: Door) -> None:
    for _ in range(3):
        peer = socket.create_connection(("127.0.0.1", door.listener.port))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.send(b"\x16\x03\x01\x02")
        await asyncio.sleep(0.02)
        peer.close()
    async with asyncio.timeout(5):
        while len(door.doorman) or door.tasks.running:  # noqa: ASYNC110 - the other side of the socket
            await asyncio.sleep(0.01)
