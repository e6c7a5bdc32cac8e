"""Tools on device nodes: see which there are, ask them for something, run a program, notify a person."""

import shlex
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.agents.house_tools import Search
from gateway.agents.node_runs import PATIENCE_MS, NodeRuns, Program
from gateway.agents.node_targets import decoded, name_of, node_called, node_for, summary, without_files
from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from gateway.approvals.binding import Binding
from gateway.approvals.permits import Permits, Wanted
from gateway.kernel.policy.model import Action, Subject
from gateway.nodes.candidates import NodeChooser
from gateway.nodes.invoke import Ask, Invocations
from gateway.nodes.policy import ADMIN_INVOKED, RESERVED
from gateway.nodes.registry import NodeRegistry
from protocol.errors import InvalidRequest
from protocol.ids import new_id
from protocol.methods.approvals import ExecApprovalRequest
from protocol.nouns.node import NodeRow
from protocol.scopes import Scope

RUNS: Final = frozenset({"system.run", "system.run.prepare"})
"""What `node_run` is for."""

WAIT_S: Final = 3600.0
"""Of tools that may have to wait for a person and then for a program; the turn's own limit is shorter."""

NodeName = Annotated[str, Meta(max_length=200, description="Name, id, beginning of the id, or address.")]
AnyNode = Annotated[
    str, Meta(max_length=200, description="As in nodes_list; empty: whichever can do it best.")
]


class DescribeArgs(msgspec.Struct):
    """One node."""

    node: NodeName


class InvokeArgs(msgspec.Struct):
    """A command for a node."""

    command: Annotated[str, Meta(min_length=1, max_length=128, description="Such as device.status.")]
    node: AnyNode = ""
    params: Annotated[dict[str, Any], Meta(description="What the command takes.")] = {}
    timeout_s: Annotated[float, Meta(ge=1, le=600, description="Seconds the node may take.")] = 30.0


class RunArgs(msgspec.Struct):
    """A program for a node."""

    command: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=65_536,
            description="One program and its arguments, quoted as in a shell but run without one. Many nodes "
            "refuse scripts inside sh -c.",
        ),
    ]
    node: Annotated[str, Meta(max_length=200, description="As in nodes_list; empty: the only one.")] = ""
    cwd: Annotated[str, Meta(max_length=4096, description="Folder to run in; empty: the node's.")] = ""
    timeout_s: Annotated[float, Meta(ge=1, le=3000, description="Seconds the program may take.")] = 60.0


class NotifyArgs(msgspec.Struct):
    """Words for a person."""

    text: Annotated[str, Meta(min_length=1, max_length=4000, description="What the person reads.")]
    title: Annotated[str, Meta(max_length=200)] = ""
    node: AnyNode = ""


class NodeTools:
    """What agents do with nodes."""

    def __init__(
        self,
        registry: NodeRegistry,
        invocations: Invocations,
        runs: NodeRuns,
        permits: Permits,
        chooser: NodeChooser,
    ) -> None:
        self._registry = registry
        self._invocations = invocations
        self._runs = runs
        self._permits = permits
        self._chooser = chooser

    async def list_nodes(self, _: ToolContext, args: Search) -> dict[str, object]:
        """The nodes there are."""
        rows = await self._registry.rows(None)
        wanted = args.query.strip().casefold()
        found = [row for row in rows if wanted in f"{name_of(row)} {row.platform} {row.node_id}".casefold()]
        return {"nodes": [summary(row) for row in found[: args.limit]], "total": len(found)}

    async def describe(self, _: ToolContext, args: DescribeArgs) -> NodeRow:
        """Everything known of one."""
        return await node_called(self._registry, args.node)

    async def invoke(self, context: ToolContext, args: InvokeArgs) -> dict[str, object]:
        """Ask one for something."""
        if args.command in RUNS:
            raise InvalidRequest(f"command: use node_run instead of {args.command}", {"field": "command"})
        if args.command in RESERVED:
            text = f"command: {args.command} is for people only"
            raise InvalidRequest(text, {"field": "command"})
        node = await node_for(self._registry, args.node, args.command, self._chooser)
        payload = await self._asked(context, node, args)
        return {"node": name_of(node), "result": without_files(payload)}

    async def run(self, context: ToolContext, args: RunArgs) -> dict[str, object]:
        """Run a program on one."""
        try:
            argv = shlex.split(args.command)
        except ValueError as error:
            raise InvalidRequest(f"command: {error}", {"field": "command"}) from error
        if not argv:
            raise InvalidRequest("command: is blank", {"field": "command"})
        node = await node_for(self._registry, args.node, "system.run")
        program = Program(argv=argv, cwd=args.cwd or None, timeout_ms=round(args.timeout_s * 1000))
        result = await self._runs.run(context, node, program)
        return {
            "node": name_of(node),
            "exitCode": result.exit_code,
            "success": result.success,
            "timedOut": result.timed_out,
            "stdout": result.stdout,
            "stderr": result.stderr,
            "error": result.error,
        }

    async def notify(self, context: ToolContext, args: NotifyArgs) -> dict[str, object]:
        """Show a person something."""
        node = await node_for(self._registry, args.node, "system.notify", self._chooser)
        params = {"title": args.title.strip() or context.agent_id, "body": args.text}
        await self._asked(context, node, InvokeArgs(command="system.notify", params=params))
        return {"node": name_of(node), "shown": args.text}

    async def _asked(self, context: ToolContext, node: NodeRow, args: InvokeArgs) -> object:
        binding = Binding.of_command(
            args.command,
            args.params,
            node_id=node.node_id,
            agent_id=context.agent_id,
            session_key=context.session_key,
        )
        permit = await self._permits.permit(_wanted(context, args, binding))
        ask = Ask(
            command=args.command,
            params_json=msgspec.json.encode(args.params).decode(),
            timeout_ms=round(args.timeout_s * 1000),
            idempotency_key=new_id(),
            session_key=context.session_key,
        )
        await self._permits.redeem(permit, binding)
        return decoded((await self._invocations.invoke(node.node_id, ask)).payload)


