"""What may come between an old month and its archive: slow storages, lost files, exports, stops."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection, transaction
from django.utils import timezone

from core.errors import Conflict, Forbidden
from jobs import guard
from logs import partitions, retention, services, tasks
from logs.models import LogArchive, LogEntry, LogExport
from tests import make
from tests.logs.written import START, entry, settle

pytestmark = pytest.mark.django_db(transaction=True)
MONTH = (datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC))


class Slow(FileSystemStorage):
    """Does what is asked while it takes a file."""

    meanwhile = staticmethod(lambda: None)

    def save(self, name, content, max_length=None):
        type(self).meanwhile()
        return super().save(name, content, max_length)


@pytest.fixture
def slow(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "exports": {"BACKEND": f"{__name__}.Slow", "OPTIONS": {"location": tmp_path / "exports"}},
    }
    yield Slow
    Slow.meanwhile = staticmethod(lambda: None)


@pytest.fixture
def march(acme, settings):
    """Write entries of an old month, and plan what is to become of it."""
    settings.LOG_RETENTION_DAYS = 365
    LogEntry.objects.bulk_create([entry(acme, START + timedelta(minutes=number)) for number in range(900)])
    settle()
    tasks.roll_up()
    retention.plan()
    (first,) = retention.due()
    return LogArchive.objects.get(pk=first)


def of_march():
    return LogEntry.objects.filter(at__range=MONTH).count()


def ask(owner, acme):
    return services.request_export(
        actor=owner, namespace=acme.namespace, starts_at=MONTH[0], ends_at=MONTH[1]
    )


def test_a_storage_that_is_slower_than_the_lease_does_not_lose_it(march, slow, monkeypatch):
    monkeypatch.setattr(retention, "LEASE", timedelta(seconds=0.9))
    seen = []

    def wait():
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            seen.append(retention.due())
            time.sleep(0.1)

    slow.meanwhile = staticmethod(wait)
    assert retention.work(march.pk)
    assert len(seen) > 5
    assert not any(seen), "nobody else may take it"
    assert of_march() == 0


def test_who_is_stuck_for_too_long_loses_it(march, slow, monkeypatch):
    monkeypatch.setattr(retention, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(retention, "LONGEST", timedelta(seconds=0.1))

    def wait():
        time.sleep(1.2)
        slow.meanwhile = staticmethod(lambda: None)
        assert retention.due() == [march.pk]
        assert retention.work(march.pk)

    slow.meanwhile = staticmethod(wait)
    assert not retention.work(march.pk)
    assert LogArchive.objects.get().status == "done"


def test_a_file_that_is_gone_is_told_and_tried_ever_later(march, owner, acme, superuser, client):
    name = "archive/instance-2025-03-lost.jsonl.gz"
    last = LogEntry.objects.latest("pk")
    LogArchive.objects.filter(pk=march.pk).update(
        status="dropping", storage_name=name, xact=last.xact, entry=last.pk, entries=900, sha256="0" * 64
    )
    for failures, pause in ((1, 5), (2, 10), (3, 20), (12, 24 * 60)):
        LogArchive.objects.update(due_at=timezone.now(), failures=failures - 1)
        with pytest.raises(OSError, match="lost"):
            tasks.keep_up()
        stuck = LogArchive.objects.get()
        assert (stuck.status, stuck.failures) == ("dropping", failures)
        assert stuck.error.startswith("FileNotFoundError: ")
        assert stuck.due_at is not None
        wait = stuck.due_at - timezone.now()
        assert timedelta(minutes=pause, seconds=-30) < wait <= timedelta(minutes=pause)
    tasks.keep_up()  # not before its pause is over
    assert of_march() == 900

    client.force_login(superuser.user)
    assert "Archives stuck" in client.get("/admin/").content.decode()
    shown = client.get("/admin/logs/logarchive/?work=stuck").content.decode()
    assert "FileNotFoundError" in shown

    with pytest.raises(Forbidden):
        services.retry_archive(actor=owner, archive=stuck)
    services.retry_archive(actor=superuser, archive=stuck)
    assert LogEntry.objects.get(kind="retry_archive").metadata == {"month": "2025-03", "file": name}
    assert retention.due() == [march.pk]
    LogArchive.objects.update(failures=0)
    with pytest.raises(Conflict):
        services.retry_archive(actor=superuser, archive=stuck)


def test_one_log_that_is_stuck_keeps_no_other_from_its_turn(march, acme, superuser, settings, slow):
    """And what went well after all is stuck no more."""
    settings.LOG_RETENTION_DAYS = 365
    other = make.organization("other")
    LogEntry.objects.bulk_create([entry(other, START)])
    settle()
    tasks.roll_up()
    other.log_retention_days = 60
    other.save()
    retention.plan()

    def fail():
        if (
            LogArchive.objects.get(pk=march.pk).claim
            and not LogArchive.objects.exclude(pk=march.pk).get().claim
        ):
            raise PermissionError("the bucket is closed")

    slow.meanwhile = staticmethod(fail)
    with pytest.raises(PermissionError):
        tasks.keep_up()
    assert LogArchive.objects.get(pk=march.pk).failures == 1
    assert LogArchive.objects.exclude(pk=march.pk).get().status == "done"
    slow.meanwhile = staticmethod(lambda: None)
    LogArchive.objects.filter(pk=march.pk).update(due_at=timezone.now())
    tasks.keep_up()
    done = LogArchive.objects.get(pk=march.pk)
    assert (done.status, done.failures, done.error) == ("done", 0, "")


def test_an_export_asked_for_while_the_file_is_written_has_all_entries(march, owner, acme, slow):
    exports: list[LogExport] = []

    def request():
        if not exports:
            exports.append(ask(owner, acme))

    slow.meanwhile = staticmethod(request)
    assert not retention.work(march.pk)
    assert of_march() == 900
    assert LogArchive.objects.get().status == "dropping"
    tasks.build_export(exports[0].pk)
    export = LogExport.objects.get()
    assert (export.status, export.rows_written) == ("done", 900)
    LogArchive.objects.update(due_at=timezone.now())
    assert retention.work(march.pk)
    assert of_march() == 0


def test_an_export_whose_request_is_not_finished_yet_is_waited_for(march, owner, acme, slow):
    """The archive is about to drop; in another process a request has written its row, and is to commit."""
    written, done = threading.Event(), threading.Event()

    def request():
        try:
            with transaction.atomic():
                ask(owner, acme)
                written.set()
                done.wait(0.5)
        finally:
            connection.close()

    other = threading.Thread(target=request)

    def begin():
        if not written.is_set():
            other.start()
            assert written.wait(10)

    slow.meanwhile = staticmethod(begin)
    assert not retention.work(march.pk)
    other.join()
    assert of_march() == 900
    assert LogExport.objects.count() == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one table")
def test_a_whole_partition_waits_for_exports_too(acme, owner, settings, slow, monkeypatch):
    settings.LOG_RETENTION_DAYS = 365
    found = partitions.partitions()[2]
    first_day = found.starts_at
    assert first_day is not None
    LogEntry.objects.bulk_create([entry(acme, first_day + timedelta(days=3))])
    with time_machine.travel(found.ends_at + timedelta(days=366), tick=False):
        LogEntry.objects.filter(at__lt=first_day).delete()
        retention.plan()
        (first,) = retention.due()

        def request():
            if not LogExport.objects.exists():
                services.request_export(
                    actor=make.SYSTEM, starts_at=first_day, ends_at=first_day + timedelta(days=9)
                )

        slow.meanwhile = staticmethod(request)
        assert not retention.work(first)
    assert found in partitions.partitions()
    assert LogEntry.objects.filter(at__range=(first_day, found.ends_at)).count() == 1


def test_a_worker_that_is_to_stop_lets_go_at_once(march, monkeypatch):
    monkeypatch.setattr(guard, "_pulse", guard._Pulse())
    guard.stop()
    tasks.keep_up()
    row = LogArchive.objects.get()
    assert (row.failures, row.error) == (0, "")
    assert retention.due() == [march.pk]
    assert of_march() == 900
    monkeypatch.setattr(guard, "_pulse", guard._Pulse())
    tasks.keep_up()
    assert of_march() == 0
    assert storages["exports"].exists(LogArchive.objects.get().storage_name)
