"""Changing, pausing, new secrets, and sending again: who may, what is refused, and what receivers see."""

import hashlib
import hmac
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from core.actor import Actor
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from logs.models import LogEntry
from notifications import deliveries, selectors, services
from notifications.models import Delivery, Subscription
from projects import services as projects
from tests import make
from tests.notifications.receiver import ERROR, GONE
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
NOON = "2025-03-10 12:00:00Z"


def last_kind():
    return LogEntry.objects.latest("pk").kind


def send(hook, owner):
    """Send a test, once; return the delivery."""
    hook.refresh_from_db()
    row = services.send_test(actor=owner, subscription=hook)
    deliveries.work(row.pk)
    return Delivery.objects.select_related("subscription__project__namespace").get(pk=row.pk)


# Who may


@pytest.mark.parametrize(
    ("who", "error"),
    [("nobody", Unauthenticated), ("stranger", Forbidden), ("writer", Forbidden), ("rival", Forbidden)],
)
def test_only_administrators(hook, owner, web, receiver, who, error):
    actors = {
        "nobody": Actor(),
        "stranger": make.actor(make.user("stranger")),
        "writer": make.actor(make.user("writer")),
        "rival": make.actor(make.organization("globex", owner=make.user("rival")).memberships.get().user),
    }
    make.grant(web, "write", user=actors["writer"].user)
    receiver.answers = [GONE]
    row = send(hook, owner)
    before, actor = LogEntry.objects.count(), actors[who]
    calls = [
        lambda: services.change_subscription(actor=actor, subscription=hook, changes={"title": "x"}),
        lambda: services.pause_subscription(actor=actor, subscription=hook),
        lambda: services.rotate_secret(actor=actor, subscription=hook, grace=HOUR),
        lambda: services.end_old_secret(actor=actor, subscription=hook),
        lambda: services.redeliver(actor=actor, delivery=row),
        lambda: services.redeliver_failed(actor=actor, subscription=hook, since=hook.created_at),
        lambda: selectors.subscriptions_within(actor=actor, namespace=web.namespace),
        lambda: selectors.subscription_within(actor=actor, namespace=web.namespace, uuid=hook.uuid),
        lambda: selectors.subscription_within(actor=actor, namespace=web.namespace, uuid=uuid4()),
        lambda: selectors.delivery(actor=actor, subscription=hook, uuid=row.uuid),
    ]
    for call in calls:
        with pytest.raises(error):
            call()
    assert LogEntry.objects.count() == before


def test_administrators_of_one_project_alone(hook, subscribe, acme, web, owner):
    keeper = make.actor(make.user("keeper"))
    make.grant(web, "admin", user=keeper.user)
    found = selectors.subscription_within(actor=keeper, namespace=acme.namespace, uuid=hook.uuid)
    assert found == hook
    services.pause_subscription(actor=keeper, subscription=found)
    own = subscribe("in_console", namespace=acme.namespace)
    elsewhere = subscribe("in_console", project=make.project(acme, "other"))
    for one in (own, elsewhere):
        with pytest.raises(Forbidden):
            selectors.subscription_within(actor=keeper, namespace=acme.namespace, uuid=one.uuid)
    with pytest.raises(Forbidden):
        selectors.subscriptions_within(actor=keeper, namespace=acme.namespace)
    assert list(selectors.subscriptions_within(actor=owner, namespace=acme.namespace)) == [
        own,
        elsewhere,
        hook,
    ]


def test_another_tenants_are_not_there(hook, acme, owner):
    rival = make.user("rival")
    globex = make.organization("globex", owner=rival)
    for actor, namespace in ((make.actor(rival), globex.namespace),):
        with pytest.raises(NotFound):
            selectors.subscription_within(actor=actor, namespace=namespace, uuid=hook.uuid)
    row = services.send_test(actor=owner, subscription=hook)
    theirs, _ = services.create_subscription(
        actor=make.actor(rival),
        namespace=globex.namespace,
        event="org_change",
        method="in_console",
        config={},
    )
    with pytest.raises(NotFound):
        selectors.delivery(actor=make.actor(rival), subscription=theirs, uuid=row.uuid)


