"""App-specific tokens, applications and their tokens over the wire: bad bodies, budgets, ends, the log."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from logs.models import LogEntry
from tests import make
from tests.api.quay import access_oauth
from tests.api.quay import world as worlds
from tests.api.quay.access import call
from tests.api.quay.world import bearer
from tests.counting import counted
from tests.racing import race
from tokens import services
from tokens.kinds import Kind
from tokens.models import Application, Credential

LIST = "organization/acme/applications"
APP = f"{LIST}/{{acme_app}}"
NEW = {"name": "bot"}
CHANGE = {"name": "bot", "redirect_uri": "", "application_uri": ""}
TOKEN = {"name": "nightly", "scope": "repo:read"}
NO_TEXT: list[object] = [7, 1.5, True, None, [], {}, ["x"], "a\x00b", "\ud800"]
LONG = "x" * 1025
BODIES = ["", "{", "[]", "null", '"x"', "7", b"\xff", "[" * 5000]


@pytest.fixture
def world(db):
    made = worlds.build()
    access_oauth.with_application(made)
    access_oauth.with_app_token(made)
    return made


def sent(world, method, path, body, principal="owner"):
    client = world.client(principal)
    with transaction.atomic():
        answer = call(client, method, path.format(**world.names), body)
        transaction.set_rollback(True)
    return answer


CASES = [
    ("post", LIST, NEW, "name", [*NO_TEXT, "", LONG]),
    ("post", LIST, NEW, "redirect_uri", [*NO_TEXT, LONG]),
    ("post", LIST, NEW, "application_uri", [*NO_TEXT, LONG]),
    ("post", LIST, NEW, "description", NO_TEXT),
    ("post", LIST, NEW, "avatar_email", [*NO_TEXT, LONG, "nonsense"]),
    ("put", APP, CHANGE, "name", [*NO_TEXT, "", LONG, "__quay_bootstrap_app"]),
    ("put", APP, CHANGE, "redirect_uri", [*NO_TEXT, LONG]),
    ("put", APP, CHANGE, "application_uri", [*NO_TEXT, LONG]),
    ("put", APP, CHANGE, "description", NO_TEXT),
    ("put", APP, CHANGE, "avatar_email", [*NO_TEXT, LONG, "nonsense"]),
    ("post", f"{APP}/tokens", TOKEN, "name", [*NO_TEXT, "", "x" * 256]),
    ("post", f"{APP}/tokens", TOKEN, "scope", [*NO_TEXT, "", ",", "nonsense", "repo:read nonsense", LONG]),
    (
        "post",
        f"{APP}/tokens",
        TOKEN,
        "expiration",
        ["7", 1.5, True, None, [], 0, -1, 315576001, 2**63, 10**30],
    ),
    ("post", "user/apptoken", {"title": "x"}, "title", [*NO_TEXT, "", "x" * 256]),
]
REQUIRED = [("post", LIST, NEW), ("put", APP, CHANGE), ("post", f"{APP}/tokens", TOKEN)]


@pytest.mark.parametrize(("method", "path", "good", "field", "values"), CASES)
def test_bad_fields_are_a_400(world, method, path, good, field, values):
    assert sent(world, method, path, good).status_code == 200
    for value in values:
        answer = sent(world, method, path, good | {field: value})
        assert answer.status_code == 400, (field, value, answer.content)


@pytest.mark.parametrize(("method", "path", "good"), [*REQUIRED, ("post", "user/apptoken", {"title": "x"})])
def test_missing_fields_and_bodies_that_are_none_are_a_400(world, method, path, good):
    for field in good:
        body = {key: value for key, value in good.items() if key != field}
        assert sent(world, method, path, body).status_code == 400, field
    for text in BODIES:
        assert sent(world, method, path, text).status_code == 400, text


def test_what_a_change_leaves_out_is_reset(world):
    details = {"description": "ships", "avatar_email": "bot@example.test"}
    path = APP.format(**world.names)
    assert call(world.client("owner"), "put", path, CHANGE | details).json()["avatar_email"] is not None
    after = call(world.client("owner"), "put", path, CHANGE).json()
    assert (after["description"], after["avatar_email"]) == ("", None)


def test_secrets_are_sealed_and_reset(world):
    path = APP.format(**world.names)
    client = world.client("owner")
    old = client.get(f"/api/v1/{path}").json()["client_secret"]
    row = Application.objects.get(client_id=world.names["acme_app"])
    assert old not in row.secret_sealed
    new = call(client, "post", f"{path}/resetclientsecret").json()["client_secret"]
    row.refresh_from_db()
    assert new != old
    assert row.client_secret == new


def test_a_deleted_application_takes_its_tokens_along(world):
    path = APP.format(**world.names)
    client = world.client("owner")
    secret = call(client, "post", f"{path}/tokens", TOKEN).json()["token"]
    assert bearer(secret).get("/api/v1/repository/acme/web").status_code == 200
    assert call(client, "delete", path).status_code == 204
    assert bearer(secret).get("/api/v1/repository/acme/web").status_code == 401
    assert not Credential.objects.filter(application__client_id=world.names["acme_app"]).exists()


def test_a_revoked_token_is_dead_and_gone_from_the_list(world):
    path = f"{APP.format(**world.names)}/tokens"
    client = world.client("owner")
    made = call(client, "post", path, TOKEN).json()
    assert call(world.client("admin"), "delete", f"{path}/{made['uuid']}").status_code == 204
    assert bearer(made["token"]).get("/api/v1/repository/acme/web").status_code == 401
    assert made["uuid"] not in str(client.get(f"/api/v1/{path}").content)


def test_tokens_of_an_application_come_in_pages_newest_first(world):
    path = f"/api/v1/{APP.format(**world.names)}/tokens"
    application = Application.objects.get(client_id=world.names["acme_app"])
    for number in range(60):
        services.issue(
            kind=Kind.OAUTH,
            user=world.people["owner"],
            application=application,
            title=str(number),
            scopes="x",
        )
    client = world.client("owner")
    first = client.get(path).json()
    second = client.get(path, {"next_page": first["next_page"]}).json()
    assert [len(first["tokens"]), len(second["tokens"])] == [50, 11]
    names = [token["name"] for token in first["tokens"] + second["tokens"]]
    assert names == [*map(str, reversed(range(60))), "nightly"]
    assert "next_page" not in second
    assert client.get(path, {"next_page": "nonsense"}).json()["tokens"] == first["tokens"]


def test_app_tokens_that_end_soon_and_ones_that_have_ended(world, settings, time_machine):
    settings.APP_TOKEN_SECONDS = 1000
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    client = world.client("owner")

    def titles(query=""):
        return [one["title"] for one in client.get(f"/api/v1/user/apptoken{query}").json()["tokens"]]

    made = call(client, "post", "user/apptoken", {"title": "short"}).json()["token"]
    assert made["expiration"] == "Fri, 01 May 2026 12:16:40 -0000"
    assert titles("?expiring=true") == []
    time_machine.move_to("2026-05-01T12:15:30Z", tick=False)
    assert titles("?expiring=true") == ["short"]
    assert titles("?expiring=false") == ["short", "laptop"]
    time_machine.move_to("2026-05-01T12:16:40Z", tick=False)
    assert titles("?expiring=true") == []
    path = f"user/apptoken/{made['uuid']}"
    assert call(client, "get", path).status_code == 404
    assert call(client, "delete", path).status_code == 204


def test_the_log_tells_what_was_done_and_no_secret(world):
    client, path = world.client("owner"), APP.format(**world.names)
    LogEntry.objects.all().delete()
    made = call(client, "post", LIST, {"name": "bot", "description": "ships"}).json()
    call(client, "put", f"{LIST}/{made['client_id']}", CHANGE)
    call(client, "post", f"{LIST}/{made['client_id']}/resetclientsecret")
    token = call(client, "post", f"{path}/tokens", TOKEN).json()
    call(client, "delete", f"{path}/tokens/{token['uuid']}")
    call(client, "delete", f"{LIST}/{made['client_id']}")
    entries = list(LogEntry.objects.order_by("pk"))
    assert [entry.kind for entry in entries] == [
        "create_application",
        "update_application",
        "reset_application_client_secret",
        "create_oauth_api_token",
        "revoke_oauth_api_token",
        "delete_application",
    ]
    assert {entry.namespace_name for entry in entries} == {"acme"}
    own = {"oauth_token_id", "oauth_token_application_id", "oauth_token_application"}
    assert entries[0].metadata.keys() - own == {
        *("name", "redirect_uri", "application_uri", "description", "avatar_email"),
        *("application_name", "client_id"),
    }
    assert entries[3].metadata["token_display_name"] == "nightly"
    told = str([entry.metadata for entry in entries])
    assert made["client_secret"] not in told
    assert token["token"] not in told


def test_reading_keeps_to_its_budget_at_any_size(world):
    owner, actor = world.people["owner"], make.actor(world.people["owner"])
    found = []
    application = Application.objects.get(client_id=world.names["acme_app"])
    for size in (1, 30):
        for number in range(size - 1):
            services.create_application(actor=actor, organization=world.acme, name=f"app{number}")
            services.create_app_token(actor=actor, title="x")
            services.issue(kind=Kind.OAUTH, user=owner, application=application, issued_by=owner, scopes="x")
        costs = []
        for path, budget in (
            ("user/apptoken", 8),
            ("user/apptoken/{own_token}", 6),
            (LIST, 8),
            (APP, 6),
            (f"{APP}/tokens", 8),
            ("app/{acme_app}", 6),
        ):
            world.secrets.clear()
            client = world.client("owner")
            with counted() as asked:
                assert call(client, "get", path.format(**world.names)).status_code == 200
            assert len(asked) <= budget, path
            costs.append(len(asked))
        found.append(costs)
    assert found[0] == found[1]


@pytest.mark.django_db(transaction=True)
def test_an_application_deleted_while_tokens_are_made_leaves_none():
    owner = make.user("owner")
    acme = make.organization("acme", owner=owner)
    actor = make.actor(owner)
    application = services.create_application(actor=actor, organization=acme, name="bot")

    def act(number):
        actor = make.actor(owner)
        if number == 2:
            services.delete_application(actor=actor, organization=acme, application=application)
        else:
            services.issue_application_token(
                actor=actor, organization=acme, application=application, name="x", scopes="repo:read"
            )

    outcomes = race(6, act, at_once=6)
    assert set(outcomes) <= {"ok", "not_found"}
    assert not Credential.objects.filter(scopes="repo:read").exists()
    assert not Application.objects.filter(pk=application.pk).exists()
    connection.close()


def test_a_token_made_for_a_while_ends_then(world, time_machine):
    start = timezone.now()
    path = f"{APP.format(**world.names)}/tokens"
    made = call(world.client("owner"), "post", path, TOKEN | {"expiration": 60}).json()
    client = bearer(made["token"])
    assert client.get("/api/v1/repository/acme/web").status_code == 200
    time_machine.move_to(start + timedelta(seconds=62))
    assert client.get("/api/v1/repository/acme/web").status_code == 401
