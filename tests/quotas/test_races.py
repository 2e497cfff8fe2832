import pytest

from accounts import services as accounts
from accounts.models import Account, Namespace, Organization, Robot, User
from permissions.catalogue import OrganizationRole
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 10
BORN = 1  # an organization is born with a team


def obtain(organization, team, name):
    projects.obtain_project(actor=make.SYSTEM, organization=organization, team=team, project=name)


def limit(resource, organization, **owner):
    owner = owner or {"namespace": organization.namespace}
    return quotas.set_limit(actor=make.SYSTEM, resource=resource, limit=LIMIT, **owner)


def test_64_creates_of_projects_under_a_limit_of_10_give_10():
    acme = make.organization()
    limit(Resource.PROJECTS, acme)
    found = race(64, lambda n: make.project(acme, f"project{n}"))
    assert found == {"ok": LIMIT, "quota_exceeded": 54}
    assert Project.objects.count() == LIMIT
    assert Quota.objects.get(namespace=acme.namespace, resource="projects").used == LIMIT


def test_the_limit_by_name_holds_while_other_ways_make_projects_beyond_it():
    acme = make.organization()
    quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=LIMIT)

    def come(n):
        if n % 2:
            make.project(acme, f"by-hand{n}")
        else:
            obtain(acme, f"team{n % 8}", f"by-name{n}")

    found = race(48, come)
    by_name = list(Project.objects.filter(slug__startswith="by-name").values_list("pk", flat=True))
    assert found == {"ok": 24 + len(by_name), "quota_exceeded": 24 - len(by_name)}
    # Rows are made while the counter is held: none was made by name when there were ten already.
    first = Project.objects.order_by("pk").values_list("pk", flat=True)[:LIMIT]
    assert set(by_name) <= set(first)
    assert acme.teams.count() == len(set(Project.objects.filter(pk__in=by_name).values_list("team"))) + BORN
    assert Quota.objects.get(namespace=acme.namespace, resource="projects").used == Project.objects.count()


def test_24_asked_for_by_name_under_a_limit_of_10_give_10():
    acme = make.organization()
    quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=LIMIT)
    found = race(24, lambda n: obtain(acme, "devs", f"project{n}"))
    assert found == {"ok": LIMIT, "quota_exceeded": 14}
    assert Project.objects.count() == LIMIT
    gone = list(Project.objects.all()[:3])
    assert race(3, lambda n: projects.delete_project(actor=make.SYSTEM, project=gone[n])) == {"ok": 3}
    found = race(8, lambda n: obtain(acme, "devs", f"later{n}"))
    assert found == {"ok": 3, "quota_exceeded": 5}


def test_64_creates_of_robots_under_an_account_limit_of_10_give_10():
    acme = make.organization()
    limit(Resource.ROBOTS, acme, account=acme.account)
    found = race(64, lambda n: make.robot(acme, f"robot{n}"))
    assert found == {"ok": LIMIT, "quota_exceeded": 54}
    assert Robot.objects.count() == LIMIT
    # What the account refused was not counted on the namespace either.
    assert Quota.objects.get(namespace=acme.namespace, resource="robots").used == LIMIT


def test_members_are_counted_exactly_whatever_way_they_come():
    acme = make.organization()
    team = make.team(acme)
    people = [make.user(f"user{n}") for n in range(24)]
    limit(Resource.MEMBERS, acme)

    def come(n):
        if n % 2:
            accounts.add_team_member(actor=make.SYSTEM, team=team, user=people[n])
        else:
            accounts.set_member_role(
                actor=make.SYSTEM, organization=acme, user=people[n], role=OrganizationRole.MEMBER
            )

    found = race(24, come)
    assert found == {"ok": LIMIT - 1, "quota_exceeded": 24 - LIMIT + 1}  # the owner is in already
    assert acme.memberships.count() == LIMIT
    assert Quota.objects.get(namespace=acme.namespace, resource="members").used == LIMIT


def test_creating_and_deleting_at_once_leaves_no_drift():
    acme = make.organization()
    robots = make.robots(acme, 8)

    def churn(n):
        if n < 8:
            accounts.delete_robot(actor=make.SYSTEM, robot=robots[n])
        else:
            make.robot(acme, f"new{n}")

    assert race(16, churn) == {"ok": 16}
    assert Quota.objects.get(namespace=acme.namespace, resource="robots").used == Robot.objects.count() == 8


def test_two_deletions_of_one_project_release_once():
    acme = make.organization()
    project = make.project(acme)
    found = race(2, lambda _: projects.delete_project(actor=make.SYSTEM, project=project), at_once=2)
    assert found == {"ok": 1, "not_found": 1}
    assert Quota.objects.get(namespace=acme.namespace, resource="projects").used == 0


def test_50_creates_of_one_organization_in_several_spellings_give_one():
    ada = make.user()
    spellings = ["acme", "Acme", "ACME", "\uff41cme", "\uff21\uff23\uff2d\uff25", "\u24d0cme"]

    def create(n):
        accounts.create_organization(actor=make.actor(ada), slug=spellings[n % len(spellings)])

    assert race(50, create) == {"ok": 1, "conflict": 49}
    assert Organization.objects.count() == 1
    assert Account.objects.filter(kind="group").count() == 1
    assert Namespace.objects.filter(key="acme").count() == 1


def test_two_first_users_at_once_give_one():
    found = race(
        8,
        lambda n: accounts.initialize(actor=make.SYSTEM, username=f"first{n}", password=make.PASSWORD),
        at_once=8,
    )
    assert found == {"ok": 1, "conflict": 7}
    assert User.objects.count() == 1


def test_the_last_administrators_cannot_all_leave_at_once():
    ada, bo = make.user("ada"), make.user("bo")
    acme = make.organization(owner=ada)
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role=OrganizationRole.OWNER)

    def leave(n):
        person = (ada, bo)[n % 2]
        accounts.remove_member(actor=make.SYSTEM, organization=acme, user=person)

    found = race(2, leave, at_once=2)
    assert found == {"ok": 1, "conflict": 1}
    assert acme.memberships.count() == 1
