from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from core.errors import Forbidden, FreshLoginRequired, Unauthenticated
from permissions import catalogue
from permissions.catalogue import OrganizationRole
from permissions.checks import check, explain, readable, require, require_fresh
from projects.models import Project
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make.organization(owner=make.user("owner"))


def actor_with(acme, role):
    person = make.user(f"some-{role}")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
    return make.actor(person)


RIGHTS_BY_ROLE = [
    # right, stranger, member, creator, admin, owner
    (catalogue.ORGANIZATION_READ, False, True, True, True, True),
    (catalogue.ROBOT_LIST, False, True, True, True, True),
    (catalogue.QUOTA_READ, False, True, True, True, True),
    (catalogue.PROJECT_CREATE, False, False, True, True, True),
    (catalogue.ROBOT_CREATE, False, False, False, True, True),
    (catalogue.TEAM_CREATE, False, False, False, True, True),
    (catalogue.LOG_READ, False, False, False, True, True),
    (catalogue.ORGANIZATION_DELETE, False, False, False, True, True),
    (catalogue.INSTANCE_READ, False, False, False, False, False),
    (catalogue.USER_MANAGE, False, False, False, False, False),
]


@pytest.mark.parametrize(("right", "stranger", "member", "creator", "admin", "owner"), RIGHTS_BY_ROLE)
def test_rights_by_direct_role(acme, right, stranger, member, creator, admin, owner):
    wanted = {"member": member, "creator": creator, "admin": admin, "owner": owner}
    found = {role: check(actor_with(acme, role), right, acme) for role in wanted}
    assert found == wanted
    assert check(make.actor(make.user("stranger")), right, acme) is stranger
    assert check(make.actor(None), right, acme) is False


@pytest.mark.parametrize("role", ["member", "creator", "admin"])
def test_a_team_gives_its_role(acme, role):
    team, bo = make.team(acme, role=role), make.user("bo")
    make.member(team, bo)
    actor = make.actor(bo)
    assert check(actor, catalogue.ORGANIZATION_READ, acme)
    assert check(actor, catalogue.PROJECT_CREATE, acme.namespace) is (role != "member")
    assert check(actor, catalogue.TEAM_CREATE, acme) is (role == "admin")


SCOPES = [
    # scope, right, allowed for the organization's owner
    ("org:admin", catalogue.TEAM_CREATE, True),
    ("repo:create", catalogue.TEAM_CREATE, False),
    ("repo:create", catalogue.PROJECT_CREATE, True),
    ("repo:admin", catalogue.PROJECT_CREATE, False),
    ("repo:read", catalogue.ORGANIZATION_READ, False),
    ("user:admin", catalogue.ORGANIZATION_READ, False),
    ("super:user", catalogue.ORGANIZATION_CHANGE, False),
]


@pytest.mark.parametrize(("scope", "right", "allowed"), SCOPES)
def test_scopes_cap_organization_roles(acme, scope, right, allowed):
    owner = User.objects.get(username="owner")
    assert check(make.actor(owner, scope), right, acme) is allowed


PROJECT_SCOPES = [("repo:read", 1), ("repo:write", 2), ("repo:admin", 3), ("org:admin", 0), ("user:admin", 0)]


@pytest.mark.parametrize(("scope", "level"), PROJECT_SCOPES)
def test_scopes_cap_project_roles(acme, scope, level):
    owner = User.objects.get(username="owner")
    actor, web = make.actor(owner, scope), make.project(acme)
    rights = (catalogue.PROJECT_READ, catalogue.PROJECT_WRITE, catalogue.PROJECT_DELETE)
    assert [check(actor, right, web) for right in rights] == [level >= 1, level >= 2, level >= 3]


def test_a_token_may_create_an_organization_only_with_user_admin(acme):
    owner = User.objects.get(username="owner")
    assert check(make.actor(owner, "user:admin"), catalogue.ORGANIZATION_CREATE)
    assert not check(make.actor(owner, "org:admin"), catalogue.ORGANIZATION_CREATE)


