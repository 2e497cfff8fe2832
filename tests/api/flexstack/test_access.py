"""Who gets what on every route of the FlexStack wire."""

import json

import pytest
from django.db import transaction
from django.test import Client
from django.urls import resolve

from api.flexstack.urls import urlpatterns
from logs.models import LogEntry
from tests.api.flexstack.conftest import KEYS, PEOPLE, refused, told

WHO = ("", *PEOPLE, *KEYS)
NEW = {"name": "boot", "org_id": "<acme>"}
CODES = {400: "bad_input", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict"}


def who(stranger, member, creator, viewer, contributor, keeper, admin, auditor, key, otherkey):
    """Spread what groups get over `WHO`: the outsider is a viewer, who is nobody in acme a stranger."""
    return (
        401, stranger, stranger, viewer, member, creator, viewer, contributor, keeper,
        admin, admin, admin, stranger, auditor, key, otherkey, 401, 401, 401, 401,
    )  # fmt: skip


# method, path, body, and what each of WHO gets
CASES: list[tuple[str, str, object, tuple[int, ...]]] = [
    #             stranger member creator viewer contrib keeper admin auditor key otherkey
    ("GET", "projects", None, who(200, 200, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("POST", "projects", NEW, (
        401, 404, 404, 404, 403, 201, 403, 403, 403, 201, 201, 201, 403, 403, 201, 404, 401, 401, 401, 401,
    )),
    ("GET", "projects/{web}", None, who(404, 404, 404, 200, 200, 200, 200, 200, 200, 404)),
    ("PUT", "projects/{web}", {"name": "w"}, who(404, 404, 404, 403, 200, 200, 200, 403, 200, 404)),
    ("DELETE", "projects/{web}", None, who(404, 404, 404, 403, 403, 204, 204, 403, 204, 404)),
    ("POST", "projects/{web}/disconnect", None, who(404, 404, 404, 403, 403, 204, 204, 403, 204, 404)),
    ("PUT", "projects/{web}/disconnect", None, who(404, 404, 404, 403, 403, 204, 204, 403, 204, 404)),
    ("GET", "projects/{web}/collaborators", None, who(404, 404, 404, 200, 200, 200, 200, 200, 200, 404)),
    (
        "POST", "projects/{web}/collaborators", {"member_ids": ["<member>"]},
        who(404, 404, 404, 403, 403, 201, 201, 403, 201, 404),
    ),
    (
        "GET", "projects/{web}/collaborators/{viewer}", None,
        who(404, 404, 404, 200, 200, 200, 200, 200, 200, 404),
    ),
    (
        "PUT", "projects/{web}/collaborators/{viewer}", {"role": "contributor"},
        who(404, 404, 404, 403, 403, 200, 200, 403, 200, 404),
    ),
    (
        "DELETE", "projects/{web}/collaborators/{viewer}", None,
        who(404, 404, 404, 403, 403, 204, 204, 403, 204, 404),
    ),
    (
        "GET", "projects/{web}/integrations/notifications", None,
        who(404, 404, 404, 200, 200, 200, 200, 200, 200, 404),
    ),
    (
        "POST", "projects/{web}/integrations/notifications",
        {"type": "webhook", "config": {"url": "https://192.0.2.7/h"}},
        who(404, 404, 404, 403, 201, 201, 201, 403, 201, 404),
    ),
    (
        "GET", "projects/{web}/integrations/notifications/{hook}", None,
        who(404, 404, 404, 200, 200, 200, 200, 200, 200, 404),
    ),
    (
        "PUT", "projects/{web}/integrations/notifications/{hook}", {"notifications": {}},
        who(404, 404, 404, 403, 200, 200, 200, 403, 200, 404),
    ),
    (
        "DELETE", "projects/{web}/integrations/notifications/{hook}", None,
        who(404, 404, 404, 403, 204, 204, 204, 403, 204, 404),
    ),
    ("GET", "orgs/{acme}/projects", None, (
        401, 404, 404, 404, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 404, 401, 401, 401, 401,
    )),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "expected"), CASES, ids=lambda value: str(value)[:50])
def test_everybody_gets_what_the_table_says(world, method, path, body, expected):
    came = {}
    for name in WHO:
        with transaction.atomic():
            answer = world.call(name, method, path, body)
            transaction.set_rollback(True)
        came[name] = answer.status_code
        if answer.status_code >= 400:
            problem = refused(answer, answer.status_code, CODES[answer.status_code])
            assert "globex" not in json.dumps(problem)
    assert came == dict(zip(WHO, expected, strict=True))


def test_every_route_and_method_is_in_the_table():
    routes = {
        (pattern.name, method)
        for pattern in urlpatterns
        for method in {"get", "put", "post", "delete", "patch"} & set(vars(pattern.callback.view_class))  # type: ignore[attr-defined]
        if pattern.name != "flexstack-UnknownRoute"
    }
    plain = str.maketrans("", "", "{}")
    called = {
        (resolve(f"/v1/{path.translate(plain)}").url_name, method.lower()) for method, path, *_ in CASES
    }
    assert called == routes


def test_a_public_project_is_nobodys_who_holds_no_role_on_it(world):
    for name in ("owner", "stranger", "key"):
        refused(world.call(name, "GET", "projects/{vault}"), 404, "not_found")
        assert "vault" not in json.dumps(told(world.call(name, "GET", "projects")))


def test_superusers_with_full_access_act_as_owners(world, settings):
    settings.SUPERUSERS_FULL_ACCESS = True
    assert len(told(world.call("root", "GET", "projects"))["data"]) == 2
    assert world.call("root", "PUT", "projects/{web}", {"name": "w"}).status_code == 200


def test_a_key_goes_before_a_session_and_a_bad_one_is_not_made_up_for_by_it(world):
    client = world.client("owner")
    listed = told(client.get("/v1/projects", headers={"x-api-key": world.keys["otherkey"]}))["data"]
    assert [one["name"] for one in listed] == ["vault"]
    for bad in ("", "flex_", world.keys["key"][:-1], world.keys["key"] + " x", "é" * 9000):
        refused(client.get("/v1/projects", headers={"x-api-key": bad}), 401, "unauthenticated")
    refused(
        world.call("", "GET", "projects", headers={"authorization": f"Bearer {world.keys['key']}"}),
        401,
        "unauthenticated",
    )


def test_a_session_changes_nothing_without_its_csrf_token(world):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.people["owner"])
    ids = world.ids()
    assert strict.get("/v1/projects").status_code == 200
    url = f"/v1/projects/{ids['web']}"
    refused(strict.delete(url), 403, "forbidden")
    token = strict.get("/csrf_token", headers={"x-requested-with": "XMLHttpRequest"}).json()["csrf_token"]
    refused(strict.delete(url, headers={"x-csrf-token": token[::-1]}), 403, "forbidden")
    assert strict.delete(url, headers={"x-csrf-token": token}).status_code == 204
    # A key is sent by no browser on its own.
    keyed = Client(enforce_csrf_checks=True, headers={"x-api-key": world.keys["key"]})
    made = keyed.post("/v1/projects", {"name": "n"}, content_type="application/json")
    assert made.status_code == 201


def test_denials_are_told_to_the_organization(world):
    world.call("viewer", "DELETE", "projects/{web}")
    entry = LogEntry.objects.get(kind="access_denied")
    assert entry.namespace == world.acme.namespace
    assert entry.metadata["right"] == "project_delete"


def test_calls_are_counted_by_key_and_by_person(world, settings):
    settings.FLEXSTACK_CALLS = 3
    for _ in range(3):
        assert world.call("key", "GET", "projects").status_code == 200
    answer = world.call("key", "GET", "projects")
    refused(answer, 429, "rate")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert world.call("otherkey", "GET", "projects").status_code == 200
    for _ in range(3):
        assert world.call("owner", "GET", "projects").status_code == 200
    refused(world.call("owner", "GET", "projects"), 429, "rate")
    settings.FLEXSTACK_CALLS = 0
    assert world.call("key", "GET", "projects").status_code == 200
