"""Subscriptions in the Quay wire's form: what their receivers get, to the letter (quay-b.md 4)."""

import json

import pytest

from core.errors import Invalid
from logs.kinds import QUOTA_ERROR, QUOTA_WARNING
from logs.record import record
from notifications import notices, payloads, services, tasks
from notifications.events import EVENTS, Level
from notifications.models import Delivery, Notice, Subscription
from projects import services as projects
from tests import make
from tests.notifications.receiver import ERROR

pytestmark = pytest.mark.django_db(transaction=True)

BASE = {
    "repository": "acme/web",
    "namespace": "acme",
    "name": "web",
    "docker_url": "muster.example:8443/acme/web",
    "homepage": "https://muster.example:8443/repository/acme/web",
}
FULL = {
    "namespace": "acme",
    "threshold_percent": 80,
    "usage_bytes": 80,
    "limit_bytes": 100,
    "usage_percent": 80,
    "usage_bytes_formatted": "80.0 Byte",
    "limit_bytes_formatted": "100.0 Byte",
}


@pytest.fixture(autouse=True)
def here(settings):
    settings.PUBLIC_URL = "https://muster.example:8443"


@pytest.fixture
def flat(owner):
    """Subscribe as the wire does."""

    def flat(method, event="repo_push", *, project=None, namespace=None, options=None, **config):
        made, _ = services.create_subscription(
            actor=owner,
            project=project,
            namespace=namespace,
            event=event,
            method=method,
            config=config,
            event_config=options,
            flat=True,
        )
        return made

    return flat


def try_out(owner, subscription):
    """Send a test and deliver it; return the delivery."""
    row = services.send_test(actor=owner, subscription=subscription)
    tasks.deliver(row.pk)
    row.refresh_from_db()
    return row


# Webhooks


def test_a_body_has_no_envelope(flat, web, owner, receiver):
    try_out(owner, flat("webhook", project=web, url=receiver.url))
    assert receiver.told == [BASE | {"updated_tags": ["latest", "foo"], "pruned_image_count": 3}]
    [(headers, _)] = receiver.calls
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("event", [name for name, one in EVENTS.items() if one.of_project])
def test_every_event_of_a_repository_has_the_base_keys(flat, web, owner, receiver, event):
    try_out(owner, flat("webhook", event, project=web, url=receiver.url))
    [told] = receiver.told
    assert {key: told[key] for key in BASE} == BASE
    assert not {"type", "timestamp", "data", "event", "test"} & told.keys()
    assert told.keys() > BASE.keys()


def test_options_shape_samples(flat, web, owner, receiver):
    hook = {"project": web, "url": receiver.url}
    try_out(owner, flat("webhook", "vulnerability_found", options={"level": "2"}, **hook))
    try_out(owner, flat("webhook", "repo_image_expiry", options={"days": 5}, **hook))
    first, second = receiver.told
    assert first["vulnerability"]["priority"] == "Medium"
    assert second["expiring_in"] == "5 days"
    assert second["notification_uuid"] == str(Subscription.objects.latest("pk").uuid)


def test_what_really_happens(flat, web, owner, receiver):
    flat("webhook", "repo_change", project=web, url=receiver.url)
    projects.set_description(actor=owner, project=web, description="new")
    tasks.deliver(Delivery.objects.get().pk)
    assert receiver.told == [
        BASE
        | {
            "kind": "set_repo_description",
            "message": "owner changed the description of web",
            "performer": {"kind": "user", "name": "owner"},
            "metadata": {"repo": "web", "namespace": "acme", "description": "new"},
        }
    ]


def test_a_body_of_ones_own(flat, web, owner, receiver):
    template = '{"text": "${repository} got ${updated_tags[*]}", "tags": "${updated_tags}"}'
    try_out(owner, flat("webhook", project=web, url=receiver.url, template=template))
    assert receiver.told == [{"text": "acme/web got latest,foo", "tags": ["latest", "foo"]}]


def test_three_failing_tests_switch_it_off_and_a_reset_on(flat, web, owner, receiver):
    hook = flat("webhook", project=web, url=receiver.url)
    receiver.answers = [ERROR] * 3
    for count in (1, 2, 3):
        try_out(owner, hook)
        hook.refresh_from_db()
        assert hook.number_of_failures == count
    assert try_out(owner, hook).status == "failed"  # dropped: nothing is sent
    assert len(receiver.requests) == 3
    services.reset_subscription(actor=owner, subscription=hook)
    hook.refresh_from_db()  # what the delivery knows comes from the database
    assert try_out(owner, hook).status == "done"
    hook.refresh_from_db()
    assert (hook.number_of_failures, hook.disabled_at) == (0, None)


# Slack


@pytest.mark.parametrize(
    ("event", "options", "colour"),
    [
        ("repo_push", None, "good"),
        ("build_success", None, "good"),
        ("build_start", None, "#ffffff"),
        ("build_failure", None, "danger"),
        ("vulnerability_found", {"level": "0"}, "danger"),
        ("vulnerability_found", {"level": "1"}, "warning"),
        ("vulnerability_found", {"level": "5"}, "#ffffff"),
    ],
)
def test_slack(flat, web, owner, receiver, event, options, colour):
    try_out(owner, flat("slack", event, project=web, options=options, url=receiver.url))
    [told] = receiver.told
    assert told["username"] == "quayiobot"
    assert "acme/web" in told["text"]
    [attachment] = told["attachments"]
    assert attachment | {"text": ""} == {
        "fallback": told["text"],
        "text": "",
        "color": colour,
        "mrkdwn_in": ["text"],
    }
    assert attachment["text"].startswith(f"<{BASE['homepage']}|acme/web>: ")


