"""Ringing neither fails nor waits, whatever the broker does."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from kombu import Connection

from accounts import tasks
from core import bell
from portal.celery import app

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
