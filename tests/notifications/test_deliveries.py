"""Delivering: real receivers on loopback, what becomes of failures, and of workers that die."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from accounts import services as accounts
from accounts.models import User
from core.letters import one_line
from logs.models import LogEntry
from notifications import deliveries, dispatch, off, schedule, selectors, services, tasks
from notifications.models import Delivery, Notice, Subscription
from projects import services as projects
from tests import make
from tests.notifications.receiver import ACCEPTED, ERROR, GONE, LATER, MOVED
from tests.racing import race
from tests.workers import database_url

pytestmark = pytest.mark.django_db(transaction=True)
NOON = "2025-03-10 12:00:00Z"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def change(owner, web):
    """Change the project; return the delivery of it."""

    def change(text="new"):
        projects.set_description(actor=owner, project=web, description=text)
        return Delivery.objects.latest("pk")

    return change


def deliver(row):
    tasks.deliver(row.pk)
    row.refresh_from_db()
    return row


def state(row):
    row.refresh_from_db()
    return row.status, row.attempts


def failures(hook):
    hook.refresh_from_db()
    return hook.number_of_failures, hook.disabled_at is not None


# Webhooks


def test_the_receiver_can_tell_that_it_is_us(owner, hook, change, receiver):
    row = deliver(change())
    [(headers, body)] = receiver.calls
    assert receiver.requests[0][0].startswith("POST /hook?key=k HTTP/1.1\r\n")
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == f"msg_{row.uuid.hex}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    secret = selectors.secret(actor=owner, subscription=hook)
    assert Webhook(secret).verify(body, headers) == row.payload
    for other in ("whsec_" + "A" * 44, secret[:-4] + "AAA="):
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)


def test_signatures_are_those_of_the_specification():
    """The example of the specification's own libraries."""
    signer = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, tz=UTC)
    signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_success(hook, change, receiver):
    row = deliver(change())
    assert (row.status, row.attempts, row.error, row.due_at, row.claim) == ("done", 1, "", None, None)
    assert (row.lane, row.tenant) == (f"127.0.0.1:{receiver.port}", row.entry.namespace_id)
    assert (row.last_status, row.last_excerpt) == (200, "ok")
    assert 0 < row.last_seconds < 10
    assert row.finished_at >= row.created_at
    assert failures(hook) == (0, False)


def test_any_2xx_is_a_success(hook, change, receiver):
    receiver.answers = [ACCEPTED]
    assert state(deliver(change())) == ("done", 1)


def test_text_that_only_json_can_hold(hook, change, receiver, owner, web):
    services.send_test(actor=owner, subscription=hook)
    row = change("\U0001f600 \u2028 </script>")
    Delivery.objects.filter(pk=row.pk).update(payload=row.payload | {"n": 2**80})
    assert deliver(row).status == "done"
    [told] = [told for told in receiver.told if "n" in told]
    assert told["n"] == 2**80


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 200000\r\n\r\n" + b"y" * 200_000,
        b"Content-Length: 20\r\n\r\ncut off",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
def test_who_says_200_has_it_whatever_else_is_said(hook, change, receiver, rest):
    """Trying again would only tell it twice."""
    receiver.answers = [b"HTTP/1.1 200 OK\r\n" + rest]
    assert state(deliver(change())) == ("done", 1)


@pytest.mark.parametrize(
    ("answer", "words", "status"),
    [
        (ERROR, "The URL answered 500.", 500),
        (MOVED, "The URL answered 302.", 302),
        (LATER, "The URL answered 503.", 503),
        (b"nonsense\r\n\r\n", "The URL could not be reached: The answer is not HTTP.", None),
        (b"", "The URL could not be reached: ", None),
    ],
)
def test_anything_else_is_a_failure(hook, change, receiver, answer, words, status):
    receiver.answers = [answer]
    row = deliver(change())
    assert (row.status, row.attempts, row.last_status, row.finished_at) == ("queued", 1, status, None)
    assert row.error.startswith(words)
    assert row.due_at > timezone.now()
    assert failures(hook) == (1, False)


def test_the_start_of_an_answer_is_kept(hook, change, receiver):
    receiver.answers = [ERROR, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"y" * 9999]
    row = deliver(change())
    assert row.last_excerpt == "no\ufffdt now\ufffd"  # no character that a database refuses
    with time_machine.travel(timezone.now() + timedelta(seconds=6)):
        deliver(row)
    assert row.last_excerpt == "y" * 512


