"""What the instance says of itself: features, settings without secrets, news, and everybody's tokens."""

import json

import pytest
from django.conf import settings as configured
from django.test import Client

from api.quay.urls import urlpatterns
from projects import content
from tests import make
from tests.api.quay import golden
from tests.api.quay.world import bearer

ASKED = {
    "AUTO_PRUNE",
    "QUOTA_MANAGEMENT",
    "EDIT_QUOTA",
    "PROXY_CACHE",
    "REPO_MIRROR",
    "ORG_MIRROR",
    "IMMUTABLE_TAGS",
    "SPARSE_INDEX",
    "SUPERUSERS_FULL_ACCESS",
}


def features():
    return Client().get("/config").json()["features"]


def test_clients_learn_what_is_on_before_anybody_signs_in(settings):
    settings.ANONYMOUS_ACCESS = False
    answer = Client(headers={"user-agent": "Mozilla/5.0 Chrome/130"}).get("/config")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body["config"]["AUTHENTICATION_TYPE"] == "Database"
    assert body["config"]["SERVER_HOSTNAME"] == "127.0.0.1:8000"
    assert body["features"].keys() >= ASKED
    assert {type(on) for on in body["features"].values()} == {bool}
    assert Client().post("/config").status_code == 405


@pytest.mark.parametrize(
    ("switch", "feature"),
    [
        ("MAILING", "MAILING"),
        ("USER_CREATION", "USER_CREATION"),
        ("SUPERUSERS_FULL_ACCESS", "SUPERUSERS_FULL_ACCESS"),
        ("QUOTA_MANAGEMENT", "EDIT_QUOTA"),
        ("ANONYMOUS_ACCESS", "ANONYMOUS_ACCESS"),
    ],
)
def test_features_follow_the_switches(settings, switch, feature):
    for on in (True, False):
        setattr(settings, switch, on)
        assert features()[feature] is on


def test_what_no_route_serves_is_no_feature():
    patterns = " ".join(str(pattern.pattern) for pattern in urlpatterns)
    for feature, piece in (
        ("AUTO_PRUNE", "autoprunepolicy"),
        ("IMMUTABLE_TAGS", "immutabilitypolicy"),
        ("RECAPTCHA", "recaptcha"),
        ("APP_SPECIFIC_TOKENS", "apptoken"),
        ("QUOTA_MANAGEMENT", "quota"),
        ("LOG_EXPORT", "exportlogs"),
    ):
        assert features()[feature] is (piece in patterns), feature


def test_a_registry_brings_its_features_along(monkeypatch):
    assert features()["PROXY_CACHE"] is False

    # Anything that is installed will do: what it can is not asked here.
    monkeypatch.setattr(content, "_installed", [object()])
    assert features()["PROXY_CACHE"] is True
    assert "amd64" in Client().get("/api/v1/registry/capabilities").json()["mirror_architectures"]


def test_an_empty_instance_says_so(db):
    assert Client().get("/api/v1/superuser/registrystatus").json() == {"status": "create-superuser"}
    make.user("ada")
    assert Client().get("/api/v1/superuser/registrystatus").json() == {"status": "ready"}


def test_the_settings_hold_no_secret(world, settings):
    settings.SUPERUSER_CONFIGDUMP = True
    settings.SUPERUSERS = frozenset({"named"})
    settings.EMAIL_HOST_PASSWORD = "mail-secret-1"
    settings.REDIS_URL = "redis://:redis-secret-1@host"
    answer = bearer(world.secret("superuser")).get("/api/v1/superuser/config")
    body = answer.json()
    assert body.keys() == {"config", "warning", "env", "schema"}
    assert body["config"]["SUPER_USERS"] == ["named"]
    assert body["config"]["FEATURE_MAILING"] is False
    assert body["schema"]["properties"].keys() == body["config"].keys()
    text = answer.content.decode()
    secrets = [
        configured.SECRET_KEY,
        configured.TOKEN_PEPPER,
        *configured.ENCRYPTION_KEYS,
        "mail-secret-1",
        "redis-secret-1",
        world.secret("superuser"),
        str(configured.DATA),
    ]
    assert not [secret for secret in secrets if secret in text]


def test_the_environment_is_shown_by_names_that_cannot_be_secret(settings):
    for name in configured.SHOWN_ENVIRONMENT:
        assert not any(word in name for word in ("KEY", "SECRET", "PASSWORD", "PEPPER", "TOKEN", "_URL")) or (
            name == "MUSTER_URL"
        )


def test_what_is_new_is_the_page_that_comes_with_muster(world):
    log = bearer(world.secret("superuser")).get("/api/v1/superuser/changelog").json()["log"]
    assert log == (configured.BASE_DIR / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [1, 30])
def test_everybodys_tokens_cost_the_same_at_any_size(world, settings, django_assert_max_num_queries, size):
    settings.SUPERUSERS_FULL_ACCESS = True
    for number in range(size):
        person = bearer(world.secret("reader" if number % 2 else "writer"))
        code = person.post("/api/v1/user/apptoken", {"title": f"t{number}"}, content_type="application/json")
    client = bearer(world.secret("superuser"))
    client.get("/api/v1/superuser/apptokens")
    with django_assert_max_num_queries(3):
        answer = client.get("/api/v1/superuser/apptokens")
    assert len(answer.json()["tokens"]) == size
    assert code.json()["token"]["token_code"] not in answer.content.decode()


def test_every_type_of_error_is_described(world):
    from api.quay.errors import WORDS

    for kind in {kind for _, kind in WORDS.values()}:
        answer = Client().get(f"/api/v1/error/{kind}")
        assert answer.status_code == 200
        assert (
            golden.differences({**answer.json(), "title": kind, "description": "<text>"}, answer.json()) == []
        )


@pytest.mark.parametrize(
    "message",
    [
        {"content": "x", "media_type": "text/html", "severity": "info"},
        {"content": "x", "media_type": "text/plain", "severity": "fatal"},
        {"content": "x", "media_type": "text/plain"},
        {"content": "x", "severity": "info"},
        {"media_type": "text/plain", "severity": "info"},
        {"content": 7, "media_type": "text/plain", "severity": "info"},
        {"content": "x", "media_type": ["text/plain"], "severity": "info"},
        {"content": "x", "media_type": "text/plain", "severity": None},
    ],
)
def test_messages_are_of_known_kinds(world, message):
    client = bearer(world.secret("superuser"))
    body = json.dumps({"message": message})
    assert client.post("/api/v1/messages", body, content_type="application/json").status_code == 400
    assert client.get("/api/v1/messages").json() == {"messages": []}
