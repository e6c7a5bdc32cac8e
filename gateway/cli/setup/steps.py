"""The steps, in order. Each may be repeated: it asks for what is, and changes nothing without need."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateway.cli.client import Client
from gateway.cli.conversation import Conversation, failure, to_stdout
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import dim, green, one_line
from gateway.cli.process import listener_pid, start_in_background, stop_process
from gateway.cli.reach import Reach
from gateway.cli.setup.ask import Asker, title
from gateway.cli.setup.model_choice import list_models
from gateway.cli.setup.progress import Progress
from gateway.kernel.config.document import edit, parse
from gateway.kernel.config.files import read_text, write_private
from gateway.kernel.config.gateway import MIN_SECRET_CHARS_NETWORK, TOKEN_FILE
from gateway.kernel.config.tree import Tree, lookup, with_value
from gateway.kernel.home import Home
from gateway.kernel.net.tls import fingerprint
from protocol.methods.config import ConfigGet, ConfigPatch

PASSWORD_FILE: Final = "keys/gateway.password"  # noqa: S105 - a file name
KEY_FILE: Final = "keys/llm.key"

PROVIDER: Final = "llm"
"""What the provider of the first run is called in the configuration."""

FIRST_MESSAGE: Final = "hello"


class Setup:
    """One guided run."""

    def __init__(self, options: argparse.Namespace, home: Home, ask: Asker, progress: Progress) -> None:
        self._options = options
        self._home = home
        self._ask = ask
        self._progress = progress
        self._reach = Reach(home=home)

    def run(self) -> None:
        """Take every step that is not done yet.

        Raises:
            CommandFailed: when one cannot be taken; the ones before it stay done.
        """
        steps: Sequence[tuple[str, str, Callable[[], None]]] = (
            ("gateway", "Starting the gateway", self._start),
            ("network", "Who can reach it", self._network),
            ("auth", "How others prove who they are", self._auth),
            ("agent", "Who answers", self._agent),
            ("message", "A first message", self._message),
        )
        for name, text, step in steps:
            if self._progress.done(name) and name != "gateway":
                print(f"{green('done before')}  {text.lower()}")
                continue
            title(text)
            step()
            self._progress.mark(name)
        self._farewell()

    def _start(self) -> None:
        if listener_pid(self._home) is not None:
            print("it runs already")
            return
        if self._options.port is not None:
            self._set_in_file(("gateway", "port"), self._options.port)
        while True:
            try:
                address = start_in_background(self._home)
            except CommandFailed as failed:
                if self._ask.defaults_only or "listen" not in failed.what:
                    raise
                print(f"{failed.what}")
                self._set_in_file(("gateway", "port"), self._ask.number("Another port", 0, 65535))
            else:
                print(f"it runs at {address}")
                return

    def _network(self) -> None:
        options = ("programs on this computer only", "devices in my network too, encrypted")
        wanted = 1 if self._options.network else self._ask.choice("Who may connect?", options)
        if wanted == 0:
            print("it listens on this computer only")
            return
        self._patch({"gateway": {"host": "0.0.0.0", "tls": {"enabled": True}}})  # noqa: S104 - asked for
        pid = listener_pid(self._home)
        if pid is not None:
            stop_process(pid)
        print(f"restarted; it runs at {start_in_background(self._home)}")
        print(f"others recognise it by SHA-256 {fingerprint(self._home.keys_dir / 'tls.crt')}")

    def _auth(self) -> None:
        options = ("a token, made for you", "a password of your own")
        if self._ask.choice("What must they know?", options) == 0:
            print(f"the token is in {self._home.root / TOKEN_FILE}")
            return
        password = self._ask.secret("Password")
        while len(password) < MIN_SECRET_CHARS_NETWORK:
            print(f"at least {MIN_SECRET_CHARS_NETWORK} characters, please")
            password = self._ask.secret("Password")
        write_private(self._home.root / PASSWORD_FILE, password + "\n")
        self._patch({"gateway": {"auth": {"mode": "password", "password": {"file": PASSWORD_FILE}}}})
        print("the password is in force")

    def _agent(self) -> None:
        options = (
            "the embedded assistant, which needs no network",
            "a language model, here or on the network",
        )
        if not self._options.llm_url and self._ask.choice("Who shall answer you?", options) == 0:
            print("the embedded assistant answers")
            return
        base_url = self._options.llm_url or self._ask.text("Its address", "http://127.0.0.1:11434/v1")
        if not base_url.startswith(("http://", "https://")):
            raise Misused(f"{one_line(base_url)} is no address", "it begins with http:// or https://")
        key = self._options.llm_key or self._ask.secret("Its key (empty for none)")
        model = self._options.llm_model or self._choose_model(list_models(base_url, key))
        provider: dict[str, object] = {"base_url": base_url}
        if key:
            write_private(self._home.root / KEY_FILE, key + "\n")
            provider["api_key"] = {"file": KEY_FILE}
        chosen = f"{PROVIDER}/{model}"
        self._patch({"agents": {"model": {"primary": chosen}, "providers": {PROVIDER: provider}}})
        print(f"{one_line(chosen)} answers")

    def _choose_model(self, names: list[str]) -> str:
        if not names:
            raise CommandFailed("that server has no models", "give it one and run this again")
        shown = [one_line(name) for name in names[:20]]
        return names[self._ask.choice("Which model?", shown)]

    def _message(self) -> None:
        text = self._ask.text("Say something", FIRST_MESSAGE)
        conversation = Conversation(lambda: Client.connect(self._reach), "", None, _note)
        try:
            reply = conversation.say(text, to_stdout)
        finally:
            conversation.close()
        print()
        if reply.how != "final":
            raise failure(reply)

    def _farewell(self) -> None:
        title("Ready")
        for command, meaning in (
            ("homarus chat", "talk to your agent"),
            ("homarus devices pair", "let a phone or another computer in"),
            ("homarus doctor", "find out what is wrong when something is"),
            ("homarus gateway stop", "stop it; `homarus gateway run` starts it again"),
        ):
            print(f"  {command:<22} {meaning}")

    def _patch(self, part: dict[str, object]) -> None:
        with Client.connect(self._reach) as client:
            snapshot = client.ask(ConfigGet()).value
            raw = msgspec.json.encode(part).decode()
            client.ask(ConfigPatch(raw=raw, base_hash=snapshot.hash if snapshot.exists else None))

    def _set_in_file(self, path: tuple[str, ...], value: object) -> None:
        """Change the file of a gateway that is not running, as a person would."""
        text = read_text(self._home.config_path) or ""
        tree: Tree = parse(text)
        if lookup(tree, path) != value:
            write_private(self._home.config_path, edit(text, with_value(tree, path, value)))


def _note(text: str) -> None:
    print(dim(f"· {text}"), file=sys.stderr)
