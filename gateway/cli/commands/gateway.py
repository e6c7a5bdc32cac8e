"""`homarus gateway`: run it, stop it, ask it."""

import argparse
import gc
import time

import msgspec

from gateway.cli.arguments import Parser, Subcommands, add_consent, add_home, add_json, add_reach
from gateway.cli.client import Client, connect
from gateway.cli.failure import Misused, NotRunning
from gateway.cli.output import duration, green, one_line, print_fields, print_json, red, size_text
from gateway.cli.reach import Reach
from gateway.kernel.home import Home
from protocol.errors import JsonValue


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    run = commands.add("run", _run, "run the gateway in the foreground")
    run.add_argument("--host", help="address to listen on (127.0.0.1)")
    run.add_argument("--port", type=int, help="port to listen on (18789); 0 picks a free one")
    run.add_argument("--token", help="shared token, for this run")
    run.add_argument("--auth", choices=("token", "password", "none"), help="what clients must present")
    add_home(run)
    stop = commands.add("stop", _stop, "stop the gateway of this home, in order")
    add_home(stop)
    add_json(stop)
    add_reach(commands.add("status", _status, "whether it runs, where and how it is"))
    add_reach(commands.add("health", _health, "ask whether every part works; exit code 1 when not"))
    for name, text in (
        ("install", "start it with the machine; shows the unit before it is written"),
        ("uninstall", "undo install"),
    ):
        service = commands.add(name, _service, text)
        add_home(service)
        add_consent(service)
    call = add_reach(commands.add("call", _call, "call any method and print its result"))
    call.add_argument("method", help="such as sessions.list")
    call.add_argument("--params", default="{}", metavar="JSON", help="its parameters, an object ({})")
    call.add_argument("--expect-final", action="store_true", help="wait for the result, not for `accepted`")


def _run(options: argparse.Namespace) -> int:
    gc.disable()  # until the start is over: little of it is garbage, and looking takes a twentieth of it
    from gateway.daemon import run
    from gateway.kernel.config.overrides import Overrides

    overrides = Overrides(host=options.host, port=options.port, token=options.token, auth=options.auth)
    return run(Home.locate(options.home), overrides)


def _service(options: argparse.Namespace) -> int:
    from gateway.cli.service.commands import perform

    return perform("gateway", ("gateway", "run"), options)


def _call(options: argparse.Namespace) -> int:
    try:
        params: JsonValue = msgspec.json.decode(options.params)
    except msgspec.DecodeError as error:
        raise Misused(
            f"--params is no JSON: {error}", "quote it for the shell: --params '{\"key\": 1}'"
        ) from error
    with connect(options) as client:
        print_json(client.ask_raw(options.method, params, final=options.expect_final))
    return 0


def _health(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    with connect(options) as client:
        health = client.ask_raw("health", {})
        took_ms = (time.perf_counter() - started) * 1000
    problems = _problems(health)
    if options.json:
        print_json(health)
    elif problems:
        print("\n".join(problems))
    else:
        print(f"{green('ok')} ({took_ms:.0f} ms)")
    return 1 if problems else 0


def _status(options: argparse.Namespace) -> int:
    from protocol.methods.config import ConfigGet
    from protocol.methods.health import Status

    reach = Reach.of(options)
    with Client.connect(reach) as client:
        answer = client.ask(Status())
        config = client.ask(ConfigGet()).value
    if options.json:
        print_json(answer.raw)
        return 0
    status = answer.value
    state = "in order" if config.valid else "has faults; see `homarus config check`"
    waiting = f"; waits for a restart: {', '.join(config.pending_restart)}" if config.pending_restart else ""
    print_fields(
        (
            ("gateway", f"running with {reach}"),
            ("process", f"{status.pid}, {size_text(status.process_memory.rss_bytes)} of memory"),
            ("version", status.homarus_version),
            ("up for", duration(status.uptime_ms)),
            ("auth", client.hello.snapshot.auth_mode or "-"),
            ("connections", str(status.connections)),
            ("sessions", str(status.sessions.count)),
            ("config", f"{config.path} {state}{waiting}"),
        )
    )
    for name, part in status.parts.items():
        if not part.ok:
            print(_failing(name, part.detail or ""))
    return 0


def _problems(health: JsonValue) -> list[str]:
    """One line for each part that does not work, with its own advice."""
    plugins = health.get("plugins") if isinstance(health, dict) else None
    errors = plugins.get("errors") if isinstance(plugins, dict) else None
    if not isinstance(errors, list):
        return [_failing("health", "the gateway's answer does not say; ask `homarus gateway status`")]
    return [
        _failing(str(part.get("id")), str(part.get("error") or ""))
        for part in errors
        if isinstance(part, dict)
    ]


def _failing(name: str, detail: str) -> str:
    return f"{red('failing')}  {one_line(name)}: {one_line(detail or 'no detail', 300)}"


def _stop(options: argparse.Namespace) -> int:
    from gateway.cli.process import listener_pid, stop_process

    home = Home.locate(options.home)
    pid = listener_pid(home)
    if pid is None:
        raise NotRunning(f"no gateway runs with {home.root}", "nothing to stop")
    stop_process(pid)
    if options.json:
        print_json({"stopped": True, "pid": pid})
    else:
        print(f"stopped the gateway of {home.root}")
    return 0
