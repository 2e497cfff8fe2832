"""Months that are old enough: in a file first, read back, then gone, with the sums right all the while."""

import gzip
import hashlib
import json
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from core.errors import Forbidden, Invalid
from logs import counts, partitions, retention, selectors, tasks
from logs.models import LogArchive, LogCount, LogEntry, LogExport
from tests import make
from tests.logs.written import START, entry, settle

is_postgresql = connection.vendor == "postgresql"
on_both = pytest.mark.django_db(
    transaction=True
)  # nothing is settled on PostgreSQL before a transaction ends
MONTH = (datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC))


class Hooked(FileSystemStorage):
    """Does what is asked before it takes a file, or spoils the file."""

    before = staticmethod(lambda: None)
    spoils = False

    def save(self, name, content, max_length=None):
        type(self).before()
        if self.spoils and name.endswith(".gz"):
            content.seek(0)
            whole = content.read()
            found = super().save(name, content, max_length)
            with self.open(found, "wb") as file:
                file.write(whole[:-9])
            return found
        return super().save(name, content, max_length)


@pytest.fixture
def hooked(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "exports": {"BACKEND": f"{__name__}.Hooked", "OPTIONS": {"location": tmp_path / "exports"}},
    }
    yield Hooked
    Hooked.before, Hooked.spoils = staticmethod(lambda: None), False


@pytest.fixture
def months(acme, settings):
    """Write entries of two old months and of now, more than one step drops."""
    settings.LOG_RETENTION_DAYS = 365
    old = [
        entry(acme if number % 2 else None, START + timedelta(minutes=number), metadata={"number": number})
        for number in range(900)
    ]
    old += [entry(acme, datetime(2025, 5, 31, 23, 59, 59, 999999, tzinfo=UTC))]
    LogEntry.objects.bulk_create(old)
    settle()
    tasks.roll_up()
    return old


def told(archive):
    with storages["exports"].open(archive.storage_name) as file:
        raw = file.read()
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (archive.size_bytes, archive.sha256)
    return [json.loads(line) for line in gzip.decompress(raw).splitlines()]


def assert_sums_are_right(namespace):
    settle()
    tasks.roll_up()
    for scope, rows in ((counts.INSTANCE, LogEntry.objects.all()), (namespace.pk, namespace_rows(namespace))):
        summed = LogCount.objects.filter(scope=scope)
        assert sum(summed.values_list("count", flat=True)) == rows.count()
        assert not summed.filter(day__lt=date(2026, 1, 1)).exists() or rows.filter(at__year=2025).exists()


def namespace_rows(namespace):
    return LogEntry.objects.filter(namespace=namespace)


@on_both
def test_old_months_move_to_the_archive(acme, months, superuser):
    recent = LogEntry.objects.filter(at__gte=timezone.now() - timedelta(days=1)).count()
    assert recent
    tasks.keep_up()
    march, may = LogArchive.objects.order_by("starts_at")
    assert (march.starts_at, march.ends_at) == MONTH
    assert (march.status, march.entries, may.entries) == ("done", 900, 1)
    lines = told(march)
    assert [line["metadata"]["number"] for line in lines] == list(range(900))
    assert lines[1]["namespace_name"] == "acme"
    assert lines[1]["at"] == "2025-03-01T00:01:00+00:00"
    assert set(lines[0]) == {field.attname for field in LogEntry._meta.fields} - {"xact"}
    with storages["exports"].open(march.storage_name.replace(".jsonl.gz", ".manifest.json")) as file:
        manifest = json.load(file)
    assert (manifest["entries"], manifest["sha256"]) == (900, march.sha256)
    assert not LogEntry.objects.filter(at__year=2025).exists()
    kept = LogEntry.objects.filter(kind="archive_log").order_by("pk")
    assert [one.metadata["month"] for one in kept] == ["2025-03", "2025-05"]
    assert LogEntry.objects.count() == recent + 2
    assert selectors.by_day(actor=superuser, ends_at=MONTH[1]) == []
    assert_sums_are_right(acme.namespace)
    tasks.keep_up()
    assert LogArchive.objects.count() == 2


@on_both
@pytest.mark.parametrize(("days", "kept"), [(0, True), (10_000, True), (365, False)])
def test_nothing_goes_that_is_to_be_kept(acme, months, settings, days, kept):
    settings.LOG_RETENTION_DAYS = days
    tasks.keep_up()
    assert LogEntry.objects.filter(at__year=2025).exists() is kept


@on_both
def test_a_month_goes_when_all_of_it_is_old(acme, settings):
    settings.LOG_RETENTION_DAYS = 30
    LogEntry.objects.bulk_create([entry(acme, START)])
    for now, there in (
        (MONTH[1] + timedelta(days=29, hours=23), True),
        (MONTH[1] + timedelta(days=31), False),
    ):
        with time_machine.travel(now, tick=False):
            tasks.keep_up()
        assert LogEntry.objects.filter(at=START).exists() is there


