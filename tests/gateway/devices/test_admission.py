"""Who gets in, as whom, with what; the error matrix beyond the proof (rows DC-1, S0.3-4, S3.T-2)."""

from pathlib import Path
from typing import Any

import pytest

from gateway.kernel.config.gateway import AuthSettings
from gateway.kernel.rpc.context import PeerFacts
from gateway.kernel.secret import Secret
from protocol.connect import ConnectAuth, ConnectParams, HelloAuth
from protocol.errors import GatewayError, LockedOut, Unauthorized
from protocol.scopes import Role, Scope
from protocol.signature import DeviceIdentity
from tests.gateway.devices.world import OWN_PAGE, SECRET, World, local, node, opened, params, remote

ADMIN = ("operator.admin",)


async def refusal(world: World, request: ConnectParams, peer: PeerFacts | None = None) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await world.connect(request, peer)
    return caught.value


async def refused(world: World, request: ConnectParams, peer: PeerFacts | None = None) -> tuple[str, Any]:
    error = await refusal(world, request, peer)
    return error.code, error.details.get("code")


async def hello(world: World, request: ConnectParams, peer: PeerFacts | None = None) -> HelloAuth:
    return (await world.connect(request, peer)).auth


def files_with(folder: Path, text: str) -> list[str]:
    return [path.name for path in folder.iterdir() if text.encode() in path.read_bytes()]


# Without a device


@pytest.mark.parametrize("client", [("cli", "cli"), ("gateway-client", "backend"), ("homarus-cli", "cli")])
async def test_the_owners_command_line_keeps_its_scopes_on_this_machine(
    world: World, client: tuple[str, str]
) -> None:
    admitted = await world.connect(params(client, scopes=ADMIN))
    assert admitted.principal.scopes == (Scope.ADMIN,)
    assert admitted.principal.device_id is None
    assert admitted.principal.profile_id is None
    assert admitted.auth.device_token is None
    assert admitted.auth.method == "token"


@pytest.mark.parametrize(
    "client",
    [("cli", "probe"), ("gateway-client", "ui"), ("cli", "ui"), ("test", "test"), ("openclaw-macos", "ui")],
)
async def test_anyone_else_without_a_device_gets_no_scopes(world: World, client: tuple[str, str]) -> None:
    assert (await hello(world, params(client, scopes=ADMIN))).scopes == []


@pytest.mark.parametrize("client", [("cli", "cli"), ("gateway-client", "backend")])
async def test_from_elsewhere_nobody_gets_scopes_without_a_device(
    world: World, client: tuple[str, str]
) -> None:
    """Attack case 11."""
    assert (await hello(world, params(client, scopes=ADMIN), remote())).scopes == []


@pytest.mark.parametrize(
    ("request_", "peer", "codes"),
    [
        (params(("openclaw-tui", "ui")), local(), ("INVALID_REQUEST", "CONTROL_UI_DEVICE_IDENTITY_REQUIRED")),
        (params(("openclaw-control-ui", "webchat")), local(OWN_PAGE),
         ("INVALID_REQUEST", "CONTROL_UI_DEVICE_IDENTITY_REQUIRED")),
        (params(("cli", "cli")), local(OWN_PAGE), ("INVALID_REQUEST", "CONTROL_UI_DEVICE_IDENTITY_REQUIRED")),
        (params(("openclaw-control-ui", "webchat")), local(),
         ("INVALID_REQUEST", "CONTROL_UI_ORIGIN_NOT_ALLOWED")),
        (params(("homarus-web", "ui")), remote(), ("INVALID_REQUEST", "CONTROL_UI_ORIGIN_NOT_ALLOWED")),
        (params(("node-host", "node"), role="node", scopes=()), local(),
         ("NOT_PAIRED", "DEVICE_IDENTITY_REQUIRED")),
        (params(("cli", "cli"), auth=ConnectAuth()), local(), ("NOT_PAIRED", "DEVICE_IDENTITY_REQUIRED")),
        (params(("cli", "cli"), auth=ConnectAuth(token="")), local(),
         ("NOT_PAIRED", "DEVICE_IDENTITY_REQUIRED")),
        (params(("cli", "cli"), auth=ConnectAuth(device_token="x")), local(),
         ("NOT_PAIRED", "DEVICE_IDENTITY_REQUIRED")),
        (params(("cli", "cli"), auth=ConnectAuth(token="wrong")), local(),
         ("INVALID_REQUEST", "AUTH_TOKEN_MISMATCH")),
        (params(("cli", "cli"), auth=ConnectAuth(password="wrong")), local(),
         ("INVALID_REQUEST", "AUTH_TOKEN_MISMATCH")),
        (params(("cli", "cli"), auth=ConnectAuth(token="wrong", password=SECRET)), local(),
         ("INVALID_REQUEST", "AUTH_TOKEN_MISMATCH")),
    ],
)  # fmt: skip
async def test_who_needs_a_device_or_a_right_secret(
    world: World, request_: ConnectParams, peer: PeerFacts, codes: tuple[str, str]
) -> None:
    assert await refused(world, request_, peer) == codes


