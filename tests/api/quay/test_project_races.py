"""Calls on one repository at the same moment: one outcome, told to everybody, and never a 500."""

import threading
from collections import Counter

import pytest
from django.db import connection

from logs.models import LogEntry
from permissions.models import Grant
from projects import services as projects
from projects.models import Project, Star
from projects.tasks import purge_project
from quotas.models import Quota
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import call
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
WEB = "repository/acme/web"
CALLERS = 6


@pytest.fixture
def world():
    return worlds.build()


def at_once(world, method, path, body=None):
    """Call the same thing at once as the owner; count the statuses."""
    clients = [world.client("owner") for _ in range(CALLERS)]
    statuses: Counter[int] = Counter()

    def act(number):
        sent = () if body is None else (body,)
        statuses[call(clients[number], method, path, *sent).status_code] += 1

    assert race(CALLERS, act, at_once=CALLERS) == {"ok": CALLERS}
    return statuses


def test_one_permission_granted_many_times(world):
    assert at_once(world, "put", f"{WEB}/permissions/user/stranger", {"role": "read"}) == {200: CALLERS}
    assert Grant.objects.filter(user=world.people["stranger"]).count() == 1


def test_one_permission_taken_back_many_times(world):
    found = at_once(world, "delete", f"{WEB}/permissions/user/reader")
    assert found == {204: 1, 400: CALLERS - 1}
    assert LogEntry.objects.filter(kind="delete_repo_permission").count() == 1


def test_one_repository_deleted_many_times(world):
    assert at_once(world, "delete", WEB) == {204: CALLERS}
    assert LogEntry.objects.filter(kind="delete_repo").count() == 1
    assert Quota.objects.get(namespace=world.acme.namespace, resource="projects").used == 2


def test_one_star_given_many_times(world):
    assert at_once(world, "post", "user/starred", {"namespace": "acme", "repository": "site"}) == {
        201: CALLERS
    }
    assert Star.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", WEB, None),
        ("put", WEB, {"description": "late"}),
        ("delete", WEB, None),
        ("post", f"{WEB}/changevisibility", {"visibility": "public"}),
        ("put", f"{WEB}/changestate", {"state": "MIRROR"}),
        ("get", f"{WEB}/permissions/user/", None),
        ("put", f"{WEB}/permissions/user/stranger", {"role": "read"}),
        ("put", f"{WEB}/permissions/team/devs", {"role": "read"}),
        ("delete", f"{WEB}/permissions/user/reader", None),
        ("post", "user/starred", {"namespace": "acme", "repository": "web"}),
        ("get", f"{WEB}/logs", None),
        ("post", f"{WEB}/exportlogs", {}),
    ],
)
def test_a_repository_that_vanishes_during_a_call(world, method, path, body):
    """The project is deleted and purged right after the call has found it."""
    owner, web = world.client("owner"), world.projects["web"]
    seen: list[str] = []

    def vanish():
        projects.delete_project(actor=make.SYSTEM, project=web)
        purge_project(web.pk)
        connection.close()

    def watch(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        if not seen and 'FROM "projects_project"' in sql:
            seen.append(sql)
            other = threading.Thread(target=vanish)
            other.start()
            other.join(timeout=30)
        return answer

    with connection.execute_wrapper(watch):
        answer = call(owner, method, path, *(() if body is None else (body,)))
    assert seen
    assert answer.status_code in (200, 201, 204, 400, 403, 404)
    assert not Project.objects.filter(pk=web.pk).exists()
    assert not Grant.objects.filter(project=web.pk).exists()
    assert not Star.objects.filter(project=web.pk).exists()
