"""Checkpoints that leave the machine: by mail and by webhook, each once, and good to verify a log with."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from core.errors import Forbidden
from logs import tasks as logs
from logs.models import LogChain, LogCheckpoint, LogEntry, LogSeal
from notifications import checkpoints, deliveries, outbox, services
from notifications.channels.webhook import new_secret
from notifications.models import Delivery, Subscription
from tests import make
from tests.logs.written import entry, settle
from tests.notifications.receiver import ERROR, GONE

# Nothing is settled on PostgreSQL before a transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)
OPS = "ops@example.test"


@pytest.fixture(autouse=True)
def own_directory(settings, tmp_path):
    """Let the file of checkpoints of each test lie in a directory of its own."""
    settings.DATA = tmp_path


@pytest.fixture
def secret(settings, receiver):
    """Name the receiver in the settings; return what it is signed for."""
    secret = new_secret()
    settings.CHECKPOINT_URL, settings.CHECKPOINT_SECRETS = receiver.url, [secret]
    return secret


def sign(acme, count=3):
    """Let the log grow and an hour be over; return what is to be sent."""
    at = timezone.now()
    LogEntry.objects.bulk_create([entry(acme, at + timedelta(microseconds=n)) for n in range(count)])
    settle()
    logs.seal()
    logs.checkpoint()
    return list(Delivery.objects.filter(due_at__isnull=False).order_by("pk"))


def deliver(rows):
    for row in rows:
        Delivery.objects.filter(pk=row.pk).update(due_at=timezone.now())
        deliveries.work(row.pk)


def verified(path):
    """Verify the log against a file of checkpoints; return the code and what was said."""
    out = StringIO()
    try:
        call_command("verify_log", "--checkpoints", str(path), stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def cut_off(where, count):
    """Take the last entries of a chain, their seals and what was signed, as who owns the host may."""
    LogCheckpoint.objects.all().delete()
    (settings.DATA / "checkpoints/log.jsonl").unlink()
    chain = LogChain.objects.get(scope=where.namespace_id)
    end = LogSeal.objects.filter(scope=chain.scope, position__gt=chain.position - count)
    LogEntry.objects.filter(pk__in=list(end.values_list("pk", flat=True))).delete()
    end.delete()
    last = LogSeal.objects.filter(scope=chain.scope).latest("position")
    LogChain.objects.filter(pk=chain.pk).update(position=last.position, hash=last.hash)


def test_a_webhook_gets_each_once_signed_and_the_log_is_held_against_what_it_got(
    acme, receiver, secret, tmp_path
):
    for _ in range(2):
        deliver(sign(acme))
    calls = receiver.calls
    assert len(calls) == 2
    for (headers, body), made in zip(calls, LogCheckpoint.objects.order_by("number"), strict=True):
        told = Webhook(secret).verify(body, headers)
        assert told["type"] == "log.checkpoint"
        line = {"body": made.body, "key": made.key, "signature": made.signature}
        assert told["data"] == {"number": made.number, **line}
    assert len({headers["webhook-id"] for headers, _ in calls}) == 2
    logs.checkpoint()  # nothing has grown, nothing is told
    assert Delivery.objects.count() == 2
    received = tmp_path / "received.jsonl"
    # In any order, some twice, and as they came.
    received.write_bytes(b"\n".join([calls[1][1], calls[0][1], calls[1][1], b""]))
    assert verified(received)[0] == 0
    cut_off(acme, 2)
    code, said = verified(received)
    assert code == 1
    assert "CUT OFF    acme" in said


def test_a_receiver_that_fails_gets_it_later_under_the_same_id_and_stays_on(acme, receiver, secret):
    receiver.answers = [ERROR, GONE]
    [row] = sign(acme)
    deliver([row])
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("queued", 1)
    assert timedelta(seconds=4) < row.due_at - timezone.now() < timedelta(seconds=7)  # as all webhooks
    deliver([row])  # it wants nothing any more, and the operator still does
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("queued", 2)
    assert row.subscription.disabled_at is None
    after = sign(acme)[-1]
    deliver([after])
    # Tried as often as anything is, it is sent again by hand.
    Delivery.objects.filter(pk=row.pk).update(status="failed", due_at=None)
    services.redeliver(actor=make.actor(make.user("root", superuser=True)), delivery=row)
    deliver([row])
    names = [headers["webhook-id"] for headers, _ in receiver.calls]
    assert [names[0]] * 2 == names[:2]
    assert names[3] == names[0] != names[2]
    assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}


def test_a_host_that_is_unknown_for_a_while_is_tried_again(acme, receiver, secret, settings):
    settings.CHECKPOINT_URL = "http://nowhere.invalid/hook"
    [row] = sign(acme)
    deliver([row])
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("queued", 1)
    settings.CHECKPOINT_URL = receiver.url
    sign(acme)
    deliver([row])
    row.refresh_from_db()
    assert (row.status, row.due_at) == ("failed", None)  # it is not in the settings any more


def test_a_worker_that_dies_between_is_followed_by_another(acme, receiver, secret):
    [row] = sign(acme)
    taken = deliveries.take(row.pk)
    assert taken is not None  # and then it was killed
    assert deliveries.take(row.pk) is None
    deliver([row])
    [(headers, _)] = receiver.calls
    assert headers["webhook-id"] == f"msg_{row.uuid.hex}"
    deliveries.work(row.pk)
    assert len(receiver.calls) == 1


def test_a_mail_has_the_line_attached(acme, mailbox, settings, tmp_path):
    settings.CHECKPOINT_MAILS = [OPS, "audit@example.test"]
    deliver(sign(acme))
    assert sorted(mailbox.recipients) == ["audit@example.test", OPS]
    made = LogCheckpoint.objects.get()
    received = tmp_path / "received.jsonl"
    for told in mailbox.mails:
        [attached] = told.iter_attachments()
        assert attached.get_filename() == "checkpoint-1.jsonl"
        with received.open("ab") as file:
            file.write(attached.get_content())
        text = told.get_body(["plain"]).get_content()
        assert told["Subject"] == "[Muster] Checkpoint 1 of the usage log"
        for words in (made.key, "checkpoint-1.jsonl", "signs how far 2 chains had come"):
            assert words in text
            assert words in told.get_body(["html"]).get_content().replace("\r\n", "\n")
    assert json.loads(received.read_bytes().splitlines()[0])["body"] == made.body
    assert verified(received)[0] == 0
    cut_off(acme, 1)
    assert verified(received)[0] == 1


def test_a_mail_server_that_is_away_gets_it_later(acme, mailbox, settings):
    settings.CHECKPOINT_MAILS = [OPS]
    mailbox.answer = "451 later"
    [row] = sign(acme)
    deliver([row])
    row.refresh_from_db()
    assert (row.status, mailbox.mails) == ("queued", [])
    mailbox.answer = "250 OK"
    deliver([row])
    [told] = mailbox.mails
    assert told["Message-ID"].startswith(f"<{row.uuid}@")


def test_no_one_is_told_what_was_not_signed(acme, secret, monkeypatch):
    """The delivery stands or falls with its checkpoint."""

    def fail(rows):
        raise RuntimeError

    monkeypatch.setattr(outbox, "send", fail)
    with pytest.raises(RuntimeError):
        sign(acme)
    assert not LogCheckpoint.objects.exists()
    assert not Subscription.objects.exists()
    monkeypatch.undo()
    assert len(sign(acme)) == 1
    assert LogCheckpoint.objects.get().number == 1


def test_who_is_out_of_the_settings_is_told_no_more_and_comes_back(acme, receiver, secret, settings):
    waiting = sign(acme)
    settings.CHECKPOINT_URL = ""
    deliver(waiting)
    assert len(receiver.calls) == 1  # what was signed while it was named
    assert sign(acme) == []
    assert Subscription.objects.get().disabled_at is not None
    settings.CHECKPOINT_URL = receiver.url
    deliver(sign(acme))
    assert len(receiver.calls) == 2
    assert Subscription.objects.get().disabled_at is None


def test_two_secrets_while_one_is_changed(acme, receiver, secret, settings):
    newer = new_secret()
    settings.CHECKPOINT_SECRETS = [newer, secret]
    deliver(sign(acme))
    [(headers, body)] = receiver.calls
    assert Webhook(newer).verify(body, headers) == Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


def test_how_it_goes_is_told_to_who_reads_the_log_of_the_instance(acme, owner, receiver, secret, settings):
    root = make.actor(make.user("root", superuser=True))
    settings.CHECKPOINT_MAILS = [OPS]
    with pytest.raises(Forbidden):
        checkpoints.receivers(actor=owner)
    assert [(one.method, one.number) for one in checkpoints.receivers(actor=root)] == [
        ("email", None),
        ("webhook", None),
    ]
    receiver.answers = [ERROR]
    hook = next(row for row in sign(acme) if row.subscription.method == "webhook")
    deliver([hook])
    mail, failing = checkpoints.receivers(actor=root)
    assert (failing.where, failing.number, failing.error) == (
        f"127.0.0.1:{receiver.port}",
        None,
        "The URL answered 500.",
    )
    deliver([hook])
    mail, fine = checkpoints.receivers(actor=root)
    assert (fine.number, fine.error, mail.number) == (1, "", None)


def test_only_operators_send_one_again(acme, owner, receiver, secret):
    [row] = sign(acme)
    with pytest.raises(Forbidden):
        services.redeliver(actor=owner, delivery=row)
