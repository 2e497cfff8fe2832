"""Asking an organization's people for a second factor: who would lose what, the switch, and what is shown."""

import pytest

from accounts import services
from accounts.models import AuthenticatorApp, Organization
from tests import make
from tests.accounts.test_second_factor_asked import give
from tests.console.entering import enter
from tests.console.test_tokens import aged

pytestmark = pytest.mark.django_db
HERE = "/o/acme/settings/"


def text(answer):
    return answer.content.decode().replace("<wbr>", "")


@pytest.fixture
def acme():
    acme = make.organization("acme", give(make.user("owner")))
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user("bo"), role="member")
    web = make.project(acme, "web")
    make.grant(web, "write", user=acme.memberships.get(user__username="bo").user)
    return acme


@pytest.fixture
def owner(acme):
    return acme.memberships.get(role="owner").user


def test_it_says_who_would_lose_what_and_changes_nothing(acme, owner):
    client = enter(owner)
    page = text(client.get(f"{HERE}?preview=factor"))
    assert "1 person has no second factor, and loses access until one is set up: bo." in page
    assert "Ends write on 1 project for bo: web." in page
    assert "Robots and tokens go on as before." in page
    part = client.get(f"{HERE}?preview=factor", headers={"hx-request": "true", "hx-target": "preview"})
    assert b"<h1" not in part.content
    assert b"loses access" in part.content
    assert not Organization.objects.get().requires_second_factor


def test_nobody_would_lose_anything(acme, owner):
    give(acme.memberships.get(role="member").user)
    client = enter(owner)
    page = text(client.get(f"{HERE}?preview=factor"))
    assert "Everybody here has a second factor: nobody loses access." in page


def test_who_reaches_no_project_loses_access_all_the_same(acme, owner):
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user("eve"), role="member")
    give(acme.memberships.get(user__username="bo").user)
    page = text(enter(owner).get(f"{HERE}?preview=factor"))
    assert "until one is set up: eve." in page
    assert "access to a project changes" not in page


def test_many_are_named_no_longer_than_a_line(acme, owner):
    for number in range(30):
        person = make.user(f"person{number:02}")
        services.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role="member")
    client = enter(owner)
    page = text(client.get(f"{HERE}?preview=factor"))
    assert "31 people have no second factor" in page
    assert "person29" not in page


def test_it_is_switched_on_and_off(acme, owner):
    client = enter(owner)
    assert "Members without one" not in text(client.get(HERE))
    client.post(HERE, {"do": "factor"})
    assert Organization.objects.get().requires_second_factor
    page = text(client.get(HERE))
    assert "has no access before one is set up" in page
    assert "Ask for a second factor" not in page
    overview = text(client.get("/o/acme/"))
    assert "1 member has no access before a second factor is set up" in overview
    assert "bo" in text(client.get("/o/acme/members/?state=unsecured"))
    client.post(HERE, {"do": "no_factor"})
    assert not Organization.objects.get().requires_second_factor


def test_who_has_none_is_led_to_her_own_first(acme, owner):
    AuthenticatorApp.objects.all().delete()
    client = enter(owner)
    page = text(client.get(HERE))
    assert "First set up your own" in page
    told = text(client.post(HERE, {"do": "factor"}, follow=True))
    assert "Set up a second factor of your own first" in told
    assert not Organization.objects.get().requires_second_factor


@pytest.mark.parametrize("do", ["factor", "no_factor"])
def test_an_old_sign_in_is_not_enough(acme, owner, do):
    Organization.objects.update(requires_second_factor=do == "no_factor")
    client = enter(owner)
    aged(client)
    page = client.post(HERE, {"do": do})
    assert page.status_code == 200
    assert "Your password" in text(page)
    assert Organization.objects.get().requires_second_factor is (do == "no_factor")
    client.post(HERE, {"do": do, "own_password": make.PASSWORD})
    assert Organization.objects.get().requires_second_factor is (do == "factor")


def test_the_answer_to_why_says_that_a_factor_is_missing(acme, owner):
    Organization.objects.update(requires_second_factor=True)
    client = enter(owner)
    page = text(client.get("/o/acme/access/?who=bo&project=web"))
    assert "no access" in page
    assert "no second factor" in page
    assert "With one: write." in page
    give(acme.memberships.get(role="member").user)
    page = text(client.get("/o/acme/access/?who=bo&project=web"))
    assert "no second factor" not in page
