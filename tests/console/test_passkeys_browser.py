"""Passkeys in a real browser, with a virtual authenticator."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Passkey, RecoveryCode
from tests import make
from tests.console.test_rooms_browser import LOOKS, TWO_LOOKS, look, says, sign_in

pytestmark = pytest.mark.browser
SECURITY = "/account/security/"


@pytest.fixture
def visit(browse, transactional_db):
    """Return a window in which ada signs in, with an authenticator that is part of the device."""
    make.user("ada")
    visit = browse()
    visit.tools = visit.context.new_cdp_session(visit.page)
    visit.tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    visit.device = visit.tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})[
        "authenticatorId"
    ]
    page = visit.goto(f"/sign-in/?next={SECURITY}")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
    look(visit, "sign-in-passkey", TWO_LOOKS)
    wide(page)
    sign_in(page, "ada")
    return visit


def wide(page):
    page.set_viewport_size({"width": 1280, "height": 900})


def leave(page):
    wide(page)
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_role("heading", name="Sign in to Muster")).to_be_visible()


def add(visit, name="laptop"):
    page = visit.page
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("Name", exact=True).fill(name)
    look(visit, "passkey-add", TWO_LOOKS)
    wide(page)
    page.get_by_role("button", name="Make the passkey").click()


def test_adding_one_and_signing_in_by_it_alone(visit):
    page = visit.page
    look(visit, "passkeys-none", TWO_LOOKS)
    wide(page)
    add(visit)
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look(visit, "passkey-first", LOOKS)
    assert RecoveryCode.objects.count() == 10
    leave(page)
    page = visit.goto("/account/tokens/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile(r"/account/tokens/$"))
    kept = Passkey.objects.get()
    assert (kept.name, kept.host, kept.is_verifying) == ("laptop", "localhost", True)
    assert kept.sign_count > 0
    assert kept.used_at


def test_as_second_step_after_a_password(visit):
    page = visit.page
    add(visit)
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    leave(page)
    sign_in(page, "ada")
    look(visit, "passkey-second", LOOKS)
    # Who has no app is asked for no code of one, after a wrong one neither.
    hint = page.get_by_text("One of your recovery codes.", exact=True)
    expect(hint).to_be_visible()
    page.get_by_label("Code").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    expect(hint).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Organizations")).to_be_visible()


def test_a_person_with_another_key_does_not_get_in(visit):
    page = visit.page
    add(visit)
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    leave(page)
    visit.tools.send("WebAuthn.setUserVerified", {"authenticatorId": visit.device, "isUserVerified": False})
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("No passkey was used.")).to_be_visible()
    look(visit, "passkey-refused", TWO_LOOKS)


def test_renaming_removing_and_the_same_key_twice(visit):
    page = visit.page
    add(visit)
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    visit.goto(SECURITY)
    add(visit, "again")
    expect(page.get_by_text("This passkey is known already.")).to_be_visible()
    page.keyboard.press("Escape")
    look(visit, "passkeys-one", LOOKS)
    wide(page)
    page.get_by_role("link", name="Rename laptop").click()
    look(visit, "passkey-rename", TWO_LOOKS)
    page.get_by_role("dialog").get_by_label("Name").fill("old laptop")
    page.get_by_role("button", name="Rename", exact=True).click()
    says(page, "is called old laptop now")
    page.get_by_role("link", name="Remove old laptop").click()
    look(visit, "passkey-remove", TWO_LOOKS)
    page.get_by_role("button", name="Remove passkey").click()
    says(page, "The passkey old laptop is removed")
    assert not Passkey.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_it_proves_again_who_one_is(visit):
    page = visit.page
    add(visit)
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        visit.goto(SECURITY)
        page.get_by_role("button", name="New codes…").click()
        page.get_by_role("dialog").get_by_role("button", name="Prove it by a passkey").click()
        expect(page.get_by_text("It is you. Go on.")).to_be_visible()
        look(visit, "passkey-proof", TWO_LOOKS)
        wide(page)
        page.get_by_role("button", name="Make new codes").click()
        expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