async def test_the_secret_is_taken_in_either_field(world: World) -> None:
    auth = ConnectAuth(password=SECRET)
    assert (await hello(world, params(("cli", "cli"), auth=auth))).scopes == [Scope.READ]


@pytest.mark.parametrize(
    "guess", ["undefined", "null", " ", "x", "\x00", SECRET[:-1], SECRET + "x", "é" * 1000]
)
async def test_no_placeholder_or_near_miss_is_the_secret(world: World, guess: str) -> None:
    """Attack case 13, on the client's side."""
    assert (await refused(world, params(("cli", "cli"), auth=ConnectAuth(token=guess))))[
        1
    ] == "AUTH_TOKEN_MISMATCH"


async def test_a_password_gateway_asks_for_the_password(tmp_path: Path) -> None:
    async with opened(tmp_path, AuthSettings(mode="password", password=Secret("the-password-here"))) as world:
        right = params(("cli", "cli"), auth=ConnectAuth(password="the-password-here"))
        assert (await hello(world, right)).method == "password"
        wrong = params(("cli", "cli"), auth=ConnectAuth(password="no"))
        assert (await refused(world, wrong))[1] == "AUTH_PASSWORD_MISMATCH"
        missing = params(device=DeviceIdentity.generate(), auth=ConnectAuth())
        assert (await refused(world, missing))[1] == "AUTH_PASSWORD_MISSING"


async def test_without_authentication_only_programs_on_this_machine_get_in(tmp_path: Path) -> None:
    async with opened(tmp_path, AuthSettings(mode="none")) as world:
        assert (await hello(world, params(("cli", "cli"), scopes=ADMIN, auth=ConnectAuth()))).method == "none"
        paired = await hello(world, params(device=DeviceIdentity.generate(), auth=ConnectAuth()))
        assert paired.device_token is not None
        proxied = params(("cli", "cli"), auth=ConnectAuth())
        assert (await refused(world, proxied, remote("127.0.0.1")))[1] == "DEVICE_IDENTITY_REQUIRED"


# With a device


async def test_a_device_on_this_machine_is_paired_at_once_and_keeps_its_token(world: World) -> None:
    device = DeviceIdentity.generate()
    first = await world.connect(params(device=device, scopes=("operator.admin", "operator.read")))
    assert first.principal.device_id == device.device_id
    assert first.principal.profile_id == "gateway-owner"
    assert first.auth.device_token is not None
    await world.clock.advance(60)
    again = await hello(world, params(device=device))
    assert (again.device_token, again.issued_at_ms) == (first.auth.device_token, first.auth.issued_at_ms)
    own = await hello(world, params(device=device, auth=ConnectAuth(device_token=first.auth.device_token)))
    assert (own.method, own.device_token) == ("device-token", first.auth.device_token)


async def test_the_token_is_in_no_file(world: World, tmp_path: Path) -> None:
    """A stolen database gives nobody a way in."""
    token = (await hello(world, params(device=DeviceIdentity.generate()))).device_token
    assert token is not None
    await world.db.backup_to(tmp_path / "copy.db")
    assert files_with(tmp_path, token) == []


