"""No wire gives who has a second factor a session, or a token, for her password alone."""

import base64

import pytest
from django.test import Client

from tests import make
from tests.accounts.test_second_factor import code, set_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


def post(client, path, body):
    token = client.get("/csrf_token").json()["csrf_token"]
    return client.post(path, body, content_type="application/json", headers={"x-csrf-token": token})


def test_signing_in_asks_for_a_code_and_takes_it(ada):
    secret, codes = set_up(ada)
    client, body = Client(), {"username": "ada", "password": make.PASSWORD}
    answer = post(client, "/api/v1/signin", body)
    assert answer.status_code == 403
    assert answer.json() == {
        "needsEmailVerification": False,
        "invalidCredentials": False,
        "needsSecondFactor": True,
        "message": "A code of your authenticator app, or a recovery code, is needed as well",
    }
    assert client.get("/api/v1/user/").status_code == 401
    wrong = post(client, "/api/v1/signin", body | {"code": "000000"}).json()
    assert wrong["invalidCredentials"]
    assert "needsSecondFactor" not in wrong
    for typed in (code(secret), codes[0]):
        client = Client()
        assert post(client, "/api/v1/signin", body | {"code": typed}).json() == {"success": True}
        assert client.get("/api/v1/user/").json()["username"] == "ada"


def test_a_wrong_password_tells_nothing_of_it(ada):
    set_up(ada)
    answer = post(
        Client(), "/api/v1/signin", {"username": "ada", "password": "wrong-horse", "code": "000000"}
    )
    assert answer.json()["message"] == "Invalid user name or password"
    assert "needsSecondFactor" not in answer.json()


def test_basic_authentication_is_refused_where_tokens_are_minted(ada):
    set_up(ada)
    word = base64.b64encode(f"ada:{make.PASSWORD}".encode()).decode()
    answer = Client().get(
        "/oauth/authorize?client_id=x&redirect_uri=y&scope=repo:read",
        headers={"authorization": f"Basic {word}"},
    )
    assert answer.status_code == 401


def test_nobody_is_signed_in_by_an_account_that_is_converted(ada):
    set_up(ada)
    bo = Client()
    make.user("bo")
    post(bo, "/api/v1/signin", {"username": "bo", "password": make.PASSWORD})
    answer = post(bo, "/api/v1/user/convert", {"adminUser": "ada", "adminPassword": make.PASSWORD})
    assert answer.status_code == 400
    assert answer.json()["reason"] == "invaliduser"
    assert bo.get("/api/v1/user/").json()["username"] == "bo"
