"""Auditors of an organization: they see all of it, change nothing of it, and count as members."""

import pytest

from accounts import services as accounts
from accounts.models import Membership
from core.errors import Conflict, Forbidden, QuotaExceeded
from logs.models import LogEntry
from permissions import catalogue
from permissions.catalogue import Ladder, Level
from permissions.checks import audits, check, explain, organization_level, readable
from permissions.explanations import AUDITOR_REASON
from projects.models import Project
from projects.search import robots, teams
from quotas import services as quotas
from quotas.models import Resource
from tests import make
from tokens import selectors as tokens
from tokens import services as issuing
from tokens.kinds import Kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make.organization(owner=make.user("owner"))


@pytest.fixture
def eve(acme):
    person = make.user("eve")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role="auditor")
    return person


def test_she_holds_each_reading_right_of_an_administrator_and_no_other(acme, eve):
    web, actor, admin = make.project(acme), make.actor(eve), make.user("admin")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    for right in catalogue.RIGHTS.values():
        if right.ladder in (Ladder.ORGANIZATION, Ladder.PROJECT):
            target = acme if right.ladder == Ladder.ORGANIZATION else web
            allowed = right.reading and check(make.actor(admin), right, target)
            assert check(actor, right, target) is allowed, right
    assert organization_level(actor, acme) == Level.NONE
    assert audits(actor, acme)
    assert not audits(make.actor(admin), acme)


def test_what_she_is_refused_is_told_as_it_is(acme, eve):
    actor = make.actor(eve)
    assert explain(actor, catalogue.ROBOT_CREATE, acme.namespace).reason == AUDITOR_REASON
    assert explain(actor, catalogue.LOG_READ, acme.namespace).reason == "auditor of acme"
    narrow = explain(make.actor(eve, "repo:read"), catalogue.LOG_READ, acme.namespace)
    assert narrow.reason == "The token's scopes do not allow to read the usage log"
    other = make.organization("other", owner=make.user("rival"))
    assert not check(actor, catalogue.ORGANIZATION_READ, other)


@pytest.mark.parametrize(
    ("role", "may_create", "may_administer"),
    [("member", False, False), ("creator", True, False), ("admin", True, True)],
)
def test_a_team_gives_her_what_it_gives_everybody_in_it(acme, eve, role, may_create, may_administer):
    make.member(make.team(acme, role=role), eve)
    actor = make.actor(eve)
    assert check(actor, catalogue.PROJECT_CREATE, acme.namespace) is may_create
    assert check(actor, catalogue.MEMBER_CHANGE, acme) is may_administer
    assert check(actor, catalogue.LOG_READ, acme.namespace)
    assert audits(actor, acme) is not may_administer


def test_a_grant_lets_her_write_there_alone(acme, eve):
    web, docs = make.project(acme, "web"), make.project(acme, "docs")
    make.grant(web, "write", user=eve)
    actor = make.actor(eve)
    assert check(actor, catalogue.PROJECT_WRITE, web)
    assert not check(actor, catalogue.GRANT_CHANGE, web)
    assert check(actor, catalogue.PROJECT_ADMINISTER, web)
    assert not check(actor, catalogue.PROJECT_WRITE, docs)
    assert check(actor, catalogue.PROJECT_ADMINISTER, docs)


def test_her_token_goes_no_further_than_its_scopes(acme, eve):
    web = make.project(acme)
    reading = make.actor(eve, "repo:read")
    assert check(reading, catalogue.PROJECT_READ, web)
    assert not check(reading, catalogue.PROJECT_LOG_READ, web)
    inside = make.actor(eve, "org:admin")
    assert check(inside, catalogue.MEMBER_LIST, acme)
    assert not check(inside, catalogue.PROJECT_READ, web)
    assert not check(make.actor(eve, "repo:create"), catalogue.MEMBER_LIST, acme)


