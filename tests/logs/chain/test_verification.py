"""Whatever is done to the log by SQL is found, and where; what the product itself does is no finding."""

import gzip
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from logs import partitions, retention, tasks
from logs.chain import archived, content, sealing, verification
from logs.chain.findings import Sort
from logs.chain.verification import Verification
from logs.models import LogArchive, LogChain, LogEntry, LogSeal, LogSealMark
from tests import make
from tests.logs.following import own_connection
from tests.logs.written import START, entry, settle

is_postgresql = connection.vendor == "postgresql"
# Nothing is settled on PostgreSQL before a transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)


def verify(scopes=None, since=None):
    """Return what is found, as (sort, scope, position, entry)."""
    return [(one.sort, one.scope, one.position, one.entry) for one in Verification(scopes, since).run()]


@pytest.fixture
def other():
    return make.organization("other", owner=make.user("another"))


@pytest.fixture
def sealed(acme, other):
    """Write and seal entries of three chains, in turn; return those of the first."""
    LogEntry.objects.all().delete()
    LogEntry.objects.bulk_create(
        [
            entry((acme, other, None)[number % 3], START + timedelta(minutes=number), metadata={"n": number})
            for number in range(60)
        ]
    )
    settle()
    tasks.seal()
    return list(LogEntry.objects.filter(namespace=acme.namespace).order_by("pk"))


def rows(pk):
    return LogEntry.objects.filter(pk=pk)


def test_each_namespace_has_its_chain(sealed, acme, other):
    heads = {one.scope: one.position for one in LogChain.objects.all()}
    assert heads == {acme.namespace.pk: 20, other.namespace.pk: 20, sealing.NOWHERE: 20}
    assert verify() == []
    found = Verification()
    list(found.run())
    assert (found.seals, found.chains, found.erased, found.archived) == (60, 3, 0, 0)
    assert sealing.unsealed() == 0


def test_it_goes_on_where_it_was_and_each_is_sealed_once(acme):
    for _ in range(3):
        LogEntry.objects.bulk_create([entry(acme) for _ in range(7)])
        settle()
        while sealing.seal_some(limit=3):
            pass
        assert sealing.unsealed() == 0
        assert LogSeal.objects.count() == LogEntry.objects.count()
    assert verify() == []


CHANGES = {
    "kind": "delete_robot",
    "at": START + timedelta(seconds=1),
    "namespace_name": "someone",
    "namespace_kind": "user",
    "project_id": 7,
    "project_name": "another",
    "performer_id": 7,
    "performer_name": "mallory",
    "performer_kind": "robot",
    "performer_email": "m@example.test",
    "credential_id": 7,
    "credential_name": "token",
    "dialect": "quay",
    "ip": None,
    "metadata": {"n": 1},
}


@pytest.mark.parametrize("column", [*CHANGES, "namespace_id"])
def test_an_altered_entry(sealed, acme, other, column):
    rows(sealed[7].pk).update(**{column: {**CHANGES, "namespace_id": other.namespace.pk}[column]})
    assert verify() == [(Sort.ALTERED, acme.namespace.pk, 8, sealed[7].pk)]


def test_every_column_is_sealed():
    assert set(content.COLUMNS) == {field.attname for field in LogEntry._meta.fields} - {"xact"}
    assert {*CHANGES, "namespace_id", "id"} == set(content.COLUMNS)


def test_removed_inside_and_cut_off_at_the_end(sealed, acme, other):
    rows(sealed[3].pk).delete()
    LogEntry.objects.filter(pk__in=[sealed[8].pk, sealed[9].pk]).delete()
    found = list(Verification().run())
    assert [(one.sort, one.where, one.entry) for one in found] == [
        (Sort.REMOVED, "4", sealed[3].pk),
        (Sort.REMOVED, "9-10", sealed[8].pk),
    ]
    LogEntry.objects.filter(pk__in=[one.pk for one in sealed[17:]]).delete()
    last = list(Verification([acme.namespace.pk]).run())[-1]
    assert (last.sort, last.where, last.entry) == (Sort.CUT_OFF, "18-20", sealed[17].pk)
    assert verify([other.namespace.pk]) == []
    LogEntry.objects.filter(namespace=other.namespace).delete()
    (whole,) = Verification([other.namespace.pk]).run()
    assert (whole.sort, whole.where) == (Sort.CUT_OFF, "1-20")