def test_what_was_sent_is_kept_without_what_is_secret(hook, change, receiver, owner):
    receiver.answers = [LATER]
    with time_machine.travel(NOON, tick=False) as clock:
        row = deliver(change())
        clock.move_to(row.due_at)
        deliver(row)
    [(first, _), (_, body)] = receiver.calls
    sent = row.request
    assert sent["url"] == f"http://127.0.0.1:{receiver.port}/hook?…"
    assert (sent["body"], sent["size"]) == (body.decode(), len(body))
    headers = dict(sent["headers"])
    assert headers["webhook-id"] == first["webhook-id"]
    assert headers["webhook-signature"] == "…"
    assert [(one["status"], one["excerpt"], one["error"]) for one in row.history] == [
        (503, "", "The URL answered 503."),
        (200, "ok", ""),
    ]
    assert [one["at"][:16] for one in row.history] == ["2025-03-10T12:00", "2025-03-10T12:15"]
    assert all(0 < one["seconds"] < 10 for one in row.history)


def test_what_is_kept_has_an_end(hook, change, receiver, settings):
    settings.NOTIFICATION_FAILURES = 99
    row = change("x" * 3000)
    Delivery.objects.filter(pk=row.pk).update(payload=row.payload | {"more": "y" * 20_000})
    for _ in range(deliveries.HISTORY + 2):
        Delivery.objects.update(status="queued", due_at=row.created_at, attempts=0)
        deliveries.work(row.pk)
    row.refresh_from_db()
    assert len(row.history) == deliveries.HISTORY
    assert len(row.request["body"]) == 8 * 1024
    assert row.request["size"] > 20_000


def test_a_receiver_that_never_answers(hook, change, receiver, settings):
    settings.NOTIFICATION_SECONDS = 0.3
    released = threading.Event()
    receiver.answers = [lambda sock: released.wait(10)]
    row = deliver(change())
    released.set()
    assert (row.status, row.error) == ("queued", "The URL could not be reached: The call took too long.")


def test_a_receiver_that_is_not_there(hook, change, receiver, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]
    Subscription.objects.update(config={"url": f"http://127.0.0.1:{port}/"})
    row = deliver(change())
    assert (row.status, row.error) == (
        "queued",
        "The URL could not be reached: No connection could be made.",
    )


def test_a_url_that_may_not_be_called_any_more_is_not_tried_again(hook, change, receiver, settings):
    settings.EGRESS_ALLOW = []
    row = deliver(change())
    assert (row.status, row.attempts, row.due_at) == ("failed", 1, None)
    assert row.error.startswith("The URL may not be called: ")
    assert receiver.requests == []
    assert failures(hook) == (1, False)


def test_a_lost_key_is_not_the_receivers_fault(hook, change, receiver, settings):
    from cryptography.fernet import Fernet

    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = deliver(change())
    assert (row.status, row.error) == ("failed", "The secret to sign with cannot be read.")
    assert failures(hook) == (0, False)


# Trying again


HOUR = 3600
DAYS = (5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
assert sum(DAYS) == 75 * HOUR + 35 * 60 + 5  # as the Standard Webhooks specification adds them up


def test_ten_attempts_over_three_days(hook, change, receiver, bells, owner):
    receiver.answers = [ERROR] * 99
    with time_machine.travel(NOON, tick=False) as clock:
        row = change()
        for attempt, pause in enumerate(DAYS, start=1):
            deliver(row)
            assert state(row) == ("queued", attempt)
            waits = row.due_at - timezone.now()
            assert timedelta(seconds=pause) <= waits < timedelta(seconds=pause * 1.1)
            bells.clear()
            clock.shift(waits - timedelta(milliseconds=1))
            tasks.sweep()
            tasks.deliver(row.pk)
            assert bells == []
            assert state(row) == ("queued", attempt)
            clock.shift(timedelta(milliseconds=1))
            tasks.sweep()
            assert bells == [("notifications.deliver", row.pk)]
        deliver(row)
        assert state(row) == ("failed", 10)
        assert (row.due_at, row.finished_at) == (None, timezone.now())
        assert timedelta(hours=75) < row.finished_at - row.begun_at < timedelta(hours=84)
        clock.shift(timedelta(days=9))
        tasks.deliver(row.pk)
        assert deliveries.due(9) == []
    assert failures(hook) == (10, True)  # nothing was taken in all that time
    assert len(receiver.requests) == 10
    assert {headers["webhook-id"] for headers, _ in receiver.calls} == {f"msg_{row.uuid.hex}"}
    assert {body for _, body in receiver.calls} == {receiver.calls[0][1]}
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in receiver.calls]
    assert stamps == sorted(set(stamps))
    signer = Webhook(selectors.secret(actor=owner, subscription=hook))
    for stamp, (headers, body) in zip(stamps, receiver.calls, strict=True):
        with time_machine.travel(stamp):
            signer.verify(body, headers)