def _wanted(context: ToolContext, args: InvokeArgs, binding: Binding) -> Wanted:
    needs = Scope.ADMIN if args.command in ADMIN_INVOKED else Scope.WRITE
    return Wanted(
        subject=Subject(kind="agent", id=context.agent_id, scopes=context.scopes),
        action=Action(name=args.command, node_id=binding.node_id, needs=needs),
        binding=binding,
        request=ExecApprovalRequest(
            command=binding.text,
            node_id=binding.node_id,
            agent_id=context.agent_id,
            session_key=context.session_key,
            run_id=context.run_id,
            timeout_ms=PATIENCE_MS,
        ),
    )


def add_node_tools(registry: ToolRegistry, tools: NodeTools) -> None:
    """Fill the registry with the tools of this module."""
    _add_looking(registry, tools)
    _add_acting(registry, tools)
    _add_telling(registry, tools)


def _add_looking(registry: ToolRegistry, tools: NodeTools) -> None:
    registry.add(
        Tool(
            name="nodes_list",
            title="Nodes",
            description="Phones and computers that lend you abilities: name, whether connected, commands.",
            params=Search,
            run=tools.list_nodes,
            needs=Scope.READ,
            group="nodes",
        )
    )
    registry.add(
        Tool(
            name="nodes_describe",
            title="Node",
            description="Everything known of one node: platform, commands, permissions, load, last seen.",
            params=DescribeArgs,
            run=tools.describe,
            needs=Scope.READ,
            group="nodes",
        )
    )


def _add_acting(registry: ToolRegistry, tools: NodeTools) -> None:
    registry.add(
        Tool(
            name="nodes_invoke",
            title="Ask a node",
            description="Ask a node for one of its commands, such as device.status or location.get. A person "
            "may have to approve it first. Programs are run with node_run.",
            params=InvokeArgs,
            run=tools.invoke,
            asks=True,
            needs=Scope.WRITE,
            risk="medium",
            group="nodes",
            timeout_s=WAIT_S,
        )
    )
    registry.add(
        Tool(
            name="node_run",
            title="Run on a node",
            description="Run a program on a node and get its output. A person is asked first, which can take "
            "minutes; when they deny it, do not try again.",
            params=RunArgs,
            run=tools.run,
            action="system.run",
            asks=True,
            needs=Scope.WRITE,
            risk="high",
            group="nodes",
            timeout_s=WAIT_S,
        )
    )


def _add_telling(registry: ToolRegistry, tools: NodeTools) -> None:
    registry.add(
        Tool(
            name="notify",
            title="Notify",
            description="Show a short notification to the person at a node.",
            params=NotifyArgs,
            run=tools.notify,
            action="system.notify",
            asks=True,
            needs=Scope.WRITE,
            group="nodes",
        )
    )
