"""Notifications over the wire: bad bodies, tests that fail and count, mails, the log, costs (quay-b.md 4)."""

import json
from typing import Any

import pytest
from django.test import override_settings

from logs.models import LogEntry
from notifications import services as notifications
from notifications import tasks
from notifications.models import AuthorizedAddress, Delivery, Notice, Subscription
from notifications.services import rows
from tests import make
from tests.api.quay.world import bearer
from tests.notifications.receiver import ERROR, Receiver

WEB = "/api/v1/repository/acme/web/notification/"
OWN = "/api/v1/user/namespacenotifications"
HOOK: dict[str, Any] = {
    "event": "repo_push",
    "method": "webhook",
    "config": {"url": "https://ci.example.com/h"},
    "eventConfig": {},
}
# Everything that may be named, as the table has it (4.2).
EVENTS = """repo_push build_queued build_start build_success build_failure build_cancelled vulnerability_found
    repo_mirror_sync_started repo_mirror_sync_success repo_mirror_sync_failed repo_image_expiry quota_warning
    quota_error"""


@pytest.fixture
def client(world):
    return world.client("owner")


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


def post(client, path, body):
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(path, text, content_type="application/json")


def without(key):
    return {name: value for name, value in HOOK.items() if name != key}


TEXTS: list[Any] = [None, 7, True, [], {}]
WRONG: tuple[Any, ...] = (7, True, [], {})
NOTHING: dict[str, Any] = {}
OBJECTS: list[Any] = [None, 7, True, [], "{}"]
BAD: list[Any] = [
    *["{", "[]", "null", "7", '"x"', "{}"],
    *[without(key) for key in HOOK],
    *[HOOK | {key: value} for key in ("event", "method") for value in TEXTS],
    *[HOOK | {key: value} for key in ("config", "eventConfig") for value in OBJECTS],
    *[HOOK | {"title": value} for value in (*WRONG, "x" * 256, "a\nb", "a\0")],
    *[HOOK | {"event": value} for value in ("", "repo_pull", "team_create", "REPO_PUSH", "x" * 9999)],
    *[HOOK | {"method": value} for value in ("", "in_console", "msteams", "flowdock", "x" * 9999)],
    *[
        HOOK | {"config": {"url": value}}
        for value in (*WRONG, None, "", "ci.example.com", "ftp://ci.example.com/")
    ],
    *[
        HOOK | {"config": {"url": f"http://{host}/h"}}
        for host in ("localhost", "127.0.0.1", "[::1]", "10.1.2.3")
    ],
    *[
        HOOK | {"config": {"url": f"http://{host}/h"}}
        for host in ("169.254.169.254", "0x7f.1", "db", "a.local")
    ],
    *[
        HOOK | {"config": HOOK["config"] | {"template": value}}
        for value in (*WRONG, "{", '"${}"', "1" * 99_999)
    ],
    *[
        HOOK | {"method": "slack", "config": config}
        for config in (NOTHING, {"url": ""}, {"url": "http://localhost/"})
    ],
    *[
        HOOK | {"method": "email", "config": config}
        for config in (NOTHING, {"email": ""}, {"email": ["a@b.test"]})
    ],
    *[HOOK | {"method": "quay_notification", "config": config} for config in (NOTHING, {"target": "acme"})],
    HOOK | {"method": "quay_notification", "config": {"target": {"kind": "org", "name": "globex"}}},
    HOOK | {"method": "quay_notification", "config": {"target": {"kind": "team", "name": "globex-devs"}}},
    HOOK | {"method": "quay_notification", "config": {"target": {"kind": "user", "name": "acme+ci"}}},
    HOOK
    | {
        "method": "quay_notification",
        "config": {"target": {"kind": "org", "name": "acme"}, "more": "x" * 30_000},
    },
    *[HOOK | {"event": "vulnerability_found", "eventConfig": {"level": v}} for v in (3, "6", "", "33", None)],
    *[
        HOOK | {"event": "repo_image_expiry", "eventConfig": {"days": v}}
        for v in ("5", 0, -1, 1.5, True, None)
    ],
    *[HOOK | {"event": "build_start", "eventConfig": {"ref-regex": v}} for v in (7, None, ["x"], "x" * 501)],
]


