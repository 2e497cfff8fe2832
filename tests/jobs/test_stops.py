"""A worker that is asked to stop does no harm to its jobs: its end is not taken for their fault."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from celery import shared_task
from celery.signals import worker_shutting_down
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import tasks
from accounts.models import User
from core.batches import delete_in_batches
from jobs import guard
from jobs.models import Job
from logs.models import LogEntry
from tests import make

TASK = "accounts.purge_user"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker(monkeypatch):
    """Stand for a worker's process: what it was asked is forgotten once a new one stands in its place."""

    def start():
        guard._pulse.forget()
        monkeypatch.setattr(guard, "_pulse", guard._Pulse())

    start()
    yield start
    guard._pulse.forget()


def ask_to_stop():
    """Do what Celery does when SIGTERM comes."""
    worker_shutting_down.send(sender="worker@host", sig="SIGTERM", how="Warm", exitcode=0)


def is_dead():
    past = guard.DEAD + timedelta(seconds=1)
    Job.objects.update(alive_at=F("alive_at") - past)


@pytest.mark.django_db(transaction=True)
def test_who_is_killed_after_being_asked_to_stop_did_not_fail(worker):
    """Again and again, as by restarts and deployments; and once for all that is a job that does not end."""
    for number in range(guard.STOPS + 1):
        job = guard.begin(TASK, "7")
        assert job is not None
        assert (job.tries, job.stops, job.stopped_at) == (1, number, None)
        ask_to_stop()
        for _ in range(100):
            if Job.objects.get().stopped_at is not None:
                break
            time.sleep(0.02)
        else:
            pytest.fail("the worker did not say that it was asked to stop")
        assert guard.begin(TASK, "8") is None, "it begins nothing any more"
        worker()
        assert guard.begin(TASK, "7") is None, "it may be at it yet"
        is_dead()
    for tries in (2, 3):
        job = guard.begin(TASK, "7")
        assert job is not None
        assert job.tries == tries
        guard._pulse.discard(job.pk)
        is_dead()
    assert guard.begin(TASK, "7") is None
    assert Job.objects.get().quarantined_at is not None


@pytest.mark.django_db(transaction=True)
def test_what_was_taken_over_is_not_spoken_for_by_the_worker_before(worker):
    first = guard.begin(TASK, "7")
    assert first is not None
    Job.objects.update(worker="elsewhere:1")
    ask_to_stop()
    guard._pulse.forget()
    assert Job.objects.get().stopped_at is None


@pytest.mark.django_db
def test_a_job_gives_up_between_two_batches_and_the_next_worker_goes_on_at_once(worker, monkeypatch):
    user = make.user("ada")
    User.objects.filter(pk=user.pk).update(deleted_at=timezone.now())
    monkeypatch.setattr(guard._pulse, "is_stopping", False)
    batches = 0

    def delete(rows, size=1000):
        nonlocal batches
        batches += 1
        if batches == 3:
            guard.stop()
        return delete_in_batches(rows, size)

    with monkeypatch.context() as slow:
        slow.setattr(tasks, "delete_in_batches", delete)
        tasks.purge_user(user.pk)
    assert batches == 3
    job = Job.objects.get()
    assert (job.alive_at, job.tries, job.error) == (None, 1, "")
    assert job.stopped_at is not None
    assert User.objects.filter(pk=user.pk).exists()
    tasks.sweep()
    assert Job.objects.get().stops == 0, "a worker that is to stop begins nothing, not even in a sweep"
    worker()
    tasks.sweep()
    assert not Job.objects.exists()
    assert not User.objects.filter(pk=user.pk).exists()


@pytest.mark.django_db
def test_an_upkeep_without_a_row_gives_up_too_and_is_no_failure(worker):
    @shared_task(name="tests.upkeep")
    def upkeep():
        delete_in_batches(LogEntry.objects.none())
        done.append(1)

    done: list[int] = []
    upkeep()
    guard.stop()
    upkeep()
    assert done == [1]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_under_way_says_so_when_its_signal_comes(tmp_path):
    """A thread of its own is at a job that waits, as with `serve`; its grace is not long enough."""
    slow = tmp_path / "slow_jobs.py"
    slow.write_text(
        "import time\nfrom celery import shared_task\n"
        "@shared_task(name='slow.job')\ndef job(key):\n    time.sleep(60)\n"
    )
    told = connection.settings_dict
    url = f"sqlite:///{told['NAME']}"
    if connection.vendor == "postgresql":
        who = f"{told['USER']}:{told['PASSWORD']}" if told["PASSWORD"] else told["USER"]
        url = f"postgres://{who}@{told['HOST']}:{told['PORT'] or 5432}/{told['NAME']}"
    code = (
        "from portal.celery import app; import slow_jobs\n"
        "app.conf.broker_url = 'memory://'; app.conf.broker_transport_options = {}\n"
        "from celery.signals import worker_ready\n"
        "worker_ready.receivers.clear()\n"
        "worker_ready.connect(lambda **_: slow_jobs.job.delay('7'), weak=False)\n"
        "app.worker_main(['--quiet', 'worker', '--pool', 'threads', '-c', '1',"
        " '--without-gossip', '--without-mingle', '--without-heartbeat'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": url,
            "REDIS_URL": "",
            "MUSTER_DATA": str(tmp_path),
            "PYTHONPATH": str(tmp_path),
        },
    )
    try:
        assert until(lambda: Job.objects.filter(task="slow.job").exists(), process)
        process.send_signal(signal.SIGTERM)
        assert until(lambda: Job.objects.filter(stopped_at__isnull=False).exists(), process)
    finally:
        process.kill()
        process.wait(10)
    is_dead()
    again = guard.begin("slow.job", "7")
    assert again is not None
    assert (again.tries, again.stops) == (1, 1)


def until(what, process, seconds=90):
    end = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, "the worker is gone"
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
