"""From a sentence to a plan: which tool to ask, with what, and how to put its answer.

The patterns of `phrases` are tried in order; the first that fits wins. They must fit the whole sentence, so
that one that only mentions a word is not taken for a command.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.agents.offline import guide, phrases, replies
from gateway.agents.offline.arithmetic import NoSum, evaluate, looks_like_sum

MAX_HEARD_CHARS: Final = 4000
"""Patterns look at no more of a message; a longer one is a document and no command."""

Reply = Callable[[Mapping[str, Any]], str]


class Plan(msgspec.Struct, frozen=True):
    """What to do about a sentence."""

    intent: str
    reply: Reply
    """The text, from the tool's decoded answer, or from nothing without a tool."""
    tool: str | None = None
    args: dict[str, object] = {}


class Heard(msgspec.Struct, frozen=True):
    """A message and what is known around it."""

    text: str
    now_ms: int
    attachments: int = 0


Maker = Callable[[re.Match[str], Heard], Plan]

_STAMP: Final = re.compile(r"\A(?:\[[^\]\n]{1,200}\]\s*)+")
"""Clients put the time or the folder in brackets before what was typed."""

_POLITE: Final = re.compile(
    r"\A(?:(?:please|hey|hi|hello|ok|okay|so|well|homarus|assistant|"
    r"(?:can|could|would|will) you(?: please)?)[,!]?\s+)+",
    re.IGNORECASE,
)


def understand(heard: Heard) -> Plan:
    """The plan for a message; there always is one."""
    text = " ".join(_STAMP.sub("", heard.text[:MAX_HEARD_CHARS].strip()).split())
    for candidate in dict.fromkeys((_plain(text), _plain(_POLITE.sub("", text)))):
        for pattern, make in _RULES:
            match = pattern.fullmatch(candidate)
            if match is not None:
                return make(match, heard)
        if looks_like_sum(candidate):
            return _sum(candidate)
    return _unknown(text, heard)


def _plain(text: str) -> str:
    return text.rstrip(" .!?…")


def _say(intent: str, text: Callable[[], str]) -> Maker:
    def make(_match: re.Match[str], _heard: Heard) -> Plan:
        return Plan(intent, lambda _: text())

    return make


def _ask(intent: str, tool: str, reply: Reply) -> Maker:
    def make(_match: re.Match[str], _heard: Heard) -> Plan:
        return Plan(intent, reply, tool)

    return make


def _devices(match: re.Match[str], heard: Heard) -> Plan:
    name = match.groupdict().get("name")
    if name:
        return Plan(
            "device", lambda a: replies.device(a, name, heard.now_ms), "devices_list", {"query": name}
        )
    return Plan("devices", lambda answer: replies.devices(answer, heard.now_ms), "devices_list")


def _nodes(_match: re.Match[str], heard: Heard) -> Plan:
    return Plan("nodes", lambda answer: replies.nodes(answer, heard.now_ms), "nodes_list")


def _run(match: re.Match[str], _: Heard) -> Plan:
    args: dict[str, object] = {"command": match["command"], "node": match["node"]}
    return Plan("run", replies.ran, "node_run", args)


def _notify(match: re.Match[str], heard: Heard) -> Plan:
    words = _after(heard.text, match["text"])
    return Plan(
        "notify", replies.notified, "notify", {"text": words, "node": match.groupdict().get("node") or ""}
    )


def _show_devices(_match: re.Match[str], heard: Heard) -> Plan:
    return Plan("show-devices", lambda answer: replies.shown_devices(answer, heard.now_ms), "show_devices")


def _checklist(match: re.Match[str], _: Heard) -> Plan:
    items: list[object] = [
        item.strip(" -*•") for item in re.split(r",|;| and |\n", match["items"]) if item.strip(" -*•")
    ]
    args: dict[str, object] = {"items": items, "title": (match["title"] or "").strip()}
    return Plan("checklist", replies.checklist, "show_checklist", args)


def _canvas_action(match: re.Match[str], _: Heard) -> Plan:
    args: dict[str, object] = {
        "action": match["action"],
        "surface": match["surface"],
        "component": match["component"],
        "context": match["context"] or "{}",
    }
    return Plan("canvas-action", replies.tapped, "canvas_action", args)


