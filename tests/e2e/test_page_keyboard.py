"""The control page without a mouse, without sight of it, and on the narrowest phone (row S0.3-1)."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e import page_guests
from tests.support.browser import DESKTOP, Tab, at_the_page
from tests.support.daemon import Daemon

NARROWEST = (360, 640)
MOST_STEPS = 60
"""No control of the page is further away than this from the one before."""


async def focused(page: Page) -> str:
    """What has the focus, as a screen reader would name it."""
    return str(
        await page.evaluate(
            """() => {
                const element = document.activeElement;
                const label = element.labels?.[0]?.innerText ?? "";
                return (element.getAttribute("aria-label") || label || element.innerText || "").trim();
            }"""
        )
    )


async def visibly_focused(page: Page) -> bool:
    """Whether somebody who looks can tell where the focus is."""
    return bool(
        await page.evaluate(
            """() => {
                const drawn = (element) => {
                    const style = getComputedStyle(element);
                    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
                };
                const here = document.activeElement;
                return here === document.body || drawn(here) || drawn(here.closest("form") ?? here)
                    || drawn(here.closest("label") ?? here);
            }"""
        )
    )


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until `name` has the focus; each stop on the way must be visible."""
    passed: list[str] = []
    for _ in range(MOST_STEPS):
        await page.keyboard.press("Tab")
        passed.append(await focused(page))
        assert await visibly_focused(page), f"the focus cannot be seen at {passed[-1]!r}"
        if re.match(rf"{name}\b", passed[-1]):
            return
    raise AssertionError(f"Tab never reaches {name!r}; it passed {passed}")


async def test_everything_is_done_from_the_keyboard(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        page = tab.page
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await page_guests.want_permission(wire, "df -h")
        await page.keyboard.press("Tab")
        assert await focused(page) == "Skip to the content"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        await tab_to(page, "Message")
        await page.keyboard.type("what is 40+2?")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("article", name="Answer")).to_contain_text("42")
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
        await page.keyboard.type("and one line")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("more")
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value(
            "and one line\nmore"
        )
        await page.reload()
        await expect(page.get_by_role("article", name="Answer")).to_contain_text("42")
        await tab_to(page, "Approvals")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Approvals")
        await tab_to(page, "Deny")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Waiting for you").locator(".card")).to_have_count(0)


async def test_a_dialog_holds_the_focus_and_gives_it_back(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = tab.page
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await page.evaluate("location.hash = '#/devices'")
        await tab_to(page, "Rename")
        await page.keyboard.press("Enter")
        for _ in range(6):
            await page.keyboard.press("Tab")
            inside: bool = await page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
            assert inside, await focused(page)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert (await focused(page)).startswith("Rename")


@pytest.mark.parametrize("size", [DESKTOP, NARROWEST], ids=["desk", "narrow"])
async def test_a_screen_reader_finds_its_way(daemon: Daemon, size: tuple[int, int]) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}", size) as tab,
    ):
        page = tab.page
        await page_guests.say(wire, "main", "what is 1+1?")
        await page_guests.want_permission(wire, "df -h")
        for view in ("chat", "inbox", "approvals", "devices", "activity", "health", "settings/gateway"):
            await page.evaluate(f"location.hash = '#/{view}'")
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
            await expect(page.get_by_role("main")).to_have_count(1)
            await expect(page.get_by_role("navigation", name="Views")).to_have_count(1)
            await expect(page.locator("[aria-current=page]").first).to_be_attached()
            await nameless_and_too_small(tab, view)


async def nameless_and_too_small(tab: Tab, view: str) -> None:
    """Fail for a control without a name, a repeated id, or a page wider than its screen."""
    faults: list[str] = await tab.page.evaluate(
        """() => {
            const faults = [];
            const shown = (element) => element.checkVisibility();
            const controls = "button, a[href], input, select, textarea, summary";
            for (const control of document.querySelectorAll(controls)) {
                if (!shown(control)) continue;
                const labels = [...(control.labels ?? [])].map((label) => label.innerText).join("");
                const label = control.getAttribute("aria-label") || labels;
                const name = label || control.innerText || control.title;
                if (!name.trim()) faults.push(`no name: ${control.outerHTML.slice(0, 120)}`);
            }
            const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
            for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id twice: ${id}`);
            for (const image of document.images) if (!image.hasAttribute("alt")) faults.push("no alt");
            if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the screen");
            return faults;
        }"""
    )
    assert faults == [], view


async def test_the_narrowest_phone_reaches_everything(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}", NARROWEST) as tab:
        page = tab.page
        await page.get_by_role("textbox", name="Message", exact=True).fill("what is 3*3?")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("article", name="Answer")).to_contain_text("9")
        await page.get_by_role("button", name="Conversations").click()
        await expect(
            page.get_by_label("Conversations").get_by_role("link", name="Main conversation")
        ).to_be_visible()
        await tab.shot("conversations")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("log")).to_be_visible()
        await page.get_by_role("button", name="More").click()
        await tab.shot("more")
        await page.get_by_label("More views").get_by_role("link", name="Health").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Health")
        await expect(page.get_by_label("More views")).to_be_hidden()
