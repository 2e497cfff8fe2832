"""The Qodana wire: create-or-get, people, and organization API tokens."""

import json
import re

import pytest
from django.test import Client, override_settings

from accounts import services as accounts
from accounts.models import Organization, Team
from core.publicids import short_id
from logs.models import LogEntry
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.api import describing
from tests.api.quay.world import signed_in
from tokens import services as tokens
from tokens.kinds import Kind

PROJECTS = "/api/v1/public/organizations/projects"
USERS = "/api/v1/public/organizations/users"
pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    owner = make.user("owner")
    owner.name = "Olga O."
    owner.save(update_fields=["name"])
    return make.organization("acme", owner)


def org_token(organization, **options):
    _, secret = tokens.create_token(
        actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=organization, **options
    )
    return secret


def call(method, path, secret="", body=None, **headers):
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    # As curl -d sends it without a header of its own.
    answer = Client().generic(
        method, path, text, content_type="application/x-www-form-urlencoded", headers=headers
    )
    if answer["Content-Type"] == "application/json":
        assert b'": ' not in answer.content
        assert re.fullmatch(r"[a-z0-9]{16}", answer["x-request-id"])
    describing.check("qodana", method, path, answer)
    return answer


def refused(answer, status, name, details=None):
    body = json.loads(answer.content)
    assert (answer.status_code, body["name"]) == (status, name), answer.content
    assert set(body) == {"name", "details"}
    assert details is None or body["details"] == details


def test_create_and_get(acme):
    secret = org_token(acme)
    first = call("POST", PROJECTS, secret, {"teamName": "Payments", "projectName": "ledger service"})
    assert first.status_code == 201
    token = first.json()["projectToken"]
    assert first.content == b'{"projectToken":"%s"}' % token.encode()
    assert len(first.content) == 178
    for body in (
        {"teamName": " Payments ", "projectName": "ledger service", "unknown": 1, "isPublicTeam": False},
        {"projectQualifiedSlug": "Payments:ledger service"},
        {"projectQualifiedSlug": "payments:ledger-service"},
    ):
        again = call("POST", PROJECTS, secret, body)
        assert (again.status_code, again.json()) == (200, {"projectToken": token})
    other = call("POST", PROJECTS, secret, {"teamName": "Payments", "projectName": "Ledger service"})
    assert (other.status_code, other.json()["projectToken"] != token) == (201, True)
    elsewhere = call("POST", PROJECTS, secret, {"teamName": "Audit", "projectName": "ledger service"})
    assert (elsewhere.status_code, elsewhere.json()["projectToken"] != token) == (201, True)
    made = Project.objects.filter(namespace=acme.namespace).order_by("pk")
    assert [(one.name, one.slug, str(one.team.name if one.team else "")) for one in made] == [
        ("ledger service", "ledger-service", "Payments"),
        ("Ledger service", "ledger-service-2", "Payments"),
        ("ledger service", "ledger-service-3", "Audit"),
    ]
    own = call("GET", "/api/v1/projects", token).json()
    assert (own["name"], own["organizationSlug"], own["teamSlug"]) == ("ledger service", "acme", "payments")
    found = call("GET", f"{PROJECTS}?projectName=ledger service", secret).json()
    assert found == {
        "id": own["id"],
        "name": "ledger service",
        "teamId": own["teamId"],
        "teamName": "Payments",
    }
    assert call("GET", f"{PROJECTS}/{own['id']}", secret).json() == found
    kinds = set(LogEntry.objects.values_list("kind", flat=True))
    assert {"org_create_team", "create_repo", "change_repo_permission", "create_token"} <= kinds


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_the_deprecated_form_is_asked_by_post_alone(acme, method):
    answer = call(method, "/api/v1/public/organizations/teams/projects", org_token(acme))
    assert answer.status_code == 405


