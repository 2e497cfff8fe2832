"""Many callers of the FlexStack wire at once: names, owners and links hold."""

import json
from collections import Counter

import pytest
from django.test import Client

from logs.models import LogEntry
from permissions.models import Grant
from projects import services
from projects.models import Project
from tests import make
from tests.api.flexstack.conftest import own
from tests.racing import race

CALLERS = 12
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(world, act):
    """Let many call at once; ``act(client, number)`` answers. Returns how often which status came."""
    came: list[int] = []

    def call(number):
        came.append(act(Client(headers={"x-api-key": world.keys["key"]}), number).status_code)

    assert race(CALLERS, call) == {"ok": CALLERS}
    return Counter(came)


def send(client, method, path, body):
    return client.generic(method, f"/v1/{path}", json.dumps(body), content_type="application/json")


def test_one_name_for_many_new_projects(world):
    found = at_once(world, lambda client, _: send(client, "POST", "projects", {"name": "Store front"}))
    assert found == {201: 1, 409: CALLERS - 1}
    assert Project.objects.filter(name="Store front").count() == 1


def test_one_name_for_many_old_projects(world):
    paths = [f"projects/{own('project', make.project(world.acme, f'p{n}'))}" for n in range(CALLERS)]
    found = at_once(world, lambda client, number: send(client, "PUT", paths[number], {"name": "taken"}))
    assert found == {200: 1, 409: CALLERS - 1}
    assert Project.objects.filter(name="taken").count() == 1


def test_two_owners_who_are_removed_at_once(world):
    make.grant(world.web, "admin", user=world.people["viewer"])
    ids = world.ids()
    paths = [f"projects/{ids['web']}/collaborators/{ids[name]}" for name in ("viewer", "keeper")]
    found = at_once(world, lambda client, number: client.delete(f"/v1/{paths[number % 2]}"))
    assert found[204] == 1
    inside = Grant.objects.filter(project=world.web, role="admin", user__memberships__organization=world.acme)
    assert inside.count() == 1


def test_one_member_added_many_times(world):
    ids = world.ids()
    path, body = f"projects/{ids['web']}/collaborators", {"member_ids": [ids["member"], ids["admin"]]}
    assert at_once(world, lambda client, _: send(client, "POST", path, body)) == {201: CALLERS}
    people = [world.people["member"], world.people["admin"]]
    assert Grant.objects.filter(project=world.web, user__in=people).count() == 2
    told = LogEntry.objects.filter(kind="change_repo_permission", metadata__username="member")
    assert told.count() == 1


def test_disconnecting_and_deleting_at_once(world):
    services.connect_project(actor=make.SYSTEM, project=world.web)
    path = f"/v1/projects/{world.ids()['web']}"
    at_once(
        world,
        lambda client, number: client.delete(path) if number % 2 else client.post(f"{path}/disconnect"),
    )
    row = Project.objects.get(pk=world.web.pk)
    kinds = Counter(LogEntry.objects.values_list("kind", flat=True))
    # Whichever came first: it is either gone as it was, or stays until the link is ended.
    assert (row.deleted_at is None) == (row.connection_status == "disconnecting")
    assert kinds["disconnect_repo"] + kinds["delete_repo"] == 1
