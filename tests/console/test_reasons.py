"""Why not: what a refusal says to whom, and what it keeps to itself."""

import html
import re

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import Robot, Team
from permissions import catalogue
from permissions.checks import explain, require
from permissions.reasons import ASKED, answers, givers, refusal
from tests import make
from tests.console import test_access
from tests.console.entering import enter, person

pytestmark = pytest.mark.django_db
PART = {"hx-request": "true"}


def text_of(answer):
    return html.unescape(test_access.text_of(answer))


def said(name, path, **how):
    answer = enter(person(name)).get(path, **how)
    assert answer.status_code == 403
    return text_of(answer)


def test_a_member_learns_what_is_missing_what_gives_it_and_whom_to_ask(acme):
    text = said("member", "/o/acme/members/")
    assert "Wanted List the organization's members on the organization acme" in text
    assert "Given by administrator of the organization, or auditor of the organization" in text
    assert "You have member of acme; member by team devs" in text
    assert "Ask owner (owner) , admin (administrator)" in text
    assert "What you may do here, and why" in text
    assert "@" not in text
    page = enter(person("member")).get("/o/acme/members/").content.decode()
    assert "/o/acme/members/?q=" not in page  # whom she may not list she is not led to


def test_on_a_project_her_ways_to_it_are_told(acme):
    text = said("member", "/o/acme/notifications/of/web/")
    assert "See the project's notifications on the project web of acme" in text
    assert "Given by admin on the project, or administrator of the organization, or auditor" in text
    assert "You have write by team devs" in text
    assert "Ask owner" in text
    # Somebody from outside who works on it: her own ways, and no names of people.
    text = said("writer", "/o/acme/notifications/of/web/")
    assert "You have write granted directly" in text
    assert "Ask" not in text
    assert "owner" not in text
    # Who keeps one project keeps nothing else of the organization.
    make.grant(acme.namespace.projects.get(slug="web"), "admin", user=make.user("keeper"))
    assert enter(person("keeper")).get("/o/acme/notifications/of/web/").status_code == 200
    text = said("keeper", "/o/acme/members/")
    assert "Your role does not allow to list the organization's members." in text
    assert "Wanted" not in text
    assert "owner" not in text


@pytest.mark.parametrize("path", ["members/", "projects/web/", "rights/", "notifications/of/web/"])
def test_outsiders_learn_nothing_more(acme, path):
    for how in ({}, {"headers": PART}):
        text = said("stranger", f"/o/acme/{path}", **how)
        assert "Your role does not allow to" in text
        for telling in ("Wanted", "Ask", "owner", "admin ", "devs", "What you may do here"):
            assert telling not in text, telling
    assert Client().get(f"/o/acme/{path}")["Location"].startswith("/sign-in/")
    # Nor whether there is such an organization.
    assert said("stranger", f"/o/nothing/{path}") == said("stranger", f"/o/acme/{path}")


@pytest.mark.parametrize("name", ["creator", "stranger"])
@pytest.mark.parametrize("path", ["projects/{}/", "notifications/of/{}/", "rights/?project={}"])
def test_a_hidden_project_is_refused_as_one_that_is_not_there(acme, name, path):
    hidden, missing = (enter(person(name)).get(f"/o/acme/{path.format(slug)}") for slug in ("web", "nothing"))
    assert hidden.status_code == missing.status_code == 403
    both = [re.sub(r'"X-CSRF-Token": "\w+"', "", one.content.decode()) for one in (hidden, missing)]
    assert both[0] == both[1]
    assert ("a project of acme" in both[0]) is (name == "creator")


def test_an_auditor_is_told_that_she_is_one(acme):
    answer = enter(person("auditor")).post("/o/acme/robots/ci/", {"do": "disable"})
    text = text_of(answer)
    assert answer.status_code == 403
    assert "An auditor sees everything and changes nothing" in text
    assert "Given by administrator of the organization" in text
    assert "auditor of the organization" not in text  # more of the same would give nothing
    assert "You have auditor of acme" in text
    assert "/o/acme/members/?q=owner" in answer.content.decode()  # she sees the members, and is led to them