@on_both
def test_a_file_that_reads_back_otherwise_drops_nothing(acme, months, hooked):
    before = LogEntry.objects.count()
    hooked.spoils = True
    with pytest.raises((OSError, EOFError)):
        tasks.keep_up()
    assert LogEntry.objects.count() == before
    spoiled = LogArchive.objects.get()
    assert spoiled.status == "writing"
    # While its lease lasts nobody takes it; then it is begun anew, and the bad file goes.
    hooked.spoils = False
    tasks.keep_up()
    assert LogEntry.objects.count() == before
    LogArchive.objects.update(due_at=timezone.now())
    tasks.keep_up()
    done = LogArchive.objects.order_by("pk")[0]
    assert (done.pk, done.status, len(told(done))) == (spoiled.pk, "done", 900)
    assert not storages["exports"].exists(spoiled.storage_name)
    assert_sums_are_right(acme.namespace)


@on_both
def test_what_is_written_late_stays_until_it_is_in_a_file_too(acme, months, hooked):
    hooked.before = staticmethod(
        lambda: (
            None
            if LogEntry.objects.filter(kind="late").exists()
            else entry(acme, START + timedelta(days=2), kind="late").save()
        )
    )
    assert not LogEntry.objects.filter(kind="late").exists()
    retention.plan()
    (first,) = retention.due()
    assert retention.work(first)
    assert LogEntry.objects.filter(at__lt=MONTH[1]).get().kind == "late"
    assert_sums_are_right(acme.namespace)
    tasks.keep_up()
    again = LogArchive.objects.filter(starts_at=MONTH[0]).order_by("pk")[1]
    assert [line["kind"] for line in told(again)] == ["late"]
    assert_sums_are_right(acme.namespace)


@on_both
def test_who_comes_after_a_dead_worker_goes_on_dropping(acme, months):
    retention.plan()
    (first,) = retention.due()
    assert retention.work(first)
    done = LogArchive.objects.get(pk=first)
    # As if it had died after the file was there, before the last entries were dropped.
    left = entry(acme, START)
    left.save()
    settle()
    tasks.roll_up()
    place = LogEntry.objects.get(pk=left.pk)
    LogArchive.objects.update(status="dropping", due_at=timezone.now(), xact=place.xact, entry=place.pk)
    assert retention.work(first)
    assert not retention.work(first)
    assert not LogEntry.objects.filter(pk=left.pk).exists()
    assert LogArchive.objects.get(pk=first).sha256 == done.sha256
    assert_sums_are_right(acme.namespace)


@on_both
def test_nothing_more_is_dropped_once_the_file_is_gone(acme, months, hooked):
    """A dump that was restored without its files, or a storage that lost one, between file and dropping."""
    retention.plan()
    (first,) = retention.due()
    assert retention.work(first)
    done = LogArchive.objects.get(pk=first)
    left = entry(acme, START)
    left.save()
    settle()
    tasks.roll_up()
    place = LogEntry.objects.get(pk=left.pk)
    again = {"status": "dropping", "xact": place.xact, "entry": place.pk}
    with storages["exports"].open(done.storage_name, "rb") as file:
        whole = file.read()
    storages["exports"].delete(done.storage_name)
    for there in (None, whole[:-9], b""):
        if there is not None:
            with storages["exports"].open(done.storage_name, "wb") as file:
                file.write(there)
        LogArchive.objects.filter(pk=first).update(due_at=timezone.now(), **again)
        with pytest.raises((OSError, EOFError)):
            retention.work(first)
        assert LogEntry.objects.filter(pk=left.pk).exists()
    with storages["exports"].open(done.storage_name, "wb") as file:
        file.write(whole)
    LogArchive.objects.filter(pk=first).update(due_at=timezone.now())
    assert retention.work(first)
    assert not LogEntry.objects.filter(pk=left.pk).exists()


@on_both
@pytest.mark.parametrize("of_instance", [True, False])
def test_a_month_waits_for_the_exports_that_read_of_it_but_not_for_ever(acme, months, of_instance):
    export = LogExport.objects.create(
        namespace=None if of_instance else acme.namespace,
        starts_at=MONTH[0] - timedelta(days=40),
        ends_at=MONTH[0] + timedelta(days=1),
    )
    before = LogEntry.objects.filter(at__range=MONTH).count()
    tasks.keep_up()
    assert LogEntry.objects.filter(at__range=MONTH).count() == before > 0
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=2)):
        tasks.keep_up()
        assert not LogEntry.objects.filter(at__range=MONTH).exists()
    assert LogExport.objects.get().pk == export.pk


