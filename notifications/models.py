"""Messages to everybody, subscriptions to events, and their deliveries."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class GlobalMessage(models.Model):
    """A message that every wire and the console show to everybody (quay-a.md 5.3)."""

    class Severity(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        ERROR = "error"

    class MediaType(models.TextChoices):
        PLAIN = "text/plain"
        MARKDOWN = "text/markdown"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    content = models.TextField()
    severity = models.CharField(max_length=7, choices=Severity)
    media_type = models.CharField(max_length=13, choices=MediaType)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.content[:60]


class Subscription(models.Model):
    """Who wants to hear of an event in one namespace, or in one project, and how (quay-b.md 4)."""

    class Method(models.TextChoices):
        WEBHOOK = "webhook"
        EMAIL = "email", "e-mail"
        IN_CONSOLE = "in_console", "in the console"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(
        "accounts.Namespace", models.CASCADE, null=True, blank=True, related_name="subscriptions"
    )
    project = models.ForeignKey(
        "projects.Project", models.CASCADE, null=True, blank=True, related_name="subscriptions"
    )
    event = models.CharField(max_length=64)
    method = models.CharField(max_length=16, choices=Method)
    config = models.JSONField(default=dict, blank=True)
    event_config = models.JSONField(default=dict, blank=True)
    title = models.CharField(max_length=255, blank=True)
    secret_sealed = models.TextField(blank=True, editable=False)
    number_of_failures = models.PositiveIntegerField("failures in a row", default=0)
    disabled_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(namespace__isnull=False, project__isnull=True)
                | Q(namespace__isnull=True, project__isnull=False),
                name="subscription_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(method__in=["webhook", "email", "in_console"]), name="subscription_method_known"
            ),
            models.CheckConstraint(
                condition=Q(~Q(secret_sealed=""), method="webhook")
                | Q(~Q(method="webhook"), secret_sealed=""),
                name="subscription_secret_of_webhooks_only",
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.event} by {self.get_method_display()}"


class Delivery(models.Model):
    """One telling of one log entry to one subscription. The row is the queue, as `logs.models.LogExport` is.

    It has no entry when it is a test. Its keys have no constraint in the database: nobody's change may fail,
    or wait, because a subscription is being deleted meanwhile. Rows left over go with the old ones.

    ``due_at`` is when a worker should look at it: at once, after a pause, or when the lease of the worker
    that has it runs out; None means never again. ``claim`` names who has it.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(
        Subscription, models.DO_NOTHING, related_name="deliveries", db_constraint=False, db_index=False
    )
    entry = models.ForeignKey(
        "logs.LogEntry",
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    event = models.CharField(max_length=64)
    payload = models.JSONField()
    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_status = models.PositiveSmallIntegerField("last answer", null=True, blank=True)
    last_seconds = models.FloatField("seconds it took", null=True, blank=True)
    last_excerpt = models.TextField("start of the last answer", blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "entry"], name="delivery_once_per_entry"),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "failed"]), name="delivery_status_known"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="delivery_due"),
            models.Index(fields=["subscription", "-id"], name="delivery_by_subscription"),
            models.Index(fields=["created_at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.uuid} ({self.status})"
