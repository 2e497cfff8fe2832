"""Keys of services over the wire: bad bodies, what others see, and what a call costs."""

import json
import time
from typing import Any

import pytest

from tests import make, pems
from tests.api.quay.world import bearer, signed_in
from tokens import services
from tokens.models import ServiceKey

PATH = "/api/v1/superuser/keys"


@pytest.fixture
def client(world):
    return bearer(world.secret("superuser"))


def send(client, method, path, body):
    text = body if isinstance(body, str) else json.dumps(body)
    return client.generic(method, path, text, content_type="application/json")


def register(number=0):
    return services.register_service_key(
        actor=make.SYSTEM, public_key=pems.public_pem(number), service="relay_svc"
    )


FINE = {"service": "relay_svc", "expiration": None}
CHANGES: list[dict[str, Any]] = [
    {"service": 7},
    {"service": None},
    {"service": "Relay"},
    {"service": "x" * 256},
    {"expiration": "7"},
    {"expiration": True},
    {"expiration": 1},
    {"expiration": -1},
    {"expiration": 10**18},
    {"expiration": 10**400},
    {"name": 7},
    {"name": None},
    {"name": "<b>"},
    {"name": "x" * 256},
    {"metadata": []},
    {"metadata": None},
    {"metadata": {"a": "\x00"}},
    {"notes": 7},
    {"notes": None},
]
BAD = [
    "{}",
    "[]",
    "null",
    '{"service": "relay_svc"}',
    '{"expiration": null}',
    *[json.dumps(FINE | change) for change in CHANGES],
    '{"service": "relay_svc", "expiration": 1e999}',
    '{"service": "relay_svc", "expiration": null, "metadata": {"a": 1e999}}',
]


@pytest.mark.parametrize("body", BAD)
def test_bad_keys_are_not_made(client, body):
    answer = send(client, "POST", PATH, body)
    assert answer.status_code == 400, answer.content
    assert not ServiceKey.objects.exists()


@pytest.mark.parametrize("field", ["name", "metadata", "expiration"])
def test_bad_changes_change_nothing(client, field):
    key = register()
    bad: tuple[Any, ...] = (7 if field != "expiration" else "7", [], True, "\x00")
    for value in bad:
        answer = send(client, "PUT", f"{PATH}/{key.kid}", {field: value})
        assert answer.status_code == 400, (value, answer.content)
    assert ServiceKey.objects.values().get() == ServiceKey.objects.filter(pk=key.pk, name="").values().get()


@pytest.mark.parametrize("body", ['{"notes": 7}', '{"notes": null}', "[]", "", '"yes"'])
def test_bad_approvals_approve_nothing(client, body):
    key = register()
    answer = send(client, "POST", f"/api/v1/superuser/approvedkeys/{key.kid}", body)
    assert answer.status_code in (400, 415)
    key.refresh_from_db()
    assert not key.approval


def test_expirations_are_seconds(client):
    ends = int(time.time()) + 3600
    made = send(client, "POST", PATH, FINE | {"expiration": ends + 0.5})
    kid = made.json()["kid"]
    stored = ServiceKey.objects.get().expires_at
    assert stored is not None
    assert int(stored.timestamp()) == ends
    shown = send(client, "PUT", f"{PATH}/{kid}", {"expiration": None}).json()
    assert shown["expiration_date"] is None


def test_who_made_a_key_is_not_for_the_caller_to_say(client):
    send(client, "POST", PATH, FINE | {"metadata": {"creator": "somebody", "team": "x"}})
    metadata = ServiceKey.objects.get().metadata
    assert (metadata["creator"], metadata["team"]) == ("superuser", "x")


def test_the_secret_is_in_no_later_answer(client):
    secret = send(client, "POST", PATH, FINE).json()["private_key"]
    for path in (PATH, "/api/v1/superuser/logs"):
        assert secret[40:90] not in client.get(path).content.decode()


def test_keys_are_told_to_superusers_and_not_in_ones_own_log(client):
    send(client, "POST", PATH, FINE)
    of_all = [entry["kind"] for entry in client.get("/api/v1/superuser/logs").json()["logs"]]
    assert of_all[:2] == ["service_key_approve", "service_key_create"]
    own = [entry["kind"] for entry in client.get("/api/v1/user/logs").json()["logs"]]
    assert own
    assert not [kind for kind in own if kind.startswith("service_key")]


def test_reading_needs_no_fresh_sign_in(world, settings):
    settings.FRESH_LOGIN_SECONDS = 0
    key = register()
    client = signed_in("superuser")
    assert client.get(PATH).status_code == 200
    assert client.get(f"{PATH}/{key.kid}").status_code == 200
    assert client.delete(f"{PATH}/{key.kid}").json()["error_type"] == "fresh_login_required"


@pytest.mark.parametrize("size", [1, 4])
def test_lists_cost_the_same_at_any_size(client, django_assert_max_num_queries, size):
    for number in range(size):
        send(client, "POST", f"/api/v1/superuser/approvedkeys/{register(number).kid}", {})
    with django_assert_max_num_queries(4):
        assert len(client.get(PATH).json()["keys"]) == size
    with django_assert_max_num_queries(4):
        client.get(f"{PATH}/{ServiceKey.objects.all()[0].kid}")
