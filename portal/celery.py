"""The Celery application. Its messages are bells only: every piece of work is a row in the database."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import import_modules, task_prerun, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("muster")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="worker")  # tasks that call services, and so lie above them


@import_modules.connect
def _prepare(**_: Any) -> None:
    """Before workers and beat do anything: refuse unsafe settings, and make room for beat's memory."""
    from django.conf import settings

    from portal.checks import refuse_unsafe_settings

    refuse_unsafe_settings()
    Path(settings.CELERY_BEAT_SCHEDULE_FILENAME).parent.mkdir(parents=True, exist_ok=True, mode=0o700)


@worker_ready.connect
def _heartbeat_at_once(**_: Any) -> None:
    # By the queue, as all others: it shows that tasks are taken, not only that the process runs.
    from portal.tasks import heartbeat

    heartbeat.apply_async(retry=False)


@task_prerun.connect
def _show_life(task: Any = None, **_: Any) -> None:
    # Any task will do: behind many slow ones the heartbeat's own would come too late.
    from portal import health

    health.note_task(task.request.delivery_info.get("routing_key", ""))
