"""Getting in and coming back: refusals, tokens, silence, restarts, certificates (rows S1.B-5, S4.11-1)."""

import asyncio
import datetime
import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.device_node.conftest import Desk, eventually
from tests.support.scripted_gateway import Json, Refused, ScriptedGateway, scripted_gateway


async def until(desk: Desk, state: str) -> None:
    await eventually(lambda: desk.status.state == state)


async def test_it_says_who_it_is_and_what_it_offers(desk: Desk, gateway: ScriptedGateway) -> None:
    params = gateway.connects[0]
    assert (params["minProtocol"], params["maxProtocol"]) == (4, 4)
    assert params["role"] == "node"
    assert params["commands"] == ["system.notify", "system.which"]
    assert params["caps"] == ["system", "work-ledger"]
    assert params["permissions"]["camera"] is False
    assert {"id": "node-host", "mode": "node", "platform": "linux"}.items() <= params["client"].items()
    assert params["auth"]["token"] == "shared-token"
    assert params["device"]["id"] == desk.identity.device_id
    assert params["pathEnv"]


async def test_the_device_token_replaces_the_shared_one(desk: Desk, gateway: ScriptedGateway) -> None:
    gateway.break_off()
    assert (await gateway.connected(2))["auth"] == {"deviceToken": "device-token-1"}


async def test_a_refused_device_token_is_dropped(desk: Desk, gateway: ScriptedGateway) -> None:
    def judge(params: Json) -> Json | None:
        if "deviceToken" not in params["auth"]:
            return None
        return {"code": "INVALID_REQUEST", "message": "no", "details": {"code": "AUTH_DEVICE_TOKEN_MISMATCH"}}

    gateway.judge = judge
    gateway.device_token = "device-token-2"
    gateway.break_off()
    assert "deviceToken" in (await gateway.refused(2))["auth"]
    assert (await gateway.connected(3))["auth"]["token"] == "shared-token"
    await until(desk, "connected")
    assert desk.tokens.find(gateway.url) == "device-token-2"


async def test_it_waits_for_an_approval_and_says_what_to_run(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    details = {"code": "PAIRING_REQUIRED", "requestId": "r-7", "recommendedNextStep": "wait_then_retry"}
    gateway.judge = lambda _params: {"code": "NOT_PAIRED", "message": "pairing required", "details": details}
    async with Desk(tmp_path, gateway).running() as desk:
        await gateway.refused(3)
        assert desk.status.state in {"waiting for approval", "connecting"}
        assert "homarus devices approve r-7" in (desk.status.next_step or "")
        gateway.judge = lambda _params: None
        await until(desk, "connected")
        assert desk.status.next_step is None


async def test_a_planned_stop_is_followed_by_a_reconnect(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.event("shutdown", {"reason": "update"})
    await gateway.close(1012, "service restart")
    await gateway.connected(2)


async def test_a_silent_line_is_left(tmp_path: Path, gateway: ScriptedGateway) -> None:
    gateway.tick_interval_ms = 40
    async with Desk(tmp_path, gateway).running() as desk:
        await gateway.connected(2)
        assert desk.status.state in {"connected", "not connected", "connecting"}


async def test_ticks_keep_the_line(tmp_path: Path, gateway: ScriptedGateway) -> None:
    gateway.tick_interval_ms = 100
    async with Desk(tmp_path, gateway).running():
        await gateway.connected()
        for _ in range(20):
            await asyncio.sleep(0.02)
            await gateway.event("tick", {"ts": 1})
        assert len(gateway.connects) == 1


async def test_nonsense_from_the_gateway_does_not_end_the_connection(
    desk: Desk, gateway: ScriptedGateway
) -> None:
    assert gateway.socket is not None
    await gateway.socket.send("{")
    await gateway.socket.send('{"type":"event","event":"node.invoke.request","payload":{"id":7}}')
    await gateway.socket.send('{"type":"res","id":"unknown","ok":true}')
    await gateway.event("something.new", {"x": 1})
    await gateway.invoke("i1", "system.which", {"bins": ["git"]})
    assert (await gateway.result("i1"))["ok"]
    assert len(gateway.connects) == 1


async def test_a_surface_that_waits_is_shown_until_it_is_approved(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    def waiting(_params: Json) -> Json:
        raise Refused("UNAVAILABLE", "awaiting operator approval")

    def changing(_params: Json) -> Json:
        raise Refused("UNAVAILABLE", "changed", retryable=True, code="PAIRING_CHANGED")

    gateway.answers["node.runnerInventory.update"] = waiting
    taken, gateway.answers["node.event"] = gateway.answers["node.event"], changing
    async with Desk(tmp_path, gateway).running() as desk:
        await gateway.request("node.event", 6)
        await eventually(lambda: desk.status.surface == "waiting")
        assert "homarus nodes approve" in (desk.status.next_step or "")
        assert not [item for item in gateway.requests if item["method"] == "node.pending.pull"]
        gateway.answers["node.event"] = taken
        decided = {"requestId": "r", "nodeId": desk.identity.device_id, "decision": "approved", "ts": 1}
        await gateway.event("node.pair.resolved", decided)
        await gateway.request("node.pending.pull")
        await gateway.request("node.event", event="node.host.stats")
        assert (desk.status.surface, desk.status.next_step) == ("approved", None)


async def test_the_load_is_reported(desk: Desk, gateway: ScriptedGateway) -> None:
    report = await gateway.request("node.event", event="node.host.stats")
    assert '"cpuCount":' in report["payloadJSON"]
    assert '"memoryTotalBytes":' in report["payloadJSON"]
    await gateway.request("node.event", event="node.presence.alive")


async def test_events_wait_for_the_next_connection(desk: Desk, gateway: ScriptedGateway) -> None:
    gateway.break_off()
    desk.events.emit("exec.finished", {"runId": "r-1"})
    event = await gateway.request("node.event", event="exec.finished")
    assert event == {"event": "exec.finished", "payloadJSON": '{"runId":"r-1"}'}


async def test_a_pinned_certificate_is_the_only_one(tmp_path: Path) -> None:
    context, fingerprint = own_certificate(tmp_path)
    async with scripted_gateway(context) as gateway:
        async with Desk(tmp_path, gateway, fingerprint).running():
            await gateway.connected()
        async with Desk(tmp_path, gateway, "0" * 64).running() as desk:
            await until(desk, "not connected")
            assert fingerprint in (desk.status.last_error or "")
        async with Desk(tmp_path, gateway).running() as desk:
            await until(desk, "not connected")
            assert "not trusted" in (desk.status.last_error or "")
        assert len(gateway.connects) == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b""])
async def test_what_is_no_gateway_is_named(tmp_path: Path, gateway: ScriptedGateway, answer: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        gateway.port = server.sockets[0].getsockname()[1]
        async with Desk(tmp_path, gateway).running() as desk:
            await until(desk, "not connected")
            assert desk.status.last_error
            assert desk.status.next_step


async def test_a_redirect_is_not_followed(tmp_path: Path, gateway: ScriptedGateway) -> None:
    """It could lead from the own network to anywhere, and the token with it."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {gateway.url}\r\nContent-Length: 0\r\n\r\n"

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode())
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server, scripted_gateway() as named:
        named.port = server.sockets[0].getsockname()[1]
        async with Desk(tmp_path, named).running() as desk:
            await until(desk, "not connected")
            assert "refuses the connection" in (desk.status.last_error or "")
            assert gateway.connects == []


def own_certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A self-signed certificate in use, and its SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
