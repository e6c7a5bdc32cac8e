"""`node.toml`: strict with precise places, and edited without losing its comments."""

import stat
from pathlib import Path

import pytest

from device_node.config import PERMISSIONS, NodeConfig, load_config, parse_config
from device_node.credentials import read_reference
from device_node.failure import Misused
from device_node.settings_file import change_settings


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('profile = "watch"', "profile: "),
        ("[gateway]\nurl = 3", "gateway.url: "),
        ('[gateway]\ntoken = "secret"', "gateway.token: "),
        ('[gateway]\ntoken = { env = "A", file = "b" }', "gateway.token: expected"),
        ("[permissions]\ncamra = true", "permissions: Object contains unknown field `camra`"),
        ("[location]\nlat = 91\nlon = 0", "location.lat: "),
        ("colour = 1", "unknown field `colour`"),
        ("= 3", "is no TOML"),
    ],
)
def test_a_wrong_setting_is_named(text: str, place: str) -> None:
    with pytest.raises(Misused) as caught:
        parse_config(text)
    assert place in str(caught.value)


def test_nothing_is_needed(tmp_path: Path) -> None:
    config = load_config(tmp_path / "node.toml")
    assert config == NodeConfig()
    assert not any((config.permissions.camera, config.permissions.microphone, config.permissions.screen))
    assert "system_run" in PERMISSIONS


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (1024 * 1024 + 1)])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(data)
    with pytest.raises(Misused, match=r"node\.toml is"):
        load_config(path)


def test_a_change_keeps_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(
        '# mine\ndisplay_name = "Pi" # short\n\n[permissions]\n# not in the bedroom\ncamera = false\n'
    )
    config = change_settings(
        path,
        {
            "permissions.camera": True,
            "gateway.url": "ws://127.0.0.1:1",
            "gateway.token": {"file": "gateway.token"},
            "display_name": None,
        },
    )
    assert config.permissions.camera
    text = path.read_text()
    assert "# mine" in text
    assert "# not in the bedroom\ncamera = true" in text
    assert load_config(path) == config
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_change_that_would_break_it_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('display_name = "Pi"\n')
    with pytest.raises(Misused, match="profile"):
        change_settings(path, {"profile": "watch"})
    assert path.read_text() == 'display_name = "Pi"\n'
    path.write_text("= 3")
    with pytest.raises(Misused, match="no TOML"):
        change_settings(path, {"display_name": "x"})
    assert path.read_text() == "= 3"


def test_a_token_is_found_where_the_settings_say(tmp_path: Path) -> None:
    config = parse_config('[gateway]\ntoken = { env = "GATE" }')
    assert config.gateway.token is not None
    assert read_reference(config.gateway.token, tmp_path, {"GATE": " t \n"}) == "t"
    with pytest.raises(Misused, match="GATE is not set"):
        read_reference(config.gateway.token, tmp_path, {})
    config = parse_config('[gateway]\ntoken = { file = "gate" }')
    assert config.gateway.token is not None
    with pytest.raises(Misused, match="no token in"):
        read_reference(config.gateway.token, tmp_path, {})
    (tmp_path / "gate").write_text("t\n")
    assert read_reference(config.gateway.token, tmp_path, {}) == "t"
    (tmp_path / "gate").write_bytes(b"\xff")
    with pytest.raises(Misused, match="is not text"):
        read_reference(config.gateway.token, tmp_path, {})
