"""Streams of the usage log: who is pushed its entries, and how far."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Stream(models.Model):
    """Entries of a namespace's log, or of the instance's (without one), pushed to one receiver in batches.

    All up to the place ``xact.entry`` (`logs.settled.Cursor`) was taken by the receiver. While there is an
    ``until``, a batch up to there is fixed: whoever sends it again sends the same, under the same id.

    The row is the queue: ``due_at`` is when a worker should look at it, at once, after a pause, or when the
    lease of the worker that has it runs out; None while there is nothing to send. ``claim`` names who has it.
    While ``old_secret_until`` is to come, batches are signed with both secrets.
    """

    class Method(models.TextChoices):
        WEBHOOK = "webhook"
        SYSLOG = "syslog"
        FILE = "file"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(
        "accounts.Namespace", models.CASCADE, null=True, blank=True, related_name="log_streams"
    )
    title = models.CharField(max_length=60, blank=True)
    method = models.CharField(max_length=8, choices=Method)
    config = models.JSONField(default=dict, blank=True)
    secret_sealed = models.TextField(blank=True, editable=False)
    old_secret_sealed = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)

    xact = models.BigIntegerField("sent up to transaction", default=0, editable=False)
    entry = models.BigIntegerField("and entry", default=0, editable=False)
    until_xact = models.BigIntegerField("batch up to transaction", null=True, blank=True, editable=False)
    until_entry = models.BigIntegerField("and entry", null=True, blank=True, editable=False)

    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now, editable=False)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField("failures in a row", default=0, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField("what failed last", max_length=1000, blank=True, editable=False)
    last_status = models.PositiveSmallIntegerField("last answer", null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused = models.BooleanField("switched off by hand", default=False, editable=False)
    mail_due_at = models.DateTimeField("mail that it is off is due", null=True, blank=True, editable=False)

    sent_entries = models.BigIntegerField("entries sent", default=0, editable=False)
    sent_batches = models.BigIntegerField("batches sent", default=0, editable=False)
    sent_at = models.DateTimeField("last sent", null=True, blank=True, editable=False)
    lost_entries = models.BigIntegerField("entries that were archived unsent", default=0, editable=False)
    test_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    tested_at = models.DateTimeField(null=True, blank=True, editable=False)
    test_error = models.CharField("what failed at the test", max_length=1000, blank=True, editable=False)

    created_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(method__in=["webhook", "syslog", "file"]), name="stream_method_known"
            ),
            models.CheckConstraint(
                condition=~Q(method="file") | Q(namespace__isnull=True), name="stream_file_of_instance_only"
            ),
            models.CheckConstraint(
                condition=Q(~Q(secret_sealed=""), method="webhook")
                | Q(~Q(method="webhook"), secret_sealed=""),
                name="stream_secret_of_webhooks_only",
            ),
            models.CheckConstraint(
                condition=Q(until_xact__isnull=True, until_entry__isnull=True)
                | Q(until_xact__isnull=False, until_entry__isnull=False),
                name="stream_batch_ends_at_a_place",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="stream_due"),
            models.Index(
                fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="stream_mail_due"
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.get_method_display()} {self.uuid}"

    @property
    def state(self) -> str:
        """Say how it is: on, failing, off after failures, or paused by hand."""
        if self.disabled_at is not None:
            return "paused" if self.paused else "off"
        return "failing" if self.failures else "on"
