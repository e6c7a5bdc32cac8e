"""What the assistant says about what its tools gave. Each function takes a tool's decoded answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

# Any: decoded JSON of tools that other features may add to.
Answer: TypeAlias = Mapping[str, Any]

MAX_ROWS: Final = 15
"""Lines of one list; more do not fit a phone's screen."""


def status(answer: Answer) -> str:
    """The state of the gateway."""
    troubled = [part for part in answer["parts"] if not part["ok"]]
    head = (
        "Everything works." if not troubled else f"{len(troubled)} of {len(answer['parts'])} parts need care."
    )
    size = f"{_count(answer['connections'], 'connection')} and {_count(answer['agents'], 'agent')}"
    up = f"Homarus {answer['version']} has been up for {duration(answer['uptimeMs'])}, with {size}."
    lines = [f"- {part['name']}: {part['detail'] or 'does not work'}" for part in troubled]
    return "\n".join([f"{head} {up}", *lines])


def presence(answer: Answer) -> str:
    """Who is connected."""
    rows: Sequence[Answer] = answer["connected"]
    if not rows:
        return "Nobody is connected right now."
    lines = [f"- {row['name']} ({row['mode']}, {row['platform']}, {row['role']})" for row in rows]
    return _listed(f"{_count(answer['total'], 'client')} connected:", lines, answer["total"])


def devices(answer: Answer, now_ms: int) -> str:
    """Paired devices."""
    rows: Sequence[Answer] = answer["devices"]
    if not rows:
        return (
            "No device is paired yet. A phone or computer asks to pair when it connects for the first time; "
            "approve it with `homarus devices approve`."
        )
    lines = [f"- {row['name']}: {row['platform']}, {_seen(row, now_ms)}" for row in rows]
    return _listed(f"{_count(answer['total'], 'paired device')}:", lines, answer["total"])


def device(answer: Answer, name: str, now_ms: int) -> str:
    """One device, or those that match."""
    rows: Sequence[Answer] = answer["devices"]
    if not rows:
        return f'I know no device called "{name}". Say "devices" for the list.'
    if len(rows) > 1:
        return devices(answer, now_ms)
    row = rows[0]
    paired = _ago(now_ms, row["pairedMs"])
    return (
        f"{row['name']} runs {row['platform']} and is {_seen(row, now_ms)}. It was paired {paired} as "
        f"{' and '.join(row['roles'])}. Its id begins with {row['id'][:12]}."
    )


def nodes(answer: Answer, now_ms: int) -> str:
    """Device nodes."""
    rows: Sequence[Answer] = answer["nodes"]
    if not rows:
        return (
            "No node is there yet. On the device run `homarus node run`, then here `homarus nodes approve`."
        )
    lines = [f"- {row['name']}: {row['platform']}, {_node_state(row, now_ms)}" for row in rows]
    return _listed(f"{_count(answer['total'], 'node')}:", lines, answer["total"])


def ran(answer: Answer) -> str:
    """A program ran on a node."""
    if answer["success"]:
        return answer["stdout"].strip() or f"Done on {answer['node']}; it said nothing."
    end = "it took too long" if answer["timedOut"] else f"it ended with {answer['exitCode']}"
    output = "\n".join(filter(None, (answer["stdout"].strip(), answer["stderr"].strip())))
    return f"It failed on {answer['node']}: {end}." + (f"\n{output}" if output else "")


def notified(answer: Answer) -> str:
    """Something was shown."""
    return f"Shown on {answer['node']}: “{answer['shown']}”"


def shown_devices(answer: Answer, now_ms: int) -> str:
    """Paired devices, which the canvas shows as well."""
    return f"{devices(answer, now_ms)}\n{_shown(answer)}"


def checklist(answer: Answer) -> str:
    """A new checklist."""
    lines = [f"- {item}" for item in answer["items"]]
    return "\n".join([f"{answer['title']}:", *lines[:MAX_ROWS], _shown(answer)])


def tapped(answer: Answer) -> str:
    """Somebody did something on a surface."""
    return str(answer["said"])


def _shown(answer: Answer) -> str:
    if answer["shownOn"]:
        return f"It is on the canvas of {answer['shownOn']}."
    return "No device with a canvas is connected; it is shown as soon as one is."


