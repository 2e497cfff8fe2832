"""Stars (quay-a.md 6.3, quay-b.md 1.9)."""

import pytest

from projects import services as projects
from projects.models import Project, Star
from tests import make
from tests.api.quay.access import call

pytestmark = pytest.mark.django_db
API_KEYS = {"detail", "error_message", "error_type", "title", "type", "status"}
SITE = {"namespace": "acme", "repository": "site"}


def test_a_star_comes_and_goes(world):
    stranger = world.client("stranger")
    for _ in range(2):
        answer = call(stranger, "post", "user/starred", SITE | {"extra": 1})
        assert (answer.status_code, answer.json()) == (201, SITE)
    found = call(stranger, "get", "user/starred").json()
    assert found == {
        "repositories": [{"namespace": "acme", "name": "site", "description": "", "is_public": True}]
    }
    assert call(stranger, "get", "repository/acme/site").json()["is_starred"] is True
    assert call(world.client("owner"), "get", "repository/acme/site").json()["is_starred"] is False
    for _ in range(2):
        answer = call(stranger, "delete", "user/starred/acme/site")
        assert (answer.status_code, answer.content) == (204, b"")
    assert call(stranger, "get", "user/starred/").json() == {"repositories": []}


def test_what_is_missing_or_unseen_is_answered_null(world):
    stranger = world.client("stranger")
    for name in ({"namespace": "acme", "repository": "web"}, {"namespace": "no", "repository": "where"}):
        answer = call(stranger, "post", "user/starred", name)
        assert (answer.status_code, answer.content, answer["Content-Type"]) == (
            200,
            b"null",
            "application/json",
        )
        answer = call(stranger, "delete", f"user/starred/{name['namespace']}/{name['repository']}")
        assert (answer.status_code, answer.content) == (200, b"null")
    assert not Star.objects.exists()


def test_a_star_on_what_is_no_longer_seen_is_not_listed_but_can_go(world):
    reader = world.client("reader")
    assert call(reader, "post", "user/starred", {"namespace": "acme", "repository": "web"}).status_code == 201
    projects.revoke_grant(actor=make.SYSTEM, project=world.projects["web"], user=world.people["reader"])
    assert call(reader, "get", "user/starred").json() == {"repositories": []}
    assert call(reader, "delete", "user/starred/acme/web").status_code == 204
    assert not Star.objects.exists()


def test_nested_names(world):
    make.project(world.acme, "a/b", visibility="public")
    stranger = world.client("stranger")
    assert (
        call(stranger, "post", "user/starred", {"namespace": "acme", "repository": "a/b"}).status_code == 201
    )
    assert call(stranger, "delete", "user/starred/acme%2Fa%2Fb").status_code == 204


@pytest.mark.parametrize("key", ["namespace", "repository"])
@pytest.mark.parametrize("value", [None, 7, True, [], {}, "\x00", "\ud800"])
def test_bad_values(world, key, value):
    answer = call(world.client("stranger"), "post", "user/starred", SITE | {key: value})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)


@pytest.mark.parametrize("key", ["namespace", "repository"])
def test_required_values(world, key):
    answer = call(world.client("stranger"), "post", "user/starred", {key: "x"})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)


def test_pages_of_a_hundred(world):
    stranger = world.people["stranger"]
    made = Project.objects.bulk_create(
        Project(namespace=world.acme.namespace, slug=f"p{n}", name=f"p{n}", visibility="public")
        for n in range(101)
    )
    Star.objects.bulk_create(Star(user=stranger, project=project) for project in made)
    client = world.client("stranger")
    first = call(client, "get", "user/starred").json()
    second = call(client, "get", f"user/starred?next_page={first['next_page']}").json()
    assert [len(page["repositories"]) for page in (first, second)] == [100, 1]
    assert "next_page" not in second
    assert len(call(client, "get", "repository?starred=1").json()["repositories"]) == 99
    assert "next_page" not in call(client, "get", "repository?starred=1").json()
    assert (
        call(client, "get", "user/starred?next_page=rubbish").json()["repositories"] == first["repositories"]
    )
