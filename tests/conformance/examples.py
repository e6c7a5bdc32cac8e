"""Params that a method accepts as far as their types go, made from its declaration."""

from typing import Any

from msgspec import inspect as shapes

from protocol.method import Method
from tests.support.wire import Json


def example(method: Method) -> Json:
    """The required params of a method; those that make it wait, wait a millisecond."""
    params: Json = _value(shapes.type_info(method.params))
    if "timeout_ms" in method.params.__struct_fields__:
        params["timeoutMs"] = 1
    return params


def _value(kind: shapes.Type) -> Any:
    """Some value of a declared type that is neither long nor special."""
    match kind:
        case shapes.StrType():
            return "a" * max(kind.min_length or 0, 1)
        case shapes.IntType() | shapes.FloatType():
            return int(kind.ge or 0) or 1
        case shapes.BoolType():
            return False
        case shapes.LiteralType():
            return kind.values[0]
        case shapes.EnumType():
            return next(iter(kind.cls)).value
        case shapes.ListType() | shapes.VarTupleType():
            return [_value(kind.item_type)] * (kind.min_length or 0)
        case shapes.StructType():
            return {field.encode_name: _value(field.type) for field in kind.fields if field.required}
        case shapes.UnionType():
            return _value(next(choice for choice in kind.types if not isinstance(choice, shapes.NoneType)))
        case _:
            return {}
