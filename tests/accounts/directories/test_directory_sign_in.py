"""Signing in by a real directory, on the console and on the wire."""

import pytest
from django.test import Client

from accounts import services
from accounts.models import Identity, User
from core.errors import BadCredentials, TooManyRequests, Unreachable
from logs.models import LogEntry
from tests import make
from tests.accounts.directories.slapd import PASSWORD, person
from tests.api.quay.world import signed_in

pytestmark = [pytest.mark.processes, pytest.mark.django_db]


def sign_in(name, password=PASSWORD):
    actor = make.actor(None).at(dialect="test", ip="192.0.2.1", user_agent="curl")
    return services.sign_in(actor=actor, username=name, password=password)


def test_the_first_time_makes_a_person_and_later_ones_find_her(slapd):
    ada = sign_in("ada")
    assert (ada.username, ada.email, ada.name) == ("ada", "ada@brightwater.example", "Ada")
    assert ada.is_verified
    assert not ada.has_usable_password()
    assert sign_in(" ADA ").pk == ada.pk
    slapd.rename(person("ada"), "uid=countess")
    assert sign_in("countess").pk == ada.pk
    assert Identity.objects.get().login == "countess"
    assert [entry.metadata["type"] for entry in LogEntry.objects.filter(kind="login_success")] == ["ldap"] * 3
    assert LogEntry.objects.filter(kind="user_create").count() == 1


def test_the_wire_and_the_console_ask_the_directory(slapd):
    client = Client(enforce_csrf_checks=True)
    token = client.get("/csrf_token").json()["csrf_token"]
    answer = client.post(
        "/api/v1/signin",
        {"username": "ada", "password": PASSWORD},
        content_type="application/json",
        headers={"x-csrf-token": token},
    )
    assert answer.json() == {"success": True}
    client.defaults["HTTP_X_CSRF_TOKEN"] = answer["X-Next-CSRF-Token"]
    body = client.get("/api/v1/user/").json()
    subject = Identity.objects.get().subject
    assert body["logins"] == [{"service": "ldap", "service_identifier": subject, "metadata": {}}]
    for password, status in ((PASSWORD, 200), ("wrong", 403)):
        answer = client.post("/api/v1/signin/verify", {"password": password}, content_type="application/json")
        assert answer.status_code == status
    assert Client().post("/sign-in/", {"username": "bob", "password": PASSWORD}).status_code == 302
    assert Client().post("/sign-in/", {"username": "bob", "password": "wrong"}).status_code == 403


def test_nobody_becomes_somebody_else_by_a_name_or_an_address(slapd, settings):
    settings.SUPERUSERS = frozenset({"eve"})
    local = make.user("ada", email="ada@brightwater.example")
    ada = sign_in("ada")
    assert (ada.username, ada.email) == ("ada-2", "")
    assert ada.pk != local.pk
    with pytest.raises(BadCredentials):
        sign_in("ada", make.PASSWORD)  # passwords kept here open for superusers alone
    # What the operator calls superusers are names of the directory, to the letter.
    assert sign_in("eve").username == "eve"
    slapd.add_person("Eve!")
    assert sign_in("Eve!").username != "eve"
    # Proving oneself again asks for her name there, not for whom the directory calls by her name here.
    slapd.add_person("ada-2", userPassword="other-one-3")
    with pytest.raises(BadCredentials):
        services.verify_password(actor=make.actor(ada), password="other-one-3")
    services.verify_password(actor=make.actor(ada), password=PASSWORD)


def test_a_new_holder_of_an_old_name_is_somebody_else(slapd):
    before = sign_in("ada")
    slapd.delete(person("ada"))
    with pytest.raises(BadCredentials):
        sign_in("ada")
    slapd.add_person("ada")
    assert sign_in("ada").pk != before.pk


def test_guessing_is_slowed_down_and_told(slapd):
    for _ in range(10):
        with pytest.raises(BadCredentials):
            sign_in("ada", "wrong")
    with pytest.raises(TooManyRequests):
        sign_in("ada")
    failures = LogEntry.objects.filter(kind="login_failure")
    assert {entry.metadata["type"] for entry in failures} == {"ldap"}


def test_a_directory_that_is_down_counts_as_no_failure_and_superusers_come_in(slapd):
    make.user("boss", superuser=True)
    slapd.stop()
    for _ in range(12):
        with pytest.raises(Unreachable):
            sign_in("ada")
    assert sign_in("boss", make.PASSWORD).username == "boss"
    client = Client()
    answer = client.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 403
    assert "does not answer" in answer.content.decode()
    signed_in("boss")


def test_who_is_disabled_or_deleted_here_stays_out_or_begins_anew(slapd):
    ada = sign_in("ada")
    services.change_user(actor=make.SYSTEM, user=ada, enabled=False)
    with pytest.raises(BadCredentials):
        sign_in("ada")
    services.change_user(actor=make.SYSTEM, user=ada, enabled=True)
    services.delete_user(actor=make.SYSTEM, user=User.objects.get(pk=ada.pk))
    again = sign_in("ada")
    assert again.pk != ada.pk
    assert again.username == "ada"
