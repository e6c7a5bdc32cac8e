"""Setup codes: one device, ten minutes, no more than they were made for (attack case 22, row S0.3-14)."""

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest

from gateway.devices.enrolment import LIMITED_SCOPES
from gateway.devices.setup_codes import LIFETIME_MS
from protocol.connect import ConnectAuth, ConnectParams
from protocol.errors import InvalidRequest, NotPaired, Unauthorized
from protocol.methods.device import DevicePairSetupCode, DeviceSetupCode
from protocol.scopes import Role, Scope
from protocol.signature import DeviceIdentity
from tests.gateway.devices.world import World, node, params, remote

PUBLIC = "https://gw.example.com"
PHONE = ("openclaw-ios", "node")


async def make(world: World, **wanted: Any) -> DeviceSetupCode:
    fields: dict[str, Any] = {"public_url": PUBLIC, "include_qr": False, **wanted}
    return await world.codes.make(DevicePairSetupCode(**fields))


def payload(code: DeviceSetupCode) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(code.setup_code + "=="))


def bootstrap(code: DeviceSetupCode) -> ConnectAuth:
    return ConnectAuth(bootstrap_token=payload(code)["bootstrapToken"])


def phone(device: DeviceIdentity, auth: ConnectAuth) -> ConnectParams:
    return params(
        PHONE,
        device=device,
        role="node",
        scopes=(),
        auth=auth,
        platform="iOS 18.4",
        family="iPhone",
        name="Phone",
    )


async def refused(world: World, request: ConnectParams) -> None:
    with pytest.raises(Unauthorized) as caught:
        await world.connect(request, remote())
    assert caught.value.details["code"] == "AUTH_BOOTSTRAP_TOKEN_INVALID"


async def test_a_code_says_where_to_go_with_what_and_until_when(world: World) -> None:
    code = await make(world)
    said = payload(code)
    assert said == {
        "url": "wss://gw.example.com",
        "bootstrapToken": said["bootstrapToken"],
        "expiresAtMs": world.clock.now_ms() + LIFETIME_MS,
    }
    assert len(base64.urlsafe_b64decode(said["bootstrapToken"] + "==")) * 8 >= 128
    assert (code.gateway_url, code.access, code.auth, code.url_source) == (
        "wss://gw.example.com", "full", "token", "request.publicUrl",
    )  # fmt: skip
    assert not code.setup_code.endswith("=")


async def test_the_picture_is_a_png_clients_accept(world: World) -> None:
    code = await make(world, include_qr=True, public_url=f"{PUBLIC}/{'deep/' * 40}")
    assert code.qr_data_url is not None
    assert code.qr_data_url.startswith("data:image/png;base64,")
    assert len(code.qr_data_url) <= 16_384
    assert base64.b64decode(code.qr_data_url.partition(",")[2]).startswith(b"\x89PNG")


async def test_a_node_code_lets_a_node_in_once(world: World) -> None:
    operator = world.join(world.operator())
    code = await make(world, bootstrap_profile="node")
    device = DeviceIdentity.generate()
    admitted = await world.connect(node(device, auth=bootstrap(code), name="Pi"), remote())
    assert (admitted.auth.method, admitted.auth.role, admitted.auth.device_tokens) == (
        "bootstrap-token", Role.NODE, None,
    )  # fmt: skip
    assert admitted.auth.device_token is not None
    (done,) = operator.events("device.pair.setup.completed")
    assert done == {
        "setupId": code.setup_id,
        "deviceId": device.device_id,
        "deviceName": "Pi",
        "access": "node",
        "ts": world.clock.now_ms(),
    }
    completion = await world.codes.completion(code.setup_id)
    assert completion is not None
    assert (completion.device_id, completion.device_name) == (device.device_id, "Pi")
    await refused(world, node(device, auth=bootstrap(code)))
    await refused(world, node(DeviceIdentity.generate(), auth=bootstrap(code)))
    own = node(device, auth=ConnectAuth(device_token=admitted.auth.device_token))
    assert (await world.connect(own, remote())).auth.method == "device-token"


