"""Robots, teams and organizations that come back."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from accounts import services
from accounts.models import Account, Membership, Organization, Robot, Team
from accounts.tasks import purge_organization
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, Unauthenticated
from core.seal import seal, unseal
from logs.models import LogEntry
from notifications.models import Subscription
from permissions.checks import organization_level
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.trash.kept import differences, everything
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Application, Credential
from trash import archive
from trash.models import Trashed, TrashedRows
from trash.selectors import days_left
from trash.services import purge_trashed
from trash.tasks import purge, sweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    """Return an organization with everything in it."""
    acme = make.organization(owner=ada, name="acme", email="acme@example.test")
    bo, cy = make.user("bo"), make.user("cy")
    services.change_organization(
        actor=make.SYSTEM,
        organization=acme,
        changes={"provider": "gh", "provider_organization": "acme-inc", "description": "We"},
    )
    devs = make.team(acme, "devs", "creator", description="They")
    services.create_team(actor=make.SYSTEM, organization=acme, slug="sub", role="member", parent=devs)
    make.member(devs, bo)
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=cy, role="admin")
    robot = make.robot(acme, "ci", description="It builds", metadata={"a": [1, "ä"]})
    services.set_robot_federation(
        actor=make.SYSTEM, robot=robot, identities=[{"issuer": "https://i.example.test", "subject": "s"}]
    )
    services.add_team_member(actor=make.SYSTEM, team=devs, robot=robot)
    services.invite(actor=make.actor(ada), team=devs, email="new@example.test")
    web = make.project(acme, "web", team=devs, contact=bo)
    make.project(acme, "api")
    for role, holder in (("read", {"user": bo}), ("write", {"team": devs}), ("admin", {"robot": robot})):
        make.grant(web, role, **holder)
        projects.create_default_grant(actor=make.SYSTEM, organization=acme, role=role, **holder)
    projects.create_default_grant(
        actor=make.SYSTEM, organization=acme, role="read", team=devs, activating_robot=robot
    )
    projects.star_project(actor=make.actor(bo), project=web)
    projects.report_usage(actor=make.SYSTEM, project=web, size_bytes=500)
    tokens.create_application(actor=make.actor(ada), organization=acme, name="app")
    tokens.create_token(actor=make.actor(ada), kind=Kind.ORGANIZATION, organization=acme, title="all")
    quotas.create_quota(actor=make.SYSTEM, namespace=acme.namespace, limit_bytes=10**6)
    quotas.add_threshold(actor=make.SYSTEM, namespace=acme.namespace, kind="Warning", percent=80)
    quotas.set_limit(actor=make.SYSTEM, namespace=acme.namespace, resource=Resource.ROBOTS, limit=1)
    for owner in ({"namespace": acme.namespace}, {"project": web}):
        Subscription.objects.create(event="e", method="webhook", secret_sealed=seal("s"), **owner)
    return Organization.objects.select_related("namespace", "account").get(pk=acme.pk)


def thing(kind):
    return Trashed.objects.select_related("namespace", "account").get(kind=kind)


def delete_robot(acme, actor=make.SYSTEM):
    services.delete_robot(actor=actor, robot=Robot.objects.get(namespace=acme.namespace))
    return thing("robot")


def delete_team(acme, actor=make.SYSTEM):
    services.delete_team(actor=actor, team=acme.teams.get(slug="devs"))
    return thing("team")


def delete_organization(acme, actor=make.SYSTEM, put_away=True):
    services.delete_organization(actor=actor, organization=acme)
    if put_away:
        purge_organization(acme.pk)
        assert not Organization.objects.exists()
    return thing("organization")


# Robots


def test_a_robot_comes_back_as_it_was(acme, ada):
    before = everything()
    deleted = delete_robot(acme, make.actor(ada))
    assert not Robot.objects.exists()
    assert (deleted.name, deleted.deleted_by_name, deleted.status) == ("ci", "ada", "kept")
    robot, dropped = services.restore_robot(actor=make.actor(ada), thing=deleted)
    assert (robot.full_name, dropped) == ("acme+ci", [])
    assert differences(before) == []
    assert LogEntry.objects.get(kind="restore_robot").metadata == {
        "robot": "ci",
        "old_name": "ci",
        "dropped": 0,
    }


def test_its_old_token_stays_dead_and_it_has_a_new_one(acme):
    old = unseal(Credential.objects.get(kind="robot").sealed)
    robot, _ = services.restore_robot(actor=make.SYSTEM, thing=delete_robot(acme))
    new = unseal(Credential.objects.get(robot=robot, revoked_at=None).sealed)
    assert tokens.authenticate(new, kinds=[Kind.ROBOT]).robot == robot
    with pytest.raises(Unauthenticated):
        tokens.authenticate(old, kinds=[Kind.ROBOT])


def test_a_robots_taken_name_asks_for_another_and_its_limit_holds(acme):
    deleted = delete_robot(acme)
    heir = make.robot(acme, "ci")
    with pytest.raises(Conflict):
        services.restore_robot(actor=make.SYSTEM, thing=deleted)
    with pytest.raises(Invalid):
        services.restore_robot(actor=make.SYSTEM, thing=deleted, name="Not this")
    with pytest.raises(QuotaExceeded, match="robots"):
        services.restore_robot(actor=make.SYSTEM, thing=deleted, name="ci-old")
    assert not heir.grants.exists()
    services.delete_robot(actor=make.SYSTEM, robot=heir)
    robot, _ = services.restore_robot(actor=make.SYSTEM, thing=deleted, name="ci-old")
    assert robot.shortname == "ci-old"
    assert robot.grants.get().project.slug == "web"


def test_a_robot_leaves_behind_what_is_gone(acme):
    deleted = delete_robot(acme)
    projects.delete_project(actor=make.SYSTEM, project=Project.objects.get(slug="web"))
    delete_team(acme)
    _, dropped = services.restore_robot(actor=make.SYSTEM, thing=deleted)
    assert sorted((one.what, one.whom) for one in dropped) == [
        ("default permission", "devs"),
        ("permission", "web"),
        ("place in a team", "devs"),
    ]


# Teams


def test_a_team_comes_back_as_it_was(acme, ada):
    before = everything()
    deleted = delete_team(acme, make.actor(ada))
    assert not Membership.objects.filter(user__username="bo").exists()
    assert Project.objects.get(slug="web").team is None
    team, dropped = services.restore_team(actor=make.actor(ada), thing=deleted)
    assert (team.slug, dropped) == ("devs", [])
    assert differences(before) == []
    assert LogEntry.objects.filter(kind="org_restore_team", performer=ada).count() == 1


def test_who_joined_meanwhile_another_way_stays_as_she_is(acme):
    deleted = delete_team(acme)
    bo = Project.objects.get(slug="web").contact
    assert bo
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="creator")
    team, _ = services.restore_team(actor=make.SYSTEM, thing=deleted)
    assert team.members.filter(user=bo).exists()
    assert Membership.objects.get(organization=acme, user=bo).role == "creator"
    used = Quota.objects.get(namespace=acme.namespace, resource="members").used
    assert used == acme.memberships.count() == 3


def test_who_left_stays_away(acme):
    cy = acme.memberships.get(role="admin").user
    make.member(acme.teams.get(slug="devs"), cy)
    deleted = delete_team(acme)
    services.remove_member(actor=make.SYSTEM, organization=acme, user=cy)
    team, dropped = services.restore_team(actor=make.SYSTEM, thing=deleted)
    assert [(one.what, one.whom) for one in dropped] == [("place in a team", "cy")]
    assert not team.members.filter(user=cy).exists()
    assert not acme.memberships.filter(user=cy).exists()


def test_members_need_room(acme):
    deleted = delete_team(acme)
    quotas.set_limit(actor=make.SYSTEM, namespace=acme.namespace, resource=Resource.MEMBERS, limit=2)
    with pytest.raises(QuotaExceeded, match="members"):
        services.restore_team(actor=make.SYSTEM, thing=deleted)
    assert not Team.objects.filter(slug="devs").exists()


def test_a_teams_taken_name_asks_for_another(acme):
    deleted = delete_team(acme)
    make.team(acme, "devs")
    with pytest.raises(Conflict):
        services.restore_team(actor=make.SYSTEM, thing=deleted)
    team, _ = services.restore_team(actor=make.SYSTEM, thing=deleted, name="devs-of-old")
    assert (team.slug, team.name) == ("devs-of-old", "devs-of-old")


def test_a_team_whose_name_as_typed_is_taken_is_called_by_its_new_name(acme):
    services.change_team(actor=make.SYSTEM, team=acme.teams.get(slug="devs"), name="The Devs")
    deleted = delete_team(acme)
    services.create_team(actor=make.SYSTEM, organization=acme, slug="others", name="The Devs")
    with pytest.raises(Conflict):
        services.restore_team(actor=make.SYSTEM, thing=deleted)
    team, _ = services.restore_team(actor=make.SYSTEM, thing=deleted, name="devs2")
    assert (team.slug, team.name) == ("devs2", "devs2")


# Organizations


@pytest.mark.parametrize("put_away", [True, False], ids=["by then a worker came", "at once"])
def test_an_organization_comes_back_as_it_was(acme, ada, put_away):
    before = everything()
    deleted = delete_organization(acme, make.actor(ada), put_away)
    assert list(deleted.owners.all()) == [ada]
    back, dropped = services.restore_organization(actor=make.actor(ada), thing=deleted)
    assert (back.pk, dropped) == (acme.pk, [])
    assert differences(before) == []
    assert not Trashed.objects.exists()
    assert not TrashedRows.objects.exists()
    assert LogEntry.objects.get(kind="org_restore").namespace_id == acme.namespace_id


def test_its_tokens_stay_dead_and_robots_have_new_ones(acme):
    old = unseal(Credential.objects.get(kind="robot").sealed)
    deleted = delete_organization(acme)
    assert deleted.details["tokens"] == ["organization API token: all"]
    services.restore_organization(actor=make.SYSTEM, thing=deleted)
    living = Credential.objects.filter(revoked_at=None).exclude(user__isnull=False)
    assert [one.kind for one in living] == ["robot"]
    with pytest.raises(Unauthenticated):
        tokens.authenticate(old, kinds=[Kind.ROBOT])


def test_an_organizations_taken_name_asks_for_another(acme):
    deleted = delete_organization(acme)
    heir = make.organization("acme", owner=make.user("eve"))
    with pytest.raises(Conflict):
        services.restore_organization(actor=make.SYSTEM, thing=deleted)
    with pytest.raises(Invalid):
        services.restore_organization(actor=make.SYSTEM, thing=deleted, name="x")
    back, _ = services.restore_organization(actor=make.SYSTEM, thing=deleted, name="acme-old")
    assert (back.slug, back.name, back.namespace.name) == ("acme-old", "acme-old", "acme-old")
    assert Organization.objects.get(slug="acme") == heir
    assert heir.memberships.count() == 1


def test_people_who_are_gone_do_not_come_back(acme, ada):
    bo, cy = (Membership.objects.get(user__username=name).user for name in ("bo", "cy"))
    deleted = delete_organization(acme)
    for person in (bo, cy):
        services.delete_user(actor=make.SYSTEM, user=person)
    back, dropped = services.restore_organization(actor=make.SYSTEM, thing=deleted)
    assert {one.whom for one in dropped} == {"bo", "cy"}
    assert [one.user for one in back.memberships.all()] == [ada]
    assert Quota.objects.get(namespace=back.namespace, resource="members").used == 1
    assert Quota.objects.get(account=back.account, resource="members").used == 1


def test_who_restores_it_owns_it_if_nobody_else_is_left(acme, ada):
    root = make.user("root", superuser=True)
    cy = Membership.objects.get(user__username="cy").user
    deleted = delete_organization(acme)
    for person in (ada, cy):
        services.delete_user(actor=make.SYSTEM, user=person)
    deleted = thing("organization")
    with pytest.raises(Conflict):
        services.restore_organization(actor=make.SYSTEM, thing=deleted)
    back, _ = services.restore_organization(actor=make.actor(root), thing=deleted)
    assert back.memberships.get(user=root).role == "owner"
    assert back.account_id != acme.account_id  # nobody was left in the old one
    assert list(back.account.administrators.all()) == [root]
    assert Quota.objects.get(account=back.account, resource="organizations").used == 1


def test_who_may_restore_an_organization(acme, ada):
    keeper, cy = make.user("keeper"), Membership.objects.get(user__username="cy").user
    services.add_administrator(actor=make.SYSTEM, account=acme.account, user=keeper)
    deleted = delete_organization(acme)
    for actor, refusal in (
        (make.actor(None), Unauthenticated),
        (make.actor(make.user("outsider")), Forbidden),
        (make.actor(cy), Forbidden),  # an administrator of it, and no owner
        (make.actor(ada, "org:admin"), Forbidden),
    ):
        with pytest.raises(refusal):
            services.restore_organization(actor=actor, thing=deleted)
    services.restore_organization(actor=make.actor(keeper), thing=deleted)
    assert organization_level(make.actor(ada), acme) == 4


def test_the_accounts_limits_hold(acme):
    deleted = delete_organization(acme)
    quotas.set_limit(actor=make.SYSTEM, account=acme.account, resource=Resource.PROJECTS, limit=1)
    with pytest.raises(QuotaExceeded, match="projects of this account"):
        services.restore_organization(actor=make.SYSTEM, thing=deleted)
    assert thing("organization").status == "kept"
    assert acme.namespace.__class__.objects.get(pk=acme.namespace_id).deleted_at is not None


def test_a_provider_that_another_took_is_let_go(acme):
    deleted = delete_organization(acme)
    other = make.organization("other", owner=make.user("eve"))
    services.change_organization(
        actor=make.SYSTEM,
        organization=other,
        changes={"provider": "gh", "provider_organization": "acme-inc"},
    )
    back, _ = services.restore_organization(actor=make.SYSTEM, thing=deleted)
    assert back.provider_organization == ""


def test_an_account_deleted_whole_is_in_the_trash_too(acme):
    services.delete_account(actor=make.SYSTEM, account=acme.account)
    purge_organization(acme.pk)
    root = make.user("root", superuser=True)
    back, _ = services.restore_organization(actor=make.actor(root), thing=thing("organization"))
    assert Project.objects.filter(namespace=back.namespace).count() == 2
    assert {row.resource: row.used for row in Quota.objects.filter(account=back.account)} == {
        "bytes": 500,
        "projects": 2,
        "robots": 1,
        "members": 3,
        "organizations": 1,
    }
    assert Account.objects.get(pk=back.account_id).deleted_at is None


def test_what_was_in_its_trash_comes_back_in_its_trash(acme):
    before = everything()
    projects.delete_project(actor=make.SYSTEM, project=Project.objects.get(slug="web"))
    deleted = delete_organization(acme)
    assert thing("project").status == "kept"
    back, _ = services.restore_organization(actor=make.SYSTEM, thing=deleted)
    assert not Project.objects.filter(slug="web").exists()
    projects.restore_project(actor=make.SYSTEM, thing=thing("project"))
    assert back.pk == acme.pk
    assert differences(before) == []


def test_a_worker_killed_in_between_goes_on(acme):
    before = everything()
    delete_organization(acme, put_away=False)
    archive.move_some(thing("organization").pk, 3)
    assert thing("organization").status == "moving"
    assert Organization.objects.exists()
    purge_organization(acme.pk)
    assert thing("organization").status == "kept"
    services.restore_organization(actor=make.SYSTEM, thing=thing("organization"))
    assert differences(before) == []


def test_without_a_trash_nothing_is_kept(acme, settings):
    settings.TRASH_DAYS = 0
    services.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get())
    services.delete_team(actor=make.SYSTEM, team=acme.teams.get(slug="devs"))
    services.delete_organization(actor=make.SYSTEM, organization=acme)
    purge_organization(acme.pk)
    assert not Trashed.objects.exists()
    assert not Organization.objects.exists()
    assert not Project.objects.exists()
    assert not Application.objects.exists()


# For good


def test_it_ends_by_itself_after_thirty_days(acme, time_machine):
    deleted = delete_organization(acme)
    time_machine.move_to(deleted.deleted_at + timedelta(days=30, seconds=-1))
    sweep()
    assert Trashed.objects.filter(pk=deleted.pk).exists()
    time_machine.move_to(deleted.deleted_at + timedelta(days=30, seconds=1))
    sweep()
    assert not Trashed.objects.exists()
    assert not TrashedRows.objects.exists()
    entry = LogEntry.objects.get(kind="purge_trash")
    assert (entry.performer_name, entry.metadata) == ("system", {"what": "organization", "name": "acme"})
    sweep()
    assert LogEntry.objects.filter(kind="purge_trash").count() == 1


def test_with_an_organization_goes_what_was_in_its_trash(acme):
    delete_robot(acme)
    deleted = delete_organization(acme)
    purge_trashed(actor=make.SYSTEM, thing=deleted)
    purge(deleted.pk)
    assert not Trashed.objects.exists()


def test_deleted_for_good_before_a_worker_came_leaves_nothing(acme):
    deleted = delete_organization(acme, put_away=False)
    purge_trashed(actor=make.SYSTEM, thing=deleted)
    with pytest.raises(NotFound):
        services.restore_organization(actor=make.SYSTEM, thing=deleted)
    with pytest.raises(NotFound):
        purge_trashed(actor=make.SYSTEM, thing=deleted)
    purge_organization(acme.pk)
    purge(deleted.pk)
    assert not Organization.objects.exists()
    assert not TrashedRows.objects.exists()
    assert not Project.objects.exists()


def test_who_may_end_it(acme, ada):
    deleted = delete_robot(acme)
    for actor, refusal in (
        (make.actor(None), Unauthenticated),
        (make.actor(make.user("outsider")), Forbidden),
    ):
        with pytest.raises(refusal):
            purge_trashed(actor=actor, thing=deleted)
    purge_trashed(actor=make.actor(ada), thing=deleted)
    entry = LogEntry.objects.get(kind="purge_trash")
    assert (entry.performer, entry.metadata) == (ada, {"what": "robot", "name": "ci"})


def test_a_killed_purge_goes_on(acme):
    deleted = delete_organization(acme)
    Trashed.objects.filter(pk=deleted.pk).update(status="purging")
    TrashedRows.objects.filter(thing=deleted)[:1].get().delete()
    with pytest.raises(NotFound):
        services.restore_organization(actor=make.SYSTEM, thing=deleted)
    sweep()
    assert not TrashedRows.objects.exists()


def test_keys_rotate_over_the_trash(acme, settings):
    deleted = delete_organization(acme)
    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *old]
    tokens.rotate_keys(actor=make.SYSTEM)
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    services.restore_organization(actor=make.SYSTEM, thing=deleted)
    assert {unseal(one.secret_sealed) for one in Subscription.objects.all()} == {"s"}
    assert Application.objects.get().client_secret


def test_age_is_told_in_days(acme):
    deleted = delete_robot(acme)
    assert days_left(deleted) == 30
    deleted.deleted_at = timezone.now() - timedelta(days=29, hours=23)
    assert days_left(deleted) == 1