def test_a_receiver_may_ask_for_a_longer_pause(hook, change, receiver):
    dates = {
        "Mon, 10 Mar 2025 12:10:00 GMT": 600,
        "Wed, 21 Oct 2026 07:28:00 GMT": HOUR,
        "Mon, 10 Mar 2025 11:00:00 GMT": 5,
        "Mon, 99 Mar 2025 12:10:00 GMT": 5,
    }
    answers = {"900": 900, "99999999": HOUR, "2": 5, "-1": 5, "soon": 5, **dates}
    for text, seconds in answers.items():
        receiver.answers = [LATER.replace(b"900", text.encode())]
        with time_machine.travel(NOON, tick=False):
            row = change()
            tasks.deliver(row.pk)
            row.refresh_from_db()
            assert (
                timedelta(seconds=seconds) <= row.due_at - timezone.now() < timedelta(seconds=seconds * 1.1)
            )
        Delivery.objects.all().delete()
        Subscription.objects.update(number_of_failures=0)


@pytest.fixture
def flat_hook(owner, web, receiver):
    """A webhook of the Quay wire."""
    made, _ = services.create_subscription(
        actor=owner,
        project=web,
        event="repo_change",
        method="webhook",
        config={"url": receiver.url},
        flat=True,
    )
    return made


def test_three_failures_in_a_row_switch_one_of_the_wire_off(flat_hook, change, receiver, owner, web):
    hook = flat_hook
    receiver.answers = [ERROR] * 99
    with time_machine.travel(NOON, tick=False) as clock:
        first, second = change(), change()
        deliver(first)
        deliver(second)
        assert failures(hook) == (2, False)
        clock.shift(6)
        deliveries.work(first.pk)
        assert failures(hook) == (3, True)
        told = LogEntry.objects.latest("pk")
        assert (told.kind, told.project, told.performer_kind) == ("disable_repo_notification", web, "system")
        assert told.metadata == {
            "repo": "web",
            "namespace": "acme",
            "notification_id": str(hook.uuid),
            "event": "repo_change",
            "method": "webhook",
            "failures": 3,
        }
        # What waits fails in its turn, is not sent, and is no further failure.
        clock.shift(60)
        deliver(second)
        assert (second.status, second.error) == ("failed", "The notification is switched off.")
        assert failures(hook) == (3, True)
        assert len(receiver.requests) == 3
        # And nothing new is written.
        was = Delivery.objects.count()
        change()
        assert Delivery.objects.count() == was
        services.reset_subscription(actor=owner, subscription=hook)
        receiver.answers = []
        assert deliver(change()).status == "done"
    assert LogEntry.objects.filter(kind="disable_repo_notification").count() == 1


def test_the_wire_tries_five_times_within_a_quarter_of_an_hour(flat_hook, change, receiver, settings):
    settings.NOTIFICATION_FAILURES = 99
    receiver.answers = [ERROR] * 99
    with time_machine.travel(NOON, tick=False) as clock:
        row = change()
        for attempt, pause in enumerate((5, 30, 120, 600), start=1):
            assert state(deliver(row)) == ("queued", attempt)
            waits = row.due_at - timezone.now()
            assert timedelta(seconds=pause) <= waits < timedelta(seconds=pause * 1.1)
            clock.move_to(row.due_at)
        assert state(deliver(row)) == ("failed", 5)
    assert failures(flat_hook) == (5, False)


def exhaust(row, clock):
    """Try a delivery until it is never tried again; return the times, in seconds after the first one."""
    row.refresh_from_db()
    times = []
    while row.due_at is not None:
        clock.move_to(row.due_at)
        times.append(timezone.now())
        deliver(row)
    return [(one - times[0]).total_seconds() for one in times]


