"""Tells the sender of a `chat.send` where its time goes."""

from collections.abc import Callable

from gateway.chat.model import Run
from gateway.kernel.clock import Clock
from protocol.events.chat import ChatSendTiming, SendPhase
from protocol.method import Event


class SendTiming:
    """One `chat.send`, from the moment it was read. Milliseconds with three decimals."""

    def __init__(
        self, run: Run, send: Callable[[Event], object], clock: Clock, received_s: float, acked_s: float
    ) -> None:
        self._run = run
        self._send = send
        self._clock = clock
        self._received_s = received_s
        self._acked_s = acked_s
        self._dispatched_s: float | None = None
        self._reached: set[SendPhase] = set()

    def phase(self, phase: SendPhase, *, provider: str | None = None, model: str | None = None) -> None:
        """Say that a phase is reached; each is said once."""
        if phase in self._reached:
            return
        self._reached.add(phase)
        now_s = self._clock.monotonic_s()
        since = None if self._dispatched_s is None else _ms(now_s - self._dispatched_s)
        if phase == "dispatch-started":
            self._dispatched_s = now_s
        self._send(
            ChatSendTiming(
                phase=phase,
                run_id=self._run.run_id,
                session_key=self._run.session_key,
                agent_id=self._run.agent_id,
                ack_to_phase_ms=_ms(now_s - self._acked_s),
                received_to_phase_ms=_ms(now_s - self._received_s),
                dispatch_started_to_phase_ms=since,
                provider=provider,
                model=model,
            )
        )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
