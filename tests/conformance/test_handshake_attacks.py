"""Attacks on the way in, against the shipped daemon: cases 1-5 and 8-14 of the security checklist.

Cases 1-4 are decided before the handshake, 5 and 11-14 by admission, 8-10 by the handshake itself.
"""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import DeviceKey, Json, RpcError, WireClient, connect_params

TUI: Json = {"id": "openclaw-tui", "mode": "ui"}
PAGE: Json = {"id": "openclaw-control-ui", "mode": "webchat"}


async def upgrade_status(daemon: Daemon, **wanted: Any) -> int:
    """The HTTP status an upgrade is refused with; 101 when it is not."""
    try:
        client = await WireClient.open(daemon.ws_url, **wanted)
    except InvalidStatus as refusal:
        return refusal.response.status_code
    await client.close()
    return 101


async def detail_code(daemon: Daemon, **connect: Any) -> str | None:
    """`details.code` of a refused connect, None when it is let in."""
    wanted = {name: connect.pop(name) for name in ("headers", "origin") if name in connect}
    token = connect.pop("token", TOKEN)
    async with await WireClient.open(daemon.ws_url, token=token, **wanted) as client:
        try:
            await client.connect(**connect)
        except RpcError as error:
            return str(error.details.get("code"))
        return None


async def raw_exchange(daemon: Daemon, request: str) -> bytes:
    """What the daemon answers to these bytes before it closes or half a second passes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(request.encode())
    answer = b""
    try:
        async with asyncio.timeout(0.5):
            while chunk := await reader.read(65_536):
                answer += chunk
    except TimeoutError:
        pass
    writer.close()
    return answer


UPGRADE = (
    "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_01_a_foreign_page_cannot_open_a_socket(shared_daemon: Daemon) -> None:
    assert await upgrade_status(shared_daemon, origin="https://evil.example") == 403
    assert await upgrade_status(shared_daemon, origin="http://127.0.0.1:9") == 403
    assert await upgrade_status(shared_daemon) == 101


async def test_02_only_the_exact_origin_passes(shared_daemon: Daemon) -> None:
    port = shared_daemon.port
    for origin in (
        "null",
        f"HTTP://127.0.0.1:{port}",
        f"https://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://127.0.0.1:{port}@evil.example",
        f"http://LOCALHOST:{port}",
        "http://127.0.0.1",
    ):
        assert await upgrade_status(shared_daemon, origin=origin) == 403, origin
    assert await upgrade_status(shared_daemon, origin=f"http://127.0.0.1:{port}") == 101


async def test_03_a_rebound_name_is_not_ours(shared_daemon: Daemon) -> None:
    for host in (
        "evil.example",
        f"evil.example:{shared_daemon.port}",
        "127.0.0.1.evil.example",
        "localhost.evil",
    ):
        for request in (UPGRADE, "GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"):
            answer = await raw_exchange(shared_daemon, request.format(host=host))
            assert answer.split(b" ")[1] in {b"403", b"421"}, (host, answer[:80])
    assert b" 101 " in await raw_exchange(
        shared_daemon, UPGRADE.format(host=f"localhost:{shared_daemon.port}")
    )


async def test_04_a_proxy_does_not_excuse_a_foreign_page(proxied: Daemon) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Host": "evil.example"}
    assert await upgrade_status(proxied, origin="https://evil.example", headers=forwarded) == 403


async def test_05_a_page_is_never_paired_silently_unless_it_is_ours(tmp_path: Any) -> None:
    async with Daemon(tmp_path, config='[gateway]\nallowed_origins = ["https://desk.example"]\n') as daemon:
        for client in (PAGE, TUI, {}):
            wanted = {"origin": "https://desk.example", "client": client, "identity": DeviceKey()}
            assert await detail_code(daemon, **wanted) == "PAIRING_REQUIRED"
        own = f"http://127.0.0.1:{daemon.port}"
        assert await detail_code(daemon, origin=own, client=TUI, identity=DeviceKey()) == "PAIRING_REQUIRED"
        assert await detail_code(daemon, origin=own, client={}) == "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"
        assert await detail_code(daemon, origin=own, client=PAGE, identity=DeviceKey()) is None


async def test_08_a_proof_is_good_for_its_own_challenge_only(shared_daemon: Daemon) -> None:
    device = DeviceKey()
    async with await WireClient.open(shared_daemon.ws_url) as first:
        params = connect_params(TOKEN, client=TUI)
        signed = {**params, "device": device.proof(params, first.challenge)}
        await first.call("connect", signed)
    async with await WireClient.open(shared_daemon.ws_url) as other:
        replays = [signed, {**params, "device": {**signed["device"], "nonce": other.challenge["nonce"]}}]
        with pytest.raises(RpcError) as caught:
            await other.call("connect", replays[0])
        assert caught.value.details["code"] == "DEVICE_AUTH_NONCE_MISMATCH"
    async with await WireClient.open(shared_daemon.ws_url) as third:
        swapped = {**signed["device"], "nonce": third.challenge["nonce"]}
        with pytest.raises(RpcError) as caught:
            await third.call("connect", {**params, "device": swapped})
        assert caught.value.details["code"] == "DEVICE_AUTH_SIGNATURE_INVALID"
        await third.closed()


@pytest.mark.parametrize("value", ["0", "1", "-5", "1.5", "1e308", '"now"', "null", "9999999999999999999999"])
async def test_09_a_time_that_is_none_is_a_typed_error(shared_daemon: Daemon, value: str) -> None:
    async with await WireClient.open(shared_daemon.ws_url) as client:
        params = connect_params(TOKEN, client=TUI)
        device = {**DeviceKey().proof(params, client.challenge), "signedAt": 31415926535}
        frame = json.dumps(
            {"type": "req", "id": "1", "method": "connect", "params": {**params, "device": device}}
        )
        await client.send_raw(frame.replace("31415926535", value))
        answer = await client.response("1")
        assert answer["error"]["code"] == "INVALID_REQUEST"
        assert (await client.closed())[0] == 1008


async def test_09_a_wrong_clock_alone_locks_nobody_out(shared_daemon: Daemon) -> None:
    """Clients sign the challenge's time; what their own clock says never reaches the gateway."""
    assert await detail_code(shared_daemon, client=TUI, identity=DeviceKey()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "node", "scopes": []},
        {"scopes": ["operator.admin"]},
        {"scopes": ["operator.write", "operator.read"]},
        {"client": {**TUI, "platform": "darwin"}},
        {"client": {**TUI, "id": "cli"}},
        {"auth": {"token": TOKEN, "password": "x"}},
    ],
)
async def test_10_what_was_signed_is_what_counts(shared_daemon: Daemon, changes: Json) -> None:
    async with await WireClient.open(shared_daemon.ws_url) as client:
        signed = connect_params(TOKEN, client=TUI, scopes=["operator.read", "operator.write"])
        device = DeviceKey().proof(signed, client.challenge)
        client_info = {**signed["client"], **changes.get("client", {})}
        request = await client.request(
            "connect", {**signed, **changes, "client": client_info, "device": device}
        )
        answer = await client.response(request)
        if "auth" in changes:
            assert answer["ok"], "a password is no part of the proof and is not looked at in token mode"
            return
        assert answer["error"]["details"]["code"] == "DEVICE_AUTH_SIGNATURE_INVALID"


