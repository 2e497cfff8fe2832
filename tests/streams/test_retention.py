"""Months that go to the archive: streams that are on are waited for, others are told what they miss."""

from datetime import timedelta

import pytest
from django.utils import timezone

from logs import tasks as log_tasks
from logs.models import LogArchive, LogEntry
from streams import services
from tests import make
from tests.logs.conftest import own_directory
from tests.logs.written import START, entry, settle
from tests.streams.conftest import push, row

__all__ = ["own_directory"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_directory")]


def archive():
    settle()
    LogArchive.objects.update(due_at=timezone.now())  # whatever pause it makes is over
    log_tasks.keep_up()
    return LogEntry.objects.filter(at__year=START.year).count()


@pytest.fixture
def old(acme, settings):
    """Write entries of an old month: three of acme, two of another."""
    settings.LOG_RETENTION_DAYS = 30
    other = make.organization("other")
    settle()

    def write():
        rows = [entry(acme, START) for _ in range(3)] + [entry(other, START) for _ in range(2)]
        return LogEntry.objects.bulk_create(rows)

    return write


def test_a_month_waits_for_streams_that_are_on(begin, receiver, old):
    stream = begin()
    push()
    old()
    assert archive() == 5
    push()
    assert archive() == 0
    assert row(stream).lost_entries == 0
    assert sum(len(told["data"]["entries"]) for told in receiver.told) == 4


def test_but_for_a_week_at_most_and_then_what_is_missed_is_counted(begin, receiver, acme, owner, root, old):
    own, whole = begin(), begin(namespace=None, actor=root)
    push()
    receiver.requests.clear()
    old()
    assert archive() == 5
    LogArchive.objects.update(created_at=timezone.now() - timedelta(days=8), due_at=timezone.now())
    assert archive() == 0
    assert (row(own).lost_entries, row(whole).lost_entries) == (3, 5)
    LogEntry.objects.bulk_create([entry(acme, timezone.now())])
    push()
    # They go on behind the edge.
    assert {one["metadata"].get("robot") for told in receiver.told for one in told["data"]["entries"]} == {
        "ci",
        None,
    }
    assert row(own).failures == 0


def test_nobody_waits_for_streams_that_are_off(begin, receiver, owner, old):
    stream = begin()
    push()
    services.pause_stream(actor=owner, stream=row(stream))
    old()
    assert archive() == 0
    assert row(stream).lost_entries == 3
    services.resume_stream(actor=owner, stream=row(stream))
    push()
    kinds = [one["kind"] for told in receiver.told for one in told["data"]["entries"]]
    assert kinds == ["create_log_stream", "pause_log_stream", "resume_log_stream"]
