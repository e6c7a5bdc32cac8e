"""`system.execApprovals.get` and `.set`: the node's own rules, read and changed from afar."""

import asyncio

import msgspec

from device_node.commands import CommandFailed, Invocation, performs
from device_node.exec_policy.document import RulesMalformed, parse_rules
from device_node.exec_policy.store import RulesConflict, RulesStore, RulesUnreadable, StoredRules
from protocol.commands.system import (
    ExecApprovalsSnapshot,
    SystemExecApprovalsGet,
    SystemExecApprovalsSet,
)


class ExecRulesProvider:
    """Shows the rules with their hash, and takes others from whoever names that hash."""

    def __init__(self, store: RulesStore) -> None:
        self._store = store

    @performs(SystemExecApprovalsGet)
    async def get(self, _: Invocation, call: SystemExecApprovalsGet) -> ExecApprovalsSnapshot:
        """The rules as they are."""
        del call
        try:
            return self._snapshot(await asyncio.to_thread(self._store.load))
        except RulesUnreadable as error:
            raise CommandFailed("UNAVAILABLE", str(error)) from error

    @performs(SystemExecApprovalsSet)
    async def set(self, _: Invocation, call: SystemExecApprovalsSet) -> ExecApprovalsSnapshot:
        """Replace them."""
        try:
            document = parse_rules(bytes(call.file))
        except RulesMalformed as error:
            raise CommandFailed("INVALID_REQUEST", f"file.{error}") from error
        try:
            stored = await asyncio.to_thread(self._store.replace, document, call.base_hash)
        except RulesConflict as error:
            raise CommandFailed("INVALID_REQUEST", str(error)) from error
        except RulesUnreadable as error:
            raise CommandFailed("UNAVAILABLE", str(error)) from error
        except OSError as error:
            raise CommandFailed("UNAVAILABLE", f"the rules cannot be written: {error.strerror}") from error
        return self._snapshot(stored)

    def _snapshot(self, stored: StoredRules) -> ExecApprovalsSnapshot:
        return ExecApprovalsSnapshot(
            path=str(self._store.path),
            exists=stored.exists,
            hash=stored.hash,
            file=msgspec.to_builtins(stored.document),
        )
