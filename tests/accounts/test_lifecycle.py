import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import services
from accounts.models import (
    Account,
    Invitation,
    Membership,
    Namespace,
    Organization,
    Robot,
    Team,
    TeamMember,
    User,
)
from accounts.tasks import purge_organization, purge_user, sweep
from core.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, QuotaExceeded, Unauthenticated
from logs.models import LogEntry
from permissions.catalogue import ORGANIZATION_CHANGE
from permissions.checks import check
from permissions.models import DefaultGrant, Grant
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tokens.models import Credential

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization(owner=ada)


def kinds(**where):
    return list(LogEntry.objects.filter(**where).order_by("pk").values_list("kind", flat=True))


# People


def test_a_person_comes_with_namespace_account_and_counters(ada):
    assert (ada.namespace.name, ada.namespace.kind) == ("ada", "user")
    assert Account.objects.get(user=ada).kind == "personal"
    assert Quota.objects.filter(namespace=ada.namespace).count() == 4
    entry = LogEntry.objects.get(kind="user_create")
    assert (entry.performer_name, entry.dialect, entry.metadata["email"]) == (
        "system",
        "test",
        "ada@example.test",
    )


@pytest.mark.parametrize("name", ["a", "-a", "a-", "a b", "a..b", "a/b", "a+b", "", "x" * 256, "a\n", "ä€"])
def test_names_that_break_the_rule(name):
    with pytest.raises(Invalid):
        make.user(name, email="")
    assert not Namespace.objects.exists()


@pytest.mark.parametrize("password", ["", "short12", "with space1", "tab\tbed-in"])
def test_passwords_that_break_the_rule(password):
    with pytest.raises(Invalid):
        make.user("ada", password=password)
    assert not Namespace.objects.exists()


@pytest.mark.parametrize("email", ["nonsense", "a@b", "a@@b.de", "a b@c.de"])
def test_addresses_that_break_the_rule(email):
    with pytest.raises(Invalid):
        make.user("ada", email=email)


def test_taken_names_and_addresses(ada):
    for name, email in (("ADA", ""), ("other", "Ada@Example.test")):
        with pytest.raises(Conflict):
            make.user(name, email=email)
    with pytest.raises(Conflict):
        make.organization("ada", owner=ada)
    with pytest.raises(Invalid):
        make.organization("acme", owner=ada, email="ada@example.test")


def test_only_superusers_make_people(ada):
    with pytest.raises(Forbidden):
        services.create_user(actor=make.actor(ada), username="bo")
    root = make.user("root", superuser=True)
    services.create_user(actor=make.actor(root), username="bo")
    with pytest.raises(Forbidden):
        services.create_user(actor=make.actor(root, "user:admin"), username="eve")


def test_sign_up_only_where_it_is_on(settings):
    with pytest.raises(Forbidden):
        services.sign_up(actor=make.actor(None), username="ada", password=make.PASSWORD)
    settings.USER_CREATION = True
    assert services.sign_up(actor=make.actor(None), username="ada", password=make.PASSWORD).username == "ada"


def test_superusers_do_not_change_superusers(ada):
    root, other = make.user("root", superuser=True), make.user("other", superuser=True)
    for act in (
        lambda: services.change_user(actor=make.actor(root), user=other, enabled=False),
        lambda: services.delete_user(actor=make.actor(root), user=other),
    ):
        with pytest.raises(Invalid):
            act()
    services.change_user(actor=make.actor(root), user=ada, enabled=False, email="new@example.test")
    ada.refresh_from_db()
    assert (ada.is_active, ada.email) == (False, "new@example.test")
    assert {"user_disable", "user_change_email"} <= set(kinds())


def test_the_last_superuser_stays_one(settings):
    root, other = make.user("root", superuser=True), make.user("other", superuser=True)
    services.set_superuser(actor=make.actor(root), user=other, superuser=False)
    with pytest.raises(Conflict):
        services.set_superuser(actor=make.actor(root), user=root, superuser=False)
    assert User.objects.get(pk=root.pk).is_superuser
    settings.SUPERUSERS = frozenset({"ada"})
    services.set_superuser(actor=make.actor(root), user=root, superuser=False)


