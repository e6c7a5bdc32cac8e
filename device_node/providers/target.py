"""What a command line would really run: its program, its folder and the files that decide what happens.

Names can change their meaning between a look and the run, so program and folder are opened once, looked at
through their descriptors, and on Linux run and entered through them as well. Scripts are opened by their
interpreter, by name: whether they changed is looked at right before and right after the start. What a script
or a shell text goes on to load, nobody can know beforehand; no approval is bound to that.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path, PurePath
from typing import Final, Self

import msgspec

from device_node.commands import CommandFailed
from device_node.providers.process import BY_DESCRIPTOR
from device_node.providers.programs import find_program, is_program
from device_node.providers.shell_text import SHELLS, inline_text, segments
from protocol.commands.system import FileFingerprint

INTERPRETERS: Final = (
    *sorted(SHELLS), "python", "pypy", "node", "nodejs", "bun", "deno", "ruby", "perl", "php", "lua",
    "Rscript", "tclsh", "osascript", "pwsh",
)  # fmt: skip
"""Programs that run the file they are given; a number may follow the name."""

INLINE_FLAGS: Final = frozenset({"-c", "-e", "-m", "-p", "-r", "--eval", "--print", "--command"})
"""What follows is not a file."""

ELF: Final = b"\x7fELF"
"""A program that is run through its descriptor. A script is not: its interpreter opens it by name."""


class RunDenied(CommandFailed):
    """The node's rules, its owner or a missing approval say no."""

    def __init__(self, message: str, reason: str = "approval-required") -> None:
        super().__init__("SYSTEM_RUN_DENIED", message)
        self.reason = reason
        """For `exec.denied`: `security=deny`, `approval-required`, `allowlist-miss`, ..."""


class Opened(msgspec.Struct, frozen=True):
    """An open file or folder, under the name it really has."""

    fd: int
    path: str
    about: tuple[int, ...]
    """Device, inode, size, and times of the last change, in nanoseconds."""

    @classmethod
    def open(cls, path: str, flags: int, files: ExitStack) -> Self:
        """Open it until `files` is closed.

        Raises:
            OSError: when that is not possible.
        """
        # Without O_NONBLOCK, opening a named pipe would wait for its other end.
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
        files.callback(os.close, fd)
        real = str(Path(f"/proc/self/fd/{fd}").readlink()) if BY_DESCRIPTOR else os.path.realpath(path)
        return cls(fd, real, _about(fd))

    @property
    def unchanged(self) -> bool:
        """Whether it is still the same, and still what its name leads to."""
        try:
            return _about(self.fd) == self.about == _about(self.path)
        except OSError:
            return False

    def sha256(self) -> str:
        """Hash of its content, hex.

        Raises:
            OSError: when it cannot be read.
        """
        with os.fdopen(os.dup(self.fd), "rb") as stream:
            stream.seek(0)
            return hashlib.file_digest(stream, "sha256").hexdigest()


class Operand(msgspec.Struct, frozen=True):
    """A file that decides what happens, and where in the command line it stands."""

    argv_index: int
    file: Opened


class Part(msgspec.Struct, frozen=True):
    """One command of a plain shell text."""

    joint: str
    """What joins it to the one before."""
    words: tuple[str, ...]
    """The program by its path first."""
    called: str
    """The program as the text names it."""
    program: Opened


class Target(msgspec.Struct, frozen=True):
    """A resolved command line. Close it: it holds files open."""

    argv: tuple[str, ...]
    """`argv[0]` is absolute; its last part may still be a link, since many programs look at their name."""
    called: str
    """The program as the caller named it."""
    program: Opened
    folder: Opened
    operands: tuple[Operand, ...]
    """The program first, then scripts and what a plain shell text runs."""
    parts: tuple[Part, ...] | None
    """The commands of a plain shell text; None when it is no such text."""
    files: AbstractContextManager[object]

    def fingerprints(self) -> list[FileFingerprint]:
        """Hashes of the files, as they are now; blocks while it reads them.

        Raises:
            RunDenied: when one cannot be read.
        """
        prints: list[FileFingerprint] = []
        for operand in self.operands:
            try:
                digest = operand.file.sha256()
            except OSError as error:
                raise RunDenied(
                    f"{operand.file.path} cannot be read, so no approval can hold for it"
                ) from error
            prints.append(
                FileFingerprint(argv_index=operand.argv_index, path=operand.file.path, sha256=digest)
            )
        return prints

    @property
    def folder_id(self) -> str:
        """Which folder it is, whatever its name: device and inode."""
        return f"{self.folder.about[0]}:{self.folder.about[1]}"

    @property
    def unchanged(self) -> bool:
        """Whether every file and the folder are still what was looked at."""
        return self.folder_is_same and all(operand.file.unchanged for operand in self.operands)

    @property
    def folder_is_same(self) -> bool:
        """Whether the folder's name still leads to it; its content may change."""
        try:
            return _about(self.folder.path)[:2] == self.folder.about[:2]
        except OSError:
            return False

    @property
    def is_binary(self) -> bool:
        """Whether the program can be run through its descriptor."""
        try:
            return os.pread(self.program.fd, len(ELF), 0) == ELF
        except OSError:  # it may be executed but not read
            return False

    def close(self) -> None:
        """Close its files."""
        self.files.__exit__(None, None, None)


