"""Lists that are worked on many rows at a time, and leaving an organization, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from accounts import services as accounts
from accounts.models import Invitation, Membership, Robot, Team
from projects import services as projects
from projects.models import Project
from tests import make
from tests.console.test_rooms_browser import look, says
from trash.models import Trashed

pytestmark = pytest.mark.browser
HERE = "/o/acme/trash/"


@pytest.fixture
def deleted(world):
    """Delete two robots and the project web, whose name somebody has taken by now."""
    for shortname in ("busy", "expired"):
        accounts.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get(shortname=shortname))
    projects.delete_project(actor=make.SYSTEM, project=Project.objects.get(slug="web"))
    make.project(world.acme, "web")
    return world


@pytest.fixture
def invited(world, settings):
    settings.MAILING = True
    whom = [f"person{number}.with-a-name-that-goes-on@example.test" for number in range(9, 12)]
    accounts.invite_people(actor=make.actor(world.owner), organization=world.acme, whom=whom)
    return world


def tick(page, *names):
    for name in names:
        page.get_by_role("checkbox", name=re.compile(f"Select .*{name}$")).check()


def test_ticked_things_of_the_trash_are_restored_and_ended(browse, deleted):
    visit = browse(deleted.owner)
    page = visit.goto(f"{HERE}?q=")
    tick(page, "busy", "web")
    look(visit, "trash-ticked")
    page.get_by_role("button", name="Restore…").click()
    expect(page.get_by_role("heading", name="Restore 2 things?")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("nothing: its name is taken by now")
    look(visit, "trash-restore-preview")
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("heading", name="1 thing restored, 1 not")).to_be_visible()
    look(visit, "trash-restored")
    page.get_by_role("link", name="Back to the list").click()
    tick(page, "expired")
    page.get_by_role("button", name="Delete for good…").click()
    look(visit, "trash-end-preview")
    page.get_by_label("Type acme to confirm").fill("acne")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_text("Type acme to confirm").last).to_be_visible()
    look(visit, "trash-end-refused")
    page.get_by_label("Type acme to confirm").fill("acme")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_role("heading", name="1 thing deleted for good")).to_be_visible()
    assert Trashed.objects.get(name="expired").status == "purging"
    assert not visit.faults


@pytest.mark.parametrize("width", [1280, 390])
def test_the_trash_without_javascript(browse, deleted, width):
    page = browse(deleted.owner, scripts=False, width=width).goto(f"{HERE}?kind=robot")
    tick(page, "busy")
    page.get_by_role("button", name="Restore…").click()
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("heading", name="1 thing restored")).to_be_visible()
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(re.compile(r"/o/acme/trash/\?kind=robot$"))


def test_teams_and_invitations_by_the_dozen(browse, invited):
    visit = browse(invited.owner)
    page = visit.goto("/o/acme/teams/")
    tick(page, "devs", "empty")
    look(visit, "teams-ticked")
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete 2 teams?")).to_be_visible()
    look(visit, "teams-delete-preview")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="2 teams deleted")).to_be_visible()
    assert not Team.objects.filter(slug__in=["devs", "empty"]).exists()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="2 things restored")).to_be_visible()
    assert Team.objects.get(slug="empty").parent == Team.objects.get(slug="devs")
    page.set_viewport_size({"width": 1280, "height": 900})
    page = visit.goto("/o/acme/invitations/")
    page.get_by_role("checkbox", name="Select all invitations").check()
    look(visit, "invitations-ticked")
    page.get_by_role("button", name="Send again…").click()
    look(visit, "invitations-renew-preview")
    page.get_by_role("button", name="Send again", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("invitations sent again"))).to_be_visible()
    look(visit, "invitations-renewed")
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_role("button", name=re.compile("^Withdraw the invitation of person9")).click()
    says(page, "The invitation is withdrawn.")
    assert not Invitation.objects.filter(email__startswith="person9").exists()
    assert not visit.faults


@pytest.mark.parametrize("width", [1280, 390])
def test_invitations_without_javascript(browse, invited, width):
    page = browse(invited.owner, scripts=False, width=width).goto("/o/acme/invitations/")
    code = Invitation.objects.get(email__startswith="person9").code
    page.get_by_role("button", name=re.compile("^Invite person9")).click()
    assert Invitation.objects.get(email__startswith="person9").code != code
    tick(page, "person9.*", "person10.*")
    page.get_by_role("button", name="Withdraw…").click()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.get_by_role("heading", name="2 invitations withdrawn")).to_be_visible()


def test_leaving_an_organization(browse, world):
    make.grant(Project.objects.get(slug="web"), "write", user=world.member)
    visit = browse(world.member)
    page = visit.goto("/o/acme/rights/")
    look(visit, "rights-leave")
    page.get_by_role("link", name="Leave organization…").click()
    dialog = page.get_by_role("dialog", name="Leave acme?")
    expect(dialog).to_contain_text("Your place in the team devs")
    look(visit, "leave")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    look(visit, "my-organizations")
    # By the keyboard alone, from the list.
    page.get_by_role("link", name="Leave acme").focus()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Leave":
            break
    page.keyboard.press("Enter")
    says(page, "You left acme.")
    look(visit, "my-organizations-none")
    assert not Membership.objects.filter(user=world.member).exists()
    Team.objects.filter(slug="mirror").delete()
    visit = browse(world.owner)
    page = visit.goto("/account/organizations/?leave=acme")
    expect(page.get_by_role("dialog", name="You cannot leave acme")).to_contain_text("You are its only owner")
    look(visit, "leave-refused")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert not visit.faults


@pytest.mark.parametrize("width", [1280, 390])
def test_leaving_without_javascript(browse, world, width):
    page = browse(world.member, scripts=False, width=width).goto("/account/organizations/")
    page.get_by_role("link", name="Leave acme").click()
    page.get_by_role("button", name="Leave", exact=True).click()
    expect(page.get_by_text("You left acme.")).to_be_visible()
    assert not Membership.objects.filter(user=world.member).exists()
