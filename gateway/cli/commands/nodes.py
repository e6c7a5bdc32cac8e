"""`homarus nodes`: devices that lend their abilities to agents."""

import argparse
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import Answer, Client, connect
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import age, bold, dim, one_line, print_fields, print_json, print_table, size_text
from protocol.ids import new_id
from protocol.methods.nodes import (
    NodeDescribe,
    NodeInvoke,
    NodeInvoked,
    NodeList,
    NodePairApprove,
    NodePairList,
    NodePairReject,
    NodePairRemove,
    NodeRename,
)
from protocol.node_names import Named, nodes_called
from protocol.nouns.node import NodePairRequest, NodeRow

R = TypeVar("R")
N = TypeVar("N", bound=Named)

ID_CHARS: Final = 12
"""Of a node id in a table: 48 bits are unique among the devices of any household."""

GRACE_S: Final = 5.0
"""How much longer we wait than the gateway does, to hear from it that the node was silent."""

RUNS: Final = frozenset({"system.run", "system.run.prepare"})
"""What only agents ask for, because a person has to approve it."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    add_reach(commands.add("list", _list, "every node, connected ones first"))
    add_reach(commands.add("status", _status, "how the machines of the nodes are"))
    _add_node(add_reach(commands.add("describe", _describe, "everything known of a node")))
    add_reach(commands.add("pending", _pending, "nodes that offer something nobody has approved yet"))
    approve = add_reach(commands.add("approve", _approve, "let agents ask a node for what it offers"))
    approve.add_argument("request", nargs="?", help="its request, node or name; not needed for the only one")
    reject = add_reach(commands.add("reject", _reject, "turn down what a node offers"))
    reject.add_argument("request", help="its request, node or name")
    _add_node(
        add_reach(commands.add("remove", _remove, "withdraw everything from a node; it is disconnected"))
    )
    rename = add_reach(commands.add("rename", _rename, "give a node a name of your own"))
    _add_node(rename)
    rename.add_argument("name")
    _configure_asking(commands)


def _configure_asking(commands: Subcommands) -> None:
    invoke = add_reach(commands.add("invoke", _invoke, "ask a node for one of its commands"))
    _add_node(invoke)
    invoke.add_argument("command_name", metavar="COMMAND", help="such as device.status")
    invoke.add_argument("--params", metavar="JSON", help="what the command takes, as a JSON object")
    notify = add_reach(commands.add("notify", _notify, "show something to whoever is at a node"))
    _add_node(notify)
    notify.add_argument("text")
    notify.add_argument("--title", default="Homarus", help="above it (Homarus)")


def _add_node(parser: Parser) -> None:
    parser.add_argument("node", help="its name, id, the start of its id, or its address")


# Looking


def _list(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(NodeList())
    if options.json:
        print_json(answer.raw)
        return 0
    nodes = answer.value.nodes
    if not nodes:
        print("No node is there; on a device run: homarus node run")
        return 0
    print_table(
        ("NODE", "NAME", "PLATFORM", "STATE", "OFFERS"),
        [
            (row.node_id[:ID_CHARS], _name(row), row.platform or "-", _state(row), _families(row.commands))
            for row in nodes
        ],
    )
    if any(row.approval_state.startswith("pending") for row in nodes):
        print(dim("see what waits with: homarus nodes pending"))
    return 0


def _status(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(NodeList())
    if options.json:
        print_json(answer.raw)
        return 0
    print_table(
        ("NODE", "NAME", "STATE", "LOAD", "MEMORY FREE", "DISK FREE", "MEASURED"),
        [(row.node_id[:ID_CHARS], _name(row), _state(row), *_load(row)) for row in answer.value.nodes],
    )
    return 0


def _load(row: NodeRow) -> tuple[str, str, str, str]:
    stats = row.host_stats
    if stats is None:
        return ("-", "-", "-", "-")
    load = f"{stats.load_average[0]:.2f} of {stats.cpu_count}" if stats.load_average else "-"
    memory = f"{size_text(stats.memory_free_bytes)} of {size_text(stats.memory_total_bytes)}"
    disk = "-" if stats.disk_available_bytes is None else size_text(stats.disk_available_bytes)
    return (load, memory, disk, age(stats.updated_at_ms))


def _describe(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(NodeDescribe(node_id=_node(client, options.node).node_id))
    if options.json:
        print_json(answer.raw)
        return 0
    row = answer.value
    permissions = [f"{name}{'' if given else ' (no)'}" for name, given in (row.permissions or {}).items()]
    print_fields(
        (
            ("name", _name(row)),
            ("node", row.node_id),
            ("state", _state(row)),
            ("platform", " ".join(filter(None, (row.platform, row.model_identifier))) or "-"),
            ("program", " ".join(filter(None, (row.client_id, row.version))) or "-"),
            ("address", row.remote_ip or "this machine"),
            ("approved", age(row.approved_at_ms)),
            ("capabilities", ", ".join(row.caps) or "-"),
            ("commands", ", ".join(row.commands) or "-"),
            ("permissions", ", ".join(permissions) or "-"),
        )
    )
    if row.pending_declared_commands is not None:
        print(dim(f"waits for approval: {', '.join(row.pending_declared_commands) or 'a change'}"))
    return 0


def _pending(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(NodePairList())
    if options.json:
        print_json(answer.raw)
        return 0
    waiting = answer.value.pending
    if not waiting:
        print("No node waits for approval")
        return 0
    print(bold("Waiting for approval"))
    print_table(
        ("REQUEST", "NODE", "NAME", "PLATFORM", "FROM", "ASKED"),
        [
            (
                request.request_id,
                request.node_id[:ID_CHARS],
                _name(request),
                request.platform or "-",
                request.remote_ip or "this machine",
                age(request.ts),
            )
            for request in waiting
        ],
    )
    for request in waiting:
        # Whole: nobody should approve what was cut from a line.
        print(
            f"{one_line(_name(request))} offers: {one_line(', '.join(request.commands) or 'nothing', 10_000)}"
        )
    print(dim("approve one with: homarus nodes approve REQUEST"))
    return 0


# Deciding


def _approve(options: argparse.Namespace) -> int:
    with connect(options) as client:
        request = _request(client, options.request)
        answer = client.ask(NodePairApprove(request_id=request.request_id))
    offered = ", ".join(answer.value.node.commands) or "nothing"
    return _done(
        options, answer, f"approved {_label(request)}; it may be asked for: {one_line(offered, 10_000)}"
    )


def _reject(options: argparse.Namespace) -> int:
    with connect(options) as client:
        request = _request(client, options.request)
        answer = client.ask(NodePairReject(request_id=request.request_id))
    return _done(options, answer, f"turned down what {_label(request)} offers; what it had before stays")


def _remove(options: argparse.Namespace) -> int:
    with connect(options) as client:
        row = _node(client, options.node)
        answer = client.ask(NodePairRemove(node_id=row.node_id))
    return _done(options, answer, f"removed {_label(row)}; it may ask again")


def _rename(options: argparse.Namespace) -> int:
    with connect(options) as client:
        row = _node(client, options.node)
        answer = client.ask(NodeRename(node_id=row.node_id, display_name=options.name))
    return _done(options, answer, f"renamed {_label(row)} to {one_line(answer.value.display_name)}")


# Asking


def _invoke(options: argparse.Namespace) -> int:
    if options.command_name in RUNS:
        raise Misused(
            f"{options.command_name} is only run by agents, which ask for your yes first",
            f'try `homarus chat "run … on {one_line(options.node)}"`',
        )
    answer = _asked(options, options.command_name, _params(options.params))
    print_json(answer.raw if options.json else msgspec.json.decode(answer.value.payload))
    return 0


def _notify(options: argparse.Namespace) -> int:
    params = msgspec.json.encode({"title": options.title, "body": options.text})
    answer = _asked(options, "system.notify", msgspec.Raw(params))
    return _done(options, answer, "shown")


def _asked(options: argparse.Namespace, command: str, params: msgspec.Raw) -> Answer[NodeInvoked]:
    with connect(options) as client:
        call = NodeInvoke(
            node_id=_node(client, options.node).node_id,
            command=command,
            params=params,
            timeout_ms=round(options.timeout * 1000),
            idempotency_key=new_id(),
        )
        return client.ask(call, options.timeout + GRACE_S)


def _params(text: str | None) -> msgspec.Raw:
    try:
        msgspec.json.decode(text or "{}", type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise Misused(f"--params is not a JSON object: {error}", """write it like '{"name": 1}'""") from error
    return msgspec.Raw((text or "{}").encode())


# Naming


def _node(client: Client, typed: str) -> NodeRow:
    """The node meant.

    Raises:
        CommandFailed: none, or several.
    """
    found = nodes_called(client.ask(NodeList()).value.nodes, typed)
    # A device that was set up anew leaves an old row of its name behind.
    return _only([row for row in found if row.connected] or found, typed, "node", "list")


def _request(client: Client, typed: str | None) -> NodePairRequest:
    """The waiting request meant.

    Raises:
        CommandFailed: none, or several.
    """
    waiting = client.ask(NodePairList()).value.pending
    if typed is None:
        if not waiting:
            raise CommandFailed("no node waits for approval", "connect one with `homarus node run`")
        if len(waiting) > 1:
            raise Misused(f"{len(waiting)} nodes wait", "name one of `homarus nodes pending`")
        return waiting[0]
    by_id = [request for request in waiting if request.request_id.startswith(typed)]
    return _only(by_id or nodes_called(waiting, typed), typed, "waiting node", "pending")


def _only(found: Sequence[N], typed: str, kind: str, listed_by: str) -> N:
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(f"no {kind} is called {one_line(typed)}", f"look at `homarus nodes {listed_by}`")
    raise Misused(f"{one_line(typed)} means {len(found)} {kind}s", "type the start of its id")


# Showing


def _done(options: argparse.Namespace, answer: Answer[R], text: str) -> int:
    if options.json:
        print_json(answer.raw)
    else:
        print(text)
    return 0


def _name(row: Named) -> str:
    return row.display_name or "-"


def _label(row: Named) -> str:
    return f"{one_line(_name(row))} ({row.node_id[:ID_CHARS]})"


def _state(row: NodeRow) -> str:
    seen = "connected" if row.connected else f"seen {age(row.last_seen_at_ms)}"
    if row.approval_state == "approved":
        return seen + (", in use" if row.active else "")
    waits = "offers more" if row.approval_state == "pending-reapproval" else "waits for approval"
    return f"{seen}, {'not approved' if row.approval_state == 'unapproved' else waits}"


def _families(commands: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(name.partition(".")[0] for name in commands)) or "-"
