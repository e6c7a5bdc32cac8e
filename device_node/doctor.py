"""What works on this machine, what does not, and what its owner can do about it."""

import os
from collections.abc import Iterator
from typing import Literal

import msgspec

from device_node.config import NodeConfig, load_config
from device_node.control import Question, ask
from device_node.destination import destination
from device_node.failure import NodeError, Unreachable
from device_node.files import private_dir
from device_node.home import NodeHome
from device_node.introduction import introduction
from device_node.offering import Offering, permission_of
from device_node.tokens import TokenStore

Mark = Literal["ok", "off", "missing", "wrong"]
"""In order; not allowed by the owner; not possible on this machine; broken."""


class Check(msgspec.Struct, frozen=True, rename="camel"):
    """One finding."""

    subject: str
    mark: Mark
    detail: str
    next_step: str | None = None


def examine(home: NodeHome) -> list[Check]:
    """Look at settings, running node, way to the gateway, device key and every family of commands."""
    private_dir(home.root)
    try:
        config = load_config(home.config_path)
    except NodeError as error:
        return [Check("settings", "wrong", error.what, error.next_step)]
    where = str(home.config_path) if home.config_path.exists() else "none written; the defaults hold"
    return [Check("settings", "ok", where), *_node(home), *_gateway(home, config), *_commands(home, config)]


def _node(home: NodeHome) -> Iterator[Check]:
    try:
        status = ask(home.socket_path, Question(ask="status"))
    except Unreachable as error:
        yield Check("node", "missing", "it does not run", error.next_step)
    except NodeError as error:
        yield Check("node", "wrong", error.what, error.next_step)
    else:
        yield Check("node", "ok", f"process {status.pid}, {status.state}", status.next_step)


def _gateway(home: NodeHome, config: NodeConfig) -> Iterator[Check]:
    try:
        target = destination(config.gateway, home, TokenStore(home.tokens_path), os.environ)
    except NodeError as error:
        yield Check("gateway", "wrong", error.what, error.next_step)
        return
    if target.credential.kind == "none":
        step = "pair this device: `homarus node pair SETUP_CODE`"
        yield Check("gateway", "missing", f"{target.address}, and nothing that lets this device in", step)
        return
    told = {"device": "with this device's own token", "shared": "with the gateway's shared token"}
    yield Check("gateway", "ok", f"{target.address}, {told.get(target.credential.kind, '')}")


def _commands(home: NodeHome, config: NodeConfig) -> Iterator[Check]:
    try:
        offered = introduction(home, config).offering
    except NodeError as error:
        yield Check("device key", "wrong", error.what, error.next_step)
        return
    yield Check("device key", "ok", str(home.key_path))
    for finding in offered.providers.findings:
        yield Check(finding.family, "ok" if finding.usable else "missing", finding.detail)
    yield from _denied(offered)


def _denied(offered: Offering) -> Iterator[Check]:
    by_permission: dict[str, list[str]] = {}
    for command in offered.denied:
        by_permission.setdefault(permission_of(command) or "", []).append(command)
    for name, commands in sorted(by_permission.items()):
        step = f"allow it with `homarus node permissions allow {name}`"
        yield Check(name, "off", f"works here but is not allowed: {', '.join(commands)}", step)