async def test_of_fifty_that_redeem_at_once_one_wins(world: World) -> None:
    code = await make(world, bootstrap_profile="node")
    devices = [DeviceIdentity.generate() for _ in range(50)]
    outcomes = await asyncio.gather(
        *(
            world.connect(node(device, auth=bootstrap(code)), remote(f"203.0.113.{place}"))
            for place, device in enumerate(devices)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    _, paired = await world.devices.overview(world.operator())
    assert len(paired) == 1


async def test_a_code_ends_after_ten_minutes(world: World) -> None:
    code = await make(world, bootstrap_profile="node")
    await world.clock.advance(LIFETIME_MS / 1000)
    await refused(world, node(DeviceIdentity.generate(), auth=bootstrap(code)))
    assert await world.codes.completion(code.setup_id) is None
    await world.clock.advance(3601)
    assert await world.codes.reap() == 1


async def test_a_node_code_makes_no_operator(world: World) -> None:
    code = await make(world, bootstrap_profile="node")
    await refused(world, params(device=DeviceIdentity.generate(), auth=bootstrap(code)))


async def test_a_limited_code_gives_no_admin(world: World) -> None:
    code = await make(world, bootstrap_profile="limited")
    device = DeviceIdentity.generate()
    await refused(world, params(device=device, auth=bootstrap(code), scopes=("operator.admin",)))
    await refused(world, params(device=device, auth=bootstrap(code), scopes=("operator.pairing",)))


@pytest.mark.parametrize(
    ("profile", "scopes"),
    [(None, [Scope.ADMIN, *LIMITED_SCOPES]), ("limited", [*LIMITED_SCOPES])],
)
async def test_a_phone_gets_both_its_tokens(world: World, profile: str | None, scopes: list[Scope]) -> None:
    device = DeviceIdentity.generate()
    code = await make(world, bootstrap_profile=profile)
    admitted = await world.connect(phone(device, bootstrap(code)), remote())
    assert admitted.auth.device_tokens is not None
    (extra,) = admitted.auth.device_tokens
    assert (extra.role, extra.scopes) == (Role.OPERATOR, scopes)
    second = params(
        ("openclaw-ios", "ui"), device=device, scopes=[scope.value for scope in scopes], platform="iOS 18.5",
        family="iPhone", auth=ConnectAuth(device_token=extra.device_token),
    )  # fmt: skip
    assert (await world.connect(second, remote())).principal.scopes == tuple(scopes)
    first = phone(device, ConnectAuth(device_token=admitted.auth.device_token))
    assert (await world.connect(first, remote())).principal.role is Role.NODE


async def test_another_client_with_a_phone_code_waits_and_keeps_the_code_for_itself(world: World) -> None:
    code = await make(world)
    device = DeviceIdentity.generate()
    request = params(device=device, auth=bootstrap(code), scopes=("operator.admin",))
    with pytest.raises(NotPaired) as caught:
        await world.connect(request, remote())
    details = caught.value.details
    assert (details["recommendedNextStep"], details["pauseReconnect"]) == ("wait_then_retry", False)
    await refused(world, phone(DeviceIdentity.generate(), bootstrap(code)))
    await world.devices.approve(world.operator(), str(details["requestId"]))
    assert (await world.connect(request, remote())).auth.method == "bootstrap-token"
    await refused(world, request)


async def test_a_join_link_works_once(world: World) -> None:
    code = await make(world, bootstrap_profile="node", join_url=True)
    assert code.join_url is not None
    prefix, _, secret = code.join_url.rpartition("/")
    assert (prefix, len(secret)) == (f"{PUBLIC}/j", 22)
    assert await world.codes.take_join(secret[:-1]) is None
    text = await world.codes.take_join(secret)
    assert text is not None
    assert json.loads(text) == payload(code)
    assert await world.codes.take_join(secret) is None
    auth = ConnectAuth(bootstrap_token=json.loads(text)["bootstrapToken"])
    await world.connect(node(DeviceIdentity.generate(), auth=auth), remote())


async def test_a_join_link_to_a_used_or_ended_code_is_dead(world: World) -> None:
    used = await make(world, bootstrap_profile="node", join_url=True)
    await world.connect(node(DeviceIdentity.generate(), auth=bootstrap(used)), remote())
    ended = await make(world, bootstrap_profile="node", join_url=True)
    await world.clock.advance(LIFETIME_MS / 1000)
    for code in (used, ended):
        assert await world.codes.take_join(str(code.join_url).rpartition("/")[2]) is None


async def test_where_devices_are_sent(world: World) -> None:
    with pytest.raises(InvalidRequest, match="Gateway is only bound to loopback"):
        await world.codes.make(DevicePairSetupCode())
    lan = await make(world, public_url="http://192.168.1.9:18789/")
    assert (lan.gateway_url, lan.access, lan.access_downgraded) == ("ws://192.168.1.9:18789", "limited", True)
    assert (await make(world, public_url="http://127.0.0.1:1")).access == "full"
    assert (
        await make(world, public_url="ws://192.168.1.9", bootstrap_profile="node")
    ).access_downgraded is None
    for url, message in (
        ("http://example.com", "not encrypted"),
        ("ftp://x", "publicUrl"),
        ("https://user@example.com", "publicUrl"),
        ("https://example.com?token=1", "publicUrl"),
        ("https://[::1", "publicUrl"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            await make(world, public_url=url)
    with pytest.raises(InvalidRequest, match="join link"):
        await make(world, public_url="http://192.168.1.9", join_url=True)


async def test_the_configured_address_is_used(world: World) -> None:
    world.settings = msgspec.structs.replace(world.settings, public_url="https://home.example/base/")
    code = await make(world, public_url=None, join_url=True)
    assert (code.gateway_url, code.url_source) == ("wss://home.example/base", "gateway.public_url")
    assert str(code.join_url).startswith("https://home.example/base/j/")


async def test_a_network_listener_names_itself(world: World) -> None:
    world.settings = msgspec.structs.replace(world.settings, host="192.168.7.7", port=18789)
    code = await make(world, public_url=None)
    assert (code.gateway_url, code.url_source) == ("ws://192.168.7.7:18789", "gateway.host")
    world.settings = msgspec.structs.replace(world.settings, port=0)
    with pytest.raises(InvalidRequest, match="public_url"):
        await make(world, public_url=None)
