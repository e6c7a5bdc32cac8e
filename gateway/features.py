"""The ordered list of features, named only here; each may use what stands before it."""

from gateway import approvals, channels, configuration, devices, operations, sessions, transcripts, web
from gateway.kernel.feature import Feature

FEATURES: tuple[Feature, ...] = (
    configuration.FEATURE,
    operations.FEATURE,
    approvals.FEATURE,
    channels.FEATURE,
    devices.FEATURE,
    transcripts.FEATURE,
    sessions.FEATURE,
    web.FEATURE,
)
