"""What calls on repositories cost: constant in size, at most 6 queries for one thing and 8 for a list."""

import pytest
from django.db import transaction

from projects.models import Project, Star
from tests import make
from tests.api.quay.access import call
from tests.counting import counted

pytestmark = pytest.mark.django_db
ONE, LIST = 6, 8
WEB = "repository/acme/web"


def cost(client, path):
    call(client, "get", "error/none")  # the use of a token is noted at most once a minute: not counted here
    with counted() as statements:
        answer = call(client, "get", path)
    assert answer.status_code == 200
    return len(statements), answer.json()


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (WEB, ONE),
        (f"{WEB}?includeStats=true&includeTags=true", ONE),
        (f"{WEB}/permissions/user/reader", ONE),
        (f"{WEB}/permissions/user/acme+ci", ONE),
        (f"{WEB}/permissions/user/reader/transitive", ONE),
        ("repository/acme/docs/permissions/team/devs", ONE),
    ],
)
@pytest.mark.parametrize("principal", ["owner", "admin", "repo:admin"])
def test_one_thing(world, principal, path, most):
    queries, _ = cost(world.client(principal), path)
    assert queries <= most


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("repository?namespace=acme&popularity=1&last_modified=1", "repositories"),
        ("repository?public=true&popularity=1", "repositories"),
        ("repository?starred=true&popularity=1", "repositories"),
        ("user/starred", "repositories"),
        (f"{WEB}/permissions/user/", "permissions"),
        (f"{WEB}/permissions/team/", "permissions"),
        ("entities/th?namespace=acme&includeTeams=1&includeOrgs=1", "results"),
    ],
)
def test_a_list_at_any_size(world, path, key):
    owner = world.client("owner")
    found = []
    for start, stop in ((0, 1), (1, 30)):
        for number in range(start, stop):
            _add(world, f"thing{number:02}")
        queries, body = cost(owner, path)
        found.append(queries)
    assert found[0] == found[1] <= LIST
    assert len(body[key]) >= (20 if key == "results" else 30)  # entities are at most ten of each


def _add(world, name):
    """Add one more of everything that the lists show."""
    person, team = make.user(name), make.team(world.acme, name)
    robot = make.robot(world.acme, name)
    project = Project.objects.create(
        namespace=world.acme.namespace, slug=name, name=name, visibility="public"
    )
    Star.objects.create(user=world.people["owner"], project=project)
    for holder in ({"user": person}, {"team": team}, {"robot": robot}):
        make.grant(world.projects["web"], "read", **holder)


@pytest.mark.parametrize(
    ("method", "path", "body", "most"),
    [
        # A write asks, changes, tells, and looks who wants to hear of it, in one transaction; creating also
        # counts against two quotas and applies the default permissions.
        (
            "post",
            "repository",
            {"namespace": "acme", "repository": "x", "visibility": "private", "description": ""},
            11,
        ),
        ("put", WEB, {"description": "x"}, 6),
        ("post", f"{WEB}/changevisibility", {"visibility": "public"}, 6),
        ("put", f"{WEB}/changestate", {"state": "MIRROR"}, 6),
        ("delete", WEB, None, 16),
        ("put", f"{WEB}/permissions/user/stranger", {"role": "read"}, 11),
        ("put", f"{WEB}/permissions/team/devs", {"role": "read"}, 10),
        ("delete", f"{WEB}/permissions/user/reader", None, 7),
        ("delete", "repository/acme/docs/permissions/team/devs", None, 7),
        ("post", "user/starred", {"namespace": "acme", "repository": "web"}, 7),
    ],
)
def test_a_write_costs_the_same_at_any_size(world, method, path, body, most):
    owner = world.client("owner")
    call(owner, "get", "error/none")
    found = []
    for start, stop in ((0, 1), (1, 30)):
        for number in range(start, stop):
            _add(world, f"thing{number:02}")
        with counted() as statements, transaction.atomic():
            answer = call(owner, method, path, body)
            transaction.set_rollback(True)
        assert answer.status_code < 300, answer.content
        found.append(len(statements))
    assert found[0] == found[1] <= most