def test_integrations_are_tried_for_a_day(owner, web, receiver, settings):
    """Not longer (flexstack.md 8): the last attempt comes when the day is over."""
    made = services.create_integration(actor=owner, project=web, url=receiver.url, flags={})
    receiver.answers = [ERROR] * 99
    with time_machine.travel(NOON, tick=False) as clock:
        times = exhaust(services.send_test(actor=owner, subscription=made), clock)
    assert len(times) == len(receiver.requests) == 8
    assert times[-1] == 24 * HOUR
    assert times[-2] > 17 * HOUR
    assert {json.loads(body)["id"] for _, body in receiver.calls} == {str(Delivery.objects.get().uuid)}
    assert failures(made) == (8, True)


def test_a_receiver_that_asks_for_more_gets_no_more_than_the_day(owner, web, receiver):
    made = services.create_integration(actor=owner, project=web, url=receiver.url, flags={})
    receiver.answers = [LATER.replace(b"900", b"3600")] * 99
    with time_machine.travel(NOON, tick=False) as clock:
        times = exhaust(services.send_test(actor=owner, subscription=made), clock)
    assert times[1] == HOUR
    assert times[-1] == 24 * HOUR


def test_who_takes_something_meanwhile_stays_on(hook, change, receiver):
    """One delivery may be what the receiver cannot take, ever."""
    receiver.answers = [ERROR] * 5
    with time_machine.travel(NOON, tick=False) as clock:
        row = change()
        for _ in range(5):
            deliver(row)
            clock.move_to(row.due_at)
        clock.shift(timedelta(seconds=-1))  # so that the other one is not due
        assert deliver(change()).status == "done"
        assert failures(hook) == (0, False)
        receiver.answers = [ERROR] * 99
        exhaust(row, clock)
        assert (row.status, row.attempts) == ("failed", 10)
        assert failures(hook) == (5, False)
        # What began after that success, and was tried to the end, is enough.
        exhaust(change(), clock)
    assert failures(hook) == (15, True)


def test_a_mail_is_tried_for_half_a_day_and_switches_nothing_off(subscribe, web, change, mailbox):
    """The fault is with the server here as likely as with the address."""
    made = subscribe("email", project=web, email="ops@example.test")
    mailbox.answer = "451 later"
    with time_machine.travel(NOON, tick=False) as clock:
        times = exhaust(change(), clock)
    assert len(times) == 7
    assert 12 * HOUR < times[-1] < 15 * HOUR
    assert failures(made) == (7, False)


def test_an_address_gets_so_many_mails_an_hour_and_nothing_is_lost(subscribe, web, change, mailbox, settings):
    settings.MAILS_PER_HOUR, settings.MAIL_BOUNCES = 2, "bounces@example.test"
    made = subscribe("email", project=web, email="ops@example.test")
    with time_machine.travel(NOON, tick=False) as clock:
        first, second, third = change(), change(), change()
        assert [deliver(row).status for row in (first, second, third)] == ["done", "done", "queued"]
        assert (third.attempts, third.begun_at, third.history) == (0, None, [])
        assert 0 < (third.due_at - timezone.now()).total_seconds() <= 1.1 * HOUR
        assert "within the hour" in third.error
        assert failures(made) == (0, False)
        deliver(third)  # not due: nobody takes it
        assert len(mailbox.mails) == 2
        # Whoever else is written to is written to at once.
        subscribe("email", project=web, email="others@example.test")
        change()
        theirs = Delivery.objects.get(subscription__config__email="others@example.test")
        assert deliver(theirs).status == "done"
        assert len(mailbox.mails) == 3
        clock.move_to(third.due_at)
        Delivery.objects.filter(status="queued").update(due_at=timezone.now())
        assert deliver(third).status == "done"
    assert Counter(mailbox.recipients) == {"ops@example.test": 4, "others@example.test": 1}
    assert set(mailbox.senders) == {"bounces@example.test"}
    assert {mail["From"] for mail in mailbox.mails} == {settings.DEFAULT_FROM_EMAIL}


def test_what_waits_for_days_is_given_up(subscribe, web, change, mailbox, settings):
    settings.MAILS_PER_HOUR = 1
    made = subscribe("email", project=web, email="ops@example.test")
    with time_machine.travel(NOON, tick=False) as clock:
        row = change()
        clock.shift(timedelta(days=3, seconds=1))
        deliver(change())
        assert (deliver(row).status, row.attempts) == ("failed", 1)
        assert failures(made) == (0, False)


