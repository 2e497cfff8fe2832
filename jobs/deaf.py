"""A worker that looks alive and takes nothing ends itself, so that its supervisor starts another one.

Celery's consumers have been seen so after a broker came back: connected, and asking for nothing. The sign is
bells that wait while nothing is being done and nothing was taken for a while.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from celery.worker import state
from kombu import Queue
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)

LOOKS = 4  # in a row at which it was idle before bells that wait
GRACE_SECONDS = 10.0
STATUS = 70


class Watch(threading.Thread):
    """Looks at the queues of this worker from a connection of its own."""

    def __init__(self, app: Celery, seconds: float) -> None:
        super().__init__(name="jobs-deaf", daemon=True)
        self.app, self.seconds = app, seconds
        self.queues = list(app.amqp.queues.consume_from)
        self.looks, self.taken = 0, 0

    def run(self) -> None:
        """Look until this worker is deaf, then end it."""
        while not self.is_deaf():
            time.sleep(self.seconds)
        waited = self.seconds * LOOKS
        log.critical("Bells wait, and nothing was taken for %.0f s: this worker ends", waited)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(STATUS)

    def is_deaf(self) -> bool:
        """Look once more; tell whether this was one time too many."""
        taken = sum(state.total_count.values())
        idle = taken == self.taken and not state.active_requests and not state.reserved_requests
        self.taken = taken
        self.looks = self.looks + 1 if idle and self._bells_wait() else 0
        return self.looks >= LOOKS

    def _bells_wait(self) -> bool:
        try:
            with self.app.connection_for_write() as broker, broker.channel() as channel:
                return any(length(channel, name) for name in self.queues)
        except (KombuError, RedisError, OSError):
            return False  # that is the broker's fault


def length(channel: Any, name: str) -> int:
    """Return how many bells wait in a queue."""
    told: Any = Queue(name, channel=channel).queue_declare()
    return int(told.message_count)