def test_tokens_that_end(acme):
    secret = org_token(acme)
    body = {"projectQualifiedSlug": "team:project", "tokenTtlSeconds": 21600}
    first = call("POST", PROJECTS, secret, body)
    assert first.status_code == 201
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first.json()["expiresAt"])
    second = call("POST", PROJECTS, secret, body).json()["projectToken"]
    permanent = call("POST", PROJECTS, secret, {"projectQualifiedSlug": "team:project"}).json()
    assert len({first.json()["projectToken"], second, permanent["projectToken"]}) == 3
    for token in (first.json()["projectToken"], permanent["projectToken"]):
        assert call("GET", "/api/v1/projects", token).status_code == 200
        # What opens one project does not open the organization.
        refused(call("GET", USERS, token), 403, "no_permission", "Invalid organization API token")
    text = call(
        "POST", "/api/v1/public/organizations/teams/projects", secret, {"teamName": "t", "projectName": "p"}
    )
    assert (text.status_code, text["Content-Type"]) == (201, "text/plain; charset=utf-8")
    assert call("GET", "/api/v1/projects", text.content.decode()).json()["name"] == "p"


def test_the_order_of_refusals(acme):
    secret = org_token(acme)
    with override_settings(PUBLIC_API=False):
        refused(call("POST", PROJECTS), 400, "public_api_disabled", "Public API is disabled")
        refused(call("POST", "/api/v1/public/nowhere"), 404, "unknown")
    answer = call("POST", PROJECTS, body="{")
    assert answer.content == b'{"name":"no_auth","details":"User is not authorized"}'
    refused(call("GET", USERS, authorization="Basic x"), 401, "no_auth", "User is not authorized")
    refused(call("GET", USERS, "eyJ.x.y"), 403, "no_permission", "Invalid organization API token")
    refused(
        call("GET", USERS, make.token(make.user("ada"))),
        403,
        "no_permission",
        "Invalid organization API token",
    )
    accounts.set_licence_plan(actor=make.SYSTEM, organization=acme, plan="ULTIMATE")
    words = "User has no {} permission"
    refused(
        call("POST", PROJECTS, secret, "{"),
        403,
        "no_permission",
        words.format("public_api_create_or_get_project_token"),
    )
    refused(
        call("GET", USERS, secret), 403, "no_permission", words.format("public_api_get_organization_users")
    )
    accounts.set_licence_plan(actor=make.SYSTEM, organization=acme, plan="TRIAL_ULTIMATE_PLUS")
    assert call("GET", USERS, secret).status_code == 200
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    refused(call("GET", USERS, secret), 403, "no_permission", "Invalid organization API token")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        "[]",
        "null",
        {},
        {"teamName": "t"},
        {"projectName": "p"},
        {"teamName": None, "projectName": "p"},
        {"teamName": 7, "projectName": "p"},
        {"teamName": " ", "projectName": "p"},
        {"teamName": "t" * 256, "projectName": "p"},
        {"teamName": "t", "projectName": "p\x00"},
        {"teamName": "t", "projectName": "p", "isPublicTeam": "yes"},
        {"teamName": "t", "projectName": "p", "tokenTtlSeconds": 0},
        {"teamName": "t", "projectName": "p", "tokenTtlSeconds": "60"},
        {"teamName": "t", "projectName": "p", "tokenTtlSeconds": 10**30},
        {"projectQualifiedSlug": "a:b"},
        {"projectQualifiedSlug": "team:project:more"},
        {"projectQualifiedSlug": "team"},
        {"projectQualifiedSlug": 1},
    ],
    ids=lambda body: str(body)[:40],
)
def test_bad_bodies(acme, body):
    secret = org_token(acme)
    refused(call("POST", PROJECTS, secret, body), 400, "validation_failed")
    assert not Project.objects.exists()
    assert Team.objects.count() == 1


def obtained(secret, name, team="t"):
    return call("POST", PROJECTS, secret, {"teamName": team, "projectName": name})


