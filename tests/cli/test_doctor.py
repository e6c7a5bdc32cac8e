"""`homarus doctor`: every finding has a next step, and errors an exit code."""

import datetime
import os
import socket
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.command import Result, ask, run
from tests.support.daemon import Daemon


def findings(result: Result, subject: str) -> list[dict[str, Any]]:
    """What was found about one subject."""
    return [finding for finding in result.json["findings"] if finding["subject"] == subject]


def examine(home: Path) -> Result:
    """The doctor on a home without a gateway."""
    return run({**os.environ, "HOMARUS_HOME": str(home)}, "doctor", "--json")


def test_a_running_gateway_is_well(shared_daemon: Daemon) -> None:
    """DC-2: each package with its version, and what the gateway says of itself."""
    result = ask(shared_daemon, "doctor", "--json")
    assert result.code == 0, result.out
    assert result.json["ok"]
    (core,) = findings(result, "packages")
    for package in ("starlette", "websockets", "uvicorn", "msgspec", "aiosqlite", "cryptography"):
        assert package in core["text"]
    assert "migrated to" in findings(result, "database")[0]["text"]
    assert "process" in findings(result, "gateway")[0]["text"]


def test_missing_extras_say_what_they_would_add(shared_daemon: Daemon) -> None:
    (voice,) = findings(ask(shared_daemon, "doctor", "--json"), "voice")
    assert "vosk" in voice["text"]
    assert voice["level"] == "ok" or "homarus[voice]" in voice["nextStep"] or "library" in voice["nextStep"]


def test_no_home_yet(tmp_path: Path) -> None:
    result = examine(tmp_path / "none")
    assert result.code == 0
    assert "homarus setup" in findings(result, "home")[0]["nextStep"]


def test_loose_permissions_are_errors_with_a_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True, mode=0o700)
    home.chmod(0o755)
    token = home / "keys" / "gateway.token"
    token.write_text("x", encoding="utf-8")
    token.chmod(0o644)
    result = examine(home)
    assert result.code == 1
    steps = [finding["nextStep"] for finding in findings(result, "home")]
    assert steps == [f"chmod 700 {home}", f"chmod 600 {token}"]


def test_faults_of_the_file_by_path(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    config = tmp_path / "homarus.toml"
    config.write_text('[gateway]\nport = "x"\n', encoding="utf-8")
    config.chmod(0o600)
    result = examine(tmp_path)
    assert result.code == 1
    assert findings(result, "config")[0]["text"].startswith("gateway.port: ")


def test_a_taken_port(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    config = tmp_path / "homarus.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config.write_text(f"[gateway]\nport = {taken.getsockname()[1]}\n", encoding="utf-8")
        config.chmod(0o600)
        result = examine(tmp_path)
    assert result.code == 1
    (finding,) = findings(result, "port")
    assert "gateway.port" in finding["nextStep"]
    assert findings(examine(tmp_path), "port")[0]["level"] == "ok"


def certificate(path: Path, days: int) -> None:
    """A certificate that ends in `days`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=90))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    path.chmod(0o600)


def test_a_certificate_that_ends(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "keys").mkdir(mode=0o700)
    config = tmp_path / "homarus.toml"
    config.write_text("[gateway]\nport = 0\n[gateway.tls]\nenabled = true\n", encoding="utf-8")
    config.chmod(0o600)
    levels: list[str] = []
    for days in (-1, 5, 300):
        certificate(tmp_path / "keys" / "tls.crt", days)
        levels.append(findings(examine(tmp_path), "tls")[0]["level"])
    assert levels == ["error", "warning", "ok"]


def test_the_text_shows_the_next_step(tmp_path: Path) -> None:
    result = run({**os.environ, "HOMARUS_HOME": str(tmp_path / "none")}, "doctor")
    assert "next: `homarus setup` makes it" in result.out
