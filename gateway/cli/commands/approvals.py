"""`homarus approvals`: what waits for a person's permission, and what has it."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import Client, connect
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import age, bold, dim, duration, escaped, one_line, print_json, print_table
from protocol.methods.approvals import (
    ApprovalGet,
    ApprovalHistory,
    ApprovalResolve,
    ExecApprovalGrantsList,
    ExecApprovalGrantsRevoke,
    ExecApprovalList,
    PluginApprovalList,
    SystemApprovalList,
)
from protocol.nouns.approval import Approval, ApprovalRequest, Decision

ID_CHARS = 8
"""Of an id in a table: 32 bits are unique among the requests of any day."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    add_reach(commands.add("list", _list, "what waits for your permission"))
    allow = add_reach(commands.add("allow", _allow, "permit it, once"))
    _add_request(allow)
    allow.add_argument("--always", action="store_true", help="for good: the same is not asked again")
    allow.add_argument("--days", type=int, metavar="N", help="with --always: for so many days")
    deny = add_reach(commands.add("deny", _deny, "refuse it"))
    _add_request(deny)
    history = add_reach(commands.add("history", _history, "what was decided in the last 30 days"))
    history.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    add_reach(commands.add("grants", _grants, "what is permitted for good"))
    revoke = add_reach(commands.add("revoke", _revoke, "take such a permission back"))
    revoke.add_argument("grant", help="its id, or the start of it")


def _add_request(parser: Parser) -> None:
    parser.add_argument("request", help="its id, or the start of it")


def _pending(client: Client) -> list[ApprovalRequest]:
    calls = (ExecApprovalList(), PluginApprovalList(), SystemApprovalList())
    return [request for call in calls for request in client.ask(call).value]


def _list(options: argparse.Namespace) -> int:
    with connect(options) as client:
        waiting = _pending(client)
    if options.json:
        print_json(waiting)
        return 0
    if not waiting:
        print("Nothing waits for your permission.")
        return 0
    for request in waiting:
        _show(request)
    print(dim("permit one with: homarus approvals allow ID; refuse it with: homarus approvals deny ID"))
    return 0


def _show(request: ApprovalRequest) -> None:
    """One request in full: whoever decides must see all of it."""
    told = request.request
    facts = [
        f"agent {told.get('agentId')}" if told.get("agentId") else None,
        f"on node {told.get('nodeId')}" if told.get("nodeId") else "on the gateway",
        f"in {told.get('cwd')}" if told.get("cwd") else None,
        f"asked {age(request.created_at_ms)}",
    ]
    print(f"{bold(one_line(request.id, 128))}  {one_line(', '.join(fact for fact in facts if fact), 500)}")
    print(f"    {escaped(str(told.get('command', '?')))}")
    if told.get("warningText"):
        print(f"    {escaped(str(told['warningText']))}")


def _allow(options: argparse.Namespace) -> int:
    if options.days is not None and not (options.always and 1 <= options.days <= 3650):
        raise Misused("--days needs --always and a number from 1 to 3650", "leave it out to allow once")
    return _decide(options, "allow-always" if options.always else "allow-once")


def _deny(options: argparse.Namespace) -> int:
    return _decide(options, "deny")


def _decide(options: argparse.Namespace, decision: Decision) -> int:
    days = getattr(options, "days", None)
    with connect(options) as client:
        approval_id = _found(_pending(client), options.request)
        kind = client.ask(ApprovalGet(id=approval_id)).value.approval.presentation.kind
        answer = client.ask(
            ApprovalResolve(id=approval_id, kind=kind, decision=decision, grant_expires_in_days=days)
        )
    if options.json:
        print_json(answer.raw)
    elif not answer.value.applied:
        raise CommandFailed(
            f"{one_line(approval_id)} was already {_outcome(answer.value.approval)}",
            "look at `homarus approvals history`",
        )
    else:
        print(f"{_outcome(answer.value.approval)}: {_command(answer.value.approval)}")
    return 0


def _found(waiting: Sequence[ApprovalRequest], typed: str) -> str:
    ids = [request.id for request in waiting]
    found = [known for known in ids if known == typed] or [known for known in ids if known.startswith(typed)]
    if not found:
        raise CommandFailed(f"no request {one_line(typed)} waits", "look at `homarus approvals list`")
    if len(found) > 1:
        raise Misused(f"{len(found)} requests begin with {one_line(typed)}", "type more of the id")
    return found[0]


def _history(options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= 100:
        raise Misused("--limit must be 1 to 100", "the audit log has everything: homarus audit export")
    with connect(options) as client:
        answer = client.ask(ApprovalHistory(limit=options.limit))
    if options.json:
        print_json(answer.raw)
        return 0
    items = answer.value.items
    if not items:
        print("Nothing was decided yet.")
        return 0
    print_table(
        ("ID", "WHEN", "OUTCOME", "BY", "AGENT", "COMMAND"),
        [
            (
                item.id[:ID_CHARS],
                age(item.resolved_at_ms),
                _outcome(item),
                "-" if item.resolver is None else one_line(item.resolver.id or item.resolver.kind, 20),
                item.presentation.agent_id or "-",
                _command(item),
            )
            for item in items
        ],
    )
    return 0


def _outcome(approval: Approval) -> str:
    if approval.decision == "allow-once":
        return "allowed once"
    return "allowed for good" if approval.decision == "allow-always" else approval.status


def _command(approval: Approval) -> str:
    return one_line(approval.presentation.command_text, 80)


def _grants(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(ExecApprovalGrantsList(limit=500))
    if options.json:
        print_json(answer.raw)
        return 0
    grants = answer.value.grants
    if not grants:
        print("Nothing is permitted for good.")
        return 0
    now_ms = datetime.now(UTC).timestamp() * 1000
    rows: list[tuple[str, ...]] = []
    for grant in grants:
        state = "until revoked"
        if grant.revoked_at_ms is not None:
            state = f"revoked {age(grant.revoked_at_ms)}"
        elif grant.expires_at_ms is not None:
            left_ms = grant.expires_at_ms - now_ms
            state = f"for {duration(left_ms)}" if left_ms > 0 else "expired"
        where = grant.cron_job_id
        uses = f"{grant.use_count}, {age(grant.last_used_at_ms)}" if grant.use_count else "0"
        rows.append((grant.grant_id[:ID_CHARS], grant.agent_id, where[:12], grant.command, uses, state))
    print_table(("GRANT", "AGENT", "WHERE", "COMMAND", "USES", "STATE"), rows)
    return 0


def _revoke(options: argparse.Namespace) -> int:
    with connect(options) as client:
        grants = client.ask(ExecApprovalGrantsList(limit=500)).value.grants
        ids = [grant.grant_id for grant in grants if grant.grant_id.startswith(options.grant)]
        if not ids:
            raise CommandFailed(
                f"there is no grant {one_line(options.grant)}", "look at `homarus approvals grants`"
            )
        if len(ids) > 1:
            raise Misused(f"{len(ids)} grants begin with {one_line(options.grant)}", "type more of the id")
        answer = client.ask(ExecApprovalGrantsRevoke(grant_id=ids[0]))
    if options.json:
        print_json(answer.raw)
    else:
        print(f"{answer.value.outcome.replace('-', ' ')}; the next such command asks again")
    return 0