def test_bad_bodies_change_nothing(client):
    before = LogEntry.objects.count()
    wrong = {}
    for body in BAD:
        answer = post(client, WEB, body)
        if answer.status_code != 400:
            wrong[str(body)[:200]] = answer.status_code
    assert wrong == {}
    assert not Subscription.objects.exists()
    assert LogEntry.objects.count() == before


@pytest.mark.parametrize("event", [*EVENTS.split(), "repo_change", "repo_visibility_change"])
def test_every_event_of_the_table_is_accepted(client, event):
    assert post(client, WEB, HOOK | {"event": event}).json()["event"] == event


def test_what_nobody_knows_is_not_kept(client):
    body = HOOK | {"config": HOOK["config"] | {"x": 1}, "eventConfig": {"level": "3", "x": 1}, "x": 1}
    made = post(client, WEB, body).json()
    assert (made["config"], made["event_config"]) == (HOOK["config"], {})


def test_clients_name_the_options_twice(client):
    """Ansible sends ``event_config`` beside; go-quay leaves out ``eventConfig`` when it is empty."""
    assert post(client, WEB, HOOK | {"event_config": {"level": "1"}}).status_code == 201
    assert post(client, WEB, without("eventConfig") | {"event_config": {}}).status_code == 400


def test_there_is_an_end_to_it(client, monkeypatch):
    monkeypatch.setattr(rows, "SUBSCRIPTIONS_MAX", 1)
    assert [post(client, WEB, HOOK).status_code for _ in range(2)] == [201, 400]


@pytest.mark.django_db(transaction=True)
def test_a_failing_test_raises_the_counter_until_a_reset(world, receiver):
    client = world.client("owner")
    uuid = post(client, WEB, HOOK | {"config": {"url": receiver.url}}).json()["uuid"]
    receiver.answers = [ERROR] * 3
    failures = []
    for _ in range(5):
        assert client.post(f"{WEB}{uuid}/test").json() == {}
        tasks.deliver(Delivery.objects.latest("pk").pk)
        failures.append(client.get(WEB).json()["notifications"][0]["number_of_failures"])
    assert failures == [1, 2, 3, 3, 3]
    assert len(receiver.requests) == 3
    assert client.post(f"{WEB}{uuid}").status_code == 204
    assert client.get(f"{WEB}{uuid}").json()["number_of_failures"] == 0
    client.post(f"{WEB}{uuid}/test")
    tasks.deliver(Delivery.objects.latest("pk").pk)
    assert receiver.told[-1]["repository"] == "acme/web"
    assert client.get(f"{WEB}{uuid}").json()["number_of_failures"] == 0


@pytest.mark.parametrize(("off", "shown"), [(False, 2), (True, 7)])
def test_what_is_tried_for_days_reaches_the_limit_when_it_is_off(world, client, off, shown):
    """Callers here take three failures for switched off; a webhook of other origin is on with more."""
    hook, _ = notifications.create_subscription(
        actor=make.SYSTEM,
        project=world.projects["web"],
        event="repo_change",
        method="in_console",
        config={},
    )
    at = hook.created_at if off else None
    Subscription.objects.filter(pk=hook.pk).update(number_of_failures=7, disabled_at=at)
    assert client.get(f"{WEB}{hook.uuid}").json()["number_of_failures"] == shown
    Subscription.objects.filter(pk=hook.pk).update(flat=True)
    assert client.get(f"{WEB}{hook.uuid}").json()["number_of_failures"] == 7


def test_the_log_tells_of_it(world, client):
    uuid = post(client, WEB, HOOK).json()["uuid"]
    client.post(f"{WEB}{uuid}/test")
    client.post(f"{WEB}{uuid}")
    client.delete(f"{WEB}{uuid}")
    org = "/api/v1/organization/acme/notifications"
    made = post(client, org, HOOK | {"event": "quota_error"}).json()["uuid"]
    client.delete(f"{org}/{made}")
    told = list(LogEntry.objects.filter(kind__contains="notification").order_by("pk"))
    assert [entry.kind for entry in told] == [
        "add_repo_notification",
        "reset_repo_notification",
        "delete_repo_notification",
        "create_namespace_notification",
        "delete_namespace_notification",
    ]
    keys = {"notification_id": uuid, "event": "repo_push", "method": "webhook"}
    tokens = {"oauth_token_id", "oauth_token_application_id", "oauth_token_application"}
    for entry in told[:3]:
        assert entry.project == world.projects["web"]
        assert {k: v for k, v in entry.metadata.items() if k not in tokens} == keys | {
            "repo": "web",
            "namespace": "acme",
        }
    assert told[3].metadata["namespace"] == "acme"
    assert told[3].project is None