async def test_11_the_secret_alone_is_no_admin_from_elsewhere(proxied: Daemon) -> None:
    for client in ({}, {"id": "gateway-client", "mode": "backend"}, {"id": "test", "mode": "test"}):
        async with await WireClient.open(
            proxied.ws_url, token=TOKEN, headers={"X-Forwarded-For": "203.0.113.5"}
        ) as attacker:
            hello = await attacker.connect(client=client, scopes=["operator.admin"])
            assert hello["auth"]["scopes"] == []
            with pytest.raises(RpcError) as caught:
                await attacker.call("config.get", {})
            assert caught.value.code == "FORBIDDEN"


async def test_12_headers_grant_nothing(shared_daemon: Daemon) -> None:
    headers = {"x-openclaw-scopes": "operator.admin", "x-forwarded-user": "admin", "x-remote-user": "admin"}
    async with await WireClient.open(shared_daemon.ws_url, token=TOKEN, headers=headers) as client:
        hello = await client.connect(scopes=["operator.read"])
        assert hello["auth"]["scopes"] == ["operator.read"]
    assert await detail_code(shared_daemon, headers=headers, token=None) == "DEVICE_IDENTITY_REQUIRED"


@pytest.mark.parametrize(
    "token", ["undefined", "null", " ", "x", "\x00", TOKEN.upper(), TOKEN + "\x00", "[object Object]"]
)
async def test_13_no_placeholder_is_the_secret(shared_daemon: Daemon, token: str) -> None:
    assert await detail_code(shared_daemon, auth={"token": token}) == "AUTH_TOKEN_MISMATCH"


async def test_13_a_token_of_a_megabyte_is_closed_unread(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url) as client:
        await client.send_raw(
            json.dumps({"type": "req", "id": "1", "method": "connect", "params": "x" * 1_000_000})
        )
        assert (await client.closed())[0] == 1009


@pytest.mark.parametrize("secret", ["undefined", "null", "", " ", "x", "short", "changeme"])
async def test_13_the_gateway_does_not_start_with_such_a_secret(tmp_path: Any, secret: str) -> None:
    daemon = Daemon(tmp_path, token=None, args=["--token", secret])
    with pytest.raises(AssertionError, match="ended before its ready line"):
        await daemon.start()
    daemon.close()


async def test_14_a_token_in_any_field_counts(proxied: Daemon) -> None:
    """Every wrong credential is counted whatever field it is in; the eleventh meets a locked door."""
    device = DeviceKey()
    for number, field in enumerate(("token", "password", "deviceToken", "bootstrapToken")):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        codes = [
            await detail_code(
                proxied, headers=headers, identity=device, client=TUI, auth={field: f"guess {guess}"}
            )
            for guess in range(12)
        ]
        assert "AUTH_RATE_LIMITED" not in codes[:10], field
        assert codes[10:] == ["AUTH_RATE_LIMITED", "AUTH_RATE_LIMITED"], field


async def test_14_a_locked_out_address_is_told_how_long(proxied: Daemon) -> None:
    headers = {"X-Forwarded-For": "198.51.100.77"}
    for _ in range(10):
        await detail_code(proxied, headers=headers, auth={"token": "guess"})
    async with await WireClient.open(proxied.ws_url, token=TOKEN, headers=headers) as client:
        with pytest.raises(RpcError) as caught:
            await client.connect()
    error = caught.value
    assert (error.code, error.details["code"], error.retryable) == (
        "INVALID_REQUEST",
        "AUTH_RATE_LIMITED",
        True,
    )
    assert error.retry_after_ms is not None
    assert 290_000 < error.retry_after_ms <= 300_000
    assert await detail_code(proxied, headers={"X-Forwarded-For": "198.51.100.78"}) is None
