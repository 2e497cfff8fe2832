"""Finding whom something can be granted to (quay-b.md 7, quay-a.md 12)."""

import pytest

from tests import make
from tests.api.quay.access import call

pytestmark = pytest.mark.django_db


def found(client, query):
    answer = call(client, "get", f"entities/{query}")
    assert answer.status_code == 200
    return [(one["name"], one["kind"]) for one in answer.json()["results"]]


def test_anybody_finds_people_by_the_beginning_of_a_name(world):
    anonymous = world.client("anonymous")
    assert found(anonymous, "reader?includeOrgs=False&includeTeams=False") == [("reader", "user")]
    assert found(anonymous, "RE") == [("reader", "user")]
    assert found(anonymous, "r%C3%A9%20a") == [("reader", "user")]
    assert found(anonymous, "nobody") == []
    body = call(anonymous, "get", "entities/reader").json()["results"][0]
    assert list(body) == ["name", "kind", "is_robot", "avatar"]


def test_the_exact_name_is_never_cut_off(world):
    for number in range(12):
        make.user(f"ada{number:02}")
    make.user("ada")
    names = found(world.client("anonymous"), "ada")
    assert len(names) == 10
    assert names[0] == ("ada", "user")
    make.robot(world.acme, "ada")
    names = found(world.client("member"), "ada?namespace=acme")
    assert (len(names), names[0], names[-1]) == (10, ("ada", "user"), ("acme+ada", "user"))


def test_robots_and_teams_are_for_who_is_inside(world):
    query = "c?namespace=acme&includeTeams=True&includeOrgs=True"
    make.team(world.acme, "core")
    inside = [("core", "team"), ("creator", "user"), ("acme+ci", "user")]
    assert found(world.client("member"), query) == inside
    for principal in ("stranger", "anonymous", "reader", "repo:read", "user:admin"):
        assert found(world.client(principal), query) == [("creator", "user")]
    assert found(world.client("member"), "acme+c?namespace=acme") == [("acme+ci", "user")]
    assert found(world.client("member"), "ci") == []
    assert found(world.client("owner"), "ci?namespace=globex&includeTeams=1") == []


def test_the_organization_itself(world):
    assert found(world.client("anonymous"), "ac?namespace=acme&includeOrgs=true") == [("acme", "org")]
    assert found(world.client("anonymous"), "ac?namespace=acme") == []
    assert found(world.client("anonymous"), "ac?includeOrgs=true") == []
    assert found(world.client("anonymous"), "x?namespace=acme&includeOrgs=true") == []
    assert found(world.client("anonymous"), "ac?namespace=nowhere&includeOrgs=true") == []


def test_the_order_and_who_counts_as_a_member(world):
    make.team(world.acme, "acme-people")
    make.robot(world.acme, "acme-bot")
    make.user("acme-fan")
    results = call(
        world.client("owner"), "get", "entities/acme?namespace=acme&includeTeams=1&includeOrgs=1"
    ).json()["results"]
    assert [(one["name"], one["kind"]) for one in results] == [
        ("acme-people", "team"),
        ("acme-fan", "user"),
        ("acme+acme-bot", "user"),
        ("acme", "org"),
    ]
    assert all(one["is_org_member"] for one in results)


def test_robots_of_ones_own(world):
    make.robot(world.people["stranger"], "bot")
    assert found(world.client("stranger"), "b?namespace=stranger") == [("stranger+bot", "user")]
    assert found(world.client("owner"), "b?namespace=stranger") == []


@pytest.mark.parametrize("prefix", ["%25", "_", "*", "%5C", "%27%22", "%20", "%E2%80%8B", "x" * 2000])
def test_strange_prefixes(world, prefix):
    assert call(world.client("owner"), "get", f"entities/{prefix}?namespace=acme").status_code == 200
    if prefix in ("%25", "_", "*", "%5C"):
        assert found(world.client("owner"), prefix) == []


def test_there_is_no_external_directory(world):
    answer = call(world.client("owner"), "post", "entities/link/reader", {})
    assert (answer.status_code, set(answer.json())) == (404, {"message"})