def test_lists_and_searches_hold_what_she_sees(acme, eve):
    web, actor = make.project(acme), make.actor(eve)
    make.team(acme, "devs")
    make.robot(acme, "ci")
    hidden = make.project(make.organization("other", owner=make.user("rival")), "hidden")
    assert list(Project.objects.filter(readable(actor))) == [web]
    assert hidden not in Project.objects.filter(readable(actor))
    assert [team.slug for team in teams(actor=actor, text="devs")] == ["devs"]
    assert [robot.shortname for robot in robots(actor=actor, text="ci")] == ["ci"]


def test_tokens_are_listed_for_her_and_their_secrets_are_not_hers(acme, eve):
    web, actor = make.project(acme), make.actor(eve)
    for kind, owner in ((Kind.ORGANIZATION, {"organization": acme}), (Kind.REPOSITORY, {"project": web})):
        issuing.create_token(actor=make.SYSTEM, kind=kind, **owner)
    listed = tokens.of_organization(
        actor=actor, organization=acme, kind=Kind.ORGANIZATION, right=catalogue.CREDENTIAL_LIST
    )
    assert listed.count() == 1
    of_project = tokens.of_project(
        actor=actor, project=web, kind=Kind.REPOSITORY, right=catalogue.PROJECT_CREDENTIAL_LIST
    )
    assert of_project.count() == 1
    with pytest.raises(Forbidden):
        tokens.of_organization(actor=actor, organization=acme, kind=Kind.ORGANIZATION)
    with pytest.raises(Forbidden):
        tokens.of_project(actor=actor, project=web, kind=Kind.REPOSITORY)


def test_she_is_no_last_administrator(acme):
    owner = acme.memberships.get().user
    acme.teams.all().delete()
    with pytest.raises(Conflict, match="without an administrator"):
        accounts.set_member_role(actor=make.actor(owner), organization=acme, user=owner, role="auditor")
    assert Membership.objects.get().role == "owner"


def test_she_takes_a_place_of_the_members(acme):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.MEMBERS, limit=1, namespace=acme.namespace)
    with pytest.raises(QuotaExceeded):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user("eve"), role="auditor")


def test_administrators_give_and_take_the_role_and_the_log_tells_both(acme):
    admin, eve = make.user("admin"), make.user("eve")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    for role in ("auditor", "member"):
        accounts.set_member_role(actor=make.actor(admin), organization=acme, user=eve, role=role)
    told = LogEntry.objects.filter(kind="org_set_member_role", performer_name="admin").order_by("pk")
    assert [(one.metadata["role"], one.metadata["old_role"]) for one in told] == [
        ("auditor", ""),
        ("member", "auditor"),
    ]
    assert not check(make.actor(eve), catalogue.LOG_READ, acme.namespace)


def test_nobody_becomes_more_by_being_auditor(acme, eve):
    for role in ("auditor", "admin", "owner"):
        with pytest.raises(Forbidden, match=AUDITOR_REASON):
            accounts.set_member_role(actor=make.actor(eve), organization=acme, user=eve, role=role)


def test_where_roles_come_from_teams_alone_she_stays_what_she_is(acme, eve):
    leads = make.team(acme, "leads", "admin")
    make.member(leads, eve)
    accounts.remove_team_member(actor=make.SYSTEM, team=leads, user=eve, teams_only=True)
    assert Membership.objects.get(user=eve).role == "auditor"
    assert check(make.actor(eve), catalogue.LOG_READ, acme.namespace)
    assert not check(make.actor(eve), catalogue.MEMBER_CHANGE, acme)


def test_a_wire_that_knows_two_roles_leaves_her_a_member(acme, eve):
    accounts.set_standing(actor=make.SYSTEM, organization=acme, user=eve, administrator=False)
    assert Membership.objects.get(user=eve).role == "auditor"
    accounts.set_standing(actor=make.SYSTEM, organization=acme, user=eve, administrator=True)
    assert Membership.objects.get(user=eve).role == "admin"
