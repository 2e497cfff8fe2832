"""What a door found may be gone, or the caller's role with it, by the time the service runs."""

import pytest
from django.db import transaction

from accounts import services
from accounts.models import Account, Invitation, Membership, Organization, User
from accounts.tasks import purge_organization
from core.errors import Forbidden, Invalid, NotFound, QuotaExceeded
from logs.models import LogEntry
from permissions.catalogue import ORGANIZATION_READ, PROJECT_READ, TEAM_CREATE
from permissions.checks import check
from permissions.models import DefaultGrant, Grant
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization(owner=ada)


class Things:
    """One of each, as a door found them."""

    def __init__(self, acme, ada):
        self.actor, self.acme, self.account = make.actor(ada), acme, acme.account
        self.bo, self.team, self.robot = make.user("bo"), make.team(acme), make.robot(acme)
        self.project = make.project(acme)
        self.rule = projects.create_default_grant(
            actor=make.SYSTEM, organization=acme, role="read", team=self.team
        )


def of_organization(it):
    space = it.acme.namespace
    yield lambda: services.create_team(actor=it.actor, organization=it.acme, slug="ops")
    yield lambda: services.put_team(actor=it.actor, organization=it.acme, slug="ops", role="admin")
    yield lambda: services.set_member_role(actor=it.actor, organization=it.acme, user=it.bo, role="owner")
    yield lambda: services.remove_member(actor=it.actor, organization=it.acme, user=it.bo)
    yield lambda: services.change_organization(actor=it.actor, organization=it.acme, changes={"email": ""})
    yield lambda: services.delete_organization(actor=it.actor, organization=it.acme)
    yield lambda: services.rename_organization(actor=make.SYSTEM, organization=it.acme, name="other")
    yield lambda: services.create_robot(actor=it.actor, namespace=space, shortname="bot")
    yield lambda: projects.create_project(actor=it.actor, namespace=space, slug="docs")
    yield lambda: projects.create_default_grant(actor=it.actor, organization=it.acme, role="read", user=it.bo)


def of_team(it):
    yield lambda: services.change_team(actor=it.actor, team=it.team, role="admin")
    yield lambda: services.delete_team(actor=it.actor, team=it.team)
    yield lambda: services.add_team_member(actor=it.actor, team=it.team, user=it.bo)
    yield lambda: services.add_team_member(actor=it.actor, team=it.team, robot=it.robot)
    yield lambda: services.remove_team_member(actor=it.actor, team=it.team, user=it.bo)
    yield lambda: services.invite(actor=it.actor, team=it.team, user=it.bo)
    yield lambda: services.create_team(actor=it.actor, organization=it.acme, slug="sub", parent=it.team)
    yield lambda: projects.set_grant(actor=it.actor, project=it.project, role="read", team=it.team)
    yield lambda: projects.change_project(actor=it.actor, project=it.project, changes={"team": it.team})
    yield lambda: projects.create_project(actor=it.actor, namespace=it.acme.namespace, slug="x", team=it.team)
    yield lambda: projects.create_default_grant(
        actor=it.actor, organization=it.acme, role="read", team=it.team
    )
    yield lambda: projects.change_default_grant(actor=it.actor, rule=it.rule, role="write")


def of_robot(it):
    yield lambda: services.change_robot(actor=it.actor, robot=it.robot, description="x")
    yield lambda: services.change_robot(actor=it.actor, robot=it.robot, enabled=False)
    yield lambda: services.regenerate_robot_token(actor=it.actor, robot=it.robot)
    yield lambda: services.set_robot_federation(actor=it.actor, robot=it.robot, identities=[])
    yield lambda: services.delete_robot_federation(actor=it.actor, robot=it.robot)
    yield lambda: services.delete_robot(actor=it.actor, robot=it.robot)
    yield lambda: services.add_team_member(actor=it.actor, team=it.team, robot=it.robot)
    yield lambda: projects.set_grant(actor=it.actor, project=it.project, role="read", robot=it.robot)
    yield lambda: projects.create_default_grant(
        actor=it.actor, organization=it.acme, role="read", robot=it.robot
    )


def of_project(it):
    yield lambda: projects.set_description(actor=it.actor, project=it.project, description="x")
    yield lambda: projects.set_visibility(actor=it.actor, project=it.project, visibility="public")
    yield lambda: projects.set_state(actor=it.actor, project=it.project, state="MIRROR")
    yield lambda: projects.change_project(actor=it.actor, project=it.project, changes={"name": "x"})
    yield lambda: projects.set_grant(actor=it.actor, project=it.project, role="read", user=it.bo)
    yield lambda: projects.star_project(actor=it.actor, project=it.project)
    yield lambda: projects.delete_project(actor=it.actor, project=it.project)


