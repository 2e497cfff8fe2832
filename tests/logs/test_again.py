"""Putting an export back into the queue."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.errors import Conflict, Forbidden
from logs import services
from logs.exports import queue
from logs.models import LogEntry, LogExport
from tests import make
from tests.logs import written
from tests.logs.written import WEEK

# The worker reads by a connection of its own on PostgreSQL.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def export(acme, owner):
    written.entries(acme, 3)
    return services.request_export(actor=owner, namespace=acme.namespace, **WEEK)


def test_a_failed_export_is_built_after_all(export, owner, bells):
    LogExport.objects.update(
        status="failed", attempts=3, due_at=None, error="gone", finished_at=timezone.now()
    )
    bells.clear()
    services.retry_export(actor=owner, export=export)
    assert bells == [("logs.build_export", export.pk)]
    told = LogEntry.objects.get(kind="export_logs_retry")
    assert (told.namespace, told.metadata) == (export.namespace, {"export_id": str(export.uuid)})
    queue.work(export.pk)
    export.refresh_from_db()
    assert (export.status, export.rows_written, export.error) == ("done", 3, "")


def test_a_pause_is_cut_short(export, owner):
    LogExport.objects.update(due_at=timezone.now() + timedelta(hours=1))
    services.retry_export(actor=owner, export=export)
    assert export.due_at <= timezone.now()


@pytest.mark.parametrize("status", ["running", "done", "cancelled"])
def test_what_is_not_waiting_is_left_alone(export, owner, status):
    LogExport.objects.update(status=status)
    with pytest.raises(Conflict):
        services.retry_export(actor=owner, export=export)
    assert not LogEntry.objects.filter(kind="export_logs_retry").exists()


def test_superusers_keep_everybodys_exports_and_strangers_none(export):
    LogExport.objects.update(status="failed")
    stranger = make.actor(make.user("stranger"))
    for service in (services.retry_export, services.cancel_export):
        with pytest.raises(Forbidden):
            service(actor=stranger, export=export)
    root = make.actor(make.user("root", superuser=True))
    services.retry_export(actor=root, export=export)
    assert services.cancel_export(actor=root, export=export).status == "cancelled"
