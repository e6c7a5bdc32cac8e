"""What a turn has come to so far."""

from gateway.agents.model import AgentFailed, ToolFinished, ToolStarted, UsageReported
from gateway.chat.answer import Answer
from gateway.chat.model import Failure, Outcome, RunStatus, Usage
from protocol.errors import GatewayError


class Progress:
    """Collects the facts of a turn from its events, and turns them into its outcome."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.provider: str | None = None
        self.model: str | None = None
        self.stop_reason = "stop"
        self.tools: dict[str, ToolStarted] = {}
        """Tools that run now, by call."""
        self._succeeded: list[str] = []
        self._usage = Usage()
        self._entries = 0

    def next_entry(self) -> int:
        """A number for the next transcript entry of this run."""
        self._entries += 1
        return self._entries

    def finished_tool(self, result: ToolFinished) -> ToolStarted:
        """A tool ended; returns how it began."""
        if not result.is_error:
            self._succeeded.append(result.name)
        began = self.tools.pop(result.call_id, None)
        return began or ToolStarted(result.call_id, result.name, result.name, {})

    def used(self, report: UsageReported) -> None:
        """Add one model call. A single unknown price makes the sum unknown."""
        so_far = self._usage
        first = so_far == Usage()
        known = report.cost_usd is not None and (first or so_far.cost_usd is not None)
        self._usage = Usage(
            input_tokens=so_far.input_tokens + report.input_tokens,
            output_tokens=so_far.output_tokens + report.output_tokens,
            cache_read=so_far.cache_read + report.cache_read,
            cache_write=so_far.cache_write + report.cache_write,
            cost_usd=(so_far.cost_usd or 0.0) + (report.cost_usd or 0.0) if known else None,
        )

    def outcome(self, status: RunStatus, stop_reason: str, failure: Failure | None = None) -> Outcome:
        """The turn as it stands, ended this way."""
        return Outcome(
            status=status,
            stop_reason=stop_reason,
            text=self.answer.text,
            last_text=self.answer.part,
            provider=self.provider,
            model=self.model,
            usage=self._usage,
            tools=tuple(self._succeeded),
            failure=failure,
        )

    def done(self) -> Outcome:
        """The agent came to its end."""
        return self.outcome("done", self.stop_reason)

    def failed(self, error: GatewayError) -> Outcome:
        """The agent gave up."""
        failure = Failure(message=error.message, code=error.code)
        if isinstance(error, AgentFailed):
            failure = Failure(
                message=error.message,
                code=error.code,
                reason=error.reason,
                provider=error.provider,
                model=error.model,
            )
        return self.outcome("failed", "error", failure)

    def timed_out(self, limit_s: float) -> Outcome:
        """The deadline passed."""
        text = f"The answer took longer than {limit_s:g} s and was stopped. Ask for less, or allow more time."
        return self.outcome(
            "failed", "timeout", Failure(message=text, code="AGENT_TIMEOUT", reason="timeout")
        )
