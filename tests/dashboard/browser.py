"""A real browser, without a screen, that tells of everything it did not like."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    sync_playwright,
)

from tests.services import unavailable

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
TAKING = bool(os.environ.get("TALLYSTICK_PICTURES"))
"""Whether the README's pictures are to be taken anew."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)


@dataclass
class Window:
    """One person's browser: a page, and what was wrong in it."""

    page: Page
    context: BrowserContext
    wrong: list[str] = field(default_factory=list)

    def go(self, address: str) -> None:
        """Show a page of the dashboard, and wait until all of it is there."""
        self.page.evaluate(
            """address => {
                document.querySelectorAll('h1').forEach((each) => { each.dataset.left = ''; });
                if (location.hash !== '#' + address) location.hash = '#' + address;
                else window.dispatchEvent(new HashChangeEvent('hashchange'));
            }""",
            address,
        )
        self.page.locator("main h1:not([data-left])").first.wait_for()
        self.page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")

    def picture(self, name: str) -> None:
        """Take a picture of what is shown, if pictures are taken."""
        if TAKING:
            PICTURES.mkdir(exist_ok=True)
            self.page.mouse.move(0, 0)
            whole = Image.open(BytesIO(self.page.screenshot()))
            # So many colours are enough, and a third of the size.
            whole.quantize(128).save(PICTURES / f"{name}.png", optimize=True)


def program() -> str:
    """The path of Chromium; the test is skipped, or fails in CI, where there is none."""
    names = (os.environ.get("TALLYSTICK_CHROMIUM", ""), *PROGRAMS)
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        unavailable("no Chromium: apt-get install chromium, or name it in TALLYSTICK_CHROMIUM")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program(), args=OPTIONS)
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def window(of: Browser, url: str, *, dark: bool = False, phone: bool = False) -> Iterator[Window]:
    """A new window of somebody who has not signed in, at the dashboard's address."""
    context = of.new_context(
        base_url=url,
        viewport=PHONE if phone else DESK,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale="en-IE",
        timezone_id="Europe/Berlin",
        accept_downloads=True,
    )
    context.set_default_timeout(30_000)
    try:
        made = Window(context.new_page(), context)
        made.page.on("console", lambda message: _heard(made, message))
        made.page.on("pageerror", lambda error: made.wrong.append(f"error: {error}"))
        yield made
    finally:
        context.close()


def _heard(of: Window, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        of.wrong.append(f"{message.type}: {message.text}")
