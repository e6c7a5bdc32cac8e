"""Which shell texts are plain enough for the allow-list, and that they then run what they say (S1.M-7)."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from device_node.commands import CommandFailed
from device_node.providers.shell_text import Segment, segments
from tests.device_node.providers.bench import Bench


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("uname -a", [("", "uname", "-a")]),
        ("echo 'a && b'&&ls|wc", [("", "echo", "a && b"), ("&&", "ls"), ("|", "wc")]),
        ("""echo "it's" x'y'z""", [("", "echo", "it's", "xyz")]),
        ("a || b; c", [("", "a"), ("||", "b"), (";", "c")]),
        ("echo ''", [("", "echo", "")]),
        ("echo '$HOME'", [("", "echo", "$HOME")]),
    ],
)
def test_plain_texts(text: str, commands: list[tuple[str, ...]]) -> None:
    assert segments(text) == [Segment(joint, tuple(words)) for joint, *words in commands]


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "a &", "a & b", "a ;; b", "&& a", "a;", "a |& b", "X=1 a", "a > f", "a < f", "a $HOME",
        "a `b`", "a $(b)", 'a "$b"', "a \\b", "a\nb", "a 'b", "a *", "a ?", "a ~", "{ a; }", "(a)", "! a",
        "a # b", "a =b", 'a "\\x"', "a\0", "a\x1b[2J", "a é",
    ],
)  # fmt: skip
def test_texts_a_person_has_to_read(text: str) -> None:
    assert segments(text) is None


async def test_every_command_of_the_text_has_to_be_on_the_list(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "node")
    await bench.allow(
        allowlist=[{"pattern": "/usr/bin/echo"}, {"pattern": "/usr/bin/wc", "argPattern": "^-c$"}]
    )

    async def runs(text: str) -> str | None:
        params = {"command": ["/bin/sh", "-lc", text], "cwd": str(tmp_path)}
        if "allow-list" in (text := await _outcome(bench, params)):
            return None
        return text

    assert await runs("echo hi there") == "hi there\n"
    assert await runs("echo 'a  b' | wc -c && echo done") == "5\ndone\n"
    assert await runs("echo hi && uname") is None
    assert await runs("echo hi | wc -l") is None
    assert await runs("echo $HOME") is None
    assert await runs("eval echo hi") is None


async def test_the_listed_program_runs_whatever_the_profile_calls_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login shell reads `~/.profile`; one that redefines a listed name must not win."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".profile").write_text('uname() { echo hijacked; }\nPATH="$HOME/bin:$PATH"\n')
    bench = Bench(tmp_path / "node")
    await bench.allow(allowlist=[{"pattern": "/usr/bin/uname"}])
    answer = await bench.ask("system.run", {"command": ["/bin/sh", "-lc", "uname -s"]})
    assert answer["stdout"] == "Linux\n"


async def _outcome(bench: Bench, params: Mapping[str, object]) -> str:
    try:
        return (await bench.ask("system.run", params))["stdout"]
    except CommandFailed as failed:
        return failed.message
