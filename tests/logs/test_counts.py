"""Sums of the log: what they say is what counting says, at every moment."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count

from logs import counts, selectors, tasks
from logs.models import LogCount, LogEntry, LogMark
from tests import make
from tests.logs import written
from tests.logs.following import own_connection
from tests.logs.written import START, entry, settle

on_both = pytest.mark.django_db(
    transaction=True
)  # nothing is settled on PostgreSQL before a transaction ends

KINDS = ["create_robot", "create_team", "login_success"]


def counted(namespace=None, starts_at=None, ends_at=None, kinds=()):
    """Count entries one by one."""
    rows = selectors.matching(
        namespace_id=namespace.pk if namespace else None, starts_at=starts_at, ends_at=ends_at, kinds=kinds
    )
    found = Counter((at.astimezone(UTC).date(), kind) for at, kind in rows.values_list("at", "kind"))
    return [selectors.DayCount(kind, day, count) for (day, kind), count in sorted(found.items())]


def fill(*organizations, days=9, each=3):
    chance = random.Random(7)
    rows = [
        entry(where, START + timedelta(days=chance.uniform(0, days)), kind=chance.choice(KINDS))
        for where in (*organizations, None)
        for _ in range(each * days)
    ]
    # The moments at which a day begins and ends.
    rows += [entry(organizations[0], START + timedelta(days=3, microseconds=by)) for by in (-1, 0, 1)]
    LogEntry.objects.bulk_create(rows)
    settle()


RANGES = [
    (None, None),
    (START, START + timedelta(days=7)),
    (START + timedelta(hours=7), START + timedelta(days=6, hours=3)),
    (START + timedelta(days=2, microseconds=1), None),
    (None, START + timedelta(days=3, microseconds=-1)),
    (START + timedelta(hours=2), START + timedelta(hours=5)),
    (START + timedelta(hours=20), START + timedelta(days=1, hours=5)),
    (START, START),
    (START - timedelta(days=900), START - timedelta(days=800)),
    # The first and the last days that there are.
    (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    (datetime(9999, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    (datetime(9999, 12, 31, 20, tzinfo=UTC), datetime(9999, 12, 31, 21, tzinfo=UTC)),
]


@on_both
@pytest.mark.parametrize("rolled", ["nothing", "a part", "all"])
def test_sums_are_what_is_counted(rolled, superuser):
    acme = make.organization("acme", owner=make.user("owner"))
    other = make.organization("other", owner=make.user("another"))
    owner = make.actor(acme.memberships.get(role="owner").user)
    fill(acme, other)
    if rolled == "a part":
        assert counts.roll_up(limit=40)
    elif rolled == "all":
        tasks.roll_up()
        assert LogCount.objects.filter(scope=counts.INSTANCE).exists()
    # What was written after the mark, in days that are summed already.
    fill(acme, other, each=1)
    for starts_at, ends_at in RANGES:
        span: dict[str, Any] = {"starts_at": starts_at, "ends_at": ends_at}
        for kinds in ((), KINDS[:2], ["no such kind"]):
            mine = selectors.by_day(actor=owner, namespace=acme.namespace, kinds=kinds, **span)
            assert mine == counted(acme.namespace, kinds=kinds, **span)
            every = selectors.by_day(actor=superuser, kinds=kinds, **span)
            assert every == counted(kinds=kinds, **span)


@on_both
def test_a_chart_reads_sums_and_what_came_after_them(owner, acme, django_assert_num_queries):
    fill(acme)
    tasks.roll_up()
    summed = LogCount.objects.get(scope=acme.namespace.pk, day=date(2025, 3, 4), kind="create_robot")
    # A wrong sum is shown: so the sum is what is read.
    LogCount.objects.filter(pk=summed.pk).update(count=summed.count + 1000)
    written.entry(acme, START + timedelta(days=3, hours=5)).save()
    selectors.require_reader(owner, acme.namespace, None)  # asked once a request
    with django_assert_num_queries(1):
        found = selectors.by_day(actor=owner, namespace=acme.namespace, **written.WEEK)
    assert selectors.DayCount("create_robot", date(2025, 3, 4), summed.count + 1001) in found
    # What narrows by more is counted.
    narrowed = selectors.by_day(actor=owner, namespace=acme.namespace, performer="owner", **written.WEEK)
    assert max(one.count for one in narrowed) < 1000


@on_both
def test_entries_are_summed_in_steps_and_each_once(acme):
    fill(acme)
    total = LogEntry.objects.count()
    steps = 0
    while counts.roll_up(limit=10):
        steps += 1
        everything = LogCount.objects.filter(scope=counts.INSTANCE)
        assert sum(everything.values_list("count", flat=True)) == 10 * steps
    assert steps == total // 10
    assert not counts.roll_up(limit=10)
    assert sum(everything.values_list("count", flat=True)) == total
    assert LogMark.objects.count() == 1


@on_both
def test_a_step_that_fails_has_summed_nothing(acme):
    fill(acme)
    assert counts.roll_up(limit=10)
    before = list(LogMark.objects.values()), list(LogCount.objects.order_by("pk").values())
    with transaction.atomic():
        counts.roll_up(limit=10)
        transaction.set_rollback(True)
    assert (list(LogMark.objects.values()), list(LogCount.objects.order_by("pk").values())) == before


@on_both
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_one_sums_at_a_time(acme):
    fill(acme)
    assert counts.roll_up(limit=10)
    held, go = threading.Event(), threading.Event()

    def hold():
        with own_connection(), transaction.atomic():
            list(LogMark.objects.select_for_update())
            held.set()
            go.wait(30)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(30)
        assert not counts.roll_up(limit=10)
        go.set()
        holding.result()
    assert counts.roll_up(limit=10)


@on_both
def test_right_at_every_moment_with_writers_that_commit_late(superuser):
    """Writers pause before they commit, two workers sum, readers compare with the log as of that moment."""
    quick = connection.vendor != "postgresql"  # its writers wait for each other: long pauses would add up
    writers, turns, pause = (4, 6, 0.01) if quick else (8, 8, 0.4)
    over, day = threading.Event(), datetime(2025, 3, 3, tzinfo=UTC)
    began = LogEntry.objects.count()

    def write(number):
        chance = random.Random(number)
        with own_connection():
            for _ in range(turns):
                with transaction.atomic():
                    LogEntry.objects.bulk_create([entry(None, day, kind=KINDS[0]) for _ in range(5)])
                    time.sleep(chance.uniform(0, pause))
                    LogEntry.objects.bulk_create([entry(None, day, kind=KINDS[1]) for _ in range(5)])
                    if chance.random() < 1 / 6:
                        transaction.set_rollback(True)

    def keep_summing():
        with own_connection():
            while not over.is_set():
                counts.roll_up(limit=7)
                time.sleep(0.005)

    def read(number):
        compared = 0
        with own_connection():
            last = False
            while not last:  # once at the least, however quick the writers are
                last = over.is_set()
                compared += _compare()
                time.sleep(0.005)
        return compared

    with ThreadPoolExecutor(writers + 4) as pool:
        summing = [pool.submit(keep_summing) for _ in range(2)]
        reading = [pool.submit(read, number) for number in range(2)]
        writing = [pool.submit(write, number) for number in range(writers)]
        try:
            for one in writing:
                one.result()
        finally:
            over.set()
        for one in summing:
            one.result()
        compared = sum(one.result() for one in reading)
    assert compared > (1 if quick else 10)
    assert LogEntry.objects.count() - began > writers * turns * 5
    settle()
    tasks.roll_up()
    summed = LogCount.objects.filter(scope=counts.INSTANCE)
    assert sum(summed.values_list("count", flat=True)) == LogEntry.objects.count()
    assert selectors.by_day(actor=superuser) == counted()


def _compare():
    """Compare sums and entries in one snapshot; fail where they differ."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = counts.by_day(namespace_id=None, starts_at=START, ends_at=START + timedelta(days=7))
        rows = LogEntry.objects.filter(at__gte=START, at__lt=START + timedelta(days=7)).order_by("kind")
        assert found is not None
        assert [(kind, count) for kind, _, count in found] == [
            (row["kind"], row["count"]) for row in rows.values("kind").annotate(count=Count("*"))
        ]
    return 1


@on_both
def test_the_next_turn_goes_on_where_time_was_up(acme, bells, monkeypatch):
    fill(acme)
    monkeypatch.setattr(tasks, "ROLL_UP_SECONDS", -1)
    monkeypatch.setattr(counts, "STEP", 10)
    tasks.roll_up()
    everything = LogCount.objects.filter(scope=counts.INSTANCE)
    assert sum(everything.values_list("count", flat=True)) == 10
    assert ("logs.roll_up",) in bells