def test_changing_the_own_account_is_all_or_nothing(ada):
    changes = {"company": "Acme", "tag_expiration_s": 7}
    with pytest.raises(Invalid):
        services.change_own_account(actor=make.actor(ada), changes=changes)
    assert User.objects.get(pk=ada.pk).company == ""
    changes["tag_expiration_s"] = 86400
    services.change_own_account(actor=make.actor(ada), changes=changes)
    assert User.objects.get(pk=ada.pk).company == "Acme"


# Signing in


def sign_in(name, password=make.PASSWORD, ip="192.0.2.1"):
    actor = make.actor(None).at(dialect="test", ip=ip, user_agent="curl")
    return services.sign_in(actor=actor, username=name, password=password)


def test_signing_in_by_name_and_by_address(ada):
    assert sign_in("ada") == sign_in("ADA") == sign_in("Ada@example.test") == ada
    assert kinds(performer_name="ada") == ["login_success"] * 3


def test_failed_sign_ins_are_logged_and_slowed_down(ada):
    for _ in range(10):
        with pytest.raises(DomainError) as refused:
            sign_in("ada", "wrong-wrong")
        assert refused.value.code == "bad_credentials"
    for name in ("ada", "ADA"):
        with pytest.raises(DomainError) as refused:
            sign_in(name)
        assert (refused.value.code, refused.value.details["retry_after"]) == ("too_many_requests", 60)
    assert sign_in("ada", ip="192.0.2.2") == ada
    failures = LogEntry.objects.filter(kind="login_failure")
    assert failures.count() == 10
    assert {(row.namespace_name, row.ip) for row in failures} == {("ada", "192.0.2.1")}
    assert "wrong-wrong" not in str(list(LogEntry.objects.values()))


def test_unknown_disabled_and_deleted_people_are_told_apart_by_nothing(ada):
    bo = make.user("bo")
    services.change_user(actor=make.SYSTEM, user=bo, enabled=False)
    services.delete_user(actor=make.SYSTEM, user=make.user("eve"))
    words = set()
    for name, password in (
        ("ada", "wrong-wrong"),
        ("bo", make.PASSWORD),
        ("eve", make.PASSWORD),
        ("no", "x" * 9),
    ):
        with pytest.raises(DomainError) as refused:
            sign_in(name, password)
        words.add((refused.value.code, refused.value.message))
    assert len(words) == 1


def test_signing_out_ends_every_session(ada):
    before = ada.get_session_auth_hash()
    services.sign_out(actor=make.actor(ada))
    assert User.objects.get(pk=ada.pk).get_session_auth_hash() != before
    services.sign_out(actor=make.actor(None))


# Organizations and teams


def test_an_organization_comes_with_account_owners_and_counters(acme, ada):
    assert list(acme.account.administrators.all()) == [ada]
    assert acme.memberships.get().role == "owner"
    owners = acme.teams.get()
    assert (owners.slug, owners.role, owners.members.get().user) == ("owners", "admin", ada)
    used = {row.resource: row.used for row in Quota.objects.filter(namespace=acme.namespace)}
    assert used == {"bytes": 0, "projects": 0, "robots": 0, "members": 1}


def test_a_slug_is_derived_from_what_people_typed(ada):
    first = services.create_organization(actor=make.actor(ada), name="My Föö & Co.")
    second = services.create_organization(actor=make.actor(ada), name="my foo co")
    assert [(one.slug, one.name) for one in (first, second)] == [
        ("my-foo-co", "My Föö & Co."),
        ("my-foo-co-2", "my foo co"),
    ]


def test_change_is_all_or_nothing(acme, ada):
    with pytest.raises(Invalid):
        services.change_organization(
            actor=make.actor(ada),
            organization=acme,
            changes={"email": "ops@acme.test", "tag_expiration_s": 1},
        )
    assert Organization.objects.get().email == ""


def test_the_limit_of_organizations_of_an_account(acme, ada):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.ORGANIZATIONS, limit=1, account=acme.account)
    with pytest.raises(QuotaExceeded):
        services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)
    assert not Namespace.objects.filter(key="second").exists()
    services.delete_organization(actor=make.actor(ada), organization=acme)
    services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)


