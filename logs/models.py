"""The usage log and its exports."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


def _subject(to: str) -> models.ForeignKey[models.Model | None, models.Model | None]:
    """Return a key that outlives what it points at: no constraint, nothing cascades into the log."""
    return models.ForeignKey(
        to, models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False, db_index=False
    )


class LogEntry(models.Model):
    """Who did what to what, when, from where, with which credential. Names are copied beside the keys."""

    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=64)
    namespace = _subject("accounts.Namespace")
    namespace_name = models.CharField(max_length=255, blank=True)
    namespace_kind = models.CharField(max_length=12, blank=True)
    project = _subject("projects.Project")
    project_name = models.CharField(max_length=255, blank=True)
    performer = _subject("accounts.User")
    performer_name = models.CharField(max_length=511, blank=True)
    performer_kind = models.CharField(max_length=12, blank=True)
    performer_email = models.CharField(max_length=254, blank=True)
    credential = _subject("tokens.Credential")
    credential_name = models.CharField(max_length=255, blank=True)
    dialect = models.CharField(max_length=16, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "log entries"
        indexes = [
            models.Index(fields=["namespace", "-at", "-id"], name="log_by_namespace"),
            models.Index(fields=["project", "-at", "-id"], name="log_by_project"),
            models.Index(fields=["-at", "-id"], name="log_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind} by {self.performer_name or 'nobody'}"


class LogExport(models.Model):
    """A requested export. The row is the queue: a worker takes it, once ``due_at`` has come, by an UPDATE.

    ``due_at`` is when somebody should look at the row again: at once, after a pause, when the lease of the
    worker that has it runs out, or when its file expires; None means never. ``claim`` names who has it, so
    that a worker that lost its lease cannot write any more.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(
        "accounts.Namespace", models.SET_NULL, null=True, blank=True, related_name="log_exports"
    )
    namespace_name = models.CharField(max_length=255, blank=True)
    project = models.ForeignKey(
        "projects.Project", models.SET_NULL, null=True, blank=True, related_name="log_exports"
    )
    project_name = models.CharField(max_length=255, blank=True)
    filters = models.JSONField(default=dict, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField("ends before")
    requested_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="log_exports"
    )
    requested_by_name = models.CharField(max_length=255, blank=True)
    dialect = models.CharField(max_length=16, blank=True)
    callback_url = models.TextField(blank=True)
    callback_email = models.CharField(max_length=254, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField("attempts to build the file", default=0)
    tellings = models.PositiveSmallIntegerField("attempts to call back and to mail", default=0)
    last_id = models.BigIntegerField(null=True, blank=True, editable=False)
    rows_expected = models.BigIntegerField(null=True, blank=True)
    rows_written = models.BigIntegerField(default=0)
    percent = models.PositiveSmallIntegerField(default=0)
    storage_name = models.CharField(max_length=255, blank=True, editable=False)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    called_back_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lte=models.F("ends_at")), name="export_range_ordered"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="export_due"),
            models.Index(fields=["namespace", "-id"], name="export_by_namespace"),
        ]

    def __str__(self) -> str:
        return f"export {self.uuid} ({self.status})"
