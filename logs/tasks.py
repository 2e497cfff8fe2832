"""The bells of log exports. The rows are the queue: a bell may be lost, late, or ring twice."""

from __future__ import annotations

from celery import shared_task

from core.bell import ring
from logs.exports import queue

RUNG_AT_ONCE = 100


@shared_task(name="logs.build_export", expires=300)
def build_export(export_id: int) -> None:
    """Do what is to be done next for an export, if it is due and nobody else has it."""
    queue.work(export_id)


@shared_task(name="logs.sweep")
def sweep() -> None:
    """Ring again for every export that is due: a bell was lost, a worker died, a pause or a link is over."""
    for export_id in queue.due(RUNG_AT_ONCE):
        ring(build_export, export_id)
