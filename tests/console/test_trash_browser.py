"""The trash in a real browser."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts import services as accounts
from projects import services as projects
from projects.models import Project
from tests import make
from tests.console.test_rooms_browser import look, says
from tokens import services as tokens
from tokens.kinds import Kind
from trash.models import Trashed

pytestmark = pytest.mark.browser
LONG = "a-project-whose-name-goes-on-and-on-" + "n" * 60


@pytest.fixture
def full(world):
    """Delete something of every kind, one of them long ago."""
    owner, acme = make.actor(world.owner), world.acme
    web = Project.objects.get(slug="web")
    for title in ("nightly build", "mirror of the docs"):
        tokens.create_token(actor=make.SYSTEM, kind=Kind.REPOSITORY, project=web, title=title)
    projects.delete_project(actor=owner, project=web)
    projects.delete_project(actor=owner, project=make.project(acme, LONG))
    accounts.delete_robot(actor=owner, robot=acme.namespace.robots.get(shortname="busy"))
    accounts.delete_team(actor=make.SYSTEM, team=acme.teams.get(slug="devs"))
    gone = make.organization("rockets", world.owner)
    accounts.delete_organization(actor=owner, organization=gone)
    mine = make.project(world.owner, "mine")
    projects.delete_project(actor=owner, project=mine)
    for name, days in ((LONG, 28), ("busy", 24), ("rockets", 3)):
        Trashed.objects.filter(name=name).update(deleted_at=timezone.now() - timedelta(days=days, hours=1))
    return world


def test_the_trash_in_every_theme(browse, full):
    visit = browse(full.owner)
    for path, name in (
        ("/o/acme/trash/", "trash"),
        ("/o/acme/trash/?kind=project&q=nothing", "trash-nothing"),
        ("/account/trash/", "trash-own"),
        ("/", "home-deleted"),
    ):
        visit.goto(path)
        look(visit, name)
    for kind, title in (("project", "Restore web?"), ("robot", "Restore busy?"), ("team", "Restore devs?")):
        thing = Trashed.objects.filter(kind=kind, namespace=full.acme.namespace).order_by("-deleted_at")[0]
        page = visit.goto(f"/o/acme/trash/?restore={thing.uuid}")
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        look(visit, f"trash-restore-{kind}")
    gone = Trashed.objects.get(kind="organization")
    page = visit.goto(f"/?end={gone.uuid}")
    expect(page.get_by_role("dialog", name="Delete rockets for good?")).to_be_visible()
    look(visit, "home-end")


def test_an_empty_trash_teaches(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/trash/")
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    look(visit, "trash-empty")


def test_undo_is_beside_the_news(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/projects/web/")
    page.get_by_role("button", name="Delete project…").click()
    page.get_by_label("Type web to confirm").fill("web")
    page.get_by_role("button", name="Delete project", exact=True).click()
    says(page, "The project web is deleted.")
    look(visit, "trash-undo")
    page.locator(".toast").last.get_by_role("link", name="Undo").click()
    expect(page.get_by_role("dialog", name="Restore web?")).to_be_visible()
    page.get_by_role("button", name="Restore", exact=True).click()
    says(page, "The project web is back.")
    expect(page).to_have_url(re.compile("/o/acme/projects/web/$"))
