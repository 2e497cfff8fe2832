"""Whole ways through the product in a real browser, from the first page to what somebody came for."""

import re

import pyotp
import pytest
from playwright.sync_api import expect

from accounts import services as accounts
from accounts import tasks
from accounts.models import AuthenticatorApp, Invitation, Organization, User
from permissions.models import Grant
from projects.models import Project
from tests import make
from tests.accounts.test_second_factor_asked import give
from tests.console.test_rooms_browser import LOOKS, TWO_LOOKS, look, says, sign_in

pytestmark = pytest.mark.browser
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])


def set_up_app(page):
    """Set an authenticator app up, and return its secret."""
    opener = page.get_by_role("button", name="Set up an app")
    opener.click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Type it instead").click()
    secret = page.locator(".copy code").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    return secret


@SCRIPTS
@pytest.mark.each_database
def test_from_an_empty_database_to_the_first_organization(browse, transactional_db, scripts):
    secret = accounts.offer_first_run()
    visit = browse(scripts=scripts)
    page = visit.goto("/")
    page.get_by_label("Setup secret").fill(secret)
    page.get_by_label("Your name").fill("ada")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Create administrator").click()
    expect(page.get_by_role("heading", name="You are in no organization yet")).to_be_visible()
    assert User.objects.get(username="ada").is_superuser
    page = visit.goto("/new/")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Acme Rockets")
    dialog.get_by_role("button", name=re.compile("Create")).click()
    expect(page).to_have_url(re.compile(r"/o/acme-rockets/$"))
    expect(page.get_by_role("heading", name="Acme Rockets").first).to_be_visible()
    assert not visit.faults


@SCRIPTS
def test_an_organization_asks_for_a_factor_and_who_was_invited_sets_one_up(
    browse, transactional_db, mailoutbox, settings, scripts
):
    settings.MAILING = True
    owner = give(make.user("owner"))
    acme = make.organization("acme", owner)
    accounts.invite_people(
        actor=make.actor(owner), organization=acme, whom=["eve@example.test"], role="creator"
    )
    tasks.send_invitation(Invitation.objects.get().pk)
    (mail,) = mailoutbox
    (path,) = set(re.findall(r"/invitations/[^/\s\"]+/", mail.body))
    make.user("eve")

    visit = browse(scripts=scripts)
    page = visit.goto(path)
    sign_in(page, "eve")
    page.get_by_role("button", name="Join").click()
    expect(page).to_have_url(re.compile(r"/o/acme/$"))

    other = browse(owner, scripts=scripts)
    settings_page = other.goto("/o/acme/settings/")
    settings_page.get_by_role("button", name="Ask for a second factor…").click()
    dialog = settings_page.get_by_role("dialog", name="Ask for a second factor?")
    expect(dialog).to_contain_text(
        "1 person has no second factor, and loses access until one is set up: eve."
    )
    if scripts:
        look(other, "factor-preview", TWO_LOOKS)
    dialog.get_by_label("Your password").fill(make.PASSWORD)
    dialog.get_by_role("button", name="Ask for it").click()
    expect(settings_page.get_by_text("required", exact=True)).to_be_visible()
    if scripts:
        look(other, "factor-required", TWO_LOOKS)
    assert Organization.objects.get().requires_second_factor

    page.reload()
    expect(page.get_by_role("heading", name="This is not open to you")).to_be_visible()
    expect(page.get_by_text("acme asks for a second factor")).to_be_visible()
    if scripts:
        for theme, width in TWO_LOOKS:
            page.emulate_media(color_scheme=theme)
            visit.check(f"factor-refused-{width}-{theme}", accept="Failed to load resource")
    visit.faults.clear()
    page.get_by_role("link", name="Set up a second factor").click()
    secret = set_up_app(page)
    visit.goto("/o/acme/")
    expect(page.get_by_role("heading", name="acme").first).to_be_visible()

    page.get_by_role("button", name="Sign out").first.click()
    AuthenticatorApp.objects.update(last_step=0)  # as if half a minute had gone by
    page = visit.goto("/o/acme/")
    sign_in(page, "eve")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/o/acme/$"))
    expect(page.get_by_role("heading", name="acme").first).to_be_visible()
    assert not visit.faults


@SCRIPTS
def test_who_is_invited_and_has_no_account_makes_one_and_sets_up_the_factor_asked_for(
    browse, transactional_db, mailoutbox, settings, scripts
):
    settings.MAILING = True
    owner = give(make.user("owner"))
    acme = make.organization("acme", owner)
    acme.requires_second_factor = True
    acme.save()
    accounts.invite_people(
        actor=make.actor(owner), organization=acme, whom=["eve@example.test"], role="creator"
    )
    tasks.send_invitation(Invitation.objects.get().pk)
    (path,) = set(re.findall(r"/invitations/[^/\s\"]+/", mailoutbox[0].body))

    visit = browse(scripts=scripts)
    page = visit.goto(path)
    expect(page.get_by_role("heading", name="Make your account to join acme")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_disabled()
    expect(page.get_by_label("E-mail")).to_have_value("eve@example.test")
    if scripts:
        look(visit, "join", LOOKS)
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Full name").fill("Eve Stone")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Make account and join").click()
    expect(page.get_by_text("owner is already taken")).to_be_visible()
    if scripts:
        look(visit, "join-refused", TWO_LOOKS)
    page.get_by_role("link", name="I have an account: sign in").click()
    expect(page).to_have_url(re.compile(r"/sign-in/"))
    if scripts:
        look(visit, "join-signin", TWO_LOOKS)
    page.get_by_role("link", name="Make an account if you have none here yet.").click()
    page.get_by_label("User name").fill("eve")
    page.get_by_label("Full name").fill("Eve Stone")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Make account and join").click()
    expect(page).to_have_url(re.compile(r"/account/security/$"))
    says(page, "It opens to you with a second factor")
    set_up_app(page)
    visit.goto("/o/acme/")
    expect(page.get_by_role("heading", name="acme").first).to_be_visible()
    eve = User.objects.get(username="eve")
    assert (eve.name, eve.email, eve.is_verified) == ("Eve Stone", "eve@example.test", True)
    assert not visit.faults


@SCRIPTS
@pytest.mark.each_database
def test_a_deleted_project_comes_back_with_its_grants(browse, world, scripts):
    before = set(Grant.objects.filter(project__slug="web").values_list("role", "user", "team", "robot"))
    assert before
    visit = browse(world.owner, scripts=scripts)
    page = visit.goto("/o/acme/projects/web/#delete-dialog")
    page.get_by_label("Type web to confirm").fill("web")
    proof = page.get_by_label("Your password")
    for field in proof.all():
        if field.is_visible():
            field.fill(make.PASSWORD)
    page.get_by_role("button", name="Delete project", exact=True).click()
    expect(page).to_have_url(re.compile(r"/o/acme/projects/(#.*)?$"))
    assert not Project.objects.filter(slug="web", deleted_at=None).exists()
    page = visit.goto("/o/acme/trash/?kind=project&q=web")
    page.get_by_role("link", name=re.compile("Restore")).first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Restore")).click()
    says(page, "web")
    after = set(Grant.objects.filter(project__slug="web").values_list("role", "user", "team", "robot"))
    assert after == before
    assert not visit.faults
