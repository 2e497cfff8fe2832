"""One's organizations in the console, and leaving one of them."""

import re

import pytest

from accounts import services as accounts
from accounts.models import Membership
from tests import make
from tests.console.entering import enter, person

pytestmark = pytest.mark.django_db
HERE = "/account/organizations/"


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def test_she_sees_what_ends_before_she_leaves(acme):
    make.grant(acme.namespace.projects.get(slug="web"), "admin", user=person("member"))
    client = enter(person("member"))
    assert "Leave…" in text(client.get(HERE))
    shown = client.get(f"{HERE}?leave=acme")
    assert re.search(r'<dialog [^>]*id="leave-dialog"[^>]* open>', shown.content.decode())
    for words in ("Your membership, as member since", "the team devs", "web (admin)", "let you in again"):
        assert words in text(shown)
    done = client.post(f"{HERE}?leave=acme", {"do": "leave", "organization": "acme"})
    assert done["Location"] == HERE
    assert "You left acme." in text(client.get(HERE))
    assert "You are in no organization yet" in text(client.get(HERE))
    assert client.get("/o/acme/teams/").status_code == 403
    assert client.get("/o/acme/projects/web/").status_code == 403


def test_the_other_wires_know_at_once(acme):
    user = person("member")
    token = make.token(user)
    client = enter(user)

    def wire():
        answer = client.get(
            "/api/v1/organization/acme/team/devs/members", headers={"Authorization": f"Bearer {token}"}
        )
        return answer.status_code

    assert wire() == 200
    client.post(HERE, {"do": "leave", "organization": "acme"})
    assert wire() == 403


def test_the_only_owner_is_told_why_she_stays(acme):
    client = enter(person("owner"))
    shown = client.get(f"{HERE}?leave=acme")
    assert "You cannot leave acme" in text(shown)
    assert "You are its only owner" in text(shown)
    assert 'value="leave"' not in shown.content.decode()
    answer = client.post(f"{HERE}?leave=acme", {"do": "leave", "organization": "acme"}, follow=True)
    assert "You are its only owner" in text(answer)
    assert Membership.objects.filter(user=person("owner")).exists()


@pytest.mark.parametrize("name", ["nothing", "other", "\0", "a" * 300, "<b>"])
def test_where_she_is_not_there_is_nothing_to_leave(acme, name):
    make.organization("other", owner=make.user("rival"))
    client = enter(person("member"))
    before = Membership.objects.count()
    assert client.get(HERE, {"leave": name}).status_code in ((200,) if name == "\0" else (404,))
    answer = client.post(HERE, {"do": "leave", "organization": name})
    assert answer.status_code in (302, 404)
    assert Membership.objects.count() == before


def test_the_page_of_rights_leads_to_the_way_out(acme):
    way = f'href="{HERE}?leave=acme"'
    assert way in enter(person("member")).get("/o/acme/rights/").content.decode()
    assert way not in enter(person("member")).get("/o/acme/rights/?project=web").content.decode()


@pytest.mark.parametrize("number", [1, 12])
def test_the_page_costs_the_same_at_any_number(acme, number, django_assert_num_queries):
    user = person("stranger")
    for name in range(number):
        made = make.organization(f"org{name}", owner=person("owner"))
        accounts.set_member_role(actor=make.SYSTEM, organization=made, user=user, role="member")
    client = enter(user)
    client.get("/")  # notes that she is here
    with django_assert_num_queries(8):
        client.get(f"{HERE}?leave=org0")