def test_all_removed_with_their_seals(sealed, acme):
    gone = [one.pk for one in sealed[5:7]]
    LogEntry.objects.filter(pk__in=gone).delete()
    LogSeal.objects.filter(pk__in=gone).delete()
    assert verify() == [(Sort.SEAL, acme.namespace.pk, 6, None)]
    end = [one.pk for one in sealed[15:]]
    LogEntry.objects.filter(pk__in=end).delete()
    LogSeal.objects.filter(pk__in=end).delete()
    assert verify()[1:] == [(Sort.CUT_OFF, acme.namespace.pk, 16, None)]


def test_swapped_entries(sealed, acme, other):
    first, second = sealed[4], LogEntry.objects.filter(namespace=other.namespace).order_by("pk")[9]
    # Their numbers are exchanged, by way of one that nobody has.
    for old, new in ((first.pk, 10**9), (second.pk, first.pk), (10**9, second.pk)):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE logs_logentry SET id = %s WHERE id = %s", [new, old])
    assert sorted(verify()) == sorted(
        [
            (Sort.SWAPPED, acme.namespace.pk, 5, first.pk),
            (Sort.SWAPPED, other.namespace.pk, 10, second.pk),
        ]
    )


def test_inserted_before_the_mark(sealed, acme):
    mark = LogSealMark.objects.get()
    made = entry(acme, START)
    made.pk = sealed[0].pk - 1
    assert not rows(made.pk).exists()
    made.save(force_insert=True)
    if is_postgresql:
        rows(made.pk).update(xact=mark.xact)
    settle()
    tasks.seal()
    assert (Sort.INSERTED, acme.namespace.pk, None, made.pk) in verify()
    assert len(verify()) == 1
    assert verify([acme.namespace.pk]) == verify()


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ({"hash": b"x" * 32}, 8),
        ({"leaf": b"x" * 32}, 8),
        ({"hash": b""}, 8),
    ],
)
def test_an_edited_seal(sealed, acme, change, position):
    LogSeal.objects.filter(pk=sealed[7].pk).update(**change)
    assert verify() == [(Sort.SEAL, acme.namespace.pk, position, sealed[7].pk)]


@pytest.mark.parametrize("blinds", [b"", b"x" * 16, b"k" * 132, b"d" * 132, b"d" * 7])
def test_edited_blinds_show_as_an_altered_entry(sealed, acme, blinds):
    LogSeal.objects.filter(pk=sealed[7].pk).update(blinds=blinds)
    assert verify() == [(Sort.ALTERED, acme.namespace.pk, 8, sealed[7].pk)]


def test_an_entry_that_is_altered_together_with_its_seal(sealed, acme):
    rows(sealed[7].pk).update(kind="delete_robot")
    seal = LogSeal.objects.get(pk=sealed[7].pk)
    found = content.leaf(rows(sealed[7].pk).values_list(*content.COLUMNS)[0], bytes(seal.blinds))
    LogSeal.objects.filter(pk=seal.pk).update(leaf=found)
    assert verify() == [(Sort.SEAL, acme.namespace.pk, 8, sealed[7].pk)]
    before = bytes(LogSeal.objects.get(pk=sealed[6].pk).hash)
    LogSeal.objects.filter(pk=seal.pk).update(hash=content.link(before, seal.scope, 8, seal.pk, found))
    assert verify() == [(Sort.SEAL, acme.namespace.pk, 9, sealed[8].pk)]


def test_edited_heads(sealed, acme, other):
    LogChain.objects.filter(scope=acme.namespace.pk).update(hash=b"x" * 32)
    LogChain.objects.filter(scope=other.namespace.pk).delete()
    assert sorted(verify()) == sorted(
        [(Sort.SEAL, acme.namespace.pk, 20, None), (Sort.SEAL, other.namespace.pk, None, None)]
    )


def test_since_a_day(sealed, acme):
    rows(sealed[2].pk).update(kind="delete_robot")
    later = sealed[10].at
    assert verify(since=later) == []
    assert verify(since=START - timedelta(days=1)) == [(Sort.ALTERED, acme.namespace.pk, 3, sealed[2].pk)]
    assert verify(since=timezone.now() + timedelta(days=1)) == []


# What the product does -----------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True])
def test_archived_months_are_no_finding(sealed, acme, owner, settings, own):
    if own:
        acme.log_retention_days = 60
        acme.save()
    else:
        settings.LOG_RETENTION_DAYS = 365
    tasks.keep_up()
    assert LogArchive.objects.filter(status="done").count() == 1
    assert not LogEntry.objects.filter(namespace=acme.namespace, at__year=2025).exists()
    tasks.seal()
    assert verify() == []
    found = Verification()
    list(found.run())
    assert found.archived == (20 if own else 60)
    # What is written from now on goes on in the same chains.
    entry(acme, timezone.now()).save()
    settle()
    tasks.seal()
    assert verify() == []


