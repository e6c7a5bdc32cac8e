"""The ordered list of features: the only place that names them all. A feature may use what stands before it."""

from gateway.kernel.feature import Feature

FEATURES: tuple[Feature, ...] = ()