@on_both
@pytest.mark.parametrize("days", [0, 10_000])
def test_what_is_to_be_kept_after_all_is_kept_though_its_turn_was_near(acme, months, settings, hooked, days):
    """The storage was away for long, and meanwhile an operator thought better of it."""
    before = LogEntry.objects.count()
    hooked.spoils = True
    with pytest.raises((OSError, EOFError)):
        tasks.keep_up()
    spoiled = LogArchive.objects.get()
    hooked.spoils, settings.LOG_RETENTION_DAYS = False, days
    LogArchive.objects.update(due_at=timezone.now())
    tasks.keep_up()
    assert LogEntry.objects.count() == before
    assert not LogArchive.objects.exists()
    assert not storages["exports"].exists(spoiled.storage_name)


@on_both
def test_an_organization_that_keeps_more_after_all_loses_nothing(acme, owner, months, settings):
    settings.LOG_RETENTION_DAYS = 0
    accounts.change_organization(actor=owner, organization=acme, changes={"log_retention_days": 60})
    retention.plan()
    (first,) = retention.due()
    accounts.change_organization(actor=owner, organization=acme, changes={"log_retention_days": None})
    assert not retention.work(first)
    assert LogEntry.objects.filter(at__year=2025, namespace=acme.namespace).count() == 451
    assert not LogArchive.objects.exists()


@on_both
@pytest.mark.parametrize("instance", [0, 10_000])
def test_an_organization_keeps_its_own_log_for_less_long(acme, owner, months, settings, instance):
    settings.LOG_RETENTION_DAYS = instance
    others = LogEntry.objects.filter(at__year=2025, namespace=None).count()
    assert others
    accounts.change_organization(actor=owner, organization=acme, changes={"log_retention_days": 60})
    tasks.keep_up()
    march, may = LogArchive.objects.order_by("starts_at")
    assert (march.scope, march.namespace_name, march.entries) == (acme.namespace.pk, "acme", 450)
    assert {line["namespace_name"] for line in told(march)} == {"acme"}
    old = LogEntry.objects.filter(at__year=2025)
    assert (old.count(), old.filter(namespace=acme.namespace).count()) == (others, 0)
    entries = namespace_rows(acme.namespace).filter(kind="archive_log")
    assert [one.metadata["entries"] for one in entries.order_by("pk")] == [450, may.entries]
    assert_sums_are_right(acme.namespace)


@pytest.mark.django_db
def test_who_may_say_how_long(acme, owner):
    for actor, days, error in (
        (make.actor(make.user("bo")), 60, Forbidden),
        (owner, 29, Invalid),
        (owner, 3651, Invalid),
    ):
        with pytest.raises(error):
            accounts.change_organization(actor=actor, organization=acme, changes={"log_retention_days": days})
    accounts.change_organization(actor=owner, organization=acme, changes={"log_retention_days": 60})
    changed = LogEntry.objects.filter(kind="org_change_profile").get()
    assert changed.metadata["log_retention_days"] == 60


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one table")
@on_both
def test_a_whole_partition_is_dropped_at_once(acme, settings):
    settings.LOG_RETENTION_DAYS = 365
    found = partitions.partitions()[2]
    assert found.starts_at is not None
    inside = found.starts_at + timedelta(days=3)
    LogEntry.objects.bulk_create(
        [entry(acme, inside), entry(None, inside), entry(acme, found.ends_at - timedelta(seconds=1))]
    )
    try:
        with time_machine.travel(found.ends_at + timedelta(days=366), tick=False):
            LogEntry.objects.filter(at__lt=found.starts_at).delete()
            LogArchive.objects.all().delete()
            LogCount.objects.all().delete()
            retention.plan()
            (first,) = retention.due()
            assert retention.work(first)
        assert found.name not in {one.name for one in partitions.partitions()}
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [found.name])
            assert cursor.fetchone() == (None,)
        assert len(told(LogArchive.objects.get(pk=first))) == 3
        assert not LogCount.objects.filter(day__gte=found.starts_at, day__lt=found.ends_at).exists()
    finally:
        partitions.make_ahead(found.starts_at.date())
    assert found in partitions.partitions()


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one table")
@pytest.mark.django_db
def test_partitions_are_made_ahead():
    last = partitions.partitions()[-1].ends_at.date()
    made = partitions.make_ahead(last)
    assert made[0] == f"logs_logentry_{last:%Y_%m}"
    assert len(made) == 4
    assert partitions.make_ahead(last) == []
    at = partitions.midnight(last) + timedelta(days=5)
    row = entry(None, at)
    row.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM logs_logentry WHERE id = %s", [row.pk])
        assert cursor.fetchone()[0] == made[0]


@pytest.mark.skipif(not is_postgresql, reason="SQLite has one table")
@pytest.mark.django_db
def test_a_month_whose_entries_came_before_it_is_left_to_the_rest():
    last = partitions.partitions()[-1].ends_at.date()
    entry(None, partitions.midnight(last)).save()
    made = partitions.make_ahead(last)
    assert len(made) == 3
    assert LogEntry.objects.filter(at=partitions.midnight(last)).exists()
