"""Integrations of the FlexStack wire: what is kept and shown, and what a receiver gets."""

import hashlib
import hmac
import json
import re

import pytest

from core.publicids import parsed_uuid
from logs.models import LogEntry
from notifications import deliveries, services
from notifications.models import Delivery, Subscription
from projects import services as projects
from projects.tasks import purge
from tests import make
from tests.api.flexstack.conftest import HOOK, own, refused, told
from tests.notifications.receiver import LATER, Receiver

ALL = "projects/{web}/integrations/notifications"
ONE = ALL + "/{hook}"
OFF = dict.fromkeys(
    (
        "deployments_failed", "deployments_in_progress", "deployments_succeeded", "marketing_changelog",
        "marketing_promotions", "services_alarm", "services_ok",
    ),
    False,
)  # fmt: skip
NEW = {"type": "webhook", "config": {"url": HOOK}}


def test_an_integration_is_made_read_changed_and_removed(world):
    before = LogEntry.objects.latest("pk").pk
    sent = NEW | {"notifications": {"deployments_failed": True, "deployments.succeeded": True, "other": 7}}
    made = told(world.call("contributor", "POST", ALL, sent), 201)
    assert list(made) == sorted(made)
    assert re.fullmatch(r"sig_[0-9a-f]{64}", made["config"]["secret"])
    assert made["config"]["url"] == HOOK
    assert made["notifications"] == OFF | {"deployments_failed": True, "deployments_succeeded": True}
    assert list(told(world.call("key", "GET", ONE))["notifications"]) == list(OFF)
    assert (made["type"], made["project_id"]) == ("webhook", own("project", world.web))
    assert made["created_at"] == made["updated_at"]
    row = Subscription.objects.latest("pk")
    assert made["config"]["secret"] not in row.secret_sealed
    path = f"{ALL}/{made['id']}"
    assert told(world.call("key", "GET", path)) == made
    assert [one["id"] for one in told(world.call("key", "GET", ALL))] == [world.ids()["hook"], made["id"]]
    body = {"notifications": {"services.ok": True}, "config": {"url": "https://other.test"}, "type": 7}
    changed = told(world.call("contributor", "PUT", path, body))
    assert changed["notifications"] == OFF | {"services_ok": True}
    assert (changed["config"], changed["created_at"]) == (made["config"], made["created_at"])
    assert Subscription.objects.get(pk=row.pk).updated_at > row.created_at
    assert world.call("contributor", "DELETE", path).status_code == 204
    for method in ("GET", "DELETE"):
        refused(world.call("key", method, path), 404, "not_found")
    refused(world.call("key", "PUT", path, {"notifications": {"services_ok": True}}), 404, "not_found")
    kinds = LogEntry.objects.filter(pk__gt=before).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["add_repo_notification", "change_repo_notification", "delete_repo_notification"]


def test_viewers_do_not_see_secrets(world):
    for who in ("viewer", "outsider", "auditor"):
        assert told(world.call(who, "GET", ONE))["config"] == {"url": HOOK}
        assert [one["config"] for one in told(world.call(who, "GET", ALL))] == [{"url": HOOK}]


def test_forms_of_the_address(world):
    uuid = parsed_uuid(world.ids()["hook"])
    assert uuid is not None
    for words in ("integrations/notifications", "notifications/integrations", "notifications-integrations"):
        for id in (world.ids()["hook"], str(uuid), uuid.hex):
            assert told(world.call("key", "GET", f"projects/{{web}}/{words}/{id}"))["type"] == "webhook"
    refused(world.call("key", "GET", f"{ALL}/{str(uuid).upper()}"), 400, "bad_input")
    other = own("project", make.project(world.acme, "other"))
    refused(
        world.call("key", "GET", f"projects/{other}/integrations/notifications/{{hook}}"), 404, "not_found"
    )
    for name in ("web", "owner", "acme", "nothing"):
        refused(world.call("key", "GET", f"{ALL}/{{{name}}}"), 404, "not_found")


def test_other_subscriptions_are_no_integrations_and_integrations_are_seen_elsewhere(world):
    other, _ = services.create_subscription(
        actor=make.SYSTEM, project=world.web, event="repo_change", method="webhook", config={"url": HOOK}
    )
    assert len(told(world.call("key", "GET", ALL))) == 1
    refused(world.call("key", "GET", f"{ALL}/{own('integration', other)}"), 404, "not_found")
    found = world.client("owner").get(
        "/api/v1/repository/acme/web/notification/", headers={"x-requested-with": "XMLHttpRequest"}
    )
    assert {one["event"] for one in found.json()["notifications"]} == {"repo_change", "deployments"}


