"""The pictures of the documentation: `make screenshots` takes them from a fresh demo in a real browser.

Run as ``python -m tests.console.screens FOLDER``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser import find_chromium
from tests.serving import server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KB_MAX = 150
HEIGHTS = {1280: 800, 390: 780}
SIGN_IN = "/sign-in/"


@dataclass(frozen=True)
class Picture:
    """What to show, and how; ``press`` names a button to press before."""

    name: str
    path: str
    width: int
    theme: Literal["light", "dark"]
    press: str = ""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.width}-{self.theme}.png"


PICTURES = (
    Picture("overview", "/o/northwind/", 1280, "light"),
    Picture("overview", "/o/northwind/", 390, "dark"),
    Picture("robots", "/o/northwind/robots/", 1280, "dark"),
    Picture("usage", "/o/northwind/logs/", 1280, "light"),
    Picture("project", "/o/northwind/projects/orders/", 1280, "light"),
    Picture("grant", "/o/northwind/projects/orders/", 390, "light", press="Grant access"),
)


def take(folder: Path) -> None:
    """Serve the demo, take every picture, and fail for one that is too heavy."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No Chromium found: name one with CHROMIUM=/path/to/it")
    with TemporaryDirectory() as directory, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--force-device-scale-factor=1"]
        )
        with server(Path(directory), DEMO="1") as running:
            found = re.search(r"Password:\s+(\S+)", running.output.read_text())
            if found is None:
                sys.exit("The server printed no password")
            for picture in PICTURES:
                page = _enter(browser, running.url, found[1], picture)
                page.screenshot(path=str(folder / picture.file))
                page.context.close()
        browser.close()
    for picture in PICTURES:
        weight = (folder / picture.file).stat().st_size / 1024
        sys.stdout.write(f"{picture.file}: {weight:.0f} KB\n")
        if weight > KB_MAX:
            sys.exit(f"{picture.file} is heavier than {KB_MAX} KB")


def _enter(browser: Browser, home: str, password: str, picture: Picture) -> Page:
    size = ViewportSize(width=picture.width, height=HEIGHTS[picture.width])
    context = browser.new_context(viewport=size, color_scheme=picture.theme, timezone_id="UTC", locale="en")
    page = context.new_page()
    page.goto(f"{home}{SIGN_IN}?next={picture.path}")
    page.get_by_label("Name or e-mail").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{home}{picture.path}", wait_until="networkidle")
    if picture.press:
        page.get_by_role("button", name=picture.press).first.click()
        page.get_by_role("dialog").wait_for()
    return page


if __name__ == "__main__":
    take(Path(sys.argv[1]))
