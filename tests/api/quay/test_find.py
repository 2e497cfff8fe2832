"""Finding repositories, teams, robots and namespaces by what people type (quay-b.md 7)."""

import pytest

from projects import search
from projects import services as projects
from tests import make
from tests.api.quay.access import call

pytestmark = pytest.mark.django_db


def repositories(client, query=""):
    answer = call(client, "get", f"find/repositories?{query}")
    assert answer.status_code == 200
    return [f"{one['namespace']['name']}/{one['name']}" for one in answer.json()["results"]]


def everything(client, text):
    answer = call(client, "get", f"find/all?query={text}")
    assert answer.status_code == 200
    return sorted((one["kind"], one["name"]) for one in answer.json()["results"])


@pytest.mark.parametrize(
    ("principal", "names"),
    [
        ("anonymous", {"acme/site"}),
        ("robot", {"acme/site"}),
        ("stranger", {"acme/site"}),
        ("user:admin", {"acme/site"}),
        ("org:admin", {"acme/site"}),
        ("reader", {"acme/site", "acme/web"}),
        ("member", {"acme/site", "acme/docs"}),
        ("admin", {"acme/site", "acme/docs", "acme/web"}),
        ("repo:read", {"acme/site", "acme/docs", "acme/web"}),
        ("superuser", {"acme/site"}),
    ],
)
def test_repositories_are_found_by_who_sees_them(world, principal, names):
    assert set(repositories(world.client(principal))) == names
    assert set(repositories(world.client(principal), "query=acme/")) == names
    assert set(repositories(world.client(principal), "query=globex/")) == set()


def test_superusers_who_see_all_find_all(world, settings):
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    assert repositories(world.client("auditor"), "query=globex/we") == ["globex/web"]
    settings.SUPERUSERS_FULL_ACCESS = True
    assert set(repositories(world.client("full"), "query=web")) == {"acme/web", "globex/web"}


def test_the_closest_name_comes_first_and_descriptions_last(world):
    for slug in ("big-app", "app", "app-two", "other"):
        make.project(world.acme, slug, visibility="public")
    other = make.project(world.globex, "thing", visibility="public")
    projects.set_description(actor=make.SYSTEM, project=other, description="The best APP there is")
    expected = ["acme/app", "acme/app-two", "acme/big-app", "globex/thing"]
    assert repositories(world.client("anonymous"), "query=App") == expected
    assert repositories(world.client("anonymous"), "query=acme/app") == expected[:-1]
    assert repositories(world.client("anonymous"), "query=nowhere/app") == []
    assert repositories(world.client("anonymous"), "query=/app") == []


@pytest.mark.parametrize(
    "query", ["%25", "_", "%5C", "%00", "%F0%9F%90%B3", "a" * 3000, "%ED%A0%80", "'", "/"]
)
def test_nothing_typed_is_a_pattern_or_breaks(world, query):
    for path in ("find/repositories", "find/all"):
        answer = call(world.client("owner"), "get", f"{path}?query={query}")
        assert (answer.status_code, "\x00" in answer.wsgi_request.GET["query"]) in ((200, False), (400, True))
        if answer.status_code == 200:
            assert answer.json()["results"] == []


def test_deleted_things_are_not_found(world):
    projects.delete_project(actor=make.SYSTEM, project=world.projects["site"])
    assert repositories(world.client("anonymous")) == []
    assert everything(world.client("anonymous"), "acme") == []


def test_without_text_the_most_used_come_first(world):
    quiet, busy = (make.project(world.acme, slug, visibility="public") for slug in ("quiet", "busy"))
    for text in ("one", "two", "three"):
        projects.set_description(actor=make.SYSTEM, project=busy, description=text)
    found = call(world.client("anonymous"), "get", "find/repositories?includeUsage=true").json()["results"]
    assert found[0]["name"] == "busy"
    used = [one["popularity"] for one in found]
    assert used == sorted(used, reverse=True)
    assert used[0] > used[-1]
    assert quiet.slug in [one["name"] for one in found]


