"""Finding devices by what people type, and showing a setup code."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.cli.client import Client
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import dim, one_line
from protocol.events.device import DevicePairSetupCompleted
from protocol.methods.device import DeviceSetupCode
from protocol.nouns.device import PairedDevice, PairRequest
from protocol.peer import Happened
from protocol.scopes import Role

T = TypeVar("T")


def find_request(waiting: Sequence[PairRequest], typed: str | None) -> PairRequest:
    """The request meant: by the start of its id or device id, or the only one.

    Raises:
        CommandFailed: when that is none or several.
    """
    if typed is None:
        if len(waiting) == 1:
            return waiting[0]
        if not waiting:
            raise CommandFailed("no device waits for approval", "connect with it first")
        raise Misused(f"{len(waiting)} devices wait", "name one of the requests in `homarus devices list`")
    return _only(
        waiting,
        typed,
        lambda request: request.request_id.startswith(typed) or request.device_id.startswith(typed),
        "waiting request",
    )


def find_device(paired: Sequence[PairedDevice], typed: str) -> PairedDevice:
    """The device meant: by the start of its id, or by its name.

    Raises:
        CommandFailed: when that is none or several.
    """
    return _only(
        paired,
        typed,
        lambda device: (
            device.device_id.startswith(typed) or typed in {device.operator_label, device.display_name}
        ),
        "paired device",
    )


def find_role(device: PairedDevice, asked: str | None) -> str:
    """The role whose token is meant: the one named, or the only one the device has.

    Raises:
        Misused: when it has several.
    """
    if asked is not None:
        return asked
    roles = {token.role for token in device.tokens if token.revoked_at_ms is None} or set(device.roles)
    if len(roles) > 1:
        raise Misused("the device has tokens of several roles", "name one with --role")
    return next(iter(roles), Role.OPERATOR)


def show_setup_code(code: DeviceSetupCode) -> None:
    """The code as text and, on a terminal, to be scanned."""
    if sys.stdout.isatty():
        import segno

        segno.make(code.setup_code, error="l").terminal(compact=True)
    print(f"setup code  {code.setup_code}")
    if code.join_url is not None:
        print(f"link        {one_line(code.join_url, 500)}")
    minutes = max(1, round((code.expires_at_ms / 1000 - time.time()) / 60))
    print(
        f"for         {one_line(code.gateway_url, 500)}, {code.access} access, one device, {minutes} minutes"
    )
    if code.access_downgraded:
        print("The address is not encrypted, so the code gives limited access; use https:// for full access.")


def wait_for_device(client: Client, code: DeviceSetupCode) -> int:
    """Wait until the code was used or has expired, and say which; the exit code."""
    print(dim("waiting for the device; Ctrl-C leaves, the code stays good"))
    while True:
        left_s = code.expires_at_ms / 1000 - time.time()
        if left_s <= 0:
            raise CommandFailed("nobody used the code", "make another with `homarus devices pair`")
        item = client.happened() or client.next(left_s)
        if not isinstance(item, Happened) or not isinstance(item.payload, DevicePairSetupCompleted):
            continue
        if item.payload.setup_id == code.setup_id:
            print(f"paired {one_line(item.payload.device_name or item.payload.device_id)}")
            return 0


def _only(candidates: Sequence[T], typed: str, matches: Callable[[T], bool], kind: str) -> T:
    found = [candidate for candidate in candidates if matches(candidate)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(f"no {kind} is called {one_line(typed)}", "look at `homarus devices list`")
    raise Misused(f"{len(found)} of the {kind}s begin with {one_line(typed)}", "type more of it")
