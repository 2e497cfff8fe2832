"""A real browser for the console's tests: it watches every page for what must never happen."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HEIGHTS = {1280: 900, 390: 844}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
SIDEWAYS = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const inScroller = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  const out = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width && (box.right > innerWidth + 1 || box.left < -1)
      && !element.closest(".visually-hidden, .skip") && !inScroller(element);
  });
  return { wide, out: out.slice(0, 5).map((element) => element.outerHTML.slice(0, 120)) };
}"""
TORN = """() => [...document.querySelectorAll(".table")].flatMap((table) => {
  const shown = (row) => [...row.cells].filter((cell) => getComputedStyle(cell).display === "table-cell");
  const carded = !table.tHead || getComputedStyle(table.tHead).position === "absolute";
  const heads = carded ? [] : shown(table.tHead.rows[0]);
  const rows = heads.length ? [...table.tBodies].flatMap((body) => [...body.rows]) : [];
  const cells = rows.filter((row) => row.cells.length > 1).map((row) => shown(row).length);
  return cells.some((count) => count !== heads.length) ? [`torn: ${heads.length} heads, ${cells}`] : [];
})"""
CLIPPED = """() => [...document.querySelectorAll("dialog[open], [popover]:popover-open")].flatMap((layer) => {
  const box = layer.getBoundingClientRect();
  const fits = box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
  const buttons = [...layer.querySelectorAll(".dialog-head button, .dialog-foot .button")];
  const hidden = buttons.filter((button) => {
    const at = button.getBoundingClientRect();
    return at.top < 0 || at.left < 0 || at.right > innerWidth || at.bottom > innerHeight;
  });
  const faults = fits ? [] : [`${layer.id} leaves the screen`];
  if (layer.scrollWidth > layer.clientWidth) faults.push(`${layer.id} scrolls sideways`);
  return [...faults, ...hidden.map((one) => `out of sight: ${one.outerHTML}`)];
})"""
# Rules that look at colours. All others see the document, where its parts lie and which of them are shown.
COLOURS = ["color-contrast", "link-in-text-block"]
# Whether the document was looked at in just this form before, whatever its colours were.
KNOWN_FORM = """() => {
  const form = [...document.querySelectorAll("*")].map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const shown = ["display", "visibility", "opacity", "overflow", "position", "zIndex", "pointerEvents",
      "clip", "clipPath", "fontSize", "fontWeight"].map((name) => style[name]);
    const { value, checked, disabled } = element;
    return [x, y, width, height, shown, value, checked, disabled, element === document.activeElement].join();
  }).concat(innerWidth, innerHeight, document.documentElement.outerHTML).join(";");
  const forms = window.formsLookedAt ??= new Set();
  return forms.size === forms.add(form).size;
}"""
QUIET = 0.1  # seconds without a request, after which nothing more is awaited


def find_chromium() -> str | None:
    """Return the path of a Chromium: the one that ``CHROMIUM`` names, else one on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Visit:
    """One person's window onto the console. ``check`` fails with all that is wrong with what it shows."""

    context: BrowserContext
    page: Page
    home: str
    faults: list[str] = field(default_factory=list)
    waiting: set[Request] = field(default_factory=set)  # for an answer

    @classmethod
    def start(cls, context: BrowserContext, home: str) -> Visit:
        """Open a window that takes note of errors, CSP violations and requests to other hosts."""
        context.add_init_script(REPORT_VIOLATIONS)
        visit = cls(context, context.new_page(), home)
        visit.page.on("console", visit._heard)
        visit.page.on("pageerror", lambda error: visit.faults.append(f"error: {error}"))
        visit.page.on("request", visit._asked)
        visit.page.on("requestfinished", visit._answered)
        visit.page.on("requestfailed", visit._answered)
        return visit

    def goto(self, path: str) -> Page:
        """Open a page of the console and wait until it is quiet."""
        self.waiting.clear()
        self.page.goto(self.home + path, wait_until="load")
        quiet, deadline = 0.0, time.monotonic() + 30
        while quiet < QUIET:
            assert time.monotonic() < deadline, [request.url for request in self.waiting]
            self.page.wait_for_timeout(1000 * QUIET / 4)
            quiet = 0.0 if self.waiting else quiet + QUIET / 4
        return self.page

    def check(self, what: str, *, accept: str = "") -> None:
        """Assert that what is shown now has no fault; ``accept`` is a part of a console line to overlook."""
        found = [fault for fault in self.faults if not accept or accept not in fault]
        sideways = self.page.evaluate(SIDEWAYS)
        if sideways["wide"] > 0 or sideways["out"]:
            found.append(f"sideways by {sideways['wide']} px: {sideways['out']}")
        found += self.page.evaluate(CLIPPED) + self.page.evaluate(TORN)
        found += self._inaccessible()
        self.shoot(what)
        assert not found, f"{what}: " + "\n".join(found)

    def shoot(self, name: str) -> None:
        """Keep a picture where ``SCREENSHOTS`` says, if it says anything."""
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    def _inaccessible(self) -> list[str]:
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(Axe().axe_script)
        only = COLOURS if self.page.evaluate(KNOWN_FORM) else RULES
        options = {"resultTypes": ["violations"], "runOnly": only}
        violations: list[dict[str, Any]] = self.page.evaluate(
            "options => axe.run(options).then((results) => results.violations)", options
        )
        return [
            f"axe {rule['id']}: {node['target']} {node.get('failureSummary', '')}"
            for rule in violations
            for node in rule["nodes"]
        ]

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        self.waiting.add(request)
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.faults.append(f"asked another host: {request.url}")

    def _answered(self, request: Request) -> None:
        self.waiting.discard(request)
