"""A real worker, killed in the middle of a run, twice."""

import time

import pytest

from logs.models import LogEntry
from runs.models import Run
from runs.services import working
from tests import make, workers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROBOTS = 400  # enough of them to die in the middle


def wait_until(happened, run, seconds=120):
    end = time.monotonic() + seconds
    while not happened(run):
        assert time.monotonic() < end, (run.status, run.done, run.tries)
        time.sleep(0.01)
        run.refresh_from_db()


def ring(environment):
    return workers.ring("runs.worker.sweep", environment)


def test_a_killed_worker_does_nothing_twice_and_leaves_nothing_out(acme, ask, tmp_path):
    run = ask("robot.disable", make.robots(acme, ROBOTS))
    with workers.broker_of_its_own(tmp_path) as environment:
        for _again in range(2):
            with workers.worker("runs", environment) as process:
                before = run.done
                bell = ring(environment)  # beside the watching: a quick worker may be done before it ends
                wait_until(lambda run, before=before: run.done > before, run)
                workers.kill(process)
            assert bell.wait(180) == 0
            run.refresh_from_db()
            assert run.status == "running"
            assert 0 < run.done < ROBOTS
            # So long a silence that the worker is taken for dead.
            Run.objects.filter(pk=run.pk).update(due_at=run.due_at - working.LEASE)
        with workers.worker("runs", environment):
            assert ring(environment).wait(180) == 0
            wait_until(lambda run: not run.is_open, run)
    assert (run.status, run.done, run.failed) == ("done", ROBOTS, 0)
    told = LogEntry.objects.filter(kind="disable_robot")
    assert told.count() == told.values("metadata__robot").distinct().count() == ROBOTS
