"""The ordered list of features, named only here; each may use what stands before it."""

from gateway import (
    agents,
    approvals,
    backup,
    channels,
    configuration,
    devices,
    inbox,
    memory,
    operations,
    presence,
    questions,
    routing,
    sessions,
    tasks,
    transcripts,
    users,
    web,
)
from gateway.kernel.feature import Feature

FEATURES: tuple[Feature, ...] = (
    configuration.FEATURE,
    operations.FEATURE,
    approvals.FEATURE,
    questions.FEATURE,
    channels.FEATURE,
    devices.FEATURE,
    presence.FEATURE,
    users.FEATURE,
    transcripts.FEATURE,
    sessions.FEATURE,
    routing.FEATURE,
    inbox.FEATURE,
    tasks.FEATURE,
    memory.FEATURE,
    agents.FEATURE,
    backup.FEATURE,
    web.FEATURE,
)
