"""The simulated phone: plausible, consistent, and as restricted as a real one (row DC-7)."""

import base64
import struct
import zlib

import msgspec
import pytest

from device_node.commands import CommandFailed, CommandTable, Invocation
from device_node.config import LocationSettings, NodeConfig, PermissionSettings
from device_node.profiles.phone import Phone
from device_node.profiles.phone_commands import PhoneCommands, plain_png
from protocol.commands.device import DeviceStatusReport, Location
from protocol.commands.media import ScreenPicture

CONFIG = NodeConfig(location=LocationSettings(lat=48.123456, lon=11.123456))


def table(config: NodeConfig = CONFIG, *, android: bool = False) -> CommandTable:
    person = Phone(android=android).person("ab" * 32, config)
    commands = CommandTable()
    commands.add(PhoneCommands(person, config, msgspec.structs.asdict(config.permissions)))
    return commands


async def perform(commands: CommandTable, command: str, params: str = "{}") -> bytes:
    return await commands.perform(Invocation(id="i", command=command, params=params.encode()))


async def test_it_reports_a_battery_and_its_storage() -> None:
    report = msgspec.json.decode(await perform(table(), "device.status"), type=DeviceStatusReport)
    assert report.battery.state == "unplugged"
    assert report.battery.level is not None
    assert 0 < report.battery.level <= 1
    assert report.storage.used_bytes + report.storage.free_bytes == report.storage.total_bytes
    assert b'"lowMemory":false' in await perform(table(), "device.health")


async def test_it_is_the_phone_it_says_it_is() -> None:
    assert b'"systemName":"iOS","systemVersion":"18.4"' in await perform(table(), "device.info")
    assert b'"systemName":"Android"' in await perform(table(android=True), "device.info")


async def test_it_says_what_its_owner_allows() -> None:
    text = await perform(table(), "device.permissions")
    assert b'"camera":{"status":"denied","promptable":true}' in text
    assert b'"notifications":{"status":"granted","promptable":false}' in text


async def test_a_coarse_place_hides_the_precise_one() -> None:
    fine = msgspec.json.decode(await perform(table(), "location.get"), type=Location)
    assert (fine.lat, fine.lon, fine.is_precise) == (48.123456, 11.123456, True)
    text = await perform(table(), "location.get", '{"desiredAccuracy":"coarse"}')
    coarse = msgspec.json.decode(text, type=Location)
    assert (coarse.lat, coarse.lon, coarse.is_precise) == (48.12, 11.12, False)
    assert coarse.accuracy_meters >= 1000


async def test_its_screen_is_a_picture() -> None:
    text = await perform(table(), "screen.snapshot", '{"maxWidth":100}')
    picture = msgspec.json.decode(text, type=ScreenPicture)
    data = base64.b64decode(picture.base64)
    assert (picture.format, picture.width) == ("png", 100)
    assert struct.unpack(">II", data[16:24]) == (picture.width, picture.height)
    assert plain_png(2, 1, 7).count(b"IDAT") == 1
    body = plain_png(2, 1, 7).split(b"IDAT")[1]
    assert zlib.decompress(body[: body.index(b"IEND") - 8]) == b"\0\7\7"


async def test_notifications_can_be_switched_off() -> None:
    quiet = NodeConfig(permissions=PermissionSettings(notifications=False))
    assert await perform(table(), "system.notify", '{"title":"hi"}') == b'{"ok":true}'
    with pytest.raises(CommandFailed, match="does not allow notifications") as caught:
        await perform(table(quiet), "system.notify", '{"title":"hi"}')
    assert caught.value.code == "NOTIFICATIONS_DISABLED"


@pytest.mark.parametrize("command", ["camera.list", "canvas.present", "screen.snapshot", "talk.ptt.start"])
def test_what_needs_the_screen_needs_the_foreground(command: str) -> None:
    phone = Phone()
    assert phone.refusal(command) is None
    for posture in ("background", "asleep"):
        phone.posture = posture
        refusal = phone.refusal(command)
        assert refusal is not None
        assert refusal.code == "NODE_BACKGROUND_UNAVAILABLE"
        assert phone.refusal("device.status") is None
