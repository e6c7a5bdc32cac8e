"""The gateway's own rules about programs: kept for OpenClaw's tools, and heard as opinions of the policy."""

import hashlib
import re
from functools import lru_cache
from typing import Final

import msgspec

from gateway.approvals import grant_store
from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.clock import Clock
from gateway.kernel.policy.commands import base_name
from gateway.kernel.policy.model import Action, Opinion
from gateway.kernel.store.db import Database, Tx
from protocol.errors import Conflict, InvalidRequest
from protocol.ids import new_id
from protocol.methods.approvals import ExecDefaults, ExecRulesSnapshot
from protocol.nouns.exec_rules import ExecAgentRules, ExecAllowEntry, ExecKnobs, ExecRules

EVERY_AGENT: Final = "*"
"""The section that holds for all agents."""

SAFE: Final = ExecDefaults(security="allowlist", ask="on-miss", ask_fallback="deny", auto_allow_skills=False)
"""Without a word from the owner: what is not on the list needs a person's yes. OpenClaw's own default is to
run everything.
"""

RULE: Final = "exec.approvals"
"""How decisions name these rules."""

_WILDCARD: Final = re.compile(r"\*\*/|\*\*|\*|\?")
_MEANING: Final = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


class ExecRulesService:
    """Reads and replaces the rules, and says what they think of an action."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog, path: str) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._path = path

    async def snapshot(self) -> ExecRulesSnapshot:
        """The rules as clients see them."""
        return self._snapshot(await self._db.read(grant_store.rules))

    async def replace(self, actor: str, file: ExecRules, base_hash: str | None) -> ExecRulesSnapshot:
        """Make `file` the rules.

        Raises:
            Conflict: when `base_hash` is not that of the present rules.
            InvalidRequest: when the file asks for what there is not.
            AuditOverloaded, StoreUnavailable: when it cannot be recorded; nothing is changed then.
        """
        _check(file)
        named = _with_ids(file)
        await self._audit.record_durably(
            "exec.approvals.set",
            actor=actor,
            details={"agents": list(file.agents), "hash": _hash(named)},
        )
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> None:
            present = grant_store.rules(tx)
            if base_hash is None and present is not None:
                raise InvalidRequest(
                    "baseHash: is required; read the rules with exec.approvals.get first",
                    {"field": "baseHash"},
                )
            if base_hash is not None and base_hash != _hash(present or _empty()):
                raise Conflict(
                    "baseHash: the rules changed since; read them again and repeat the change",
                    {"field": "baseHash"},
                )
            grant_store.save_rules(tx, named, now_ms)

        await self._db.write(unit)
        return self._snapshot(named)

    async def opinions(self, agent_id: str, action: Action) -> tuple[Opinion, ...]:
        """What the rules think of a program that is to run on the gateway's own machine; often nothing."""
        if action.node_id is not None or not action.argv:
            return ()
        file = await self._db.read(grant_store.rules)
        opinion = None if file is None else _opinion(file, agent_id, action.argv)
        return () if opinion is None else (opinion,)

    def _snapshot(self, file: ExecRules | None) -> ExecRulesSnapshot:
        shown = file or _empty()
        levels = (shown.defaults, SAFE)
        return ExecRulesSnapshot(
            path=self._path,
            exists=file is not None,
            hash=_hash(shown),
            file=shown,
            resolved_defaults=ExecDefaults(
                security=next(level.security for level in levels if level.security is not None),
                ask=next(level.ask for level in levels if level.ask is not None),
                ask_fallback=SAFE.ask_fallback,
                auto_allow_skills=False,
            ),
        )


def _opinion(file: ExecRules, agent_id: str, argv: tuple[str, ...]) -> Opinion | None:
    own = file.agents.get(agent_id, ExecAgentRules())
    everyone = file.agents.get(EVERY_AGENT, ExecAgentRules())
    levels: tuple[ExecKnobs, ...] = (own, everyone, file.defaults)
    security = next((level.security for level in levels if level.security is not None), None)
    ask = next((level.ask for level in levels if level.ask is not None), None)
    if security == "deny":
        return _say("deny", "the rules about programs say deny")
    if ask == "always":
        return _say("ask", "the rules about programs say to ask each time")
    if any(_covers(entry, argv[0]) for entry in (*own.allowlist, *everyone.allowlist)):
        return _say("allow", f"{base_name(argv[0])} is on the list of programs")
    if security == "full" and ask == "off":
        return _say("allow", "the rules about programs say full")
    if security == "allowlist" and ask == "off":
        return _say("deny", f"{base_name(argv[0])} is not on the list of programs")
    return None


def _say(effect: str, reason: str) -> Opinion:
    return msgspec.convert({"effect": effect, "rule": RULE, "reason": reason}, Opinion)


def _covers(entry: ExecAllowEntry, program: str) -> bool:
    # An entry narrowed to some arguments allows nothing by itself: whoever it was made for asks again.
    if entry.arg_pattern is not None or entry.pattern.startswith("="):
        return False
    return _glob(entry.pattern).fullmatch(program) is not None


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    pieces = [re.escape(part) for part in _WILDCARD.split(pattern)]
    meanings = [_MEANING[wildcard] for wildcard in _WILDCARD.findall(pattern)]
    woven = [text for pair in zip(pieces, [*meanings, ""], strict=True) for text in pair]
    return re.compile("".join(woven), re.DOTALL)


def _check(file: ExecRules) -> None:
    sections = {"defaults": file.defaults, **{f"agents/{name}": rules for name, rules in file.agents.items()}}
    for name, knobs in sections.items():
        if knobs.ask_fallback not in {None, "deny"}:
            field = f"file/{name}/askFallback"
            raise InvalidRequest(
                f"{field}: must be deny; here nothing runs without an answer", {"field": field}
            )
        if knobs.auto_allow_skills:
            field = f"file/{name}/autoAllowSkills"
            raise InvalidRequest(f"{field}: must be false; list the programs instead", {"field": field})


def _with_ids(file: ExecRules) -> ExecRules:
    """With an id for every entry, so that it can be named."""
    agents = {
        name: msgspec.structs.replace(
            rules,
            allowlist=[
                entry if entry.id is not None else msgspec.structs.replace(entry, id=new_id())
                for entry in rules.allowlist
            ],
        )
        for name, rules in file.agents.items()
    }
    return msgspec.structs.replace(file, agents=agents)


def _empty() -> ExecRules:
    return ExecRules(version=1)


def _hash(file: ExecRules) -> str:
    return hashlib.sha256(msgspec.json.encode(file, order="deterministic")).hexdigest()