def test_mail_to_an_address_that_said_yes(client, world, mailoutbox):
    path = "/api/v1/repository/acme/web/authorizedemail/Ops+ci@example.test"
    body = HOOK | {"method": "email", "config": {"email": "ops+ci@example.test"}}
    with override_settings(MAILING=True):
        assert client.post(path).json()["confirmed"] is False
        assert post(client, WEB, body).status_code == 400
        tasks.ask(AuthorizedAddress.objects.get().pk)
        [link] = [word for word in mailoutbox[0].body.split() if "code=" in word]
        assert (
            client.get(link.partition("testserver")[2] or link[link.index("/authrepoemail") :]).status_code
            == 200
        )
        assert client.get(path).json()["confirmed"] is True
    uuid = post(client, WEB, body).json()["uuid"]
    # Of another repository nobody was asked.
    assert post(client, "/api/v1/repository/acme/docs/notification/", body).status_code == 400
    client.post(f"{WEB}{uuid}/test")
    tasks.deliver(Delivery.objects.latest("pk").pk)
    assert mailoutbox[1].to == ["ops+ci@example.test"]
    assert mailoutbox[1].subject.startswith("[Muster] acme/web: ")


def test_own_notices_page_by_page(world):
    stranger = world.people["stranger"]
    for number in range(7):
        Notice.objects.create(
            user=stranger,
            namespace=world.acme.namespace,
            origin=f"00000000-0000-4000-8000-{number:012}",
            kind="repo_push",
            sentence="x",
            metadata={"n": number},
        )
    client = world.client("stranger")

    def page(query):
        body = client.get(f"/api/v1/user/notifications{query}").json()
        return [one["metadata"].get("n") for one in body["notifications"]], body["additional"]

    assert page("") == ([6, 5, 4, 3, 2], True)
    assert page("?page=1") == ([1, 0, None], False)
    assert page("?limit=8") == ([6, 5, 4, 3, 2, 1, 0, None], False)
    assert page("?limit=7") == ([6, 5, 4, 3, 2, 1, 0], True)
    assert page("?limit=0") == ([6], True)
    assert page("?limit=-5&page=-5") == ([6], True)
    assert page("?limit=100000000000&page=100000000000") == ([], False)
    assert client.get("/api/v1/user/notifications?page=x").json() == {
        "message": {"page": "Which page to return, from 0 on"}
    }


@pytest.mark.parametrize("body", ["{", "[]", "null", "{}", '{"dismissed": 1}', '{"dismissed": null}'])
def test_bad_changes_of_a_notice(world, body):
    notice = Notice.objects.get(user=world.people["stranger"])
    path = f"/api/v1/user/notifications/{notice.uuid}"
    answer = world.client("stranger").put(path, body, content_type="application/json")
    assert answer.status_code == 400
    notice.refresh_from_db()
    assert notice.dismissed_at is None


@pytest.mark.parametrize("size", [1, 30])
def test_queries(world, client, size, django_assert_max_num_queries):
    org = "/api/v1/organization/acme/notifications"
    paths = {WEB: 8, org: 8, OWN: 8, "/api/v1/user/notifications?limit=100": 8}
    for path in (WEB, org, OWN):
        for _ in range(size):
            made = post(client, path, HOOK | {"event": "quota_warning"})
        paths[f"{path.rstrip('/')}/{made.json()['uuid']}"] = 6
    for number in range(size):
        Notice.objects.create(
            user=world.people["owner"],
            namespace=world.acme.namespace,
            origin=f"00000000-0000-4000-8000-{number:012}",
            kind="repo_push",
            sentence="x",
        )
    paths[f"/api/v1/user/notifications/{Notice.objects.latest('pk').uuid}"] = 6
    for path, most in paths.items():
        client = bearer(world.secret("owner"))
        with django_assert_max_num_queries(most):
            assert client.get(path).status_code == 200