def of_person(it):
    yield lambda: services.set_member_role(actor=it.actor, organization=it.acme, user=it.bo, role="owner")
    yield lambda: services.add_team_member(actor=it.actor, team=it.team, user=it.bo)
    yield lambda: services.invite(actor=it.actor, team=it.team, user=it.bo)
    yield lambda: services.remove_member(actor=it.actor, organization=it.acme, user=it.bo)
    yield lambda: services.add_administrator(actor=it.actor, account=it.account, user=it.bo)
    yield lambda: services.create_account(actor=make.SYSTEM, name="x", administrator=it.bo)
    yield lambda: services.create_organization(actor=make.actor(it.bo), slug="bos")
    yield lambda: services.change_user(actor=make.SYSTEM, user=it.bo, enabled=False)
    yield lambda: services.change_user(actor=make.SYSTEM, user=it.bo, password="another-password")
    yield lambda: services.change_own_account(actor=make.actor(it.bo), changes={"email": "x@example.test"})
    yield lambda: services.set_superuser(actor=make.SYSTEM, user=it.bo, superuser=True)
    yield lambda: services.delete_user(actor=make.SYSTEM, user=it.bo)
    yield lambda: projects.set_grant(actor=it.actor, project=it.project, role="read", user=it.bo)
    yield lambda: projects.create_default_grant(actor=it.actor, organization=it.acme, role="read", user=it.bo)
    yield lambda: projects.change_project(actor=it.actor, project=it.project, changes={"contact": it.bo})


def of_account(it):
    yield lambda: services.rename_account(actor=it.actor, account=it.account, name="x")
    yield lambda: services.add_administrator(actor=it.actor, account=it.account, user=it.bo)
    yield lambda: services.delete_account(actor=it.actor, account=it.account)
    yield lambda: services.create_organization(actor=it.actor, slug="second", account=it.account)


def delete_account_alone(it):
    Account.objects.filter(pk=it.account.pk).update(deleted_at="2026-01-01T00:00:00Z")


ENDS = {
    "organization": (
        of_organization,
        lambda it: services.delete_organization(
            actor=make.SYSTEM, organization=Organization.objects.get(pk=it.acme.pk)
        ),
    ),
    "team": (of_team, lambda it: services.delete_team(actor=make.SYSTEM, team=it.team)),
    "robot": (of_robot, lambda it: services.delete_robot(actor=make.SYSTEM, robot=it.robot)),
    "project": (of_project, lambda it: projects.delete_project(actor=make.SYSTEM, project=it.project)),
    "person": (
        of_person,
        lambda it: services.delete_user(actor=make.SYSTEM, user=User.objects.get(pk=it.bo.pk)),
    ),
    "account": (of_account, delete_account_alone),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("purged", [False, True], ids=["deleted", "purged"])
def test_whatever_is_done_to_what_is_gone_is_refused_and_leaves_nothing(end, purged, acme, ada):
    it = Things(acme, ada)
    acts, finish = ENDS[end]
    finish(it)
    if purged:
        sweep_all()
    before = footprint()
    for number, act in enumerate(acts(it)):
        it.actor.forget()
        with pytest.raises((NotFound, Forbidden)), transaction.atomic():
            act()
        assert footprint() == before, number


def sweep_all():
    from accounts import tasks
    from projects import tasks as project_tasks

    tasks.sweep()
    project_tasks.sweep()


def footprint():
    models = (Account, Organization, Membership, Grant, DefaultGrant, Invitation, Project, Quota, LogEntry)
    return [model.objects.count() for model in models], sorted(Quota.objects.values_list("pk", "used"))


def test_a_role_lost_meanwhile_is_no_role(acme, ada):
    bo, eve = make.user("bo"), make.user("eve")
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="admin")
    actor = make.actor(bo)
    assert check(actor, TEAM_CREATE, acme)  # asked, and remembered for this request
    services.remove_member(actor=make.actor(ada), organization=acme, user=bo)
    for act in (
        lambda: services.create_team(actor=actor, organization=acme, slug="ops"),
        lambda: services.set_member_role(actor=actor, organization=acme, user=eve, role="member"),
        lambda: services.remove_member(actor=actor, organization=acme, user=ada),
    ):
        with pytest.raises(Forbidden):
            act()
    assert not check(actor, TEAM_CREATE, acme)


def test_changing_ones_own_role_changes_what_this_very_request_may_do(acme, ada):
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user("bo"), role="owner")
    services.delete_team(actor=make.SYSTEM, team=acme.teams.get())
    actor = make.actor(ada)
    assert check(actor, TEAM_CREATE, acme)
    services.set_member_role(actor=actor, organization=acme, user=ada, role="member")
    assert check(actor, ORGANIZATION_READ, acme)
    assert not check(actor, TEAM_CREATE, acme)


def test_a_stale_grant_of_ones_own_is_forgotten(acme, ada):
    bo, web = make.user("bo"), make.project(acme)
    make.grant(web, "admin", user=bo)
    actor = make.actor(bo)
    assert check(actor, PROJECT_READ, web)
    projects.revoke_grant(actor=actor, project=web, user=bo)
    assert not check(actor, PROJECT_READ, web)


