"""Every reason not to let somebody in, as the typed error clients branch on.

Codes, details and the first words of each message are those OpenClaw's clients know; what follows in
brackets is the next step for a person. Source: refusals recorded from OpenClaw 2026.9.6 (handshake error
matrix).
"""

from typing import Final, Literal

from gateway.devices.model import Ask, Device, Pending
from protocol.errors import InvalidRequest, LockedOut, NotPaired, Unauthorized

UpgradeReason = Literal["role-upgrade", "scope-upgrade", "metadata-upgrade"]
PairingReason = Literal["not-paired", "role-upgrade", "scope-upgrade", "metadata-upgrade"]

_NEXT_STEP: Final = {
    "AUTH_TOKEN_MISSING": "update_auth_configuration",
    "AUTH_PASSWORD_MISSING": "update_auth_configuration",
    "AUTH_SCOPE_MISMATCH": "review_auth_configuration",
    "AUTH_BOOTSTRAP_TOKEN_INVALID": "review_auth_configuration",
    "AUTH_RATE_LIMITED": "wait_then_retry",
}
"""What a client should do by itself; anything else is `update_auth_credentials`."""

_PAIRING_TEXT: Final[dict[PairingReason, tuple[str, str]]] = {
    "not-paired": ("device is not approved yet", "Approve it with: homarus devices approve {id}"),
    "role-upgrade": (
        "device is asking for a higher role than currently approved",
        "Check the role it asks for, then: homarus devices approve {id}",
    ),
    "scope-upgrade": (
        "device is asking for more scopes than currently approved",
        "Check the scopes it asks for, then: homarus devices approve {id}",
    ),
    "metadata-upgrade": (
        "device identity changed and must be re-approved",
        "Check what changed about it, then: homarus devices approve {id}",
    ),
}


def _unauthorized(text: str, code: str, *, retry_with_device: bool = False) -> Unauthorized:
    next_step = _NEXT_STEP.get(code, "update_auth_credentials")
    return Unauthorized(
        f"unauthorized: {text}",
        {
            "code": code,
            "authReason": code.removeprefix("AUTH_").lower(),
            "canRetryWithDeviceToken": retry_with_device,
            "recommendedNextStep": "retry_with_device_token" if retry_with_device else next_step,
        },
    )


def secret_missing(kind: str) -> Unauthorized:
    """No token or password was sent. `kind` is the mode, `token` or `password`."""
    return _unauthorized(
        f"gateway {kind} missing (send this gateway's {kind}, or pair the device)",
        f"AUTH_{kind.upper()}_MISSING",
    )


def secret_wrong(kind: str, *, has_device: bool) -> Unauthorized:
    """The token or password is not the gateway's; a client with a device may try its device token."""
    return _unauthorized(
        f"gateway {kind} mismatch (use this gateway's {kind}, or pair the device)",
        f"AUTH_{kind.upper()}_MISMATCH",
        retry_with_device=has_device,
    )


def device_token_wrong() -> Unauthorized:
    """The device token is not this device's, or no longer."""
    return _unauthorized("device token mismatch (pair the device again)", "AUTH_DEVICE_TOKEN_MISMATCH")


def device_token_too_small() -> Unauthorized:
    """The device token does not cover what was asked for."""
    return _unauthorized(
        "device token scope mismatch (ask for less, or have the device approved for more)",
        "AUTH_SCOPE_MISMATCH",
    )


def setup_code_wrong() -> Unauthorized:
    """The setup code is unknown, expired, used, or not for this."""
    return _unauthorized(
        "setup code invalid, expired or already used (make a new one on the gateway)",
        "AUTH_BOOTSTRAP_TOKEN_INVALID",
    )


def locked_out(retry_after_ms: int) -> LockedOut:
    """Too many wrong credentials from there."""
    seconds = -(-retry_after_ms // 1000)
    error = LockedOut(
        f"unauthorized: too many failed authentication attempts (try again in {seconds} s)",
        {
            "authReason": "rate_limited",
            "canRetryWithDeviceToken": False,
            "recommendedNextStep": _NEXT_STEP["AUTH_RATE_LIMITED"],
        },
    )
    error.retry_after_ms = retry_after_ms
    return error


def device_needed() -> NotPaired:
    """Neither a device nor a credential that lets a client in without one."""
    return NotPaired("device identity required", {"code": "DEVICE_IDENTITY_REQUIRED"})


def page_device_needed() -> InvalidRequest:
    """A user interface came without a device identity, which a page can only make in a secure context."""
    return InvalidRequest(
        "control ui requires device identity (open the page over https or on localhost)",
        {"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"},
    )


def page_origin_needed() -> InvalidRequest:
    """A browser client came without the `Origin` every browser sends."""
    return InvalidRequest(
        "origin not allowed (open the page from this gateway, or add its origin to gateway.allowed_origins)",
        {"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": "origin missing or invalid"},
    )


def pairing_needed(
    reason: PairingReason, ask: Ask, request: Pending, device: Device | None, *, retries: bool
) -> NotPaired:
    """The device must be approved first.

    Args:
        reason: What is missing.
        ask: What the device asked for just now.
        request: The request that waits for an approval; it may ask for more.
        device: The device as approved so far.
        retries: Whether the client may keep trying by itself. A node host with a shared token waits for its
        operator
            instead, as it does with the original.
    """
    text, hint = _PAIRING_TEXT[reason]
    details: dict[str, object] = {
        "code": "PAIRING_REQUIRED",
        "reason": reason,
        "requestId": request.request_id,
        "remediationHint": hint.format(id=request.request_id),
        "deviceId": ask.device_id,
        "requestedRole": ask.role.value,
    }
    if ask.scopes:
        details["requestedScopes"] = [scope.value for scope in ask.scopes]
    if retries:
        details |= {"recommendedNextStep": "wait_then_retry", "retryable": True, "pauseReconnect": False}
    if device is not None:
        details["approvedRoles"] = [role.value for role in device.roles]
        details["approvedScopes"] = [scope.value for scope in device.scopes]
    return NotPaired(f"pairing required: {text}", details)
