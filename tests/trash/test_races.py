from collections.abc import Callable
from typing import Any

import pytest

from accounts import services as accounts
from accounts.models import Membership, Organization, Robot, Team, User
from accounts.tasks import purge_organization
from logs.models import LogEntry
from projects import services as projects
from projects.models import Project
from projects.tasks import purge_project
from quotas.models import Quota
from tests import make
from tests.racing import race
from tests.trash.kept import differences, everything
from trash.models import Trashed, TrashedRows
from trash.services import purge_trashed
from trash.tasks import purge, put_away

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme():
    acme = make.organization()
    team = make.team(acme)
    web = make.project(acme)
    for number in range(5):
        person = make.user(f"user{number}")
        make.member(team, person)
        make.grant(web, "read", user=person)
    make.robot(acme)
    return Organization.objects.select_related("namespace", "account").get()


def thing(kind):
    return Trashed.objects.select_related("namespace", "account").get(kind=kind)


DELETE = {
    "project": lambda: projects.delete_project(actor=make.SYSTEM, project=Project.objects.get()),
    "robot": lambda: accounts.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get()),
    "team": lambda: accounts.delete_team(actor=make.SYSTEM, team=Team.objects.get(slug="devs")),
    "organization": lambda: accounts.delete_organization(
        actor=make.SYSTEM, organization=Organization.objects.get()
    ),
}
RESTORE = {
    "project": projects.restore_project,
    "robot": accounts.restore_robot,
    "team": accounts.restore_team,
    "organization": accounts.restore_organization,
}


@pytest.mark.parametrize("kind", DELETE)
def test_two_returns_are_one(acme, kind):
    before = everything()
    DELETE[kind]()
    deleted = thing(kind)
    found = race(4, lambda _: RESTORE[kind](actor=make.SYSTEM, thing=deleted), at_once=4)
    assert found["ok"] == 1
    assert found["not_found"] == 3
    assert differences(before) == []


@pytest.mark.parametrize("kind", DELETE)
def test_a_return_and_an_end_are_one_of_them(acme, kind):
    before = everything()
    DELETE[kind]()
    deleted = thing(kind)

    def act(number):
        if number:
            purge_trashed(actor=make.SYSTEM, thing=deleted)
        else:
            RESTORE[kind](actor=make.SYSTEM, thing=deleted)

    assert race(2, act, at_once=2) == {"ok": 1, "not_found": 1}
    purge(deleted.pk)
    purge_organization(acme.pk)
    purge_project(deleted.target)
    assert not Trashed.objects.exists()
    assert not TrashedRows.objects.exists()
    ended = LogEntry.objects.filter(kind="purge_trash").exists()
    assert bool(differences(before)) == ended


@pytest.mark.parametrize("kind", ["project", "organization"])
def test_a_return_while_workers_put_away(acme, kind):
    before = everything()
    target = {"project": Project.objects.get().pk, "organization": acme.pk}[kind]
    workers: dict[str, Callable[[int], Any]] = {
        "project": purge_project,
        "organization": purge_organization,
    }
    worker = workers[kind]
    DELETE[kind]()
    deleted = thing(kind)

    def act(number):
        if number == 0:
            RESTORE[kind](actor=make.SYSTEM, thing=deleted)
        elif number % 2:
            worker(target)
        else:
            put_away(deleted.pk)

    assert race(6, act, at_once=6) == {"ok": 6}
    worker(target)
    assert differences(before) == []


def test_workers_put_away_each_row_once(acme):
    before = everything()
    DELETE["organization"]()
    deleted = thing("organization")
    assert race(6, lambda _: purge_organization(acme.pk), at_once=6) == {"ok": 6}
    rows = [row[0] for page in TrashedRows.objects.filter(model="accounts.Membership") for row in page.rows]
    assert len(rows) == len(set(rows)) == 6
    accounts.restore_organization(actor=make.SYSTEM, thing=deleted)
    assert differences(before) == []


def test_a_return_and_a_new_thing_of_the_name(acme):
    DELETE["project"]()
    deleted = thing("project")

    def act(number):
        if number:
            make.project(acme, "web")
        else:
            projects.restore_project(actor=make.SYSTEM, thing=deleted)

    assert race(2, act, at_once=2) == {"ok": 1, "conflict": 1}
    assert Project.objects.filter(slug="web", deleted_at=None).count() == 1
    assert Quota.objects.get(namespace=acme.namespace, resource="projects").used == 1
    assert Quota.objects.get(account=acme.account, resource="projects").used == 1


def test_a_return_and_a_new_organization_of_the_name(acme):
    DELETE["organization"]()
    deleted, eve = thing("organization"), make.user("eve")

    def act(number):
        if number:
            accounts.create_organization(actor=make.actor(eve), slug="acme")
        else:
            accounts.restore_organization(actor=make.SYSTEM, thing=deleted)

    assert race(2, act, at_once=2) == {"ok": 1, "conflict": 1}
    assert Organization.objects.filter(namespace__deleted_at=None, deleted_at=None).count() == 1


def test_a_return_and_a_person_who_goes(acme):
    """Whichever comes first: nobody who is deleted is in anything."""
    DELETE["organization"]()
    purge_organization(acme.pk)
    deleted = thing("organization")
    leaving = list(User.objects.filter(username__startswith="user")[:3])

    def act(number):
        if number:
            accounts.delete_user(actor=make.SYSTEM, user=leaving[number - 1])
        else:
            accounts.restore_organization(actor=make.SYSTEM, thing=deleted)

    assert race(4, act, at_once=4) == {"ok": 4}
    assert not Membership.objects.exclude(user__deleted_at=None).exists()
    used = Quota.objects.get(namespace=acme.namespace, resource="members").used
    assert used == Membership.objects.count()
