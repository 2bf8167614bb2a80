"""A running gateway with devices, and people who look at it with a browser each."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Browser, Locator

from firmware import app
from gateway import config
from gateway.operations import people
from gateway.operations.office import opened
from simulator import scene as places
from simulator.fleet import Broker, Member
from simulator.loads.sensor import Sensor
from tests.dashboard.browser import Window, window
from tests.e2e.stage import Stage, stage

PASSWORD = "a horse that eats batteries"
HARM = [
    "<img src=x onerror=\"document.title='owned'\">",
    "</td><script>document.title='owned'</script>",
    '=HYPERLINK("http://x","y")',
    "javascript:alert(1)",
]
"""Names that are meant to do harm."""


class Devices:
    """Devices that run beside the test, since the browser's interface has the test's own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="devices", daemon=True)
        self._thread.start()
        self._running: list[tuple[Member, Any]] = []

    def switch_on(self, member: Member) -> None:
        """Let a device run until `stop`."""
        self._running.append((member, self._start(app.run(member.board, member.device))))

    def stop(self) -> None:
        """Switch every device off. Raises what ended one before."""
        for member, _task in self._running:
            member.board.ending = True
        for _member, task in self._running:
            task.result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


@dataclass
class Person:
    """Somebody with a browser window of their own."""

    name: str
    window: Window
    codes: list[str] = field(default_factory=list)


@dataclass
class Scene:
    """A gateway, its devices, a browser, and who has come in."""

    stage: Stage
    devices: Devices
    browser: Browser
    stack: ExitStack

    def open_park(self, count: int) -> None:
        """The demo's chargers and sensors, at work."""
        broker = Broker(self.stage.broker.host, self.stage.broker.port)
        with self.stage.api() as api:
            for member in list(places.mixed(api, broker, count, 120, True, seed=1)):
                self.devices.switch_on(member)

    def furnish(self, names: Sequence[str]) -> None:
        """Devices of these names that have paid, some of which go on; and a run that waits for
        another person than who started it."""
        busy = Sensor(interval_ms=50, burst=3, burst_every=10)
        for number, name in enumerate(names):
            member = self.stage.add(busy, name=name)
            if number < 2:
                self.devices.switch_on(member)
        with self.stage.api() as api:
            api.put("/v1/schedules/EUR", {"approval": True})
            while not any(int(each["amount"]["amount"]) for each in api.items("/v1/channels")):
                time.sleep(0.1)
            api.post("/v1/settlements", {})

    def invited(self, name: str, role: str, *accounts: str) -> str:
        """Where a new person's link leads."""
        with opened(config.load(self.stage.data)) as office:
            store = office.store.acting("shell:test")
            return people.invite(store, name, role, store.by, accounts).path

    def newcomer(self, **kind: bool) -> Window:
        """A window of somebody who is not signed in."""
        return self.stack.enter_context(window(self.browser, self.stage.gateway.url, **kind))

    def come_in(self, name: str, role: str, *accounts: str, **kind: bool) -> Person:
        """A new person, who has come in by their link as people do."""
        opened = self.newcomer(**kind)
        return Person(name, opened, enter(opened, self.invited(name, role, *accounts)))


def enter(window: Window, path: str) -> list[str]:
    """Come in by a link as people do; the recovery codes."""
    page = window.page
    page.goto(path)
    page.get_by_label("Password to have from now on").fill(PASSWORD)
    page.get_by_label("The same once more").fill(PASSWORD)
    page.get_by_label("Code that it shows").fill(code(page.locator("#totp-secret")))
    page.get_by_role("button", name="Come in").click()
    page.get_by_role("heading", name="Keep these recovery codes").wait_for()
    codes = page.locator(".codes code").all_inner_texts()
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").wait_for()
    return codes


def code(secret: Locator) -> str:
    """What an authenticator shows that has taken up this secret."""
    return pyotp.TOTP(secret.inner_text()).now()


@contextmanager
def scene(data: Path, browser: Browser) -> Iterator[Scene]:
    """A new gateway with accounts and tariffs, and a browser for whoever comes."""
    with stage(data) as built, ExitStack() as stack:
        devices = Devices()
        stack.callback(devices.stop)
        yield Scene(built, devices, browser, stack)
