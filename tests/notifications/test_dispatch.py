"""Slow receivers keep nobody else waiting: real ones on loopback, some of which never answer."""

import json
import threading
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import deliveries, dispatch, services, tasks
from notifications.channels import Answer, Letter
from notifications.deliveries import Waiting
from notifications.models import Delivery
from tests import make
from tests.notifications.receiver import ACCEPTED, Receiver

pytestmark = pytest.mark.django_db(transaction=True)


class Stall:
    """A receiver that takes every connection and answers none before it is told to."""

    def __init__(self):
        self.released = threading.Event()
        self.receiver = Receiver()
        self.receiver.answers = [self.wait] * 999
        self.url = self.receiver.url

    def wait(self, sock):
        self.released.wait(30)
        sock.sendall(ACCEPTED)

    def close(self):
        self.released.set()
        self.receiver.close()


@pytest.fixture
def stalls(settings):
    made = [Stall() for _ in range(3)]
    settings.EGRESS_ALLOW = [f"127.0.0.1:{one.receiver.port}" for one in made]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def quick(settings, stalls):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


@pytest.fixture
def globex():
    return make.project(make.organization("globex", owner=make.user("rival")), "shop")


def queue(project, url, count):
    """Queue deliveries of one subscription to a URL."""
    hook, _ = services.create_subscription(
        actor=make.SYSTEM, project=project, event="repo_change", method="webhook", config={"url": url}
    )
    return [services.send_test(actor=make.SYSTEM, subscription=hook) for _ in range(count)]


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.01)


class Worker(threading.Thread):
    """A worker's thread that hears a bell."""

    def __init__(self, row):
        super().__init__()
        self.row = row
        self.start()

    def run(self):
        try:
            tasks.deliver(self.row.pk)
        finally:
            connection.close()


def under_way():
    return Delivery.objects.filter(status="running").count()


def done(rows):
    return Delivery.objects.filter(pk__in=[row.pk for row in rows], status="done").count()


def test_a_stalled_receiver_slows_nobody_else(web, globex, stalls, quick, settings):
    """Its sixty deliveries wait longest; those of another tenant are made as if it were not there."""
    settings.NOTIFICATION_SECONDS = 15
    stuck = queue(web, stalls[0].url, 60)
    worker = Worker(stuck[0])
    until(lambda: under_way() == dispatch.OF_A_LANE)
    start = time.monotonic()
    rows = queue(globex, quick.url, 40)
    tasks.deliver(rows[0].pk)  # turned away at once: the other thread has the turn, and goes on with it
    assert time.monotonic() - start < 4
    until(lambda: done(rows) == 40, 6)
    assert under_way() == dispatch.OF_A_LANE
    assert done(stuck) == 0
    stalls[0].released.set()
    worker.join(30)
    assert done(stuck) == 60
    assert len(stalls[0].receiver.requests) == 60


def test_a_tenant_with_many_slow_receivers_leaves_room_for_others(web, acme, globex, stalls, quick):
    rows = [row for stall in stalls for row in queue(web, stall.url, 6)]
    worker = Worker(rows[0])
    until(lambda: under_way() == dispatch.OF_A_TENANT)
    other = queue(globex, quick.url, 3)
    tasks.deliver(other[0].pk)
    until(lambda: done(other) == 3)
    assert under_way() == dispatch.OF_A_TENANT
    for stall in stalls:
        stall.released.set()
    worker.join(30)
    assert done(rows) == 18


def test_there_is_room_for_so_many_and_no_more():
    room = dispatch.Room()
    lanes = [Waiting(n, f"lane{n % 20}", n % 10) for n in range(200)]
    taken = [one for one in lanes if room.take(one)]
    assert len(taken) == dispatch.UNDER_WAY
    assert room.is_full
    for one in taken:
        room.leave(one)
    assert room.full() == ([], [])
    same = [Waiting(n, "lane", n) for n in range(9)]
    assert sum(room.take(one) for one in same) == dispatch.OF_A_LANE
    assert room.full() == (["lane"], [])
    of_one = [Waiting(n, f"lane{n}", 7) for n in range(99)]
    assert sum(room.take(one) for one in of_one) == dispatch.OF_A_TENANT
    assert room.full() == (["lane"], [7])


def test_the_turn_passes_while_calls_are_still_under_way(web, globex, stalls, quick, bells, monkeypatch):
    """Two threads at most are taken from a worker: the one that has the turn, and the one that had it."""
    monkeypatch.setattr(dispatch, "SPELL_SECONDS", 0.5)
    stuck = queue(web, stalls[0].url, 6)
    bells.clear()
    first = Worker(stuck[0])
    until(lambda: ("notifications.deliver", stuck[-1].pk) in bells)  # it is over, and rings for the rest
    rows = queue(globex, quick.url, 2)
    second = Worker(rows[0])
    until(lambda: done(rows) == 2)
    assert first.is_alive()
    until(lambda: dispatch.TURN.acquire(blocking=False))
    dispatch.TURN.release()
    late = queue(globex, quick.url, 1)
    start = time.monotonic()
    if second.is_alive():
        tasks.deliver(late[0].pk)  # both are still waiting for their calls: all other threads do other work
    assert time.monotonic() - start < 1
    stalls[0].released.set()
    first.join(30)
    second.join(30)
    tasks.deliver(stuck[-1].pk)
    assert done([*stuck, *rows, *late]) == 9


