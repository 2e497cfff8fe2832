"""Going anywhere by a piece of its name: what is found, by whom, and what it costs."""

import re

import pytest
from playwright.sync_api import expect

from accounts import services as accounts
from console.views import search
from projects import services as projects
from tests import make
from tests.console.entering import enter, person
from tests.console.test_rooms import BUDGET, grow

pytestmark = pytest.mark.django_db
PEOPLE = ("stranger", "writer", "member", "creator", "admin", "owner", "auditor")


@pytest.fixture
def other():
    """Make an organization of others, full of names that the same text finds."""
    other = make.organization("needles", owner=make.user("needleowner"))
    make.team(other, "needlework")
    make.robot(other, "needlebot")
    make.project(other, "needlecase")
    return other


def found(name, query):
    """Return the addresses that somebody is offered."""
    html = enter(person(name)).get(f"/find/?{query}").content.decode()
    return set(re.findall(r'<li>.*?href="([^"]+)"', html))


@pytest.mark.parametrize("name", PEOPLE)
def test_every_page_that_is_offered_opens(acme, name):
    client = enter(person(name))
    offered = found(name, "in=acme")
    assert {"/", "/account/security/", "/new/"} <= offered
    assert ("/o/acme/" in offered) == (name not in ("stranger", "writer"))
    assert ("/o/acme/settings/" in offered) == (name in ("admin", "owner", "auditor"))
    for address in offered:
        assert client.get(address).status_code == 200, (name, address)


@pytest.mark.parametrize("name", PEOPLE)
def test_whatever_is_found_opens(acme, name):
    make.team(acme, "needles")
    make.project(acme, "needle")
    make.robot(acme, "needle")
    client = enter(person(name))
    for query in ("q=e&in=acme", "q=acme", "q=needle", "q=r"):
        for address in found(name, query):
            assert client.get(address).status_code == 200, (name, address)


@pytest.mark.parametrize("query", ["q=needle", "q=needle&in=needles", "q=needles%2Bneedlebot", "in=needles"])
def test_nothing_of_others_is_found(acme, other, query):
    for name in PEOPLE:
        assert not [one for one in found(name, query) if "needle" in one], name
    # Whoever is inside finds all of it.
    assert [one for one in found("needleowner", query) if "needle" in one]


def test_roles_find_what_they_may_see(acme):
    make.robot(acme, "needle")
    assert found("stranger", "q=site") == {"/o/acme/projects/site/"}
    assert found("writer", "q=web") == {"/o/acme/projects/web/"}
    assert found("creator", "q=web") == set()
    assert found("member", "q=devs") == {"/o/acme/teams/devs/"}
    # Who may not open a robot is led to the list of them.
    assert found("member", "q=needle") == {"/o/acme/robots/?q=needle"}
    assert found("auditor", "q=needle") == {"/o/acme/robots/needle/"}
    assert found("auditor", "q=creator") == found("admin", "q=creator") == {"/o/acme/members/?q=creator"}
    assert found("member", "q=creator") == set()
    assert found("member", "q=acme") == {"/o/acme/"}
    assert found("member", "q=acme%2Bci") == {"/o/acme/robots/?q=ci"}


def test_what_is_near_comes_first(acme, other):
    owner = person("owner")
    for organization in (other, acme):
        accounts.set_member_role(actor=make.SYSTEM, organization=organization, user=owner, role="owner")
        make.team(organization, "zebra")
    pages = {
        near: enter(owner).get(f"/find/?q=zebra&in={near}").content.decode() for near in ("acme", "needles")
    }
    for near, html in pages.items():
        assert re.findall(r"/o/(\w+)/teams/zebra/", html)[0] == near


def test_the_dead_are_not_found(acme):
    projects.delete_project(actor=make.SYSTEM, project=acme.namespace.projects.get(slug="site"))
    assert found("owner", "q=site") == set()
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    assert found("owner", "q=acme") == found("owner", "q=devs") == set()


def test_superusers_find_everything_and_read_only_ones_too(acme, other, settings):
    make.user("root", superuser=True)
    settings.READONLY_SUPERUSERS = ["stranger"]
    settings.SUPERUSERS_FULL_ACCESS = False
    assert found("root", "q=needle") == set()
    settings.SUPERUSERS_FULL_ACCESS = True
    expected = {"/o/needles/", "/o/needles/teams/needlework/", "/o/needles/robots/needlebot/"}
    assert expected <= found("root", "q=needle")
    assert expected <= found("stranger", "q=needle")


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%25", "q=_", "q=+%2B+", "q=%2B", "q=" + "x" * 5000, "in=%00", "in=../../x&q=a"]
)
def test_nonsense_is_a_page_all_the_same(acme, query):
    assert enter(person("owner")).get(f"/find/?{query}").status_code == 200


def test_markup_in_what_was_typed_is_text(acme):
    page = enter(person("owner")).get("/find/?q=<script>alert(1)</script>").content.decode()
    assert "<script>alert" not in page


@pytest.mark.parametrize("address", ["/find/?q=grown&in=acme", "/find/?q=e", "/find/?in=acme"])
def test_it_costs_the_same_at_any_size(acme, address, django_assert_max_num_queries):
    counted = []
    for _ in range(2):
        client = enter(person("owner"))
        client.get(address)
        with django_assert_max_num_queries(BUDGET) as asked:
            answer = client.get(address)
        assert answer.status_code == 200
        counted.append(len(asked))
        if len(counted) == 1:
            grow(acme)
    assert counted[0] == counted[1]
    assert answer.content.decode().count("<li>") < 90


def test_who_asks_too_often_waits(acme, monkeypatch):
    monkeypatch.setattr(search, "CALLS", 3)
    client = enter(person("owner"))
    assert [client.get("/find/?q=devs").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert b"One moment" in client.get("/find/?q=devs").content
    # By the person: others are not held up.
    assert enter(person("admin")).get("/find/?q=devs").status_code == 200


def test_the_list_below_the_field_is_no_page(acme):
    client = enter(person("owner"))
    part = client.get("/find/?q=devs&in=acme", headers={"hx-request": "true", "hx-target": "palette"})
    assert b"<html" not in part.content
    assert b'<a href="/o/acme/teams/devs/">' in part.content
    assert "HX-Request" in part["Vary"]


@pytest.mark.browser
def test_keys_lead_anywhere(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/teams/")
    palette = page.locator("#palette")
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("link", name="Usage log acme")).to_be_visible()
    visit.check("palette")
    page.keyboard.type("devs")
    expect(palette.get_by_role("link")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(palette.get_by_role("link")).to_be_focused()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type(" nothing is called so")
    expect(palette.get_by_role("heading", name="Nothing fits")).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.type("devs")
    expect(palette.get_by_role("link")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/o/acme/teams/devs/$"))
    page.keyboard.press("/")
    expect(palette).to_be_visible()
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    expect(palette).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.locator("[data-search]").click()
    page.keyboard.type("e")
    expect(palette.get_by_role("link", name="acme+expired")).to_be_attached()
    visit.check("palette-phone")
