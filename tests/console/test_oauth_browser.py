"""Authorizing an application in a real browser: the pages, where answers lead, the token that is shown."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests import make
from tokens import services

pytestmark = pytest.mark.browser
NARROW = {"scope": "repo:read user:read"}
WIDE = {"scope": "repo:create org:admin super:user"}


@pytest.fixture
def application(transactional_db):
    ada = make.user("ada")
    acme = make.organization("acme", owner=ada)
    made = services.create_application(
        actor=make.actor(ada),
        organization=acme,
        name="release-bot",
        redirect_uri="http://localhost:9/cb",
        description="Ships what is ready, every night.",
    )
    return ada, made


def link(application, home, **changes):
    sent = {
        "client_id": application.client_id,
        "redirect_uri": f"{home}/oauth/localapp",
        "response_type": "token",
        **NARROW,
    }
    return "/oauth/authorize?" + urlencode(sent | changes)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_from_the_question_to_the_token(browse, application, theme, width):
    ada, app = application
    visit = browse(ada, theme=theme, width=width)
    page = visit.goto(link(app, visit.home, **WIDE))
    expect(page.get_by_role("heading", name="Authorize release-bot")).to_be_visible()
    visit.check(f"oauth-dangerous-{width}-{theme}")
    page = visit.goto(link(app, visit.home))
    expect(page.get_by_text("dangerous")).to_have_count(0)
    visit.check(f"oauth-consent-{width}-{theme}")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Your token")).to_be_visible()
    expect(page.locator("#token code")).to_have_text(re.compile("^[A-Za-z0-9]{40}$"))
    assert "#" not in page.url
    visit.check(f"oauth-token-{width}-{theme}")
    page.get_by_role("button", name="Copy token").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#token code").text_content()
    page.reload()
    expect(page.get_by_text("There is no token in this address")).to_be_visible()


def test_signing_in_first_and_then_to_another_site(browse, application):
    """The policy of the page lets the answer to its form lead to the application, and to nobody else."""
    _, app = application
    visit = browse()
    page = visit.goto(link(app, visit.home, redirect_uri="http://localhost:9/cb", response_type="code"))
    visit.check("oauth-sign-in", accept="401")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name or e-mail").fill("ada")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The answer goes to localhost:9")).to_be_visible()
    with page.expect_request(re.compile(r"^http://localhost:9/cb\?.*code=")):
        page.get_by_role("button", name="Authorize").click()
    assert not [fault for fault in visit.faults if "CSP" in fault]


def test_saying_no(browse, application):
    ada, app = application
    visit = browse(ada, width=390)
    page = visit.goto(link(app, visit.home))
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", name="Not authorized")).to_be_visible()
    visit.check("oauth-denied-390-light")
