"""Following the log: nothing skipped, nothing doubled, also by late commits and after a restore elsewhere."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from core.errors import Invalid
from logs import settled
from logs.models import LogEntry
from logs.settled import START, Cursor
from tests.logs.following import follow, own_connection
from tests.logs.written import entry

is_postgresql = connection.vendor == "postgresql"


@pytest.fixture
def other():
    """A second connection, in this thread."""
    made = connections.create_connection("default")
    yield made
    made.close()


def write(at=connection):
    """Insert by plain SQL, as something that knows nothing of the column does."""
    with at.cursor() as cursor:
        cursor.execute(
            "INSERT INTO logs_logentry (at, kind, namespace_name, namespace_kind, project_name,"
            " performer_name, performer_kind, performer_email, credential_name, dialect, metadata)"
            " VALUES ('2025-03-01 00:00:00+00:00', 'one', '', '', '', '', '', '', '', '', '{}') RETURNING id"
        )
        return cursor.fetchone()[0]


def keys(found):
    return [one.pk for one in found]


@pytest.mark.django_db(transaction=True)
def test_pausing_writers_and_following_readers():
    quick = not is_postgresql  # its writers wait for each other: long pauses would add up
    found = follow(
        entries=16 * 20 if quick else 16 * 60, pause=0.01 if quick else 2.0, each=10 if quick else 20
    )
    assert len(found.committed) > 100
    assert (found.skipped, found.doubled, found.phantoms) == (0, 0, 0)
    assert found.in_order


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_waited_for(other):
    other.set_autocommit(False)
    late = write(other)
    early = write()
    assert keys(settled.settled_after(START, 10)) == []
    assert settled.head() == START
    other.commit()
    assert keys(settled.settled_after(START, 10)) == [late, early]
    assert settled.head().id == early


@pytest.mark.django_db(transaction=True)
def test_what_the_own_transaction_wrote_is_not_settled():
    with transaction.atomic():
        pk = write()
        LogEntry.objects.bulk_create([entry(None), entry(None)])
        assert keys(settled.settled_after(START, 10)) == ([] if is_postgresql else [pk, pk + 1, pk + 2])
    assert keys(settled.settled_after(START, 10)) == [pk, pk + 1, pk + 2]


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one database")
@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_another_database_is_not_waited_for():
    pk = write()
    with connections["default"]._nodb_cursor() as elsewhere:
        elsewhere.execute("BEGIN")
        elsewhere.execute("SELECT pg_current_xact_id()")
        later = write()
        assert keys(settled.settled_after(START, 10)) == [pk, later]
        elsewhere.execute("ROLLBACK")


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one database")
@pytest.mark.django_db(transaction=True)
def test_nor_is_one_that_ends_at_that_moment():
    rounds, over = 300, threading.Event()

    def be_busy():
        with connections["default"]._nodb_cursor() as elsewhere:
            while not over.is_set():
                elsewhere.execute("BEGIN")
                elsewhere.execute("SELECT pg_current_xact_id()")
                elsewhere.execute("ROLLBACK")

    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(be_busy) for _ in range(3)]
        met = [settled.head().id == pk for pk in (write() for _ in range(rounds))]
        over.set()
        for one in busy:
            one.result()
    # The server's own transactions, which clean this very database now and then, are waited for.
    assert met.count(True) >= rounds - 2


@pytest.mark.django_db(transaction=True)
def test_pages_by_cursor_also_inside_one_large_transaction_and_of_one_namespace(acme):
    LogEntry.objects.all().delete()
    LogEntry.objects.bulk_create([entry(acme if number % 3 else None) for number in range(10)])
    cursor, met = START, []
    while found := settled.settled_after(cursor, 3):
        met += keys(found)
        cursor = Cursor.of(found[-1])
    assert met == sorted(LogEntry.objects.values_list("pk", flat=True))
    assert cursor == settled.head()
    hers = settled.settled_after(START, 100, namespace_id=acme.namespace.pk)
    assert keys(hers) == keys(LogEntry.objects.filter(namespace=acme.namespace).order_by("pk"))
    middle = Cursor.of(hers[2])
    rest = settled.after(middle, LogEntry.objects.all()).count()
    assert settled.up_to(middle, LogEntry.objects.all()).count() + rest == 10


def test_a_cursor_is_text_and_compares_as_a_place():
    assert Cursor.read(str(Cursor(7, 12))) == Cursor(7, 12)
    assert Cursor.read("") == START
    assert Cursor(7, 12) < Cursor(7, 13) < Cursor(8, 1)
    for wrong in ("7", "7.", "a.b", "-1.2", "1.2.3", "٣.4"):
        with pytest.raises(Invalid):
            Cursor.read(wrong)


@pytest.mark.skipif(not is_postgresql, reason="SQLite numbers no transactions")
@pytest.mark.django_db(transaction=True)
def test_restored_into_a_cluster_whose_transactions_count_from_below():
    first, second, third = write(), write(), write()
    ahead = 10**12
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_default FROM information_schema.columns WHERE column_name = 'xact'"
            " AND table_name = 'logs_logentry'"
        )
        default = cursor.fetchone()[0]
        cursor.execute("SELECT cluster, base FROM logs_era")
        before = cursor.fetchone()
        # As it is after a restore: numbers that lie far ahead, from a cluster of another name, rows all
        # written by the transaction of the restore, and some that were written before anybody noticed.
        cursor.execute("UPDATE logs_logentry SET xact = xact + %s", [ahead])
        cursor.execute("UPDATE logs_era SET cluster = 'another'")
        restored = keys(LogEntry.objects.order_by("pk"))
        read = Cursor.of(LogEntry.objects.get(pk=second))
        unnoticed = write()
        try:
            assert LogEntry.objects.get(pk=unnoticed).xact < ahead
            assert keys(settled.settled_after(START, 10)) == [*restored, unnoticed]
            later = write()
            assert keys(settled.settled_after(read, 10)) == [third, unnoticed, later]
            assert settled.head().id == later
            assert not settled.begin_era()
            with own_connection():
                transaction.set_autocommit(False)
                late = write(connections["default"])
                assert keys(settled.settled_after(settled.head(), 10)) == []
                connections["default"].commit()
                transaction.set_autocommit(True)
            assert keys(settled.settled_after(read, 10)) == [third, unnoticed, later, late]
            assert first in restored
        finally:
            cursor.execute(f"ALTER TABLE logs_logentry ALTER COLUMN xact SET DEFAULT {default}")
            cursor.execute("UPDATE logs_era SET cluster = %s, base = %s", before)
