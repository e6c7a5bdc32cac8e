"""Attacks on authority, against the shipped daemon: cases 16 and 19-25 of the security checklist."""

import asyncio
import base64
import json
import math
import random
import time
from statistics import correlation
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from gateway.devices.mint import same_secret
from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import Closed, DeviceKey, Json, RpcError, WireClient

TUI: Json = {"id": "openclaw-tui", "mode": "ui"}
NODE: Json = {"id": "node-host", "mode": "node"}
ELSEWHERE = {"X-Forwarded-For": "203.0.113.5"}


async def operator(daemon: Daemon, *scopes: str) -> WireClient:
    """The owner's command line on the gateway's machine."""
    client = await WireClient.open(daemon.ws_url, token=TOKEN)
    await client.connect(scopes=list(scopes or ("operator.admin",)))
    return client


async def device(
    daemon: Daemon, key: DeviceKey, *, headers: Json | None = None, **connect: Any
) -> WireClient:
    """A device's connection."""
    client = await WireClient.open(daemon.ws_url, token=TOKEN, headers=headers)
    try:
        wanted: Json = {"client": TUI, "scopes": ["operator.read"], **connect}
        await client.connect(identity=key, **wanted)
    except RpcError:
        await client.close()
        raise
    return client


async def refused(call: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await call
    return caught.value


async def test_16_nobody_gives_more_than_they_hold(proxied: Daemon) -> None:
    key = DeviceKey()
    asked = await refused(device(proxied, key, headers=ELSEWHERE, scopes=["operator.admin"]))
    request_id = asked.details["requestId"]
    async with await operator(proxied, "operator.pairing", "operator.write") as helper:
        denied = await refused(helper.call("device.pair.approve", {"requestId": request_id}))
        assert (denied.code, denied.message) == ("INVALID_REQUEST", "device pairing approval denied")
    async with await operator(proxied) as admin:
        await admin.call("device.pair.approve", {"requestId": request_id})
    async with await operator(proxied, "operator.pairing") as helper:
        target = {"deviceId": key.id, "role": "operator"}
        for params in (target, {**target, "scopes": ["operator.pairing"]}):
            denied = await refused(helper.call("device.token.rotate", params))
            assert denied.message == "device token rotation denied"
        assert (await refused(helper.call("device.token.revoke", target))).message.endswith("denied")


async def test_19_revoking_closes_a_live_socket_within_a_second(shared_daemon: Daemon) -> None:
    for method, params in (
        ("device.token.revoke", {"role": "operator"}),
        ("device.token.rotate", {"role": "operator"}),
        ("device.pair.remove", {}),
    ):
        key = DeviceKey()
        async with await operator(shared_daemon) as admin:
            victim = await device(shared_daemon, key)
            started = time.monotonic()
            await admin.call(method, {"deviceId": key.id, **params})
            assert await victim.closed(1.0) == (4001, "device removed")
            assert time.monotonic() - started < 1.0
            await admin.call("set-heartbeats", {"enabled": True})


async def test_20_an_old_token_never_enters_after_its_rotation(shared_daemon: Daemon) -> None:
    key = DeviceKey()
    async with await device(shared_daemon, key) as first, await operator(shared_daemon) as admin:
        old = {"deviceToken": first.hello["auth"]["deviceToken"]}
        done = False
        survivors: list[WireClient] = []

        async def reconnect() -> None:
            after = done
            try:
                client = await device(shared_daemon, key, auth=old)
            except (RpcError, Closed):
                return
            assert not after, "let in although the rotation was acknowledged before it connected"
            survivors.append(client)

        async def rotate() -> None:
            nonlocal done
            await admin.call("device.token.rotate", {"deviceId": key.id, "role": "operator"})
            done = True

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(reconnect())
                if number == 50:
                    group.create_task(rotate())
        for client in survivors:
            assert (await client.closed(5.0))[0] == 4001
        for _ in range(3):
            assert (await refused(device(shared_daemon, key, auth=old))).details[
                "code"
            ] == "AUTH_DEVICE_TOKEN_MISMATCH"
        await first.closed(5.0)


async def test_21_a_revoked_token_stays_revoked_after_a_restart(daemon: Daemon) -> None:
    key = DeviceKey()
    client = await device(daemon, key)
    token = {"deviceToken": client.hello["auth"]["deviceToken"]}
    async with await operator(daemon) as admin:
        await admin.call("device.token.revoke", {"deviceId": key.id, "role": "operator"})
    await client.closed()
    daemon.kill()
    await daemon.start()
    assert (await refused(device(daemon, key, auth=token))).details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"


async def test_22_of_fifty_redeemers_one_wins(proxied: Daemon) -> None:
    async with await operator(proxied) as admin:
        code = await admin.call("device.pair.setupCode", {"bootstrapProfile": "node", "includeQr": False})
        said: Json = json.loads(base64.urlsafe_b64decode(code["setupCode"] + "=="))
        assert len(base64.urlsafe_b64decode(said["bootstrapToken"] + "==")) * 8 >= 128
        auth = {"bootstrapToken": said["bootstrapToken"]}
        node: Json = {"client": NODE, "role": "node", "scopes": [], "auth": auth}
        outcomes = await asyncio.gather(
            *(
                device(proxied, DeviceKey(), headers={"X-Forwarded-For": f"203.0.113.{place}"}, **node)
                for place in range(50)
            ),
            return_exceptions=True,
        )
        winners = [outcome for outcome in outcomes if isinstance(outcome, WireClient)]
        assert len(winners) == 1
        losers = {outcome.details["code"] for outcome in outcomes if isinstance(outcome, RpcError)}
        assert losers == {"AUTH_BOOTSTRAP_TOKEN_INVALID"}
        await admin.wait_event("device.pair.setup.completed")
        status = await admin.call("device.pair.setupStatus", {"setupId": code["setupId"]})
        assert status["completion"]["access"] == "node"
        again = await refused(
            device(proxied, DeviceKey(), headers={"X-Forwarded-For": "203.0.113.99"}, **node)
        )
        assert again.details["code"] == "AUTH_BOOTSTRAP_TOKEN_INVALID"
        await winners[0].close()


async def test_22_a_code_gives_no_more_than_it_was_made_for(proxied: Daemon) -> None:
    async with await operator(proxied) as admin:
        for profile, wanted in (
            ("node", {"scopes": ["operator.read"]}),
            ("limited", {"scopes": ["operator.admin"]}),
            ("limited", {"scopes": ["operator.pairing"]}),
        ):
            params = {"bootstrapProfile": profile, "includeQr": False}
            code = await admin.call("device.pair.setupCode", params)
            said: Json = json.loads(base64.urlsafe_b64decode(code["setupCode"] + "=="))
            auth = {"bootstrapToken": said["bootstrapToken"]}
            refusal = await refused(device(proxied, DeviceKey(), headers=ELSEWHERE, auth=auth, **wanted))
            assert refusal.details["code"] == "AUTH_BOOTSTRAP_TOKEN_INVALID", profile


def fetch(daemon: Daemon, path: str, headers: Json | None = None) -> tuple[int, bytes]:
    try:
        with urlopen(Request(daemon.url + path, headers=headers or {}), timeout=5) as response:
            return response.status, response.read()
    except HTTPError as error:
        return error.code, error.read()


async def test_22_a_join_link_is_served_once(proxied: Daemon) -> None:
    async with await operator(proxied) as admin:
        wanted = {"bootstrapProfile": "node", "includeQr": False, "joinUrl": True}
        code = await admin.call("device.pair.setupCode", wanted)
    path = "/j/" + code["joinUrl"].rpartition("/")[2]
    status, body = await asyncio.to_thread(fetch, proxied, path)
    assert (status, set(json.loads(body))) == (200, {"url", "bootstrapToken", "expiresAtMs"})
    assert await asyncio.to_thread(fetch, proxied, path) == (404, b'{"error":"not_found"}')


async def test_23_guessing_join_links_locks_out_across_a_restart(proxied: Daemon) -> None:
    def guess(ip: str) -> int:
        return fetch(proxied, f"/j/{random.randbytes(16).hex()[:22]}", {"X-Forwarded-For": ip})[0]

    def guess_often(ip: str) -> list[int]:
        return [guess(ip) for _ in range(11)]

    assert await asyncio.to_thread(guess_often, "198.51.100.1") == [404] * 10 + [429]
    for number in range(5):
        assert await asyncio.to_thread(guess, f"198.51.100.{number + 10}") == 404
    proxied.kill()
    await proxied.start()
    assert await asyncio.to_thread(guess, "198.51.100.1") == 429


async def test_23_lock_outs_of_the_socket_survive_a_restart(proxied: Daemon) -> None:
    async def guess(ip: str) -> str:
        client = await WireClient.open(proxied.ws_url, token="guess", headers={"X-Forwarded-For": ip})
        return str((await refused(client.connect())).details["code"])

    for number in range(3):
        codes = [await guess(f"198.51.100.{number}") for _ in range(11)]
        assert codes == ["AUTH_TOKEN_MISMATCH"] * 10 + ["AUTH_RATE_LIMITED"]
    assert await guess("2001:db8:1:2::1") == "AUTH_TOKEN_MISMATCH"
    assert [await guess(f"2001:db8:1:2::{number:x}") for number in range(2, 12)][-1] == "AUTH_RATE_LIMITED"
    proxied.kill()
    await proxied.start()
    assert [await guess(f"198.51.100.{number}") for number in range(3)] == ["AUTH_RATE_LIMITED"] * 3
    assert await guess("2001:db8:1:2::ffff") == "AUTH_RATE_LIMITED"


async def test_24_forwarding_headers_of_strangers_change_nothing(
    shared_daemon: Daemon, proxied: Daemon
) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        status, _ = await asyncio.to_thread(fetch, shared_daemon, "/healthz", {header: "127.0.0.1"})
        assert status == 403, header
    spoofed = {"X-Forwarded-For": "127.0.0.1, 203.0.113.5"}
    client = await WireClient.open(proxied.ws_url, token=TOKEN, headers=spoofed)
    assert (await client.connect(scopes=["operator.admin"]))["auth"]["scopes"] == []
    await client.close()
    loopback = await WireClient.open(proxied.ws_url, token=TOKEN, headers={"X-Forwarded-For": "127.0.0.1"})
    hello = await loopback.connect(scopes=["operator.admin"])
    assert hello["auth"]["scopes"] == [], "whoever comes through a proxy is not on this machine"
    await loopback.close()


def test_25_comparing_secrets_takes_the_same_time_however_much_matches() -> None:
    """10 000 interleaved compares: how long one takes says nothing about how long the matching prefix is."""
    chooser = random.Random(25)
    least = min(_prefix_time_correlation(chooser) for _ in range(3))
    # |r| of 10 000 independent pairs exceeds this with p < 0.01; a compare that stops early gives about 0.9.
    assert least < 2.58 / math.sqrt(10_000)


def _prefix_time_correlation(chooser: random.Random) -> float:
    guesses = [TOKEN[:size] + "#" * (len(TOKEN) - size) for size in range(len(TOKEN))]
    prefixes = [chooser.randrange(len(TOKEN)) for _ in range(10_000)]
    times: list[int] = []
    for size in prefixes:
        started = time.perf_counter_ns()
        same_secret(TOKEN, guesses[size])
        times.append(time.perf_counter_ns() - started)
    # Ranks, so that the scheduler's rare long pauses weigh no more than any other sample.
    order = sorted(range(len(times)), key=times.__getitem__)
    ranks = [0] * len(times)
    for rank, place in enumerate(order):
        ranks[place] = rank
    return abs(correlation(prefixes, ranks))
