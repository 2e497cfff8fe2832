"""The bells of runs. They call services, and so lie above them."""

from __future__ import annotations

from celery import shared_task

from core.bell import ring
from runs import services

RUNG_AT_ONCE = 100


@shared_task(name="runs.work", expires=60)
def work(run_id: int) -> None:
    """Work on a run for a while, if it is due and nobody else has it."""
    if services.work(run_id):
        ring(work, run_id)


@shared_task(name="runs.sweep")
def sweep() -> None:
    """Ring again for every run that is due: a bell was lost, or a worker died."""
    for run_id in services.due(RUNG_AT_ONCE):
        ring(work, run_id)


@shared_task(name="runs.prune")
def prune() -> None:
    """Forget old runs."""
    services.prune()
