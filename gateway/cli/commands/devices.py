"""`homarus devices`: who may connect."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import Answer, connect
from gateway.cli.output import age, bold, dim, one_line, print_json, print_table
from gateway.cli.pairing import find_device, find_request, find_role, show_setup_code, wait_for_device
from protocol.method import Call
from protocol.methods.device import (
    DevicePairApprove,
    DevicePairList,
    DevicePairListResult,
    DevicePairReject,
    DevicePairRemove,
    DevicePairRename,
    DevicePairSetupCode,
    DevicesRepair,
    DeviceTokenRevoke,
    DeviceTokenRotate,
)
from protocol.nouns.device import PairedDevice, PairRequest
from protocol.scopes import Scope

R = TypeVar("R")

ID_CHARS = 12
"""Of a device id in a table: 48 bits are unique among the devices of any household."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    add_reach(commands.add("list", _list, "paired devices, and those that wait for approval"))
    approve = add_reach(commands.add("approve", _approve, "let a waiting device in"))
    approve.add_argument(
        "request", nargs="?", help="its request, or the start of it; not needed for the only one"
    )
    reject = add_reach(commands.add("reject", _reject, "turn a waiting device away"))
    reject.add_argument("request", help="its request, or the start of it")
    remove = add_reach(commands.add("remove", _remove, "forget a device; it is disconnected at once"))
    _add_device(remove)
    rename = add_reach(commands.add("rename", _rename, "give a device a name of your own"))
    _add_device(rename)
    rename.add_argument("name")
    rotate = add_reach(
        commands.add("rotate", _rotate, "replace a device's token; it is disconnected at once")
    )
    _add_device(rotate)
    _add_role(rotate)
    rotate.add_argument("--scope", action="append", metavar="SCOPE", help="of the new token; may be repeated")
    revoke = add_reach(commands.add("revoke", _revoke, "end a device's token; it is disconnected at once"))
    _add_device(revoke)
    _add_role(revoke)
    pair = add_reach(commands.add("pair", _pair, "show a code that lets one device in"))
    pair.add_argument("--public-url", metavar="URL", help="where the device will reach this gateway")
    access = pair.add_mutually_exclusive_group()
    access.add_argument("--limited", action="store_true", help="without the right to administer")
    access.add_argument("--node", action="store_true", help="as a node only")
    pair.add_argument("--link", action="store_true", help="also make a link that shows the code once")
    pair.add_argument("--no-wait", action="store_true", help="do not wait until the code is used")
    repair = add_reach(commands.add("repair", _repair, "lift lock-outs and clear what expired"))
    repair.add_argument("--approve", metavar="REQUEST", help="also let this waiting device in")


def _add_device(parser: Parser) -> None:
    parser.add_argument("device", help="its id or the start of it, or its name")


def _add_role(parser: Parser) -> None:
    parser.add_argument("--role", choices=("operator", "node"), help="of the token, when it has several")


