"""What a program started for somebody else gets to see, and what its caller may not change."""

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from device_node.commands import CommandFailed

KEPT: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_TIME",
    "TZ",
    "TMPDIR",
    "TERM",
    # A desktop: where its screen and its session bus are.
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_TYPE",
    "DBUS_SESSION_BUS_ADDRESS",
)
"""Of the node's own environment, what programs need to run at all. Everything else may be a key."""

DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
"""Where a node without `PATH` looks for programs."""

MAX_VARIABLES: Final = 256
"""From one caller."""

_PORTABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")

FORBIDDEN_PREFIXES: Final = (
    "LD_",  # the dynamic linker of Linux loads libraries named here
    "DYLD_",  # that of macOS
    "PYTHON",  # PYTHONPATH, PYTHONSTARTUP, PYTHONHOME, PYTHONINSPECT, ...
    "PERL5",  # PERL5LIB, PERL5OPT, PERL5DB
    "RUBY",  # RUBYLIB, RUBYOPT, RUBYSHELL
    "LUA_",  # LUA_INIT and its versions run code
    "NODE_",  # NODE_OPTIONS, NODE_PATH, NODE_EXTRA_CA_CERTS; not NODE_ENV, below
    "NPM_CONFIG_",  # script shell, registry
    "GIT_",  # editors, hooks, ssh commands, config by environment; not who commits, below
    "SSH_ASKPASS",
    "BASH_FUNC_",  # functions a bash defines at its start
    "JAVA_",  # JAVA_TOOL_OPTIONS loads agents
    "JDK_",
    "DOTNET_",  # start-up hooks
    "CORECLR_",
    "COMPLUS_",
    "OPENSSL_",  # engines and configuration files are code
    "PIP_",  # indexes to install from
    "UV_",
    "CARGO_",
    "RUSTC",
    "DOCKER_",
    "ERL_",
    "R_PROFILE",
    "R_ENVIRON",
)
"""Names that make ordinary programs load or run something else, by family."""

FORBIDDEN_NAMES: Final = frozenset({
    # Where programs are found, and whose files they use: the node's owner decides that.
    "PATH", "HOME", "SHELL", "USER", "LOGNAME", "TMPDIR",
    # Shells run or read these at their start, before each prompt, or while they split words.
    "BASH_ENV", "ENV", "KSH_ENV", "ZDOTDIR", "IFS", "PS4", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "FPATH",
    "CDPATH", "GLOBIGNORE", "HISTFILE",
    # The C library.
    "GCONV_PATH", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "NLSPATH", "LOCPATH",
    # Programs that other programs start.
    "EDITOR", "VISUAL", "FCEDIT", "SUDO_EDITOR", "SUDO_ASKPASS", "PAGER", "MANPAGER", "BROWSER", "LESSOPEN",
    "LESSCLOSE", "SVN_SSH", "SVN_EDITOR", "HGEDITOR", "HGMERGE", "HGRCPATH", "RSYNC_RSH", "CVS_RSH",
    # Compilers and build tools.
    "CC", "CXX", "CPP", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CPATH", "LIBRARY_PATH", "C_INCLUDE_PATH", "MAKE",
    "MAKEFLAGS", "MFLAGS", "GOFLAGS", "CONFIG_SITE", "CONFIG_SHELL", "CLASSPATH", "MAVEN_OPTS", "GRADLE_OPTS",
    "_JAVA_OPTIONS", "TCLLIBPATH", "EMACSLOADPATH", "VIMINIT", "EXINIT", "PHPRC", "PHP_INI_SCAN_DIR",
    # Whom network programs talk to and believe.
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CURL_HOME", "WGETRC", "KRB5_CONFIG",
    # The owner's desktop and session.
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
})  # fmt: skip
"""Single names a caller may not set. They are compared in capitals: `http_proxy` counts as well."""


HARMLESS: Final = frozenset({
    "NODE_ENV", "PYTHONUNBUFFERED", "GIT_TERMINAL_PROMPT", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE",
})  # fmt: skip
"""Of those families, what is in daily use and only data."""


def checked_additions(added: Mapping[str, str] | None) -> dict[str, str]:
    """The variables a caller adds, refused rather than dropped when one of them is dangerous.

    Raises:
        CommandFailed: `INVALID_REQUEST` naming the variable.
    """
    if added is None:
        return {}
    if len(added) > MAX_VARIABLES:
        raise CommandFailed("INVALID_REQUEST", f"env: at most {MAX_VARIABLES} variables")
    for name, value in added.items():
        if not _PORTABLE_NAME.fullmatch(name):
            raise CommandFailed("INVALID_REQUEST", f"env: {name[:80]!a} is no name of a variable")
        if is_forbidden(name):
            raise CommandFailed("INVALID_REQUEST", f"env.{name}: only the owner of the node may set it")
        if "\0" in value:
            raise CommandFailed("INVALID_REQUEST", f"env.{name}: must not contain NUL")
    return dict(added)


def is_forbidden(name: str) -> bool:
    """Whether a caller may not set the variable `name`."""
    capitals = name.upper()
    if capitals in HARMLESS:
        return False
    return capitals in FORBIDDEN_NAMES or capitals.startswith(FORBIDDEN_PREFIXES)


def bare_environment(source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The harmless part of our own environment; it always has a `PATH`."""
    return {"PATH": DEFAULT_PATH} | {name: source[name] for name in KEPT if source.get(name)}


def environment_hash(added: Mapping[str, str]) -> str:
    """SHA-256 over what a caller adds, whatever its order; hex."""
    return hashlib.sha256(msgspec.json.encode(sorted(added.items()))).hexdigest()
