"""`homarus agents`: who answers."""

import argparse

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import connect
from gateway.cli.failure import CommandFailed
from gateway.cli.output import one_line, print_fields, print_json, print_table
from protocol.methods.agents import AgentsList
from protocol.nouns.agent import AgentSummary


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    add_reach(commands.add("list", _list, "every agent"))
    show = add_reach(commands.add("show", _show, "one agent"))
    show.add_argument("agent", nargs="?", help="its id (the default one)")


def _list(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(AgentsList())
    if options.json:
        print_json(answer.raw)
        return 0
    agents = answer.value
    print_table(
        ("AGENT", "NAME", "RUNTIME", "MODEL", "WORKSPACE"),
        [
            (
                agent.id + (" (default)" if agent.id == agents.default_id else ""),
                agent.name or "-",
                agent.agent_runtime.id,
                agent.model.primary,
                agent.workspace,
            )
            for agent in agents.agents
        ],
    )
    return 0


def _show(options: argparse.Namespace) -> int:
    with connect(options) as client:
        agents = client.ask(AgentsList()).value
    wanted = options.agent or agents.default_id
    agent = next((agent for agent in agents.agents if agent.id == wanted), None)
    if agent is None:
        raise CommandFailed(f"there is no agent {one_line(wanted)}", "look at `homarus agents list`")
    if options.json:
        print_json(agent)
    else:
        print_fields(_fields(agent))
    return 0


def _fields(agent: AgentSummary) -> list[tuple[str, str]]:
    return [
        ("agent", agent.id),
        ("name", agent.name or "-"),
        ("runtime", agent.agent_runtime.id),
        ("model", agent.model.primary),
        ("fallbacks", ", ".join(agent.model.fallbacks or ()) or "-"),
        ("thinking", agent.thinking_default),
        ("permission", agent.default_permission_mode),
        ("workspace", agent.workspace),
    ]