def _list(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(DevicePairList())
    if options.json:
        print_json(answer.raw)
    else:
        _show_list(answer.value)
    return 0


def _show_list(devices: DevicePairListResult) -> None:
    if devices.pending:
        print(bold("Waiting for approval"))
        _show_pending(devices.pending)
        print(dim("approve one with: homarus devices approve REQUEST\n"))
    if not devices.paired:
        print("No device is paired; pair one with: homarus devices pair")
        return
    print_table(
        ("DEVICE", "NAME", "ROLES", "SCOPES", "TOKENS", "LAST SEEN"),
        [
            (
                device.device_id[:ID_CHARS],
                _name(device),
                ", ".join(device.roles),
                _scopes(device.scopes),
                _tokens(device),
                "connected" if device.connected else age(device.last_seen_at_ms),
            )
            for device in devices.paired
        ],
    )


def _show_pending(requests: Sequence[PairRequest]) -> None:
    print_table(
        ("REQUEST", "DEVICE", "NAME", "ROLE", "SCOPES", "FROM", "ASKED"),
        [
            (
                request.request_id,
                request.device_id[:ID_CHARS],
                request.display_name or request.client_id or "-",
                request.role + (" (paired before)" if request.is_repair else ""),
                _scopes(request.scopes),
                request.remote_ip or "this machine",
                age(request.ts),
            )
            for request in requests
        ],
    )


def _approve(options: argparse.Namespace) -> int:
    with connect(options) as client:
        waiting = client.ask(DevicePairList()).value.pending
        request = find_request(waiting, options.request)
        answer = client.ask(DevicePairApprove(request_id=request.request_id))
    return _done(options, answer, f"approved {_label(answer.value.device)} as {request.role}")


def _reject(options: argparse.Namespace) -> int:
    with connect(options) as client:
        request = find_request(client.ask(DevicePairList()).value.pending, options.request)
        answer = client.ask(DevicePairReject(request_id=request.request_id))
    return _done(options, answer, f"turned away {request.device_id[:ID_CHARS]}; it may ask again")


def _remove(options: argparse.Namespace) -> int:
    return _change(options, lambda device: DevicePairRemove(device_id=device.device_id), "removed")


def _rename(options: argparse.Namespace) -> int:
    def call(device: PairedDevice) -> DevicePairRename:
        return DevicePairRename(device_id=device.device_id, label=options.name)

    return _change(options, call, "renamed")


def _rotate(options: argparse.Namespace) -> int:
    scopes = tuple(_full_scope(name) for name in options.scope) if options.scope else None

    def call(device: PairedDevice) -> DeviceTokenRotate:
        role = find_role(device, options.role)
        return DeviceTokenRotate(device_id=device.device_id, role=role, scopes=scopes)

    return _change(
        options, call, "new token for", "; it gets it the next time it connects with the shared secret"
    )


def _revoke(options: argparse.Namespace) -> int:
    def call(device: PairedDevice) -> DeviceTokenRevoke:
        return DeviceTokenRevoke(device_id=device.device_id, role=find_role(device, options.role))

    return _change(options, call, "revoked the token of")


def _change(
    options: argparse.Namespace, call: Callable[[PairedDevice], Call[R]], said: str, after: str = ""
) -> int:
    with connect(options) as client:
        device = find_device(client.ask(DevicePairList()).value.paired, options.device)
        answer = client.ask(call(device))
    return _done(options, answer, f"{said} {_label(device)}{after}")


def _pair(options: argparse.Namespace) -> int:
    call = DevicePairSetupCode(
        public_url=options.public_url,
        include_qr=False,
        bootstrap_profile="node" if options.node else "limited" if options.limited else None,
        join_url=options.link,
    )
    with connect(options) as client:
        answer = client.ask(call)
        if options.json:
            print_json(answer.raw)
            return 0
        code = answer.value
        show_setup_code(code)
        if options.no_wait or not sys.stdout.isatty():
            return 0
        return wait_for_device(client, code)


def _repair(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(DevicesRepair(approve=options.approve))
    if options.json:
        print_json(answer.raw)
        return 0
    repaired = answer.value
    for action in repaired.actions or ["nothing stood in the way"]:
        print(one_line(action))
    if repaired.pending:
        _show_pending(repaired.pending)
    return 0


def _done(options: argparse.Namespace, answer: Answer[R], text: str) -> int:
    if options.json:
        print_json(answer.raw)
    else:
        print(text)
    return 0


def _label(device: PairedDevice) -> str:
    return f"{one_line(_name(device))} ({device.device_id[:ID_CHARS]})"


def _name(device: PairedDevice) -> str:
    return device.operator_label or device.display_name or device.client_id or "-"


def _scopes(scopes: Iterable[Scope]) -> str:
    return ", ".join(scope.removeprefix("operator.") for scope in scopes) or "-"


def _full_scope(name: str) -> str:
    return name if name.startswith("operator.") else f"operator.{name}"


def _tokens(device: PairedDevice) -> str:
    return (
        ", ".join(f"{token.role}{' (revoked)' if token.revoked_at_ms else ''}" for token in device.tokens)
        or "-"
    )
