"""Ringing neither fails nor waits, whatever the broker does."""

import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery.signals import after_task_publish
from django.db import connection, transaction
from kombu import Connection

from accounts import tasks
from core import bell
from notifications.tasks import deliver
from portal.celery import app
from tests.faults.servers import free_ports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hanging(monkeypatch):
    """A broker that takes connections and never says a word, as one that was stopped by a signal."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        monkeypatch.setattr(type(app), "connection_for_write", lambda *_, **__: Connection(url))
        monkeypatch.setattr(bell, "_silent_until", 0.0)
        yield server


def ring():
    began = time.monotonic()
    with transaction.atomic():
        bell.ring(tasks.purge_user, 7)
    return time.monotonic() - began


def test_a_broker_that_hangs_costs_one_request_a_moment_and_the_next_ones_nothing(hanging, caplog):
    assert ring() < 4 * bell.PATIENCE_SECONDS
    assert "Broker away" in caplog.text
    assert max(ring() for _ in range(100)) < 0.1


def test_many_requests_at_once_do_not_fail_for_want_of_a_connection(hanging):
    """More of them than there are connections for bells: who gets none in time is as silent."""

    def one(_):
        try:
            return ring()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=32) as pool:
        assert max(pool.map(one, range(32))) < 6 * bell.PATIENCE_SECONDS


def test_after_the_pause_it_is_asked_again(hanging, monkeypatch):
    monkeypatch.setattr(bell, "PAUSE_SECONDS", 0.2)
    ring()
    time.sleep(0.3)
    assert ring() > bell.PATIENCE_SECONDS / 2


@pytest.fixture
def thread(monkeypatch):
    """A thread that rings for this process, as in one that serves."""
    ringer = bell.Ringer()
    monkeypatch.setattr(bell, "_ringer", ringer)
    yield ringer
    assert ringer.settle(30)


def test_where_a_thread_rings_no_request_waits_for_a_broker_that_hangs(thread, hanging, caplog):
    assert max(ring() for _ in range(50)) < bell.PATIENCE_SECONDS / 2
    assert thread.settle(30)
    assert caplog.text.count("Broker away") == 1
    assert max(ring() for _ in range(50)) < bell.PATIENCE_SECONDS / 2


@pytest.fixture
def sent(monkeypatch):
    """What went to the broker, as the first argument of each bell."""
    found = []

    def note(body, **_):
        found.append(body[0][0])

    monkeypatch.setattr(bell, "_silent_until", 0.0)
    bell.heard(deliver)
    after_task_publish.connect(note)
    yield found
    after_task_publish.disconnect(note)
    bell.heard(deliver)


def commit(key):
    with transaction.atomic():
        bell.ring_unless_rung(deliver, key)


def test_a_bell_that_nobody_heard_yet_rings_for_all_that_is_committed_meanwhile(sent):
    for key in range(1, 6):
        commit(key)
    assert sent == [1]


def test_a_thread_rings_once_for_what_comes_together_and_for_each_row_that_wants_its_own(sent, thread):
    thread.ring(bell.Bell(tasks.purge_user, (1,), once=False))
    assert thread.settle(30)
    assert sent == [1]
    with transaction.atomic():  # rung together, at its end
        for key in (7, 8, 7):
            bell.ring(tasks.purge_user, key)
        for key in (9, 10):
            bell.ring_unless_rung(deliver, key)
    assert thread.settle(30)
    assert (sorted(set(sent)), sent.count(9)) == ([1, 7, 8, 9], 1)


def test_a_thread_that_met_a_bug_rings_on(sent, thread, caplog):
    thread.ring(bell.Bell(tasks.purge_user, ([],), once=False))  # type: ignore[arg-type] # no key
    thread.ring(bell.Bell(tasks.purge_user, (2,), once=False))
    assert thread.settle(30)
    assert sent == [2]
    assert "could not be rung" in caplog.text


def test_where_no_thread_can_be_begun_the_request_goes_on_and_the_next_one_begins_it(sent, thread, caplog):
    before = threading.stack_size(1 << 46)  # more than any host has
    try:
        assert ring() < 1
        assert "No thread to ring with" in caplog.text
    finally:
        threading.stack_size(before)
    with transaction.atomic():
        bell.ring(tasks.purge_user, 8)
    assert thread.settle(30)
    assert sent == [8]


def test_a_process_that_is_forked_off_has_a_thread_of_its_own(thread):
    thread.ring(bell.Bell(tasks.purge_user, (1,), once=False))
    assert thread.settle(30)
    child = os.fork()
    if not child:
        # As gunicorn's processes do: loaded before, and then each with its own.
        thread.ring(bell.Bell(tasks.purge_user, (2,), once=False))
        os._exit(0 if thread.settle(30) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_process_that_ends_rings_first():
    """Bells that a request left behind as the last act of its process."""
    code = """if True:
        import portal.wsgi
        from celery.signals import after_task_publish
        from core import bell
        from accounts.tasks import purge_user
        from portal.celery import app
        app.conf.broker_url = "memory://"; app.conf.broker_transport_options = {}
        after_task_publish.connect(lambda body, **_: print("rung for", body[0][0]), weak=False)
        bell._ring(purge_user, (7,))
        bell._ring(purge_user, (8,))
    """
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, sorted(ended.stdout.split("\n"))) == (0, ["", "rung for 7", "rung for 8"]), (
        ended
    )


def test_once_it_was_heard_the_next_one_rings(sent):
    commit(1)
    deliver(1)  # as a worker does: there is no such delivery
    commit(2)
    commit(3)
    assert sent == [1, 2]


def test_a_bell_that_is_never_heard_is_rung_again_after_a_while(sent):
    commit(1)
    commit(2)
    time.sleep(bell.UNHEARD_SECONDS + 0.1)
    commit(3)
    assert sent == [1, 3]


def test_what_is_taken_back_rings_for_nobody(sent):
    with transaction.atomic():
        bell.ring_unless_rung(deliver, 1)
        transaction.set_rollback(True)
    commit(2)
    assert sent == [2]


def test_without_redis_neither_the_change_nor_the_worker_fails(sent, settings, caplog):
    away = f"redis://127.0.0.1:{free_ports(1)[0]}/0"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": away}
    }
    commit(1)
    bell.heard(deliver)
    assert sent == []
    assert "Broker away" in caplog.text
    bell._silent_until = 0.0