def test_an_archived_file_is_held_against_the_seals(sealed, acme, settings):
    settings.LOG_RETENTION_DAYS = 365
    tasks.keep_up()
    archive = LogArchive.objects.get()
    name = archive.storage_name
    with storages["exports"].open(name, "rb") as file:
        lines = gzip.decompress(file.read()).splitlines(keepends=True)
    lines[9] = lines[9].replace(b"owner", b"ghost")
    del lines[12]
    with storages["exports"].open(name, "wb") as file:
        file.write(gzip.compress(b"".join(lines)))
    tasks.seal()
    found = verify()
    assert (Sort.ARCHIVE, 0, None, None) in found
    assert (Sort.ALTERED, acme.namespace.pk, 4, sealed[3].pk) in found
    assert (Sort.REMOVED, acme.namespace.pk, 5, sealed[4].pk) in found
    assert len(found) == 3
    storages["exports"].delete(name)
    first, *rest = Verification([acme.namespace.pk]).run()
    assert (first.sort, first.where) == (Sort.ARCHIVE, "-")
    assert {one.sort for one in rest} <= {Sort.REMOVED, Sort.CUT_OFF}


NO_ENTRIES = [
    *(b"[]", b"null", b"7", b"{}", b'{"id": "x"}', b'{"id": true}', b'{"id": 9223372036854775808}'),
    *(b'{"id": -1}', b'{"id": 1, "namespace_id": [1]}', b'{"id": 1, "namespace_id": {"x": 1}}'),
]


@pytest.mark.parametrize("line", NO_ENTRIES)
def test_a_line_of_a_file_that_is_no_entry_is_told_and_what_follows_is_missing(sealed, acme, settings, line):
    settings.LOG_RETENTION_DAYS = 365
    tasks.keep_up()
    name = LogArchive.objects.get().storage_name
    with storages["exports"].open(name, "wb") as file:
        file.write(gzip.compress(line + b"\n"))
    tasks.seal()
    for scopes in (None, [acme.namespace.pk]):
        first, second, *rest = Verification(scopes).run()
        assert (first.sort, second.sort) == (Sort.ARCHIVE, Sort.ARCHIVE)
        assert second.words == f"{name} cannot be read: ValueError"
        assert {one.sort for one in rest} <= {Sort.REMOVED, Sort.CUT_OFF}
        assert rest


class Enough(Exception):
    pass


def stopped_after(calls):
    """Return a verification that ends when it has asked so often whether it may go on."""
    left = iter(range(calls))

    def heard():
        if next(left, None) is None:
            raise Enough

    return Verification(heard=heard)


