"""S4.22-2, case 35: ids that are paths, hold control characters or 4 KB, in every method and route."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from msgspec import inspect as shapes

from protocol.catalog import all_methods
from protocol.method import Method
from protocol.scopes import Scope
from tests.conformance.examples import example
from tests.conformance.raw import RawPeer
from tests.support.daemon import Daemon
from tests.support.wire import Json, WireClient

MARK: Final = "decoy-content-that-nobody-may-read"
UNSAFE: Final = (
    "../../etc/passwd",
    "../../../../../../../../etc/passwd",
    "../decoy/secret.txt",
    "..\\..\\decoy\\secret.txt",
    "C:\\",
    "C:\\Windows\\win.ini",
    "\\\\server\\share",
    "/etc/passwd",
    "%2e%2e%2fdecoy%2fsecret.txt",
    "%252e%252e%252fdecoy",
    "..%c0%af..%c0%afdecoy",
    "....//....//decoy/secret.txt",
    "decoy/../../decoy/secret.txt",
    "~root/.ssh/id_rsa",
    "file:///etc/passwd",
    "a\r\nb: c",
    "a\x00.txt",
    "a\u202egnp.exe",
    "a\u2028b",
    "x" * 4096,
)
"""Nothing of the gateway's own is ever called so."""

ODD: Final = (
    "..",
    ".",
    "",
    " ",
    "CON",
    "$(touch decoy)",
    "`touch decoy`",
    "-rf",
    "\uff0e\uff0e\uff0fdecoy",
    "'; --",
)
"""Harmless where they are only compared and stored, so they need not be refused."""

NAMES: Final = frozenset({"key", "keys", "sessionKey", "sessionKeys", "parentSessionKey", "agentId"})
"""Fields that say whose folder, conversation or work it is."""

PATHS: Final = frozenset(
    {
        ("agents.files.get", "name"),
        ("agents.files.set", "name"),
        ("agents.workspace.get", "path"),
        ("agents.workspace.list", "path"),
    }
)
"""Where a path is meant: inside the agent's workspace, and nowhere else."""

ERRORS: Final = frozenset({"INVALID_REQUEST", "UNAVAILABLE", "FORBIDDEN", "AGENT_TIMEOUT"})


def text_fields(method: Method) -> Iterator[tuple[str, bool]]:
    """Name of each text or list-of-text parameter, and whether it is a list."""
    kind = shapes.type_info(method.params)
    assert isinstance(kind, shapes.StructType)
    for field in kind.fields:
        for choice in field.type.types if isinstance(field.type, shapes.UnionType) else (field.type,):
            if isinstance(choice, shapes.StrType):
                yield field.encode_name, False
            elif isinstance(choice, shapes.ListType | shapes.VarTupleType):
                yield field.encode_name, True


def fingerprint(root: Path, leave_out: tuple[Path, ...]) -> str:
    """Names, modes, times and content of everything below `root`."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if not any(path.is_relative_to(other) for other in leave_out):
            stat = path.stat()
            digest.update(f"{path} {stat.st_mode} {stat.st_mtime_ns}".encode())
            digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with folders beside and around its home that nobody may touch."""
    for folder in (tmp_path / "decoy", tmp_path / "run" / "decoy"):
        folder.mkdir(parents=True)
        (folder / "secret.txt").write_text(MARK, encoding="utf-8")
    daemon = Daemon(tmp_path / "run")
    daemon.launch()
    try:
        yield daemon
        if daemon.running:
            daemon.shut_down()
    finally:
        daemon.close()


def surroundings(daemon: Daemon) -> str:
    """Fingerprint of everything around the home but the log the test itself keeps there."""
    return fingerprint(daemon.home.parents[1], (daemon.home, daemon.home.parent / "gateway.log"))


async def test_no_id_leaves_the_home(guarded: Daemon) -> None:
    """S4.22-2, case 35, for every text parameter of every advertised method.

    [typed errors; names and paths of ours refused; nothing outside the home read, written or touched]
    """
    before = surroundings(guarded)
    accepted: set[tuple[str, str, str]] = set()
    async with await WireClient.open(guarded.ws_url, token=guarded.token) as client:
        advertised = (await client.connect())["features"]["methods"]
        declared = all_methods()
        for name in advertised:
            for field, is_list in text_fields(declared[name]):
                taken = await tried(client, declared[name], field, is_list=is_list)
                accepted |= {(name, field, bad) for bad in taken}
        assert (await client.call("health"))["ok"]
        said = json.dumps(client.frames)
    assert surroundings(guarded) == before
    assert MARK not in said
    assert "root:x:0" not in said
    guarding = {name for name in advertised if declared[name].scope is not Scope.READ}
    wrong = {
        (name, field, bad)
        for name, field, bad in accepted
        if bad in UNSAFE and ((name, field) in PATHS or (name in guarding and field in NAMES))
    }
    assert wrong == set()
    assert len(accepted) > 100, "the other values must get through for this to mean anything"


async def tried(client: WireClient, method: Method, field: str, *, is_list: bool) -> list[str]:
    """Which values a parameter took without an error."""
    base = example(method)
    ids: dict[str, str] = {}
    for bad in (*UNSAFE, *ODD):
        params: Json = {**base, field: [bad] if is_list else bad}
        ids[bad] = await client.request(method.name, params)
    taken: list[str] = []
    for bad, request_id in ids.items():
        answer = await client.response(request_id)
        if answer["ok"]:
            taken.append(bad)
            continue
        error = answer["error"]
        assert error["code"] in ERRORS, error
        assert "inside the gateway" not in error["message"], (method.name, field, bad, error)
    return taken


ROUTES: Final = (
    *("/", "/config/", "/healthz/", "/j/", "/v1/", "/v1/models/", "/v1/agents/", "/assets/", "/static/"),
    *("/canvas/", "/media/", "/avatar/", "/__openclaw__/"),
)


async def test_no_route_leaves_the_home(guarded: Daemon) -> None:
    """S4.22-2, case 33, for HTTP paths, raw and encoded once and twice [4xx; nothing outside touched]."""
    before = surroundings(guarded)
    texts = [text for text in UNSAFE if text.isascii() and text.isprintable() and len(text) < 100]
    paths = [route + form for route in ROUTES for text in texts for form in (text, quote(text, safe=""))]
    async with asyncio.timeout(30):
        for start in range(0, len(paths), 50):
            answers = await asyncio.gather(*(asked(guarded, path) for path in paths[start : start + 50]))
            for path, answer in zip(paths[start:], answers, strict=False):
                assert re.match(rb"HTTP/1.1 4\d\d ", answer), (path, answer[:200])
                assert MARK.encode() not in answer
                assert b"root:x:0" not in answer
    assert surroundings(guarded) == before
    assert "Traceback" not in guarded.stderr_text()


async def asked(daemon: Daemon, path: str) -> bytes:
    """The whole answer to a GET that no library has tidied up."""
    async with await RawPeer.dial(daemon.port) as peer:
        lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {daemon.token}")
        await peer.send("\r\n".join((*lines, "Connection: close", "", "")).encode())
        return await peer.reader.read()