def test_a_part_of_a_page_is_refused_in_a_dialog(acme):
    answer = enter(person("member")).get("/o/acme/members/?person=owner", headers=PART)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#refused", "innerHTML")
    assert "<html" not in page
    assert re.search(r'<dialog [^>]*id="refused-dialog"[^>]* open>', page)
    assert "Given by" in page
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("owner"))
    answer = client.post("/notifications/", {"do": "clear"}, headers=PART)
    assert answer.status_code == 403
    assert answer["HX-Retarget"] == "#refused"
    assert "<html" not in answer.content.decode()
    assert "reload the page" in answer.content.decode()


def test_who_views_as_somebody_else_is_told_so_and_may_stop(acme):
    root = make.user("root", superuser=True)
    client = enter(root)
    assert client.post("/view-as/owner/", {"do": "begin"}).status_code == 302
    answer = client.post("/o/acme/robots/ci/", {"do": "disable"})
    assert answer.status_code == 403
    assert "Who views Muster as somebody else changes nothing" in text_of(answer)
    assert 'action="/view-as/owner/"' in answer.content.decode()
    assert "Given by" not in text_of(answer)
    assert client.post("/view-as/owner/", {"do": "end"}).status_code == 302
    assert Robot.objects.get().disabled_at is None


def test_a_read_only_superuser_is_told_who_made_her_one(acme, settings):
    settings.READONLY_SUPERUSERS = frozenset({"stranger"})
    answer = enter(person("stranger")).post("/o/acme/robots/ci/", {"do": "disable"})
    text = text_of(answer)
    assert answer.status_code == 403
    assert "A read-only superuser changes nothing" in text
    assert "MUSTER_READONLY_SUPERUSERS" in text
    assert "Ask" not in text


def test_a_rule_beside_the_rights_names_whom_to_ask_as_well(acme):
    answer = enter(person("admin")).post(
        "/o/acme/members/", {"do": "add", "username": "owner", "role": "member"}
    )
    text = text_of(answer)
    assert answer.status_code == 403
    assert "Only an owner may make or unmake owners" in text
    assert "Ask owner (owner)" in text
    assert "Wanted" not in text


def test_what_is_switched_off_says_so(acme, settings):
    client = enter(person("owner"))
    assert "has made it read-only for a while" not in text_of(client.get("/o/acme/robots/ci/"))
    settings.READ_ONLY = True
    before = Robot.objects.get().disabled_at
    page = client.get("/o/acme/robots/ci/")
    assert page.status_code == 200
    assert "has made it read-only for a while" in text_of(page)
    answer = client.post("/o/acme/robots/ci/", {"do": "disable"})
    assert answer.status_code == 503
    assert "Muster is read-only for now" in text_of(answer)
    assert Robot.objects.get().disabled_at == before
    part = client.post("/notifications/", {"do": "clear"}, headers=PART)
    assert part["HX-Retarget"] == "#refused"
    assert "switched all changes off" in part.content.decode()
    # What only asks is open, and so is the way back from viewing.
    asked = {"do": "compare", "text": "version: 1\nprofile: {}"}
    assert client.post("/o/acme/code/", asked).status_code == 200
    assert client.post("/o/acme/code/", {"do": "apply", "text": "version: 1"}).status_code == 503
    root = enter(make.user("root", superuser=True))
    assert root.post("/view-as/owner/", {"do": "begin"}).status_code == 503
    assert root.post("/view-as/owner/", {"do": "end"}).status_code == 302


# The reasons themselves -----------------------------------------------------------------------------------


def test_a_token_that_lacks_the_scope_is_told_which(acme):
    found = refusal(
        actor=make.actor(person("owner"), "repo:read org:admin"),
        right=catalogue.PROJECT_DELETE,
        target=acme.namespace.projects.get(slug="web"),
    )
    assert found is not None
    assert (found.kind, found.scopes) == ("scope", ("repo:admin",))
    found = refusal(actor=make.actor(person("owner"), "repo:admin"), right="team_create", target=acme)
    assert found is None  # without a scope for organizations the token is a stranger to this one


def test_at_most_five_are_named_owners_first_and_none_who_could_not_act(acme):
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user("zoe"), role="owner")
    leads = make.team(acme, "leads", role="admin")
    for number in range(4):
        make.member(leads, make.user(f"lead{number}"))
    make.member(leads, person("owner"))
    accounts.change_user(actor=make.SYSTEM, user=person("lead0"), enabled=False)
    assert [one.username for one in givers(acme)] == ["owner", "zoe", "admin", "lead1", "lead2", "lead3"]
    found = refusal(actor=make.actor(person("member")), right=catalogue.TEAM_CREATE, target=acme)
    assert found is not None
    assert len(found.givers) == ASKED
    assert found.more
    assert "and others" in said("member", "/o/acme/members/")


