"""Facts about the gateway's work that a feature states and others react to."""

import msgspec


class RunEnded(msgspec.Struct, frozen=True):
    """A run of an agent is over, whatever its end; not said of a run that the next start takes up again."""

    run_id: str
