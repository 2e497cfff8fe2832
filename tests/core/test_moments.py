"""Times come out of PostgreSQL as Django would have read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import DataError, connection
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from psycopg.pq import Format

from core.moments import OID, MomentLoader, read_quickly
from core.prepared import Given, Prepared
from logs.models import LogEntry
from tests.logs import written

AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
TIMES = [
    AT,
    AT + timedelta(microseconds=1),
    AT + timedelta(microseconds=120_000),
    AT + timedelta(microseconds=999_999),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    AT.astimezone(timezone(timedelta(hours=5, minutes=45))),
]


def read_by_django(text):
    loader = get_adapters_template(True, UTC).get_loader(OID, Format.TEXT)
    return loader(OID, connection.connection).load(text.encode())


@pytest.fixture
def postgres(db):
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL tells times as text")
    connection.ensure_connection()


def test_this_one_reads_them(postgres):
    adapters = connection.connection.adapters
    assert adapters.get_loader(OID, Format.TEXT) is MomentLoader
    read_quickly(connection)
    assert adapters.get_loader(OID, Format.TEXT) is MomentLoader


@pytest.mark.parametrize("at", TIMES)
def test_times_are_read_as_before(postgres, at):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, %s::timestamptz::text", [at, at])
        told, text = cursor.fetchone()
    before = read_by_django(text)
    assert told == before == at
    assert told.tzinfo is before.tzinfo is UTC


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_a_session_in_another_zone_is_left_to_psycopg(postgres, zone):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL TIME ZONE '{zone}'")
        cursor.execute("SELECT %s::timestamptz", [AT])
        [told] = cursor.fetchone()
        cursor.execute("SELECT %s::timestamptz::text", [AT])
        [text] = cursor.fetchone()
        assert told == read_by_django(text)


@pytest.mark.parametrize(
    "text", ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "20000-01-01 00:00:00+00"]
)
def test_what_python_has_no_time_for_is_refused(postgres, text):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '{text}'::timestamptz")
        with pytest.raises(DataError):
            cursor.fetchone()


def test_models_and_prepared_queries_have_it(db):
    entry = written.entry(None, at=AT + timedelta(microseconds=7))
    entry.save()
    asked = Prepared(lambda: LogEntry.objects.filter(kind=Given("kind", LogEntry.kind)).values_list("at"))
    assert LogEntry.objects.get(pk=entry.pk).at == AT + timedelta(microseconds=7)
    assert asked(kind=entry.kind) == [(AT + timedelta(microseconds=7),)]
