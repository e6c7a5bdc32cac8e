"""A node's own rules about programs, read and replaced through the gateway."""

import msgspec

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.nodes.invoke import Answer, Ask, Invocations
from protocol.errors import InvalidRequest, JsonValue, Unavailable
from protocol.methods.nodes import ExecApprovalsNodeGet, ExecApprovalsNodeSet


class NodeRulesApi:
    """`exec.approvals.node.get` and `.set`: the node keeps the rules and decides on new ones."""

    def __init__(self, invocations: Invocations) -> None:
        self._invocations = invocations

    @handles(ExecApprovalsNodeGet)
    async def get_rules(self, _: Ctx, call: ExecApprovalsNodeGet) -> dict[str, JsonValue]:
        """See `ExecApprovalsNodeGet`."""
        ask = Ask(command="system.execApprovals.get", params_json="{}")
        return _rules(await self._invocations.invoke(call.node_id, ask))

    @handles(ExecApprovalsNodeSet)
    async def set_rules(self, _: Ctx, call: ExecApprovalsNodeSet) -> dict[str, JsonValue]:
        """See `ExecApprovalsNodeSet`."""
        given = {"file": call.file, "native": call.native, "baseHash": call.base_hash}
        params = {
            name: value for name, value in given.items() if value is not msgspec.UNSET and value is not None
        }
        if not params.keys() & {"file", "native"}:
            raise InvalidRequest("file: give the rules to keep", {"field": "file"})
        ask = Ask(command="system.execApprovals.set", params_json=msgspec.json.encode(params).decode())
        return _rules(await self._invocations.invoke(call.node_id, ask))


def _rules(answer: Answer) -> dict[str, JsonValue]:
    try:
        return msgspec.json.decode(answer.payload, type=dict[str, JsonValue])
    except msgspec.MsgspecError as error:
        raise Unavailable("the node did not answer with its rules") from error
