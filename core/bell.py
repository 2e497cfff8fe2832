"""Ringing a worker. The row in the database is the queue; the sweeper rings again for a lost bell.

A request rings as its last act, so it must neither fail nor wait for a broker that is away or hangs: bells go
by connections of their own, which give up soon, and after one that failed none is tried for a while.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import current_app, signature
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import KombuError
from kombu.pools import producers
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from celery import Task
    from celery.canvas import Signature
    from kombu import Connection

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5  # for connecting, and for each answer
PAUSE_SECONDS = 5.0  # after a failure: until then the sweeper's turn comes sooner or later
UNHEARD_SECONDS = 1  # for which a bell that nobody hears keeps others of its kind from being rung
_silent_until = 0.0


def ring(task: Task[Any, Any], *ids: int | str) -> None:
    """Ask a worker to look at these rows once the transaction is committed.

    Never fails and hardly waits: with the broker away the sweeper finds the row later.
    """
    transaction.on_commit(partial(_send, task, ids))


def ring_unless_rung(task: Task[Any, Any], *ids: int | str) -> None:
    """Ring, as `ring` does, unless a bell of this task was rung that nobody has heard yet.

    For a task that does all there is to do, whichever row it was rung for, and says `heard` before it looks:
    the bell that was rung will find this row as well. Looking is a third of the work of ringing.
    """
    transaction.on_commit(partial(_send, task, ids, once=True))


def heard(task: Task[Any, Any]) -> None:
    """Say that a bell was heard: what is committed from now on needs another one."""
    try:
        cache.delete(_rung(task.name))
    except RedisError:
        log.debug("Redis is away: %s is as good as heard in a moment", task.name)


def ring_by_name(name: str, *ids: int | str) -> None:
    """Ring, as `ring` does, a task that lies above the caller and so cannot be imported."""
    transaction.on_commit(partial(_send, signature(name), ids))


def _rung(name: str) -> str:
    return f"rung:{name}"


def _send(task: Task[Any, Any] | Signature[Any], ids: tuple[int | str, ...], *, once: bool = False) -> None:
    global _silent_until
    if current_app.conf.task_always_eager:
        task.apply_async(args=ids)
        return
    if time.monotonic() < _silent_until:
        return
    try:
        if once and not cache.add(_rung(str(task.name)), 1, timeout=UNHEARD_SECONDS):
            return
        with producers[_broker()].acquire(block=True, timeout=PATIENCE_SECONDS) as producer:
            task.apply_async(args=ids, producer=producer, retry=False)
    except (KombuError, RedisError, OSError) as error:  # also where all connections for bells hang
        _silent_until = time.monotonic() + PAUSE_SECONDS
        log.warning("Broker away, %s%r waits for the sweeper: %s", task, ids, error)


def _broker() -> Connection:
    """Return the connection that stands for the pool of bells: the workers' own wait longer."""
    found: Connection = current_app.connection_for_write()
    # A first try only: connecting is tried again a hundred times otherwise.
    patience = {
        "socket_timeout": PATIENCE_SECONDS,
        "socket_connect_timeout": PATIENCE_SECONDS,
        "max_retries": 0,
    }
    found.transport_options = {**(found.transport_options or {}), **patience}
    return found
