"""`homarus audit`: what happened that matters for trust, and whether that record is whole."""

import argparse
import re
import sys
from datetime import UTC, datetime

import msgspec

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import connect
from gateway.cli.failure import Misused
from gateway.cli.output import dim, escaped_json, green, one_line, print_json, print_table, red, size_text
from protocol.methods.audit import AuditEntries, AuditVerified, AuditVerify
from protocol.nouns.audit import AuditEntry

PAGE = 500

DETAILS_CHARS = 80
"""Of the details of an entry in a table; `--json` has them all."""

VERIFY_PATIENCE_S = 600.0
"""A million entries take about ten seconds; slow disks and the tenfold are covered."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    verify = add_reach(commands.add("verify", _verify, "check that no entry was changed, removed or added"))
    verify.add_argument(
        "--head", metavar="SEQ:HASH", help="an end of the log that you noted; it must still be there"
    )
    entries = add_reach(commands.add("list", _list, "the latest entries"))
    _add_filters(entries)
    entries.add_argument("--limit", type=int, default=50, metavar="N", help="how many (50)")
    export = add_reach(commands.add("export", _export, "every entry as a JSON line, oldest first"))
    _add_filters(export)


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--action", metavar="NAME", help="such as device.pair.approved, or device.*")
    parser.add_argument("--actor", metavar="WHO", help="only what this device, client or agent did")
    parser.add_argument("--subject", metavar="WHAT", help="only what was done to this")


def _verify(options: argparse.Namespace) -> int:
    call = AuditVerify()
    if options.head is not None:
        match = re.fullmatch(r"([1-9][0-9]{0,15}):([0-9a-f]{64})", options.head)
        if match is None:
            raise Misused("--head is not SEQ:HASH", "copy it from an earlier `homarus audit verify`")
        call = AuditVerify(head_seq=int(match[1]), head_hash=match[2])
    with connect(options) as client:
        answer = client.ask(call, max(options.timeout, VERIFY_PATIENCE_S))
    if options.json:
        print_json(answer.raw)
    else:
        _show(answer.value)
    return 0 if answer.value.ok else 1


def _show(found: AuditVerified) -> None:
    if found.ok:
        print(green(f"The audit log is whole: {found.entries} entries, {size_text(found.file_bytes)}."))
    else:
        print(red(f"The audit log is broken: {one_line(found.message or '?', 300)}."))
        print(f"Whole up to entry {found.entries}; look there with: homarus audit list")
    print(f"First  {found.genesis_hash}")
    print(f"Head   {found.head_seq}:{found.head_hash}")
    if found.ok:
        print(dim("Note the head elsewhere; later: homarus audit verify --head SEQ:HASH"))


def _list(options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= PAGE:
        raise Misused(f"--limit must be 1 to {PAGE}", "use `homarus audit export` for everything")
    call = AuditEntries(
        action=options.action, actor=options.actor, subject=options.subject, limit=options.limit
    )
    with connect(options) as client:
        answer = client.ask(call)
    if options.json:
        print_json(answer.raw)
        return 0
    entries = answer.value.entries
    if not entries:
        print("No such entry.")
        return 0
    print_table(
        ("SEQ", "WHEN", "ACTION", "BY", "ON", "OUTCOME", "DETAILS"), [_row(entry) for entry in entries]
    )
    return 0


def _row(entry: AuditEntry) -> tuple[str, ...]:
    when = datetime.fromtimestamp(entry.ts_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    details = "" if entry.details_text == "{}" else entry.details_text
    return (
        str(entry.seq),
        when,
        entry.action,
        one_line(entry.actor, 20),
        one_line(entry.subject, 20) or "-",
        entry.outcome,
        one_line(details, DETAILS_CHARS),
    )


def _export(options: argparse.Namespace) -> int:
    cursor: str | None = None
    with connect(options) as client:
        while True:
            page = client.ask(
                AuditEntries(
                    action=options.action,
                    actor=options.actor,
                    subject=options.subject,
                    order="oldest",
                    limit=PAGE,
                    cursor=cursor,
                )
            ).value
            for entry in page.entries:
                sys.stdout.write(escaped_json(msgspec.json.encode(entry).decode()) + "\n")
            cursor = page.next_cursor
            if cursor is None:
                return 0
