"""Every page, as everybody needs it: by keyboard and reader, light and dark, wide and narrow; and
with names that are meant to do harm."""

import re
from pathlib import Path

import pytest
import qrcode
from playwright.sync_api import expect
from qrcode.util import MODE_8BIT_BYTE, QRData

from tests.dashboard.axe import CONTRAST, too_wide, violations
from tests.dashboard.browser import DESK, PHONE
from tests.dashboard.scene import HARM, Scene

PAGES = [
    "/",
    "/devices",
    "/channels",
    "/accounts",
    "/accounts/city-parking",
    "/tariffs",
    "/tariffs/new",
    "/settlements",
    "/settlements/1",
    "/chain",
    "/bank",
    "/events",
    "/audit",
    "/settings",
    "/nowhere",
]


def test_no_page_keeps_anybody_out_and_none_scrolls_sideways(here: Scene) -> None:
    """axe-core finds nothing against WCAG 2.2 A and AA, light and dark; on a phone all fits."""
    person = here.come_in("ada", "admin")
    page = person.window.page
    with here.stage.api() as api:
        device = next(api.items("/v1/devices"))
        channel = next(api.items("/v1/channels"))
        tariff = next(api.items("/v1/tariffs"))
    found = []
    deeper = [f"/devices/{device['id']}", f"/channels/{channel['id']}", f"/tariffs/{tariff['id']}"]
    for address in [*PAGES, *deeper]:
        person.window.go(address)
        page.emulate_media(color_scheme="light")
        found += [f"{address}: {each}" for each in violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{address}, dark: {each}" for each in violations(page, CONTRAST)]
        page.set_viewport_size(PHONE)
        found += [f"{address} on a phone: {each}" for each in too_wide(page)]
        page.set_viewport_size(DESK)
    assert found == []
    assert person.window.wrong == []
    # Had there been anything, it would have been found.
    page.evaluate(
        """() => {
            const faint = document.createElement("p");
            faint.textContent = "faint";
            faint.style.cssText = "color: #777; background: #888";
            document.querySelector("main").append(faint, document.createElement("button"));
        }"""
    )
    assert [each.split(":")[0] for each in violations(page)] == ["button-name", "color-contrast"]


def test_who_is_outside_is_not_kept_out_by_the_page(here: Scene) -> None:
    outside = here.newcomer(phone=True)
    page = outside.page
    page.goto("/")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert violations(page) + too_wide(page) == []
    page.goto(here.invited("late", "finance"))
    page.get_by_role("heading", name="Welcome, late").wait_for()
    assert violations(page) + too_wide(page) == []
    assert outside.wrong == []


def test_an_authenticator_reads_what_the_picture_says(here: Scene) -> None:
    page = here.newcomer().page
    page.goto("/")
    for text in ("a", "otpauth://totp/Tallystick:ada?secret=" + "A" * 32, "x" * 150, "y" * 213):
        ours = page.evaluate("async text => (await import('/assets/js/qr.js')).modules(text)", text)
        assert ours in [_other_qr(text, mask) for mask in range(8)]


def test_money_is_exact_in_every_digit_and_read_as_it_was_written(here: Scene) -> None:
    page = here.newcomer().page
    page.goto("/")

    def of(call: str) -> str:
        said = page.evaluate(f"async () => (await import('/assets/js/money.js')).{call}")
        return str(said).replace("\u00a0", " ")

    def text(amount: str, currency: str = "EUR", scale: int = 6) -> str:
        return of(f"moneyText({{amount: '{amount}', currency: '{currency}', scale: {scale}}})")

    assert text("9223372036854775807") == "€9,223,372,036,854.775807"
    assert text("-1") == "-€0.000001"
    assert text("-1234567") == "-€1.234567"
    assert text("0") == "€0.000000"
    assert text("5", "EUR", 0) == "€5.00"
    assert text("9007199254740993", "JPY", 0) == "JP¥9,007,199,254,740,993"
    assert text("1234567", "JPY") == "JP¥1.234567"
    assert text("1500", "BHD", 3) == "BHD 1.500"
    assert text("150000", "XAU", 0) == "XAU 150,000.00"
    assert of("atomic('9 223 372.036854', 6)") == "9223372036854"
    assert of("atomic('0,1', 6)") == "100000"
    for wrong in ("", "-1", "1e3", "1.2.3", "0.0000001", "½"):
        with pytest.raises(Exception, match="must"):
            of(f"atomic('{wrong}', 6)")


@pytest.mark.threat("D15", "O8")
def test_names_that_are_meant_to_do_harm_are_names_and_nothing_else(
    here: Scene, tmp_path: Path
) -> None:
    person = here.come_in("eve", "operator")
    page = person.window.page
    person.window.go("/devices")
    for name in HARM:
        link = page.get_by_role("link", name=name, exact=True)
        expect(link).to_be_visible()
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.go_back()
    with page.expect_download() as download:
        page.get_by_role("group", name="Devices as a file").get_by_role("button").first.click()
    assert download.value.suggested_filename == "devices.csv"
    download.value.save_as(tmp_path / "devices.csv")
    text = (tmp_path / "devices.csv").read_text()
    assert '"\'=HYPERLINK(""http://x"",""y"")"' in text
    assert page.title().startswith("Devices ")
    # And were one taken for markup, the page's policy would let nothing of it run.
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b>x</b>')")
    assert [each for each in person.window.wrong if "TrustedHTML" not in each] == []


def test_an_owner_sees_what_is_theirs_and_a_viewer_is_offered_nothing_to_change(
    here: Scene,
) -> None:
    owner = here.come_in("otto", "owner", "city-parking")
    page = owner.window.page
    expect(page.get_by_role("heading", name="City Parking")).to_be_visible()
    pages = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert pages == ["Devices", "Channels", "Accounts", "Events", "Settings"]
    for address in ("/devices", "/channels", "/accounts/city-parking", "/events", "/settings"):
        owner.window.go(address)
        page.locator("main h2, main table").first.wait_for()
    assert owner.window.wrong == []

    viewer = here.come_in("vera", "viewer").window
    for address in ("/devices", "/accounts/city-parking", "/settlements/1", "/bank", "/tariffs"):
        viewer.go(address)
        viewer.page.locator("main h2, main table").first.wait_for()
        offered = viewer.page.locator("main button:visible").all_inner_texts()
        harmless = re.compile("CSV|JSON|PDF|Signed|Lines|Proof|Show more|come to|Check the books")
        columns = viewer.page.locator("th button").all_inner_texts()
        assert [each for each in offered if not harmless.search(each) and each not in columns] == []
    assert viewer.wrong == []


def test_it_is_used_by_keyboard_alone(here: Scene) -> None:
    window = here.come_in("kay", "viewer").window
    page = window.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Devices")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    # A reader is put at the beginning of the page that has come.
    expect(page.get_by_role("heading", name="Devices")).to_be_focused()


def _other_qr(text: str, mask: int) -> list[list[bool]]:
    code = qrcode.QRCode(
        error_correction=qrcode.constants.ERROR_CORRECT_M, border=0, mask_pattern=mask
    )
    code.add_data(QRData(text.encode(), mode=MODE_8BIT_BYTE))
    code.make(fit=True)
    return [[bool(each) for each in row] for row in code.get_matrix()]
