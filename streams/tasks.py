"""The bells of streams. The rows are the queue: bells may be lost, or ring twice."""

from __future__ import annotations

from celery import shared_task

from core.bell import ring
from streams import batches, dispatch, off

RUNG_AT_ONCE = 8


@shared_task(name="streams.work", expires=60)
def work() -> None:
    """Send what was written since the last turn, and what is due again."""
    for stream_id in off.due(RUNG_AT_ONCE):
        ring(tell_off, stream_id)
    if dispatch.work_off():
        ring(work)


@shared_task(name="streams.tell_off", expires=60)
def tell_off(stream_id: int) -> None:
    """Mail who answers for a stream that it was switched off, if that is owed."""
    off.mail(stream_id)


@shared_task(name="streams.prune")
def prune() -> None:
    """Forget old secrets."""
    batches.prune()
