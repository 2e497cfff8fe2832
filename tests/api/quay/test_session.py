"""Signing in with a cookie, CSRF, and the transport's order of checks (quay-a.md 1, 2.1 and 3)."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from accounts.services.sessions import TRIES_PER_NAME_AND_ADDRESS
from logs.models import LogEntry
from tests import make
from tests.api.quay.access import call
from tests.api.quay.world import bearer, signed_in
from tests.counting import counted
from tokens.models import Credential

pytestmark = pytest.mark.django_db

FAILED = {"error": "CSRF token was invalid or missing."}
CREDENTIALS = {"username": "ada", "password": make.PASSWORD}


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def nobody():
    return Client(enforce_csrf_checks=True)


def token_of(client):
    return client.get("/csrf_token").json()["csrf_token"]


def sign_in(client, token="", **body):
    return call(client, "post", "signin", CREDENTIALS | body, **{"x-csrf-token": token or token_of(client)})


# The cookie and its token


def test_the_cookie_is_what_clients_keep(nobody):
    answer = nobody.get("/csrf_token", headers={"accept": "*/*"})
    assert answer["Content-Type"] == "application/json"
    cookie = answer.cookies["_csrf_token"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 31 * 24 * 3600)
    assert not cookie["secure"]
    assert len(answer.json()["csrf_token"]) == 64


def test_signing_in_rotates_the_token_and_the_session(ada, nobody):
    first = token_of(nobody)
    session = nobody.cookies["_csrf_token"].value
    answer = sign_in(nobody, first)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert nobody.cookies["_csrf_token"].value != session
    following = answer["X-Next-CSRF-Token"]
    body = {"name": "acme"}
    assert call(nobody, "post", "organization/", body, **{"x-csrf-token": first}).json() == FAILED
    assert call(nobody, "post", "organization/", body, **{"x-csrf-token": following}).status_code == 201
    assert call(nobody, "get", "user").json()["username"] == "ada"


@pytest.mark.parametrize("name", ["ada", "ADA", "ada@example.test", "Ada@Example.TEST"])
def test_an_address_or_another_spelling_works_as_the_name(ada, nobody, name):
    assert sign_in(nobody, username=name).status_code == 200


@pytest.mark.parametrize("token", ["", "x" * 64, "short", "ä"])
def test_writes_without_the_token_are_refused_even_signing_in(ada, nobody, token):
    nobody.get("/csrf_token")
    answer = call(nobody, "post", "signin", CREDENTIALS, **({"x-csrf-token": token} if token else {}))
    assert (answer.status_code, answer.json()) == (403, FAILED)


def test_the_token_may_come_in_the_query_or_in_a_form(ada, nobody):
    token = token_of(nobody)
    assert nobody.post(f"/api/v1/signout?_csrf_token={token}").json() == {"success": True}
    assert nobody.post("/api/v1/signout", {"_csrf_token": token}).json() == {"success": True}
    form = f"_csrf_token={token}"
    kind = "application/x-www-form-urlencoded"
    assert nobody.post("/api/v1/signout", form, content_type=kind).json() == {"success": True}
    assert nobody.post("/api/v1/signout", {"_csrf_token": "x" * 64}).json() == FAILED
    broken = nobody.post("/api/v1/signout", "nonsense", content_type="multipart/form-data")
    assert broken.status_code in (400, 403)
    many = "&".join(f"a{number}=1" for number in range(2000))
    assert nobody.post("/api/v1/signout", many, content_type=kind).status_code == 400


def test_the_token_of_another_session_is_refused(ada, nobody):
    other = Client(enforce_csrf_checks=True)
    answer = sign_in(nobody, token_of(other))
    assert answer.json() == FAILED


def test_a_form_of_another_site_is_refused_whatever_it_knows(ada, nobody):
    token = token_of(nobody)
    headers = {"x-csrf-token": token, "origin": "https://evil.example"}
    assert call(nobody, "post", "signin", CREDENTIALS, **headers).json() == FAILED
    headers["origin"] = "http://testserver"
    assert call(nobody, "post", "signin", CREDENTIALS, **headers).status_code == 200


# Failing, too often; verifying; going


@pytest.mark.parametrize("wrong", [{"password": "wrong-horse"}, {"username": "nobody"}])
def test_wrong_credentials_are_told_alike(ada, nobody, wrong):
    answer = sign_in(nobody, **wrong)
    assert answer.status_code == 403
    assert answer.json() == {
        "needsEmailVerification": False,
        "invalidCredentials": True,
        "message": "Invalid user name or password",
    }
    assert "X-Next-CSRF-Token" not in answer
    assert LogEntry.objects.get(kind="login_failure").metadata["username"] == wrong.get("username", "ada")


def test_a_disabled_person_does_not_get_in_and_is_out_at_once(ada, nobody):
    client = signed_in("ada")
    accounts.change_user(actor=make.SYSTEM, user=ada, enabled=False)
    assert sign_in(nobody).status_code == 403
    assert call(client, "get", "user/").status_code == 401


def test_guessing_is_slowed_down(ada, nobody):
    for _ in range(TRIES_PER_NAME_AND_ADDRESS):
        assert sign_in(nobody, password="wrong-horse").status_code == 403
    answer = sign_in(nobody)
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert list(answer.json()) == ["message"]
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        assert sign_in(nobody).status_code == 200


def test_signing_out_ends_every_session_and_no_token(ada):
    one, other = signed_in("ada"), signed_in("ada")
    secret = make.token(ada)
    assert call(one, "post", "signout").json() == {"success": True}
    assert call(one, "get", "user/").status_code == call(other, "get", "user/").status_code == 401
    assert call(bearer(secret), "get", "user/").status_code == 200
    assert LogEntry.objects.filter(kind="logout_success").count() == 1


def test_a_token_signs_out_only_if_it_may_administer_the_account(ada):
    client = signed_in("ada")
    assert call(bearer(make.token(ada, "repo:read user:read")), "post", "signout").json() == {"success": True}
    assert call(client, "get", "user/").status_code == 200
    assert call(bearer(make.token(ada, "user:admin")), "post", "signout").json() == {"success": True}
    assert call(client, "get", "user/").status_code == 401


def test_nobody_may_sign_out_with_a_csrf_token(nobody):
    assert call(nobody, "post", "signout").json() == FAILED
    assert call(nobody, "post", "signout", **{"x-csrf-token": token_of(nobody)}).json() == {"success": True}


FRESH = [
    ("put", "user/", {"company": "x"}),
    ("delete", "user/", None),
    ("delete", "organization/acme", None),
    ("get", "superuser/users/", None),
    ("post", "superuser/users/", {"username": "newcomer"}),
    ("get", "superuser/users/bob", None),
    ("put", "superuser/users/bob", {"enabled": True}),
    ("delete", "superuser/users/bob", None),
    ("get", "superuser/organizations/", None),
    ("put", "superuser/organizations/acme", {}),
    ("delete", "superuser/organizations/acme", None),
    ("post", "superuser/takeownership/acme", None),
    ("post", "messages", {"message": {"content": "x", "media_type": "text/plain", "severity": "info"}}),
    ("delete", "message/x", None),
]


@pytest.mark.parametrize(("method", "path", "body"), FRESH)
def test_an_old_sign_in_must_be_made_fresh(method, path, body):
    ada = make.user("ada", superuser=True)
    make.user("bob")
    make.organization(owner=ada)
    client, secret = signed_in("ada"), make.token(ada)
    send = (body,) if body is not None else ()
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        answer = call(client, method, path, *send)
        assert (answer.status_code, answer.json()["error_type"]) == (401, "fresh_login_required")
        assert call(client, "post", "signin/verify", {"password": "wrong-horse"}).status_code == 403
        assert call(client, method, path, *send).status_code == 401
        if method == "get":
            # Tokens are never too old.
            assert call(bearer(secret), method, path).status_code == 200
        assert call(client, "post", "signin/verify", {"password": make.PASSWORD}).json() == {"success": True}
        expected = 400 if (method, path) == ("delete", "user/") else 300
        assert call(client, method, path, *send).status_code <= expected


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(ada):
    one, other = signed_in("ada"), signed_in("ada")
    assert call(one, "put", "user/", {"password": "another-horse-9"}).status_code == 200
    assert call(one, "get", "user/").status_code == 200
    assert call(other, "get", "user/").status_code == 401
    assert call(signed_in("ada", "another-horse-9"), "get", "user/").status_code == 200


def test_an_invitation_may_come_with_the_sign_in(ada, nobody):
    acme = make.organization()
    devs = make.team(acme)
    code = accounts.invite(actor=make.SYSTEM, team=devs, user=ada).code
    assert sign_in(nobody, invite_code="urn:teaminvite:nonsense").status_code == 200
    assert call(nobody, "get", "user/").json()["organizations"] == []
    token = token_of(nobody)
    assert sign_in(nobody, token, invite_code=code).status_code == 200
    assert [one["name"] for one in call(nobody, "get", "user/").json()["organizations"]] == ["acme"]


def test_an_own_account_by_session_keeps_to_its_budget(ada):
    make.organization(owner=ada)
    client = signed_in("ada")
    for path in ("user/", "organization/acme"):
        with counted() as asked:
            assert call(client, "get", path).status_code == 200
        assert len(asked) <= 6, asked


# The first user


def test_the_first_user_comes_with_a_session_and_a_token(nobody, settings):
    settings.USER_INITIALIZE = True
    body = {"username": "mira", "password": make.PASSWORD, "access_token": True}
    answer = call(nobody, "post", "user/initialize", body)
    assert answer.status_code == 200
    shown = answer.json()
    assert set(shown) == {"username", "email", "encrypted_password", "access_token"}
    assert (shown["username"], shown["email"], len(shown["access_token"])) == ("mira", None, 40)
    headers = {"x-csrf-token": answer["X-Next-CSRF-Token"]}
    assert call(nobody, "post", "organization/", {"name": "acme"}, **headers).status_code == 201

    issued = Credential.objects.select_related("application", "user").get()
    assert set(issued.scopes.split()) == set(make.ALL_SCOPES.split())
    assert issued.application is not None
    assert issued.user is not None
    assert issued.expires_at is not None
    assert (issued.application.name, issued.application.client_id) == ("automation", "mira")
    assert issued.application.namespace_id == issued.user.namespace_id
    assert issued.expires_at - issued.created_at <= timedelta(seconds=9001)
    assert issued.expires_at - timezone.now() > timedelta(seconds=8990)
    assert not User.objects.get().is_superuser
    assert "super_user" not in call(bearer(shown["access_token"]), "get", "user/").json()

    again = call(nobody, "post", "user/initialize", body | {"username": "second"})
    assert (again.status_code, list(again.json())) == (400, ["message"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "mira", "password": make.PASSWORD, "email": "mira@example.test"}, 200),
        ({"username": "mira", "password": make.PASSWORD, "access_token": False}, 200),
        ({"username": "Mira", "password": make.PASSWORD}, 400),
        ({"username": "mira", "password": "short"}, 400),
        ({"username": "mira", "password": "with a space"}, 400),
        ({"username": "mira", "password": make.PASSWORD, "email": "nonsense"}, 400),
        ({"password": make.PASSWORD}, 400),
        ({"username": "mira"}, 400),
        ({"username": 7, "password": make.PASSWORD}, 400),
    ],
)
def test_the_first_users_body(nobody, settings, body, status):
    settings.USER_INITIALIZE = True
    answer = call(nobody, "post", "user/initialize", body)
    assert answer.status_code == status
    assert "access_token" not in answer.json()
    assert User.objects.exists() == (status == 200)


def test_the_first_user_needs_an_address_where_mails_are_sent(nobody, settings):
    settings.USER_INITIALIZE = settings.MAILING = True
    body = {"username": "mira", "password": make.PASSWORD}
    assert call(nobody, "post", "user/initialize", body).status_code == 400
    assert call(nobody, "post", "user/initialize", body | {"email": "m@example.test"}).status_code == 200


def test_where_it_is_off_there_is_no_first_user(nobody, settings):
    settings.USER_INITIALIZE = False
    answer = call(nobody, "post", "user/initialize", {})
    assert (answer.status_code, list(answer.json())) == (404, ["error"])
