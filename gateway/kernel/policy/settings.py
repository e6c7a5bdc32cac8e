"""`[policy]` in `homarus.toml`."""

import shlex
from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.kernel.config.settings import ConfigIssue, Settings, SettingsPart
from gateway.kernel.policy.model import Effect

Pattern = Annotated[str, Meta(min_length=1, max_length=512)]


class PolicyRule(SettingsPart):
    """One rule; it counts where every pattern given fits. In patterns `*` stands for anything."""

    effect: Effect
    """`allow` without asking, `ask` a person, or `deny`. Where rules disagree the strictest wins."""
    action: Pattern = "*"
    """A node command, method or tool, such as `camera.*`."""
    agent: Pattern = "*"
    """Id of the agent that wants it."""
    node: Pattern | None = None
    """Id of the node it is for; with it, the rule is only about nodes."""
    command: Pattern | None = None
    """Words of a command line, such as `git status *`, where a last `*` stands for any further words. An
    `allow` rule takes the program's name or path exactly as it is run; `ask` and `deny` also look for it
    under any path and inside `sh -c`.
    """


class PolicySettings(Settings):
    """What agents may do, what needs your yes, and what nobody may."""

    section: ClassVar[str] = "policy"

    never: Annotated[tuple[Pattern, ...], Meta(max_length=256)] = ()
    """Actions that agents never do, whatever other rules or people say."""
    rules: Annotated[tuple[PolicyRule, ...], Meta(max_length=256)] = ()
    medium: Effect = "allow"
    """What to do about medium risks that no rule is about, such as listing a folder of a node."""
    high: Effect = "ask"
    """The same for high ones: running programs, camera, screen, location, contacts."""
    critical: Effect = "ask"
    """The same for what can end a machine or takes its control over. Never allowed for good."""

    def problems(self) -> Iterable[ConfigIssue]:
        """Command patterns that cannot be split into words."""
        for place, rule in enumerate(self.rules):
            if rule.command is None:
                continue
            try:
                shlex.split(rule.command)
            except ValueError:
                path = f"policy.rules[{place}].command"
                yield ConfigIssue(path, "has an opening quote without a closing one")