def test_without_text_everything_is_paged_through_once(world, monkeypatch):
    monkeypatch.setattr(search, "RANKED", 3)
    for number in range(14):
        make.project(world.acme, f"part-{number:02}", visibility="public")
    client = world.client("anonymous")
    pages = [repositories(client, f"page={page}") for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [10, 5, 0]
    assert len({name for page in pages for name in page}) == 15


def test_usage_tells_stars_and_popularity_and_no_time_where_nothing_was_pushed(world):
    for name in ("reader", "writer"):
        projects.star_project(actor=make.actor(world.people[name]), project=world.projects["site"])
    plain = call(world.client("anonymous"), "get", "find/repositories").json()["results"][0]
    assert not {"stars", "popularity", "last_modified"} & plain.keys()
    told = call(world.client("anonymous"), "get", "find/repositories?includeUsage=1").json()["results"][0]
    assert told["stars"] == 2
    listed = call(world.client("anonymous"), "get", "repository?public=1&popularity=1&last_modified=1").json()
    assert told["popularity"] == listed["repositories"][0]["popularity"]
    assert "last_modified" not in told
    assert listed["repositories"][0]["last_modified"] is None


def test_pages_hold_ten_and_end_with_the_tenth(world):
    for number in range(23):
        make.project(world.acme, f"part-{number:02}", visibility="public")
    client = world.client("anonymous")
    pages = [call(client, "get", f"find/repositories?query=part&page={page}").json() for page in (1, 2, 3, 4)]
    assert [len(page["results"]) for page in pages] == [10, 10, 3, 0]
    assert [page["has_additional"] for page in pages] == [True, True, False, False]
    assert [page["start_index"] for page in pages] == [0, 10, 20, 30]
    names = [one["name"] for page in pages for one in page["results"]]
    assert names == [f"part-{number:02}" for number in range(23)]
    for asked, given in ((-5, 1), (0, 1), (11, 10), (10**17, 10)):
        assert call(client, "get", f"find/repositories?page={asked}").json()["page"] == given
    assert call(client, "get", "find/repositories?page=two").status_code == 400


def test_all_kinds_are_found_by_who_may_see_them(world):
    make.team(world.acme, "web-people")
    make.robot(world.acme, "webhook")
    make.robot(world.people["owner"], "weber")
    everybodys = [("repository", "web")]
    assert everything(world.client("anonymous"), "web") == []
    assert everything(world.client("reader"), "web") == everybodys
    inside = [*everybodys, ("robot", "acme+webhook"), ("team", "web-people")]
    assert everything(world.client("admin"), "web") == inside
    assert everything(world.client("owner"), "web") == sorted([*inside, ("robot", "owner+weber")])
    # A token's scopes narrow what is found as they do everywhere.
    assert everything(world.client("org:admin"), "web") == inside[1:]
    assert everything(world.client("user:admin"), "web") == [("robot", "owner+weber")]
    assert everything(world.client("repo:read"), "web") == everybodys
    assert everything(world.client("member"), "devs") == [("team", "devs")]
    assert everything(world.client("member"), "makers") == []
    assert everything(world.client("globex-owner"), "acme") == [("organization", "acme")]


def test_a_robot_is_found_by_its_full_name(world):
    assert everything(world.client("owner"), "acme%2Bci") == [("robot", "acme+ci")]
    assert everything(world.client("owner"), "globex%2Bci") == []


def test_namespaces_are_found_where_something_is_seen(world):
    assert everything(world.client("anonymous"), "acm") == [("organization", "acme")]
    assert everything(world.client("anonymous"), "globex") == []
    make.project(world.people["reader"], "notes", visibility="public")
    assert everything(world.client("anonymous"), "reader") == [("user", "reader")]


def test_the_best_of_all_comes_first_and_at_most_five_of_each(world):
    for number in range(7):
        make.project(world.acme, f"acme-{number}", visibility="public")
    results = call(world.client("anonymous"), "get", "find/all?query=acme").json()["results"]
    assert [one["kind"] for one in results] == ["repository"] * 5 + ["organization"]
    scores = [one["score"] for one in results]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == 1.0


@pytest.mark.parametrize("size", [1, 12])
def test_finding_costs_the_same_at_any_size(
    world, django_assert_num_queries, django_assert_max_num_queries, size
):
    for number in range(size):
        make.project(world.acme, f"part-{number}", visibility="public")
        make.team(world.acme, f"part-{number}")
        make.robot(world.acme, f"part-{number}")
    client = world.client("owner")
    call(client, "get", "find/all?query=part")
    with django_assert_num_queries(5):  # credential and user, teams, robots, repositories, namespaces
        assert len(call(client, "get", "find/all?query=part").json()["results"]) == 3 * min(size, 5)
    with django_assert_num_queries(4):  # credential and user, repositories, stars, popularity
        call(client, "get", "find/repositories?query=part&includeUsage=1")
    with django_assert_max_num_queries(5):  # credential and user, log, what is seen of it, it, the rest
        call(client, "get", "find/repositories")
