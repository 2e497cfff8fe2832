"""Streams to webhooks: real receivers, real workers' turns, and what happens when either is killed."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone
from standardwebhooks import Webhook

from accounts import services as accounts
from core import egress
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from core.seal import unseal
from logs import settled
from logs.models import LogEntry
from logs.settled import Cursor
from streams import batches, dispatch, off, selectors, services, tasks
from streams.models import Stream
from tests import make
from tests.logs.conftest import NOBODY
from tests.logs.following import own_connection
from tests.logs.written import entries, entry, settle
from tests.notifications.receiver import ERROR, GONE, LATER
from tests.streams.conftest import entries_of, heard, make_due, push, row

pytestmark = pytest.mark.django_db(transaction=True)

is_postgresql = connection.vendor == "postgresql"


def behind(stream):
    found = selectors.count_behind(Stream.objects.filter(pk=stream.pk)).get()
    return vars(found)["behind"]


def last():
    return LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


# What is sent --------------------------------------------------------------------------------------------


def test_entries_are_pushed_signed_and_in_order(begin, receiver, acme):
    before = last()
    stream = begin()
    entries(acme, 3)
    push()
    [(headers, body)] = receiver.calls
    told = Webhook(unseal(row(stream).secret_sealed)).verify(body.decode(), headers)
    assert told["type"] == "log.entries"
    assert told["data"]["stream"] == str(stream.uuid)
    assert told["data"]["namespace"] == "acme"
    assert heard(receiver) == entries_of(acme.namespace, before)
    first, *rest = told["data"]["entries"]
    assert first["kind"] == "create_log_stream"
    assert first["performer"] == "owner"
    assert [one["metadata"] for one in rest] == [{"number": number} for number in range(3)]
    assert set(first) == {
        *("id", "cursor", "time", "kind", "namespace", "project", "performer", "performer_kind"),
        *("credential", "door", "ip", "metadata"),
    }
    found = row(stream)
    assert told["data"]["cursor"] == rest[-1]["cursor"]
    assert (found.sent_entries, found.sent_batches, found.failures, found.claim) == (4, 1, 0, None)
    assert found.due_at is None  # it rests until something is written
    assert behind(found) == 0


def test_what_others_write_is_not_sent_and_not_read_again(begin, receiver, acme):
    other = make.organization("other")
    stream = begin()
    push()
    receiver.requests.clear()
    entries(other, 5)
    entries(None, 5)
    push()
    assert receiver.requests == []
    assert Cursor(row(stream).xact, row(stream).entry) == settled.head()


def test_a_worker_that_is_slow_to_look_moves_nobody_back(begin, receiver, acme, monkeypatch):
    stream = begin()
    push()
    entries(make.organization("other"), 5)
    settle()
    sight = settled.head

    def head():
        found = sight()
        monkeypatch.setattr(settled, "head", sight)
        entries(acme, 3)
        push()  # another worker finds them, and sends them
        return found

    monkeypatch.setattr(settled, "head", head)
    receiver.requests.clear()
    batches.wake()
    assert Cursor(row(stream).xact, row(stream).entry) == settled.head()
    push()
    assert len(heard(receiver)) == 3


def test_all_namespaces_are_sent_to_the_operator(begin, receiver, acme, root):
    before = last()
    begin(namespace=None, actor=root)
    entries(make.organization("other"), 2)
    entries(acme, 2)
    entries(None, 1)
    push()
    assert heard(receiver) == entries_of(None, before)
    assert receiver.told[0]["data"]["namespace"] is None


def test_batches_are_bounded_by_number_and_by_bytes(begin, receiver, acme, settings):
    settings.STREAM_BATCH_ROWS = 4
    stream = begin()
    before = last()
    entries(acme, 10)
    push()
    assert [len(told["data"]["entries"]) for told in receiver.told] == [4, 4, 3]  # with that of the beginning
    settings.STREAM_BATCH_BYTES = 2000
    receiver.requests.clear()
    LogEntry.objects.bulk_create([entry(acme, metadata={"x": "y" * size}) for size in (900, 900, 5000, 10)])
    push()
    assert [len(told["data"]["entries"]) for told in receiver.told] == [1, 1, 1, 1]
    assert row(stream).sent_entries == len(entries_of(acme.namespace, before)) + 1


def test_from_the_oldest_entry_or_from_a_cursor(begin, receiver, acme):
    entries(acme, 3)
    first = entries_of(acme.namespace)
    begin(cursor="")
    push()
    assert heard(receiver)[: len(first)] == first
    second = receiver.told[0]["data"]["entries"][1]
    receiver.requests.clear()
    begin(cursor=second["cursor"])
    push()
    met = heard(receiver)  # the first stream hears of the second, too
    assert not set(first[:2]) & set(met)
    assert set(first[2:]) <= set(met)


def test_set_to_another_place(begin, receiver, acme, owner):
    stream = begin()
    entries(acme, 3)
    push()
    sent = heard(receiver)
    receiver.requests.clear()
    cursor = str(Cursor.of(LogEntry.objects.get(pk=sent[0])))
    services.rewind_stream(actor=owner, stream=row(stream), cursor=cursor)
    push()
    assert heard(receiver)[:3] == sent[1:]
    assert LogEntry.objects.filter(kind="rewind_log_stream").get().metadata["cursor"] == cursor
    for wrong in ("x", "1.2.3", "9" * 18 + ".1"):
        with pytest.raises(Invalid) as caught:
            services.rewind_stream(actor=owner, stream=row(stream), cursor=wrong)
        assert caught.value.field == "cursor"


# At least once -------------------------------------------------------------------------------------------


def test_what_was_not_acknowledged_is_sent_again_under_the_same_id(begin, receiver, acme):
    receiver.answers = [ERROR, LATER]
    stream = begin()
    entries(acme, 2)
    push()
    found = row(stream)
    assert (found.failures, found.last_status, found.sent_entries) == (1, 500, 0)
    assert found.due_at > timezone.now() + timedelta(seconds=4)
    assert found.error == "The URL answered 500."
    entries(acme, 5)  # which is no part of that batch
    make_due(stream)
    push()
    assert row(stream).due_at > timezone.now() + timedelta(seconds=880)  # as it was asked
    make_due(stream)
    push()
    one, two, three, four = receiver.calls
    assert one[0]["webhook-id"] == two[0]["webhook-id"] == three[0]["webhook-id"]
    assert four[0]["webhook-id"] != one[0]["webhook-id"]
    told = receiver.told
    assert told[0]["data"] == told[1]["data"] == told[2]["data"]
    assert len(told[2]["data"]["entries"]) == 3
    assert len(told[3]["data"]["entries"]) == 5
    found = row(stream)
    assert (found.failures, found.failing_since, found.error, found.sent_entries) == (0, None, "", 8)


def test_a_worker_that_is_killed_before_it_notes_is_followed_by_one_that_sends_again(begin, receiver, acme):
    stream = begin()
    entries(acme, 3)
    push_and_die(stream)
    assert len(receiver.requests) == 1
    assert row(stream).sent_entries == 0
    entries(acme, 2)
    push()  # its lease lives on
    assert len(receiver.requests) == 1
    make_due(stream)
    push()
    one, two, three = receiver.calls
    assert one[0]["webhook-id"] == two[0]["webhook-id"] != three[0]["webhook-id"]
    assert set(heard(receiver)) == set(entries_of(acme.namespace, heard(receiver)[0] - 1))
    assert row(stream).sent_entries == 6


def test_what_is_under_way_is_noted_though_the_database_fails_meanwhile(begin, acme, monkeypatch):
    first, second = begin(), begin()
    settle()
    take = batches.take

    def failing(pk):
        if pk != second.pk:
            return take(pk)
        if is_postgresql:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(batches, "take", failing)
        with pytest.raises(OperationalError):
            tasks.work()
    connection.close()
    assert (row(first).sent_batches, row(first).claim) == (1, None)
    tasks.work()
    assert row(second).sent_batches == 1


def test_a_lease_is_as_long_as_is_set(begin, receiver, acme, settings):
    settings.STREAM_LEASE_SECONDS = 20
    stream = begin()
    entries(acme, 3)
    began = timezone.now()
    push_and_die(stream)
    with time_machine.travel(began + timedelta(seconds=19), tick=False):
        push()
        assert len(receiver.requests) == 1
    with time_machine.travel(timezone.now() + timedelta(seconds=21), tick=False):
        push()
    one, two = receiver.calls
    assert one[0]["webhook-id"] == two[0]["webhook-id"]


def push_and_die(stream):
    """Do what a worker does up to the moment at which it is killed."""
    make_due(stream)
    batch = batches.take(stream.pk)
    assert batch is not None
    batches.attempt(batch)
    return batch


def test_a_worker_that_lost_its_lease_notes_nothing(begin, receiver, acme):
    stream = begin()
    entries(acme, 2)
    late = push_and_die(stream)
    make_due(stream)
    push()
    before = row(stream)
    batches.note(late, batches.attempt(late))
    after = row(stream)
    assert (after.sent_entries, after.xact, after.entry) == (before.sent_entries, before.xact, before.entry)


def test_of_many_workers_one_takes_it(begin, acme):
    stream = begin()
    entries(acme, 2)
    make_due(stream)
    assert batches.take(stream.pk) is not None
    assert batches.take(stream.pk) is None


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one writer at a time")
def test_nothing_is_skipped_that_is_committed_late(begin, receiver, acme):
    stream = begin()
    push()
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind,"
                " project_name, performer_name, performer_kind, performer_email, credential_name, dialect,"
                " metadata) VALUES (now(), 'one', %s, '', '', '', '', '', '', '', '', '{}') RETURNING id",
                [acme.namespace.pk],
            )
            late = cursor.fetchone()[0]
        early = [one.pk for one in entries(acme, 2)]
        tasks.work()
        assert not set(heard(receiver)) & {late, *early}
        other.commit()
    finally:
        other.close()
    push()
    assert heard(receiver)[-3:] == [late, *early]
    assert row(stream).sent_entries == len(heard(receiver))


def test_writers_that_pause_and_two_workers(begin, receiver, acme, settings):
    settings.STREAM_BATCH_ROWS = 20
    stream = begin()
    over = threading.Event()
    written: list[int] = []

    def write(number):
        with own_connection():
            for _ in range(5):
                with transaction.atomic():
                    written.extend(one.pk for one in entries(acme, 6))
                    if is_postgresql:
                        over.wait(0.02 * number)

    def work():
        with own_connection():
            while not over.is_set():
                batches.wake()
                for one in batches.due(5):
                    batch = batches.take(one.pk)
                    if batch is not None:
                        batches.note(batch, batches.attempt(batch))
                over.wait(0.01)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4 if is_postgresql else 1)]
    workers = [threading.Thread(target=work) for _ in range(2 if is_postgresql else 1)]
    for thread in [*writers, *workers]:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in workers:
        thread.join()
    push()
    met = heard(receiver)
    assert set(written) <= set(met)
    assert len(met) == len(set(met))  # nobody was killed
    assert met == [pk for pk in entries_of(acme.namespace) if pk in set(met)]
    assert row(stream).sent_entries == len(met)


# Failing for long ----------------------------------------------------------------------------------------


def test_pauses_grow_and_after_three_days_it_is_switched_off_and_told(begin, receiver, acme, owner):
    receiver.answers = [ERROR] * 100
    stream = begin()
    pauses = []
    with time_machine.travel(timezone.now(), tick=True) as clock:
        for _ in range(100):
            push()
            found = row(stream)
            if found.disabled_at:
                break
            pauses.append((found.due_at - timezone.now()).total_seconds())
            clock.shift(pauses[-1] + 0.1)
        tasks.work()  # which rings for the mail
        assert off.due(5) == [stream.pk]
        tasks.tell_off(stream.pk)
        tasks.tell_off(stream.pk)
    assert 70 < len(pauses) < 90
    planned = (5, 30, 120, 300, 900, 1800, *[3600] * (len(pauses) - 6))
    ratios = [pause / one for pause, one in zip(pauses, planned, strict=True)]
    assert all(0.8 < ratio < 1.1 for ratio in ratios)  # the clock goes on meanwhile
    assert len({round(ratio, 3) for ratio in ratios[6:]}) > 5
    assert (found.state, found.due_at, found.claim) == ("off", None, None)
    told = LogEntry.objects.get(kind="disable_log_stream")
    assert (told.namespace_id, told.performer_name) == (acme.namespace.pk, "system")
    assert told.metadata["failures"] == found.failures
    [letter] = mail.outbox
    assert letter.to == ["owner@example.test"]
    assert "acme: a stream of the usage log was switched off" in letter.subject
    assert f"127.0.0.1:{receiver.port}" in letter.body
    assert "key=k" not in str(letter.message())
    assert row(stream).mail_due_at is None
    receiver.answers = []
    push()
    calls = len(receiver.requests)
    assert behind(stream) > 0
    services.resume_stream(actor=owner, stream=row(stream))
    push()
    assert len(receiver.requests) == calls + 2
    # The batch that failed is as it was; what came since comes next.
    assert [one["kind"] for one in receiver.told[-2]["data"]["entries"]] == ["create_log_stream"]
    assert [one["kind"] for one in receiver.told[-1]["data"]["entries"]] == [
        "disable_log_stream",
        "resume_log_stream",
    ]


def test_who_says_that_it_is_gone_is_switched_off_at_once(begin, receiver, root):
    receiver.answers = [GONE]
    stream = begin(namespace=None, actor=root)
    push()
    assert row(stream).state == "off"
    tasks.tell_off(stream.pk)
    [letter] = mail.outbox
    assert letter.to == ["root@example.test"]
    assert "the whole instance" in letter.subject


def test_a_slow_receiver_keeps_nobody_waiting(begin, receiver, acme, monkeypatch, settings):
    settings.NOTIFICATION_SECONDS = 3
    monkeypatch.setattr(dispatch, "SPELL_SECONDS", 2.0)
    release = threading.Event()
    receiver.answers = [lambda sock: release.wait(10)]
    slow = begin()
    push_in = threading.Thread(target=_work_in_thread)
    push_in.start()
    try:
        assert release.wait(0.5) is False
        settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, "127.0.0.1:1"]
        quick = begin(url="http://127.0.0.1:1/")  # which fails at once
        push_in.join(1.4)
        assert row(quick).failures == 1
        assert row(slow).failures == 0
    finally:
        release.set()
        push_in.join()


def _work_in_thread():
    with own_connection():
        tasks.work()


# By hand -------------------------------------------------------------------------------------------------


def test_a_test_has_no_entries_and_counts_for_nothing(begin, receiver, owner):
    stream = begin()
    push()
    receiver.requests.clear()
    receiver.answers = [ERROR]
    services.test_stream(actor=owner, stream=row(stream))
    push()
    assert receiver.told[0]["type"] == "log.test"
    assert receiver.told[0]["data"]["entries"] == []
    found = row(stream)
    assert (found.test_error, found.failures, found.disabled_at) == ("The URL answered 500.", 0, None)
    services.pause_stream(actor=owner, stream=row(stream))
    services.test_stream(actor=owner, stream=row(stream))
    receiver.requests.clear()
    push()
    assert [told["type"] for told in receiver.told] == ["log.test"]
    found = row(stream)
    assert (found.test_error, found.test_asked_at, found.state, found.due_at) == ("", None, "paused", None)
    assert found.tested_at is not None


def test_paused_it_keeps_its_place(begin, receiver, acme, owner):
    stream = begin()
    push()
    receiver.requests.clear()
    services.pause_stream(actor=owner, stream=row(stream))
    entries(acme, 3)
    push()
    assert receiver.requests == []
    services.resume_stream(actor=owner, stream=row(stream))
    push()
    kinds = [one["kind"] for told in receiver.told for one in told["data"]["entries"]]
    assert kinds == ["pause_log_stream", *["create_robot"] * 3, "resume_log_stream"]


def test_two_secrets_live_for_a_while(begin, receiver, acme, owner):
    stream = begin()
    old = selectors.secret(actor=owner, stream=stream)
    new = services.rotate_stream_secret(actor=owner, stream=row(stream), grace=timedelta(days=1))
    push()
    headers, body = receiver.calls[-1]
    for secret in (old, new):
        Webhook(secret).verify(body.decode(), headers)
    assert len(headers["webhook-signature"].split()) == 2
    Stream.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
    tasks.prune()
    assert row(stream).old_secret_sealed == ""
    entries(acme, 1)
    push()
    assert len(receiver.calls[-1][0]["webhook-signature"].split()) == 1
    with pytest.raises(Invalid):
        services.rotate_stream_secret(actor=owner, stream=row(stream), grace=timedelta(days=31))
    with pytest.raises(Conflict):
        services.rotate_stream_secret(actor=owner, stream=stream, grace=timedelta(0))


def test_ended_while_it_is_sent(begin, receiver, acme, owner):
    stream = begin()
    batch = push_and_die(stream)
    services.delete_stream(actor=owner, stream=stream)
    batches.note(batch, batches.attempt(batch))
    assert not Stream.objects.exists()
    with pytest.raises(NotFound):
        services.delete_stream(actor=owner, stream=stream)
    assert LogEntry.objects.filter(kind="delete_log_stream").count() == 1


# Who may, and what ---------------------------------------------------------------------------------------


def verbs(stream):
    return [
        lambda actor: services.delete_stream(actor=actor, stream=stream),
        lambda actor: services.pause_stream(actor=actor, stream=stream),
        lambda actor: services.resume_stream(actor=actor, stream=stream),
        lambda actor: services.test_stream(actor=actor, stream=stream),
        lambda actor: services.rewind_stream(actor=actor, stream=stream, cursor=""),
        lambda actor: services.rotate_stream_secret(actor=actor, stream=stream, grace=timedelta(0)),
        lambda actor: services.change_stream(actor=actor, stream=stream, config=stream.config),
    ]


def test_nobody_else_may(begin, acme, root, receiver):
    theirs = make.organization("other", owner=make.user("stranger"))
    stranger = make.actor(theirs.memberships.get().user)
    member = make.user("member")
    make.member(make.team(acme), member)
    own, whole = begin(), begin(namespace=None, actor=root)
    owner = make.actor(acme.memberships.get(role="owner").user)
    limited = make.actor(owner.user, "repo:admin user:admin")
    count = LogEntry.objects.count()
    for actor in (NOBODY, stranger, make.actor(member), limited):
        for verb in verbs(own):
            with pytest.raises((Unauthenticated, Forbidden)):
                verb(actor)
        with pytest.raises((Unauthenticated, Forbidden)):
            begin(actor=actor)
        with pytest.raises((Unauthenticated, Forbidden)):
            selectors.streams(actor=actor, namespace=acme.namespace)
        with pytest.raises((Unauthenticated, Forbidden)):
            selectors.secret(actor=actor, stream=own)
    for actor in (NOBODY, stranger, owner):
        for verb in verbs(whole):
            with pytest.raises((Unauthenticated, Forbidden)):
                verb(actor)
        with pytest.raises((Unauthenticated, Forbidden)):
            begin(namespace=None, actor=actor)
        with pytest.raises((Unauthenticated, Forbidden)):
            selectors.streams(actor=actor)
    with pytest.raises(NotFound):
        selectors.stream(actor=stranger, namespace=theirs.namespace, uuid=own.uuid)
    assert LogEntry.objects.count() == count
    services.pause_stream(actor=root, stream=own)  # whoever runs the instance may end any


def test_auditors_see_them_and_change_nothing(begin, acme, receiver):
    stream = begin()
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user("auditor"), role="auditor")
    auditor = make.actor(acme.memberships.get(role="auditor").user)
    assert list(selectors.streams(actor=auditor, namespace=acme.namespace)) == [stream]
    before = row(stream)
    for verb in verbs(stream):
        with pytest.raises(Forbidden):
            verb(auditor)
    for method, config in (
        ("webhook", {"url": receiver.url}),
        ("syslog", {"url": "syslog+tls://93.184.216.34"}),
    ):
        with pytest.raises(Forbidden):
            services.create_stream(actor=auditor, namespace=acme.namespace, method=method, config=config)
    found = row(stream)
    assert (found.config, found.due_at, found.state) == (before.config, before.due_at, "on")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"method": "pigeon"}, "method"),
        ({"config": {}}, "config"),
        ({"config": {"url": 7}}, "config"),
        ({"config": {"url": "http://127.0.0.1:1/", "more": "x"}}, "config"),
        ({"config": {"url": "http://169.254.169.254/"}}, "config"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "x" * 61}, "title"),
        ({"cursor": "here"}, "cursor"),
        ({"cursor": "99999999999999.1"}, "cursor"),
    ],
)
def test_bad_input(given, field, acme, owner, receiver):
    given = {"method": "webhook", "config": {"url": receiver.url}} | given
    with pytest.raises(Invalid) as caught:
        services.create_stream(actor=owner, namespace=acme.namespace, **given)
    assert caught.value.field == field
    assert not Stream.objects.exists()


def test_only_of_organizations_and_so_many(begin, acme, owner, settings):
    with pytest.raises((Invalid, Forbidden)):
        begin(namespace=owner.user.namespace)
    for _ in range(settings.STREAMS_PER_ORGANIZATION):
        begin()
    with pytest.raises(Conflict):
        begin()
    assert selectors.streams(actor=owner, namespace=acme.namespace).count() == 5


def test_what_may_be_called_is_decided_at_each_call(begin, receiver, settings):
    stream = begin()
    settings.EGRESS_ALLOW = []
    push()
    assert receiver.requests == []
    assert row(stream).error.startswith("The URL may not be called")
    with pytest.raises(egress.Refused):
        begin()
