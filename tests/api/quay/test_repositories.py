"""Repositories (quay-b.md 1): bodies, side effects, bad input, routing, pages and races."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from logs.models import LogEntry
from permissions.models import Grant
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import call
from tests.racing import race

pytestmark = pytest.mark.django_db
NEW = {"namespace": "acme", "repository": "api", "visibility": "private", "description": ""}
API_KEYS = {"detail", "error_message", "error_type", "title", "type", "status"}


@pytest.fixture
def owner(world):
    return world.client("owner")


def names(answer):
    return [f"{one['namespace']}/{one['name']}" for one in answer.json()["repositories"]]


def grants_of(project):
    return {
        (grant.user or grant.team or grant.robot).__str__(): grant.role
        for grant in Grant.objects.filter(project=project).select_related("user", "team", "robot__namespace")
    }


def last_entry():
    return LogEntry.objects.latest("pk")


# Creating ------------------------------------------------------------------------------------------------


def test_create_answers_three_keys_and_stores_the_rest(world, owner):
    body = NEW | {"description": "Ünïcode\n", "visibility": "public", "repo_kind": "image", "extra": 1}
    answer = call(owner, "post", "repository", body)
    assert (answer.status_code, answer.json()) == (
        201,
        {"namespace": "acme", "name": "api", "kind": "image"},
    )
    made = Project.objects.get(slug="api")
    assert (made.description, made.visibility, made.state) == ("Ünïcode\n", "public", "NORMAL")
    entry = last_entry()
    assert (entry.kind, entry.project_id, entry.namespace_name) == ("create_repo", made.pk, "acme")
    assert entry.metadata == {
        "repo": "api",
        "namespace": "acme",
        "oauth_token_id": entry.credential_id,
        "oauth_token_application_id": "owner",
        "oauth_token_application": "automation",
    }


def test_the_creator_gets_admin_and_default_permissions_apply(world):
    people, acme = world.people, world.acme
    rule = {"actor": make.SYSTEM, "organization": acme}
    projects.create_default_grant(**rule, role="write", robot=world.robots["bot"])
    projects.create_default_grant(**rule, role="read", user=people["creator"])
    projects.create_default_grant(
        **rule, role="admin", team=world.teams["devs"], activating_user=people["creator"]
    )
    projects.create_default_grant(
        **rule, role="admin", robot=world.robots["bot"], activating_user=people["owner"]
    )
    answer = call(world.client("creator"), "post", "repository", NEW)
    assert answer.status_code == 201
    assert grants_of(Project.objects.get(slug="api")) == {
        "creator": "admin",  # not the read of the rule: the creator is left out of it
        "devs": "admin",  # the rule for this creator beats the general read
        "acme+bot": "write",
    }


def test_create_in_the_own_namespace_by_default(world):
    client = world.client("stranger")
    answer = call(client, "post", "repository", {k: NEW[k] for k in NEW if k != "namespace"})
    assert answer.json()["namespace"] == "stranger"
    assert grants_of(Project.objects.get(slug="api")) == {"stranger": "admin"}


def test_a_taken_name_is_a_400_that_clients_compare(owner):
    answer = call(owner, "post", "repository", NEW | {"repository": "web"})
    assert answer.status_code == 400
    assert answer.json()["error_message"] == answer.json()["detail"] == "Repository already exists"
    assert set(answer.json()) == API_KEYS


@pytest.mark.parametrize(
    "name", ["a", "a/b/c", "web2", "a..b", "a--b_.x", "0", "x" * 255, "a/" + "b" * 253, "permissions/user"]
)
def test_names_that_are_accepted(owner, name):
    assert call(owner, "post", "repository", NEW | {"repository": name}).status_code == 201
    answer = call(owner, "get", f"repository/acme/{name}")
    assert (answer.status_code, answer.json()["name"]) == (200, name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Web",
        "/web",
        "web/",
        "a//b",
        ".web",
        "-web",
        "_web",
        "a/.b",
        "wéb",
        "web ",
        "web\n",
        "x" * 256,
        "a\\b",
    ],
)
def test_names_that_are_refused(owner, name):
    before = Project.objects.count()
    answer = call(owner, "post", "repository", NEW | {"repository": name})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert Project.objects.count() == before


def each(key, *values):
    return [{key: value} for value in values]


BAD_NEW = [
    *each("repository", None, 7, True, [], {}, "a\x00b", "\ud800"),
    *each("visibility", None, "", "Public", "secret", 1, ["public"]),
    *each("description", None, 7, {}, ["x"], "\x00"),
    *each("namespace", None, 7, [], {}, "\x00"),
    *each("repo_kind", "application", "", 1, []),
]


@pytest.mark.parametrize("change", BAD_NEW, ids=lambda change: json.dumps(change))
def test_bad_values_of_every_field(owner, change):
    answer = call(owner, "post", "repository", NEW | change)
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert answer.json()["error_type"] == "invalid_request"


@pytest.mark.parametrize("key", ["repository", "visibility", "description"])
def test_required_fields(owner, key):
    answer = call(owner, "post", "repository", {k: v for k, v in NEW.items() if k != key})
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"'{key}' is a required property"


@pytest.mark.parametrize("body", ["{", "nonsense", '{"a": NaN}x', "\xff"])
def test_bodies_that_are_no_json(owner, body):
    answer = call(owner, "post", "repository", body)
    assert (answer.status_code, set(answer.json())) == (400, {"message"})


def test_an_empty_body(owner):
    answer = owner.generic("POST", "/api/v1/repository", CONTENT_TYPE="application/json")
    assert (answer.status_code, set(answer.json())) == (400, {"message"})


@pytest.mark.parametrize("body", ["null", "[]", "7", '"x"'])
def test_bodies_that_are_no_object(owner, body):
    answer = call(owner, "post", "repository", body)
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)


def test_a_body_of_another_content_type_is_a_415(owner):
    answer = owner.post("/api/v1/repository", "repository=web", content_type="text/plain")
    assert (answer.status_code, set(answer.json())) == (415, {"message"})


def test_the_limit_of_projects_is_a_400_and_nothing_is_made(world, owner):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=3, namespace=world.acme.namespace)
    answer = call(owner, "post", "repository", NEW)
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert not Project.objects.filter(slug="api").exists()


@pytest.mark.django_db(transaction=True)
def test_of_creates_of_one_name_at_once_one_wins():
    world = worlds.build()
    clients = [world.client("owner") for _ in range(8)]
    statuses = []

    def create(number):
        answer = call(clients[number], "post", "repository", NEW)
        statuses.append((answer.status_code, answer.json().get("detail", "")))

    race(8, create, at_once=8)
    assert sorted(statuses) == [(201, "")] + [(400, "Repository already exists")] * 7


# Listing -------------------------------------------------------------------------------------------------


def test_the_list_shows_what_the_caller_sees(world):
    def listed(principal, query):
        return names(call(world.client(principal), "get", f"repository?{query}"))

    assert listed("owner", "namespace=acme") == ["acme/web", "acme/docs", "acme/site"]
    assert listed("reader", "namespace=acme") == ["acme/web"]
    assert listed("member", "namespace=acme") == ["acme/docs"]
    assert listed("creator", "namespace=acme") == []
    assert listed("creator", "namespace=acme&public=True") == ["acme/site"]
    assert listed("creator", "namespace=acme&public=False") == []
    assert listed("anonymous", "namespace=acme") == []
    assert listed("anonymous", "public=1") == ["acme/site"]
    assert listed("reader", "public=1") == ["acme/web", "acme/site"]
    assert listed("owner", "namespace=globex&public=1") == []
    assert listed("owner", "namespace=nowhere&public=1") == []
    assert listed("org:admin", "namespace=acme") == []  # no scope for repositories
    assert listed("repo:read", "namespace=acme") == ["acme/web", "acme/docs", "acme/site"]
    assert listed("auditor", "namespace=globex") == []


@pytest.mark.usefixtures("world")
def test_a_read_only_superuser_lists_everything(world, settings):
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    found = names(call(world.client("auditor"), "get", "repository?public=1"))
    assert found == ["acme/web", "acme/docs", "acme/site", "globex/web"]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", API_KEYS),
        ("?namespace=", API_KEYS),
        ("?public=false&starred=0", API_KEYS),
        ("?public=1&repo_kind=application", {"message"}),
        ("?public=1&repo_kind=", {"message"}),
        ("?namespace=%00", API_KEYS),
    ],
)
def test_bad_queries(owner, query, keys):
    answer = call(owner, "get", f"repository{query}")
    assert (answer.status_code, set(answer.json())) == (400, keys)


@pytest.mark.parametrize("query", ["limit=x", "page=-1", "next_page=nonsense", "next_page=gAAAA", "mode=x"])
def test_what_is_unknown_or_unreadable_in_a_query_is_ignored(owner, query):
    answer = call(owner, "get", f"repository?namespace=acme&{query}")
    assert names(answer) == ["acme/web", "acme/docs", "acme/site"]


def test_columns_that_must_be_asked_for(world, owner):
    plain = call(owner, "get", "repository?namespace=acme").json()["repositories"][0]
    assert set(plain) == {
        "namespace", "name", "description", "is_public", "kind", "state", "is_starred", "quota_report",
    }  # fmt: skip
    query = "repository?namespace=acme&popularity=true&last_modified=true"
    web, docs, _ = call(owner, "get", query).json()["repositories"]
    assert web["last_modified"] is None
    assert (web["popularity"], docs["popularity"]) == (4.0, 2.0)  # its entries: made, and granted thrice
    assert isinstance(web["popularity"], float)
    LogEntry.objects.update(at=timezone.now() - timedelta(days=8))
    assert call(owner, "get", query).json()["repositories"][0]["popularity"] == 0.0
    nobody = call(world.client("anonymous"), "get", "repository?public=1").json()["repositories"][0]
    assert "is_starred" not in nobody


def test_the_quota_report_is_the_namespaces(world, owner, settings):
    Quota.objects.filter(namespace=world.acme.namespace, resource="bytes").update(limit=10 * 2**30)
    found = call(owner, "get", "repository?namespace=acme").json()["repositories"]
    assert [one["quota_report"] for one in found] == [{"quota_bytes": 0, "configured_quota": 10737418240}] * 3
    settings.QUOTA_MANAGEMENT = False
    found = call(owner, "get", "repository?namespace=acme").json()["repositories"]
    assert not any("quota_report" in one for one in found)


def test_pages_of_a_hundred(world, owner):
    Project.objects.bulk_create(
        Project(namespace=world.acme.namespace, slug=f"p{n:03}", name=f"p{n:03}") for n in range(200)
    )
    first = call(owner, "get", "repository?namespace=acme").json()
    assert len(first["repositories"]) == 100
    second = call(owner, "get", f"repository?namespace=acme&next_page={first['next_page']}").json()
    third = call(owner, "get", f"repository?namespace=acme&next_page={second['next_page']}").json()
    assert [len(page["repositories"]) for page in (second, third)] == [100, 3]
    assert "next_page" not in third
    seen = [one["name"] for page in (first, second, third) for one in page["repositories"]]
    assert len(set(seen)) == 203
    with time_machine.travel(timezone.now() + timedelta(days=2, minutes=1)):
        stale = call(owner, "get", f"repository?namespace=acme&next_page={first['next_page']}").json()
    assert stale["repositories"] == first["repositories"]


def test_a_page_that_is_just_full_has_no_next(world, owner):
    Project.objects.bulk_create(
        Project(namespace=world.acme.namespace, slug=f"p{n:03}", name=f"p{n:03}") for n in range(97)
    )
    page = call(owner, "get", "repository?namespace=acme").json()
    assert (len(page["repositories"]), "next_page" in page) == (100, False)


def test_starred_repositories_whatever_else_filters(world):
    reader = world.client("reader")
    for slug in ("web", "site"):
        assert (
            call(reader, "post", "user/starred", {"namespace": "acme", "repository": slug}).status_code == 201
        )
    assert names(call(reader, "get", "repository?starred=true&namespace=globex")) == ["acme/web", "acme/site"]
    projects.revoke_grant(actor=make.SYSTEM, project=world.projects["web"], user=world.people["reader"])
    found = call(reader, "get", "repository?starred=true").json()["repositories"]
    assert [(one["name"], one["is_starred"]) for one in found] == [("site", True)]
    answer = call(world.client("anonymous"), "get", "repository?starred=true")
    assert (answer.status_code, set(answer.json())) == (400, {"message"})


# One repository ------------------------------------------------------------------------------------------


def test_what_a_caller_may_do_is_told(world):
    def told(principal, slug="web"):
        body = call(world.client(principal), "get", f"repository/acme/{slug}").json()
        return body["can_write"], body["can_admin"]

    assert told("owner") == (True, True)
    assert told("writer") == (True, False)
    assert told("reader") == told("repo:read") == told("anonymous", "site") == (False, False)
    assert told("repo:write") == (True, False)
    projects.set_state(actor=make.SYSTEM, project=world.projects["web"], state="READ_ONLY")
    assert told("owner") == (False, True)


def test_parts_of_a_repository_that_must_be_asked_for(world, owner):
    assert call(owner, "get", "repository/acme/web").json()["tags"] == {}
    for off in ("false", "False", "0", ""):
        assert "tags" not in call(owner, "get", f"repository/acme/web?includeTags={off}").json()
    body = call(owner, "get", "repository/acme/web?includeStats=True").json()
    assert len(body["stats"]) == 92
    assert body["stats"][-1] == {"date": timezone.now().date().isoformat(), "count": 4}
    assert {day["count"] for day in body["stats"][:-1]} == {0}


def test_the_badge_is_told_of_private_repositories_alone(world, owner):
    assert call(owner, "get", "repository/acme/web").json()["status_token"] == str(
        world.projects["web"].badge
    )
    assert call(owner, "get", "repository/acme/site").json()["status_token"] == ""


def test_a_persons_repository(world):
    make.project(world.people["stranger"], "mine")
    stranger = world.client("stranger")
    body = call(stranger, "get", "repository/stranger/mine").json()
    assert (body["is_organization"], body["tag_expiration_s"]) == (False, 1209600)


@pytest.mark.parametrize("principal", ["owner", "writer"])
def test_the_description_is_changed(world, principal):
    answer = call(world.client(principal), "put", "repository/acme/web", {"description": "# New\n", "x": 1})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    world.projects["web"].refresh_from_db()
    assert world.projects["web"].description == "# New\n"
    entry = last_entry()
    assert entry.kind == "set_repo_description"
    assert {"repo": "web", "namespace": "acme", "description": "# New\n"}.items() <= entry.metadata.items()


BAD_CHANGES = [
    *(("put", "", body) for body in [{}, *each("description", None, 7, [], {}, "\x00")]),
    *(("post", "/changevisibility", body) for body in [{}, *each("visibility", None, "", "Private", 1, {})]),
    *(
        ("put", "/changestate", body)
        for body in [{}, *each("state", None, "", "normal", "ORG_MIRROR", 1, [])]
    ),
]


@pytest.mark.parametrize(("method", "ending", "body"), BAD_CHANGES, ids=str)
def test_bad_changes(world, owner, method, ending, body):
    answer = call(owner, method, f"repository/acme/web{ending}", body)
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    # Permission is asked before the body is looked at.
    assert call(world.client("stranger"), method, f"repository/acme/web{ending}", body).status_code == 403


def test_visibility_and_state(world, owner):
    for _ in range(2):
        answer = call(owner, "post", "repository/acme/web/changevisibility", {"visibility": "public"})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert last_entry().kind == "change_repo_visibility"  # told even if nothing changed
    assert call(world.client("anonymous"), "get", "repository/acme/web").status_code == 200
    for state in ("MIRROR", "READ_ONLY", "NORMAL"):
        answer = call(owner, "put", "repository/acme/web/changestate", {"state": state})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert last_entry().metadata["state_changed"] == state
        assert call(owner, "get", "repository/acme/web").json()["state"] == state
        # What is no registry content can be changed in every state.
        assert call(owner, "put", "repository/acme/web", {"description": state}).status_code == 200


def test_a_deleted_repository_is_gone_and_its_name_free(world, owner):
    reader = world.client("reader")
    call(reader, "post", "user/starred", {"namespace": "acme", "repository": "web"})
    answer = call(owner, "delete", "repository/acme/web")
    assert (answer.status_code, answer.content) == (204, b"")
    entry = last_entry()
    assert (entry.kind, entry.project_id, entry.namespace_name) == ("delete_repo", None, "acme")
    assert call(owner, "get", "repository/acme/web").status_code == 404
    assert call(reader, "get", "repository/acme/web").status_code == 403
    assert call(reader, "get", "user/starred").json() == {"repositories": []}
    assert call(owner, "delete", "repository/acme/web").status_code == 204
    # Nothing was deleted the second time, and so nothing is told.
    assert LogEntry.objects.filter(kind="delete_repo").count() == 1
    assert call(owner, "post", "repository", NEW | {"repository": "web"}).status_code == 201
    # Nothing of the dead one is inherited.
    assert call(reader, "get", "repository/acme/web").status_code == 403
    assert set(call(owner, "get", "repository/acme/web/permissions/user/").json()["permissions"]) == {"owner"}


def test_a_missing_repository_is_a_404_with_six_keys(owner):
    answer = call(owner, "get", "repository/acme/nowhere")
    assert (answer.status_code, set(answer.json())) == (404, API_KEYS)


# Addresses -----------------------------------------------------------------------------------------------


def test_nested_names_and_every_spelling_of_a_slash(world, owner):
    make.project(world.acme, "team-a/app/component")
    for path in (
        "acme/team-a/app/component",
        "acme/team-a/app/component/",
        "acme%2Fteam-a%2Fapp%2Fcomponent",
        "acme%2fteam-a/app%2fcomponent/",
    ):
        answer = call(owner, "get", f"repository/{path}")
        assert (answer.status_code, answer.json().get("name")) == (200, "team-a/app/component"), path
    answer = call(
        owner, "put", "repository/acme%2Fteam-a%2Fapp%2Fcomponent/permissions/team/devs", {"role": "read"}
    )
    assert answer.status_code == 200
    for path in ("permissions/team", "permissions/team/"):
        answer = call(owner, "get", f"repository/acme/team-a/app/component/{path}")
        assert list(answer.json()["permissions"]) == ["devs"]


def test_a_repository_named_like_an_ending(world, owner):
    for slug in ("logs", "changestate", "permissions"):
        make.project(world.acme, slug)
        assert call(owner, "get", f"repository/acme/{slug}").json()["name"] == slug


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        # No ending serves these: the bare rule takes them for nested names.
        ("get", "acme/web/permissions", 404),
        ("get", "acme/web/changevisibility", 404),
        ("get", "acme/web/changestate/", 404),
        ("get", "acme/web/tag/v1", 404),
        ("put", "acme/web/permissions/user/", 404),
        ("delete", "acme/web/permissions/team", 204),
        ("delete", "acme/web/changestate", 204),
        ("post", "acme/web", 405),
        ("post", "acme/web/changestate", 405),
        ("post", "acme/web/permissions/user/reader", 405),
        ("post", "acme/web/notification/7/reset", 405),
        ("patch", "acme/web/changestate", 405),
    ],
)
def test_what_no_ending_serves_is_a_nested_name(world, owner, method, path, status):
    body = {"description": "x", "state": "READ_ONLY"}
    answer = call(owner, method, f"repository/{path}", body)
    assert answer.status_code == status
    if method not in ("post", "patch"):
        assert call(world.client("stranger"), method, f"repository/{path}", body).status_code == 403
    assert Project.objects.filter(slug="web", deleted_at=None, state="NORMAL").exists()


@pytest.mark.parametrize(
    "path", ["repository/acme", "repository/acme/", "repository//web", "repository/acme//web"]
)
def test_no_repository_at_all(owner, path):
    answer = call(owner, "get", path)
    assert (answer.status_code, set(answer.json())) == (404, API_KEYS)


@pytest.mark.parametrize(
    "path",
    [
        "repository/acme/web%00",
        "repository/acme%00/web",
        "repository/acme/web/permissions/user/a%00",
        "entities/%00",
        "repository/acme/%ff%fe",
        "repository/acme/web%0A",
        "repository/acme/" + "x" * 3000,
        "repository/acme/" + "x/" * 500 + "x",
        "repository/..%2F..%2Fetc/passwd",
        "repository/acme/web%22%27%3B--",
        "repository/acme/%F0%9F%9A%80",
    ],
)
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_hostile_addresses_are_refused_in_the_wires_words(world, owner, method, path):
    for client in (owner, world.client("anonymous")):
        answer = call(client, method, path, {"description": "", "role": "read"})
        assert 200 <= answer.status_code < 500
        assert answer.status_code in (200, 204, 400, 401, 403, 404, 405)
    assert Project.objects.filter(slug="web", deleted_at=None).count() == 2


def test_head_and_options(owner):
    answer = owner.head("/api/v1/repository/acme/web")
    assert (answer.status_code, answer.content) == (200, b"")
    for path in ("repository", "repository/acme/web", "repository/acme/web/permissions/user/"):
        answer = owner.options(f"/api/v1/{path}")
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")


# Dead tokens ---------------------------------------------------------------------------------------------


def dead_clients(world):
    secret = world.secret("owner")
    yield worlds.bearer("x" * 40)
    yield worlds.bearer(secret + "x")
    expired = make.token(world.people["owner"], expires_at=timezone.now() - timedelta(seconds=1))
    yield worlds.bearer(expired)
    worlds.end_token(secret)
    yield worlds.bearer(secret)


def test_a_dead_token_reads_like_nobody_and_writes_like_a_stranger_without_csrf(world):
    for client in dead_clients(world):
        assert call(client, "get", "repository/acme/site").status_code == 200
        assert call(client, "get", "repository/acme/web").status_code == 401
        assert names(call(client, "get", "repository?namespace=acme")) == []
        answer = call(client, "delete", "repository/acme/web")
        assert (answer.status_code, set(answer.json())) == (403, {"error"})
        assert call(client, "post", "repository", NEW).status_code == 403


def test_a_refusal_is_recorded_where_the_tenant_looks(world):
    call(world.client("stranger"), "delete", "repository/acme/web")
    entry = last_entry()
    assert (entry.kind, entry.namespace_name, entry.performer_name) == ("access_denied", "acme", "stranger")
    assert entry.metadata["path"] == "/api/v1/repository/acme/web"
