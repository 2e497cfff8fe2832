"""Removing the rows of deleted projects, and ending links to cloud providers."""

from __future__ import annotations

from celery import shared_task

from core.batches import delete_in_batches
from notifications.models import Delivery, Subscription
from permissions.models import Grant
from projects.models import Project, Star
from tokens.models import Credential


def purge(project_id: int) -> None:
    """Remove what hangs on a deleted project, then the project; the log keeps its name."""
    delete_in_batches(Grant.objects.filter(project=project_id))
    delete_in_batches(Star.objects.filter(project=project_id))
    delete_in_batches(Credential.objects.filter(project=project_id))
    delete_in_batches(Delivery.objects.filter(subscription__project=project_id))
    delete_in_batches(Subscription.objects.filter(project=project_id))
    Project.objects.filter(pk=project_id).exclude(deleted_at=None).delete()


@shared_task(name="projects.purge_project")
def purge_project(project_id: int) -> None:
    """Purge one project, if it is deleted."""
    if Project.objects.filter(pk=project_id).exclude(deleted_at=None).exists():
        purge(project_id)


def end_link(project_id: int) -> None:
    """End the link of a project that is being disconnected; of any other nothing."""
    status = Project.Connection
    Project.objects.filter(pk=project_id, connection_status=status.DISCONNECTING).update(
        connection_status=status.DISCONNECTED
    )


@shared_task(name="projects.disconnect")
def disconnect(project_id: int) -> None:
    """End the link of one project."""
    end_link(project_id)


@shared_task(name="projects.sweep")
def sweep() -> None:
    """Purge every deleted project, and disconnect every project, whose bell was lost."""
    for project_id in Project.objects.exclude(deleted_at=None).values_list("pk", flat=True)[:1000]:
        purge(project_id)
    waiting = Project.objects.filter(connection_status=Project.Connection.DISCONNECTING)
    for project_id in waiting.values_list("pk", flat=True)[:1000]:
        end_link(project_id)
