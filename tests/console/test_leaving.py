"""One's organizations in the console, and leaving one of them."""

import re

import pytest

from accounts import services as accounts
from accounts.models import Membership
from permissions.models import DefaultGrant
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
    with django_assert_num_queries(9):
        client.get(f"{HERE}?leave=org0")


def test_who_is_granted_something_alone_gives_it_up(acme):
    user = person("stranger")
    make.grant(acme.namespace.projects.get(slug="web"), "write", user=user)
    client = enter(user)
    assert client.get("/o/acme/projects/web/").status_code == 200
    for words in ("Projects shared with you", "acme/web", "write", "Give up…"):
        assert words in text(client.get(HERE)).replace("\u200b", "")
    shown = client.get(f"{HERE}?give_up=acme/web")
    assert re.search(r'<dialog [^>]*id="give-up-dialog"[^>]* open>', shown.content.decode())
    assert "Give up write on web?" in text(shown)
    assert "the project is closed to you then" in text(shown)
    done = client.post(f"{HERE}?give_up=acme/web", {"do": "give_up", "project": "acme/web"})
    assert done["Location"] == HERE
    assert "You gave up write on web." in text(client.get(HERE))
    assert "Projects shared with you" not in text(client.get(HERE))
    assert client.get("/o/acme/projects/web/").status_code == 403


@pytest.mark.parametrize(
    "address", ["acme", "acme/", "/web", "other/web", "acme/web\0", "a" * 700, "acme/web/x"]
)
def test_what_is_not_hers_cannot_be_given_up(acme, address):
    make.grant(acme.namespace.projects.get(slug="web"), "read", user=person("stranger"))
    client = enter(person("member"))
    assert client.get(HERE, {"give_up": address}).status_code == 404
    answer = client.post(HERE, {"do": "give_up", "project": address})
    assert answer.status_code in (302, 404)
    assert acme.namespace.projects.get(slug="web").grants.filter(user=person("stranger")).exists()


def test_what_is_shared_costs_the_same_at_any_number(acme, django_assert_num_queries):
    user = person("stranger")
    for name in range(60):
        make.grant(make.project(acme, f"p{name}"), "read", user=user)
    client = enter(user)
    client.get("/")  # notes that she is here
    with django_assert_num_queries(7):
        page = client.get(HERE)
    assert "of 60 projects" in text(page)
    assert "p9" in text(client.get(f"{HERE}?start=50"))


def test_whom_a_default_permission_names_is_told_that_new_projects_come(acme):
    user = person("stranger")
    make.grant(acme.namespace.projects.get(slug="web"), "write", user=user)
    other = make.organization("other", owner=person("owner"))
    told = "New projects of acme are granted to you all the same"
    client = enter(user)
    DefaultGrant.objects.create(organization=other, user=user, role="read")
    DefaultGrant.objects.create(organization=acme, user=person("member"), role="read")
    assert told not in text(client.get(f"{HERE}?give_up=acme/web"))
    DefaultGrant.objects.create(organization=acme, user=user, role="read")
    assert told in text(client.get(f"{HERE}?give_up=acme/web"))
    assert "a default permission" not in text(client.get(HERE))
