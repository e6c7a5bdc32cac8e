"""Installing and uninstalling: shown first, done once agreed to, by the manager itself where it listens."""

import shlex
import sys

import msgspec

from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import escaped, green
from gateway.cli.service.manager import Manager, Plan, Steps, run
from gateway.cli.service.program import Program
from gateway.kernel.config.files import write_private


class Consent(msgspec.Struct, frozen=True):
    """How far to go."""

    yes: bool
    """Ask nothing."""
    dry_run: bool
    """Change nothing."""

    def given(self, question: str) -> bool:
        """Whether the person agrees.

        Raises:
            Misused: when there is nobody to ask.
        """
        if self.yes:
            return True
        if not sys.stdin.isatty():
            raise Misused("there is nobody to ask", "use --yes to go on without, or --dry-run to only look")
        try:
            return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
        except EOFError:
            print()
            return False


def install(program: Program, manager: Manager, consent: Consent) -> int:
    """Have `program` started now and from now on; doing it twice changes nothing more.

    Raises:
        CommandFailed: when a file of somebody else is in the way, or the disk or the manager refuses.
    """
    plan = manager.plan(program)
    print(f"{escaped(str(plan.path))}:\n\n{escaped(plan.text)}")
    present = _present(program, plan)
    if consent.dry_run:
        print("It would be written, and started by:")
        _show(plan.start)
        return 0
    if present == plan.text:
        print("it is written already")
    elif consent.given("Write this file and start it?"):
        _write(plan)
        print(f"{green('written')}  {escaped(str(plan.path))}")
    else:
        print("nothing was changed")
        return 1
    if manager.available():
        _start(program, manager, plan, changed=present != plan.text)
        print(f"{green('started')}  {escaped(program.description)}; {plan.advice}")
    else:
        print("The service manager of this machine cannot be asked from here. These start it:")
        _show(plan.start)
    return 0


def uninstall(program: Program, manager: Manager, consent: Consent) -> int:
    """Undo `install`; what is not installed stays so.

    Raises:
        CommandFailed: when the file is somebody else's, or the disk or the manager refuses.
    """
    plan = manager.plan(program)
    if _present(program, plan) is None:
        print(f"it is not installed; there is no {escaped(str(plan.path))}")
        return 0
    if consent.dry_run:
        print(f"It would be stopped, and {escaped(str(plan.path))} removed.")
        return 0
    if not consent.given(f"Stop it and remove {escaped(str(plan.path))}?"):
        print("nothing was changed")
        return 1
    available = manager.available()
    if available:
        _run_all(plan.stop if manager.active(program) else ())
        _run_all(plan.disable)
    _remove(plan)
    print(f"{green('removed')}  {escaped(str(plan.path))}")
    if available:
        _run_all(plan.after_removal)
    else:
        print("The service manager of this machine cannot be asked from here. Should it still run:")
        _show((*plan.stop, *plan.after_removal))
    return 0


def _present(program: Program, plan: Plan) -> str | None:
    """What is installed; None when nothing is."""
    try:
        text = plan.path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(
            f"{plan.path} cannot be read: {error.strerror}", "see that it is yours"
        ) from error
    if program.marker not in text:
        raise CommandFailed(f"{plan.path} was not written by this command", "move it away, then try again")
    return text


def _start(program: Program, manager: Manager, plan: Plan, *, changed: bool) -> None:
    active = manager.active(program)
    if active and not changed:
        return
    if active:
        _run_all(plan.stop)
    _run_all(plan.start)


def _write(plan: Plan) -> None:
    try:
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        write_private(plan.path, plan.text)
    except OSError as error:
        raise CommandFailed(
            f"{plan.path} cannot be written: {error.strerror}", "see that the folder is yours"
        ) from error


def _remove(plan: Plan) -> None:
    try:
        for path in (plan.path, *plan.leftovers):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"{plan.path} cannot be removed: {error.strerror}", "see that the folder is yours"
        ) from error


def _run_all(steps: Steps) -> None:
    for step in steps:
        run(*step)


def _show(steps: Steps) -> None:
    for step in steps:
        print(f"  {escaped(shlex.join(step))}")
