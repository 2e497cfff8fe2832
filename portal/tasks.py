"""What workers do for the instance itself."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command

from portal import health


@shared_task(name="portal.heartbeat", expires=15)
def heartbeat() -> None:
    """Show that a worker takes tasks from the queue."""
    health.beat_heart()


@shared_task(name="portal.clear_sessions")
def clear_sessions() -> None:
    """Remove the rows of sessions that have expired."""
    call_command("clearsessions")
