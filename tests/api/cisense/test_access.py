"""Who gets what on every route of the CI Sense wire."""

import json

import pytest
from django.db import transaction
from django.urls import resolve

from api.cisense.urls import urlpatterns
from tests import make
from tests.api.cisense.conftest import PEOPLE
from tokens import services as tokens
from tokens.models import Credential

WHO = ("", *PEOPLE)
NEW = {"project_name": "boot", "project_contact": {"user_nid": "<member>"}}

# fmt: off
# method, path, body, and what each of WHO gets
CASES = [
    #                                            nobody strang rival member reader admin  teamad owner  root
    ("GET", "server/users", None, (401, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("DELETE", "server/users/{member}", None, (401, 403, 403, 403, 403, 403, 403, 403, 204)),
    ("GET", "server/accounts", None, (401, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("GET", "server/projects", None, (401, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("GET", "accounts/{acme-account}", None, (401, 404, 404, 200, 200, 200, 200, 200, 200)),
    ("DELETE", "accounts/{acme-account}", None, (401, 404, 404, 403, 403, 403, 403, 204, 204)),
    ("GET", "accounts/{own-account}", None, (401, 404, 404, 200, 404, 404, 404, 404, 200)),
    ("DELETE", "accounts/{own-account}", None, (401, 404, 404, 409, 404, 404, 404, 404, 409)),
    ("GET", "accounts/{acme-account}/organizations", None, (401, 404, 404, 200, 200, 200, 200, 200, 200)),
    (
        "POST",
        "accounts/{acme-account}/organizations",
        {"organization_name": "Super org"},
        (401, 404, 404, 403, 403, 403, 403, 200, 200),
    ),
    ("GET", "organizations/{acme}", None, (401, 404, 404, 200, 200, 200, 200, 200, 200)),
    ("DELETE", "organizations/{acme}", None, (401, 404, 404, 403, 403, 204, 204, 204, 204)),
    (
        "PUT",
        "organizations/{acme}/members/{stranger}",
        {"organization_role": "member"},
        (401, 404, 404, 403, 403, 200, 200, 200, 403),
    ),
    ("DELETE", "organizations/{acme}/members/{reader}", None, (401, 404, 404, 403, 403, 204, 204, 204, 403)),
    ("GET", "organizations/{acme}/projects", None, (401, 404, 404, 200, 200, 200, 200, 200, 200)),
    ("POST", "organizations/{acme}/projects", NEW, (401, 404, 404, 403, 403, 200, 200, 200, 403)),
    ("GET", "projects/{web}", None, (401, 404, 404, 404, 200, 200, 200, 200, 404)),
    (
        "POST",
        "projects/{web}",
        {"project_git_url": "https://git.example.test/web.git"},
        (401, 404, 404, 404, 403, 200, 200, 200, 404),
    ),
    ("GET", "swagger.json", None, (200,) * 9),
    ("GET", "index.html", None, (200,) * 9),
    ("DELETE", "projects/{web}", None, (401, 404, 404, 404, 403, 204, 204, 204, 404)),
]
# fmt: on


@pytest.mark.parametrize(("method", "path", "body", "expected"), CASES, ids=lambda value: str(value)[:50])
def test_everybody_gets_what_the_table_says(world, method, path, body, expected):
    came = {}
    for name in WHO:
        with transaction.atomic():
            answer = world.call(name, method, path, body)
            transaction.set_rollback(True)
        came[name] = answer.status_code
        if answer.status_code >= 400:
            problem = json.loads(answer.content)
            assert set(problem) == {"code", "message"}
            assert problem["code"] == answer.status_code
            assert "globex" not in problem["message"]
    assert came == dict(zip(WHO, expected, strict=True))


def test_every_route_and_method_is_in_the_table():
    routes = {
        (pattern.name, method)
        for pattern in urlpatterns
        for method in {"get", "put", "post", "delete"} & set(vars(pattern.callback.view_class))  # type: ignore[attr-defined]
        if pattern.name != "cisense-UnknownRoute"
    }
    plain = str.maketrans("", "", "{}")
    called = {
        (resolve(f"/v3/{path.translate(plain)}").url_name, method.lower()) for method, path, *_ in CASES
    }
    assert called == routes


@pytest.mark.parametrize("kind", ["unknown", "revoked", "of another wire", "disabled user's"])
def test_tokens_that_do_not_open(world, kind):
    secret = world.secret("owner")
    if kind == "unknown":
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    elif kind == "revoked":
        tokens.revoke_token(actor=make.SYSTEM, credential=Credential.objects.latest("pk"))
    elif kind == "of another wire":
        secret = make.token(world.people["owner"])
    else:
        world.people["owner"].is_active = False
        world.people["owner"].save()
    answer = world.call("", "GET", "organizations/{acme}", authorization=f"Bearer {secret}")
    assert answer.status_code == 401