def test_only_an_accounts_administrator_opens_organizations_in_it(acme):
    with pytest.raises(Forbidden):
        services.create_organization(actor=make.actor(make.user("bo")), slug="second", account=acme.account)


def test_being_in_a_team_makes_a_member_until_the_last_team_is_left(acme, ada):
    bo, actor = make.user("bo"), make.actor(ada)
    one, two = make.team(acme, "one"), make.team(acme, "two")
    make.member(one, bo)
    make.member(two, bo)
    assert Membership.objects.get(user=bo).is_direct is False
    services.remove_team_member(actor=actor, team=one, user=bo)
    assert Membership.objects.filter(user=bo).exists()
    services.delete_team(actor=actor, team=two)
    assert not Membership.objects.filter(user=bo).exists()
    assert Quota.objects.get(namespace=acme.namespace, resource="members").used == 1
    assert kinds(namespace=acme.namespace)[-2:] == ["org_remove_team_member", "org_delete_team"]


def test_direct_members_stay_when_they_leave_their_teams(acme, ada):
    bo, team = make.user("bo"), make.team(acme)
    services.set_member_role(actor=make.actor(ada), organization=acme, user=bo, role="member")
    make.member(team, bo)
    services.remove_team_member(actor=make.actor(ada), team=team, user=bo)
    assert Membership.objects.get(user=bo).role == "member"


def test_on_a_wire_of_teams_leaving_the_last_admin_team_ends_administration(acme, ada):
    bo = make.user("bo")
    owners = acme.teams.get()
    make.member(owners, bo)
    services.remove_team_member(actor=make.actor(bo), team=owners, user=ada, teams_only=True)
    assert not Membership.objects.filter(user=ada).exists()
    assert not check(make.actor(ada), ORGANIZATION_CHANGE, acme)


def test_nobody_takes_the_last_administration(acme, ada):
    actor, owners = make.actor(ada), acme.teams.get()

    def step_down_and_delete_the_team():
        services.set_member_role(actor=actor, organization=acme, user=ada, role="member")
        services.delete_team(actor=actor, team=owners)

    for act in (
        lambda: services.remove_member(actor=actor, organization=acme, user=ada),
        step_down_and_delete_the_team,
        lambda: services.remove_team_member(actor=actor, team=owners, user=ada, teams_only=True),
        lambda: services.delete_user(actor=actor, user=ada),
    ):
        with pytest.raises((Conflict, Invalid)), transaction.atomic():
            act()
    services.delete_team(actor=actor, team=owners)  # she owns it directly as well


def test_only_owners_make_and_unmake_owners(acme, ada):
    bo, eve = make.user("bo"), make.user("eve")
    services.set_member_role(actor=make.actor(ada), organization=acme, user=bo, role="admin")
    for act in (
        lambda: services.set_member_role(actor=make.actor(bo), organization=acme, user=eve, role="owner"),
        lambda: services.set_member_role(actor=make.actor(bo), organization=acme, user=ada, role="member"),
        lambda: services.remove_member(actor=make.actor(bo), organization=acme, user=ada),
    ):
        with pytest.raises(Forbidden):
            act()
    services.set_member_role(actor=make.actor(bo), organization=acme, user=eve, role="admin")


def test_removing_a_member_ends_teams_and_direct_grants(acme, ada):
    bo, team, web = make.user("bo"), make.team(acme), make.project(acme)
    make.member(team, bo)
    make.grant(web, "write", user=bo)
    services.remove_member(actor=make.actor(ada), organization=acme, user=bo)
    assert not Membership.objects.filter(user=bo).exists()
    assert not TeamMember.objects.filter(user=bo).exists()
    assert not Grant.objects.filter(user=bo).exists()
    services.remove_member(actor=make.actor(ada), organization=acme, user=bo)  # not in it: no error


def test_team_names_and_roles(acme, ada):
    make.team(acme)
    with pytest.raises(Conflict):
        make.team(acme)
    for name, role in (("Devs", "member"), ("x", "member"), ("ops", "king")):
        with pytest.raises(Invalid):
            make.team(acme, name, role=role)
    with pytest.raises(Invalid):
        services.change_team(actor=make.actor(ada), team=Team.objects.get(slug="devs"), role="king")


