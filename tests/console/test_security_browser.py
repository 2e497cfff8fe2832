"""The second factor in a real browser: set up, signing in with it, and the day the phone is lost."""

import re
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import AuthenticatorApp
from tests import make
from tests.console.test_rooms_browser import LOOKS, TWO_LOOKS, look, says, sign_in

pytestmark = pytest.mark.browser
SECURITY = "/account/security/"


def shown(page):
    """Return the secret that the page offers to type."""
    page.get_by_text("Type it instead").click()
    return page.locator(".copy code").inner_text().replace(" ", "")


def set_up(visit):
    """Set an app up; return its secret and the recovery codes."""
    page = visit.goto(SECURITY)
    page.get_by_role("button", name="Set up an app").click()
    look(visit, "security-begin", TWO_LOOKS)
    page.get_by_role("button", name="Go on").click()
    secret = shown(page)
    look(visit, "security-setup", LOOKS)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("The app shows another code")).to_be_visible()
    assert shown(page) == secret
    look(visit, "security-wrong-code", TWO_LOOKS)
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look(visit, "security-codes", LOOKS)
    return secret, kept(visit)


def kept(visit):
    """Return the recovery codes that the page shows, which its buttons copy and keep in a file."""
    page = visit.page
    codes = page.locator(".once code").all_inner_texts()
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy all").click()
    expect(page.get_by_role("status").get_by_text("Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == codes
    assert in_file(page) == codes
    return codes


def in_file(page):
    """Return the codes of the file that the page offers."""
    with page.expect_download() as found:
        page.get_by_role("link", name="Download as a text file").click()
    assert found.value.suggested_filename == "muster-recovery-codes.txt"
    lines = Path(found.value.path()).read_text(encoding="utf-8").splitlines()
    assert "Recovery codes of ada" in lines[0]
    return lines[2:]


def leave(page):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Sign out").first.click()


def test_from_the_first_sign_in_to_a_recovery_code(browse, transactional_db):
    make.user("ada")
    visit = browse()
    page = visit.goto("/")
    sign_in(page, "ada")
    secret, codes = set_up(visit)
    assert len(codes) == 10
    leave(page)

    AuthenticatorApp.objects.update(last_step=0)  # as if half a minute had gone by
    page = visit.goto("/account/tokens/")
    sign_in(page, "ada")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    look(visit, "sign-in-second", LOOKS)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    for theme, width in TWO_LOOKS:
        page.emulate_media(color_scheme=theme)
        visit.check(f"sign-in-second-wrong-{width}-{theme}", accept="Failed to load resource")
    visit.faults.clear()
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/account/tokens/$"))
    visit.goto(SECURITY)
    expect(page.get_by_text("10 of your codes are left")).to_be_visible()
    look(visit, "security-on", LOOKS)
    other = browse()
    sign_in(other.goto("/"), "ada")
    other.page.get_by_label("Code").fill(codes[9])
    other.page.get_by_role("button", name="Sign in").click()
    expect(other.page.get_by_role("heading", name="Organizations")).to_be_visible()
    page = visit.goto("/account/sessions/")
    expect(page.get_by_text("this one")).to_be_visible()
    look(visit, "sessions", LOOKS)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="End all others").click()
    look(visit, "sessions-others", TWO_LOOKS)
    page.get_by_role("button", name="End them").click()
    says(page, "You are signed out everywhere else")
    other.goto("/account/")
    expect(other.page.get_by_role("heading", name="Sign in to Muster")).to_be_visible()
    leave(page)

    page = visit.goto(SECURITY)
    sign_in(page, "ada")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("8 of your codes are left")).to_be_visible()
    page.get_by_role("button", name="New codes…").click()
    look(visit, "security-new-codes", TWO_LOOKS)
    page.get_by_role("button", name="Make new codes").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("button", name="Remove the app…").click()
    look(visit, "security-remove", TWO_LOOKS)
    page.get_by_role("button", name="Remove the app", exact=True).click()
    says(page, "The authenticator app is removed")
    expect(page.get_by_text("password alone", exact=True)).to_be_visible()


def test_without_a_script(browse, transactional_db):
    make.user("ada")
    visit = browse(scripts=False)
    page = visit.goto(f"/sign-in/?next={SECURITY}")
    sign_in(page, "ada")
    page.get_by_role("button", name="Set up an app").click()
    page.get_by_role("button", name="Go on").click()
    secret = shown(page)
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator(".once code").all_inner_texts()
    assert len(codes) == 10
    assert in_file(page) == codes
    expect(page.get_by_role("button", name="Copy all")).to_be_hidden()


def test_who_signed_in_long_ago_proves_herself_by_a_code(browse, transactional_db, settings):
    ada = make.user("ada")
    visit = browse()
    page = visit.goto(f"/sign-in/?next={SECURITY}")
    sign_in(page, "ada")
    secret, _ = set_up(visit)
    AuthenticatorApp.objects.update(last_step=0)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        visit.goto(SECURITY)
        page.get_by_role("button", name="New codes…").click()
        proof = page.get_by_role("textbox", name="Your password, or a code of your app")
        look(visit, "security-proof", TWO_LOOKS)
        proof.fill(pyotp.TOTP(secret).at(timezone.now()))
        page.get_by_role("button", name="Make new codes").click()
        expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert ada.recovery_codes.count() == 10
