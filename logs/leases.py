"""Keeping a row that a worker has, for as long as it works for it, whatever that work waits for."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from django.db.models import QuerySet

log = logging.getLogger(__name__)


@contextmanager
def renewed(
    mine: QuerySet[Any], until: Callable[[], datetime], *, every: timedelta, longest: timedelta
) -> Iterator[None]:
    """Move the ``due_at`` of a row to ``until()`` again and again, as long as the block runs.

    ``mine`` is the row as long as it is this worker's: once it is not, nothing is written any more. A block
    that runs for longer than ``longest`` is taken for stuck, and its row left to others.
    """
    over = threading.Event()

    def keep_on() -> None:
        end, wait = time.monotonic() + longest.total_seconds(), every
        while not over.wait(wait.total_seconds()) and time.monotonic() < end:
            try:
                if not mine.update(due_at=until()):
                    return
                wait = every
            except DatabaseError as error:
                log.warning("A lease is not renewed: %s: %s", mine.model.__name__, error)
                wait = every / 10  # so that a few connections that the server hung up do not lose it
            finally:
                connection.close()

    keeper = threading.Thread(target=keep_on, name=f"lease-{mine.model.__name__}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