def test_robots_of_others_do_not_join(acme, ada):
    team, foreign = make.team(acme), make.robot(make.organization("other"))
    with pytest.raises(Invalid):
        services.add_team_member(actor=make.actor(ada), team=team, robot=foreign)
    services.add_team_member(actor=make.actor(ada), team=team, robot=make.robot(acme))
    with pytest.raises(Conflict):
        services.add_team_member(
            actor=make.actor(ada), team=team, robot=Robot.objects.get(namespace=acme.namespace)
        )


def test_strangers_are_invited_where_the_instance_mails(acme, ada, settings):
    settings.MAILING = True
    bo, eve, team = make.user("bo"), make.user("eve"), make.team(acme)
    assert services.add_team_member(actor=make.actor(ada), team=team, user=bo) is True
    code = Invitation.objects.get().code
    assert not Membership.objects.filter(user=bo).exists()
    for actor, error in ((make.actor(eve), Invalid), (make.actor(None), Unauthenticated)):
        with pytest.raises(error):
            services.accept_invitation(actor=actor, code=code)
    assert services.accept_invitation(actor=make.actor(bo), code=code).team == team
    with pytest.raises(Invalid):
        services.accept_invitation(actor=make.actor(bo), code=code)
    assert TeamMember.objects.filter(team=team, user=bo).exists()
    assert kinds()[-2:] == ["org_invite_team_member", "org_team_member_invite_accepted"]


def test_invitations_by_address(acme, ada):
    bo, eve, team = make.user("bo"), make.user("eve"), make.team(acme)
    invitation = services.invite(actor=make.actor(ada), team=team, email="Bo@example.test")
    with pytest.raises(Invalid):
        services.decline_invitation(actor=make.actor(eve), code=invitation.code)
    services.decline_invitation(actor=make.actor(bo), code=invitation.code)
    assert not Invitation.objects.exists()
    services.invite(actor=make.actor(ada), team=team, email="bo@example.test")
    services.withdraw_invitation(actor=make.actor(ada), team=team, email="BO@example.test")
    with pytest.raises(NotFound):
        services.withdraw_invitation(actor=make.actor(ada), team=team, email="bo@example.test")


# Ends


def whole_world(ada):
    acme = make.organization(owner=ada)
    bo, team, web, robot = make.user("bo"), make.team(acme), make.project(acme), make.robot(acme)
    make.member(team, bo)
    for holder in ({"user": bo}, {"team": team}, {"robot": robot}):
        make.grant(web, "write", **holder)
        projects.create_default_grant(actor=make.SYSTEM, organization=acme, role="read", **holder)
    projects.star_project(actor=make.actor(bo), project=web)
    services.invite(actor=make.SYSTEM, team=team, email="x@example.test")
    return acme


def test_a_deleted_organization_is_gone_at_once_and_its_rows_by_the_worker(ada):
    acme = whole_world(ada)
    services.delete_organization(actor=make.actor(ada), organization=acme)
    assert not Credential.objects.filter(robot__isnull=False, revoked_at=None).exists()
    assert not Membership.objects.filter(organization=acme).exists()
    again = make.organization(owner=ada)
    assert again.namespace_id != acme.namespace_id
    purge_organization(acme.pk)
    purge_organization(acme.pk)  # twice is fine
    purge_organization(again.pk)  # alive: untouched
    for model in (Project, Robot, Grant, DefaultGrant, Invitation):
        assert not model.objects.exists(), model
    assert Organization.objects.get() == again
    assert Team.objects.get().organization == again
    tomb = Namespace.objects.get(pk=acme.namespace_id)
    assert (tomb.name, tomb.deleted_at is not None) == ("acme", True)
    assert LogEntry.objects.filter(namespace=tomb, namespace_name="acme", kind="create_robot").exists()
    assert not LogEntry.objects.filter(namespace=again.namespace, kind="create_robot").exists()


def test_a_deleted_person_is_gone_at_once_and_her_rows_by_the_sweeper(ada):
    bo = make.user("bo")
    make.project(bo)
    make.robot(bo)
    make.token(bo)
    services.delete_user(actor=make.actor(bo), user=bo)
    assert Credential.objects.filter(revoked_at=None).count() == 0
    again = make.user("bo")
    sweep()
    assert set(User.objects.values_list("username", flat=True)) == {"ada", "bo"}
    assert User.objects.get(username="bo") == again
    assert not Project.objects.exists()
    assert not Robot.objects.exists()
    assert Account.objects.filter(kind="personal").count() == 2
    purge_user(again.pk)
    assert User.objects.filter(pk=again.pk).exists()


