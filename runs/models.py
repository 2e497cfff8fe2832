"""Runs over many things, and what became of each."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Run(models.Model):
    """Something that a person asked to be done to many things of a namespace, one after the other.

    The row is the queue. ``due_at`` is when somebody should look at it: a worker that has it moves that ahead
    with every item, so that the run of a worker that is gone is due soon; None once it has ended. ``tries``
    is how often a worker took it up since the last item that came to an end. Whoever works on an item, or
    cancels, holds this row: one at a time.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "under way"
        DONE = "done", "done"
        CANCELLED = "cancelled", "cancelled"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey("accounts.Namespace", models.CASCADE, related_name="runs")
    action = models.CharField(max_length=32)
    arguments = models.JSONField(default=dict, blank=True)
    asked_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    asked_by_name = models.CharField(max_length=255, blank=True, editable=False)
    # From where she asked, for what the usage log tells of each item.
    ip = models.GenericIPAddressField(null=True, blank=True, editable=False)
    user_agent = models.CharField(max_length=255, blank=True, editable=False)
    # The run of which this one does the failed items again, or undoes what was done.
    origin = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="followers", editable=False
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED, editable=False)
    number = models.PositiveIntegerField("items", default=0, editable=False)
    done = models.PositiveIntegerField(default=0, editable=False)
    failed = models.PositiveIntegerField(default=0, editable=False)
    # That were as they should be before it came to them.
    spared = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["namespace", "-id"], name="run_namespace_newest"),
            models.Index(fields=["due_at"], name="run_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["ended_at"], name="run_ended"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "cancelled"]), name="run_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.uuid}"

    @property
    def is_open(self) -> bool:
        """Tell whether something may still be done."""
        return self.ended_at is None

    @property
    def left(self) -> int:
        """How many things it has not come to."""
        return max(0, self.number - self.done - self.failed - self.spared)


class RunItem(models.Model):
    """One of the things, by its key and the name that it had; ``reason`` says why it failed, or what else.

    What a file does to an organization is written down when it is done: added, changed and removed are ways
    to be done.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        SPARED = "spared", "unchanged"
        ADDED = "added", "added"
        CHANGED = "changed", "changed"
        REMOVED = "removed", "removed"

    run = models.ForeignKey(Run, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    # Not a foreign key: things of every sort, and they may be gone by then. 0: there is none of that name.
    target = models.BigIntegerField(default=0)
    name = models.CharField(max_length=600)
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "position"], name="run_item_position_once"),
            models.CheckConstraint(
                condition=Q(
                    status__in=["waiting", "done", "failed", "spared", "added", "changed", "removed"]
                ),
                name="run_item_status_known",
            ),
        ]
        indexes = [models.Index(fields=["run", "status", "position"], name="run_item_by_status")]

    def __str__(self) -> str:
        return self.name