def sessions(answer: Answer, now_ms: int) -> str:
    """The latest conversations."""
    rows: Sequence[Answer] = answer["sessions"]
    if not rows:
        return "There is no conversation like that yet."
    lines = [_session_line(row, now_ms) for row in rows]
    return _listed(f"{_count(answer['total'], 'conversation')}, the latest first:", lines, answer["total"])


def agents(answer: Answer) -> str:
    """The agents."""
    lines = [
        f"- {row['name']} ({row['id']}): {row['model']}{', that is me' if row['current'] else ''}"
        for row in answer["agents"]
    ]
    return _listed(f"{_count(answer['total'], 'agent')}:", lines, answer["total"])


def clock(answer: Answer) -> str:
    """Date and time."""
    return f"It is {answer['time'][:5]} on {answer['weekday']}, {answer['date']} ({answer['zone']})."


def remembered(answer: Answer) -> str:
    """Something was kept."""
    text = f"“{answer['text']}”"
    if answer["new"]:
        return f"I will remember: {text} (number {answer['id']})."
    return f"I knew that already: {text} (number {answer['id']})."


def recalled(answer: Answer, topic: str) -> str:
    """What is kept about something."""
    rows: Sequence[Answer] = answer["memories"]
    if not rows:
        return f'I have nothing about "{topic}" yet. Say "remember that …" and I will keep it.'
    return "\n".join([f'About "{topic}" I have:', *_memory_lines(rows)])


def memories(answer: Answer) -> str:
    """Everything that is kept, as far as it fits."""
    rows: Sequence[Answer] = answer["memories"]
    if not rows:
        return 'I remember nothing yet. Say "remember that …" and I will keep it.'
    return _listed(f"I remember {_count(answer['total'], 'thing')}:", _memory_lines(rows), answer["total"])


def forgotten(answer: Answer) -> str:
    """Something was deleted."""
    gone = answer["forgotten"]
    return f"Forgotten: “{gone['text']}” (number {gone['id']})."


def which_to_forget(answer: Answer, topic: str) -> str:
    """What could be meant; deleting waits for a number, because it cannot be undone."""
    rows: Sequence[Answer] = answer["memories"]
    if not rows:
        return f'I have nothing about "{topic}", so there is nothing to forget.'
    first = rows[0]["id"]
    return "\n".join(
        ["Which one? I have:", *_memory_lines(rows), f'Say "forget number {first}", for example.']
    )


def found_or(answer: Answer, otherwise: str) -> str:
    """What the memory holds on a question nobody else could answer."""
    rows: Sequence[Answer] = answer["memories"]
    if not rows:
        return otherwise
    return "\n".join(["I cannot reason about that without a model, but I remember:", *_memory_lines(rows)])


def duration(milliseconds: int) -> str:
    """A span of time in its two largest units: `3 days 4 hours`."""
    seconds = max(0, milliseconds // 1000)
    parts: list[str] = []
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(_count(amount, unit))
    return " ".join(parts[:2]) or "less than a second"


def _session_line(row: Answer, now_ms: int) -> str:
    title = row["title"] or row["key"]
    here = " (this one)" if row["current"] else ""
    return f"- {title}{here}: {row['key']}, {_ago(now_ms, row['updatedMs'])}"


def _memory_lines(rows: Sequence[Answer]) -> list[str]:
    return [f"- {row['text']} (number {row['id']})" for row in rows]


def _listed(head: str, lines: Sequence[str], total: int) -> str:
    shown = list(lines[:MAX_ROWS])
    more = total - len(shown)
    return "\n".join([head, *shown, *([f"… and {more} more."] if more > 0 else [])])


def _seen(row: Answer, now_ms: int) -> str:
    if row["connected"]:
        return "connected now"
    return (
        f"last seen {_ago(now_ms, row['lastSeenMs'])}"
        if row["lastSeenMs"]
        else "not seen since it was paired"
    )


def _node_state(row: Answer, now_ms: int) -> str:
    seen = _seen(row, now_ms)
    waits = row["approval"].startswith("pending")
    return f"{seen}, waits for `homarus nodes approve`" if waits else seen


def _ago(now_ms: int, then_ms: int) -> str:
    return f"{duration(now_ms - then_ms)} ago"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