async def test_a_device_token_works_in_the_field_of_the_shared_token(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    assert (await hello(world, params(device=device, auth=ConnectAuth(token=token)))).method == "device-token"


async def test_unknown_scopes_are_not_granted(world: World) -> None:
    scopes = ("operator.nonsense", "operator.read", "operator.read")
    assert (await hello(world, params(device=DeviceIdentity.generate(), scopes=scopes))).scopes == [
        Scope.READ
    ]


async def test_a_node_never_has_scopes(world: World) -> None:
    request = params(("node-host", "node"), device=DeviceIdentity.generate(), role="node", scopes=ADMIN)
    admitted = await world.connect(request)
    assert (admitted.principal.role, admitted.principal.scopes) == (Role.NODE, ())
    assert admitted.principal.profile_id is None


async def test_a_command_line_helper_with_a_device_is_not_paired(world: World) -> None:
    device = DeviceIdentity.generate()
    request = params(("gateway-client", "backend"), device=device, scopes=ADMIN)
    auth = await hello(world, request)
    assert (auth.scopes, auth.device_token) == ([Scope.ADMIN], None)
    assert (await world.devices.overview(world.operator()))[1] == []


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (ConnectAuth(), "AUTH_TOKEN_MISSING"),
        (ConnectAuth(token="wrong"), "AUTH_TOKEN_MISMATCH"),
        (ConnectAuth(device_token="wrong"), "AUTH_DEVICE_TOKEN_MISMATCH"),
        (ConnectAuth(token="wrong", device_token="wrong"), "AUTH_DEVICE_TOKEN_MISMATCH"),
        (ConnectAuth(bootstrap_token="wrong"), "AUTH_BOOTSTRAP_TOKEN_INVALID"),
    ],
)
async def test_a_wrong_credential_is_named_for_what_it_claims_to_be(
    world: World, auth: ConnectAuth, code: str
) -> None:
    device = DeviceIdentity.generate()
    await world.connect(params(device=device))
    assert (await refused(world, params(device=device, auth=auth)))[1] == code


async def test_recovery_hints_tell_a_client_what_to_do(world: World) -> None:
    device = DeviceIdentity.generate()
    with_device = await refusal(world, params(device=device, auth=ConnectAuth(token="wrong")))
    assert with_device.details == {
        "code": "AUTH_TOKEN_MISMATCH",
        "authReason": "token_mismatch",
        "canRetryWithDeviceToken": True,
        "recommendedNextStep": "retry_with_device_token",
    }
    without = await refusal(world, params(("cli", "cli"), auth=ConnectAuth(token="wrong")))
    assert without.details["recommendedNextStep"] == "update_auth_credentials"
    assert without.details["canRetryWithDeviceToken"] is False


async def test_a_device_token_is_good_for_its_device_and_role_only(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    auth = ConnectAuth(device_token=token)
    other = DeviceIdentity.generate()
    assert (await refused(world, params(device=other, auth=auth)))[1] == "AUTH_DEVICE_TOKEN_MISMATCH"
    assert (await refused(world, node(device, auth=auth)))[1] == "AUTH_DEVICE_TOKEN_MISMATCH"


async def test_a_device_token_covers_what_was_granted_and_no_more(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device, scopes=("operator.write",)))).device_token
    auth = ConnectAuth(device_token=token)
    implied = await hello(world, params(device=device, auth=auth, scopes=("operator.read", "operator.talk")))
    assert implied.scopes == [Scope.READ, Scope.TALK], "write implies both"
    more = await refusal(world, params(device=device, auth=auth, scopes=ADMIN))
    assert isinstance(more, Unauthorized)
    assert more.details["code"] == "AUTH_SCOPE_MISMATCH"
    assert more.details["recommendedNextStep"] == "review_auth_configuration"


# Lock-outs


