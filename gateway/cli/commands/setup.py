"""`homarus setup`: from nothing to a first answer."""

import argparse
import os
import sys

from gateway.cli.arguments import Parser, add_home
from gateway.cli.failure import INTERRUPTED, Misused
from gateway.cli.output import dim
from gateway.cli.setup.ask import Asker
from gateway.cli.setup.progress import Progress
from gateway.cli.setup.steps import Setup
from gateway.kernel.home import HOME_VARIABLE, Home

KEY_VARIABLE = "HOMARUS_LLM_KEY"


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_home(parser)
    parser.add_argument("--yes", action="store_true", help="ask nothing and take every default")
    parser.add_argument("--again", action="store_true", help="take every step anew")
    parser.add_argument("--port", type=int, help="port to listen on (18789)")
    parser.add_argument("--network", action="store_true", help="also listen to other devices, encrypted")
    parser.add_argument("--llm-url", metavar="URL", help="a language model's address, OpenAI-compatible")
    parser.add_argument("--llm-model", metavar="NAME", help="which of its models")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if not options.yes and not sys.stdin.isatty():
        raise Misused("setup asks questions and there is nobody to answer", "use --yes to take every default")
    options.llm_key = os.environ.get(KEY_VARIABLE, "")
    ask = Asker(defaults_only=options.yes)
    try:
        home = _home(options, ask)
        progress = Progress(home)
        if options.again:
            progress.forget()
        Setup(options, home, ask, progress).run()
    except (KeyboardInterrupt, EOFError):
        print(dim("\nleft; run homarus setup again to go on from here"))
        return INTERRUPTED
    return 0


def _home(options: argparse.Namespace, ask: Asker) -> Home:
    home = Home.locate(options.home)
    if options.home is None and HOME_VARIABLE not in os.environ and not home.root.exists():
        home = Home.locate(ask.text("Folder for everything it keeps", str(home.root)))
        if home != Home.locate():
            print(f"later commands find it with: export {HOME_VARIABLE}={home.root}")
    home.prepare()
    return home
