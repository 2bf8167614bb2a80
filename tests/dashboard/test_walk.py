"""A day with the dashboard, in a real browser on the real gateway with real devices."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from playwright.sync_api import Browser, Page, expect

from firmware import app
from protocol.ids import device_id
from simulator import scene as places
from simulator.board import SimulatedBoard
from simulator.fleet import Broker, Member, settings_of
from simulator.loads.sensor import Sensor
from tests.dashboard.browser import TAKING, Window
from tests.dashboard.scene import PASSWORD, Person, Scene, scene

SEED = bytes(range(32))
KEY = SigningKey(SEED).verify_key.encode()


@pytest.fixture
def here(data_folder: Path, chromium: Browser) -> Iterator[Scene]:
    """A gateway, and a browser."""
    with scene(data_folder, chromium) as built:
        yield built


def test_a_day_from_the_first_login_to_money_that_moves(here: Scene, tmp_path: Path) -> None:
    here.open_park(18 if TAKING else 3)
    ada = here.come_in("ada", "admin")
    expect(ada.window.page.get_by_role("heading", name="Overview")).to_be_visible()
    _device_is_added(here, ada)
    _it_is_watched_paying(ada.window)
    _evidence_is_downloaded_and_holds(here, ada, tmp_path)
    _a_run_waits_for_another_person(ada)
    _the_other_person_approves(here)
    _it_is_suspended_and_delivers_no_more(ada.window.page)
    _who_has_left_comes_back_by_a_recovery_code(ada)
    assert ada.window.wrong == []
    _what_is_shown_is_marked_as_old_while_the_gateway_is_away(here, ada.window.page)


def _device_is_added(here: Scene, ada: Person) -> None:
    page = ada.window.page
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name="Add a device").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Public key").fill("00" * 32)
    dialog.get_by_label("Name").fill("meter 7")
    dialog.get_by_label("Account").select_option("city-parking")
    dialog.get_by_role("button", name="Add the device").click()
    # What is wrong with the key is said at its field.
    expect(dialog.get_by_text(re.compile("Public key: .*order"))).to_be_visible()
    dialog.get_by_label("Public key").fill(KEY.hex())
    dialog.get_by_role("button", name="Add the device").click()
    told = page.get_by_role("dialog", name="Give these to the device")
    password = told.locator("dd code").nth(1).inner_text()
    gateway_key = told.locator("dd code").nth(2).inner_text()
    told.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("heading", name="meter 7")).to_be_visible()
    expect(page.get_by_text("has opened no channel yet")).to_be_visible()
    broker = Broker(here.stage.broker.host, here.stage.broker.port)
    load = Sensor(interval_ms=100, burst=3, burst_every=10)
    given = {"password": password, "gateway_key": gateway_key}
    settings = settings_of(broker, places.READINGS, given)
    board = SimulatedBoard(settings, SEED, load, 1, True)
    here.devices.switch_on(
        Member("meter 7", "city-parking", places.READINGS, board, app.start(board))
    )


def _it_is_watched_paying(window: Window) -> None:
    page = window.page
    figure = page.locator(".figure", has_text="Last IOU").locator("dd")
    expect(figure).to_contain_text("readings")
    first = int(re.sub(r"\D", "", figure.inner_text().split("readings")[0]))
    page.wait_for_function(
        """first => {
            const figure = [...document.querySelectorAll('.figure')]
                .find((each) => each.textContent.includes('Last IOU'));
            const shown = figure.querySelector('dd').textContent.split('readings')[0];
            return Number(shown.replace(/\\D/g, '')) > first + 10;
        }""",
        arg=first,
    )
    expect(page.get_by_role("img", name=re.compile("Units a minute: now [1-9]"))).to_be_visible()
    _look_for_a_while(page, 45)
    window.picture("device")
    page.get_by_role("link", name="Overview").click()
    throughput = page.get_by_role("img", name=re.compile("Payments a second: now"))
    expect(throughput).to_be_visible()
    _look_for_a_while(page, 30)
    window.picture("overview")
    page.emulate_media(color_scheme="dark")
    window.picture("overview-dark")
    page.emulate_media(color_scheme="light")


def _look_for_a_while(page: Page, seconds: float) -> None:
    """Until lines are long enough for a picture, if one is taken."""
    if TAKING:
        page.wait_for_timeout(seconds * 1000)


def _evidence_is_downloaded_and_holds(here: Scene, ada: Person, folder: Path) -> None:
    page = ada.window.page
    page.get_by_role("link", name="Channels").click()
    device = device_id(KEY)[:12]
    row = page.get_by_role("table", name="Channels").get_by_role("row").filter(has_text=device)
    row.get_by_role("link").first.click()
    page.get_by_role("heading", name=re.compile("Channel [0-9a-f]{12}")).wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download evidence").click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    assert here.stage.command("verify", str(file)) == 0
    file.write_bytes(file.read_bytes().replace(KEY[:8], bytes(8)))
    assert here.stage.command("verify", str(file)) != 0


def _a_run_waits_for_another_person(ada: Person) -> None:
    page = ada.window.page
    page.get_by_role("link", name="Settlement").click()
    page.get_by_role("button", name="Set a schedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Does money wait").select_option("true")
    dialog.get_by_role("button", name="Set the schedule").click()
    expect(page.get_by_role("table", name="Schedules")).to_contain_text("approves")
    page.get_by_role("button", name="What would it come to?").click()
    ahead = page.get_by_role("dialog", name="What settling now would come to")
    expect(ahead.get_by_role("link", name="city-parking")).to_be_visible()
    ahead.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Settle now").click()
    page.get_by_role("dialog").get_by_role("button", name="Settle").click()
    expect(page.get_by_role("heading", name="Run 1")).to_be_visible()
    expect(page.get_by_text("awaiting approval")).to_be_visible()
    ada.window.picture("settlement")
    # Who started it can't approve it, and is told so.
    page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Approve the run").click()
    expect(dialog.get_by_role("alert")).to_contain_text("another person must approve")
    dialog.get_by_role("button", name="Cancel").click()
    # The browser's own note of the refusal.
    assert [each for each in ada.window.wrong if "403" not in each and "422" not in each] == []
    ada.window.wrong.clear()


def _the_other_person_approves(here: Scene) -> None:
    fin = here.come_in("fin", "finance")
    page = fin.window.page
    waiting = page.locator(".waiting-list")
    expect(waiting).to_contain_text("settlement run waits for a second person")
    waiting.get_by_role("link", name="Run 1").click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve the run").click()
    instructions = page.get_by_role("table", name="Instructions")
    expect(instructions).to_contain_text("submitted")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV: statement of city-parking, run 1").click()
    assert download.value.suggested_filename == "statement-1-city-parking.csv"
    row = instructions.get_by_role("row").filter(has_text="city-parking")
    row.get_by_role("button", name="What came of it").click()
    page.get_by_role("dialog").get_by_role("button", name="Record").click()
    expect(row).to_contain_text("done")
    assert fin.window.wrong == []


def _it_is_suspended_and_delivers_no_more(page: Page) -> None:
    page.get_by_role("link", name="Devices").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    page.get_by_label("Search").fill("METER")
    page.get_by_role("link", name="meter 7").click()
    page.get_by_role("button", name="Suspend").click()
    dialog = page.get_by_role("dialog", name="Suspend meter 7?")
    expect(dialog).to_contain_text("one window at most")
    dialog.get_by_role("button", name="Suspend the device").click()
    expect(page.locator(".head .state")).to_have_text("suspended")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator(".events")).to_contain_text("Device suspended")


def _who_has_left_comes_back_by_a_recovery_code(ada: Person) -> None:
    page = ada.window.page
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code of your authenticator").fill(ada.codes[0])
    page.get_by_role("button", name="Sign in").click()
    # Where they were.
    expect(page.get_by_role("heading", name="meter 7")).to_be_visible()
    assert device_id(KEY) in page.url


def _what_is_shown_is_marked_as_old_while_the_gateway_is_away(here: Scene, page: Page) -> None:
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    here.stage.gateway.kill()
    lost = page.locator(".connection")
    expect(lost).to_contain_text("Connection lost: as of", timeout=15_000)
    expect(page.get_by_role("alert")).to_contain_text("The gateway does not answer.")
    expect(page.locator(".stale").first).to_be_visible()
