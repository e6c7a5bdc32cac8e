"""The ordered list of features, named only here; each may use what stands before it."""

from gateway.kernel.feature import Feature

FEATURES: tuple[Feature, ...] = ()
