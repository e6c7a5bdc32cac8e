"""The dispatch table: which handler answers which declared method."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

from gateway.kernel.rpc.context import Ctx
from protocol.errors import InvalidRequest, MissingScope, UnknownMethod
from protocol.frames import Request
from protocol.method import METHODS, Call, DeclaredCall, Method
from protocol.scopes import Role, Scope, allows
from protocol.violation import violation

S = TypeVar("S")
C = TypeVar("C")
R = TypeVar("R")

_HANDLES: Final = "__homarus_handles__"


def handles(
    call: DeclaredCall[C, R],
) -> Callable[[Callable[[S, Ctx, C], R | Awaitable[R]]], Callable[[S, Ctx, C], R | Awaitable[R]]]:
    """Mark a method of an API object as the handler of a declared call.

    A coroutine function runs as its own task. A plain function must need no I/O: it is answered in place,
    without a task, which is what makes the hot reads cheap.
    """

    def mark(
        function: Callable[[S, Ctx, C], R | Awaitable[R]],
    ) -> Callable[[S, Ctx, C], R | Awaitable[R]]:
        setattr(function, _HANDLES, call)
        return function

    return mark


class Handler:
    """A registered method."""

    __slots__ = ("_decoder", "function", "is_async", "method")

    def __init__(self, method: Method, function: Callable[[Ctx, Any], Any]) -> None:
        self.method = method
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        # Made at the first call: making all of them took a tenth of the gateway's start.
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def params(self, request: Request) -> Call[Any]:
        """The request's parameters as the declared struct; absent or null parameters are an empty object.

        Raises:
            InvalidRequest: naming the method and the path of the offending field.
        """
        if self._decoder is None:
            self._decoder = msgspec.json.Decoder(self.method.params)
        raw = bytes(request.params)
        try:
            return self._decoder.decode(b"{}" if raw == b"null" else raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise violation(f"{self.method.name} params", error) from error


class Router:
    """Finds and checks the handler for a request."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def add(self, api: object) -> None:
        """Register every marked method of an API object.

        Raises:
            TypeError: when two objects handle the same method.
        """
        for _, function in inspect.getmembers(api, inspect.ismethod):
            call = getattr(function, _HANDLES, None)
            if call is None:
                continue
            name = call.wire_name
            if name in self._handlers:
                raise TypeError(f"two handlers for {name}")
            self._handlers[name] = Handler(METHODS[name], function)

    def find(self, name: str, role: Role, scopes: tuple[Scope, ...]) -> Handler:
        """The handler, once the caller may use it.

        Raises:
            UnknownMethod: for a caller with admin; others are told what they lack, so that a probe learns
            nothing. Forbidden: when the method is not for this role.
            MissingScope: when the grant lacks the method's scope.
        """
        handler = self._handlers.get(name)
        if handler is None:
            if role is Role.OPERATOR and not allows(scopes, Scope.ADMIN):
                raise MissingScope(Scope.ADMIN, (Scope.ADMIN,))
            raise UnknownMethod(name)
        declared = handler.method
        if role not in declared.roles:
            raise InvalidRequest(f"unauthorized role: {role}", {"code": "ROLE_NOT_ALLOWED"})
        if role is Role.OPERATOR and declared.scope is not None and not allows(scopes, declared.scope):
            raise MissingScope(declared.scope, (declared.scope,))
        return handler

    def names(self) -> list[str]:
        """Every answered method, for `hello-ok.features.methods`."""
        return sorted(self._handlers)