def _sessions(match: re.Match[str], heard: Heard) -> Plan:
    args: dict[str, object] = {"query": match["name"]} if match.groupdict().get("name") else {}
    return Plan("sessions", lambda answer: replies.sessions(answer, heard.now_ms), "sessions_list", args)


def _remember(match: re.Match[str], heard: Heard) -> Plan:
    # The words as typed: the match has lost the line breaks and the full stop.
    wanted = _after(heard.text, match["text"])
    return Plan("remember", replies.remembered, "remember", {"text": wanted})


def _recall(match: re.Match[str], _: Heard) -> Plan:
    topic = match["topic"]
    return Plan("recall", lambda answer: replies.recalled(answer, topic), "recall", {"query": topic})


def _forget(match: re.Match[str], _: Heard) -> Plan:
    number = match.groupdict().get("number")
    if number:
        return Plan("forget", replies.forgotten, "forget", {"id": int(number)})
    topic = match["topic"]
    return Plan("forget-which", lambda a: replies.which_to_forget(a, topic), "recall", {"query": topic})


def _calculate(match: re.Match[str], heard: Heard) -> Plan:
    return _sum(match["sum"]) if looks_like_sum(match["sum"]) else _unknown(match.string, heard)


def _sum(text: str) -> Plan:
    try:
        result = f"{text} = {evaluate(text)}"
    except NoSum as error:
        result = f"I cannot work that out: {error}."
    return Plan("sum", lambda _: result)


def _unknown(text: str, heard: Heard) -> Plan:
    otherwise = guide.not_understood(text, heard.attachments)
    if _QUESTION.search(text) is not None:
        return Plan(
            "question", lambda answer: replies.found_or(answer, otherwise), "recall", {"query": text[:1000]}
        )
    return Plan("unknown", lambda _: otherwise)


def _after(original: str, ending: str) -> str:
    """The part of `original` that `ending` was taken from, white space as typed."""
    words = r"\s+".join(re.escape(word) for word in ending.split())
    match = re.search(rf"{words}[.!?…]*\s*\Z", original)
    return match[0].strip() if match is not None else ending


_QUESTION: Final = re.compile(phrases.QUESTION, re.IGNORECASE)


def _rule(pattern: str, make: Maker) -> tuple[re.Pattern[str], Maker]:
    return re.compile(pattern, re.IGNORECASE), make


_RULES: Final[tuple[tuple[re.Pattern[str], Maker], ...]] = (
    _rule(phrases.HELP, _say("help", guide.help_text)),
    _rule(phrases.GREETING, _say("greeting", guide.greeting)),
    _rule(phrases.THANKS, _say("thanks", guide.welcome)),
    _rule(phrases.BYE, _say("bye", guide.bye)),
    _rule("ping", _say("ping", lambda: "pong")),
    _rule(phrases.IDENTITY, _say("identity", guide.identity)),
    _rule(phrases.MODEL, _say("model", guide.model_text)),
    _rule(phrases.STATUS, _ask("status", "gateway_status", replies.status)),
    _rule(phrases.PRESENCE, _ask("presence", "presence", replies.presence)),
    _rule(phrases.CANVAS_ACTION, _canvas_action),
    _rule(phrases.SHOW_DEVICES, _show_devices),
    _rule(phrases.CHECKLIST, _checklist),
    _rule(phrases.DEVICES, _devices),
    _rule(phrases.DEVICE, _devices),
    _rule(phrases.NODES, _nodes),
    _rule(phrases.RUN, _run),
    _rule(phrases.NOTIFY_ON, _notify),
    _rule(phrases.NOTIFY, _notify),
    _rule(phrases.SESSIONS, _sessions),
    _rule(phrases.SESSION, _sessions),
    _rule(phrases.AGENTS, _ask("agents", "agents_list", replies.agents)),
    _rule(phrases.REMEMBER, _remember),
    _rule(phrases.MEMORIES, _ask("memories", "recall", replies.memories)),
    _rule(phrases.TIME, _ask("time", "time", replies.clock)),
    _rule(phrases.CALCULATE, _calculate),
    _rule(phrases.RECALL, _recall),
    _rule(phrases.LOOK_UP, _recall),
    _rule(phrases.FORGET_NUMBER, _forget),
    _rule(phrases.FORGET, _forget),
)