URLS: list[object] = [
    None, 7, "", [], {}, "x", "ftp://192.0.2.7/", "http://127.0.0.1/", "http://[::1]/", "http://localhost/",
    "http://10.0.0.1/", "http://169.254.169.254/", "http://user:pass@192.0.2.7/", "javascript:alert(1)",
    "https://192.0.2.7/" + "x" * 2048, "https://192.0.2.7/\x00",
]  # fmt: skip
FLAGS: list[object] = [
    None, [], "all", True, 7, {"services_ok": 1}, {"services_ok": None}, {"services.ok": "true"},
    {"services_ok": True, "services.ok": False},
]  # fmt: skip


def test_bad_bodies(world):
    bad: list[object] = [
        *({**NEW, "config": {"url": url}} for url in URLS),
        *({**NEW, "config": config} for config in (None, [1], "x", {"a": 1})),
        *({**NEW, "type": type} for type in (None, 7, "", "slack", "Webhook", [1])),
        {"type": "slack", "config": {"channel_id": "C0123456"}},
        *({**NEW, "notifications": flags} for flags in FLAGS),
        {"config": {"url": HOOK}},
        {"type": "webhook"},
        [],
        "{",
        "",
    ]
    before = LogEntry.objects.count()
    for body in bad:
        refused(world.call("key", "POST", ALL, body), 400, "bad_input")
    for body in ({}, [], "null", *({"notifications": flags} for flags in FLAGS)):
        refused(world.call("key", "PUT", ONE, body), 400, "bad_input")
    assert (Subscription.objects.count(), LogEntry.objects.count()) == (1, before)


def test_inner_addresses_are_called_where_the_operator_allows_it(world, settings):
    settings.EGRESS_ALLOW = ["127.0.0.1:8080"]
    body = NEW | {"config": {"url": "http://127.0.0.1:8080/hook"}}
    told(world.call("key", "POST", ALL, body), 201)


def test_there_are_at_most_fifty(world):
    for _ in range(49):
        services.create_integration(actor=make.SYSTEM, project=world.web, url=HOOK, flags={})
    refused(world.call("key", "POST", ALL, NEW), 409, "conflict")


def test_integrations_go_with_their_project(world):
    projects.delete_project(actor=make.SYSTEM, project=world.web)
    refused(world.call("key", "GET", ONE), 404, "not_found")
    purge(world.web.pk)
    assert not Subscription.objects.exists()


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


def test_what_a_receiver_gets_can_be_told_from_what_others_send(world, receiver):
    """A test is sent by the Quay wire, on which the integration is a notification like all others."""
    sent = NEW | {"config": {"url": receiver.url}, "notifications": {"services_ok": True}}
    made = told(world.call("key", "POST", ALL, sent), 201)
    row = Subscription.objects.latest("pk")
    answer = world.client("owner").post(
        f"/api/v1/repository/acme/web/notification/{row.uuid}/test",
        headers={"x-requested-with": "XMLHttpRequest"},
    )
    assert answer.status_code == 200, answer.content
    receiver.answers = [LATER]
    delivery = Delivery.objects.get()
    deliveries.work(delivery.pk)
    Delivery.objects.update(due_at=delivery.created_at)
    deliveries.work(delivery.pk)
    assert Delivery.objects.get().status == "done"
    (headers, body), (again, same) = receiver.calls
    assert same == body
    for got in (headers, again):
        digest = hmac.new(made["config"]["secret"].encode(), body, hashlib.sha256).hexdigest()
        assert got["x-flexstack-signature"] == f"sha256={digest}"
        assert got["content-type"] == "application/json"
    heard = json.loads(body)
    assert list(heard) == ["id", "type", "timestamp", "data"]
    assert (heard["id"], heard["type"]) == (str(delivery.uuid), "services.ok")
    assert heard["data"]["test"] is True


@pytest.mark.parametrize("size", [1, 30])
def test_reads_cost_the_same_at_any_size(world, django_assert_max_num_queries, size):
    for _ in range(size - 1):
        services.create_integration(actor=make.SYSTEM, project=world.web, url=HOOK, flags={})
    ids = world.ids()
    for who in ("key", "owner", "viewer"):
        world.call(who, "GET", "projects")
        with django_assert_max_num_queries(8):
            answer = world.client(who).get(f"/v1/{ALL.format(**ids)}")
        assert len(told(answer)) == size
        with django_assert_max_num_queries(6):
            told(world.client(who).get(f"/v1/{ONE.format(**ids)}"))