def test_what_people_typed_calls_nobody_in_slack(flat, web, owner, receiver):
    flat("slack", "repo_permission_change", project=web, url=receiver.url)
    row = Delivery(subscription=Subscription.objects.get(), event="repo_permission_change")
    told = {"sentence": "<!channel> & co", "namespace": "acme", "project": "web", "kind": "k"}
    row.payload = {"type": row.event, "data": told | {"performer": None, "metadata": {}}}
    row.save()
    tasks.deliver(row.pk)
    assert "<!channel>" not in json.dumps(receiver.told)
    assert "&lt;!channel&gt; &amp; co" in receiver.told[0]["text"]


# In the console


def notices_of(user):
    return list(Notice.objects.filter(user=user).order_by("pk"))


def test_people_teams_and_administrators_are_told(flat, web, acme, owner):
    reader, member, boss = make.user("reader"), make.user("member"), make.user("boss")
    make.member(make.team(acme, "devs"), member)
    make.member(make.team(acme, "bosses", role="admin"), boss)
    make.robot(acme, "ci")
    Notice.objects.all().delete()
    for target in ({"kind": "user", "name": "reader"}, {"kind": "team", "name": "devs"}):
        assert try_out(owner, flat("in_console", project=web, target=target)).status == "done"
    try_out(owner, flat("in_console", project=web, target={"kind": "org", "name": "acme"}))
    assert [[one.kind for one in notices_of(who)] for who in (reader, member, boss, owner.user)] == [
        ["repo_push"]
    ] * 4
    assert [notices_of(who)[0].as_administrator for who in (reader, member, boss)] == [False, False, True]
    told = notices_of(reader)[0]
    assert told.metadata == BASE | {"updated_tags": ["latest", "foo"], "pruned_image_count": 3}
    assert told.namespace == acme.namespace


def test_a_delivery_tried_twice_tells_once(flat, web, owner):
    row = try_out(owner, flat("in_console", project=web, target={"kind": "org", "name": "acme"}))
    Delivery.objects.filter(pk=row.pk).update(status="queued", due_at=row.created_at)
    tasks.deliver(row.pk)
    assert len(notices_of(owner.user)) == 1


def test_nobody_is_flooded(flat, web, owner, monkeypatch):
    monkeypatch.setattr(notices, "OPEN_MAX", 2)
    made = flat("in_console", project=web, target={"kind": "org", "name": "acme"})
    for _ in range(3):
        assert try_out(owner, made).status == "done"
    assert len(notices_of(owner.user)) == 2


def test_a_target_that_is_gone_is_a_failure(flat, web, acme, owner):
    devs = make.team(acme, "devs")
    make.member(devs, make.user("member"))
    made = flat("in_console", project=web, target={"kind": "team", "name": "devs"})
    devs.delete()
    assert try_out(owner, made).status == "failed"
    made.refresh_from_db()
    assert made.number_of_failures == 1


@pytest.mark.parametrize(
    "target",
    [
        None,
        "org",
        {},
        {"kind": "org"},
        {"kind": 7, "name": "acme"},
        {"kind": "org", "name": ["acme"]},
        {"kind": "org", "name": "other"},
        {"kind": "org", "name": "owner"},
        {"kind": "team", "name": "nobody"},
        {"kind": "team", "name": "other-devs"},
        {"kind": "user", "name": "nobody"},
        {"kind": "user", "name": "acme+ci"},
        {"kind": "user", "name": "acme"},
        {"kind": "robot", "name": "acme+ci"},
    ],
)
def test_targets_that_are_none(flat, web, acme, target):
    make.robot(acme, "ci")
    make.team(make.organization("other"), "other-devs")
    with pytest.raises(Invalid) as refused:
        flat("in_console", project=web, target=target)
    assert refused.value.field == "config"


# Namespaces


def test_a_namespace_is_told_that_it_is_full(flat, acme, owner, receiver):
    flat("webhook", "quota_warning", namespace=acme.namespace, url=receiver.url)
    flat("in_console", "quota_error", namespace=acme.namespace)
    record(QUOTA_WARNING, actor=make.SYSTEM, namespace=acme.namespace, metadata=FULL)
    for row in Delivery.objects.filter(status="queued"):
        tasks.deliver(row.pk)
    assert receiver.told == [FULL | {"homepage": "https://muster.example:8443/organization/acme"}]
    # Its administrators are told without a subscription.
    [told] = notices_of(owner.user)
    assert (told.kind, told.as_administrator, told.metadata) == ("quota_warning", True, receiver.told[0])


def test_mails_of_a_namespace_go_to_who_answers_for_it(flat, acme, owner, mailoutbox):
    ada = make.user("ada")
    made = flat("email", "quota_error", namespace=acme.namespace)
    assert made.config == {}
    try_out(owner, made)
    acme.email = "hello@acme.test"
    acme.save()
    record(QUOTA_ERROR, actor=make.SYSTEM, namespace=acme.namespace, metadata=FULL)
    tasks.deliver(Delivery.objects.latest("pk").pk)
    hers, _ = services.create_subscription(
        actor=make.actor(ada),
        namespace=ada.namespace,
        event="quota_error",
        method="email",
        config={},
        flat=True,
    )
    try_out(make.actor(ada), hers)
    assert [mail.to for mail in mailoutbox] == [
        ["owner@example.test"],
        ["hello@acme.test"],
        ["ada@example.test"],
    ]


def test_levels_and_summaries(flat, web, owner):
    made = flat("slack", "repo_push", project=web, url="https://hooks.example.com/x")
    told = payloads.sample(made, actor=owner)
    assert payloads.summary(told) == "An image was pushed to acme/web"
    assert payloads.level(told) is Level.PRIMARY
