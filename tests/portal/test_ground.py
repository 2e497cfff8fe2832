"""The ground the tests stand on."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction

from accounts import tasks
from core.bell import ring
from tests import environment


def test_nothing_is_written_outside_the_tests_own_directory():
    assert str(settings.DATA) == environment.DATA
    assert settings.SECRET_KEY
    assert (settings.DATA / "keys" / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_starts_with_an_empty_cache(turn):
    assert cache.get("left") is None
    cache.set("left", turn)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(cache.get, "left").result() == turn


@pytest.mark.django_db
def test_a_bell_rings_on_commit_only(bells, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        ring(tasks.purge_user, 7)
        assert bells == []
    assert bells == [("accounts.purge_user", 7)]


@pytest.mark.django_db(transaction=True)
def test_sqlite_is_tuned_as_in_real_life():
    if connection.vendor != "sqlite":
        pytest.skip("the suite runs on PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (20000,)
