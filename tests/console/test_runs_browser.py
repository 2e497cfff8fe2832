"""Runs in a real browser: begun over a list, watched, left and found again, cancelled, done again, undone."""

import pytest
from playwright.sync_api import expect

from accounts import services as accounts
from accounts.models import Robot
from quotas import services as quotas
from quotas.models import Resource
from runs import services as runs
from runs.models import Run
from tests import make
from tests.console.test_rooms_browser import LOOKS, look, says

pytestmark = pytest.mark.browser
TWO = [LOOKS[0], LOOKS[2]]
MANY = 120  # more than a list shows on a page, and than a page does before it answers


@pytest.fixture
def many(world):
    """Make so many robots that a worker is needed, and nothing else; return the organization."""
    Run.objects.all().delete()
    for robot in world.acme.namespace.robots.all():
        accounts.delete_robot(actor=make.SYSTEM, robot=robot)
    quotas.set_limit(
        actor=make.SYSTEM, resource=Resource.ROBOTS, limit=2 * MANY, namespace=world.acme.namespace
    )
    make.robots(world.acme, MANY)
    return world


def choose_all(page, verb):
    page.locator("input[name=pick]").first.check()
    page.get_by_label("that match").check()
    page.get_by_role("button", name=verb).click()


def step(run, times=1):
    """Do as many things as a worker would do, had it no more time."""
    for _ in range(times):
        runs.work(run.pk, seconds=0)


def finish(run):
    while runs.work(run.pk):
        pass


@pytest.mark.each_database
def test_a_run_from_the_list_to_its_undoing(browse, many):
    visit = browse(many.owner)
    page = visit.goto("/o/acme/robots/")
    choose_all(page, "Delete…")
    expect(page.get_by_role("heading", name=f"Delete {MANY} robots?")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    run = Run.objects.get()
    assert run.number == MANY
    # It is watched, left, found again, and goes on meanwhile.
    step(run, 12)
    bar = page.get_by_role("progressbar", name="Under way")
    expect(bar).to_have_attribute("value", "10")
    visit.check("run-live")
    page.reload(wait_until="networkidle")
    expect(bar).to_have_attribute("value", "10")
    visit.goto("/o/acme/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs").click()
    row = page.get_by_role("row", name=f"Delete {MANY} robots")
    expect(row).to_contain_text("10%")
    step(run, 12)
    expect(row).to_contain_text("20%")  # it looks again by itself
    look(visit, "runs-live", TWO)
    row.get_by_role("link").click()
    page.get_by_role("button", name="Cancel").click()
    says(page, "The run is cancelled. What was done stays done.")
    expect(page.get_by_role("heading", name="24 robots deleted, 96 not")).to_be_visible()
    assert Robot.objects.count() == 96
    look(visit, "run-cancelled", TWO)
    # What is left is another run, which knows the first.
    page.get_by_role("button", name="Do what is left").click()
    expect(page.get_by_role("link", name="The run that it follows")).to_be_visible()
    finish(Run.objects.latest("pk"))
    expect(page.get_by_role("heading", name="96 robots deleted")).to_be_visible()
    assert not Robot.objects.exists()
    page.get_by_role("button", name="Undo").click()
    finish(Run.objects.latest("pk"))
    expect(page.get_by_role("heading", name="96 things restored")).to_be_visible()
    assert Robot.objects.count() == 96
    assert not visit.faults


@pytest.mark.parametrize("width", [1280, 390])
def test_a_run_without_javascript(browse, many, width):
    visit = browse(many.owner, scripts=False, width=width)
    page = visit.goto("/o/acme/robots/")
    choose_all(page, "Disable…")
    page.get_by_role("button", name="Disable", exact=True).click()
    run = Run.objects.get()
    step(run, 6)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("progressbar", name="Under way")).to_have_attribute("value", "5")
    finish(run)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", name=f"{MANY} robots disabled")).to_be_visible()


def test_a_run_is_gone_with_its_organization(browse, many):
    visit = browse(many.owner)
    robots = list(Robot.objects.order_by("pk"))
    run = runs.begin_run(
        actor=make.actor(many.owner),
        namespace=many.acme.namespace,
        action="robot.delete",
        things=[runs.Thing(robot.pk, robot.shortname) for robot in robots],
    )
    page = visit.goto(f"/o/acme/runs/{run.uuid}/")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    accounts.delete_organization(actor=make.SYSTEM, organization=many.acme)
    finish(run)
    page.goto(f"{visit.home}/o/acme/runs/{run.uuid}/")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert Robot.objects.count() == MANY
