"""Pushes that operators send to nodes: checked here as well, for not every node does."""

import msgspec

from protocol.a2ui import schemas
from protocol.a2ui.lines import read_jsonl, read_messages


class _Push(msgspec.Struct):
    """What is looked at; a node may take more."""

    messages: list[msgspec.Raw] | None = None
    jsonl: str | None = None


def check_push(params_json: str | None) -> None:
    """Hold a push to the schemas of its version. What is drawn on the node is not known here.

    Raises:
        InvalidA2ui: naming the lines that are wrong.
    """
    try:
        push = msgspec.json.decode(params_json or "{}", type=_Push)
    except msgspec.MsgspecError:
        return  # the node says what it takes
    if push.messages is not None:
        schemas.check(read_messages([bytes(message) for message in push.messages]))
    elif push.jsonl is not None:
        schemas.check(read_jsonl(push.jsonl))