def test_it_asks_whether_to_go_on_whatever_it_reads(sealed, acme, settings, monkeypatch):
    settings.LOG_RETENTION_DAYS = 365
    tasks.keep_up()
    tasks.seal()
    tasks.checkpoint()
    monkeypatch.setattr(archived, "KEYS_MAX", 20)
    monkeypatch.setattr(archived, "PIECE", 512)
    monkeypatch.setattr(verification, "SPAN", 10)
    size = storages["exports"].size(LogArchive.objects.get().storage_name)
    first = stopped_after(1)
    with pytest.raises(Enough):
        list(first.run())
    assert (first._files.told, len(first._files._numbers)) == (0, 0)  # in the midst of the file's digest
    pieces = -(-size // 512)
    second = stopped_after(pieces + 1)
    with pytest.raises(Enough):
        list(second.run())
    assert (len(second._files._numbers), second.seals) == (20, 0)  # in the midst of its entries
    calls = count()
    whole = Verification(heard=lambda: next(calls))
    assert list(whole.run()) == []
    assert whole.archived == 60
    last = stopped_after(next(calls) - 1)
    with pytest.raises(Enough):
        list(last.run())
    assert (last.seals, last.checkpoints.count) == (whole.seals, whole.checkpoints.count)


def test_a_file_from_before_sealing_is_named(acme, settings):
    settings.LOG_RETENTION_DAYS = 365
    LogEntry.objects.bulk_create([entry(acme, START + timedelta(minutes=n)) for n in range(5)])
    settle()
    tasks.keep_up()
    LogSeal.objects.all().delete()
    LogChain.objects.all().delete()
    LogSealMark.objects.all().delete()
    tasks.seal()
    found = Verification()
    assert list(found.run()) == []
    assert found.unsealed_files == [LogArchive.objects.get().storage_name]


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one table")
def test_a_dropped_partition_is_a_finding_but_not_one_that_was_archived(acme):
    found = partitions.partitions()[2]
    assert found.starts_at is not None
    inside = found.starts_at + timedelta(days=3)
    LogEntry.objects.bulk_create([entry(acme, inside), entry(acme, inside), entry(acme, START)])
    settle()
    tasks.seal()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE logs_logentry DETACH PARTITION {found.name}")
            cursor.execute(f"DROP TABLE {found.name}")
        (gone,) = Verification([acme.namespace.pk]).run()
        assert (gone.sort, gone.words[:9]) == (Sort.REMOVED, "2 entries")
    finally:
        partitions.make_ahead(found.starts_at.date())


def test_what_is_not_sealed_is_not_dropped(acme, settings):
    settings.LOG_RETENTION_DAYS = 365
    LogEntry.objects.bulk_create([entry(acme, START) for _ in range(5)])
    settle()
    retention.plan()
    (first,) = retention.due()
    assert retention.work(first)
    assert LogSeal.objects.filter(at=START).count() == 5
    assert verify() == []


def test_of_two_that_seal_at_once_one_comes_first(acme, monkeypatch):
    LogEntry.objects.bulk_create([entry(acme) for _ in range(9)])
    settle()
    whole = sealing._chained

    def late(entries):
        if not LogSeal.objects.exists():
            monkeypatch.setattr(sealing, "_chained", whole)
            assert not sealing.seal_some()
        return whole(entries)

    monkeypatch.setattr(sealing, "_chained", late)
    assert sealing.seal_some()
    assert not sealing.seal_some()
    assert LogSeal.objects.count() == LogEntry.objects.count()
    assert verify() == []


def test_nothing_is_skipped_while_writers_commit_late_and_others_verify(acme):
    """Writers pause before they commit, two workers seal, one verifies all the while."""
    writers, turns, pause = (8, 6, 0.3) if is_postgresql else (4, 5, 0.01)
    over = threading.Event()

    def write(number):
        chance = random.Random(number)
        with own_connection():
            for _ in range(turns):
                with transaction.atomic():
                    LogEntry.objects.bulk_create([entry(acme) for _ in range(5)])
                    over.wait(chance.uniform(0, pause))
                    LogEntry.objects.bulk_create([entry(None) for _ in range(5)])
                    if chance.random() < 1 / 6:
                        transaction.set_rollback(True)

    def keep_on(work):
        with own_connection():
            while not over.is_set():
                work()
                over.wait(0.02)

    def look():
        assert verify() == []

    with ThreadPoolExecutor(writers + 3) as pool:
        others = [pool.submit(keep_on, work) for work in (lambda: sealing.seal_some(7),) * 2 + (look,)]
        writing = [pool.submit(write, number) for number in range(writers)]
        try:
            for one in writing:
                one.result()
        finally:
            over.set()
        for one in others:
            one.result()
    settle()
    tasks.seal()
    assert LogSeal.objects.count() == LogEntry.objects.count() > writers * turns * 5
    assert verify() == []


# The command ---------------------------------------------------------------------------------------------


def told(*arguments):
    out = StringIO()
    try:
        call_command("verify_log", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command(sealed, acme):
    code, text = told()
    assert code == 0
    assert "60 entries in 3 chains" in text
    assert text.endswith("Nothing was changed.\n")
    rows(sealed[7].pk).update(kind="delete_robot")
    code, text = told("--since", "2025-03-01")
    assert code == 1
    assert f"ALTERED    acme  position 8  entry {sealed[7].pk}" in text
    assert "Findings: 1 altered." in text
    assert told("--organization", "other")[0] == 0
    assert told("--organization", "acme")[0] == 1
    assert told("--since", "2025-03-02")[0] == 0
    for wrong in (["--since", "yesterday"], ["--organization", "nobody"]):
        with pytest.raises(CommandError):
            told(*wrong)


def test_numbers_and_text_are_hashed_alike_wherever_they_come_from():
    at = datetime(2025, 3, 1, 12, 30, 0, 250, tzinfo=UTC)
    row = (
        1,
        at,
        "k",
        None,
        "",
        "",
        None,
        "",
        None,
        "",
        "",
        "",
        None,
        "",
        "",
        None,
        {"b": 1, "a": [1.5, "é"]},
    )
    from_file = (1, "2025-03-01T12:30:00.000250+00:00", *row[2:-1], {"a": [1.5, "é"], "b": 1})
    assert content.leaf(row, b"s" * 16) == content.leaf(from_file, b"s" * 16)
    assert content.leaf(row, b"s" * 16) != content.leaf(row, b"t" * 16)
    odd = (*row[:-1], {"n": 10**40})
    assert content.leaf(odd, b"s" * 16) == content.leaf(odd, b"s" * 16)
