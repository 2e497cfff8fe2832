"""The rooms that explain access, in a real browser, with a script and without one."""

import re

import pytest
from playwright.sync_api import expect

from accounts import services as accounts
from quotas import services as quotas
from quotas.models import Resource
from tests import make
from tests.console.test_rooms_browser import LOOKS, TWO_LOOKS, look

pytestmark = pytest.mark.browser


def test_why_and_why_not(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/access/")
    page.get_by_role("combobox", name="Who").press_sequentially("@dev")
    expect(page.locator("#suggestions option")).to_have_attribute("value", "@devs")
    page.get_by_role("combobox", name="Who").fill("person1")
    page.get_by_role("combobox", name="Project").press_sequentially("we")
    expect(page.locator("#suggestions option")).to_have_attribute("value", "web")
    page.get_by_role("combobox", name="Project").fill("web")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#main")).to_contain_text("person1 has write on web")
    look(visit, "why", LOOKS)
    page.get_by_role("link", name="All that person1 may reach").click()
    expect(page.locator(".table tbody tr")).to_have_count(2)
    look(visit, "why-person", TWO_LOOKS)
    visit.goto("/o/acme/access/?who=stranger&project=web")
    expect(page.get_by_role("heading", name="What would give access")).to_be_visible()
    look(visit, "why-not", LOOKS)
    page.get_by_role("link", name="Everybody who reaches web").click()
    look(visit, "why-project", TWO_LOOKS)


def test_the_matrix(browse, world):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=90, namespace=world.acme.namespace)
    for number in range(14):
        make.project(world.acme, f"a-project-with-a-long-name-{number}", visibility="public")
    accounts.change_user(actor=make.SYSTEM, user=world.member, enabled=False)
    visit = browse(world.owner)
    page = visit.goto("/o/acme/access/matrix/")
    look(visit, "matrix", LOOKS)
    page.get_by_role("link", name="More projects").click()
    expect(page).to_have_url(re.compile("from=10"))
    page.get_by_role("searchbox", name="Filter projects").fill("web")
    expect(page.locator(".matrix thead th")).to_have_count(2)
    page.get_by_label("Where it comes from").select_option(label="Granted directly")
    expect(page.locator(".matrix tbody tr")).to_have_count(5)
    look(visit, "matrix-direct", TWO_LOOKS)
    with page.expect_download() as waited:
        page.get_by_role("button", name="CSV").click()
    assert waited.value.path().read_bytes().count(b"\r\n") == 6
    page.get_by_role("link", name=re.compile("^write on web: Write granted directly")).first.click()
    expect(page.get_by_role("heading", name="Why does somebody have access?")).to_be_visible()
    visit.goto("/o/acme/access/matrix/?q=nobody-is-called-so")
    look(visit, "matrix-empty", TWO_LOOKS)


@pytest.mark.parametrize("width", [1280, 390])
def test_without_javascript(browse, world, width):
    visit = browse(world.owner, width=width, scripts=False)
    page = visit.goto("/o/acme/access/")
    page.get_by_label("Who").fill("person")
    page.get_by_label("Project").fill("web")
    page.get_by_role("button", name="Explain").click()
    page.get_by_role("link", name="person1").click()
    expect(page.locator("#main")).to_contain_text("person1 has write on web")
    visit.goto("/o/acme/access/matrix/")
    page.get_by_role("searchbox", name="Filter projects").fill("web")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("project=web"))
    with page.expect_download() as waited:
        page.get_by_role("button", name="JSON").click()
    assert b'"organization": "acme"' in waited.value.path().read_bytes()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_a_change_would_do_is_said_before_it_is_made(browse, world, scripts):
    visit = browse(world.owner, scripts=scripts)
    page = visit.goto("/o/acme/teams/devs/")
    page.get_by_role("button", name="Remove person1 from the team").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Ends write on 1 project for person1: web.")
    if scripts:
        look(visit, "preview-remove", LOOKS)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Delete team…").click()
        expect(dialog).to_contain_text("Ends write on 1 project")
        look(visit, "preview-delete", TWO_LOOKS)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Change", exact=True).click()
        dialog.get_by_text("What each choice would end or give").click()
        look(visit, "preview-change", LOOKS)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Remove person1 from the team").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.locator(".toast").last).to_contain_text("person1 is no longer in the team")
    visit.goto("/o/acme/members/?person=person2&preview=1")
    expect(dialog).to_contain_text("person2 leaves acme")
    if scripts:
        dialog.get_by_text("What each choice would end or give").click()
        look(visit, "preview-person", TWO_LOOKS)
    visit.goto("/o/acme/projects/web/?preview=change")
    dialog.get_by_text("What each choice would end or give").click()
    expect(dialog).to_contain_text("Everybody may read it.")
    if scripts:
        look(visit, "preview-visibility", TWO_LOOKS)