def test_every_right_that_is_refused_is_explained_to_an_insider(acme):
    web = acme.namespace.projects.get(slug="web")
    places = {"organization": acme, "project": web, "own account": person("owner"), "instance": None}
    for right in catalogue.RIGHTS.values():
        for name in ("member", "creator", "auditor"):
            actor = make.actor(person(name))
            if explain(actor, right, places[right.ladder]).allowed:
                continue
            found = refusal(actor=actor, right=right, target=places[right.ladder])
            assert found is not None, (right, name)
            assert found.needs, (right, name)
            assert found.wanted == right.sentence
            stranger = make.actor(person("stranger"))
            if right.ladder in ("organization", "project"):
                assert refusal(actor=stranger, right=right, target=places[right.ladder]) is None


@pytest.mark.parametrize("kind", ["organization", "project"])
def test_what_gives_a_right_does_give_it(acme, kind):
    """The roles that a refusal names are tried: each of them passes."""
    web = acme.namespace.projects.get(slug="web")
    eve = make.user("eve")
    place = web if kind == "project" else acme
    actor = make.actor(eve)
    wanted = [right for right in catalogue.RIGHTS.values() if right.ladder == kind]
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=eve, role="member")
    needs = {one.right.name: one.needs for one in answers(actor=make.actor(person("owner")), target=place)}
    roles = {
        "member of the organization": "member",
        "creator of the organization": "creator",
        "administrator of the organization": "admin",
        "auditor of the organization": "auditor",
    }
    for words, role in roles.items():
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=eve, role=role)
        actor = make.actor(eve)
        for right in wanted:
            if words in needs[right.name]:
                require(actor, right, place)
    if kind == "project":
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=eve, role="member")
        for role in ("read", "write", "admin"):
            make.grant(web, role, user=eve)
            actor = make.actor(eve)
            for right in wanted:
                if f"{role} on the project" in needs[right.name]:
                    require(actor, right, web)


# The page -------------------------------------------------------------------------------------------------


def test_the_page_of_rights_says_both_halves(acme):
    answer = enter(person("creator")).get("/o/acme/rights/")
    text = text_of(answer)
    assert "Create projects Creator of acme repo:create" in text
    assert "Create teams administrator of the organization" in text
    assert "Whom to ask" in text
    assert "All that you may reach" not in text
    assert len(answer.context["allowed"]) + len(answer.context["refused"]) == sum(
        right.ladder == "organization" for right in catalogue.RIGHTS.values()
    )
    text = text_of(enter(person("auditor")).get("/o/acme/rights/"))
    assert "An auditor sees everything and changes nothing." in text
    answer = enter(person("auditor")).get("/o/acme/rights/")
    assert "/o/acme/access/?who=auditor" in answer.content.decode()
    text = text_of(enter(person("writer")).get("/o/acme/rights/?project=web"))
    assert "Change the project's description Write granted directly repo:write" in text
    assert "Whom to ask" not in text


def test_the_page_is_linked_where_it_is_missed(acme):
    for name, linked in (("member", True), ("owner", False)):
        page = enter(person(name)).get("/o/acme/").content.decode()
        assert ('href="/o/acme/rights/"' in page) is linked
    page = enter(person("writer")).get("/o/acme/projects/web/").content.decode()
    assert 'href="/o/acme/rights/?project=web"' in page


def test_refusals_cost_the_same_at_any_size(acme, django_assert_max_num_queries):
    found = []
    for size in (0, 30):
        for number in range(size):
            team = make.team(acme, f"more{number}", role="admin")
            make.member(team, make.user(f"more{number}"))
        client = enter(person("member"))
        client.get("/o/acme/members/")
        with django_assert_max_num_queries(12) as asked:
            assert client.get("/o/acme/members/").status_code == 403
        found.append(len(asked))
    assert found[0] == found[1]


def test_names_of_markup_are_text_in_a_refusal(acme):
    evil = make.team(acme, "evil", role="member")
    Team.objects.filter(pk=evil.pk).update(slug="<script>alert(1)</script>")
    make.member(evil, person("member"))
    page = enter(person("member")).get("/o/acme/members/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
