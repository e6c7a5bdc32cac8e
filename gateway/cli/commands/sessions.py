"""`homarus sessions`: conversations."""

import argparse
import sys
from typing import Any

import msgspec

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import Client, connect
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import age, bold, dim, escaped, one_line, print_json, print_table
from protocol.methods.sessions import SessionsDescribe, SessionsList
from protocol.methods.sessions_changes import SessionsCompact, SessionsDelete, SessionsPatch
from protocol.methods.sessions_reading import SessionsGet, SessionsSearch
from protocol.nouns.session import SessionRow

PAGE = 100
"""Rows of a list unless told otherwise: what fits a screen or two."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    listing = add_reach(commands.add("list", _list, "conversations, the newest first"))
    listing.add_argument("--limit", type=int, default=PAGE, metavar="N", help=f"rows ({PAGE})")
    listing.add_argument("--agent", metavar="ID", help="only of this agent")
    listing.add_argument("--archived", action="store_true", help="the archived ones")
    show = add_reach(commands.add("show", _show, "the newest messages of a conversation"))
    _add_key(show)
    show.add_argument("--limit", type=int, default=20, metavar="N", help="messages (20)")
    search = add_reach(commands.add("search", _search, "messages that hold all of some words"))
    search.add_argument("words", nargs="+")
    search.add_argument("--limit", type=int, default=10, metavar="N", help="messages (10, at most 25)")
    archive = add_reach(commands.add("archive", _archive, "put a conversation away"))
    _add_key(archive)
    archive.add_argument("--undo", action="store_true", help="bring it back instead")
    delete = add_reach(commands.add("delete", _delete, "erase a conversation for good"))
    _add_key(delete)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    compact = add_reach(commands.add("compact", _compact, "let the agent see only the newest messages"))
    _add_key(compact)
    compact.add_argument("--keep", type=int, default=40, metavar="N", help="messages it still sees (40)")


def _add_key(parser: Parser) -> None:
    parser.add_argument("session", metavar="SESSION", help="its key, such as main or agent:main:main")


def _list(options: argparse.Namespace) -> int:
    call = SessionsList(limit=options.limit, agent_id=options.agent, archived=options.archived)
    with connect(options) as client:
        answer = client.ask(call)
    if options.json:
        print_json(answer.raw)
        return 0
    page = answer.value
    if not page.sessions:
        print("No conversation yet; begin one with: homarus chat")
        return 0
    print_table(
        ("SESSION", "NAME", "AGENT", "STATE", "TOKENS", "LAST USED"),
        [
            (
                row.key,
                row.label or row.display_name or row.derived_title or "-",
                row.agent_id or "-",
                _state(row),
                str(row.total_tokens) if row.total_tokens is not None else "-",
                age(row.last_interaction_at or row.updated_at),
            )
            for row in page.sessions
        ],
    )
    if page.has_more:
        print(dim(f"{page.total_count - page.count} more; see them with --limit {page.total_count}"))
    return 0


def _state(row: SessionRow) -> str:
    if row.has_active_run:
        return "answering"
    return "archived" if row.archived else row.status or "-"


def _show(options: argparse.Namespace) -> int:
    with connect(options) as client:
        row = _described(client, options.session)
        answer = client.ask(SessionsGet(key=row.key, limit=options.limit))
    if options.json:
        print_json(answer.raw)
        return 0
    messages = answer.value.messages
    for raw in messages:
        message = msgspec.json.decode(raw, type=dict[str, Any])
        print(f"{bold(one_line(str(message.get('role'))))} {dim(_when(message))}")
        print(f"{escaped(message_text(message))}\n")
    if not messages:
        print("nothing was said here yet")
    return 0


def _when(message: dict[str, Any]) -> str:
    timestamp = message.get("timestamp")
    return age(int(timestamp)) if isinstance(timestamp, int | float) else ""


def message_text(message: dict[str, Any]) -> str:
    """The words of a stored message; other blocks as `[image]` and the like."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    blocks = msgspec.convert(content, list[dict[str, Any]]) if isinstance(content, list) else []
    return "\n".join(str(block.get("text") or f"[{block.get('type', 'block')}]") for block in blocks)


def _search(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(SessionsSearch(query=" ".join(options.words), limit=options.limit))
    if options.json:
        print_json(answer.raw)
        return 0
    results = answer.value.results
    for result in results:
        print(f"{bold(one_line(result.session_key))} {result.role} {dim(age(result.timestamp))}")
        print(f"  {one_line(result.snippet, 300)}")
    if not results:
        print("no message holds these words")
    return 0


def _archive(options: argparse.Namespace) -> int:
    with connect(options) as client:
        row = _described(client, options.session)
        call = SessionsPatch(key=row.key, expected_session_id=row.session_id, archived=not options.undo)
        answer = client.ask(call)
    if options.json:
        print_json(answer.raw)
    else:
        print(f"{'brought back' if options.undo else 'archived'} {one_line(row.key)}")
    return 0


def _delete(options: argparse.Namespace) -> int:
    with connect(options) as client:
        row = _described(client, options.session)
        if not options.yes:
            _confirm(row)
        answer = client.ask(SessionsDelete(key=row.key, expected_session_id=row.session_id))
    if options.json:
        print_json(answer.raw)
    else:
        print(f"deleted {one_line(row.key)}")
    return 0


def _confirm(row: SessionRow) -> None:
    if not sys.stdin.isatty():
        raise Misused("deleting cannot be undone", "say --yes if you mean it")
    if input(f"Erase {one_line(row.key)} for good? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise CommandFailed("nothing was deleted", "run it again and answer y")


def _compact(options: argparse.Namespace) -> int:
    with connect(options) as client:
        row = _described(client, options.session)
        answer = client.ask(SessionsCompact(key=row.key, max_lines=options.keep))
    if options.json:
        print_json(answer.raw)
    elif answer.value.compacted:
        print(f"compacted {one_line(row.key)} to its newest {answer.value.kept} messages")
    else:
        print(f"{one_line(row.key)} is short enough")
    return 0


def _described(client: Client, key: str) -> SessionRow:
    row = client.ask(SessionsDescribe(key=key)).value.session
    if row is None:
        raise CommandFailed(f"there is no conversation {one_line(key)}", "look at `homarus sessions list`")
    return row
