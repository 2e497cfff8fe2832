"""The Codacy wire: people, repositories, and tokens of both."""

import json
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import resolve
from django.utils import timezone

from accounts import services as accounts
from api.codacy.urls import urlpatterns
from projects.models import Project
from tests import make
from tests.api import describing
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db
ORG = "organizations/gh/acme-inc"
REPOS = f"{ORG}/repositories"
ERRORS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
}


@pytest.fixture
def world():
    people = {name: make.user(name) for name in ("owner", "reader", "member", "stranger", "rival")}
    acme = make.organization("acme", people["owner"])
    link(acme, "gh", "acme-inc")
    make.organization("globex", people["rival"])
    for name in ("reader", "member"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=people[name], role="member")
    web = make.project(acme, "web")
    make.grant(web, "read", user=people["reader"])
    make.project(acme, "docs", visibility="public")
    make.project(acme, "team/app")
    return people | {"acme": acme, "web": web}


def link(organization, provider, name):
    accounts.change_organization(
        actor=make.SYSTEM,
        organization=organization,
        changes={"provider": provider, "provider_organization": name},
    )


def secret_of(user):
    _, secret = tokens.create_token(actor=make.actor(user), kind=Kind.ACCOUNT, user=user)
    return secret


def call(method, path, user=None, body=None, **headers):
    if user is not None:
        headers["api-token"] = user if isinstance(user, str) else secret_of(user)
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    kind = "application/json" if body is not None else ""
    answer = Client().generic(method, f"/api/v3/{path}", text, content_type=kind, headers=headers)
    describing.check("codacy", method, f"/api/v3/{path}", answer)
    return answer


def told(answer, status=200):
    assert answer.status_code == status, answer.content
    body = json.loads(answer.content)
    assert answer["Content-Type"] == "application/json"
    if status >= 400:
        assert set(body) == {"error", "message", "actions"} | ({"code"} if status == 401 else set())
        assert (body["error"], body["actions"]) == (ERRORS[status], [])
    return body


NEW = {"provider": "gh", "repositoryFullPath": "acme-inc/new"}