@pytest.mark.parametrize("own", [True, False], ids=["its own", "the instance's"])
def test_the_limit_leaves_nothing_behind(acme, own):
    secret = org_token(acme)
    words = b"Creation of the project failed because of reaching the limit of projects per organization"
    if own:
        quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=2)
    with override_settings(PROJECTS_BY_NAME=5000 if own else 2):
        for name in ("one", "two"):
            assert obtained(secret, name).status_code == 201
        answer = obtained(secret, "three", team="new team")
        assert answer.status_code == 400
        assert answer.content == b'{"name":"too_many_projects_for_organization","details":"' + words + b'"}'
        assert not Team.objects.filter(name="new team").exists()
        # What is there already is answered at the limit, too.
        assert obtained(secret, "two").status_code == 200
        # A project that is deleted makes room for one, whoever made it; other ways go on beyond the limit.
        projects.delete_project(actor=make.SYSTEM, project=Project.objects.get(slug="one"))
        assert obtained(secret, "three").status_code == 201
        assert make.project(acme, "by-hand").slug == "by-hand"
        assert obtained(secret, "four").status_code == 400


def test_the_limit_is_5000_unless_the_organization_has_another(acme):
    secret, globex = org_token(acme), make.organization("globex")
    of_acme = Quota.objects.filter(namespace=acme.namespace, resource="projects")
    of_acme.update(used=5000)
    assert obtained(secret, "one").status_code == 400
    assert obtained(org_token(globex), "one").status_code == 201
    quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=5001)
    assert (obtained(secret, "one").status_code, obtained(secret, "two").status_code) == (201, 400)
    quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=None)
    of_acme.update(used=4999)
    assert (obtained(secret, "two").status_code, obtained(secret, "three").status_code) == (201, 400)
    # Without a default there is none.
    with override_settings(PROJECTS_BY_NAME=0):
        assert obtained(secret, "three").status_code == 201
        quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=0)
        assert obtained(secret, "four").status_code == 400


def test_the_limit_of_all_projects_is_told_alike(acme):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=0, namespace=acme.namespace)
    refused(obtained(org_token(acme), "one"), 400, "too_many_projects_for_organization")


def test_people(acme):
    secret = org_token(acme)
    for name, role in (("bo", "member"), ("cy", "creator"), ("di", "member")):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(name), role=role)
    di = acme.memberships.get(user__username="di").user
    make.member(make.team(acme, "admins", role="admin"), di)
    team = make.team(acme, "guests")
    with override_settings(MAILING=True):
        accounts.invite(actor=make.SYSTEM, team=team, email="zed@example.test")
        accounts.invite(actor=make.SYSTEM, team=team, user=make.user("eve"))
    body = call("GET", USERS, secret).json()
    assert body["count"] == 6
    assert [(one["email"].split("@")[0], one["role"], one["isActive"]) for one in body["items"]] == [
        ("bo", "VIEWER", True),
        ("cy", "EDITOR", True),
        ("di", "ADMIN", True),
        ("eve", "VIEWER", False),
        ("owner", "OWNER", True),
        ("zed", "VIEWER", False),
    ]
    assert set(body) == {"count", "items"}
    olga, zed = body["items"][4], body["items"][5]
    assert olga == {
        "id": short_id("user", acme.memberships.get(user__username="owner").user_id),
        "email": "owner@example.test",
        "displayName": "Olga O.",
        "role": "OWNER",
        "isActive": True,
        "isSsoManaged": False,
    }
    assert zed["invitationUrl"] == f"http://testserver/invite/{zed['invitationId']}"
    assert zed["displayName"] == "zed@example.test"
    page = call("GET", f"{USERS}?limit=2&offset=3", secret).json()
    assert ([one["email"][:2] for one in page["items"]], page["next"], page["prev"]) == (["ev", "ow"], 5, 1)
    page = call("GET", f"{USERS}?order=desc&limit=2", secret).json()
    assert ([one["email"][:2] for one in page["items"]], page["next"], "prev" in page) == (
        ["ze", "ow"],
        2,
        False,
    )
    for search, count in (("OLGA", 1), ("@example", 6), ("zed", 1), ("%", 0), ("nobody", 0)):
        assert call("GET", f"{USERS}?search={search}", secret).json()["count"] == count
    assert call("GET", f"{USERS}?offset=2000000000", secret).json()["items"] == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "limit=-1", "offset=-1", "offset=9e9", "order=up", "limit=٣"],
)
def test_bad_queries(acme, query):
    refused(call("GET", f"{USERS}?{query}", org_token(acme)), 400, "validation_failed")


