"""Projects, which some wires call repositories, and stars."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.names import NAME_MAX, project_rule


class Project(models.Model):
    """What Quay and Codacy call a repository, addressed as ``namespace/slug``; the slug may hold slashes."""

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        PRIVATE = "private"

    class State(models.TextChoices):
        NORMAL = "NORMAL"
        READ_ONLY = "READ_ONLY"
        MIRROR = "MIRROR"

    class Connection(models.TextChoices):
        CONNECTED = "connected"
        DISCONNECTING = "disconnecting"
        DISCONNECTED = "disconnected"

    # Without an index of its own: `project_by_namespace` begins with it.
    namespace = models.ForeignKey(
        "accounts.Namespace", models.PROTECT, related_name="projects", db_index=False
    )
    slug = models.CharField(max_length=NAME_MAX, validators=[project_rule])
    name = models.CharField("name as typed", max_length=255)
    description = models.TextField(blank=True)
    visibility = models.CharField(max_length=7, choices=Visibility, default=Visibility.PRIVATE)
    state = models.CharField(max_length=9, choices=State, default=State.NORMAL)
    icon = models.CharField(max_length=1024, blank=True)
    git_url = models.CharField(max_length=1024, blank=True)
    contact = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="contact_of"
    )
    team = models.ForeignKey(
        "accounts.Team", models.SET_NULL, null=True, blank=True, related_name="owned_projects"
    )
    # Whether it is linked to a cloud provider (flexstack.md 5.1). A row that is disconnecting is the queue of
    # the worker that ends the link.
    connection_status = models.CharField(
        max_length=13, choices=Connection, default=Connection.DISCONNECTED, editable=False
    )
    # An environment of somebody else's: kept as it comes, it leads to no row.
    default_environment = models.UUIDField(null=True, blank=True)
    badge = models.UUIDField(default=uuid.uuid4, editable=False)
    # What was last reported of the bytes that it takes up, and when; counted in the namespace's quota row.
    size_bytes = models.BigIntegerField(default=0, editable=False)
    size_reported_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "slug"], condition=Q(deleted_at=None), name="project_slug_taken_once"
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=["public", "private"]), name="project_visibility_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["NORMAL", "READ_ONLY", "MIRROR"]), name="project_state_known"
            ),
            models.CheckConstraint(condition=Q(size_bytes__gte=0), name="project_size_not_negative"),
            models.CheckConstraint(
                condition=Q(connection_status__in=["connected", "disconnecting", "disconnected"]),
                name="project_connection_known",
            ),
        ]
        indexes = [
            models.Index(fields=["namespace", "id"], name="project_by_namespace"),
            models.Index(fields=["namespace", "created_at", "id"], name="project_by_age"),
            models.Index(
                fields=["connection_status"],
                condition=Q(connection_status="disconnecting"),
                name="project_to_disconnect",
            ),
            models.Index(fields=["deleted_at"], name="project_to_purge", condition=~Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """``namespace/slug``. Needs ``namespace`` loaded."""
        return f"{self.namespace.name}/{self.slug}"


class Star(models.Model):
    """A project that a person marked."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="stars")
    project = models.ForeignKey(Project, models.CASCADE, related_name="stars")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "project"], name="star_once")]

    def __str__(self) -> str:
        return f"{self.user} stars {self.project}"
