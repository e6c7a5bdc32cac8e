"""HTTP routes, filled by features and served by one Starlette application."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.kernel.net.body import BodyTooLarge
from gateway.kernel.net.origin import bearer_token
from gateway.kernel.rpc.context import PeerFacts, Principal
from protocol.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    InvalidRequest,
    LockedOut,
    NotFound,
    NotPaired,
    Overloaded,
    Unauthorized,
    Unavailable,
)

HttpHandler = Callable[[Request], Awaitable[Response]]

BearerCheck = Callable[[str | None, PeerFacts], Awaitable[Principal]]
"""Checks the token of an `Authorization: Bearer` header; `None` when there is none."""

_STATUS: tuple[tuple[type[GatewayError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (BodyTooLarge, 413),
    (LockedOut, 429),
    (Unauthorized, 401),
    (InvalidRequest, 400),
    (Forbidden, 403),
    (NotPaired, 401),
    (Overloaded, 429),
    (Unavailable, 503),
)


class HttpRoutes:
    """Routes of the one port."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._bearer: BearerCheck | None = None

    def add(self, path: str, handler: HttpHandler, methods: tuple[str, ...] = ("GET",)) -> None:
        """Serve `path`; `GET` includes `HEAD`."""
        self._routes.append(Route(path, handler, methods=list(methods)))

    def authenticate_with(self, check: BearerCheck) -> None:
        """Set how bearer tokens are checked; done by `devices`."""
        self._bearer = check

    async def bearer(self, request: Request) -> Principal:
        """Who sends this request, by its `Authorization` header.

        Raises:
            GatewayError: when the token is missing, wrong or locked out.
        """
        if self._bearer is None:
            raise Unavailable("authentication is not ready yet; try again")
        peer: PeerFacts = request.scope["homarus.peer"]
        return await self._bearer(bearer_token(request.headers.get("authorization")), peer)

    def application(self) -> Starlette:
        """The ASGI application over everything added so far."""
        return Starlette(
            routes=self._routes,
            exception_handlers={
                GatewayError: _gateway_error,
                HTTPException: _http_error,
                Exception: _defect,
            },
        )


def http_status(error: GatewayError) -> int:
    """The HTTP status that says what a wire error says."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


async def _gateway_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, GatewayError):
        raise error
    status = http_status(error)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="homarus"'
    if error.retry_after_ms is not None:
        headers["Retry-After"] = str(-(-error.retry_after_ms // 1000))
    body: dict[str, object] = {"type": error.code.lower(), "message": error.message}
    if error.details:
        body["details"] = error.details
    return JSONResponse({"error": body}, status, headers)


async def _defect(_: Request, __: Exception) -> Response:
    """Answers for a bug; Starlette raises it again, so that it is logged with its traceback."""
    message = "this failed inside the gateway; `homarus logs` has the details"
    return JSONResponse({"error": {"type": "internal_error", "message": message}}, 500)


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    kind = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return JSONResponse({"error": {"type": kind, "message": error.detail}}, error.status_code, error.headers)