# method, path, body; then what nobody, a stranger, a member, a reader, and the owner get
CASES = [
    ("GET", "user", None, (401, 200, 200, 200, 200)),
    ("GET", "user/tokens", None, (401, 200, 200, 200, 200)),
    ("POST", "user/tokens", None, (401, 200, 200, 200, 200)),
    ("DELETE", "user/tokens/999", None, (401, 404, 404, 404, 404)),
    ("GET", "user/organizations", None, (401, 200, 200, 200, 200)),
    ("GET", "user/organizations/gh", None, (401, 200, 200, 200, 200)),
    ("GET", "user/organizations/gh/acme-inc", None, (401, 404, 200, 200, 200)),
    ("GET", ORG, None, (401, 404, 200, 200, 200)),
    ("GET", f"{ORG}/people", None, (401, 404, 403, 403, 200)),
    ("GET", REPOS, None, (200, 200, 200, 200, 200)),
    ("GET", f"{REPOS}?filter=AllSynced", None, (401, 404, 403, 403, 200)),
    (
        "POST",
        "repositories",
        {"provider": "gh", "repositoryFullPath": "acme-inc/new"},
        (401, 404, 403, 403, 200),
    ),
    ("GET", f"{REPOS}/web", None, (404, 404, 404, 200, 200)),
    ("GET", f"{REPOS}/docs", None, (200, 200, 200, 200, 200)),
    ("GET", f"{REPOS}/team%2Fapp", None, (404, 404, 404, 404, 200)),
    ("DELETE", f"{REPOS}/docs", None, (401, 403, 403, 403, 204)),
    ("POST", f"{REPOS}/web/follow", None, (401, 404, 404, 200, 200)),
    ("DELETE", f"{REPOS}/web/follow", None, (401, 404, 404, 204, 204)),
    ("GET", f"{REPOS}/web/tokens", None, (401, 404, 404, 404, 200)),
    ("POST", f"{REPOS}/web/tokens", None, (401, 404, 404, 404, 201)),
    ("POST", f"{REPOS}/team/app/tokens", None, (401, 404, 404, 404, 201)),
    ("DELETE", f"{REPOS}/web/tokens/999", None, (401, 404, 404, 404, 404)),
    ("POST", f"{REPOS}/web/tokens/delete", {"ids": [1]}, (401, 404, 404, 404, 204)),
    ("GET", "version", None, (200, 200, 200, 200, 200)),
    ("GET", "health", None, (200, 200, 200, 200, 200)),
    ("GET", "organizations/gh/globex", None, (401, 404, 404, 404, 404)),
    ("GET", "organizations/xx/acme-inc", None, (401, 404, 404, 404, 404)),
    ("GET", "organizations/gl/acme-inc", None, (401, 404, 404, 404, 404)),
    ("PATCH", "user", None, (405, 405, 405, 405, 405)),
    ("GET", "nowhere", None, (404, 404, 404, 404, 404)),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_who_gets_what(world, method, path, body, expected):
    came = []
    for name in (None, "stranger", "member", "reader", "owner"):
        answer = call(method, path, world[name] if name else None, body)
        came.append(answer.status_code)
        if answer.content:
            told(answer, answer.status_code)
    assert tuple(came) == expected


def test_the_table_calls_every_route():
    called = {(resolve(f"/api/v3/{path.partition('?')[0]}").url_name, method) for method, path, *_ in CASES}
    routes = {
        (pattern.name, method)
        for pattern in urlpatterns
        for method in ("GET", "POST", "DELETE")
        if method.lower() in vars(pattern.callback.view_class)  # type: ignore[attr-defined]
        and "Unknown" not in str(pattern.name)
    }
    assert routes <= called


def test_a_repository(world):
    owner = secret_of(world["owner"])
    body = told(call("GET", f"{REPOS}/web", owner))["data"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\dZ", body.pop("lastUpdated"))
    assert body == {
        "repositoryId": world["web"].pk,
        "provider": "gh",
        "owner": "acme-inc",
        "name": "web",
        "fullPath": "acme-inc/web",
        "visibility": "Private",
        "problems": [],
        "languages": [],
        "standards": [],
        "addedState": "Added",
        "permission": "admin",
    }
    assert told(call("POST", f"{REPOS}/web/follow", owner))["data"] == "Following"
    assert told(call("GET", f"{REPOS}/web", owner))["data"]["addedState"] == "Following"
    assert told(call("GET", f"{REPOS}/web", world["reader"]))["data"]["permission"] == "read"
    assert "permission" not in told(call("GET", f"{REPOS}/docs"))["data"]


def test_pages(world):
    for number in range(7):
        make.project(world["acme"], f"app{number}")
    owner, names, cursor = secret_of(world["owner"]), [], ""
    while True:
        body = told(call("GET", f"{REPOS}?limit=4{f'&cursor={cursor}' if cursor else ''}", owner))
        names += [one["name"] for one in body["data"]]
        assert (body["pagination"]["limit"], body["pagination"]["total"]) == (4, 10)
        cursor = body["pagination"].get("cursor")
        if not cursor:
            break
    assert names == sorted(names)
    assert len(names) == 10
    only = told(call("GET", f"{REPOS}?search=APP1", owner))
    assert [one["name"] for one in only["data"]] == ["app1"]
    assert told(call("GET", f"{REPOS}?filter=NotSynced", owner))["data"] == []
    assert told(call("GET", f"{REPOS}?languages=Python", owner))["data"] == []
    assert [one["name"] for one in told(call("GET", REPOS))["data"]] == ["docs"]
    assert [one["name"] for one in told(call("GET", REPOS, world["reader"]))["data"]] == ["docs", "web"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=%21", "cursor=%00", "filter=All"]
)
def test_bad_queries(world, query):
    told(call("GET", f"{REPOS}?{query}", world["owner"]), 400)


def test_tokens_of_a_repository(world):
    owner = secret_of(world["owner"])
    # As the vendor's script sends it: no body, and no content type.
    first = told(call("POST", f"{REPOS}/web/tokens", owner), 201)["data"]
    assert re.fullmatch(r"[0-9a-f]{32}", first["token"])
    end = (timezone.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    second = told(call("POST", f"{REPOS}/web/tokens", owner, {"name": "ci-1", "expiresAt": end}), 201)["data"]
    assert (second["name"], second["expiresAt"][:19]) == ("ci-1", end[:19])
    found = told(call("GET", f"{REPOS}/web/tokens", owner))
    assert found == {"data": [second, first]}
    told(call("POST", f"{REPOS}/web/tokens", owner, {"name": "ci-1"}), 400)
    # It opens its own repository, to be read, and nothing else.
    header = {"project-token": first["token"]}
    assert told(call("GET", f"{REPOS}/web", **header))["data"]["name"] == "web"
    for method, path in (
        ("GET", f"{REPOS}/team%2Fapp"),
        ("DELETE", f"{REPOS}/web"),
        ("GET", f"{REPOS}/web/tokens"),
        ("POST", f"{REPOS}/web/tokens"),
        ("GET", "user"),
    ):
        assert call(method, path, **header).status_code in (401, 404)
    told(call("GET", "user", first["token"]), 401)
    elsewhere = told(call("POST", f"{REPOS}/docs/tokens", owner), 201)["data"]
    told(call("DELETE", f"{REPOS}/web/tokens/{elsewhere['id']}", owner), 404)
    assert call("DELETE", f"{REPOS}/web/tokens/{first['id']}", owner).status_code == 204
    told(call("DELETE", f"{REPOS}/web/tokens/{first['id']}", owner), 404)
    told(call("GET", f"{REPOS}/web", **header), 401)
    ids = {"ids": [second["id"], elsewhere["id"], 10**12]}
    assert call("POST", f"{REPOS}/web/tokens/delete", owner, ids).status_code == 204
    assert told(call("GET", f"{REPOS}/web/tokens", owner)) == {"data": []}
    assert len(told(call("GET", f"{REPOS}/docs/tokens", owner))["data"]) == 1


def test_a_hundred_tokens_are_enough(world):
    for _ in range(100):
        tokens.issue(kind=Kind.REPOSITORY, project=world["web"])
    told(call("POST", f"{REPOS}/web/tokens", world["owner"]), 400)
    assert Credential.objects.filter(kind=Kind.REPOSITORY).count() == 100


PAST, FAR = "2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{REPOS}/web/tokens", "{", 400),
        (f"{REPOS}/web/tokens", [], 400),
        (f"{REPOS}/web/tokens", {"name": 7}, 400),
        (f"{REPOS}/web/tokens", {"name": ""}, 422),
        (f"{REPOS}/web/tokens", {"name": "a b"}, 422),
        (f"{REPOS}/web/tokens", {"name": "a" * 101}, 422),
        (f"{REPOS}/web/tokens", {"expiresAt": PAST}, 400),
        (f"{REPOS}/web/tokens", {"expiresAt": FAR}, 400),
        (f"{REPOS}/web/tokens", {"expiresAt": "tomorrow"}, 400),
        (f"{REPOS}/web/tokens", {"expiresAt": "2027-13-01T00:00:00Z"}, 400),
        (f"{REPOS}/web/tokens", {"expiresAt": "2027-01-01"}, 400),
        ("user/tokens", {"expiresAt": PAST}, 400),
        ("user/tokens", {"expiresAt": ""}, 400),
        (f"{REPOS}/web/tokens", {"expiresAt": ""}, 400),
        ("user/tokens", {"expiresAt": 5}, 400),
        (f"{REPOS}/web/tokens/delete", {}, 400),
        (f"{REPOS}/web/tokens/delete", {"ids": ["1"]}, 400),
        (f"{REPOS}/web/tokens/delete", {"ids": "1"}, 400),
        ("repositories", {}, 400),
        ("repositories", {"provider": 1, "repositoryFullPath": "acme-inc/x"}, 400),
        ("repositories", {"provider": "gh", "repositoryFullPath": "acme-inc"}, 404),
        ("repositories", {"provider": "gh", "repositoryFullPath": "acme-inc/Upper Case"}, 422),
        ("repositories", {"provider": "gh", "repositoryFullPath": "acme-inc/web"}, 409),
    ],
)
def test_bad_bodies(world, path, body, status):
    owner = secret_of(world["owner"])
    before = Credential.objects.count(), Project.objects.count()
    told(call("POST", path, owner, body), status)
    assert (Credential.objects.count(), Project.objects.count()) == before


