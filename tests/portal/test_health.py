import threading
import time
from datetime import timedelta

import pytest
import time_machine
from celery import Celery
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from logs import tasks as logs
from portal import health, tasks
from portal.health import DEGRADED, FAILING, OK, Check, Unhealthy, readiness
from tests.logs.written import entry, settle

pytestmark = pytest.mark.django_db(transaction=True)  # the checks ask in threads of their own


@pytest.fixture
def heart():
    health.beat_heart()


@pytest.fixture
def broker_away(monkeypatch):
    """Point Celery at a port where nobody listens."""
    monkeypatch.setattr(health, "app", Celery(broker="redis://127.0.0.1:1/0", set_as_current=False))


@pytest.fixture
def storage_away(settings, tmp_path):
    """Make the exports' directory one that cannot be: a file stands there."""
    place = tmp_path / "exports"
    place.write_text("in the way")
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": place}}
    settings.STORAGES = settings.STORAGES | {"exports": backend}
    assert storages["exports"].path("one") == str(place / "one")


def states(told):
    return {name: one["status"] for name, one in told["checks"].items()}


def test_alive_needs_nothing(django_assert_num_queries, broker_away, storage_away):
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_ready_when_all_is_well(heart):
    answer = Client().get("/readyz")
    told = answer.json()
    assert answer.status_code == 200
    assert told["status"] == OK
    assert states(told) == dict.fromkeys(("database", "storage", "broker", "worker", "seals"), OK)
    assert all(one["ms"] >= 0 for one in told["checks"].values())


def test_probes_call_by_any_host_and_make_no_session(heart):
    answer = Client().get("/readyz", headers={"host": "10.1.2.3:8000"})
    assert answer.status_code == 200
    assert answer.cookies == {}


def test_without_a_worker_it_is_degraded():
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == DEGRADED
    assert states(answer.json()) == {
        "database": OK,
        "storage": OK,
        "broker": OK,
        "worker": DEGRADED,
        "seals": OK,
    }
    assert answer.json()["checks"]["worker"]["error"] == "no worker has been heard of"


@pytest.mark.parametrize(("seconds", "status"), [(59, OK), (61, DEGRADED)])
def test_a_heartbeat_goes_stale_after_a_minute(seconds, status):
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        tasks.heartbeat()
        clock.shift(seconds)
        told = readiness({"worker": health.CHECKS["worker"]}, seconds=5)
    assert told["status"] == status


def test_any_task_of_the_default_queue_shows_life(monkeypatch):
    monkeypatch.setattr(health, "_noted_at", -100.0)
    health.note_task("exports")
    assert health.heartbeat_age() is None
    health.note_task("default")
    assert health.heartbeat_age() is not None


@pytest.mark.parametrize(("seconds", "status"), [(590, OK), (610, DEGRADED)])
def test_how_long_entries_wait_for_their_seals_is_told(heart, seconds, status):
    logs.seal()
    assert 0 <= Client().get("/readyz").json()["checks"]["seals"]["behind_seconds"] < 60
    entry(None, timezone.now() - timedelta(seconds=seconds)).save()
    answer = Client().get("/readyz")
    told = answer.json()["checks"]["seals"]
    assert answer.status_code == 200
    assert (answer.json()["status"], told["status"]) == (status, status)
    assert seconds <= told["behind_seconds"] < seconds + 9
    assert ("error" in told) == (status == DEGRADED)
    settle()
    logs.seal()
    assert Client().get("/readyz").json()["checks"]["seals"]["behind_seconds"] == 0


def test_without_the_broker_it_is_degraded(heart, broker_away):
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == DEGRADED
    assert states(answer.json())["broker"] == DEGRADED
    assert answer.json()["checks"]["broker"]["error"] == OperationalError.__name__


def test_without_the_storage_it_fails(heart, storage_away):
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == FAILING
    assert states(answer.json()) == dict.fromkeys(("database", "broker", "worker", "seals"), OK) | {
        "storage": FAILING
    }


def test_without_the_database_it_fails(heart, django_db_blocker):
    django_db_blocker.block()
    try:
        answer = Client().get("/readyz")
    finally:
        django_db_blocker.restore()
    assert answer.status_code == 503
    assert states(answer.json())["database"] == FAILING


def test_errors_name_no_host_and_no_path(heart, broker_away, storage_away):
    body = Client().get("/readyz").content.decode()
    assert "127.0.0.1" not in body
    assert "/" not in body


def test_a_hanging_check_is_bounded_and_not_started_twice():
    gate, asked = threading.Event(), []

    def hang():
        asked.append(1)
        gate.wait(30)

    checks = {"hanging": Check(hang, otherwise=FAILING), "quick": Check(lambda: None, otherwise=FAILING)}
    for _ in range(3):
        start = time.monotonic()
        told = readiness(checks, seconds=0.2)
        assert time.monotonic() - start < 2
        assert states(told) == {"hanging": FAILING, "quick": OK}
        assert told["checks"]["hanging"]["error"] == "no answer in time"
    gate.set()
    assert asked == [1]
    assert readiness(checks, seconds=5)["status"] == OK


def test_the_worst_check_decides():
    def refuse():
        raise Unhealthy("no")

    good, bad = Check(lambda: None, otherwise=FAILING), Check(refuse, otherwise=DEGRADED)
    worst = Check(refuse, otherwise=FAILING)
    assert readiness({"w1": good, "w2": bad})["status"] == DEGRADED
    assert readiness({"w3": good, "w4": bad, "w5": worst})["status"] == FAILING


@pytest.mark.parametrize("probe", ["instance", "endtoend", "warning"])
def test_the_probes_of_the_quay_wire(heart, probe):
    answer = Client().get(f"/health/{probe}")
    services = dict.fromkeys(["database", "storage", "broker", "worker", "seals"], True)
    assert (answer.status_code, answer.json()) == (200, {"data": {"services": services}, "status_code": 200})


def test_what_degrades_is_a_warning_and_what_fails_is_more(heart, broker_away, settings, tmp_path):
    for probe, status in (("warning", 503), ("instance", 200), ("endtoend", 200)):
        body = Client().get(f"/health/{probe}").json()
        assert (body["status_code"], body["data"]["services"]["broker"]) == (status, status == 200)
    place = tmp_path / "exports"
    place.write_text("in the way")
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": place}}
    settings.STORAGES = settings.STORAGES | {"exports": backend}
    answer = Client().get("/health/instance")
    assert (answer.status_code, answer.json()["data"]["services"]["storage"]) == (503, False)
