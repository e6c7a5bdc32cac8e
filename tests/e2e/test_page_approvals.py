"""Approvals on the control page (attack case 21): what is decided on is shown whole."""

from playwright.async_api import Locator, Page, expect

from tests.e2e import page_guests
from tests.support.browser import at_the_page
from tests.support.daemon import Daemon

LONG = "tar -c " + " ".join(f"/srv/folder{n}" for n in range(400)) + " | ssh end-of-the-command"


def pending(page: Page) -> Locator:
    """Requests that wait."""
    return page.get_by_label("Waiting for you").locator(".card")


async def test_a_request_appears_by_itself_and_is_allowed_once(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        page = tab.page
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        request = await page_guests.want_permission(wire, "systemctl restart printer")
        # Whoever is chatting is told as well.
        await page.get_by_role("link", name="Something waits for your permission").click()
        await expect(pending(page)).to_contain_text("systemctl restart printer")
        await expect(pending(page)).to_contain_text("/srv/backup")
        await page.get_by_role("button", name="Allow once").click()
        await expect(pending(page)).to_have_count(0)
        decided = page.get_by_label("Decided in the last 30 days")
        await expect(decided).to_contain_text("Allowed once by this browser")
        verdict = await wire.call("exec.approval.waitDecision", {"id": request})
        assert verdict["decision"] == "allow-once"


async def test_a_command_is_shown_whole_with_what_cannot_be_seen(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        await page_guests.want_permission(wire, LONG)
        await page_guests.want_permission(wire, "rm \u202etxt.elif\u202c \x1b[2K<b>now</b>")
        page = tab.page
        await page.evaluate("location.hash = '#/approvals'")
        await expect(pending(page)).to_have_count(2)
        shown = await page.get_by_label("Command").all_inner_texts()
        assert any(text.endswith("| ssh end-of-the-command") for text in shown)
        hidden = next(text for text in shown if "txt.elif" in text)
        assert "\u202e" not in hidden
        assert "\x1b" not in hidden
        assert "<b>now</b>" in hidden
        await page.get_by_role("button", name="Deny").first.click()
        await expect(pending(page)).to_have_count(1)


async def test_a_permission_for_good_is_listed_and_taken_back(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        page = tab.page
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await page.evaluate("location.hash = '#/approvals'")
        await page_guests.want_permission(wire, "df -h", commandArgv=["df", "-h"])
        await page.get_by_role("button", name="Always allow").click()
        await expect(pending(page)).to_have_count(0)
        await page.get_by_label("Allowed for good").get_by_role("button", name="Take back").click()
        await page.get_by_role("dialog").get_by_role("button", name="Take back").click()
        await expect(page.get_by_label("Allowed for good")).to_have_count(0)


async def test_somebody_elses_decision_counts_and_is_seen(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        request = await page_guests.want_permission(wire, "reboot")
        await expect(tab.page.get_by_role("link", name="Approvals")).to_contain_text("1 waiting")
        await expect(tab.page).to_have_title("(1) Chat · Homarus")
        await tab.page.evaluate("location.hash = '#/approvals'")
        await expect(pending(tab.page)).to_contain_text("reboot")
        await wire.call("exec.approval.resolve", {"id": request, "decision": "deny"})
        await expect(pending(tab.page)).to_have_count(0)
        await expect(tab.page.get_by_text("Denied")).to_be_visible()
