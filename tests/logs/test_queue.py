"""Who has a row, and what becomes of it when work fails, is lost, or is done twice."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE
from threading import Lock

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts import services as accounts
from logs import downloads, services, tasks
from logs.exports import queue
from logs.exports.lease import Lost
from logs.models import LogExport, LogExportPart
from tests import make, sessions
from tests.logs import written
from tests.logs.storages import FullDisk, Interrupted
from tests.logs.written import WEEK
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = """
import fcntl, sys
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    input()
"""
NOON = "2025-03-10 12:00:00Z"


@pytest.fixture
def export(acme, owner):
    written.entries(acme, 50)
    return services.request_export(
        actor=owner, namespace=acme.namespace, callback_email="ops@example.test", **WEEK
    )


def files(settings):
    folder = Path(settings.STORAGES["exports"]["OPTIONS"]["location"])
    return sorted(folder.iterdir()) if folder.exists() else []


def drafts(settings):
    return sorted((Path(settings.DATA) / "work").glob("*"))


def use(settings, storage):
    exports = {**settings.STORAGES["exports"], "BACKEND": f"tests.logs.storages.{storage.__name__}"}
    settings.STORAGES = {**settings.STORAGES, "exports": exports}


def taken(export):
    lease = queue.take(export.pk)
    assert lease is not None
    return lease


def whole(path):
    body = json.loads(path.read_bytes())
    return len(body["logs"]) == 51 and body["logs"][-1] == {"terminator": True}


# Taking


def test_of_sixteen_workers_one_gets_the_row(export):
    found, lock = [], Lock()

    def take(_):
        lease = queue.take(export.pk)
        with lock:
            found.append(lease)

    race(16, take)
    assert sum(lease is not None for lease in found) == 1


def test_a_bell_that_rings_eight_times_builds_once(export, settings):
    race(8, lambda _: tasks.build_export(export.pk))
    export.refresh_from_db()
    assert (export.status, export.attempts, export.tellings) == ("done", 1, 1)
    assert len(files(settings)) == 1
    assert len(mail.outbox) == 1


def test_a_finished_row(export, settings):
    tasks.build_export(export.pk)
    export.refresh_from_db()
    [path] = files(settings)
    assert whole(path)
    assert (export.status, export.percent, export.error) == ("done", 100, "")
    assert (export.rows_expected, export.rows_written) == (50, 50)
    assert export.size_bytes == path.stat().st_size
    [part] = export.parts.all()
    assert (path.name, part.rows, part.size_bytes, part.sha256, part.is_last) == (
        part.storage_name, 50, export.size_bytes, export.sha256, True,
    )  # fmt: skip
    assert path.name.startswith(export.storage_name)
    assert path.stat().st_mode & 0o777 == 0o600
    assert export.started_at <= export.finished_at
    assert export.claim is None
    assert export.due_at == export.expires_at
    assert drafts(settings) == []


@time_machine.travel(NOON, tick=False)
def test_nothing_is_due_twice(export, settings):
    LogExport.objects.update(due_at=timezone.now())
    lease = taken(export)
    assert queue.due(10) == []
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert export.status == "queued"
    assert export.due_at == timezone.now() + timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
    lease.end(due_at=None)
    assert queue.due(10) == []


# Failing


def test_failures_are_tried_again_with_pauses_until_it_is_given_up(export, settings, bells):
    use(settings, FullDisk)
    FullDisk.failures = 99
    with time_machine.travel(NOON, tick=False) as clock:
        LogExport.objects.update(due_at=timezone.now())
        for attempt, pause in [(1, 30), (2, 120)]:
            with pytest.raises(OSError, match="No space left"):
                tasks.build_export(export.pk)
            export.refresh_from_db()
            assert (export.status, export.attempts) == ("queued", attempt)
            assert export.error == "Something went wrong (OSError)."
            assert export.due_at == timezone.now() + timedelta(seconds=pause)
            clock.shift(pause - 1)
            tasks.build_export(export.pk)
            tasks.sweep()
            export.refresh_from_db()
            assert export.attempts == attempt
            assert ("logs.build_export", export.pk) not in bells
            clock.shift(1)
            tasks.sweep()
            assert bells.pop() == ("logs.build_export", export.pk)
            assert mail.outbox == []
        with pytest.raises(OSError, match="No space left"):
            tasks.build_export(export.pk)
        export.refresh_from_db()
        assert (export.status, export.attempts) == ("failed", 3)
        assert export.finished_at == timezone.now()
        # The name that the last attempt noted is looked after, then nothing is left to do.
        tasks.build_export(export.pk)
        clock.shift(timedelta(days=1))
        assert queue.due(10) == []
    [told] = mail.outbox
    assert told.to == ["ops@example.test"]
    assert "The export failed" in told.body
    assert "exportedlogs" not in told.body
    assert files(settings) == []
    assert drafts(settings) == []


def test_a_passing_fault_costs_one_attempt(export, settings):
    use(settings, FullDisk)
    FullDisk.failures = 1
    with pytest.raises(OSError, match="No space left"):
        tasks.build_export(export.pk)
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.attempts, export.error) == ("done", 2, "")
    [path] = files(settings)
    assert whole(path)


def test_a_dead_worker_is_noticed_when_its_lease_is_over(export, settings, bells):
    with time_machine.travel(NOON, tick=False) as clock:
        LogExport.objects.update(due_at=timezone.now())
        dead = taken(export)  # and nothing more is heard of it
        dead.keep(status="running", attempts=1)
        clock.shift(settings.EXPORT_LEASE_SECONDS - 1)
        tasks.sweep()
        assert ("logs.build_export", export.pk) not in bells
        clock.shift(1)
        tasks.sweep()
        assert bells[-1] == ("logs.build_export", export.pk)
        tasks.build_export(export.pk)
        with pytest.raises(Lost):
            dead.keep(percent=12)
    export.refresh_from_db()
    assert (export.status, export.attempts, export.percent) == ("done", 2, 100)


def test_a_row_whose_workers_all_die_is_given_up(export):
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(3):
            LogExport.objects.update(due_at=timezone.now())
            dead = taken(export)
            dead.keep(status="running", attempts=dead.export.attempts + 1)
            clock.shift(3600)
        tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.attempts, export.due_at) == ("failed", 3, None)
    assert export.error == "Its worker was lost, again and again."
    assert len(mail.outbox) == 1


def test_a_worker_that_is_late_does_not_spoil_what_another_did(export, settings):
    """The first one sleeps, in the middle of handing its file over, until its lease is over."""
    use(settings, Interrupted)

    def another_takes_over():
        LogExport.objects.update(due_at=timezone.now())
        tasks.build_export(export.pk)

    Interrupted.meanwhile = another_takes_over
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.attempts) == ("done", 2)
    [path] = files(settings)
    assert path.name == export.parts.get().storage_name
    assert whole(path)
    assert len(mail.outbox) == 1


def test_a_long_step_keeps_its_lease(export, settings):
    settings.EXPORT_LEASE_SECONDS = 0.6
    use(settings, Interrupted)
    due = []

    def slow():
        time.sleep(1.5)
        due.extend(queue.due(10))

    Interrupted.meanwhile = slow
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert due == []
    assert (export.status, export.attempts) == ("done", 1)


def test_connections_that_the_server_hung_up_lose_no_lease(export, settings):
    """PostgreSQL starts anew while a storage takes its time: who keeps the row finds back to it."""
    settings.EXPORT_LEASE_SECONDS = 3
    lease = taken(export)
    with lease.renewed():
        first = until_moved(export, lease.export.due_at)
        sessions.end_others()
        until_moved(export, until_moved(export, first))
        assert queue.due(10) == []


def until_moved(export, due_at):
    """Return what the end of the lease is moved to from ``due_at``, before that is over."""
    while timezone.now() < due_at:
        export.refresh_from_db()
        if export.due_at > due_at:
            return export.due_at
        time.sleep(0.05)
    pytest.fail("It is over")


def test_what_killed_attempts_left_behind_is_removed(export, settings, acme):
    work = Path(settings.DATA) / "work"
    work.mkdir()
    (work / f"{export.pk}-dead.part").write_bytes(b"x" * 1000)
    alive = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(work / "77-alive.part")], stdin=PIPE, stdout=PIPE, text=True
    )
    assert alive.stdout is not None
    alive.stdout.readline()
    cut_off = Path(settings.STORAGES["exports"]["OPTIONS"]["location"]) / "half.json"
    cut_off.parent.mkdir()
    cut_off.write_bytes(b"{")
    LogExport.objects.update(status="running", attempts=1, storage_name="half")
    LogExportPart.objects.create(export=export, number=1, storage_name="half.json")
    tasks.build_export(export.pk)
    assert [path.name for path in drafts(settings)] == ["77-alive.part"]
    alive.communicate("over\n")
    [path] = files(settings)
    assert whole(path)


# Ending


def test_cancelling_ends_the_work_under_way(export, settings, owner):
    use(settings, Interrupted)
    Interrupted.meanwhile = lambda: services.cancel_export(actor=owner, export=export)
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert export.status == "cancelled"
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.due_at, export.storage_name) == (None, "")
    assert files(settings) == []
    assert mail.outbox == []


def test_cancelling_takes_a_finished_file_back(export, settings, owner):
    tasks.build_export(export.pk)
    export.refresh_from_db()
    services.cancel_export(actor=owner, export=export)
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.storage_name, export.due_at) == ("cancelled", "", None)
    assert files(settings) == []


def test_the_sweeper_lets_files_expire(export, settings, bells):
    tasks.build_export(export.pk)
    export.refresh_from_db()
    bells.clear()
    with time_machine.travel(export.expires_at - timedelta(seconds=1), tick=False) as clock:
        tasks.sweep()
        assert bells == []
        clock.shift(1)
        tasks.sweep()
        assert bells == [("logs.build_export", export.pk)]
        tasks.build_export(export.pk)
        tasks.sweep()
        assert len(bells) == 1
    assert files(settings) == []
    was = export.expires_at
    export.refresh_from_db()
    assert (export.status, export.storage_name, export.due_at) == ("done", "", None)
    assert export.expires_at == was


def test_nobody_gets_an_export_of_what_is_gone(acme, owner, export):
    project = make.project(acme)
    of_project = services.request_export(actor=owner, project=project, **WEEK)
    accounts.delete_organization(actor=owner, organization=acme)
    for one in (export, of_project):
        tasks.build_export(one.pk)
        one.refresh_from_db()
        assert (one.status, one.error) == (
            "failed",
            "What it is about is gone, or who asked for it may not read it any more.",
        )
        assert not downloads.is_downloadable(one)


def test_a_disabled_person_gets_no_export(acme, owner, export):
    helper = make.user("helper")
    make.member(make.team(acme, role="admin"), helper)
    asked = services.request_export(actor=make.actor(helper), namespace=acme.namespace, **WEEK)
    accounts.change_user(actor=make.SYSTEM, user=helper, enabled=False)
    tasks.build_export(asked.pk)
    asked.refresh_from_db()
    assert asked.status == "failed"
