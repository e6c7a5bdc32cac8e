"""The blocking WebSocket: TLS pins, servers that are none, and connections that end."""

import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from gateway.cli.client import Client
from gateway.cli.failure import CommandFailed, Denied, NotRunning
from gateway.cli.link import Link
from gateway.cli.reach import Address, Reach
from gateway.kernel.home import Home
from tests.cli.command import one_line_error, run
from tests.support.daemon import Daemon


@pytest.fixture(scope="module")
def tls_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A gateway with a self-signed certificate."""
    daemon = Daemon(tmp_path_factory.mktemp("tls"), config="[gateway.tls]\nenabled = true\n")
    daemon.launch()
    try:
        yield daemon
    finally:
        daemon.close()


def fingerprint(daemon: Daemon) -> str:
    """SHA-256 of the certificate, computed apart from the gateway's own code."""
    pem = (daemon.home / "keys" / "tls.crt").read_text(encoding="ascii")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_a_pinned_certificate_is_accepted_and_another_is_not(tls_daemon: Daemon, tmp_path: Path) -> None:
    env = {**tls_daemon.env, "HOMARUS_HOME": str(tmp_path), "HOMARUS_TOKEN": tls_daemon.token}
    url = f"wss://127.0.0.1:{tls_daemon.port}"
    pin = fingerprint(tls_daemon)
    assert run(env, "gateway", "health", "--url", url, "--tls-fingerprint", pin).code == 0
    other = run(env, "gateway", "health", "--url", url, "--tls-fingerprint", "00" * 32)
    assert pin in one_line_error(other, 77)
    unpinned = run(env, "gateway", "health", "--url", url)
    assert "--tls-fingerprint" in one_line_error(unpinned, 77)


def test_no_token_is_sent_to_a_server_with_another_certificate(tls_daemon: Daemon) -> None:
    before = tls_daemon.stderr_text()
    with pytest.raises(Denied, match="another certificate"):
        Link.open_remote(Address.parse(f"wss://127.0.0.1:{tls_daemon.port}"), 5.0, "11" * 32)
    assert "connect" not in tls_daemon.stderr_text()[len(before) :]


@contextlib.contextmanager
def server(behave: Callable[[socket.socket], object]) -> Generator[Address]:
    """A TCP server whose one connection `behave` has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                stream, _ = listener.accept()
                with stream:
                    behave(stream)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address.parse(f"ws://127.0.0.1:{listener.getsockname()[1]}")
    thread.join()


def http(body: str) -> Callable[[socket.socket], None]:
    """Answer any request with an HTTP response."""

    def behave(stream: socket.socket) -> None:
        stream.recv(4096)
        stream.sendall(body.encode())

    return behave


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "no gateway"),
        ("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n", "no gateway"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "no gateway"),
        ("", "no gateway"),
    ],
)
def test_other_servers_are_told_apart(body: str, said: str) -> None:
    with server(http(body)) as address, pytest.raises(NotRunning, match=said):
        Link.open_remote(address, 5.0)


def test_a_refused_name_says_which_setting_helps() -> None:
    message = '{"error":{"type":"host_not_allowed","message":"Host is not one of this gateway\'s names"}}'
    answer = f"HTTP/1.1 421 Refused\r\nContent-Length: {len(message)}\r\n\r\n{message}"
    with server(http(answer)) as address, pytest.raises(Denied, match="Host is not one of"):
        Link.open_remote(address, 5.0)


def test_a_server_that_never_answers_is_given_up() -> None:
    silent = threading.Event()
    with server(lambda _: silent.wait(10)) as address:
        with pytest.raises(NotRunning, match="does not answer"):
            Link.open_remote(address, 0.2)
        silent.set()


def test_a_gateway_that_goes_away_is_noticed_in_the_middle_of_a_call(daemon: Daemon) -> None:
    client = Client.connect(Reach(home=Home(daemon.home)))
    daemon.kill()
    with client, pytest.raises(CommandFailed, match="closed the connection"):
        client.ask_raw("health", {})


def test_an_orderly_stop_is_told_with_its_reason(daemon: Daemon) -> None:
    client = Client.connect(Reach(home=Home(daemon.home)))
    daemon.shut_down()
    with client, pytest.raises(CommandFailed, match="1012 service restart"):
        client.ask_raw("health", {})


def test_after_hanging_up_there_is_nothing_to_hear(shared_daemon: Daemon) -> None:
    client = Client.connect(Reach(home=Home(shared_daemon.home)))
    client.link.close()
    client.link.close()
    with pytest.raises(CommandFailed, match="closed"):
        client.next(1.0)
    with pytest.raises(CommandFailed, match="closed"):
        client.send("health", {})


def test_a_descriptor_wakes_whoever_waits(shared_daemon: Daemon) -> None:
    with Client.connect(Reach(home=Home(shared_daemon.home))) as client:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.send(b".")
            assert client.next(None, ours.fileno()) is None
        assert client.ask_raw("health", {})