# What is given back when something ends


def used(account):
    found = Quota.objects.filter(account=account).exclude(used=0)
    return dict(found.values_list("resource", "used"))


def test_a_deleted_organization_gives_its_account_everything_back(acme, ada):
    second = services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)
    for one in (acme, second):
        make.robots(one, 2)
        make.project(one)
        services.set_member_role(
            actor=make.SYSTEM, organization=one, user=make.user(f"in-{one.slug}"), role="member"
        )
    assert used(acme.account) == {"members": 4, "robots": 4, "projects": 2, "organizations": 2}
    services.delete_organization(actor=make.actor(ada), organization=second)
    assert used(acme.account) == {"members": 2, "robots": 2, "projects": 1, "organizations": 1}
    purge_organization(second.pk)
    assert used(acme.account) == {"members": 2, "robots": 2, "projects": 1, "organizations": 1}


def test_what_is_deleted_in_a_dead_organization_is_not_given_back_again(acme, ada):
    robot, project = make.robot(acme), make.project(acme)
    second = services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)
    make.robot(second)
    make.project(second)
    services.delete_organization(actor=make.actor(ada), organization=acme)
    services.delete_robot(actor=make.SYSTEM, robot=robot)
    with pytest.raises(NotFound):
        projects.delete_project(actor=make.SYSTEM, project=project)
    assert used(acme.account) == {"members": 1, "robots": 1, "projects": 1, "organizations": 1}


@pytest.mark.django_db(transaction=True)
def test_two_deletions_of_one_organization_give_back_once():
    ada = make.user("ada")
    acme = make.organization(owner=ada)
    services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)

    def delete(_):
        services.delete_organization(actor=make.actor(ada), organization=Organization.objects.get(pk=acme.pk))

    assert race(4, delete, at_once=4) == {"ok": 1, "not_found": 3}
    assert used(acme.account) == {"members": 1, "organizations": 1}


@pytest.mark.django_db(transaction=True)
def test_nobody_stays_in_an_organization_who_is_deleted_while_she_joins():
    acme = make.organization(owner=make.user("ada"))
    team = make.team(acme)
    people = [make.user(f"user{number}") for number in range(12)]

    def act(number):
        person = people[number // 2]
        if number % 2:
            services.delete_user(actor=make.SYSTEM, user=person)
        else:
            services.add_team_member(actor=make.SYSTEM, team=team, user=person)

    assert race(24, act, at_once=8)["ok"] >= 12
    assert acme.memberships.count() == 1
    assert Quota.objects.get(namespace=acme.namespace, resource="members").used == 1


# Other doors into what is not one's own


def test_teams_of_others_are_no_parents_and_own_no_projects(acme, ada):
    foreign = make.team(make.organization("other"))
    with pytest.raises(Invalid):
        services.create_team(actor=make.actor(ada), organization=acme, slug="sub", parent=foreign)
    with pytest.raises(Invalid):
        projects.create_project(actor=make.actor(ada), namespace=acme.namespace, slug="x", team=foreign)


def test_only_a_group_account_holds_organizations(ada):
    personal = Account.objects.get(user=ada)
    root = make.actor(make.user("root", superuser=True))
    with pytest.raises(Invalid):
        services.create_organization(actor=root, slug="second", account=personal)
    with pytest.raises(NotFound):
        services.delete_account(actor=root, account=personal)


def test_a_removed_person_does_not_come_back_by_what_was_open(acme, ada):
    bo, one, two = make.user("bo"), make.team(acme, "one"), make.team(acme, "two")
    make.member(one, bo)
    invitations = [
        services.invite(actor=make.actor(ada), team=two, user=bo),
        services.invite(actor=make.actor(ada), team=two, email="BO@example.test"),
    ]
    other = services.invite(actor=make.actor(ada), team=two, email="eve@example.test")
    projects.create_default_grant(actor=make.actor(ada), organization=acme, role="admin", user=bo)
    services.remove_member(actor=make.actor(ada), organization=acme, user=bo)
    for invitation in invitations:
        with pytest.raises(Invalid):
            services.accept_invitation(actor=make.actor(bo), code=invitation.code)
    assert Invitation.objects.get() == other
    web = projects.create_project(actor=make.actor(ada), namespace=acme.namespace, slug="web")
    assert not check(make.actor(bo), PROJECT_READ, web)


def test_a_renamed_team_is_told(acme, ada):
    services.change_team(actor=make.actor(ada), team=make.team(acme), name="The Devs")
    entry = LogEntry.objects.get(kind="org_change_team")
    assert (entry.metadata["team"], entry.metadata["old_name"]) == ("devs", "devs")


def test_an_account_without_room_for_members_takes_no_organization(acme, ada):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.MEMBERS, limit=1, account=acme.account)
    with pytest.raises(QuotaExceeded, match="members"):
        services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)
