"""Each turn of the schedule is taken once, by whoever comes first."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery.schedules import crontab
from django.db import OperationalError
from django.utils import timezone

from jobs import turns
from jobs.beat import Scheduler
from jobs.models import Turn
from jobs.slots import Every, slot
from portal.celery import app
from tests.racing import race

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_of_24_schedulers_one_takes_the_turn():
    taken = []

    def take(_):
        if turns.take("notifications", 7):
            taken.append(1)

    race(24, take)
    assert len(taken) == 1
    assert not turns.take("notifications", 6)
    assert turns.take("notifications", 8)


def test_slots_begin_at_the_same_moments_everywhere():
    every = Every(15)
    with time_machine.travel(NOON + timedelta(seconds=4), tick=False):
        is_due, wait = every.is_due(NOON)
        assert (is_due, wait) == (False, 11)
        assert every.is_due(NOON - timedelta(seconds=1)) == (True, 11)
    with time_machine.travel(NOON + timedelta(seconds=15), tick=False):
        assert every.is_due(NOON + timedelta(seconds=14)) == (True, 15)
    assert slot(every, 44.9) == 2
    assert slot(crontab(minute=23), 119.9) == 1


@pytest.fixture
def schedule():
    before = app.conf.beat_schedule
    entry = {"task": "portal.heartbeat", "schedule": Every(1), "options": {"expires": 15}}
    app.conf.beat_schedule = {"pulse": entry}
    yield
    app.conf.beat_schedule = before


def tick(scheduler, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(max(scheduler.tick(), 0), 0.02))


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_send_as_much_as_one(bells, schedule):
    began = time.time()
    pair = [Scheduler(app), Scheduler(app)]
    made = time.time()
    for _ in range(30):
        for one in pair:
            tick(one, 0.05)
    # A slot may begin between the last tick and whoever looks at the clock.
    ended = time.time()
    for one in pair:
        one.tick()
    assert set(bells) == {("portal.heartbeat",)}
    assert 2 <= int(ended) - int(made) <= len(bells) <= int(time.time()) - int(began)


@pytest.mark.django_db(transaction=True)
def test_its_memory_is_the_database(schedule):
    Turn.objects.create(name="pulse", slot=3, taken_at=timezone.now() - timedelta(hours=2))
    Turn.objects.create(name="removed long ago", slot=3)
    entry = Scheduler(app).schedule["pulse"]
    assert entry.is_due()[0]
    assert list(Turn.objects.values_list("name", flat=True)) == ["pulse"]


@pytest.mark.django_db(transaction=True)
def test_without_the_database_nobody_sends(bells, schedule, monkeypatch, caplog):
    scheduler = Scheduler(app)

    def away(*_):
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(turns, "take", away)
        tick(scheduler, 1.2)
    assert bells == []
    assert "a turn of pulse is left out: OperationalError" in caplog.text
    tick(scheduler, 1.2)
    assert bells