def test_what_went_with_its_project_is_not_there(hook, acme, web, owner):
    projects.delete_project(actor=owner, project=web)
    with pytest.raises(NotFound):
        selectors.subscription_within(actor=owner, namespace=acme.namespace, uuid=hook.uuid)
    assert not selectors.subscriptions_within(actor=owner, namespace=acme.namespace).exists()


# Changing


def test_a_change(hook, owner, receiver, settings):
    settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, "192.0.2.0/24"]
    waiting = services.send_test(actor=owner, subscription=hook)
    changes = {
        "title": "Chat",
        "event": "repo_image_expiry",
        "event_config": {"days": 3},
        "config": {"url": "https://192.0.2.9/new", "template": '{"text": "${sentence}"}'},
    }
    services.change_subscription(actor=owner, subscription=hook, changes=changes)
    found = Subscription.objects.get()
    assert {key: getattr(found, key) for key in changes} == changes
    assert found.updated_at > found.created_at
    assert last_kind() == "change_repo_notification"
    waiting.refresh_from_db()
    assert waiting.lane == "192.0.2.9"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": "a\nb"}, "title"),
        ({"event": "nothing"}, "event"),
        ({"event": "team_create"}, "event"),
        ({"event_config": {"days": 3}}, "event_config"),
        ({"config": {}}, "config"),
        ({"config": {"url": "http://127.0.0.1:1/"}}, "config"),
        ({"config": {"url": "https://192.0.2.9/", "template": "{"}}, "config"),
        ({"config": {"url": "https://192.0.2.9/", "x": "y"}}, "config"),
    ],
)
def test_bad_changes_change_nothing(hook, owner, changes, field):
    before = Subscription.objects.values().get()
    with pytest.raises(Invalid) as error:
        services.change_subscription(actor=owner, subscription=hook, changes=changes)
    assert error.value.field == field
    assert Subscription.objects.values().get() == before


def test_an_integration_keeps_its_url(web, owner, receiver):
    made = services.create_integration(actor=owner, project=web, url=receiver.url, flags={})
    services.change_subscription(actor=owner, subscription=made, changes={"title": "Deploys"})
    with pytest.raises(Invalid):
        services.change_subscription(
            actor=owner, subscription=made, changes={"config": {"url": receiver.url}}
        )
    assert Subscription.objects.get().title == "Deploys"


def test_a_change_of_what_was_removed_meanwhile(hook, owner):
    Subscription.objects.all().delete()
    for call in (
        lambda: services.change_subscription(actor=owner, subscription=hook, changes={"title": "x"}),
        lambda: services.pause_subscription(actor=owner, subscription=hook),
    ):
        with pytest.raises(NotFound):
            call()


# Pausing


def test_a_pause_ends_when_somebody_ends_it(hook, owner, web, receiver):
    row = services.send_test(actor=owner, subscription=hook)

    def pause(sock):
        # In the receiver's thread, while a delivery is under way: its success switches nothing on.
        from django.db import connection

        try:
            Subscription.objects.update(number_of_failures=1)
            services.pause_subscription(actor=owner, subscription=hook)
        finally:
            connection.close()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    receiver.answers = [pause]
    deliveries.work(row.pk)
    assert last_kind() == "pause_repo_notification"
    found = Subscription.objects.get()
    assert (found.paused, found.number_of_failures) == (True, 0)
    assert found.disabled_at is not None
    projects.set_description(actor=owner, project=web, description="unheard")
    assert Delivery.objects.count() == 1
    assert send(hook, owner).error == "The notification is switched off."
    services.reset_subscription(actor=owner, subscription=found)
    assert send(hook, owner).status == "done"
    again = Subscription.objects.get()
    assert (again.paused, again.disabled_at) == (False, None)


