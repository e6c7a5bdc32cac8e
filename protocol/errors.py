"""One exception tree; each class is one wire error code.

    GatewayError
    ├── InvalidRequest      INVALID_REQUEST     the request is wrong and will stay wrong
    │   ├── UnknownMethod
    │   ├── NotFound        (details.code NOT_FOUND)
    │   ├── Conflict        (details.code CONFLICT)
    │   └── Unauthorized    (details.code AUTH_*)   a credential is missing or wrong
    │       └── LockedOut   (details.code AUTH_RATE_LIMITED)
    ├── Forbidden           FORBIDDEN           the caller may not
    │   └── MissingScope    (details.code MISSING_SCOPE)
    ├── NotPaired           NOT_PAIRED          the device needs approval first
    └── Unavailable         UNAVAILABLE         not now; `retryable` says whether later helps
        ├── Overloaded
        └── TimedOut        AGENT_TIMEOUT

Source: error shape and codes as observed from OpenClaw 2026.9.6 (`code`, `message`, `details`, `retryable`,
`retryAfterMs`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import msgspec

if TYPE_CHECKING:
    JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
else:
    JsonValue = Any  # msgspec resolves no recursive alias; it decodes Any to exactly these types


class ErrorShape(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, frozen=True):
    """The `error` member of a failed response."""

    code: str
    message: str
    details: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    retryable: bool | None = None
    retry_after_ms: int | None = None


class GatewayError(Exception):
    """Any failure that has a meaning on the wire.

    `code`, `retryable` and `retry_after_ms` are facts of the class; an instance may narrow them.
    """

    code: ClassVar[str] = "UNAVAILABLE"
    detail_code: ClassVar[str | None] = None
    retryable: bool = False
    retry_after_ms: int | None = None

    def __init__(self, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, object] = dict(details or {})
        if self.detail_code is not None:
            self.details.setdefault("code", self.detail_code)

    def shape(self) -> ErrorShape:
        """The error as it goes into a response frame."""
        return ErrorShape(
            code=self.code,
            message=self.message,
            details=msgspec.Raw(msgspec.json.encode(self.details)) if self.details else msgspec.UNSET,
            retryable=True if self.retryable else None,
            retry_after_ms=self.retry_after_ms,
        )


class InvalidRequest(GatewayError):
    """The request is wrong; sending it again unchanged cannot help."""

    code: ClassVar[str] = "INVALID_REQUEST"


class UnknownMethod(InvalidRequest):
    """No such method here."""

    def __init__(self, method: str) -> None:
        super().__init__(f"unknown method: {method}")


class NotFound(InvalidRequest):
    """What the request names does not exist."""

    detail_code: ClassVar[str | None] = "NOT_FOUND"


class Conflict(InvalidRequest):
    """The stored state moved on; read it again first."""

    detail_code: ClassVar[str | None] = "CONFLICT"


class Unauthorized(InvalidRequest):
    """A credential is missing or wrong; `details.code` is one of `AUTH_*`."""


class LockedOut(Unauthorized):
    """Too many wrong credentials came from there; `retry_after_ms` says how long to wait."""

    detail_code: ClassVar[str | None] = "AUTH_RATE_LIMITED"
    retryable = True


class Forbidden(GatewayError):
    """The caller is known and may not do this."""

    code: ClassVar[str] = "FORBIDDEN"


class MissingScope(Forbidden):
    """The caller's grant lacks a scope."""

    detail_code: ClassVar[str | None] = "MISSING_SCOPE"

    def __init__(self, missing: str, required: tuple[str, ...]) -> None:
        super().__init__(
            f"missing scope: {missing}", {"missingScope": missing, "requiredScopes": list(required)}
        )


class NotPaired(GatewayError):
    """The device is unknown or asks for more than it was granted."""

    code: ClassVar[str] = "NOT_PAIRED"


class Unavailable(GatewayError):
    """It cannot be done now."""


class Overloaded(Unavailable):
    """A bound was reached; the request was not started."""

    retryable = True
    retry_after_ms = 500


class TimedOut(Unavailable):
    """The work did not finish within its deadline."""

    code: ClassVar[str] = "AGENT_TIMEOUT"
    retryable = True