def test_a_mail_that_is_refused_is_not_tried_again(subscribe, web, change, mailbox):
    made = subscribe("email", project=web, email="ops@example.test")
    mailbox.answer = "550 no such person"
    for count in (1, 2, 3):
        row = deliver(change())
        assert (row.status, row.error) == ("failed", "The mail server refuses the mail.")
        assert failures(made) == (count, count == 3)


def test_the_administrators_are_told_by_notice_and_mail(hook, change, receiver, acme, bells):
    """Once: a lost bell is rung again, and two bells send one mail."""
    boss, member = make.user("boss", email="boss@example.test"), make.user("member")
    make.member(make.team(acme, "bosses", role="admin"), boss)
    make.member(make.team(acme, "others"), member)
    receiver.answers = [GONE]
    deliver(change())
    assert failures(hook) == (1, True)
    assert {row.user.username for row in Notice.objects.filter(kind="notification_off")} == {"owner", "boss"}
    assert "of acme/web failed again and again" in Notice.objects.filter(user=boss).latest("pk").sentence
    assert bells[-1] == ("notifications.tell_off", hook.pk)
    bells.clear()
    tasks.sweep()
    assert bells == [("notifications.tell_off", hook.pk)]
    tasks.tell_off(hook.pk)
    tasks.tell_off(hook.pk)
    [told] = mail.outbox
    assert "boss@example.test" in told.recipients()
    assert told.subject == "[Muster] acme/web: a notification was switched off"
    assert "Last failure: The URL answered 410." in told.body
    bells.clear()
    tasks.sweep()
    assert bells == []


def test_a_mail_about_what_is_on_again_is_not_sent(hook, change, receiver, owner):
    receiver.answers = [GONE]
    deliver(change())
    services.reset_subscription(actor=owner, subscription=hook)
    tasks.tell_off(hook.pk)
    assert mail.outbox == []


def test_the_mail_that_it_is_off_is_tried_for_a_day(hook, change, receiver, mailbox, owner):
    User.objects.update(email="owner@example.test")
    receiver.answers = [GONE]
    mailbox.answer = "451 later"
    with time_machine.travel(NOON, tick=False) as clock:
        deliver(change())
        tries = 0
        while off.due(9):
            tasks.tell_off(hook.pk)
            tries += 1
            clock.shift(off.PAUSE + timedelta(seconds=1))
            if tries == 3:
                mailbox.answer = "250 OK"
    assert (tries, len(mailbox.mails)) == (4, 1)
    mailbox.answer = "451 later"
    Subscription.objects.update(mail_due_at=timezone.now() - timedelta(seconds=1))
    tasks.tell_off(hook.pk)
    assert off.due(9) == []
    assert Subscription.objects.get().mail_due_at is None  # a day after it was switched off


def test_what_waits_goes_on_after_a_reset(flat_hook, change, receiver, owner):
    hook = flat_hook
    receiver.answers = [ERROR] * 3
    with time_machine.travel(NOON, tick=False) as clock:
        row = change()
        for _ in range(3):
            deliver(row)
            clock.move_to(row.due_at)
        assert failures(hook) == (3, True)
        services.reset_subscription(actor=owner, subscription=hook)
        assert deliver(row).status == "done"


def test_a_namespace_is_told_the_same_way(subscribe, acme, receiver, change, web):
    hook = subscribe("webhook", namespace=acme.namespace, url=receiver.url)
    receiver.answers = [GONE]
    deliver(change())
    told = LogEntry.objects.latest("pk")
    assert (told.kind, told.project, told.namespace) == (
        "disable_namespace_notification",
        None,
        acme.namespace,
    )
    assert told.metadata["notification_id"] == str(hook.uuid)


def test_a_success_forgets_the_failures(hook, change, receiver):
    receiver.answers = [ERROR, ERROR]
    deliver(change())
    deliver(change())
    assert failures(hook) == (2, False)
    deliver(change())
    assert failures(hook) == (0, False)


def test_tests_count_too(hook, receiver, owner):
    receiver.answers = [ERROR]
    row = deliver(services.send_test(actor=owner, subscription=hook))
    assert row.status == "queued"
    assert failures(hook) == (1, False)
    assert receiver.told[0]["data"]["test"] is True


def test_gone_is_gone(hook, change, receiver):
    receiver.answers = [GONE]
    row = deliver(change())
    assert (row.status, row.last_status) == ("failed", 410)
    assert failures(hook) == (1, True)
    assert LogEntry.objects.latest("pk").metadata["failures"] == 1


