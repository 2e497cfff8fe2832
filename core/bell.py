"""Ringing a worker. The row in the database is the queue; the sweeper rings again for a lost bell."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import signature
from django.db import transaction
from kombu.exceptions import OperationalError

if TYPE_CHECKING:
    from celery import Task
    from celery.canvas import Signature

log = logging.getLogger(__name__)


def ring(task: Task[Any, Any], *ids: int | str) -> None:
    """Ask a worker to look at these rows once the transaction is committed.

    Never fails and never waits: with the broker away the sweeper finds the row later.
    """
    transaction.on_commit(partial(_send, task, ids))


def ring_by_name(name: str, *ids: int | str) -> None:
    """Ring, as `ring` does, a task that lies above the caller and so cannot be imported."""
    transaction.on_commit(partial(_send, signature(name), ids))


def _send(task: Task[Any, Any] | Signature[Any], ids: tuple[int | str, ...]) -> None:
    try:
        task.apply_async(args=ids, retry=False)
    except OperationalError as error:
        log.warning("Broker away, %s%r waits for the sweeper: %s", task, ids, error)
