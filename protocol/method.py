"""How methods and events are declared: once, as the struct that travels.

    @method("cron.add", Scope.ADMIN)
    class CronAdd(Call[CronJob]): ...

The fields are the parameters, the generic argument the result, the docstring the documentation. Dispatch,
scope checks, JSON Schema, the `hello-ok` feature list and the typed client all read the `METHODS` and
`EVENTS` tables. What a node can be asked to do is declared the same way, into `COMMANDS`.
"""

from collections.abc import Callable
from types import UnionType
from typing import (
    Any,
    ClassVar,
    Generic,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

import msgspec

from protocol.scopes import Role, Scope

R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C", bound="Call[Any]")
E = TypeVar("E", bound="Event")
N = TypeVar("N", bound="Command[Any]")
C_co = TypeVar("C_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

Maybe: TypeAlias = T | msgspec.UnsetType
"""A field that may be absent, where absent and null differ."""

UNSET = msgspec.UNSET


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class _WireMeta(msgspec.StructMeta):
    """Makes every wire struct keyword-only; msgspec does not inherit that option."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "_WireMeta":
        options.setdefault("kw_only", True)
        return cast("_WireMeta", super().__new__(mcls, name, bases, namespace, **options))


class Wire(msgspec.Struct, metaclass=_WireMeta, rename="camel", omit_defaults=True):
    """Anything that travels as a JSON object: camelCase names, defaults omitted, unknown fields ignored.

    A field that must always be present has no default; `None` as a default means "absent".
    """


class Empty(Wire):
    """A result without content: `{}`."""


class Done(Wire):
    """A bare acknowledgement: `{"ok": true}`."""

    ok: bool


class Call(Wire, Generic[R]):
    """Parameters of one method; `R` is its result.

    OpenClaw's own methods ignore unknown fields, because its current clients already send fields its
    published schema forbids. Methods only Homarus has pass `forbid_unknown_fields=True`: a typo is an error.
    """

    wire_name: ClassVar[str]

    @classmethod
    def params_type(cls) -> type[Self]:
        """This struct; together with `result_type` it lets a type checker see both ends of a handler."""
        return cls

    @classmethod
    def result_type(cls) -> type[R]:
        """The declared result type."""
        return METHODS[cls.wire_name].result


class DeclaredCall(Protocol[C_co, R_co]):
    """The class of a declared call, seen as a pair of parameter and result type."""

    def params_type(self) -> type[C_co]:
        """The parameter struct."""
        ...

    def result_type(self) -> type[R_co]:
        """The result type."""
        ...


class Method(msgspec.Struct, frozen=True):
    """One row of the method table."""

    name: str
    scope: Scope | None
    """What an operator needs; `None` means any connected operator."""
    roles: frozenset[Role]
    params: type[Call[Any]]
    result: Any
    additive: bool
    """True for methods OpenClaw does not have."""


class Event(Wire):
    """Payload of one event. Events carry `seq` unless `sequenced` is false."""

    wire_name: ClassVar[str]
    scope: ClassVar[Scope | None]
    roles: ClassVar[frozenset[Role]]
    sequenced: ClassVar[bool]
    capability: ClassVar[str | None]
    is_state: ClassVar[bool]
    nodes_by: ClassVar[str | None]


class Command(Wire, Generic[R]):
    """Parameters of something a node can be asked to do; `R` is its result.

    They travel as JSON text inside `node.invoke.request`; the result comes back in `node.invoke.result`.
    """

    wire_name: ClassVar[str]
    capability: ClassVar[str | None]
    """The capability a node claims together with this command."""
    result: ClassVar[Any]

    @classmethod
    def params_type(cls) -> type[Self]:
        """This struct, as for `Call`."""
        return cls

    @classmethod
    def result_type(cls) -> type[R]:
        """The declared result type."""
        return cls.result


METHODS: dict[str, Method] = {}
"""Every declared method by wire name. A method is advertised only when a handler is registered for it."""

EVENTS: dict[str, type[Event]] = {}
"""Every declared event by wire name."""

COMMANDS: dict[str, type[Command[Any]]] = {}
"""Every declared node command by wire name; nodes may offer others, known to nobody but their caller."""

_OPERATOR = frozenset({Role.OPERATOR})


def method(
    name: str, scope: Scope | None, *, roles: frozenset[Role] = _OPERATOR, additive: bool = False
) -> Callable[[type[C]], type[C]]:
    """Declare a method under its wire name.

    Args:
        name: Wire name, `family.verb`.
        scope: Scope an operator needs. Nodes have no scopes; `roles` admits them.
        roles: Roles that may call it.
        additive: True when OpenClaw has no such method.
    """

    def declare(params: type[C]) -> type[C]:
        if name in METHODS:
            raise TypeError(f"method {name} is declared twice")
        params.wire_name = name
        METHODS[name] = Method(name, scope, roles, params, _result_of(params), additive)
        return params

    return declare


def event(
    name: str,
    scope: Scope | None,
    *,
    roles: frozenset[Role] = _OPERATOR,
    sequenced: bool = True,
    capability: str | None = None,
    is_state: bool = False,
    nodes_by: str | None = None,
) -> Callable[[type[E]], type[E]]:
    """Declare an event under its wire name.

    Args:
        name: Wire name.
        scope: Scope an operator needs to receive it; `None` means every operator.
        roles: Roles that may receive it.
        sequenced: Whether frames carry `seq`; targeted events do not.
        capability: Client capability a connection must have announced.
        is_state: True when each event replaces the one before (`tick`, `presence`, `health`). A slow client
            gets only the newest, and a resuming one gets none, because `hello-ok` carries the state.
        nodes_by: Field whose value decides which nodes receive it: only those that subscribed to that value.
    """

    def declare(payload: type[E]) -> type[E]:
        if name in EVENTS:
            raise TypeError(f"event {name} is declared twice")
        payload.wire_name = name
        payload.scope = scope
        payload.roles = roles
        payload.sequenced = sequenced
        payload.capability = capability
        payload.is_state = is_state
        payload.nodes_by = nodes_by
        EVENTS[name] = payload
        return payload

    return declare


def command(name: str, *, capability: str | None = None) -> Callable[[type[N]], type[N]]:
    """Declare a node command under its wire name.

    Args:
        name: Wire name, `family.verb`.
        capability: What a node that offers it claims besides; `None` when the command speaks for itself.
    """

    def declare(params: type[N]) -> type[N]:
        if name in COMMANDS:
            raise TypeError(f"command {name} is declared twice")
        params.wire_name = name
        params.capability = capability
        params.result = _result_of(params)
        COMMANDS[name] = params
        return params

    return declare


def result_variants(result: Any) -> tuple[Any, ...]:
    """The types a result may have: one, except for a union of structs that no tag tells apart."""
    members = get_args(result) if get_origin(result) in {Union, UnionType} else ()
    return members if sum(_is_untagged(member) for member in members) > 1 else (result,)


def decode_result(raw: msgspec.Raw | bytes, result: Any) -> Any:
    """Decode a result; of several variants the first one that fits.

    Raises:
        msgspec.MsgspecError: when none fits.
    """
    *others, last = result_variants(result)
    for variant in others:
        try:
            return msgspec.json.decode(raw, type=variant)
        except msgspec.ValidationError:
            continue
    return msgspec.json.decode(raw, type=last)


def _is_untagged(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.tag is None


def _result_of(params: type[Call[Any]] | type[Command[Any]]) -> Any:
    for base in params.__dict__.get("__orig_bases__", ()):  # its own, not those of Call
        arguments = get_args(base)
        if arguments:
            return arguments[0]
    raise TypeError(f"{params.__name__} must name its result in brackets: Call[Result]")
