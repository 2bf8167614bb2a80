"""What people do with the pages all day: write prices, look for one among a thousand, take proof
with them; and what they are told when something is in the way."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from gateway import config
from gateway.operations.office import opened
from gateway.store import accounts
from gateway.store.tables import Account
from tests.dashboard.browser import Window
from tests.dashboard.scene import Scene


def _press(place: Page | Locator, name: str) -> None:
    place.get_by_role("button", name=name, exact=True).click()


def test_a_price_is_seen_exactly_before_it_is_signed_and_changes_when_it_is_said(
    here: Scene,
) -> None:
    window = here.come_in("tara", "admin").window
    page = window.page
    _a_tariff_is_written(window, "day", "0.32")
    expect(page.get_by_role("heading", name="day", level=1)).to_be_visible()
    page.get_by_role("link", name="Add one like it").click()
    page.get_by_label("Name").fill("night")
    page.get_by_label("Price", exact=True).fill("0,19")
    page.get_by_label("per", exact=True).fill("kW.h")
    _press(page, "Look it over")
    _press(page.get_by_role("dialog"), "Sign and offer it")
    expect(page.get_by_role("heading", name="night", level=1)).to_be_visible()

    window.go("/tariffs")
    page.get_by_role("table", name="Tariffs").get_by_role("link", name="day").click()
    _press(page, "Let a tariff follow")
    dialog = page.get_by_role("dialog", name="What follows day?")
    expect(dialog).to_be_visible()
    # Those alone that its channels can go over to.
    fitting = dialog.get_by_label("Tariff").locator("option").all_inner_texts()
    assert fitting == ["charging", "night"]
    dialog.get_by_label("Tariff").select_option("night")
    _press(dialog, "Let it follow")
    expect(page.get_by_text("night follows it")).to_be_visible()
    _a_time_of_use_is_added(window)
    # The browser's own note of what was refused.
    assert [each for each in window.wrong if "422" not in each] == []


def _a_tariff_is_written(window: Window, name: str, price: str) -> None:
    window.go("/tariffs/new")
    page = window.page
    page.get_by_label("Name").fill(name)
    page.get_by_label("Unit", exact=True).fill("W.h")
    page.get_by_label("Price", exact=True).fill(price)
    page.get_by_label("per", exact=True).fill("L")
    page.get_by_label("Window, in units").fill("500")
    page.get_by_label("The most that a channel may owe").fill("5")
    _press(page, "Look it over")
    expect(page.locator(".field", has=page.get_by_label("per", exact=True))).to_contain_text(
        "L and W.h do not measure the same thing"
    )
    page.get_by_label("per", exact=True).fill("kW.h")
    expect(page.get_by_label("per", exact=True)).to_have_attribute("aria-invalid", "false")
    terms = page.get_by_role("region", name="What will be signed")
    expect(terms).to_contain_text("320/1 of 10⁻⁶ EUR for one Wh")
    expect(terms).to_contain_text("500 Wh, worth €0.160000")
    expect(terms).to_contain_text("15,625 Wh at most")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    window.picture("tariff")
    _press(page, "Look it over")
    dialog = page.get_by_role("dialog", name=f"Sign the tariff {name}?")
    expect(dialog).to_contain_text("320/1 of 10⁻⁶ EUR for one Wh")
    _press(dialog, "Sign and offer it")


def _a_time_of_use_is_added(window: Window) -> None:
    window.go("/tariffs")
    page = window.page
    for tariff, follower, cron in (("night", "day", "0 6 * *"), ("day", "night", "0 22 * * *")):
        _press(page, "Add a time of use")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Tariff").select_option(tariff)
        dialog.get_by_label("Is followed by").select_option(follower)
        dialog.get_by_label("Times, as cron has them").fill(cron)
        _press(dialog, "Add the time of use")
        if cron.count(" ") == 3:
            expect(dialog.get_by_text(re.compile("cron has them: must be five"))).to_be_visible()
            dialog.get_by_label("Times, as cron has them").fill(cron + " *")
            _press(dialog, "Add the time of use")
        expect(dialog).to_be_hidden()
    ahead = page.get_by_role("table", name="Changes of price that are ahead")
    # In the zone of the browser, which is the one that the times of use were added in.
    expect(ahead.get_by_role("row").filter(has_text="22:00").first).to_be_visible()
    morning = ahead.get_by_role("row").filter(has_text="06:00").first
    assert [each.inner_text() for each in morning.get_by_role("link").all()] == ["night", "day"]
    picture = page.get_by_role("img", name=re.compile("Channels of day, night: [345] changes"))
    expect(picture).to_be_visible()
    window.picture("tariffs")


def test_one_of_a_thousand_is_found_and_the_file_has_them_all(here: Scene, tmp_path: Path) -> None:
    with opened(config.load(here.stage.data)) as office, office.store.write() as conn:
        for number in range(1_200):
            accounts.add(
                conn,
                Account(
                    id=f"lot-{number:04}",
                    name=f"=SUM({number})",
                    currency="EUR",
                    scale=6,
                    credit_limit=0,
                    created_at=0,
                ),
            )
    window = here.come_in("lou", "viewer").window
    page = window.page
    window.go("/accounts")
    rows = page.get_by_role("table", name="Accounts").locator("tbody tr")
    expect(rows).to_have_count(100)
    expect(page.get_by_text("The first 100")).to_be_visible()
    # A part of a list is not sorted: it would look like the whole.
    expect(page.get_by_role("button", name="Name", exact=True)).to_be_disabled()
    _press(page, "Show more")
    expect(rows).to_have_count(200)
    assert len(_csv(page, tmp_path)) > 1_200

    page.get_by_label("Search").fill("SUM(1199")
    expect(rows).to_have_count(1)
    (found,) = _csv(page, tmp_path)
    assert found["Name"] == "'=SUM(1199)"
    page.get_by_role("link", name="lot-1199").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("=SUM(1199)")
    # Who comes back finds the list as they left it.
    page.go_back()
    expect(page.get_by_label("Search")).to_have_value("SUM(1199")
    expect(rows).to_have_count(1)
    page.get_by_label("Search").fill("nobody")
    expect(page.get_by_text("Nothing fits what is searched for.")).to_be_visible()
    assert window.wrong == []


def _csv(page: Page, folder: Path) -> Sequence[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("group", name="Accounts as a file").get_by_text("CSV").click()
    download.value.save_as(folder / "accounts.csv")
    with (folder / "accounts.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_message_of_a_channel_is_taken_along_as_a_file_that_verifies(
    here: Scene, tmp_path: Path
) -> None:
    window = here.come_in("rex", "viewer").window
    page = window.page
    with here.stage.api() as api:
        channel = next(each for each in api.items("/v1/channels") if each["units"] > 0)
    window.go("/channels")
    page.get_by_label("Search").fill(channel["id"][:12])
    expect(page.get_by_role("table", name="Channels").locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name=channel["id"][:8]).click()
    legs = page.get_by_role("table", name="Legs").locator("tbody tr")
    expect(legs).to_have_count(1)
    expect(legs).to_contain_text("Terms")
    messages = page.get_by_role("table", name="Signed messages").locator("tbody tr")
    expect(messages.filter(has_text="IOU").first).to_be_visible()
    rows = messages.all()
    said = " ".join(row.inner_text() for row in rows)
    assert all(words in said for words in ("Terms", "IOU", "Receipt of"))
    # All of them, for an IOU may rest on a top-up.
    files = []
    for row in rows:
        with page.expect_download() as download:
            row.get_by_role("button").click()
        files.append(tmp_path / download.value.suggested_filename)
        download.value.save_as(files[-1])
    assert here.stage.command("verify", *map(str, files)) == 0
    files[1].write_bytes(files[1].read_bytes()[:-1] + b"\0")
    assert here.stage.command("verify", *map(str, files)) == 1
    assert window.wrong == []


def test_what_is_refused_is_said_and_who_is_out_signs_in_where_they_were(here: Scene) -> None:
    person = here.come_in("sam", "operator")
    page = person.window.page
    person.window.go("/channels")
    # Made a viewer behind their back: what the page still offers is refused in words.
    page.route("**/v1/channels?*", lambda route: route.fulfill(status=403, json=REFUSED))
    page.get_by_label("State").select_option("frozen")
    expect(page.get_by_role("alert")).to_contain_text("needs the role operator")
    page.unroute("**/v1/channels?*")
    person.window.go("/settlements")
    _press(page, "Settle now")
    expect(page.get_by_role("dialog")).to_be_visible()
    person.window.context.clear_cookies()
    _press(page.get_by_role("dialog"), "Settle")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.url.endswith("#/settlements")


def test_what_is_told_once_stays_until_it_is_kept(here: Scene) -> None:
    page = here.come_in("tom", "operator").window.page
    page.get_by_role("link", name="Devices").click()
    _press(page, "Make a claim code")
    _press(page.get_by_role("dialog"), "Make the code")
    told = page.get_by_role("dialog", name="The claim code")
    expect(told).to_be_visible()
    page.keyboard.press("Escape")
    page.go_back()
    expect(told).to_be_visible()
    _press(told, "I have kept it")
    expect(told).to_be_hidden()


def test_an_account_is_erased_by_two_persons(here: Scene) -> None:
    with here.stage.api() as api:
        api.post("/v1/accounts", {"id": "gone-soon", "name": "Gone Soon", "currency": "EUR"})
    first = here.come_in("una", "admin").window
    first.go("/accounts/gone-soon")
    _press(first.page, "Erase")
    first.page.get_by_role("dialog").get_by_label("Reason").fill("asked to")
    _press(first.page.get_by_role("dialog"), "Ask for it")
    expect(first.page.get_by_text("was asked for by una")).to_be_visible()
    _press(first.page, "Erase for good")
    _press(first.page.get_by_role("dialog"), "Erase for good")
    expect(first.page.get_by_role("dialog")).to_contain_text("another person")

    second = here.come_in("vic", "admin").window
    second.go("/accounts/gone-soon")
    _press(second.page, "Erase")
    _press(second.page, "Erase for good")
    _press(second.page.get_by_role("dialog"), "Erase for good")
    expect(second.page.get_by_text("What said who this is was erased")).to_be_visible()
    expect(second.page.get_by_text("Gone Soon")).to_be_hidden()


REFUSED = {"title": "Forbidden", "status": 403, "detail": "needs the role operator"}
