"""A job is done by one worker at a time, and one that never ends well is left alone."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from accounts import tasks
from accounts.models import User
from core.errors import Forbidden, NotFound
from jobs import guard, services
from jobs.models import Job
from logs.models import LogEntry
from tests import make
from tests.racing import race
from trash.tasks import purge_within as purge_all_within

pytestmark = pytest.mark.django_db


def begun(task="accounts.purge_user", key="7"):
    job = guard.begin(task, key)
    assert job is not None
    return job


def wait(seconds):
    """Let time go by: by the database's clock, which nobody turns, all rows are older then."""
    past = timedelta(seconds=seconds)
    Job.objects.update(alive_at=F("alive_at") - past, quarantined_at=F("quarantined_at") - past)


def kill(task="accounts.purge_user", key="7"):
    """Leave a job behind as a killed worker does: begun, and never heard of again."""
    job = begun(task, key)
    guard._pulse.discard(job.pk)
    wait(guard.DEAD.total_seconds() + 1)


def test_a_job_that_ends_well_leaves_nothing():
    user = make.user("ada")
    User.objects.filter(pk=user.pk).update(deleted_at=timezone.now())
    tasks.purge_user(user.pk)
    assert not User.objects.exists()
    assert not Job.objects.exists()


def test_a_job_under_way_is_not_begun_again():
    assert guard.begin("accounts.purge_user", "7") is not None
    assert guard.begin("accounts.purge_user", "7") is None
    assert guard.begin("accounts.purge_user", "8") is not None


@pytest.mark.django_db(transaction=True)
def test_of_24_workers_one_begins():
    begun = []

    def begin(_):
        if guard.begin("accounts.purge_user", "7"):
            begun.append(1)

    race(24, begin)
    assert len(begun) == 1


def test_the_job_of_a_dead_worker_is_taken_over_and_its_late_end_is_no_news():
    first = begun()
    wait(55)
    assert guard.begin("accounts.purge_user", "7") is None
    wait(6)
    second = begun()
    assert second.tries == 2
    guard.end(first)
    assert Job.objects.get().alive_at is not None
    guard.end(second)
    assert not Job.objects.exists()


@pytest.mark.parametrize("wrong", [timedelta(hours=-3), timedelta(seconds=90), timedelta(hours=3)])
def test_a_host_whose_clock_is_wrong_judges_as_all_others(wrong):
    """In both directions: what is alive is left alone, what is dead is taken over."""
    begun()
    with time_machine.travel(timezone.now() + wrong):
        assert guard.begin("accounts.purge_user", "7") is None
        begun(key="8")
    assert guard.begin("accounts.purge_user", "8") is None
    wait(61)
    with time_machine.travel(timezone.now() + wrong):
        assert begun().tries == 2
    assert begun(key="8").tries == 2


def test_what_kills_three_workers_is_left_alone_and_tried_again_after_six_hours(caplog):
    for _ in range(3):
        kill()
    assert guard.begin("accounts.purge_user", "7") is None
    assert Job.objects.get().quarantined_at is not None
    assert "accounts.purge_user(7) is in quarantine: 3 times it did not come to an end" in caplog.text
    assert guard.begin("accounts.purge_user", "7") is None
    wait(guard.AGAIN.total_seconds() - 5)
    assert guard.begin("accounts.purge_user", "7") is None
    wait(6)
    kill()
    assert guard.begin("accounts.purge_user", "7") is None, "one more try, not three"
    assert Job.objects.get().quarantined_at is not None


def test_an_error_counts_as_a_try_and_keeps_nobody_else_from_his_turn(monkeypatch, caplog):
    bad, good = make.user("bad"), make.user("good")
    User.objects.update(deleted_at=timezone.now())
    purge = purge_all_within

    def purge_within(namespace_id):
        if namespace_id == bad.namespace_id:
            raise RuntimeError("cannot be read")
        purge(namespace_id)

    monkeypatch.setattr(tasks, "purge_within", purge_within)
    for _ in range(5):
        tasks.sweep()
    assert not User.objects.filter(pk=good.pk).exists()
    job = Job.objects.get()
    assert (job.task, job.key, job.tries) == ("accounts.purge_user", str(bad.pk), 3)
    assert (job.error, job.quarantined_at is None) == ("RuntimeError: cannot be read", False)
    assert caplog.text.count("\nRuntimeError: cannot be read") == 3, "it was tried three times"


def test_operators_let_a_job_be_tried_again():
    for _ in range(3):
        kill()
    guard.begin("accounts.purge_user", "7")
    job = Job.objects.get()
    with pytest.raises(Forbidden):
        services.release_job(actor=make.actor(make.user("ada")), job=job)
    services.release_job(actor=make.SYSTEM, job=job)
    assert LogEntry.objects.get(kind="release_job").metadata == {"job": "accounts.purge_user(7)"}
    with pytest.raises(NotFound):
        services.release_job(actor=make.SYSTEM, job=job)
    assert begun().tries == 1


@pytest.mark.django_db(transaction=True)
def test_a_long_job_says_that_it_is_under_way(monkeypatch):
    monkeypatch.setattr(guard, "PULSE", 0.05)
    monkeypatch.setattr(guard, "_pulse", guard._Pulse())
    job = begun()
    Job.objects.update(alive_at=None)
    for _ in range(100):
        time.sleep(0.05)
        if Job.objects.get().alive_at is not None:
            break
    else:
        pytest.fail("no sign of life")
    guard.end(job)
