"""Leaving an organization of one's own accord."""

import pytest

from accounts import selectors, services
from accounts.models import Invitation, Membership, Team, TeamMember
from core.errors import Conflict, DomainError, Forbidden, NotFound
from logs.models import LogEntry
from permissions.models import DefaultGrant, Grant
from projects import services as projects
from quotas.models import Quota
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization(owner=ada)


def put(acme, name, role="member"):
    person = make.user(name)
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
    return person


def leave(person, organization):
    services.leave_organization(actor=make.actor(person), organization=organization)


def members_counted(acme):
    return Quota.objects.get(namespace=acme.namespace, resource="members").used


def test_all_that_she_had_ends_and_is_told_before(acme, ada):
    bo = put(acme, "bo", "creator")
    team, web, other = make.team(acme), make.project(acme), make.organization("other", owner=ada)
    make.member(team, bo)
    make.grant(web, "write", user=bo)
    make.grant(make.project(other, "kept"), "read", user=bo)
    projects.create_default_grant(actor=make.SYSTEM, organization=acme, role="read", user=bo)
    before = members_counted(acme)
    told = selectors.parting(actor=make.actor(bo), name="ACME")
    assert (told.membership.role, told.teams, told.grants) == ("creator", [team.slug], [("web", "write")])
    assert (told.gets_new_projects, told.account, told.refusal) == (True, "", "")
    leave(bo, acme)
    assert not Membership.objects.filter(user=bo).exists()
    assert not TeamMember.objects.filter(user=bo).exists()
    assert [grant.project.slug for grant in Grant.objects.filter(user=bo)] == ["kept"]
    assert not DefaultGrant.objects.filter(user=bo).exists()
    assert members_counted(acme) == before - 1
    entry = LogEntry.objects.get(kind="org_leave")
    assert (entry.performer_name, entry.namespace_name, entry.metadata["member"]) == ("bo", "acme", "bo")
    with pytest.raises(NotFound):
        leave(bo, acme)
    with pytest.raises(NotFound):
        selectors.parting(actor=make.actor(bo), name="acme")


def test_who_was_here_by_a_team_alone_leaves_and_is_not_invited_any_more(acme):
    bo, team = make.user("bo"), make.team(acme)
    make.member(team, bo)
    services.invite(actor=make.SYSTEM, team=make.team(acme, "others"), user=bo)
    leave(bo, acme)
    assert not Membership.objects.filter(user=bo).exists()
    assert not Invitation.objects.filter(user=bo).exists()


def test_the_only_owner_stays_though_others_administer(acme, ada):
    admin = put(acme, "admin", "admin")
    gone = put(acme, "gone", "owner")
    services.change_user(actor=make.SYSTEM, user=gone, enabled=False)
    for _ in range(2):
        with pytest.raises(Conflict, match="only owner"):
            leave(ada, acme)
    assert Membership.objects.filter(user=ada).exists()
    assert Grant.objects.count() == 0
    services.change_user(actor=make.SYSTEM, user=gone, enabled=True)
    leave(ada, acme)
    leave(admin, acme)


def test_the_last_administrator_stays_be_she_one_by_a_team(acme, ada):
    Membership.objects.filter(user=ada).update(role="member")
    with pytest.raises(Conflict, match="Nobody else administers it"):
        leave(ada, acme)
    bo = put(acme, "bo")
    leave(bo, acme)
    put(acme, "carla", "admin")
    leave(ada, acme)
    assert not TeamMember.objects.filter(user=ada).exists()


@pytest.mark.parametrize("service", ["ldap", "oidc"])
def test_whom_a_directory_would_bring_back_is_told_so(acme, service):
    bo, team = put(acme, "bo"), make.team(acme, "mirror")
    make.member(team, bo)
    Team.objects.filter(pk=team.pk).update(sync_service=service)
    assert "the team mirror" in selectors.parting(actor=make.actor(bo), name="acme").refusal
    with pytest.raises(Conflict, match="team mirror"):
        leave(bo, acme)
    assert Membership.objects.filter(user=bo).exists()
    assert not LogEntry.objects.filter(kind="org_leave").exists()


def test_only_tokens_that_may_change_the_account_leave(acme):
    bo = put(acme, "bo")
    for scope in ("org:admin", "user:read", "repo:admin"):
        with pytest.raises(Forbidden):
            services.leave_organization(actor=make.actor(bo, scopes=scope), organization=acme)
    with pytest.raises(DomainError):
        services.leave_organization(actor=make.SYSTEM, organization=acme)
    services.leave_organization(actor=make.actor(bo, scopes="user:admin"), organization=acme)


def test_another_who_is_not_in_it_leaves_nothing(acme):
    with pytest.raises(NotFound):
        leave(make.user("stranger"), acme)


def test_a_deleted_organization_is_not_left(acme):
    bo = put(acme, "bo")
    services.delete_organization(actor=make.SYSTEM, organization=acme)
    with pytest.raises(NotFound):
        leave(bo, acme)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["owner", "admin"])
def test_of_the_last_two_one_stays(role):
    ada, bo = make.user("ada"), make.user("bo")
    acme = make.organization(owner=ada)
    Membership.objects.filter(user=ada).update(role=role)
    TeamMember.objects.all().delete()
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role=role)
    assert race(2, lambda number: leave((ada, bo)[number], acme), at_once=2) == {"ok": 1, "conflict": 1}
    assert Membership.objects.filter(organization=acme, role=role).count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_leaves_twice_at_once_is_counted_once():
    acme = make.organization(owner=make.user("ada"))
    bo = put(acme, "bo")
    before = members_counted(acme)
    assert race(4, lambda _: leave(bo, acme), at_once=4) == {"ok": 1, "not_found": 3}
    assert members_counted(acme) == before - 1