def test_a_leaving_administrators_account_finds_an_heir(acme, ada):
    bo = make.user("bo")
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="admin")
    services.delete_user(actor=make.actor(ada), user=ada)
    assert list(acme.account.administrators.all()) == [bo]
    assert acme.memberships.get().user == bo


def test_deleting_an_account_deletes_what_it_holds(acme, ada):
    second = services.create_organization(actor=make.actor(ada), slug="second", account=acme.account)
    with pytest.raises(Forbidden):
        services.delete_account(actor=make.actor(make.user("bo")), account=acme.account)
    services.delete_account(actor=make.actor(ada), account=acme.account)
    assert set(Organization.objects.exclude(deleted_at=None)) == {acme, second}
    assert kinds(namespace=second.namespace)[-1] == "org_delete"


def test_the_last_administrator_of_an_account_stays(acme, ada):
    bo = make.user("bo")
    with pytest.raises(Conflict), transaction.atomic():
        services.remove_administrator(actor=make.actor(ada), account=acme.account, user=ada)
    services.add_administrator(actor=make.actor(ada), account=acme.account, user=bo)
    services.remove_administrator(actor=make.actor(ada), account=acme.account, user=ada)
    assert list(acme.account.administrators.all()) == [bo]


# Robots


def test_robot_names(acme):
    make.robot(acme)
    with pytest.raises(Conflict) as refused:
        make.robot(acme)
    assert refused.value.message == "Existing robot with name: acme+ci"
    assert Quota.objects.get(namespace=acme.namespace, resource="robots").used == 1
    for name in ("", "x", "CI", "a b", "a+b", "x" * 256):
        with pytest.raises(Invalid):
            make.robot(acme, name)


@pytest.mark.parametrize(
    "identities",
    [
        [{"issuer": "ftp://x", "subject": "a"}],
        [{"issuer": "https://", "subject": "a"}],
        [{"issuer": "https://idp.example", "subject": ""}],
        [{"issuer": "https://idp.example", "subject": "a"}] * 2,
    ],
)
def test_bad_federations_change_nothing(acme, identities):
    robot = make.robot(acme)
    good = [{"issuer": "https://idp.example", "subject": "good"}]
    services.set_robot_federation(actor=make.SYSTEM, robot=robot, identities=good)
    with pytest.raises(Invalid), transaction.atomic():
        services.set_robot_federation(actor=make.SYSTEM, robot=robot, identities=identities)
    assert robot.federations.get().subject == "good"


# What the database itself guards


@pytest.mark.parametrize(
    "broken",
    [
        lambda acme, ada: Grant.objects.create(project=make.project(acme), role="read"),
        lambda acme, ada: Grant.objects.create(project=make.project(acme), role="king", user=ada),
        lambda acme, ada: TeamMember.objects.create(team=acme.teams.get()),
        lambda acme, ada: Membership.objects.create(organization=acme, user=ada, role="member"),
        lambda acme, ada: Credential.objects.create(kind="oauth", digest=b"x"),
        lambda acme, ada: Credential.objects.create(kind="oauth", digest=b"y", user=ada, organization=acme),
        lambda acme, ada: Quota.objects.create(resource="bytes"),
        lambda acme, ada: Quota.objects.filter(namespace=acme.namespace).update(used=-1),
        lambda acme, ada: Account.objects.create(kind="personal", name="nobody's"),
        lambda acme, ada: Namespace.objects.create(name="ACME", key="acme", kind="user"),
    ],
)
def test_constraints(acme, ada, broken):
    with pytest.raises(IntegrityError), transaction.atomic():
        broken(acme, ada)


def test_if_the_log_fails_the_change_does_not_happen(acme, ada):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE logs_logentry RENAME TO lost")
        with pytest.raises(DatabaseError), transaction.atomic():
            services.create_team(actor=make.actor(ada), organization=acme, slug="devs")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE lost RENAME TO logs_logentry")
    assert acme.teams.count() == 1
