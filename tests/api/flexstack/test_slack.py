"""Integrations of the type Slack: where the operator has connected it, and where not."""

import json
from urllib.parse import parse_qs

import pytest

from notifications import deliveries, services
from notifications.models import Delivery, Subscription
from tests import make
from tests.api.flexstack.conftest import own, refused, told
from tests.notifications.receiver import LATER, Receiver

ALL = "projects/{web}/integrations/notifications"
TOKEN = "xoxb-1-2-three"
NEW = {"type": "slack", "config": {"channel_id": "C0DEPLOYS"}, "notifications": {"deployments_failed": True}}
KEPT = {"channel_id": "C0DEPLOYS", "channel_name": "deploys", "team_id": "T0ACME", "team_name": "Acme"}


def says(value, status="200 OK"):
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


CHANNEL = says({"ok": True, "channel": {"id": "C0DEPLOYS", "name": "deploys", "is_member": True}})
TEAM = says({"ok": True, "url": "https://acme.slack.test/", "team": "Acme", "team_id": "T0ACME"})
TAKEN = says({"ok": True, "channel": "C0DEPLOYS", "ts": "1.2", "message": {"text": "x" * 900}})


@pytest.fixture
def slack(settings):
    server = Receiver()
    settings.EGRESS_ALLOW = [f"127.0.0.1:{server.port}", "192.0.2.0/24"]
    settings.SLACK_TOKEN, settings.SLACK_API = TOKEN, f"http://127.0.0.1:{server.port}/api"
    yield server
    server.close()


@pytest.fixture
def made(world, slack):
    slack.answers = [CHANNEL, TEAM]
    return told(world.call("contributor", "POST", ALL, NEW), 201)


def paths(slack):
    return [head.split(" ")[1] for head, _ in slack.requests]


def test_where_slack_is_not_connected_that_is_said(world):
    for config in ({"channel_id": "C0DEPLOYS"}, {}):
        cause = refused(world.call("key", "POST", ALL, NEW | {"config": config}), 400, "bad_input")["cause"]
        assert cause == "type: Slack is not connected to this instance"
    assert Subscription.objects.count() == 1


def test_a_channel_is_connected_read_changed_and_removed(world, slack, made):
    assert paths(slack) == ["/api/conversations.info", "/api/auth.test"]
    assert {headers["authorization"] for headers, _ in slack.calls} == {f"Bearer {TOKEN}"}
    assert parse_qs(slack.requests[0][1].decode()) == {"channel": ["C0DEPLOYS"]}
    assert (made["type"], made["config"]) == ("slack", KEPT)
    path = f"{ALL}/{made['id']}"
    for who in ("contributor", "viewer", "key"):
        assert told(world.call(who, "GET", path)) == made
        assert [one["type"] for one in told(world.call(who, "GET", ALL))] == ["webhook", "slack"]
        assert TOKEN not in json.dumps(told(world.call(who, "GET", ALL)))
    changed = told(world.call("contributor", "PUT", path, {"notifications": {"services.ok": True}}))
    assert changed["notifications"]["services_ok"] is True
    assert changed["notifications"]["deployments_failed"] is False
    refused(world.call("viewer", "PUT", path, {"notifications": {}}), 403, "forbidden")
    refused(world.call("viewer", "DELETE", path), 403, "forbidden")
    refused(world.call("otherkey", "GET", path), 404, "not_found")
    assert world.call("contributor", "DELETE", path).status_code == 204
    refused(world.call("key", "GET", path), 404, "not_found")
    assert len(slack.requests) == 2  # nobody is told of all this


def test_who_may_not_asks_nobody(world, slack):
    refused(world.call("viewer", "POST", ALL, NEW), 403, "forbidden")
    refused(world.call("otherkey", "POST", ALL, NEW), 404, "not_found")
    assert slack.requests == []


@pytest.mark.parametrize(
    "channel", [None, 7, "", "general", "#deploys", "D0PERSON", "c0deploys", "C0" + "X" * 40]
)
def test_what_is_no_channel(world, slack, channel):
    refused(world.call("key", "POST", ALL, NEW | {"config": {"channel_id": channel}}), 400, "bad_input")
    assert slack.requests == []


@pytest.mark.parametrize(
    ("answer", "status", "cause"),
    [
        ({"ok": False, "error": "channel_not_found"}, 400, "config.channel_id: Slack knows no such channel"),
        (
            {"ok": True, "channel": {"name": "x", "is_member": False}},
            400,
            "config.channel_id: The channel has not invited the app",
        ),
        (
            {"ok": True, "channel": {"name": "x", "is_member": True, "is_archived": True}},
            400,
            "config.channel_id: The channel has not invited the app",
        ),
        ({"ok": False, "error": "invalid_auth"}, 500, None),
        ([], 500, None),
    ],
)
def test_what_slack_refuses_is_not_kept(world, slack, answer, status, cause):
    slack.answers = [says(answer)]
    error = refused(world.call("key", "POST", ALL, NEW), status, {400: "bad_input", 500: "internal"}[status])
    assert error.get("cause") == cause
    assert Subscription.objects.count() == 1


def send(world, slack, *answers):
    """Send a test to the integration; return the delivery after one attempt."""
    slack.requests.clear()
    slack.answers = list(answers)
    row = services.send_test(actor=make.SYSTEM, subscription=Subscription.objects.latest("pk"))
    deliveries.work(row.pk)
    return Delivery.objects.get(pk=row.pk)


def failures():
    found = Subscription.objects.latest("pk")
    return found.number_of_failures, found.disabled_at is not None


def test_a_delivery_is_posted_to_the_channel(world, slack, made):
    assert send(world, slack, TAKEN).status == "done"
    [(headers, body)] = slack.calls
    assert paths(slack) == ["/api/chat.postMessage"]
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(body) == {
        "channel": "C0DEPLOYS",
        "text": "A deployment failed: acme/web (a test)",
        "unfurl_links": False,
    }


@pytest.mark.parametrize(
    ("answer", "status", "counted"),
    [
        (says({"ok": False, "error": "is_archived"}), "failed", (1, False)),
        (says({"ok": False, "error": "not_in_channel"}), "failed", (1, False)),
        (says({"ok": False, "error": "fatal_error"}), "queued", (1, False)),
        (says({"ok": False, "error": "token_revoked"}), "queued", (0, False)),
        (says("what?"), "queued", (1, False)),
        (LATER, "queued", (1, False)),
    ],
)
def test_what_becomes_of_a_refusal(world, slack, made, answer, status, counted):
    assert send(world, slack, answer).status == status
    assert failures() == counted


def test_disconnected_meanwhile_is_not_the_channels_fault(world, slack, made, settings):
    settings.SLACK_TOKEN = ""
    row = send(world, slack)
    assert (row.status, row.error) == ("queued", "Slack is not connected to this instance.")
    assert failures() == (0, False)
    assert slack.requests == []


def test_it_is_a_notification_as_all_others(world, slack, made):
    row = Subscription.objects.latest("pk")
    assert made["id"] == own("integration", row)
    found = world.client("owner").get(
        "/api/v1/repository/acme/web/notification/", headers={"x-requested-with": "XMLHttpRequest"}
    )
    shown = {one["uuid"]: one for one in found.json()["notifications"]}[str(row.uuid)]
    assert (shown["method"], shown["config"]) == ("slack", KEPT)