def test_explain_names_every_path_and_marks_the_deciding_one(acme):
    bo, web = make.user("bo"), make.project(acme, visibility="public")
    readers, admins = make.team(acme, "readers"), make.team(acme, "admins", role="admin")
    make.member(readers, bo)
    make.member(admins, bo)
    make.grant(web, "read", team=readers)
    make.grant(web, "write", user=bo)
    found = explain(make.actor(bo), catalogue.PROJECT_DELETE, web)
    assert found.allowed
    assert [(path.kind, path.level.name, path.deciding) for path in found.paths] == [
        ("organization_admin", "ADMIN", True),
        ("grant", "WRITE", False),
        ("public", "READ", False),
        ("team_grant", "READ", False),
    ]
    assert found.reason == "admin by team admins, and so admin of its projects"


def test_explain_tells_a_missing_role_from_a_missing_scope(acme):
    owner = User.objects.get(username="owner")
    assert explain(make.actor(owner, "repo:read"), catalogue.TEAM_CREATE, acme).reason == (
        "The token's scopes do not allow to create teams"
    )
    assert explain(make.actor(make.user("bo")), catalogue.TEAM_CREATE, acme).reason == (
        "Your role does not allow to create teams"
    )


def test_nobody_is_told_to_sign_in_and_somebody_is_forbidden(acme):
    with pytest.raises(Unauthenticated):
        require(make.actor(None), catalogue.TEAM_CREATE, acme)
    with pytest.raises(Forbidden) as refused:
        require(make.actor(make.user("bo")), catalogue.TEAM_CREATE, acme)
    assert refused.value.namespace == acme.namespace


def test_public_projects_need_no_scope_and_private_ones_do(acme):
    web, secret = make.project(acme, visibility="public"), make.project(acme, "secret")
    for actor in (make.actor(None), make.actor(make.user("bo"), "user:read")):
        assert check(actor, catalogue.PROJECT_READ, web)
        assert not check(actor, catalogue.PROJECT_READ, secret)
        assert not check(actor, catalogue.PROJECT_WRITE, web)


def test_superusers_pass_everywhere_only_with_full_access(acme, settings):
    web = make.project(acme)
    root = make.user("root", superuser=True)
    assert check(make.actor(root), catalogue.USER_MANAGE)
    assert not check(make.actor(root), catalogue.PROJECT_READ, web)
    assert not check(make.actor(root), catalogue.TEAM_CREATE, acme)
    settings.SUPERUSERS_FULL_ACCESS = True
    assert check(make.actor(root), catalogue.PROJECT_DELETE, web)
    assert check(make.actor(root), catalogue.TEAM_CREATE, acme)
    assert not check(make.actor(root, "org:admin repo:admin"), catalogue.TEAM_CREATE, acme)
    assert check(make.actor(root, "super:user"), catalogue.TEAM_CREATE, acme)


def test_superusers_by_the_environment(acme, settings):
    bo = make.user("bo")
    assert not check(make.actor(bo), catalogue.USER_MANAGE)
    settings.SUPERUSERS = frozenset({"bo"})
    assert check(make.actor(bo), catalogue.USER_MANAGE)


def test_readonly_superusers_see_all_and_change_nothing(acme, settings):
    web, auditor = make.project(acme), make.user("auditor", superuser=True)
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    settings.SUPERUSERS_FULL_ACCESS = True
    targets = {"organization": acme, "project": web, "instance": None, "own account": auditor}
    for right in catalogue.RIGHTS.values():
        if right.ladder != catalogue.Ladder.ACCOUNT:
            allowed = check(make.actor(auditor, "repo:read"), right, targets[right.ladder])
            assert allowed is right.reading, right
        # Of her own account she sees what her token shows her; nothing else is hers to change either.
        assert check(make.actor(auditor), right, targets[right.ladder]) is right.harmless, right
    for right in (catalogue.PROJECT_CREATE, catalogue.ROBOT_CREATE, catalogue.LOG_EXPORT):
        assert not check(make.actor(auditor), right, auditor.namespace)
    assert catalogue.ROBOT_SECRET.reading is False