def test_account_tokens(world):
    owner = secret_of(world["owner"])
    assert re.fullmatch(r"[A-Za-z0-9]{20}", owner)
    made = told(call("POST", "user/tokens", owner))
    assert set(made) == {"id", "token"}
    body = told(call("GET", "user/tokens?limit=1", owner))
    assert body["data"] == [{"id": made["id"], "token": made["token"][:6] + "…"}]
    rest = told(call("GET", f"user/tokens?limit=1&cursor={body['pagination']['cursor']}", owner))
    assert len(rest["data"]) == 1
    assert "cursor" not in rest["pagination"]
    told(call("DELETE", f"user/tokens/{made['id']}", world["rival"]), 404)
    assert call("DELETE", f"user/tokens/{made['id']}", made["token"]).status_code == 204
    told(call("GET", "user", made["token"]), 401)
    me = told(call("GET", "user", owner))["data"]
    assert (me["mainEmail"], me["isAdmin"], me["otherEmails"]) == ("owner@example.test", False, [])


def test_organizations(world):
    owner = secret_of(world["owner"])
    other = make.organization("other", world["owner"])
    link(other, "bbe", "Other Team")
    found = told(call("GET", "user/organizations", owner))["data"]
    assert [(one["provider"], one["name"]) for one in found] == [("gh", "acme-inc"), ("bbe", "Other Team")]
    assert [one["name"] for one in told(call("GET", "user/organizations/bbs", owner))["data"]] == [
        "Other Team"
    ]
    told(call("GET", "organizations/bbs/Other%20Team", owner))
    body = told(call("GET", ORG, owner))["data"]
    assert body["membership"] == {"userRole": "admin"}
    assert told(call("GET", ORG, world["member"]))["data"]["membership"] == {"userRole": "member"}
    people = told(call("GET", f"{ORG}/people?limit=2", owner))
    assert [one["name"] for one in people["data"]] == ["member", "owner"]
    rest = told(call("GET", f"{ORG}/people?limit=2&cursor={people['pagination']['cursor']}", owner))
    assert [one["name"] for one in rest["data"]] == ["reader"]


