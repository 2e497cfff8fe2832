"""Client keys, and accounts that become organizations."""

import json
from base64 import b64encode
from typing import Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY
from django.test import Client

from accounts import services as accounts
from accounts.models import Organization, User
from core import seal
from core.errors import Conflict, Forbidden, Invalid
from core.paging import page_token, read_token
from logs.models import LogEntry
from projects.models import Project
from quotas.models import Quota, Resource
from tests import make
from tests.api.quay.world import bearer, signed_in
from tests.racing import race

CONVERT = "/api/v1/user/convert"
KEY = "/api/v1/user/clientkey"
AGREES = {"adminUser": "writer", "adminPassword": make.PASSWORD}


def post(client, path, body):
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(path, text, content_type="application/json")


BAD: list[Any] = [7, None, [], {}, True, "a\x00"]


@pytest.mark.parametrize("field", ["adminUser", "adminPassword"])
def test_bad_conversions_change_nothing(world, field):
    client = bearer(world.secret("reader"))
    for value in BAD:
        assert post(client, CONVERT, AGREES | {field: value}).status_code == 400
    for body in ("", "[]", "null", "{}", '{"adminUser": "writer"}'):
        assert post(client, CONVERT, body).status_code in (400, 415)
    assert User.objects.get(username="reader").is_active
    assert not Organization.objects.filter(slug="reader").exists()


def test_bad_passwords_make_no_key(world):
    client = bearer(world.secret("reader"))
    for value in BAD:
        assert post(client, KEY, {"password": value}).status_code == 400
    assert not LogEntry.objects.filter(kind="user_generate_client_key").exists()


def test_a_client_key_holds_the_password_and_is_told(world):
    client = signed_in("reader")
    answer = post(client, KEY, {"password": make.PASSWORD})
    key = answer.json()["key"]
    assert make.PASSWORD not in answer.content.decode()
    assert accounts.password_of(key) == make.PASSWORD
    assert accounts.password_of("gAAAAA-no-key") == "gAAAAA-no-key"
    assert read_token(key) == {}
    assert read_token(page_token({"id": 1})) == {"id": 1}
    assert accounts.password_of(page_token({"id": 1})) != '{"id":1}'
    assert accounts.password_of(seal.seal("from-an-older-key")) == "from-an-older-key"
    told = LogEntry.objects.get(kind="user_generate_client_key")
    assert (told.namespace_name, told.metadata) == ("reader", {})


def test_a_client_key_is_as_good_as_the_password_where_basic_is_taken(world):
    key = post(bearer(world.secret("reader")), KEY, {"password": make.PASSWORD}).json()["key"]

    def status(secret):
        pair = b64encode(f"reader:{secret}".encode()).decode()
        ask = {"scope": "repo:read", "format": "json", "access_token": "x"}
        return Client().get("/oauth/localapp", ask, headers={"authorization": f"Basic {pair}"}).status_code

    assert (status(key), status(make.PASSWORD), status("wrong-horse")) == (200, 200, 401)
    accounts.change_user(actor=make.SYSTEM, user=world.people["reader"], password="brand-new-9")
    assert status(key) == 401
    assert post(Client(), "/api/v1/signin", {"username": "reader", "password": key}).status_code == 403


def test_guessing_by_client_keys_is_slowed_down(world):
    client = bearer(world.secret("reader"))
    for _ in range(10):
        assert post(client, KEY, {"password": "wrong-horse"}).status_code == 400
    assert post(client, KEY, {"password": make.PASSWORD}).status_code == 429