@pytest.mark.parametrize("size", [1, 30])
def test_people_cost_the_same_at_any_number(acme, django_assert_max_num_queries, size):
    for number in range(size):
        user = make.user(f"user{number}")
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=user, role="member")
    secret = org_token(acme)
    call("GET", USERS, secret)
    with django_assert_max_num_queries(8):
        assert len(call("GET", USERS, secret).json()["items"]) == size + 1


def test_the_token_of_an_organization(acme):
    path = f"/api/v1/organizations/{short_id('organization', acme.pk)}/tokens"
    owner = acme.memberships.get().user
    rival, member = make.user("rival"), make.user("bo")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=member, role="creator")
    refused(call("GET", path), 401, "no_auth")
    refused(call("GET", path, make.token(rival)), 404, "no_organization")
    refused(call("POST", path, make.token(member)), 403, "no_permission")
    secret = make.token(owner)
    refused(call("GET", path, secret), 404, "no_organization_api_token_exists")
    made = call("POST", path, secret)
    assert made.status_code == 200
    assert set(made.json()) == {"id", "token", "createdAt"}
    assert call("GET", path, secret).json() == made.json()
    refused(call("POST", path, secret), 400, "organization_api_token_already_exists")
    assert call("GET", USERS, made.json()["token"]).status_code == 200
    refused(call("DELETE", path, make.token(member)), 403, "no_permission")
    for _ in range(2):
        assert call("DELETE", path, secret).json() == {}
    refused(call("GET", USERS, made.json()["token"]), 403, "no_permission", "Invalid organization API token")
    refused(call("GET", "/api/v1/organizations/acme/tokens", secret), 404, "no_organization")


@pytest.mark.parametrize("scopes", ["org:admin", "org:admin repo:write", "repo:admin repo:create"])
def test_a_narrow_token_neither_makes_nor_sees_a_wider_one(acme, scopes):
    path = f"/api/v1/organizations/{short_id('organization', acme.pk)}/tokens"
    narrow = make.token(acme.memberships.get().user, scopes)
    assert call("POST", path, narrow).status_code in (403, 404)
    assert not acme.credentials.exists()
    kept = org_token(acme)
    answer = call("GET", path, narrow)
    assert answer.status_code in (403, 404)
    assert kept not in answer.content.decode()
    wide = make.token(acme.memberships.get().user, "org:admin repo:admin")
    assert call("GET", path, wide).json()["token"] == kept


def test_a_session_needs_its_csrf_token(acme):
    path = f"/api/v1/organizations/{short_id('organization', acme.pk)}/tokens"
    client = signed_in("owner")
    assert client.post(path).status_code == 200
    client.defaults.pop("HTTP_X_CSRF_TOKEN")
    assert client.get(path).status_code == 200
    refused(client.delete(path), 403, "no_permission")


def test_the_handshake():
    body = call("GET", "/api/versions").json()
    for part in ("api", "linters"):
        (only,) = body[part]["versions"]
        assert re.fullmatch(r"1\.\d+", only["version"])
    assert body["api"]["versions"][0]["url"] == "http://testserver/api/v1"


def test_insights_are_not_kept(acme):
    secret = org_token(acme)
    for method, path in (
        ("GET", "inspections"),
        ("POST", "project-insights/query"),
        ("POST", "inspection-insights/query"),
    ):
        answer = call(method, f"/api/v1/public/organizations/{path}", secret, {})
        refused(answer, 400, "feature_not_supported")


def test_other_tenants(acme):
    globex = make.organization("globex")
    vault = make.project(globex, "vault", visibility="public")
    secret = org_token(acme)
    refused(call("GET", f"{PROJECTS}/{short_id('project', vault.pk)}", secret), 404, "no_project")
    refused(call("GET", f"{PROJECTS}?projectName=vault", secret), 404, "no_project")
    assert call("POST", PROJECTS, secret, {"teamName": "owners", "projectName": "vault"}).status_code == 201
    assert Organization.objects.get(slug="globex").namespace.projects.count() == 1