def test_nothing_is_sent_about_what_is_gone(hook, subscribe, acme, web, change, receiver, owner):
    first = change()
    subscribe("webhook", namespace=acme.namespace, url=receiver.url)
    change()
    projects.delete_project(actor=owner, project=web)
    deliver(first)
    assert (first.status, first.error) == ("failed", "What it is about is gone.")
    accounts.delete_organization(actor=owner, organization=acme)
    for row in Delivery.objects.filter(status="queued"):
        deliver(row)
        assert row.error == "What it is about is gone."
    assert {one["data"]["kind"] for one in receiver.told} <= {"set_repo_description"}
    assert failures(hook) == (0, False)


def test_the_delivery_of_a_gone_subscription_goes_when_its_turn_comes(hook, change, receiver):
    row = change()
    Subscription.objects.all().delete()
    tasks.deliver(row.pk)
    assert not Delivery.objects.exists()
    assert receiver.requests == []


def test_a_subscription_removed_while_it_is_told(hook, change, receiver, owner):
    row = change()

    def remove(sock):
        # In the receiver's thread, with a connection of its own.
        try:
            services.delete_subscription(actor=owner, subscription=hook)
            tasks.forget(row.subscription_id)
        finally:
            connection.close()
        sock.sendall(ERROR)

    receiver.answers = [remove]
    tasks.deliver(row.pk)
    assert not Delivery.objects.exists()
    assert not Subscription.objects.exists()


# Twice, or by many


def test_a_bell_that_rings_eight_times_delivers_once(hook, change, receiver):
    row = change()
    race(8, lambda _: deliveries.work(row.pk))
    race(8, lambda _: tasks.deliver(row.pk))
    assert len(receiver.requests) == 1
    assert state(row) == ("done", 1)


def test_whoever_hears_a_bell_goes_on_with_what_is_due(hook, change, receiver):
    rows = [change() for _ in range(45)]
    tasks.deliver(rows[-1].pk)
    assert len(receiver.requests) == 45
    assert {headers["webhook-id"] for headers, _ in receiver.calls} == {f"msg_{row.uuid.hex}" for row in rows}
    assert deliveries.due(1) == []


def test_a_spell_ends_and_rings_for_the_rest(hook, change, receiver, bells, monkeypatch):
    monkeypatch.setattr(dispatch, "SPELL_SECONDS", 0.0)
    row = change()
    bells.clear()
    tasks.deliver(row.pk)
    assert receiver.requests == []
    assert bells == [("notifications.deliver", row.pk)]


# Dying


def test_a_lost_bell_is_rung_again(hook, change, receiver, bells):
    row = change()
    bells.clear()  # the first one never arrived
    tasks.sweep()
    assert bells == [("notifications.deliver", row.pk)]
    deliver(row)
    bells.clear()
    tasks.sweep()
    assert bells == []


def environment(settings):
    return os.environ | {
        "DATABASE_URL": database_url(),
        "MUSTER_EGRESS_ALLOW": ",".join(settings.EGRESS_ALLOW),
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONPATH": str(ROOT),
    }


DIE_AFTER_THE_COMMIT = """
import os, signal, django
django.setup()
from django.db import transaction
from projects.models import Project
from projects import services
from tests import make
with transaction.atomic():
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    project = Project.objects.get(slug="web")
    services.set_description(actor=make.SYSTEM, project=project, description="last words")
"""
WORK = """
import sys, django
django.setup()
from notifications import deliveries
deliveries.work(int(sys.argv[1]))
"""


def run(settings, code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment(settings))


@pytest.mark.processes
def test_a_process_killed_between_commit_and_bell_loses_nothing(hook, web, receiver, settings, bells):
    bells.clear()
    assert run(settings, DIE_AFTER_THE_COMMIT).wait(60) == -signal.SIGKILL
    web.refresh_from_db()
    assert web.description == "last words"
    row = Delivery.objects.get()
    assert state(row) == ("queued", 0)
    tasks.sweep()
    [bell] = bells
    assert bell == ("notifications.deliver", row.pk)
    tasks.deliver(row.pk)
    assert [told["data"]["metadata"]["description"] for told in receiver.told] == ["last words"]


