"""Asking to be let in, silently or not, and what the waiting client is told (rows DC-7, S0.3-14)."""

from typing import Any

import pytest

from gateway.devices.registry import PENDING_MS, SILENT_KEPT_MS
from gateway.kernel.rpc.context import PeerFacts
from protocol.connect import ConnectAuth, ConnectParams
from protocol.errors import InvalidRequest, NotPaired
from protocol.scopes import Role, Scope
from protocol.signature import DeviceIdentity
from tests.gateway.devices.world import OWN_PAGE, World, local, node, params, remote

PAGE = ("openclaw-control-ui", "webchat")


async def waits(world: World, request: ConnectParams, peer: PeerFacts | None = None) -> dict[str, Any]:
    with pytest.raises(NotPaired) as caught:
        await world.connect(request, peer or remote())
    return caught.value.details


async def test_a_device_from_elsewhere_waits_and_is_told_how(world: World) -> None:
    device = DeviceIdentity.generate()
    details = await waits(world, params(device=device))
    assert details == {
        "code": "PAIRING_REQUIRED",
        "reason": "not-paired",
        "requestId": details["requestId"],
        "remediationHint": f"Approve it with: homarus devices approve {details['requestId']}",
        "deviceId": device.device_id,
        "requestedRole": "operator",
        "requestedScopes": ["operator.read"],
        "recommendedNextStep": "wait_then_retry",
        "retryable": True,
        "pauseReconnect": False,
    }


async def test_a_node_with_the_shared_token_waits_for_its_operator(world: World) -> None:
    """The original tells such nodes nothing about retrying, and they pause."""
    details = await waits(world, node(DeviceIdentity.generate()))
    assert not {"recommendedNextStep", "retryable", "pauseReconnect", "requestedScopes"} & set(details)
    assert details["requestedRole"] == "node"


async def test_asking_again_for_the_same_or_less_keeps_the_request(world: World) -> None:
    device = DeviceIdentity.generate()
    wide = params(device=device, scopes=("operator.read", "operator.write"))
    first = await waits(world, wide)
    await world.clock.advance(60)
    assert (await waits(world, wide))["requestId"] == first["requestId"]
    assert (await waits(world, params(device=device)))["requestId"] == first["requestId"]
    pending, _ = await world.devices.overview(world.operator())
    assert [request.scopes for request in pending] == [[Scope.READ, Scope.WRITE]]
    assert pending[0].ts == world.clock.now_ms()


async def test_asking_for_more_is_another_request_and_ends_the_first(world: World) -> None:
    device, operator = DeviceIdentity.generate(), world.join(world.operator())
    first = await waits(world, params(device=device))
    second = await waits(world, params(device=device, scopes=("operator.read", "operator.write")))
    assert first["requestId"] != second["requestId"]
    requested = operator.events("device.pair.requested")
    assert [event["requestId"] for event in requested] == [first["requestId"], second["requestId"]]
    assert requested[1]["roles"] == ["operator"]
    assert requested[1]["isRepair"] is False
    (resolved,) = operator.events("device.pair.resolved")
    assert (resolved["requestId"], resolved["decision"]) == (first["requestId"], "rejected")


async def test_a_request_nobody_repeats_expires(world: World) -> None:
    device = DeviceIdentity.generate()
    first = await waits(world, params(device=device))
    await world.clock.advance(PENDING_MS / 1000 + 1)
    assert (await world.devices.overview(world.operator()))[0] == []
    with pytest.raises(InvalidRequest, match="unknown requestId"):
        await world.devices.approve(world.operator(), first["requestId"])
    assert (await waits(world, params(device=device)))["requestId"] != first["requestId"]


async def test_an_approved_device_enters_and_gets_a_token(world: World) -> None:
    device, operator = DeviceIdentity.generate(), world.join(world.operator())
    details = await waits(world, params(device=device, name="Phone"))
    approved = await world.devices.approve(operator.principal, details["requestId"])
    assert (approved.approved_via, approved.display_name, approved.remote_ip) == (
        "owner",
        "Phone",
        "203.0.113.5",
    )
    assert [(token.role, token.scopes) for token in approved.tokens] == [(Role.OPERATOR, [Scope.READ])]
    (resolved,) = operator.events("device.pair.resolved")
    assert (resolved["decision"], resolved["deviceId"]) == ("approved", device.device_id)
    admitted = await world.connect(params(device=device), remote())
    own = ConnectAuth(device_token=admitted.auth.device_token)
    assert (await world.connect(params(device=device, auth=own), remote())).auth.method == "device-token"


async def test_more_scopes_another_role_or_another_machine_need_another_approval(world: World) -> None:
    device = DeviceIdentity.generate()
    details = await waits(world, params(device=device))
    await world.devices.approve(world.operator(), details["requestId"])
    wide = await waits(world, params(device=device, scopes=("operator.admin",)))
    assert (wide["reason"], wide["approvedRoles"], wide["approvedScopes"]) == (
        "scope-upgrade",
        ["operator"],
        ["operator.read"],
    )
    assert (await waits(world, node(device)))["reason"] == "role-upgrade"
    assert (await waits(world, params(device=device, platform="darwin")))["reason"] == "metadata-upgrade"
    assert (await waits(world, params(device=device, family="Mac")))["reason"] == "metadata-upgrade"
    assert (await world.connect(params(device=device), remote())).principal.scopes == (Scope.READ,)


