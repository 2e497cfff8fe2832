"""The living style page in a real browser: every component, both themes, desk and phone."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests import make

pytestmark = pytest.mark.browser

WINDOWS = [(theme, width) for theme in ("light", "dark") for width in (1280, 390)]


@pytest.fixture
def ada(transactional_db):
    return make.user("ada")


@pytest.mark.parametrize(("theme", "width"), WINDOWS)
def test_every_component_is_clean(browse, ada, theme, width):
    visit = browse(ada, theme=theme, width=width)
    name = f"style-{width}-{theme}"
    page = visit.goto("/style/?say=1")
    expect(page.locator(".toast")).to_have_count(3)
    visit.check(name)

    page.get_by_role("button", name="Create robot").first.click()
    expect(page.get_by_role("dialog", name="Create robot")).to_be_visible()
    visit.check(f"{name}-dialog")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("button", name="Actions for ci_release").click()
    visit.check(f"{name}-menu")
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("dialog", name=re.compile("Delete"))).to_be_visible()
    visit.check(f"{name}-danger")
    page.get_by_role("button", name="Keep it").click()

    page.get_by_role("button", name="Account menu of ada").click()
    visit.check(f"{name}-account")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("Organization: ")).click()
    visit.check(f"{name}-organizations")
    page.keyboard.press("Escape")

    if width == 390:
        page.get_by_role("button", name="Menu", exact=True).click()
        expect(page.get_by_role("link", name="Usage log")).to_be_visible()
        visit.check(f"{name}-navigation")


def test_chart_text_keeps_its_size_and_its_place(browse, ada):
    sizes = {}
    for width in (1280, 390, 320):
        page = browse(ada, width=width).goto("/style/")
        texts = page.evaluate(
            """() => [...document.querySelectorAll(".plot text:not(.none)")].map((text) => {
              const box = text.getBoundingClientRect(), card = text.closest(".card").getBoundingClientRect();
              const inside = !box.width || (box.left >= card.left && box.right <= card.right);
              return { inside, height: Math.round(box.height),
                       left: box.left, right: box.right, top: Math.round(box.top), words: text.textContent };
            })"""
        )
        assert all(text["inside"] for text in texts), texts
        shown = [text for text in texts if text["height"]]
        sizes[width] = {text["height"] for text in shown}
        days = [text for text in shown if " " in text["words"]]
        for one, other in pairwise(days):
            assert one["top"] != other["top"] or one["right"] < other["left"], (width, one, other)
    assert sizes[1280] == sizes[390] == sizes[320]


def test_theme_is_remembered(browse, ada):
    page = browse(ada, theme="light").goto("/style/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Account menu of ada").click()
    page.locator("#me").get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark != light
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_times_are_the_readers_and_say_utc(browse, ada):
    page = browse(ada).goto("/style/")
    moment = page.locator("#log ~ .card time").first
    instant, shown, hover = (
        moment.get_attribute("datetime"),
        moment.text_content(),
        moment.get_attribute("title"),
    )
    assert hover == instant.replace("T", " ").replace("Z", " UTC")
    local = page.evaluate(
        """(at) => new Date(at).toLocaleTimeString("en-GB", {timeZone: "America/New_York"})""", instant
    )
    assert shown.endswith(local)


def test_keys_and_selection(browse, ada):
    page = browse(ada).goto("/style/")
    search = page.get_by_role("searchbox", name="Search")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("a/b")
    expect(search).to_have_value("a/b")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()

    page.get_by_role("checkbox", name="Select ci_release").check()
    expect(page.get_by_text("1 selected")).to_be_visible()
    every = page.get_by_role("checkbox", name="Select all robots")
    assert every.evaluate("box => box.indeterminate")
    every.check()
    expect(page.get_by_text("6 selected")).to_be_visible()
    every.uncheck()
    expect(page.get_by_text("selected", exact=False).locator("visible=true")).to_have_count(1)  # the heading


def test_copy_and_dismiss(browse, ada):
    page = browse(ada).goto("/style/?say=1")
    page.get_by_role("button", name="Copy token").click()
    assert page.evaluate("navigator.clipboard.readText()") == "mst_robot_4fJ8sQ2vXk9TzWm1LrB7cYd3HnP6aGe0"
    page.locator(".toast.error").get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toast")).to_have_count(2)


def test_htmx_posts_with_the_csrf_token_and_brings_messages(browse, ada):
    visit = browse(ada)
    page = visit.goto("/style/")
    page.get_by_role("button", name="Say it by htmx").click()
    expect(page.locator("#toasts .toast.success")).to_have_text("Said by htmx, without a new page.")
    visit.check("htmx")


@pytest.mark.parametrize("width", [320, 768, 1000, 1920])
def test_nothing_leaves_the_page_at_other_widths(browse, ada, width):
    visit = browse(ada, width=width)
    page = visit.goto("/style/")
    visit.check(f"style-{width}")
    wraps = page.locator(".table-wrap")
    assert all(wrap.evaluate("wrap => wrap.scrollWidth <= wrap.clientWidth") for wrap in wraps.all())


def test_focus_returns_to_where_the_dialog_was_opened(browse, ada):
    page = browse(ada).goto("/style/")
    opener = page.get_by_role("button", name="Create robot").first
    opener.click()
    expect(page.locator("#robot-dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_work_without_javascript(browse, ada, width):
    page = browse(ada, width=width, scripts=False).goto("/style/?say=1")
    expect(page.locator(".toast").first).to_be_visible()
    expect(page.locator("time").first).to_contain_text("ago")
    page.get_by_role("button", name="Create robot").first.click()
    expect(page.get_by_role("dialog", name="Create robot")).to_be_visible()
    page.locator("#robot-dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Account menu of ada").click()
    expect(page.locator("#me")).to_be_visible()
    expect(page.locator("#me .segments.needs-script")).to_be_hidden()
    expect(page.locator("#me").get_by_role("form", name="Language")).to_be_visible()


FAULTS = {
    "CSP: style-src-attr": """document.body.insertAdjacentHTML("beforeend", '<p style="color: red">x</p>')""",
    "CSP: connect-src": """fetch("http://127.0.0.2:9/").catch(() => {})""",
    "sideways by": """document.querySelector("h1").insertAdjacentHTML(
        "afterend", `<svg width="5000"></svg>`)""",
    "axe button-name": """document.querySelector(".switcher").removeAttribute("aria-label")
        document.querySelector(".switcher").textContent = "" """,
    "leaves the screen": """document.querySelector("#robot-dialog .dialog-body").insertAdjacentHTML(
        "beforeend", `<svg width="9" height="3000"></svg>`)
        document.querySelector("#robot-dialog").className = ""
        document.querySelector("#robot-dialog").show()""",
    "torn": """document.querySelector(".table th.wide-only").classList.remove("wide-only")""",
    "error: ": """setTimeout(() => { throw new Error("broken") })""",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_browser_notices(browse, ada, fault):
    visit = browse(ada, width=1000)
    page = visit.goto("/style/")
    page.evaluate(f"() => {{ {FAULTS[fault]} }}")
    page.wait_for_timeout(100)
    with pytest.raises(AssertionError, match=re.escape(fault)):
        visit.check("fault")
