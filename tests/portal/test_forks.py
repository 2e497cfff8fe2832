"""Nothing is shared by processes that are forked from one which has connections."""

import pytest
from django.db import connection

from portal import gunicorn

pytestmark = pytest.mark.django_db(transaction=True)


def test_before_a_web_worker_is_forked_no_connection_is_open_not_even_in_a_pool():
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        pool = connection.pool  # type: ignore[attr-defined]
        assert pool.get_stats()["pool_size"] >= 1
    gunicorn.pre_fork(None, None)
    assert connection.connection is None
    if connection.vendor == "postgresql":
        assert pool.closed
        assert not any(one.is_alive() for one in pool._workers)
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        assert connection.pool is not pool  # type: ignore[attr-defined]
    assert connection.is_usable()
