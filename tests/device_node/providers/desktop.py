"""Real desktops without a monitor: an X server, a Wayland compositor, a session bus with notifications."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

WIDTH, HEIGHT = 1280, 720


def needed(*programs: str) -> None:
    """Fail, with what to do, when a program the test drives is not installed.

    Raises:
        AssertionError: naming the programs.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    assert not missing, f"not installed: {', '.join(missing)}; run as root: scripts/setup --node"


@contextmanager
def x_display() -> Generator[str]:
    """An X server; its display, as `DISPLAY` has it."""
    needed("Xvfb")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(writer),
            "-screen",
            "0",
            f"{WIDTH}x{HEIGHT}x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as ready:  # it writes the number when clients may come
            number = ready.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        _end(server)


@contextmanager
def wayland_display() -> Generator[dict[str, str]]:
    """A Wayland desktop; the variables with which programs find it."""
    needed("sway", "grim")
    # Sway does not run as root; then it runs as nobody, in a folder nobody may enter.
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runtime, ready, config = folder / "run", folder / "ready", folder / "sway"
        runtime.mkdir(mode=0o700)
        os.mkfifo(ready, 0o600)
        config.write_text(f'exec sh -c "echo \\$WAYLAND_DISPLAY > {ready}"\n')
        for path in (folder, runtime, ready, config):
            if nobody is not None:
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "XDG_RUNTIME_DIR": str(runtime),
            "WLR_BACKENDS": "headless",
            "WLR_RENDERER": "pixman",
            "WLR_LIBINPUT_NO_DEVICES": "1",
        }
        desktop = subprocess.Popen(
            ["sway", "-c", str(config)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=nobody.pw_uid if nobody is not None else None,
            group=nobody.pw_gid if nobody is not None else None,
        )
        try:
            # The desktop's first command writes to the pipe; until then this waits.
            yield {"WAYLAND_DISPLAY": ready.read_text().strip(), "XDG_RUNTIME_DIR": str(runtime)}
        finally:
            _end(desktop)


@contextmanager
def session_bus(folder: Path) -> Generator[str]:
    """A D-Bus session bus on which nothing shows notifications yet; its address."""
    needed("dbus-daemon")
    config = folder / "bus.conf"
    # Without service folders: the bus must not start an installed notification service by itself.
    config.write_text(
        "<busconfig><type>session</type>"
        f"<listen>unix:path={folder}/bus</listen>"
        '<policy context="default"><allow send_destination="*"/><allow own="*"/>'
        '<allow receive_sender="*"/></policy>'
        "</busconfig>"
    )
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--print-address=1", "--nofork"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert bus.stdout is not None
        address = bus.stdout.readline().strip()
        assert address, "dbus-daemon did not start"
        yield address
    finally:
        _end(bus)


@contextmanager
def notification_service(address: str, display: str) -> Generator["subprocess.Popen[str]"]:
    """A desktop's notification service; it prints what it shows."""
    needed("dunst", "gdbus")
    environment = {"PATH": os.environ["PATH"], "DISPLAY": display, "DBUS_SESSION_BUS_ADDRESS": address}
    service = subprocess.Popen(
        ["dunst", "-print", "-conf", os.devnull],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        wait = ["gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.Notifications"]
        subprocess.run(wait, env=environment, check=True)
        yield service
    finally:
        _end(service)


def _end(program: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    program.terminate()
    program.wait(20)
    if program.stdout is not None:
        program.stdout.close()
