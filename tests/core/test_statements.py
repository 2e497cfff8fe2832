"""Statements of one shape answer as Django's cursors do, by whichever way they are sent."""

import signal
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models import BinaryField
from django.db.transaction import TransactionManagementError

from accounts.models import User
from core.prepared import Given, Prepared
from core.statements import Statement, numbered
from tests import make, sessions

OFTEN = 8  # psycopg prepares at the sixth time
KINDS = "SELECT id, username, created_at, is_active, NULL, %s FROM accounts_user WHERE username = %s"
BY_NAME = Prepared(lambda: User.objects.filter(username=Given("name", User.username)))


def is_postgres() -> bool:
    assert connection.vendor in {"postgresql", "sqlite"}
    return connection.vendor == "postgresql"


def kept() -> set[bytes]:
    """Return the statements that the connection has prepared."""
    return {key[0] for key in connection.connection._prepared._names} if is_postgres() else set()


@pytest.mark.parametrize("planned", [True, False])
def test_rows_are_those_of_a_cursor(db, planned):
    make.user("ada")
    make.user("bob")
    statement = Statement(KINDS, planned=planned)
    for value in ("x", "ü 100% %s", "' OR 1=1 --"):
        with connection.cursor() as cursor:
            cursor.execute(KINDS, [value, "ada"])
            expected = [tuple(row) for row in cursor.fetchall()]
        assert len(expected) == 1
        for _ in range(OFTEN):
            assert statement.run([value, "ada"], connection) == (expected, expected_count(1))
    assert statement.run(["x", "nobody"], connection)[0] == []
    if is_postgres():
        assert (numbered(KINDS) in kept()) == planned


def expected_count(count: int) -> int:
    """Return what a cursor says of rows it found: SQLite does not count them."""
    return count if is_postgres() else -1


def test_numbers_of_every_size_and_nothing_meet_the_same_column(db):
    """psycopg tells PostgreSQL another type for each size, and a plan is for the types it was made with."""
    statement = Statement("SELECT count(*) FROM accounts_user WHERE id = %s OR id = %s")
    ada = make.user("ada")
    for number in (0, 40_000, 3_000_000_000, None):
        for _ in range(OFTEN):
            assert statement.run([ada.pk, number], connection)[0] == [(1,)]


def test_changes_are_counted_and_bytes_and_moments_come_back(db):
    make.user("ada")
    changed = Statement("UPDATE accounts_user SET created_at = %s, location = 'x' WHERE username = %s")
    with transaction.atomic():
        for day in range(1, OFTEN):
            moment = datetime(2026, 1, day, tzinfo=UTC)
            value = connection.ops.adapt_datetimefield_value(moment)
            assert changed.run([value, "ada"], connection) == ([], 1)
            assert User.objects.get(username="ada").created_at == moment
        assert changed.run([value, "nobody"], connection) == ([], 0)
    told = Statement("SELECT %s")
    for _ in range(OFTEN):
        [(found,)], _ = told.run([BinaryField().get_db_prep_value(b"\0\xff", connection)], connection)
        assert bytes(found) == b"\0\xff"


def test_what_is_refused_is_said_in_djangos_words_and_the_savepoint_holds(db):
    make.user("ada")
    bob = make.user("bob")
    taken = Statement("UPDATE accounts_user SET username = 'ada' WHERE id = %s")
    fine = Statement("UPDATE accounts_user SET location = %s WHERE id = %s")
    for number in range(OFTEN):
        assert fine.run([str(number), bob.pk], connection)[1] == 1
        with pytest.raises(IntegrityError), transaction.atomic():
            taken.run([bob.pk], connection)
    assert User.objects.get(pk=bob.pk).location == str(OFTEN - 1)
    with pytest.raises(DatabaseError), transaction.atomic():
        Statement("SELECT nothing FROM nowhere WHERE 1 = %s").run([1], connection)


