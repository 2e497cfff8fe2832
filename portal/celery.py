"""The Celery application. Its messages are bells only: every piece of work is a row in the database."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_after_setup,
    import_modules,
    task_prerun,
    worker_ready,
    worker_shutting_down,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("muster", task_cls="jobs.guard:GuardedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="worker")  # tasks that call services, and so lie above them


@import_modules.connect
def _prepare(**_: Any) -> None:
    """Before workers and beat do anything: refuse unsafe settings."""
    from portal.checks import refuse_unsafe_settings

    refuse_unsafe_settings()


@celeryd_after_setup.connect
def _give_way(instance: Any = None, **_: Any) -> None:
    # Before there are threads or children, which are as nice as who makes them.
    from portal.work import NICENESS, PATIENT

    if PATIENT.issuperset(instance.app.amqp.queues.consume_from):
        os.nice(max(0, NICENESS - os.nice(0)))
        if os.getsid(0) == os.getpid():
            # Linux may share its cores among sessions first, and then niceness counts within each alone.
            with suppress(OSError):  # not there, or not allowed in this container
                Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")


@worker_ready.connect
def _heartbeat_at_once(**_: Any) -> None:
    # By the queue, as all others: it shows that tasks are taken, not only that the process runs.
    from portal.tasks import heartbeat

    heartbeat.apply_async(retry=False)


@worker_ready.connect
def _listen(**_: Any) -> None:
    from django.conf import settings

    from jobs.deaf import Watch

    Watch(app, settings.WORKER_LOOK_SECONDS).start()


@worker_shutting_down.connect
def _note_stop(**_: Any) -> None:
    # At the first signal: whatever is ended after its grace was asked to stop, and did nothing bad.
    from jobs import guard

    guard.stop()


@task_prerun.connect
def _show_life(task: Any = None, **_: Any) -> None:
    # Any task will do: behind many slow ones the heartbeat's own would come too late.
    from portal import health

    health.note_task(task.request.delivery_info.get("routing_key", ""))
