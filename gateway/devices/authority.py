"""Who may manage which device. Nobody hands out, keeps or takes away more than they hold.

Source: OpenClaw docs/gateway/protocol/auth.md and docs/cli/devices.md (2026.9.6); its denials, recorded.
"""

from gateway.devices.model import Ask
from gateway.kernel.rpc.context import Principal
from protocol.errors import InvalidRequest
from protocol.scopes import Role, Scope, allows, covers


def is_admin(caller: Principal) -> bool:
    """Whether the caller may do everything."""
    return allows(caller.scopes, Scope.ADMIN)


def manages(caller: Principal, device_id: str) -> bool:
    """Whether a device is the caller's business: its own; any for an admin or a caller without a device."""
    return caller.device_id in {None, device_id} or is_admin(caller)


def may_approve(caller: Principal, ask: Ask) -> bool:
    """Whether the caller holds everything the device asks for; letting a node in takes an admin."""
    if ask.role is not Role.OPERATOR:
        return is_admin(caller)
    return manages(caller, ask.device_id) and covers(caller.scopes, ask.scopes)


def may_touch_token(caller: Principal, device_id: str, role: Role, *grants: tuple[Scope, ...]) -> bool:
    """Whether the caller may replace or end a device's token.

    Args:
        caller: Who asks.
        device_id: Whose token.
        role: The token's role; tokens of nodes are for admins.
        grants: Scopes the token has now and would have then; the caller must hold them all.
    """
    if role is not Role.OPERATOR:
        return is_admin(caller)
    return manages(caller, device_id) and all(covers(caller.scopes, scopes) for scopes in grants)


def denied(action: str) -> InvalidRequest:
    """The refusal of an action. It says nothing about the device, which may not be the caller's to know."""
    return InvalidRequest(f"{action} denied")
