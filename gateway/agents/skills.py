"""Skills: folders with a `SKILL.md` whose head says what they are for and what they need.

    ---
    name: backup-photos
    description: Copy new photos to the disk in the office.
    metadata: {"homarus": {"emoji": "📷", "requires": {"bins": ["rsync"]}, "os": ["linux"]}}
    ---

An agent's own skills stand in `skills/` of its workspace, shared ones in `skills/` of the gateway's home.
`openclaw` is read like `homarus` in `metadata`, so that skills written for it work here.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec

from gateway.agents.workspace import Workspace
from protocol.errors import GatewayError, NotFound
from protocol.methods.skills import SkillNeeds, SkillStatus

SKILL_FILE: Final = "SKILL.md"

MAX_SKILL_BYTES: Final = 256 * 1024
"""A skill is read by a model; more than this would not fit one."""

MAX_SKILLS: Final = 500
"""Folders looked at in one place."""

Source = Literal["homarus-workspace", "homarus-managed"]

_HEAD: Final = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIELD: Final = re.compile(r"^([A-Za-z][\w-]*):[ \t]*(.*)$", re.MULTILINE)


class SkillHead(msgspec.Struct, frozen=True):
    """What stands at the top of a skill."""

    name: str
    description: str
    homepage: str | None
    user_invocable: bool
    extra: Mapping[str, Any]
    """The `homarus` or `openclaw` part of `metadata`."""


def scan(workspace: Path, managed: Path) -> list[SkillStatus]:
    """All skills of an agent, its own before shared ones of the same name. Reads the disk.

    A folder that cannot be read, or whose head names nothing, is no skill and left out.
    """
    found: dict[str, SkillStatus] = {}
    places: tuple[tuple[Path, Source], ...] = (
        (workspace / "skills", "homarus-workspace"),
        (managed, "homarus-managed"),
    )
    for root, source in places:
        for status in _in_folder(root, source):
            found.setdefault(status.name, status)
    return [found[name] for name in sorted(found)]


def read_skill(skills: list[SkillStatus], name: str) -> str:
    """The whole text of a skill.

    Raises:
        NotFound: there is none of that name.
    """
    skill = next((skill for skill in skills if skill.name == name), None)
    text = _text(Workspace(Path(skill.base_dir)), SKILL_FILE) if skill is not None else None
    if text is None:
        known = ", ".join(skill.name for skill in skills) or "there are none"
        raise NotFound(f"there is no skill {name!r}; known: {known}")
    return text


def parse_head(text: str, folder_name: str) -> SkillHead | None:
    """The head of a skill's text; None when it does not describe one."""
    match = _HEAD.match(text)
    if match is None:
        return None
    fields = {key.lower(): _unquoted(value.strip()) for key, value in _FIELD.findall(match[1])}
    description = fields.get("description", "")
    if not description:
        return None
    return SkillHead(
        name=fields.get("name") or folder_name,
        description=description,
        homepage=fields.get("homepage") or None,
        user_invocable=fields.get("user-invocable", "true").lower() != "false",
        extra=_metadata(fields.get("metadata", "")),
    )


def _in_folder(root: Path, source: Source) -> Iterator[SkillStatus]:
    workspace = Workspace(root)
    try:
        names = [entry.name for entry in workspace.entries("") if entry.is_dir][:MAX_SKILLS]
    except GatewayError:
        return  # an unreadable folder holds no skills
    for name in names:
        text = _text(workspace, f"{name}/{SKILL_FILE}")
        head = parse_head(text, name) if text is not None else None
        if head is not None:
            yield _status(head, root / name, source)


def _text(workspace: Workspace, path: str) -> str | None:
    try:
        content = workspace.read(path, MAX_SKILL_BYTES)
        return content.data.decode() if content is not None else None
    except (GatewayError, UnicodeDecodeError):
        return None  # not a plain text file of its own: no skill


def _status(head: SkillHead, folder: Path, source: Source) -> SkillStatus:
    needs = _needs(head.extra)
    missing = _missing(needs)
    wrong_platform = bool(missing.os)
    eligible = not any((missing.bins, missing.any_bins, missing.env, missing.config, missing.os))
    return SkillStatus(
        name=head.name,
        description=head.description,
        source=source,
        bundled=False,
        file_path=str(folder / SKILL_FILE),
        base_dir=str(folder),
        skill_key=str(head.extra.get("skillKey") or head.name),
        emoji=cast("str | None", head.extra.get("emoji")),
        homepage=head.homepage,
        always=bool(head.extra.get("always")),
        disabled=False,
        blocked_by_allowlist=False,
        blocked_by_agent_filter=False,
        eligible=eligible,
        platform_incompatible=wrong_platform,
        model_visible=eligible,
        user_invocable=head.user_invocable,
        command_visible=eligible and head.user_invocable,
        requirements=needs,
        missing=missing,
        config_checks=[],
        install=[],
    )


def _needs(extra: Mapping[str, Any]) -> SkillNeeds:
    required = extra.get("requires")
    requires: Mapping[str, Any] = cast("Mapping[str, Any]", required) if isinstance(required, dict) else {}
    return SkillNeeds(
        bins=_names(requires.get("bins")),
        any_bins=_names(requires.get("anyBins")),
        env=_names(requires.get("env")),
        config=_names(requires.get("config")),
        os=_names(extra.get("os")),
    )


def _missing(needs: SkillNeeds) -> SkillNeeds:
    any_found = not needs.any_bins or any(shutil.which(name) for name in needs.any_bins)
    return SkillNeeds(
        bins=[name for name in needs.bins if shutil.which(name) is None],
        any_bins=[] if any_found else needs.any_bins,
        env=[name for name in needs.env if not os.environ.get(name)],
        # Paths of OpenClaw's own configuration; nothing here can hold them.
        config=needs.config,
        os=needs.os if needs.os and sys.platform not in needs.os else [],
    )


def _names(value: object) -> list[str]:
    return (
        [item for item in cast("list[object]", value) if isinstance(item, str)]
        if isinstance(value, list)
        else []
    )


def _metadata(text: str) -> Mapping[str, Any]:
    try:
        decoded = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
    for key in ("homarus", "openclaw"):
        if isinstance(decoded.get(key), dict):
            return cast("Mapping[str, Any]", decoded[key])
    return {}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
