"""What holds for every call of the Quay wire, before any operation is asked (quay-a.md 1 and 2.1)."""

from base64 import urlsafe_b64encode
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from tests import make
from tests.api.quay.access import PREFIX, call
from tests.api.quay.world import bearer, end_token, signed_in

pytestmark = pytest.mark.django_db

FAILED = {"error": "CSRF token was invalid or missing."}
SIX = {"status", "type", "title", "detail", "error_message", "error_type"}


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def nobody():
    return Client(enforce_csrf_checks=True)


def test_the_error_object_has_exactly_six_keys(nobody):
    answer = nobody.get("/api/v1/organization/nowhere", headers={"accept": "text/html"})
    body = answer.json()
    assert set(body) == SIX
    assert (body["status"], body["title"], body["error_type"]) == (404, "not_found", "not_found")
    assert body["type"] == "http://testserver/api/v1/error/not_found"
    assert body["detail"] == body["error_message"]
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
@pytest.mark.parametrize(
    "path",
    ["nothing", "organization/acme/nothing", "organization/acme/team/devs/nothing", "user/x/y/z", "a%0Ab"],
)
def test_an_unknown_route_is_a_404_for_whoever_asks(nobody, method, path):
    answer = call(nobody, method, path)
    assert (answer.status_code, set(answer.json())) == (404, SIX)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "organization/acme/team/devs", {"PUT", "DELETE", "OPTIONS"}),
        ("get", "organization/acme/prototypes/x", {"PUT", "DELETE", "OPTIONS"}),
        ("put", "organization/acme/members/ada", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("post", "organization/acme", {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}),
        ("patch", "user/", {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"}),
        ("get", "signin", {"POST", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_a_405_before_anything_is_asked(nobody, method, path, allowed):
    answer = call(nobody, method, path)
    assert (answer.status_code, list(answer.json())) == (405, ["message"])
    assert set(answer["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["user", "organization/acme", "organization/acme/robots", "superuser/users"])
def test_both_spellings_of_a_trailing_slash_are_served(path):
    root = make.user("root", superuser=True)
    make.organization(owner=root)
    client = bearer(make.token(root))
    assert call(client, "get", path).json() == call(client, "get", f"{path}/").json()
    assert call(client, "post", "organization", {"name": "initech"}).status_code == 201
    assert call(client, "post", "organization/", {"name": "umbrella"}).status_code == 201


def test_a_plus_is_a_plus(ada):
    make.robot(make.organization(owner=ada), "ci")
    client = bearer(make.token(ada))
    for path in ("organization/acme/members/acme+ci", "organization/acme/members/acme%2Bci"):
        assert call(client, "get", path).json()["name"] == "acme+ci"
    assert call(client, "get", "organization/acme/members/acme%20ci").status_code == 404


def test_every_answer_lets_other_sites_read_it(nobody):
    for path in ("organization/nowhere", "messages", "user/"):
        answer = call(nobody, "get", path)
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert answer["Access-Control-Max-Age"] == "21600"
        methods = set(answer["Access-Control-Allow-Methods"].split(", "))
        assert methods == {"GET", "HEAD", "OPTIONS", "POST", "DELETE", "PUT"}
        headers = set(answer["Access-Control-Allow-Headers"].split(", "))
        assert headers == {"Authorization", "Content-Type", "X-Requested-With"}


def test_a_preflight_is_answered_to_anybody(nobody, settings):
    settings.ANONYMOUS_ACCESS = False
    settings.READ_ONLY = True
    for path in ("user/", "organization/acme/robots/ci", "superuser/users/"):
        assert nobody.options(PREFIX + path).status_code == 200


def test_names_are_escaped_beyond_ascii(ada):
    make.organization(owner=ada)
    client = bearer(make.token(ada))
    call(client, "put", "organization/acme/team/devs", {"role": "member", "description": "für alle"})
    answer = call(client, "get", "organization/acme")
    assert answer.json()["teams"]["devs"]["description"] == "für alle"
    assert answer.content.isascii()
    assert answer.content.endswith(b"}\n")
    assert call(client, "delete", "organization/acme/team/devs").content == b""


# Who calls


def test_a_token_acts_as_its_person_whatever_the_schemes_case(ada):
    secret = make.token(ada)
    for scheme in ("Bearer", "bearer", "BEARER"):
        client = Client(headers={"authorization": f"{scheme} {secret}"})
        assert call(client, "get", "user/").json()["username"] == "ada"


def unusable(kind, ada):
    """Return a token that is no good."""
    secret = make.token(ada, expires_at=timezone.now() + timedelta(days=1))
    if kind == "unknown":
        return "x" * 40
    if kind == "revoked":
        end_token(secret)
    if kind == "expired":
        return make.token(ada, expires_at=timezone.now() - timedelta(seconds=1))
    if kind == "disabled":
        accounts.change_user(actor=make.SYSTEM, user=ada, enabled=False)
    if kind == "deleted":
        accounts.delete_user(actor=make.SYSTEM, user=ada)
    if kind == "robot":
        robot = make.robot(make.organization("robotics"), "ci")
        return accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot)
    if kind == "long":
        return "x" * 5000
    return secret


@pytest.mark.parametrize("kind", ["unknown", "revoked", "expired", "disabled", "deleted", "robot", "long"])
def test_a_dead_token_is_nobody_and_its_writes_lack_csrf(ada, kind):
    make.organization()
    client = bearer(unusable(kind, ada))
    assert call(client, "get", "organization/acme").json()["is_member"] is False
    assert call(client, "get", "user/").json()["error_type"] == "invalid_token"
    assert call(client, "get", "organization/acme/members").status_code == 401
    answer = call(client, "post", "organization/", {"name": "initech"})
    assert (answer.status_code, answer.json()) == (403, FAILED)


def test_a_dead_token_does_not_fall_back_to_the_session_but_no_token_does(ada):
    client = signed_in("ada")
    assert call(client, "get", "user/", authorization="Bearer nonsense").status_code == 401
    for header in ("", "Basic YWRhOnB3", "Bearer", "Bearer a b", "nonsense"):
        assert call(client, "get", "user/", authorization=header).status_code == 200, header


def test_a_robot_or_a_password_is_no_login_here(ada):
    robot = make.robot(ada, "ci")
    secret = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot)
    for text in (f"ada+ci:{secret}", f"ada:{make.PASSWORD}"):
        client = Client(headers={"authorization": f"Basic {urlsafe_b64encode(text.encode()).decode()}"})
        assert call(client, "get", "user/").status_code == 401


def web_token(header):
    return urlsafe_b64encode(header.encode()).decode().rstrip("=") + ".e30.c2ln"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('{"typ":"JWT","alg":"RS256"}', 401),
        ('{"typ":"at+jwt"}', 401),
        ('{"alg":"none"}', 200),
        ("[1]", 200),
        ("nonsense", 200),
        ("[" * 4000, 200),
    ],
)
def test_a_web_token_that_nobody_made_is_refused_at_once(nobody, header, status):
    answer = call(nobody, "get", "messages", authorization=f"Bearer {web_token(header)}")
    assert answer.status_code == status
    assert status == 200 or list(answer.json()) == ["error"]


def test_a_token_lives_and_dies_with_its_scopes(ada):
    make.organization(owner=ada)
    reading = bearer(make.token(ada, "repo:read"))
    shown = call(reading, "get", "organization/acme").json()
    assert (shown["is_member"], shown["is_admin"], "teams" in shown) == (False, False, False)
    assert call(reading, "get", "user/").status_code == 401
    admin = bearer(make.token(ada, "org:admin"))
    assert call(admin, "get", "organization/acme").json()["is_admin"] is True
    assert (
        call(admin, "post", "organization/", {"name": "initech"}).json()["error_type"] == "insufficient_scope"
    )


# Switches


def test_a_browser_must_say_that_it_is_a_script(nobody, settings):
    agent = (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
    )
    headers = {"user-agent": agent}
    answer = call(nobody, "get", "messages", **headers)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert (
        call(nobody, "get", "messages", **headers, **{"x-requested-with": "XMLHttpRequest"}).status_code
        == 200
    )
    for other in ("ansible-httpget", "OpenAPI-Generator/1.0.0/go", "go-quay/1.0", "curl/8.5.0", ""):
        assert call(nobody, "get", "messages", **{"user-agent": other}).status_code == 200
    settings.BROWSER_CALLS_XHR_ONLY = False
    assert call(nobody, "get", "messages", **headers).status_code == 200


def test_a_read_only_instance_refuses_every_write(ada, settings):
    settings.READ_ONLY = True
    client = bearer(make.token(ada))
    answer = call(client, "post", "organization/", {"name": "acme"})
    assert (answer.status_code, answer.json()["is_readonly"]) == (503, True)
    assert call(client, "get", "user/").status_code == 200


def test_without_anonymous_access_only_signing_in_is_left(ada, nobody, settings):
    settings.ANONYMOUS_ACCESS = False
    for path in ("organization/acme", "messages", "users/ada"):
        answer = call(nobody, "get", path)
        assert (answer.status_code, list(answer.json())) == (401, ["error"])
    assert call(nobody, "get", "user/").json()["session_required"] is False
    assert call(signed_in("ada"), "get", "messages").status_code == 200


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "0", "null", ""])
def test_what_is_false_in_a_query(ada, word):
    make.robot(ada, "ci")
    client = bearer(make.token(ada))
    assert "token" not in call(client, "get", f"user/robots?token={word}").json()["robots"][0]


@pytest.mark.parametrize("word", ["true", "True", "1", "yes", "x"])
def test_what_is_true_in_a_query(ada, word):
    make.robot(ada, "ci")
    client = bearer(make.token(ada))
    shown = call(client, "get", f"user/robots?permissions={word}").json()["robots"][0]
    assert (shown["teams"], shown["repositories"]) == ([], [])
