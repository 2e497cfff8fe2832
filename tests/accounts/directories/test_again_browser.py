"""In a real browser to a real provider and back: what was typed before is there, for who typed it alone."""

import re
from importlib import import_module

import pytest
from django.conf import settings as configured
from playwright.sync_api import expect

from accounts.models import User
from tests import make

pytestmark = [pytest.mark.browser, pytest.mark.processes]
TOKENS = "/account/tokens/"


@pytest.fixture
def window(browse, transactional_db, idp, settings, live_server):
    settings.PUBLIC_URL = live_server.url
    idp.control(back=f"{live_server.url}/sign-in/provider/back/")
    make.user("settler")  # of an empty instance the first page would be another one
    for name in ("ada", "eve"):
        idp.person(name)
    return browse()


def through_the_provider(page, link, name):
    link.click()
    page.get_by_label("Who?").fill(name)
    page.get_by_label("Who?").press("Enter")


def sign_in(window):
    page = window.goto(TOKENS)
    through_the_provider(page, page.get_by_role("link", name="Sign in with"), "ada")
    expect(page.get_by_role("heading", name="Tokens", exact=True).first).to_be_visible()
    (cookie,) = (one for one in window.context.cookies() if one["name"] == configured.SESSION_COOKIE_NAME)
    session = import_module(configured.SESSION_ENGINE).SessionStore(cookie["value"])
    session["signed_in_at"] = "2020-01-01T00:00:00+00:00"
    session.save()
    return page


def begin(page):
    page.goto(page.url)
    page.locator("[commandfor=create-dialog]").first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=title]").fill("Mirror of “Ostsee” & <b>more</b>")
    return dialog


def test_what_was_typed_is_there_after_signing_in_again(window):
    page = sign_in(window)
    dialog = begin(page)
    dialog.locator("[name=kind][value=access]").check()
    dialog.locator("[name=lifetime]").select_option("30")
    through_the_provider(page, dialog.get_by_role("link", name="Sign in again"), "ada")
    expect(page).to_have_url(re.compile(f"{TOKENS}$"))
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[name=title]")).to_have_value("Mirror of “Ostsee” & <b>more</b>")
    expect(dialog.locator("[name=kind][value=access]")).to_be_checked()
    expect(dialog.locator("[name=lifetime]")).to_have_value("30")
    assert page.evaluate("sessionStorage.getItem('muster-typed')") is None
    dialog.get_by_role("button", name="Make the token").click()
    expect(page.locator("[data-once]")).to_be_visible()
    page.goto(page.url)
    page.locator("[commandfor=create-dialog]").first.click()
    expect(page.get_by_role("dialog").locator("[name=title]")).to_have_value("")


def test_somebody_else_in_the_same_tab_does_not_find_it(window):
    page = sign_in(window)
    dialog = begin(page)
    through_the_provider(page, dialog.get_by_role("link", name="Sign in again"), "eve")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[name=title]")).to_have_value("")
    assert page.evaluate("sessionStorage.getItem('muster-typed')") is None


def test_a_file_that_was_compared_is_there_to_be_compared_again(window):
    page = sign_in(window)
    make.organization("acme", owner=User.objects.get(username="ada"))
    file = "version: 1\nrobots:\n  new: {description: Better}\n"
    page.goto(f"{window.home}/o/acme/code/")
    page.locator("textarea[name=text]").fill(file)
    page.get_by_role("button", name="Compare").click()
    through_the_provider(page, page.get_by_role("link", name="Sign in again"), "ada")
    expect(page.locator("textarea[name=text]")).to_have_value(file)
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name="Apply all of it").click()
    expect(page.get_by_role("heading", name="1 change applied")).to_be_visible()


def test_the_back_office_keeps_what_was_typed_but_no_password(window):
    page = sign_in(window)
    User.objects.filter(username="ada").update(is_superuser=True)
    page.goto(f"{window.home}/admin/accounts/user/do/create/")
    page.locator("[name=username]").fill("newcomer")
    page.locator("[name=password]").fill("a-whole-new-one")
    through_the_provider(page, page.get_by_role("link", name="sign in again"), "ada")
    expect(page.locator("[name=username]")).to_have_value("newcomer")
    expect(page.locator("[name=password]")).to_have_value("")
    expect(page.get_by_role("link", name="sign in again")).to_have_count(0)
