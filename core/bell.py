"""Ringing a worker. The row in the database is the queue; the sweeper rings again for a lost bell."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from kombu.exceptions import OperationalError

if TYPE_CHECKING:
    from celery import Task

log = logging.getLogger(__name__)


def ring(task: Task[Any, Any], *ids: int | str) -> None:
    """Ask a worker to look at these rows once the transaction is committed.

    Never fails and never waits: with the broker away the sweeper finds the row later.
    """
    transaction.on_commit(partial(_send, task, ids))


def _send(task: Task[Any, Any], ids: tuple[int | str, ...]) -> None:
    try:
        task.apply_async(args=ids, retry=False)
    except OperationalError as error:
        log.warning("Broker away, %s%r waits for the sweeper: %s", task.name, ids, error)
