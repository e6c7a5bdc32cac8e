"""`homarus chat`: one question, or a conversation."""

import argparse
import sys

from gateway.cli.arguments import Parser, add_reach
from gateway.cli.client import Client
from gateway.cli.conversation import Conversation, Reply, failure, to_stdout
from gateway.cli.failure import INTERRUPTED, CommandFailed, Misused
from gateway.cli.output import dim, one_line, print_json, red
from gateway.cli.reach import Reach

LEAVE = frozenset({"/quit", "/exit"})
"""What people type to leave; everything else that begins with a slash is for the gateway."""


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_reach(parser)
    parser.add_argument("message", nargs="?", help="ask this and leave; - reads it from standard input")
    parser.add_argument("--session", metavar="KEY", help="which conversation (the agent's main one)")
    parser.add_argument("--agent", metavar="ID", help="which agent (the default one)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    reach = Reach.of(options)
    text = _message(options)
    agent_id: str | None = options.agent
    key = options.session or (f"agent:{agent_id}:main" if agent_id else "")
    quiet = options.json or not sys.stdout.isatty()
    conversation = Conversation(lambda: Client.connect(reach), key, agent_id, _no_note if quiet else _note)
    try:
        if text is not None:
            return _ask(conversation, text, as_json=options.json)
        return _talk(conversation)
    finally:
        conversation.close()


def _message(options: argparse.Namespace) -> str | None:
    """The one message, or `None` for a conversation."""
    given: str | None = options.message
    if given is None and sys.stdin.isatty():
        if options.json:
            raise Misused("--json needs a message", "use homarus chat --json MESSAGE")
        return None
    text = sys.stdin.read() if given in {None, "-"} else given or ""
    if not text.strip():
        raise Misused("there is no message", "use homarus chat MESSAGE")
    return text


def _ask(conversation: Conversation, text: str, *, as_json: bool) -> int:
    reply = conversation.say(text, _nowhere if as_json else to_stdout)
    if as_json:
        print_json(reply)
    elif reply.text:
        print()
    return _ended(reply)


def _ended(reply: Reply) -> int:
    if reply.how == "final":
        return 0
    if reply.how == "aborted":
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    raise failure(reply)


def _talk(conversation: Conversation) -> int:
    from gateway.cli.prompt import Prompt

    print(dim(f"{one_line(conversation.session_key)} · Ctrl-C stops an answer, Ctrl-D leaves"))
    prompt = Prompt(conversation)
    while True:
        line = prompt.read()
        if line is None or line.strip() in LEAVE:
            return 0
        if not line.strip():
            continue
        try:
            reply = conversation.say(line, to_stdout)
        except CommandFailed as failed:
            print(red(f"homarus: {failed}"))
            continue
        if reply.text:
            print()
        if reply.how == "aborted":
            print(dim("stopped"))
        elif reply.how == "error":
            print(red(f"homarus: {failure(reply)}"))


def _note(text: str) -> None:
    print(dim(f"· {text}"), file=sys.stderr)


def _no_note(text: str) -> None:
    """For output that a program reads: it holds the answer only."""


def _nowhere(text: str) -> None:
    """For --json, which prints when all is known."""