@pytest.mark.processes
def test_a_worker_killed_while_it_delivers(hook, change, receiver, settings, bells):
    row = change()
    worker: list[subprocess.Popen[bytes]] = []

    def kill(sock):
        worker[0].kill()
        worker[0].wait(10)

    receiver.answers = [kill]
    worker.append(run(settings, WORK, str(row.pk)))
    assert worker[0].wait(60) == -signal.SIGKILL
    assert state(row) == ("running", 1)
    bells.clear()
    tasks.deliver(row.pk)
    tasks.sweep()
    assert (bells, len(receiver.requests)) == ([], 1)
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.NOTIFICATION_LEASE_SECONDS + 1)):
        tasks.sweep()
        assert bells == [("notifications.deliver", row.pk)]
        deliver(row)
    assert state(row) == ("done", 2)
    first, second = (headers["webhook-id"] for headers, _ in receiver.calls)
    assert first == second


def test_a_delivery_that_kills_its_workers_is_given_up(hook, change, receiver):
    row = change()
    with time_machine.travel(NOON, tick=False) as clock:
        Delivery.objects.update(due_at=timezone.now())
        for _ in range(schedule.WEBHOOK.attempts):
            assert deliveries.take(row.pk) is not None
            clock.shift(3600)
        deliver(row)
    assert (row.status, row.error) == ("failed", "Its worker was lost, again and again.")
    assert receiver.requests == []
    assert failures(hook) == (0, False)


def test_a_worker_that_comes_too_late_changes_nothing(hook, change, receiver):
    row = change()

    def another_takes_over(sock):
        try:
            Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
            assert deliveries.take(row.pk) is not None
        finally:
            connection.close()
        sock.sendall(ERROR)

    receiver.answers = [another_takes_over]
    tasks.deliver(row.pk)
    assert state(row) == ("running", 2)
    assert failures(hook) == (0, False)


# Mail


def test_a_mail(subscribe, web, change, mailbox):
    subscribe("email", project=web, title="for ops", email="ops@example.test")
    row = deliver(change("<b>&amp;"))
    assert (row.status, row.attempts) == ("done", 1)
    [told] = mailbox.mails
    assert mailbox.recipients == ["ops@example.test"]
    assert told["Subject"] == "[Muster] acme/web: owner changed the description of web"
    assert told["Message-ID"] == f"<{row.uuid}@127.0.0.1>"
    assert told["Auto-Submitted"] == "auto-generated"
    text = told.get_body(["plain"]).get_content().replace("\r\n", "\n")
    assert "owner changed the description of web</p>" in told.get_body(["html"]).get_content()
    assert "owner changed the description of web\n" in text
    assert "Notification: for ops\n" in text
    assert "Where: acme/web\n" in text


def test_a_mail_server_that_says_no(subscribe, web, change, mailbox):
    made = subscribe("email", project=web, email="ops@example.test")
    mailbox.answer = "451 later"
    row = deliver(change())
    assert (row.status, row.error) == ("queued", "The mail could not be sent.")
    assert failures(made) == (1, False)
    mailbox.answer = "250 OK"
    with time_machine.travel(timezone.now() + timedelta(seconds=66)):
        deliver(row)
    assert row.status == "done"
    assert failures(made) == (0, False)
    assert len(mailbox.mails) == 1


def test_names_make_no_headers(subscribe, web, change):
    subscribe("email", project=web, email="ops@example.test")
    row = change()
    told = row.payload["data"] | {"sentence": "x\r\nBcc: evil@example.test\r\n\r\nbody\u2028z" + "y" * 500}
    Delivery.objects.update(payload=row.payload | {"data": told})
    deliver(row)
    assert row.status == "done"
    [sent] = mail.outbox
    assert sent.recipients() == ["ops@example.test"]
    assert "\n" not in sent.subject
    assert sent.message()["Bcc"] is None
    assert sent.subject.startswith("[Muster] acme/web: x Bcc: evil@example.test body z")
    assert len(sent.subject) == 200


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\x00b", "a\x85b", "a\u2028b", "a\x0bb", " a  b "])
def test_a_subject_is_one_line(text):
    assert one_line(text) == "a b"


# Not without a transaction


def test_nothing_waits_in_a_transaction_while_a_receiver_thinks(hook, change, receiver, monkeypatch):
    """On SQLite nobody else could write meanwhile."""
    from core import egress

    seen = []
    post = egress.post

    def look(*arguments, **keys):
        seen.append(transaction.get_connection().in_atomic_block)
        return post(*arguments, **keys)

    monkeypatch.setattr(egress, "post", look)
    assert deliver(change()).status == "done"
    assert seen == [False]
