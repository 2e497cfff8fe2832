"""Rows that a compiled INSERT writes are those that Django would have written."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Value

from accounts.models import Namespace, Organization, Team
from core.inserting import FEW, write, write_all, write_many
from logs.chain.sealing import SEAL
from logs.models import LogEntry, LogSeal
from tests import make

pytestmark = pytest.mark.django_db


def columns(row, *but):
    fields = [field for field in row._meta.concrete_fields if field.name not in ("id", *but)]
    return {field.attname: getattr(row, field.attname) for field in fields}


def entry(**told):
    at = datetime.datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=datetime.UTC)
    return LogEntry(kind="create_repo", at=at, **told)


METADATA = [
    {},
    {"repo": "web", "n": 2**62, "ratio": 0.1, "yes": True, "nothing": None},
    {"odd": "100 % 'quoted' \"twice\" %s $1 \\ \n ü 🙂", "deep": [{"a": [1, 2]}]},
]


@pytest.mark.parametrize("metadata", METADATA)
def test_an_entry_is_what_django_writes(metadata):
    acme = make.organization("acme")
    told = {
        "namespace": acme.namespace, "namespace_name": "acme", "performer_name": "' OR 1=1 --",
        "ip": "2001:db8::1", "metadata": metadata,
    }  # fmt: skip
    mine, theirs = entry(**told), entry(**told)
    write(mine)
    theirs.save(force_insert=True)
    assert mine.pk != theirs.pk
    assert not mine._state.adding
    assert mine._state.db == theirs._state.db
    assert columns(mine, "xact") == columns(theirs, "xact")
    # What the database itself puts in comes back.
    assert type(mine.xact) is type(theirs.xact)
    read = LogEntry.objects.get(pk=mine.pk)
    assert columns(read) == columns(LogEntry.objects.get(pk=theirs.pk)) | {"xact": read.xact}
    assert read.metadata == metadata


def test_every_entry_is_one_statement(django_assert_num_queries):
    write(entry())
    with django_assert_num_queries(1):
        write(entry())


@pytest.mark.parametrize("count", range(FEW + 3))
def test_so_many_are_one_statement_and_each_has_its_own_key(count, django_assert_num_queries):
    acme = make.organization("acme")
    rows = [Team(organization=acme, slug=f"t{n}", name=f"Team {n}", role="member") for n in range(count)]
    with django_assert_num_queries(min(count, 1)):
        write_all(rows)
    found = {team.pk: columns(team) for team in Team.objects.filter(slug__startswith="t")}
    assert found == {team.pk: columns(team) for team in rows}
    assert not any(team._state.adding for team in rows)


def test_of_rows_that_differ_in_what_the_database_fills_in_each_has_its_own():
    entries = [entry(), LogEntry(kind="delete_repo")]
    write_all(entries)
    assert LogEntry.objects.get(pk=entries[0].pk).at == entries[0].at
    assert LogEntry.objects.get(pk=entries[1].pk).at > entries[0].at


def test_of_rows_of_which_one_is_refused_none_is_written():
    acme = make.organization("acme")
    rows = [Team(organization=acme, slug=slug, name=slug, role="member") for slug in ("ops", "web", "ops")]
    with pytest.raises(IntegrityError), transaction.atomic():
        write_all(rows)
    assert not acme.teams.filter(slug__in=("ops", "web")).exists()


def test_what_is_written_can_be_saved_again():
    acme = make.organization("acme")
    team = Team(organization=acme, slug="ops", name="Ops", role="member")
    write(team)
    team.name = "Operations"
    team.save()
    assert Team.objects.get(slug="ops").name == "Operations"


def test_a_key_of_ones_own_is_kept():
    acme = make.organization("acme")
    write(Team(id=987_654, organization=acme, slug="ops", name="Ops", role="member"))
    assert Team.objects.get(slug="ops").pk == 987_654


def test_an_expression_is_left_to_django():
    acme = make.organization("acme")
    write(Team(organization=acme, slug="ops", name=Value("Ops"), role="member"))
    assert Team.objects.get(slug="ops").name == "Ops"


def test_a_broken_constraint_raises():
    acme = make.organization("acme")
    write(Team(organization=acme, slug="ops", name="Ops", role="member"))
    with pytest.raises(IntegrityError), transaction.atomic():
        write(Team(organization=acme, slug="ops", name="Others", role="member"))
    assert Team.objects.filter(slug="ops").count() == 1


def test_what_is_not_saved_cannot_be_referred_to():
    with pytest.raises(ValueError, match="unsaved related object"):
        write(Team(organization=Organization(slug="nowhere"), slug="ops", name="Ops", role="member"))
    assert not Team.objects.filter(slug="ops").exists()


def test_the_key_of_what_was_saved_meanwhile_is_taken():
    namespace = Namespace(kind="organization", key="late", name="late")
    made = entry(namespace=namespace)
    namespace.save()
    write(made)
    assert LogEntry.objects.get(pk=made.pk).namespace_id == namespace.pk


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_postgres_plans_it_once():
    for _ in range(12):
        write(entry())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO \"logs_%'"
        )
        assert cursor.fetchone()[0] == 1


def seals(first, count):
    at = datetime.datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=datetime.UTC)
    return [
        (number, 7, number, at, bytes([0, 9, 10, 92, 255]) * 6, b"\\x" + bytes([number % 256]) * 30, b"")
        for number in range(first, first + count)
    ]


def test_many_rows_are_what_was_given():
    write_many(LogSeal, SEAL, seals(1, 500))
    assert list(LogSeal.objects.order_by("entry").values_list(*SEAL)) == seals(1, 500)


def test_of_many_rows_none_is_written_where_a_key_is_taken():
    write_many(LogSeal, SEAL, seals(3, 1))
    with pytest.raises(IntegrityError), transaction.atomic():
        write_many(LogSeal, SEAL, seals(1, 10))
    assert LogSeal.objects.count() == 1
