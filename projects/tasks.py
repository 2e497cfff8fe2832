"""Removing the rows of deleted projects, and ending links to cloud providers."""

from __future__ import annotations

from celery import shared_task
from django.db.models import OuterRef, Subquery

from core.batches import delete_in_batches
from jobs.guard import each
from notifications.models import Delivery, Subscription
from permissions.models import Grant
from projects.models import Project, Star
from tokens.models import Credential
from trash.archive import move
from trash.models import Trashed


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
    """Put one deleted project into the trash, or purge it where nobody can restore it."""
    # Asked at once: whoever restores it meanwhile finds it whole.
    thing = Trashed.objects.filter(kind=Trashed.Kind.PROJECT, target=OuterRef("pk"))
    here = thing.exclude(status=Trashed.Status.PURGING)
    row = Project.objects.filter(pk=project_id).exclude(deleted_at=None)
    for kept in row.annotate(trashed=Subquery(here.values("pk"))).values_list("trashed", flat=True):
        if kept is None:
            purge(project_id)
        else:
            move(kept)


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
    each(purge_project, Project.objects.exclude(deleted_at=None).values_list("pk", flat=True)[:1000])
    waiting = Project.objects.filter(connection_status=Project.Connection.DISCONNECTING)
    for project_id in waiting.values_list("pk", flat=True)[:1000]:
        end_link(project_id)