@pytest.mark.parametrize(
    ("platform", "family"), [("Linux x86_64", "linux"), ("linux 6.18", None), ("LINUX", "Linux")]
)
async def test_an_update_of_the_system_is_no_new_machine(
    world: World, platform: str, family: str | None
) -> None:
    device = DeviceIdentity.generate()
    details = await waits(world, params(device=device))
    await world.devices.approve(world.operator(), details["requestId"])
    await world.connect(params(device=device, platform=platform, family=family), remote())


async def test_an_upgrade_adds_to_what_was_approved(world: World) -> None:
    device = DeviceIdentity.generate()
    await world.connect(params(device=device))
    details = await waits(world, node(device), local())
    assert details["reason"] == "role-upgrade", "becoming a node is a person's decision, also on this machine"
    approved = await world.devices.approve(world.operator(), details["requestId"])
    assert (approved.roles, approved.scopes) == ([Role.OPERATOR, Role.NODE], [Scope.READ])
    assert (await world.connect(node(device))).principal.role is Role.NODE
    assert (await world.connect(params(device=device))).principal.role is Role.OPERATOR


async def test_on_this_machine_more_scopes_and_changes_are_silent(world: World) -> None:
    device = DeviceIdentity.generate()
    await world.connect(params(device=device))
    wide = params(device=device, scopes=("operator.admin",), platform="darwin")
    assert (await world.connect(wide)).principal.scopes == (Scope.ADMIN,)
    _, (paired,) = await world.devices.overview(world.operator())
    assert (paired.scopes, paired.platform) == ([Scope.READ, Scope.ADMIN], "darwin")


async def test_a_device_token_excuses_a_changed_description_on_this_machine_only(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await world.connect(params(device=device))).auth.device_token
    changed = params(device=device, platform="darwin", auth=ConnectAuth(device_token=token))
    assert (await waits(world, changed))["reason"] == "metadata-upgrade"
    assert (await world.connect(changed)).auth.method == "device-token"
    assert (await world.connect(changed, remote())).auth.method == "device-token"


@pytest.mark.parametrize(
    ("client", "origin", "silent"),
    [
        (PAGE, OWN_PAGE, True),
        (("homarus-web", "ui"), OWN_PAGE, True),
        (PAGE, "http://127.0.0.1:9999", False),
        (PAGE, "http://localhost.evil.example", False),
        (("cli", "cli"), OWN_PAGE, False),
        (("openclaw-tui", "ui"), OWN_PAGE, False),
        (("openclaw-tui", "ui"), None, True),
    ],
)
async def test_a_page_is_paired_silently_only_when_it_is_our_own(
    world: World, client: tuple[str, str], origin: str | None, silent: bool
) -> None:
    """Attack case 5: a browser on this machine, even with the secret, waits unless it shows our page."""
    request = params(client, device=DeviceIdentity.generate())
    if silent:
        assert (await world.connect(request, local(origin))).auth.device_token is not None
        return
    details = await waits(world, request, local(origin))
    assert details["reason"] == "not-paired"
    (pending,), _ = await world.devices.overview(world.operator())
    assert (pending.silent, pending.browser_origin) == (False, origin)


async def test_our_own_page_seen_from_elsewhere_waits(world: World) -> None:
    peer = PeerFacts(
        conn_id="c", remote_ip="203.0.113.5", direct_loopback=False, origin=OWN_PAGE, own_origin=True,
        secure=True, path="/",
    )  # fmt: skip
    await waits(world, params(PAGE, device=DeviceIdentity.generate()), peer)


async def test_silent_devices_nobody_uses_make_room(world: World) -> None:
    """Clients that make a key per run must not fill the list; two browsers must not log each other out."""
    old, browser = DeviceIdentity.generate(), DeviceIdentity.generate()
    await world.connect(params(device=old))
    await world.connect(params(PAGE, device=browser), local(OWN_PAGE))
    second = DeviceIdentity.generate()
    await world.connect(params(device=second))
    await world.clock.advance(SILENT_KEPT_MS / 1000 + 1)
    await world.connect(params(device=second))
    await _seen(world)
    await world.connect(params(device=DeviceIdentity.generate()))
    _, paired = await world.devices.overview(world.operator())
    ids = {device.device_id for device in paired}
    assert old.device_id not in ids
    assert {second.device_id, browser.device_id} <= ids


async def test_when_a_device_was_seen_is_remembered(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await world.connect(params(device=device))).auth.device_token
    await world.clock.advance(5)
    await world.connect(params(device=device, auth=ConnectAuth(device_token=token)))
    await _seen(world)
    _, (paired,) = await world.devices.overview(world.operator())
    assert paired.last_seen_at_ms == world.clock.now_ms()
    assert paired.last_seen_reason == "connect"
    assert paired.tokens[0].last_used_at_ms == world.clock.now_ms()


async def test_a_replaced_key_file_replaces_tokens_instead_of_breaking_them(world: World) -> None:
    device = DeviceIdentity.generate()
    first = (await world.connect(params(device=device))).auth.device_token
    (world.folder / "device-tokens.key").unlink()
    world = await world.reopened()
    own = await world.connect(params(device=device, auth=ConnectAuth(device_token=first)))
    assert own.auth.method == "device-token", "the stored hash still knows it"
    second = (await world.connect(params(device=device))).auth.device_token
    assert second != first
    again = await world.connect(params(device=device, auth=ConnectAuth(device_token=second)))
    assert again.auth.device_token == second
    await world.tasks.close(1.0)


async def _seen(world: World) -> None:
    """Let the background notes about who was seen reach the database, which runs units in order."""
    while world.tasks.running:
        await world.db.write(lambda _: None)