# Secrets


def signed_by(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_two_secrets_live_for_the_grace_and_one_after_it(hook, owner, receiver):
    old = selectors.secret(actor=owner, subscription=hook)
    with time_machine.travel(timezone.now()) as clock:
        new = services.rotate_secret(actor=owner, subscription=hook, grace=24 * HOUR)
        entry = LogEntry.objects.latest("pk")
        assert entry.kind == "rotate_repo_notification_secret"
        assert entry.metadata["old_until"] == hook.old_secret_until.isoformat()
        assert new not in str(entry.metadata)
        send(hook, owner)
        headers, body = receiver.calls[-1]
        assert [signed_by(one, headers, body) for one in (new, old)] == [True, True]
        assert len(headers["webhook-signature"].split(" ")) == 2
        clock.shift(24 * HOUR + timedelta(seconds=1))
        send(hook, owner)
        headers, body = receiver.calls[-1]
        assert [signed_by(one, headers, body) for one in (new, old)] == [True, False]
        deliveries.prune()
        assert Subscription.objects.get().old_secret_sealed == ""
    hook.refresh_from_db()
    assert selectors.secret(actor=owner, subscription=hook) == new


def test_the_old_one_can_be_ended_early_and_no_third_lives(hook, owner, receiver):
    first = selectors.secret(actor=owner, subscription=hook)
    second = services.rotate_secret(actor=owner, subscription=hook, grace=HOUR)
    third = services.rotate_secret(actor=owner, subscription=hook, grace=HOUR)
    send(hook, owner)
    headers, body = receiver.calls[-1]
    assert [signed_by(one, headers, body) for one in (third, second, first)] == [True, True, False]
    services.end_old_secret(actor=owner, subscription=hook)
    assert last_kind() == "end_repo_notification_secret"
    send(hook, owner)
    headers, body = receiver.calls[-1]
    assert [signed_by(one, headers, body) for one in (third, second)] == [True, False]
    with pytest.raises(Conflict):
        services.end_old_secret(actor=owner, subscription=hook)
    services.rotate_secret(actor=owner, subscription=hook, grace=timedelta(0))
    assert Subscription.objects.get().old_secret_sealed == ""


def test_an_integration_is_signed_as_its_receiver_knows_it_until_the_old_secret_ends(web, owner, receiver):
    made = services.create_integration(actor=owner, project=web, url=receiver.url, flags={})
    old = selectors.secret(actor=owner, subscription=made)
    new = services.rotate_secret(actor=owner, subscription=made, grace=HOUR)
    assert new.startswith("sig_")

    def digest(secret, body):
        return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    send(made, owner)
    headers, body = receiver.calls[-1]
    assert headers["x-flexstack-signature"] == digest(old, body)
    assert headers["x-flexstack-signature-next"] == digest(new, body)
    services.end_old_secret(actor=owner, subscription=made)
    send(made, owner)
    headers, body = receiver.calls[-1]
    assert headers["x-flexstack-signature"] == digest(new, body)
    assert "x-flexstack-signature-next" not in headers


@pytest.mark.parametrize("grace", [timedelta(seconds=-1), timedelta(days=31)])
def test_graces_that_are_none(hook, owner, grace):
    with pytest.raises(Invalid):
        services.rotate_secret(actor=owner, subscription=hook, grace=grace)


def test_only_webhooks_have_secrets(subscribe, web, owner):
    with pytest.raises(Invalid):
        services.rotate_secret(actor=owner, subscription=subscribe("in_console", project=web), grace=HOUR)


def test_of_many_who_make_a_new_secret_at_once_one_does(hook, owner):
    made = []

    def rotate(_):
        found = Subscription.objects.select_related("project__namespace").get(pk=hook.pk)
        found.secret_sealed = hook.secret_sealed
        made.append(services.rotate_secret(actor=owner, subscription=found, grace=HOUR))

    assert race(6, rotate) == {"ok": 1, "conflict": 5}
    found = Subscription.objects.get()
    assert made == [selectors.secret(actor=owner, subscription=hook_of(found, hook))]


def hook_of(found, hook):
    """Return the row as it is now, with what the test knows of its owner."""
    found.project = hook.project
    return found


def test_keys_are_rotated_for_both_secrets(hook, owner, settings):
    from cryptography.fernet import Fernet

    from core import seal
    from tokens import services as tokens

    old = selectors.secret(actor=owner, subscription=hook)
    services.rotate_secret(actor=owner, subscription=hook, grace=HOUR)
    newest = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [newest, *settings.ENCRYPTION_KEYS]
    tokens.rotate_keys(actor=make.SYSTEM)
    settings.ENCRYPTION_KEYS = [newest]
    assert seal.unseal(Subscription.objects.get().old_secret_sealed) == old


# Sending again


def test_a_delivery_is_sent_again_with_the_same_id(hook, owner, receiver, bells):
    row = send(hook, owner)
    assert row.status == "done"
    bells.clear()
    services.redeliver(actor=owner, delivery=row)
    assert bells == [("notifications.deliver", row.pk)]
    entry = LogEntry.objects.latest("pk")
    assert (entry.kind, entry.metadata["count"]) == ("redeliver_repo_notification", 1)
    deliveries.work(row.pk)
    row.refresh_from_db()
    assert (row.status, row.attempts, len(row.history)) == ("done", 1, 2)
    (first, body), (second, again) = receiver.calls
    assert (first["webhook-id"], body) == (second["webhook-id"], again)


def test_what_waits_is_not_waited_for_and_begins_anew(hook, owner, receiver):
    receiver.answers = [ERROR]
    row = send(hook, owner)
    assert (row.status, row.attempts) == ("queued", 1)
    services.redeliver(actor=owner, delivery=row)
    assert (row.attempts, row.begun_at) == (0, None)
    deliveries.work(row.pk)
    row.refresh_from_db()
    assert (row.status, row.attempts, [one["status"] for one in row.history]) == ("done", 1, [500, 200])


def test_what_is_under_way_or_off_is_not_sent_again(hook, owner, subscribe, web):
    row = services.send_test(actor=owner, subscription=hook)
    assert deliveries.take(row.pk) is not None
    row.subscription = hook
    with pytest.raises(Conflict):
        services.redeliver(actor=owner, delivery=row)
    services.pause_subscription(actor=owner, subscription=hook)
    for call in (
        lambda: services.redeliver(actor=owner, delivery=row),
        lambda: services.redeliver_failed(actor=owner, subscription=hook, since=hook.created_at),
    ):
        with pytest.raises(Conflict, match="switched off"):
            call()
    nobody = services.send_test(actor=owner, subscription=subscribe("in_console", project=web))
    with pytest.raises(Conflict):
        services.redeliver(actor=owner, delivery=nobody)


def test_all_that_failed_since_a_time(hook, owner, receiver, web):
    with time_machine.travel(NOON, tick=False) as clock:
        rows = []
        for _ in range(4):
            rows.append(services.send_test(actor=owner, subscription=hook))
            clock.shift(HOUR)
        Delivery.objects.exclude(pk=rows[2].pk).update(status="failed", due_at=None, error="x")
        Delivery.objects.filter(pk=rows[2].pk).update(status="done", due_at=None)
        since = rows[1].created_at
        assert services.redeliver_failed(actor=owner, subscription=hook, since=since) == 2
        assert LogEntry.objects.latest("pk").metadata["count"] == 2
        waiting = deliveries.due(9)
        assert [one.pk for one in waiting] == [rows[1].pk, rows[3].pk]
        for one in waiting:
            deliveries.work(one.pk)
        with pytest.raises(Conflict):
            services.redeliver_failed(actor=owner, subscription=hook, since=since)
    assert len(receiver.requests) == 2
