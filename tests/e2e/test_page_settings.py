"""Settings on the control page (attack case 31: no secret is shown, none is overwritten by its mark)."""

import tomllib

from playwright.async_api import Page, expect

from tests.e2e import page_guests
from tests.support.browser import Tab, at_the_page
from tests.support.daemon import Daemon

PASSWORD = "correct-horse-battery-staple-77"
CONFIG = f"""
# the comment of a person
[gateway]
allowed_hosts = ["desk.example", "old.example"]

[gateway.auth]
password = "{PASSWORD}"
"""


async def settings(tab: Tab, section: str, title: str) -> Page:
    """A section of the settings, once it is shown."""
    page = tab.page
    await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    await page.evaluate(f"location.hash = '#/settings/{section}'")
    await expect(
        page.get_by_role("navigation", name="Sections").get_by_role("link", name=title)
    ).to_have_attribute("aria-current", "page")
    return page


async def test_a_change_is_saved_and_in_force(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = await settings(tab, "logging", "Logging")
        await page.get_by_label("Level").select_option("debug")
        await page.get_by_label("Max files").fill("7")
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("2 changes not saved")).to_be_visible()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status").filter(has_text="Saved, and in force")).to_be_visible()
        written = tomllib.loads((daemon.home / "homarus.toml").read_text())
        assert written == {"logging": {"level": "debug", "max_files": 7}}
        await page.get_by_label("Level").select_option("")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("not saved")).to_have_count(0)
        assert tomllib.loads((daemon.home / "homarus.toml").read_text()) == {"logging": {"max_files": 7}}


async def test_a_fault_is_shown_at_its_field_and_nothing_is_written(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = await settings(tab, "logging", "Logging")
        field = page.get_by_label("Max files")
        await field.fill("1")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("expected integer >= 2")
        await expect(field).to_have_attribute("aria-invalid", "true")
        await expect(field).to_be_focused()
        assert not (daemon.home / "homarus.toml").exists()
        await field.fill("3")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("not saved")).to_have_count(0)
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert tomllib.loads((daemon.home / "homarus.toml").read_text()) == {"logging": {"max_files": 3}}


async def test_secrets_are_never_shown_and_survive_other_changes(daemon: Daemon) -> None:
    (daemon.home / "homarus.toml").write_text(CONFIG)
    await daemon.restart()
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = await settings(tab, "gateway", "Gateway")
        source = page.get_by_label("Password gateway.auth.password", exact=True)
        await expect(source).to_have_value("literal")
        hosts = page.get_by_label("Allowed hosts")
        await expect(hosts).to_have_value("desk.example\nold.example")
        await hosts.fill("desk.example")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("not saved")).to_have_count(0)
        text = (daemon.home / "homarus.toml").read_text()
        assert "# the comment of a person" in text
        assert tomllib.loads(text)["gateway"] == {
            "allowed_hosts": ["desk.example"],
            "auth": {"password": PASSWORD},
        }
        assert PASSWORD not in await page.content()
        await source.select_option("env")
        await page.get_by_label("Name of the variable").fill("DESK_PASSWORD")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("not saved")).to_have_count(0)
        written = tomllib.loads((daemon.home / "homarus.toml").read_text())
        assert written["gateway"]["auth"] == {"password": {"env": "DESK_PASSWORD"}}


async def test_a_change_from_elsewhere_is_not_overwritten(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        page = await settings(tab, "logging", "Logging")
        await page.get_by_label("Max files").fill("9")
        await page.keyboard.press("Tab")
        await wire.call("config.patch", {"raw": '{"logging": {"max_files": 5}}'})
        await expect(page.get_by_text("changed elsewhere meanwhile")).to_be_visible()
        await expect(page.get_by_role("button", name="Save")).to_be_disabled()
        await page.get_by_role("button", name="Load it").click()
        await expect(page.get_by_label("Max files")).to_have_value("5")