def broken() -> Answer:
    raise ZeroDivisionError


def test_a_call_that_breaks_leaves_room_and_comes_again(hook, owner, monkeypatch, receiver, settings):
    row = services.send_test(actor=owner, subscription=hook)

    def broken():
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "prepare", lambda delivery: Letter(broken))
        tasks.deliver(row.pk)
    row.refresh_from_db()
    assert row.status == "running"
    assert dispatch.ROOM.full() == ([], [])
    assert dispatch.SLOTS.acquire(blocking=False)
    dispatch.SLOTS.release()
    Delivery.objects.update(due_at=row.created_at)  # its lease is over
    tasks.deliver(row.pk)
    assert done([row]) == 1


def test_all_that_is_due_is_worked_off_however_it_is_told(subscribe, web, owner, monkeypatch):
    """What is written here leaves its room at once: the next of its like need not wait."""
    monkeypatch.setattr(dispatch, "SPELL_SECONDS", 120)
    monkeypatch.setattr(dispatch, "LOOK_AGAIN", 120)  # in vain, if it waited
    made = [subscribe("in_console", project=web, target={"kind": "user", "name": "owner"}) for _ in range(2)]
    rows = [services.send_test(actor=owner, subscription=one) for one in made for _ in range(60)]
    tasks.deliver(rows[0].pk)
    assert done(rows) == 120
    assert deliveries.due(1) == []


def test_many_deliveries_to_a_quick_receiver_cost_less_than_a_query_each(web, quick):
    rows = queue(web, quick.url, 80)
    with CaptureQueriesContext(connection) as queries:
        tasks.deliver(rows[0].pk)
    assert done(rows) == 80
    assert len(quick.requests) == 80
    # On PostgreSQL each row of what is noted at once counts; it is sent with the others and not waited for.
    asked = [
        one for one in queries.captured_queries if "COALESCE" not in one["sql"] or "begun_at" in one["sql"]
    ]
    assert len(asked) < 80


def test_what_was_taken_ahead_of_a_receiver_that_stalls_is_left_to_others(web, stalls, bells, monkeypatch):
    """It is as if nobody had looked at it: no attempt counts, no lease has to run out."""
    monkeypatch.setattr(dispatch, "SPELL_SECONDS", 1.5)
    stall = stalls[0]
    stall.receiver.answers[:5] = [ACCEPTED] * 5
    rows = queue(web, stall.url, 60)
    rung = len(bells)
    worker = Worker(rows[0])
    until(lambda: Delivery.objects.filter(status="running").count() > dispatch.OF_A_LANE)
    until(lambda: len(bells) > rung)  # the spell is over, and others are to go on
    until(lambda: under_way() == dispatch.OF_A_LANE)
    waiting = Delivery.objects.filter(status="queued")
    assert {(one.attempts, one.claim) for one in waiting} == {(0, None)}
    assert len(waiting) == 60 - dispatch.OF_A_LANE - done(rows)
    stall.released.set()
    worker.join(30)
    monkeypatch.setattr(dispatch, "SPELL_SECONDS", 30)  # all of them, however slow the machine
    tasks.deliver(waiting[0].pk)
    assert done(rows) == 60
    assert len(stall.receiver.requests) == 60


def test_of_what_was_sent_only_what_is_still_ours_is_noted(web, quick):
    rows = queue(web, quick.url, 3)
    taken = deliveries.take_all([row.pk for row in rows])
    sent: list[deliveries.Sent] = []
    for one in taken:
        letter = deliveries.prepare(one)
        answer = deliveries.attempt(letter)
        assert isinstance(answer, Answer)
        sent.append((one, letter, answer))
    Delivery.objects.filter(pk=rows[1].pk).update(due_at=rows[1].created_at)
    [again] = deliveries.take_all([rows[1].pk])  # its lease was over
    deliveries.note_sent(sent)
    assert done(rows) == 2
    rows[1].refresh_from_db()
    assert (rows[1].status, rows[1].claim, rows[1].history) == ("running", again.claim, [])
    deliveries.note(again, None, sent[1][2])
    rows[1].refresh_from_db()
    assert (rows[1].status, rows[1].claim, rows[1].attempts, len(rows[1].history)) == ("done", None, 2, 1)
    rows[0].refresh_from_db()
    assert json.loads(rows[0].request["body"])["type"] == "repo_change"