def test_in_a_broken_transaction_nothing_is_asked(db):
    make.user("ada")
    for _ in range(OFTEN):
        assert BY_NAME.first(name="ada")
    with transaction.atomic():
        connection.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            BY_NAME.first(name="ada")
        connection.set_rollback(False)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_begins_with_it_and_ends_without_a_trace():
    ada = make.user("ada")
    moved = Statement("UPDATE accounts_user SET location = %s WHERE id = %s")
    for _ in range(OFTEN):
        moved.run(["here", ada.pk], connection)
    with transaction.atomic():
        assert moved.run(["there", ada.pk], connection)[1] == 1
        transaction.set_rollback(True)
    # A rollback drops what was prepared: it is prepared again.
    for _ in range(OFTEN):
        ada.refresh_from_db()
        assert ada.location == "here"
        assert moved.run(["here", ada.pk], connection)[1] == 1


def _hang_up() -> None:
    connection.ensure_connection()
    other = connection.copy()
    sessions.end(connection.connection.info.backend_pid, other)
    other.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("within", [nullcontext, transaction.atomic])
def test_a_server_that_hung_up_is_met_with_an_error_and_then_with_a_new_connection(within):
    if not is_postgres():
        return
    make.user("ada")
    for _ in range(OFTEN):
        assert BY_NAME.first(name="ada")
    _hang_up()
    with pytest.raises(OperationalError), within():
        BY_NAME.first(name="ada")
    connection.close_if_unusable_or_obsolete()
    with within():
        assert BY_NAME.first(name="ada")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("planned", [True, False])
def test_what_is_refused_as_the_first_of_a_transaction_leaves_a_connection_that_works(planned):
    ada, bob = make.user("ada"), make.user("bob")
    named = Statement("UPDATE accounts_user SET username = %s WHERE id = %s", planned=planned)
    for _ in range(OFTEN):
        named.run(["ada", ada.pk], connection)
    for _ in range(2):
        with pytest.raises(IntegrityError), transaction.atomic():
            named.run(["ada", bob.pk], connection)
        with transaction.atomic():
            assert named.run(["ada", ada.pk], connection) == ([], 1)
            assert [row.pk for row in BY_NAME(name="bob")] == [bob.pk]


class TooLong(Exception):
    """What a signal raises, in the middle of anything."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("planned", [True, False])
def test_what_is_interrupted_leaves_no_answer_for_the_next(planned):
    if not is_postgres():
        return
    slow = Statement("SELECT pg_sleep(%s), %s::int", planned=planned)
    for number in range(OFTEN):
        slow.run([0, number], connection)

    def interrupt(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with transaction.atomic():
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(TooLong):
                slow.run([1, 7], connection)
            assert connection.connection.closed
            transaction.set_rollback(True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with transaction.atomic():
        assert slow.run([0, 8], connection)[0][0][1] == 8


def test_other_threads_go_on_while_a_transaction_waits_for_its_first_answer(transactional_db):
    if not is_postgres():
        return
    slow = Statement("SELECT pg_sleep(%s)")
    for _ in range(OFTEN):
        slow.run([0.0], connection)
    counted, over = [0], threading.Event()

    def count() -> None:
        while not over.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with transaction.atomic():
            slow.run([0.5], connection)
    finally:
        over.set()
        thread.join()
    assert counted[0] > 20


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_takes_too_long_is_ended():
    if not is_postgres():
        return
    slow = Statement("SELECT pg_sleep(%s)")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 200")
    try:
        for _ in range(OFTEN):
            slow.run([0], connection)
        with pytest.raises(OperationalError):
            slow.run([30], connection)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def test_who_counts_statements_sees_each(db, django_assert_num_queries):
    make.user("ada")
    for _ in range(OFTEN):
        assert BY_NAME.first(name="ada")
    with django_assert_num_queries(3):
        for _ in range(3):
            assert BY_NAME.first(name="ada")


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("a = %s AND b = %s", b"a = $1 AND b = $2"),
        ("a LIKE '%%s' AND b = %s", b"a LIKE '%s' AND b = $1"),
        ("a %% 2 = 1", b"a % 2 = 1"),
        ("%s" * 11, b"$1$2$3$4$5$6$7$8$9$10$11"),
        ("nothing", b"nothing"),
    ],
)
def test_places_are_numbered(sql, sent):
    assert numbered(sql) == sent
