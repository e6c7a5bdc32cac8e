"""What an approval is for, exactly. What runs must be bound to the same, or it needs another approval."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from protocol.commands.system import SystemRunPlan


class FileBinding(msgspec.Struct, frozen=True):
    """A program or script whose content is part of what was approved."""

    path: str
    sha256: str


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that has to be equal."""

    action: str
    """A node command or tool, such as `system.run`."""
    node_id: str | None = None
    agent_id: str | None = None
    session_key: str | None = None
    argv: tuple[str, ...] = ()
    text: str | None = None
    """The command line of a request that has no `argv`."""
    cwd: str | None = None
    folder_id: str | None = None
    """Which folder `cwd` was, for a plan that says so."""
    env_hash: str | None = None
    """Of what the caller adds to the environment; None for nothing."""
    files: tuple[FileBinding, ...] = ()
    params_hash: str | None = None
    """Of the parameters, for actions that run no program."""

    @classmethod
    def of_plan(cls, plan: SystemRunPlan, *, node_id: str, env: Mapping[str, str] | None) -> Self:
        """What a node prepared."""
        files = plan.files or ([] if plan.mutable_file_operand is None else [plan.mutable_file_operand])
        return cls(
            action="system.run",
            node_id=node_id,
            agent_id=plan.agent_id,
            session_key=plan.session_key,
            argv=tuple(plan.argv),
            cwd=plan.cwd,
            folder_id=plan.folder_id,
            env_hash=env_hash(env),
            files=tuple(FileBinding(file.path, file.sha256) for file in files),
        )

    @classmethod
    def of_command(
        cls, action: str, params: object, *, node_id: str, agent_id: str | None, session_key: str | None
    ) -> Self:
        """A node command that runs no program; a person is shown it with its parameters."""
        encoded = msgspec.json.encode(params, order="deterministic").decode()
        return cls(
            action=action,
            node_id=node_id,
            agent_id=agent_id,
            session_key=session_key,
            text=f"{action} {encoded}",
            params_hash=_digest("params", params),
        )

    def digest(self) -> str:
        """SHA-256 over all of it, 64 hexadecimal digits."""
        return _digest("approval", msgspec.to_builtins(self, order="sorted"))

    def grant_digest(self) -> str:
        """SHA-256 over what a permission for good covers: the same in any session of the agent.

        For a program that is the whole command line, folder, environment and files; for any other action it
        is the action on that node, whatever its parameters.
        """
        text = self.text if self.params_hash is None else None
        covered = msgspec.structs.replace(self, session_key=None, params_hash=None, text=text)
        return _digest("grant", msgspec.to_builtins(covered, order="sorted"))


def env_hash(env: Mapping[str, str] | None) -> str | None:
    """SHA-256 over names and values; None for an empty environment."""
    return _digest("env", sorted(env.items())) if env else None


def _digest(what: str, value: object) -> str:
    encoded = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(f"homarus.{what}.v1\n".encode() + encoded).hexdigest()


def differing(approved: Binding, actual: Binding) -> Sequence[str]:
    """Names of what is not equal, for the refusal; never the values."""
    return [name for name in Binding.__struct_fields__ if getattr(approved, name) != getattr(actual, name)]
