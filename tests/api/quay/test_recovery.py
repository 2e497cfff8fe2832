"""Mails with links over the wire: bad bodies, floods, and what waits for a proven address."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import MailedLink, User
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.world import bearer, signed_in

PATH = "/api/v1/recovery"
SEND = "/api/v1/superusers/users/reader/sendrecovery"


@pytest.fixture
def world(db, settings):
    settings.MAILING = settings.USER_CREATION = True
    return worlds.build()


def post(path, body=None, client=None):
    client = client or Client(enforce_csrf_checks=True)
    token = client.get("/csrf_token").json()["csrf_token"]
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(path, text, content_type="application/json", headers={"x-csrf-token": token})


NO_LOGINS: list[Any] = [7, None, [], "", " ", "x" * 256, "a\x00"]


@pytest.mark.parametrize("body", ["{}", "[]", "null", *({"email": bad} for bad in NO_LOGINS)])
def test_bad_requests_queue_nothing(world, body):
    assert post(PATH, body).status_code == 400
    assert not MailedLink.objects.exists()


def test_ten_an_hour_from_one_address(world):
    for number in range(10):
        assert post(PATH, {"email": f"name{number}"}).json() == {"status": "sent"}
    answer = post(PATH, {"email": "reader"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


def test_three_an_hour_to_one_person_and_only_after_a_fresh_sign_in(world, settings):
    client = bearer(world.secret("superuser"))
    for _ in range(3):
        assert client.post(SEND).status_code == 200
    assert client.post(SEND).status_code == 429
    settings.FRESH_LOGIN_SECONDS = 0
    assert signed_in("superuser").post(SEND).json()["error_type"] == "fresh_login_required"


NEW = {"username": "eve", "password": make.PASSWORD, "email": "eve@example.test"}


def test_who_signs_up_is_not_signed_in_before_her_address_is_proven(world):
    client = Client(enforce_csrf_checks=True)
    assert post("/api/v1/user/", NEW, client).json() == {"awaiting_verification": True}
    assert client.get("/api/v1/user/").status_code == 401
    assert MailedLink.objects.get().email == "eve@example.test"
    body = {"username": "eve", "password": make.PASSWORD}
    assert post("/api/v1/signin", body, client).json()["needsEmailVerification"] is True
    assert post("/api/v1/signin", body | {"password": "wrong-horse"}, client).json()["invalidCredentials"]
    assert client.get("/api/v1/user/").status_code == 401
    User.objects.filter(username="eve").update(is_verified=True)
    assert post("/api/v1/signin", body, client).json() == {"success": True}


def test_without_verification_she_is_signed_in_at_once(world, settings):
    settings.VERIFY_EMAIL = False
    client = Client(enforce_csrf_checks=True)
    assert post("/api/v1/user/", NEW, client).json()["verified"] is False
    assert client.get("/api/v1/user/").json()["username"] == "eve"
    assert not MailedLink.objects.exists()


def test_a_new_address_of_ones_own_waits(world):
    client = bearer(world.secret("reader"))
    answer = client.put("/api/v1/user/", {"email": "new@example.test"}, content_type="application/json")
    assert answer.json()["email"] == "reader@example.test"
    assert MailedLink.objects.get().email == "new@example.test"


def test_a_sign_up_that_fails_mails_nobody(world):
    assert post("/api/v1/user/", NEW | {"email": "reader@example.test"}).status_code == 400
    assert post("/api/v1/user/", NEW | {"username": "reader"}).status_code == 400
    assert not MailedLink.objects.exists()


@pytest.mark.parametrize("service", ["LDAP", "OIDC"])
def test_people_of_a_directory_are_made_and_changed_there(world, settings, service):
    settings.AUTHENTICATION = service
    client = bearer(world.secret("superuser"))
    new = {"username": "newcomer", "email": "new@example.test"}
    answer = client.post("/api/v1/superuser/users/", new, content_type="application/json")
    assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_request")
    path = "/api/v1/superuser/users/reader"
    for body in ({"password": "brand-new-9"}, {"email": "new@example.test"}):
        answer = client.put(path, body, content_type="application/json")
        assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_request")
    assert not User.objects.filter(username="newcomer").exists()
    assert client.put(path, {"enabled": False}, content_type="application/json").status_code == 200
