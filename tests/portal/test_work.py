"""Every kind of work goes by a queue that some process takes from."""

from fnmatch import fnmatchcase

import pytest
from celery.signals import before_task_publish

from portal import work
from portal.celery import app

app.loader.import_default_modules()
TASKS = sorted(name for name in app.tasks if not name.startswith("celery."))
TAKEN = {queue for queues in work.TAKERS.values() for queue in queues}


def queue_of(name, **options):
    return app.amqp.router.route(options, name)["queue"].name


def test_tasks_are_found():
    assert len(TASKS) > 25


@pytest.mark.parametrize("name", TASKS)
def test_somebody_takes_the_task_from_its_queue(name):
    assert queue_of(name) in TAKEN


def test_a_task_without_a_route_is_taken_too():
    assert queue_of("somebody.new") in TAKEN


def test_no_queue_is_taken_by_two_processes_and_each_gets_work():
    takers = [queue for queues in work.TAKERS.values() for queue in queues]
    assert sorted(takers) == sorted(TAKEN)
    assert {queue_of(name) for name in TASKS} == TAKEN


@pytest.mark.parametrize("pattern", sorted(work.ROUTES))
def test_a_route_is_for_some_task(pattern):
    assert any(fnmatchcase(name, pattern) for name in TASKS)


@pytest.mark.parametrize("entry", sorted(work.SCHEDULE))
def test_the_schedule_names_tasks_that_are_there_and_queues_that_are_taken(entry):
    told = work.SCHEDULE[entry]
    assert told["task"] in TASKS
    assert queue_of(told["task"], **told["options"]) in TAKEN


def test_the_broker_is_given_that_queue():
    sent = []

    def hear(routing_key=None, **_):
        sent.append(routing_key)

    before_task_publish.connect(hear, weak=False)
    try:
        app.send_task("trash.purge", [1])
    finally:
        before_task_publish.disconnect(hear)
    assert sent == ["upkeep"]
