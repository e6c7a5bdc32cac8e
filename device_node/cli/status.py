"""`homarus node status`."""

import argparse
import time

import msgspec

from device_node.cli.arguments import Parser, add_home, home_of
from device_node.control import Question, ask
from device_node.status import NodeStatus
from device_node.text import printable


def configure(parser: Parser) -> None:
    """Declare the command's flags."""
    add_home(parser)
    parser.add_argument("--json", action="store_true", help="print what the node says as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask the running node and show what it says; the exit code is 0 when it is connected."""
    status = ask(home_of(options).socket_path, Question(ask="status"))
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(status), indent=2).decode())
    else:
        shown = [(name, value) for name, value in _lines(status) if value]
        width = max(len(name) for name, _ in shown)
        for name, value in shown:
            print(f"{name:<{width}}  {printable(value, 500)}")
    return 0 if status.state == "connected" else 1


def _lines(status: NodeStatus) -> list[tuple[str, str]]:
    since = ""
    if status.connected_since_ms is not None:
        since = f" for {int(time.time()) - status.connected_since_ms // 1000} s"
    return [
        ("node", f"{status.display_name} ({status.profile})"),
        ("id", status.device_id),
        ("state", f"{status.state}{since}"),
        ("gateway", f"{status.gateway or '-'} {status.gateway_version or ''}".strip()),
        ("surface", status.surface),
        ("offers", ", ".join(status.commands) or "nothing"),
        ("phone", status.posture or ""),
        ("commands", f"{status.running} running, {status.done} done"),
        ("memory", f"{status.rss_bytes / 1e6:.0f} MB" if status.rss_bytes else ""),
        ("problem", status.last_error or ""),
        ("next step", status.next_step or ""),
        ("tries again", f"after {status.retry_in_s:.0f} s" if status.retry_in_s else ""),
    ]
