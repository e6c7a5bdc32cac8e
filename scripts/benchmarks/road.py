"""How long a message is on the road to its agent (S0.P-4)."""

from pathlib import Path
from typing import Any, Final

from scripts.benchmarks.contestants import TOKEN
from scripts.benchmarks.figures import Figure, percentile
from scripts.benchmarks.load import LoadClient
from tests.support.daemon import Daemon

AGENTS: Final = 50
RULES: Final = 200

CONFIG: Final = "".join(f'[agents.entries.a{number}]\nruntime = "offline"\n' for number in range(AGENTS))


async def routing_figures(folder: Path, messages: int, per_second: int = 100) -> list[Figure]:
    """From the frame to the stored assignment, among 200 rules, while 50 agents answer."""
    daemon = Daemon(folder, token=TOKEN, config=CONFIG)
    await daemon.start()
    try:
        async with LoadClient(daemon.ws_url, daemon.token) as client:
            await client.call("routing.rules.set", {"rules": _rules()})
            latencies = await client.steady("agent", _message, messages, per_second)
    finally:
        daemon.kill()
    name = f"message to stored assignment, {RULES} rules, {AGENTS} busy agents, p99"
    return [Figure(name, percentile(latencies, 0.99), "ms", 50)]


def _rules() -> list[dict[str, Any]]:
    """Rules of which only the last few hold for any one message, so that nearly all are asked."""
    return [
        {
            "id": f"r{number}",
            "agentId": f"a{number % AGENTS}",
            "channel": "bench",
            "sender": f"peer-{number}",
            "pattern": "*time*",
        }
        for number in range(RULES)
    ]


def _message(number: int, request_id: str) -> dict[str, Any]:
    return {
        "message": "what time is it?",
        "idempotencyKey": request_id,
        "channel": "bench",
        # Hashed over the rules, so that the agents take turns and most rules are asked in vain.
        "to": f"peer-{number * 7919 % RULES}",
    }
