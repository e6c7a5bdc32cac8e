"""Setup codes and join links as people paste them (row S0.3-4, cases 22, 41)."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from device_node.failure import Misused, NodeError
from device_node.setup_code import read_setup_code
from protocol.signature import encode_base64url

NOW_MS = 1_000_000


def code_of(**members: Any) -> str:
    payload = {"url": "ws://127.0.0.1:1", "bootstrapToken": "t", "expiresAtMs": NOW_MS + 1, **members}
    return encode_base64url(json.dumps({k: v for k, v in payload.items() if v is not None}).encode())


def test_a_code_says_where_and_with_what() -> None:
    code = read_setup_code(code_of(urls=["wss://b", "ws://gw.example.com"], tlsFingerprint="ab"), NOW_MS)
    assert code.bootstrap_token == "t"
    assert [str(address) for address in code.addresses()] == ["ws://127.0.0.1:1", "wss://b:443"]
    assert code.tls_fingerprint == "ab"


def test_a_pasted_code_may_be_broken_into_lines() -> None:
    text = code_of(futureField=1)
    for pasted in (f" {text}\n", f"{text[:20]}\n  {text[20:]}", f"oc-pair://{text}", f"oc-pair://{text}/"):
        assert read_setup_code(pasted, NOW_MS).url == "ws://127.0.0.1:1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no setup code"),
        ("hello world", "no setup code"),
        ("%%%", "no setup code"),
        (encode_base64url(b"{}"), "missing required field `url`"),
        (code_of(bootstrapToken=None), "missing required field `bootstrapToken`"),
        (code_of(bootstrapToken=7), "bootstrapToken"),
        (code_of(expiresAtMs=NOW_MS), "has expired"),
        ("a" * 20_000, "too long"),
        ("https://gw.example.com/somewhere", "no join link"),
        ("http://gw.example.com/j/abc", "unencrypted"),
    ],
)
def test_what_is_no_usable_code_is_said(text: str, reason: str) -> None:
    with pytest.raises(Misused, match=reason):
        read_setup_code(text, NOW_MS)


@pytest.mark.parametrize("url", ["ws://gw.example.com", "wss://me:secret@gw", "gw"])
def test_a_code_without_a_usable_address_is_refused(url: str) -> None:
    with pytest.raises(Misused):
        read_setup_code(code_of(url=url), NOW_MS).addresses()


class Page(http.server.BaseHTTPRequestHandler):
    """A join page: one answer, then 404."""

    left: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        body = self.left.pop() if self.path == "/j/abc" and self.left else b'{"error":"not_found"}'
        self.send_response(200 if body.startswith(b'{"url"') or len(body) > 100 else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Silent."""


@pytest.fixture
def join_link() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/j/abc"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_join_link_gives_its_code_once(join_link: str) -> None:
    Page.left[:] = [b'{"url":"ws://127.0.0.1:9","bootstrapToken":"b"}']
    assert read_setup_code(join_link, NOW_MS).bootstrap_token == "b"
    with pytest.raises(NodeError, match="was used already, or has expired; make a new one"):
        read_setup_code(join_link, NOW_MS)


def test_a_join_page_without_end_is_left(join_link: str) -> None:
    Page.left[:] = [b"x" * 100_000]
    with pytest.raises(NodeError, match="was used already"):
        read_setup_code(join_link, NOW_MS)


def test_a_join_link_to_nobody_is_said() -> None:
    with pytest.raises(NodeError, match="gives no answer"):
        read_setup_code("http://127.0.0.1:1/j/abc", NOW_MS)
