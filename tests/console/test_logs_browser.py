"""The usage log in a real browser: narrowed by its fields, and a range chosen on its chart."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.console import world as worlds
from tests.console.test_rooms_browser import LOOKS, TWO_LOOKS, look

pytestmark = pytest.mark.browser


@pytest.fixture
def world(transactional_db):
    return worlds.build()


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


def test_a_range_is_chosen_by_two_days_of_the_chart(browse, world):
    visit = browse(world.owner)
    today = datetime.now(UTC).date().isoformat()
    page = visit.goto(f"/o/acme/logs/?since={today}&until={today}")
    page.get_by_role("link", name="Choose a range").click()
    expect(page.get_by_text("Choose the other end on the chart")).to_be_visible()
    look(visit, "log-range", TWO_LOOKS)