def test_ones_own_namespace(acme):
    ada, bo = make.user("ada"), make.user("bo")
    assert check(make.actor(ada), catalogue.ROBOT_CREATE, ada.namespace)
    assert not check(make.actor(bo), catalogue.ROBOT_CREATE, ada.namespace)
    # Robots of one's own hang on the own account's scopes, projects on those for projects.
    assert check(make.actor(ada, "user:admin"), catalogue.ROBOT_CREATE, ada.namespace)
    assert not check(make.actor(ada, "org:admin"), catalogue.ROBOT_CREATE, ada.namespace)
    assert check(make.actor(ada, "repo:create"), catalogue.PROJECT_CREATE, ada.namespace)
    assert not check(make.actor(ada, "user:admin"), catalogue.PROJECT_CREATE, ada.namespace)


def test_members_of_a_team_see_who_is_in_it(acme):
    devs, ops = make.team(acme, "devs"), make.team(acme, "ops")
    bo = make.user("bo")
    make.member(devs, bo)
    assert check(make.actor(bo), catalogue.TEAM_READ, devs)
    assert not check(make.actor(bo), catalogue.TEAM_READ, ops)
    assert not check(make.actor(bo, "repo:admin"), catalogue.TEAM_READ, devs)


def test_readable_lists_what_check_allows(acme):
    bo = make.user("bo")
    team = make.team(acme)
    make.member(team, bo)
    for number, how in enumerate(["none", "user", "team", "public"]):
        project = make.project(acme, f"p{number}", visibility="public" if how == "public" else "private")
        if how in ("user", "team"):
            make.grant(project, "read", **{how: bo if how == "user" else team})
    make.project(bo, "own")
    make.project(make.organization("other"), "hidden")
    actor = make.actor(bo)
    listed = set(Project.objects.filter(readable(actor)))
    allowed = {
        project
        for project in Project.objects.exclude(visibility="public")
        if check(actor, catalogue.PROJECT_READ, project)
    }
    assert listed == allowed
    assert {project.slug for project in listed} == {"p1", "p2", "own"}


@pytest.mark.parametrize("teams", [1, 30])
def test_a_check_costs_the_same_in_any_number_of_teams(acme, teams, django_assert_num_queries):
    bo, web = make.user("bo"), make.project(acme)
    for number in range(teams):
        team = make.team(acme, f"team{number}")
        make.member(team, bo)
        make.grant(web, "read", team=team)
    actor = make.actor(bo)
    web = Project.objects.select_related("namespace__organization").get(pk=web.pk)
    with django_assert_num_queries(1):  # grants and roles in the organization at once
        assert check(actor, catalogue.PROJECT_READ, web)
        assert not check(actor, catalogue.PROJECT_DELETE, web)


def test_every_role_is_on_its_ladder():
    assert set(catalogue.ORGANIZATION_LEVEL) == set(OrganizationRole.values)
    assert set(catalogue.SCOPE_CEILING) == set(catalogue.Scope.values)


def test_a_session_must_be_fresh_and_a_token_need_not(settings):
    ada = make.user("ada")
    session = make.actor(ada)
    with pytest.raises(FreshLoginRequired):
        require_fresh(session)
    require_fresh(replace(session, signed_in_at=timezone.now()))
    old = timezone.now() - timedelta(seconds=settings.FRESH_LOGIN_SECONDS + 1)
    with pytest.raises(FreshLoginRequired):
        require_fresh(replace(session, signed_in_at=old))
    without_password = make.user("bo", password=None)
    with pytest.raises(FreshLoginRequired):
        require_fresh(make.actor(without_password))