def test_callers_are_counted_by_their_address(world):
    owner = secret_of(world["owner"])
    with override_settings(CODACY_CALLS=3):
        cache.clear()
        for _ in range(3):
            assert call("GET", "user", owner).status_code == 200
        answer = call("GET", "user", owner)
        told(answer, 429)
        assert 0 < int(answer["Retry-After"]) <= 300
        assert call("GET", "version").status_code == 200
    cache.clear()


@pytest.mark.parametrize("caller", [None, "stranger"])
@pytest.mark.parametrize(
    "rest",
    [
        "/repositories",
        "/repositories?search=x",
        "/repositories?filter=NotSynced",
        "/repositories?filter=AllSynced",
        "/repositories?languages=Python",
        "/repositories/vault",
        "/repositories/vault/tokens",
    ],
)
def test_nobody_learns_which_organizations_are_here(world, caller, rest):
    secret = secret_of(world[caller]) if caller else None
    rival = make.organization("hidden", world["rival"])
    link(rival, "gh", "hidden")
    make.project(rival, "vault")
    here, nowhere = (call("GET", f"organizations/gh/{name}{rest}", secret) for name in ("hidden", "nowhere"))
    assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content)
    assert here.status_code in (401, 404)


@pytest.mark.parametrize("path", ["organizations/gh/a%2500", f"{REPOS}/a%2500", f"{REPOS}/a%2500/tokens"])
def test_a_null_character_escaped_twice_is_no_address(world, path):
    told(call("GET", path, world["owner"]), 404)


@pytest.mark.parametrize("size", [1, 30])
@pytest.mark.parametrize(
    ("path", "most"),
    [
        (REPOS, 8),
        (f"{ORG}/people", 8),
        (f"{REPOS}/web", 6),
        (f"{REPOS}/web/tokens", 8),
        ("user/tokens", 8),
        ("user/organizations", 8),
        (ORG, 6),
    ],
)
def test_reads_cost_the_same_at_any_size(world, django_assert_max_num_queries, path, most, size):
    for number in range(size):
        make.project(world["acme"], f"extra{number}")
        tokens.issue(kind=Kind.REPOSITORY, project=world["web"])
    owner = secret_of(world["owner"])
    call("GET", path, owner)
    with django_assert_max_num_queries(most):
        assert call("GET", path, owner).status_code == 200
