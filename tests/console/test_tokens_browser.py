"""Tokens, applications and settings in a real browser: what people do there."""

import re

import pytest
from playwright.sync_api import expect

from tests import make
from tests.console.test_rooms_browser import TWO_LOOKS, look, says
from tokens import services as tokens
from tokens.kinds import Kind

pytestmark = pytest.mark.browser


def test_a_token_from_making_to_revoking(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/account/tokens/")
    look(visit, "tokens")
    page.get_by_role("button", name="New token").first.click()
    page.get_by_label("Title").fill("Laptop")
    expect(page.get_by_label("See repositories")).to_be_visible()
    look(visit, "tokens-new")
    page.get_by_label("See repositories").check()
    page.get_by_role("radio", name="Access token").check()
    expect(page.get_by_label("See repositories")).to_be_hidden()
    expect(page.get_by_label("Its last day")).to_be_hidden()
    page.get_by_label("It expires").select_option("custom")
    expect(page.get_by_label("Its last day")).to_be_visible()
    look(visit, "tokens-new-custom", TWO_LOOKS)
    page.get_by_label("It expires").select_option("7")
    page.get_by_role("textbox", name="Your password").fill(make.PASSWORD)
    page.get_by_role("button", name="Make the token").click()
    says(page, "The token Laptop is made")
    look(visit, "tokens-made")
    secret = page.locator("[data-once] code").text_content()
    page.get_by_role("button", name="Copy the secret").click()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert tokens.authenticate(secret, kinds=[Kind.ACCESS]).user == world.owner

    # Loading the page again neither shows it again nor makes another one.
    page.reload()
    expect(page.locator("[data-once]")).to_have_count(0)
    expect(page.get_by_role("link", name="Revoke Laptop")).to_have_count(1)
    page.get_by_role("link", name="Revoke Laptop").click()
    look(visit, "tokens-revoke", TWO_LOOKS)
    page.get_by_role("button", name="Revoke token").click()  # her sign-in is recent by now
    says(page, "The token Laptop is revoked")
    expect(page).to_have_url(re.compile("/account/tokens/$"))
