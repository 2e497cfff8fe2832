"""The usage log in a real browser: narrowed by its fields, and a range chosen on its chart."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.console.test_rooms_browser import LOOKS, TWO_LOOKS, look

pytestmark = pytest.mark.browser


def test_fields_narrow_the_log_and_chips_take_them_away(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/logs/?performer=system&door=console&about=web")
    look(visit, "log-fields", LOOKS)
    page.get_by_role("link", name="Take away: through Console").click()
    expect(page).to_have_url(re.compile(r"/logs/\?performer=system&about=web$"))
    page.get_by_role("textbox", name="From this address").fill("nonsense")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Enter a valid IPv4 or IPv6 address")).to_be_visible()
    look(visit, "log-wrong-address", TWO_LOOKS)


def days(page):
    """Return the first and the last day of the page's address."""
    asked = parse_qs(urlsplit(page.url).query)
    return asked["since"][0], asked["until"][0]


def ago(number):
    return (datetime.now(UTC).date() - timedelta(days=number)).isoformat()


def heard(page, act):
    """Touch the chart for the first time, and wait for what hears the rest."""
    with page.expect_response("**/console/range*.js"):
        act()
    page.wait_for_timeout(200)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_range_is_dragged_over_on_the_chart(browse, world, backwards):
    page = browse(world.owner).goto("/o/acme/logs/?performer=system")
    places = [page.locator(".plot a .hit").nth(number).bounding_box() for number in (10, 14)]
    (x1, y1), (x2, y2) = [
        (box["x"] + box["width"] / 2, box["y"] + 20) for box in (places[::-1] if backwards else places)
    ]
    heard(page, lambda: page.mouse.move(x1, y1))
    page.mouse.down()
    page.mouse.move(x2, y2, steps=8)
    expect(page.locator(".plot .chosen")).to_have_count(5)
    page.mouse.up()
    page.wait_for_url("**since=**")
    assert days(page) == (ago(19), ago(15))
    assert "performer=system" in page.url


def test_a_range_is_chosen_by_keys(browse, world):
    page = browse(world.owner).goto("/o/acme/logs/")
    heard(page, lambda: page.locator(".plot a").nth(20).focus())
    for key in ("ArrowRight", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".plot .chosen")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.locator(".plot .chosen")).to_have_count(0)
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**since=**")
    assert days(page) == (ago(11), ago(9))


def test_a_press_without_a_drag_opens_the_day(browse, world):
    page = browse(world.owner).goto("/o/acme/logs/")
    page.locator(".plot a .hit").nth(29).click()
    page.wait_for_url("**since=**")
    assert days(page) == (ago(0), ago(0))


def test_a_view_is_kept_and_overwritten(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/logs/?performer=system")
    page.get_by_role("button", name="Save as a view").click()
    page.get_by_label("Name", exact=True).fill("What Muster did")
    look(visit, "log-view-dialog", TWO_LOOKS)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**view=**")
    page.get_by_role("searchbox", name="Search the log").fill("devs")
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_text("The view shows this from now on.")).to_be_visible()
    page.goto(page.url.partition("?")[0])
    page.get_by_role("link", name="What Muster did").click()
    page.wait_for_url("**q=devs**")
    look(visit, "log-view", LOOKS)


def test_a_range_is_chosen_by_two_days_of_the_chart(browse, world):
    visit = browse(world.owner)
    today = datetime.now(UTC).date().isoformat()
    page = visit.goto(f"/o/acme/logs/?since={today}&until={today}")
    page.get_by_role("link", name="Choose a range").click()
    expect(page.get_by_text("Choose the other end on the chart")).to_be_visible()
    look(visit, "log-range", TWO_LOOKS)


def test_the_chart_is_as_wide_as_the_list_below(browse, world):
    page = browse(world.owner).goto("/o/acme/logs/")
    chart, below = (
        page.locator(f"#list .card:has({part})").bounding_box() for part in (".plot", "table.table")
    )
    assert chart["width"] == below["width"]
