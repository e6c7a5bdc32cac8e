"""Being let in or not, and answers that do not come or are not what was agreed."""

from pathlib import Path

import msgspec
import pytest

from gateway.cli.client import KEY_FILE, Client, device_identity
from gateway.cli.failure import CommandFailed, Denied, NotRunning
from gateway.cli.reach import Address, Reach
from gateway.kernel.home import Home
from protocol.methods.config import ConfigGet
from tests.cli.scripted import HELLO, Peer, gateway


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            {
                "code": "INVALID_REQUEST",
                "message": "unauthorized",
                "details": {"code": "AUTH_TOKEN_MISMATCH"},
            },
            Denied,
            "unauthorized; pass the gateway's token with --token",
        ),
        (
            {"code": "NOT_PAIRED", "message": "pairing required", "details": {"requestId": "r-\x1b1"}},
            Denied,
            r"homarus devices approve r-\\x1b1",
        ),
        (
            {"code": "INVALID_REQUEST", "message": "locked out", "details": {"code": "AUTH_RATE_LIMITED"}},
            Denied,
            "homarus devices repair",
        ),
        (
            {
                "code": "INVALID_REQUEST",
                "message": "protocol mismatch",
                "details": {"code": "PROTOCOL_MISMATCH"},
            },
            Denied,
            "protocol mismatch",
        ),
        ({"code": "UNAVAILABLE", "message": "starting", "retryable": True}, NotRunning, "try again"),
    ],
)
def test_each_refusal_has_its_next_step(error: dict[str, object], kind: type[Exception], said: str) -> None:
    def script(peer: Peer) -> None:
        peer.challenge()
        peer.refuse(peer.request("connect"), **error)

    with gateway(script) as reach, pytest.raises(kind, match=said):
        Client.connect(reach)


def test_a_websocket_that_is_no_gateway() -> None:
    def script(peer: Peer) -> None:
        peer.send({"hello": "world"})

    with gateway(script) as reach, pytest.raises(NotRunning, match="no gateway"):
        Client.connect(reach)


def test_an_answer_that_does_not_come() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.request("config.get")
        peer.request("health")

    with gateway(script) as reach, Client.connect(reach) as client:
        with pytest.raises(CommandFailed, match="was not answered in time"):
            client.ask(ConfigGet(), 0.05)
        with pytest.raises(CommandFailed, match="closed the connection"):
            client.ask_raw("health", {})


def test_an_answer_of_another_shape_is_said_and_its_raw_form_kept() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.answer(peer.request("config.get"), {"path": 5})

    with gateway(script) as reach, Client.connect(reach) as client:
        answer = client.ask(ConfigGet())
        assert answer.raw == {"path": 5}
        with pytest.raises(CommandFailed, match="not what was agreed"):
            _ = answer.value


def test_a_gateway_that_falls_silent() -> None:
    hello = msgspec.json.decode(msgspec.json.encode(HELLO))
    hello["policy"]["tickIntervalMs"] = 20

    def script(peer: Peer) -> None:
        peer.challenge()
        peer.answer(peer.request("connect"), hello)
        peer.request("health")
        peer.wait_for_end()

    with (
        gateway(script) as reach,
        Client.connect(reach) as client,
        pytest.raises(NotRunning, match="fallen silent"),
    ):
        client.ask_raw("health", {})


def test_gateways_elsewhere_see_one_device_and_those_here_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    here = Reach(home=home, address=Address.parse("ws://127.0.0.1:1"))
    assert device_identity(here) is None
    assert device_identity(Reach(home=home)) is None
    elsewhere = Reach(home=home, address=Address.parse("wss://gw.example"))
    first, second = device_identity(elsewhere), device_identity(elsewhere)
    assert first is not None
    assert second is not None
    assert first.device_id == second.device_id
    assert (home.keys_dir / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_damaged_device_key_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path)
    elsewhere = Reach(home=home, address=Address.parse("wss://gw.example"))
    device_identity(elsewhere)
    (home.keys_dir / KEY_FILE).write_bytes(b"short")
    with pytest.raises(CommandFailed, match=KEY_FILE):
        device_identity(elsewhere)