async def test_the_eleventh_wrong_token_meets_a_locked_door(world: World) -> None:
    """Attack case 14: every field counts, each kind for itself, and a right token is refused too."""
    wrong = {
        "shared": ConnectAuth(token="no"),
        "device": ConnectAuth(device_token="no"),
        "bootstrap": ConnectAuth(bootstrap_token="no"),
    }
    device = DeviceIdentity.generate()
    for auth in wrong.values():
        for _ in range(10):
            assert (await refused(world, params(device=device, auth=auth), remote()))[
                1
            ] != "AUTH_RATE_LIMITED"
        error = await refusal(world, params(device=device, auth=auth), remote())
        assert isinstance(error, LockedOut)
        assert error.retryable
        assert error.retry_after_ms == 300_000
        assert error.details["recommendedNextStep"] == "wait_then_retry"
    assert (await refused(world, params(("cli", "cli")), remote()))[1] == "AUTH_RATE_LIMITED"
    assert (await hello(world, params(("cli", "cli")), remote("203.0.113.6"))).scopes == []
    await world.clock.advance(301)
    assert (await hello(world, params(("cli", "cli")), remote())).method == "token"


async def test_wrong_credentials_count_without_a_device_too(world: World) -> None:
    for _ in range(10):
        await refused(world, params(("cli", "cli"), auth=ConnectAuth(device_token="no")), remote())
    request = params(("cli", "cli"), auth=ConnectAuth(device_token="no"))
    assert (await refused(world, request, remote()))[1] == "AUTH_RATE_LIMITED"


async def test_a_paired_device_gets_in_while_its_address_guesses_the_secret(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    for _ in range(12):
        await refused(world, params(("cli", "cli"), auth=ConnectAuth(token="no")), remote())
    request = params(device=device, auth=ConnectAuth(device_token=token))
    assert (await hello(world, request, remote())).method == "device-token"


async def test_a_right_device_token_does_not_hide_guesses_of_the_secret(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    guessing = params(device=device, auth=ConnectAuth(token="guess", device_token=token))
    for _ in range(10):
        assert (await hello(world, guessing, remote())).method == "device-token"
    assert (await refused(world, params(("cli", "cli")), remote()))[1] == "AUTH_RATE_LIMITED"


async def test_a_device_token_in_the_wrong_field_is_no_guess(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    for _ in range(12):
        await hello(world, params(device=device, auth=ConnectAuth(token=token)), remote())
    assert (await hello(world, params(("cli", "cli")), remote())).method == "token"


async def test_programs_on_this_machine_are_never_locked_out_but_pages_are(world: World) -> None:
    for _ in range(15):
        assert (await refused(world, params(("cli", "cli"), auth=ConnectAuth(token="no"))))[
            1
        ] == "AUTH_TOKEN_MISMATCH"
    page = params(
        ("openclaw-control-ui", "webchat"), device=DeviceIdentity.generate(), auth=ConnectAuth(token="no")
    )
    for _ in range(10):
        await refused(world, page, local(OWN_PAGE))
    assert (await refused(world, page, local(OWN_PAGE)))[1] == "AUTH_RATE_LIMITED"


async def test_asking_for_too_much_is_no_guess(world: World) -> None:
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    greedy = params(device=device, auth=ConnectAuth(device_token=token), scopes=ADMIN)
    for _ in range(12):
        assert (await refused(world, greedy, remote()))[1] == "AUTH_SCOPE_MISMATCH"


# Bearer tokens


async def test_bearer_tokens(world: World) -> None:
    owner = await world.admission.bearer(SECRET, local())
    assert Scope.ADMIN in owner.scopes
    guest = await world.admission.bearer(SECRET, remote())
    assert guest.scopes == (Scope.READ, Scope.WRITE)
    device = DeviceIdentity.generate()
    token = (await hello(world, params(device=device))).device_token
    paired = await world.admission.bearer(token, remote())
    assert (paired.device_id, paired.scopes) == (device.device_id, (Scope.READ,))
    machine = DeviceIdentity.generate()
    node_token = (await hello(world, node(machine))).device_token
    for wrong, code in (
        (None, "AUTH_TOKEN_MISSING"),
        ("", "AUTH_TOKEN_MISSING"),
        (node_token, "AUTH_TOKEN_MISMATCH"),
    ):
        with pytest.raises(Unauthorized) as caught:
            await world.admission.bearer(wrong, remote())
        assert caught.value.details["code"] == code


async def test_wrong_bearer_tokens_lock_out(world: World) -> None:
    for _ in range(10):
        with pytest.raises(Unauthorized):
            await world.admission.bearer("guess", remote())
    with pytest.raises(LockedOut):
        await world.admission.bearer(SECRET, remote())