def resolve(command: Sequence[str], cwd: str | None, environment: Mapping[str, str]) -> Target:
    """Find and open what `command` would run in `cwd`, or in the owner's home; blocks for a moment.

    Raises:
        CommandFailed: `INVALID_REQUEST` naming the argument that is wrong.
    """
    _no_nul(command)
    with ExitStack() as files:
        folder = _open_folder(cwd, files)
        path = _program_path(command[0], folder.path, environment["PATH"])
        program = _open_program(path, files)
        argv = (path, *command[1:])
        operands = [Operand(0, program), *_scripts(argv, 0, folder.path, files)]
        text = inline_text(argv)
        parts = _plain_parts(text, folder.path, environment["PATH"], files) if text is not None else None
        for part in parts or ():
            operands += [Operand(2, part.program), *_scripts(part.words, 2, folder.path, files)]
        return Target(argv, command[0], program, folder, tuple(operands), parts, files.pop_all())


def _no_nul(command: Sequence[str]) -> None:
    for index, argument in enumerate(command):
        if "\0" in argument:
            raise CommandFailed("INVALID_REQUEST", f"command[{index}]: must not contain NUL")
    if not command[0]:
        raise CommandFailed("INVALID_REQUEST", "command[0]: must name a program")


def _open_folder(cwd: str | None, files: ExitStack) -> Opened:
    wanted = cwd if cwd is not None else str(Path.home())
    if "\0" in wanted or not wanted.startswith("/"):
        raise CommandFailed("INVALID_REQUEST", "cwd: must be an absolute path")
    flags = os.O_DIRECTORY | (os.O_PATH if BY_DESCRIPTOR else os.O_RDONLY)
    try:
        folder = Opened.open(wanted, flags, files)
    except OSError as error:
        raise CommandFailed("INVALID_REQUEST", f"cwd: {_why(error, 'folder')}") from error
    if not os.access(folder.path, os.X_OK):
        raise CommandFailed("INVALID_REQUEST", "cwd: this node may not enter that folder")
    return folder


def _program_path(name: str, folder: str, search_path: str) -> str:
    if "/" not in name:
        found = find_program(name, search_path)
        if found is None:
            raise CommandFailed("INVALID_REQUEST", f"command[0]: this node has no program {name[:200]!a}")
        return found
    whole = Path(folder) / name
    return str(Path(os.path.realpath(whole.parent)) / whole.name)


def _open_program(path: str, files: ExitStack) -> Opened:
    try:
        try:
            program = Opened.open(path, os.O_RDONLY, files)
        except PermissionError:
            if not BY_DESCRIPTOR:
                raise
            program = Opened.open(path, os.O_PATH, files)  # a program that may be run and not read
    except OSError as error:
        raise CommandFailed("INVALID_REQUEST", f"command[0]: {_why(error, 'program')}") from error
    if not stat.S_ISREG(os.fstat(program.fd).st_mode) or not is_program(program.path):
        raise CommandFailed("INVALID_REQUEST", f"command[0]: {path[:200]!a} is no program this node may run")
    return program


def _plain_parts(text: str, folder: str, search_path: str, files: ExitStack) -> tuple[Part, ...] | None:
    """The commands of a plain text with their programs resolved; None when one of them is not there."""
    found = segments(text)
    if found is None:
        return None
    parts: list[Part] = []
    for segment in found:
        called, *rest = segment.words
        try:
            path = _program_path(called, folder, search_path)
            program = _open_program(path, files)
        except CommandFailed:
            return None  # a builtin, a reserved word, or nothing at all: the shell will say so
        parts.append(Part(segment.joint, (path, *rest), called, program))
    return tuple(parts)


def _scripts(argv: Sequence[str], argv_index: int, folder: str, files: ExitStack) -> Iterator[Operand]:
    """The files an interpreter is given, up to the first that follows no option."""
    if not _is_interpreter(argv[0]):
        return
    after_option = False
    for index, argument in enumerate(argv[1:], start=1):
        if argument in INLINE_FLAGS or (_is_shell(argv[0]) and argument.startswith("-") and "c" in argument):
            return
        if argument.startswith("-"):
            after_option = True
            continue
        path = Path(folder) / argument
        if _is_file(path):
            try:
                yield Operand(argv_index or index, Opened.open(str(path), os.O_RDONLY, files))
            except OSError as error:
                raise CommandFailed("INVALID_REQUEST", f"command[{index}]: {_why(error, 'file')}") from error
        if not after_option:
            return
        after_option = False


def _is_interpreter(program: str) -> bool:
    names = {PurePath(program).name, PurePath(os.path.realpath(program)).name}
    return any(name.rstrip("0123456789.") in INTERPRETERS for name in names)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # for instance too long for a name
        return False


def _is_shell(program: str) -> bool:
    return PurePath(program).name in SHELLS


def _about(file: int | str) -> tuple[int, ...]:
    about = os.stat(file)  # noqa: PTH116 - of a descriptor, too
    return (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def _why(error: OSError, what: str) -> str:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return f"there is no such {what}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"this node may not use that {what}"
    return error.strerror or str(error)
