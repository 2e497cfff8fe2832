import pytest

from accounts import selectors, services
from accounts.models import Account, Namespace, Organization, Team, User
from accounts.tasks import purge_user
from core.errors import Conflict, Forbidden, Invalid, Unauthenticated
from logs.models import LogEntry
from permissions.catalogue import ORGANIZATION_DELETE, PROJECT_DELETE
from permissions.checks import check
from projects.models import Project
from quotas.models import Quota, Resource
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def root():
    return make.user("root", superuser=True)


@pytest.fixture
def ada():
    return make.user("ada")


def used(resource, **owner):
    return Quota.objects.get(resource=resource, **owner).used


def test_a_superuser_joins_an_admin_team_of_an_organization(root, ada):
    acme = make.organization(owner=ada)
    assert not check(make.actor(root), ORGANIZATION_DELETE, acme)
    services.take_ownership(actor=make.actor(root), namespace=acme.namespace)
    assert check(make.actor(root), ORGANIZATION_DELETE, acme)
    assert [row.user for row in selectors.team_members(team=acme.teams.get())] == [ada, root]
    entry = LogEntry.objects.get(kind="take_ownership")
    assert (entry.namespace_name, entry.metadata["was_user"]) == ("root", False)
    services.take_ownership(actor=make.actor(root), namespace=acme.namespace)
    assert used(Resource.MEMBERS, namespace=acme.namespace) == 2


def test_without_an_admin_team_one_is_made_beside_what_is_called_owners(root, ada):
    acme = make.organization(owner=ada)
    acme.teams.update(role=Team.Role.MEMBER)
    services.take_ownership(actor=make.actor(root), namespace=acme.namespace)
    assert list(acme.teams.order_by("pk").values_list("slug", "role")) == [
        ("owners", "member"),
        ("owners-2", "admin"),
    ]


def test_a_persons_namespace_becomes_an_organization_and_she_is_gone(root, ada):
    acme = make.organization(owner=make.user("bob"))
    make.member(acme.teams.get(), ada)
    web, robot = make.project(ada, "web"), make.robot(ada, "ci")
    robot_token = services.regenerate_robot_token(actor=make.SYSTEM, robot=robot)
    token = make.token(ada)
    namespace = Namespace.objects.get(key="ada")

    made = services.take_ownership(actor=make.actor(root), namespace=namespace)

    assert (made.slug, made.namespace_id, made.account.kind) == ("ada", namespace.pk, Account.Kind.GROUP)
    assert list(made.teams.values_list("slug", "role")) == [("owners", "admin")]
    assert check(make.actor(root), PROJECT_DELETE, Project.objects.get(pk=web.pk))
    with pytest.raises(Unauthenticated):
        tokens.authenticate(token, kinds=[Kind.OAUTH])
    assert tokens.authenticate(robot_token, kinds=[Kind.ROBOT]).robot == robot
    assert not acme.memberships.filter(user=ada).exists()
    account = made.account
    assert used(Resource.PROJECTS, account=account) == used(Resource.ROBOTS, account=account) == 1
    assert used(Resource.MEMBERS, account=account) == used(Resource.ORGANIZATIONS, account=account) == 1

    purge_user(ada.pk)
    assert not User.objects.filter(pk=ada.pk).exists()
    assert Organization.objects.get(pk=made.pk).namespace.projects.get() == web
    assert LogEntry.objects.get(kind="take_ownership").metadata["was_user"] is True
    # The organization goes as any other does.
    services.delete_organization(actor=make.actor(root), organization=Organization.objects.get(pk=made.pk))


def test_who_may_not_be_taken_over(root, ada):
    other = make.user("other", superuser=True)
    with pytest.raises(Invalid):
        services.take_ownership(actor=make.actor(root), namespace=other.namespace)
    make.organization(owner=ada)
    with pytest.raises(Conflict):
        services.take_ownership(actor=make.actor(root), namespace=ada.namespace)
    with pytest.raises(Forbidden):
        services.take_ownership(actor=make.actor(ada), namespace=root.namespace)