def test_an_account_becomes_an_organization_of_somebody_else(world):
    reader = world.people["reader"]
    web, robot = make.project(reader, "web"), make.robot(reader, "ci")
    token = world.secret("reader")
    session = signed_in("reader")
    other = signed_in("reader")
    answer = post(session, CONVERT, AGREES)
    assert answer.json() == {"success": True}
    # From here on the administrator is who calls.
    assert session.get("/api/v1/user/").json()["username"] == "writer"
    session.defaults["HTTP_X_CSRF_TOKEN"] = answer["X-Next-CSRF-Token"]
    shown = session.get("/api/v1/organization/reader").json()
    assert (shown["is_admin"], list(shown["teams"])) == (True, ["owners"])
    assert session.get("/api/v1/organization/reader/robots").json()["robots"][0]["name"] == "reader+ci"
    assert (
        post(
            session,
            "/api/v1/repository",
            {
                "namespace": "reader",
                "repository": "new",
                "visibility": "private",
                "description": "",
            },
        ).status_code
        == 201
    )
    for client in (other, bearer(token)):
        assert client.get("/api/v1/user/").status_code == 401
    assert Project.objects.get(pk=web.pk).namespace.organization.slug == "reader"
    robot.refresh_from_db()
    assert robot.namespace.kind == "organization"
    account = Organization.objects.get(slug="reader").account
    assert list(account.administrators.values_list("username", flat=True)) == ["writer"]
    used = {row.resource: row.used for row in Quota.objects.filter(account=account)}
    assert (used[Resource.PROJECTS], used[Resource.ROBOTS], used[Resource.MEMBERS]) == (2, 1, 1)
    told = LogEntry.objects.get(kind="account_convert")
    assert (told.namespace_name, told.namespace_kind, told.performer_name) == (
        "reader",
        "organization",
        "reader",
    )


def test_who_administers_alone_stays_who_she_is(world):
    client = bearer(make.token(world.people["globex-owner"]))
    answer = post(client, CONVERT, AGREES)
    assert answer.status_code == 400
    assert User.objects.get(username="globex-owner").is_active
    assert not Organization.objects.filter(slug="globex-owner").exists()
    assert "_auth_user_id" not in client.session


def test_conversion_asks_for_a_fresh_sign_in(world, settings):
    settings.FRESH_LOGIN_SECONDS = 0
    assert post(signed_in("reader"), CONVERT, AGREES).json()["error_type"] == "fresh_login_required"
    # Whom an identity provider signs in has no password to enter again on this wire.
    reader = world.people["reader"]
    client = signed_in("reader")
    reader.set_unusable_password()
    reader.save()
    session = client.session
    session[HASH_SESSION_KEY] = reader.get_session_auth_hash()
    session.save()
    answer = post(client, CONVERT, AGREES | {"adminUser": "nobody"}).json()
    assert answer["error_type"] == "invalid_request"


def test_a_disabled_person_is_no_administrator(world):
    accounts.change_user(actor=make.SYSTEM, user=world.people["writer"], enabled=False)
    assert post(bearer(world.secret("reader")), CONVERT, AGREES).json()["reason"] == "invaliduser"
    with pytest.raises(Invalid):
        accounts.convert_to_organization(
            actor=make.actor(world.people["reader"]), administrator=world.people["writer"]
        )


def test_who_may_not_convert(world):
    with pytest.raises(Forbidden):
        accounts.convert_to_organization(
            actor=make.actor(world.people["reader"], "repo:admin"), administrator=world.people["writer"]
        )
    with pytest.raises(Invalid):
        accounts.convert_to_organization(
            actor=make.actor(world.people["superuser"]), administrator=world.people["writer"]
        )
    with pytest.raises(Conflict):
        accounts.convert_to_organization(
            actor=make.actor(world.people["globex-owner"]), administrator=world.people["writer"]
        )


@pytest.mark.django_db(transaction=True)
def test_two_who_convert_into_each_other_at_once():
    people = [make.user("ada"), make.user("bo")]

    def act(number):
        accounts.convert_to_organization(actor=make.actor(people[number]), administrator=people[1 - number])

    came = race(2, act)
    assert came["ok"] == 1
    [organization] = Organization.objects.all()
    assert organization.memberships.get().user.is_active


@pytest.mark.django_db(transaction=True)
def test_one_converts_once():
    ada, bo = make.user("ada"), make.user("bo")
    came = race(4, lambda _: accounts.convert_to_organization(actor=make.actor(ada), administrator=bo))
    assert came["ok"] == 1
    assert Organization.objects.filter(slug="ada", deleted_at=None).count() == 1


def test_a_read_only_superuser_seals_nothing(world, settings):
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    assert post(bearer(world.secret("auditor")), KEY, {"password": make.PASSWORD}).status_code == 403
    assert Client().post(KEY).status_code in (401, 403)
