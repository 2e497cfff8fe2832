"""Ringing a worker. The row in the database is the queue; the sweeper rings again for a lost bell.

A request rings as its last act, so it must neither fail nor wait for a broker that is away or hangs: bells go
by connections of their own, which give up soon, and after one that failed none is tried for a while. Where
people and machines wait for answers (`aside`), a thread rings, and no request so much as asks Redis.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
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
REST_SECONDS = 0.01  # of the thread that rings, for which it gathers bells
_silent_until = 0.0
_ringer: Ringer | None = None


def ring(task: Task[Any, Any], *ids: int | str) -> None:
    """Ask a worker to look at these rows once the transaction is committed.

    Never fails and hardly waits: with the broker away the sweeper finds the row later.
    """
    transaction.on_commit(partial(_ring, task, ids))


def ring_unless_rung(task: Task[Any, Any], *ids: int | str) -> None:
    """Ring, as `ring` does, unless a bell of this task was rung that nobody has heard yet.

    For a task that does all there is to do, whichever row it was rung for, and says `heard` before it looks:
    the bell that was rung will find this row as well. Looking is a third of the work of ringing.
    """
    transaction.on_commit(partial(_ring, task, ids, once=True))


def heard(task: Task[Any, Any]) -> None:
    """Say that a bell was heard: what is committed from now on needs another one."""
    try:
        cache.delete(_rung(task.name))
    except RedisError:
        log.debug("Redis is away: %s is as good as heard in a moment", task.name)


def ring_by_name(name: str, *ids: int | str) -> None:
    """Ring, as `ring` does, a task that lies above the caller and so cannot be imported."""
    transaction.on_commit(partial(_ring, signature(name), ids))


def _rung(name: str) -> str:
    return f"rung:{name}"


def aside() -> None:
    """Let a thread of this process ring from now on: for processes whose callers wait, and which live long.

    A process that ends rings what is left first. One that is killed rings nothing more: the sweeper does.
    """
    global _ringer
    _ringer = Ringer()
    atexit.register(_ringer.settle, 2 * PATIENCE_SECONDS)


class Ringer:
    """A thread that rings, begun with the first bell, and anew in a process that is forked off."""

    def __init__(self) -> None:
        self._begin_anew()
        os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        self._bells: SimpleQueue[Bell | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def ring(self, bell: Bell) -> None:
        """Have a bell rung in a moment. Never fails: without a thread the sweeper finds the row."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name="bells", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError as error:  # the host has no thread to give, or the process ends
                        log.warning("No thread to ring with, %s waits for the sweeper: %s", bell, error)
                        return
                    self._thread = thread
        self._bells.put(bell)

    def settle(self, seconds: float) -> bool:
        """Wait for all bells that were to be rung by now; return whether they were."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._bells.put(done)
        return done.wait(seconds)

    def _work(self) -> None:
        while True:
            waiting = [self._bells.get()]
            try:
                while True:
                    waiting.append(self._bells.get_nowait())
            except Empty:
                pass
            rung = set()
            for one in waiting:
                try:
                    if isinstance(one, threading.Event):
                        one.set()
                    elif one.key not in rung:
                        rung.add(one.key)
                        one.ring()
                except Exception:  # the thread must live on, and the sweeper finds the row
                    log.exception("A bell could not be rung: %s", one)
            time.sleep(REST_SECONDS)


@dataclass(frozen=True)
class Bell:
    """What a worker is to be asked; `once`: unless somebody asked already, whichever row it was for."""

    task: Task[Any, Any] | Signature[Any]
    ids: tuple[int | str, ...]
    once: bool

    @property
    def key(self) -> tuple[object, ...]:
        """Return what two bells share of which one is enough."""
        return (self.task.name,) if self.once else (self.task.name, *self.ids)

    def ring(self) -> None:
        """Ring, and be silent for a while where the broker is away."""
        global _silent_until
        if time.monotonic() < _silent_until:
            return
        try:
            if self.once and not cache.add(_rung(str(self.task.name)), 1, timeout=UNHEARD_SECONDS):
                return
            with producers[_broker()].acquire(block=True, timeout=PATIENCE_SECONDS) as producer:
                self.task.apply_async(args=self.ids, producer=producer, retry=False)
        except (KombuError, RedisError, OSError) as error:  # also where all connections for bells hang
            _silent_until = time.monotonic() + PAUSE_SECONDS
            log.warning("Broker away, %s%r waits for the sweeper: %s", self.task, self.ids, error)


def _ring(task: Task[Any, Any] | Signature[Any], ids: tuple[int | str, ...], *, once: bool = False) -> None:
    if _ringer is None:
        Bell(task, ids, once).ring()
    elif time.monotonic() >= _silent_until:
        _ringer.ring(Bell(task, ids, once))


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
