"""What was deleted and may come back: the thing, and the rows that it was made of."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Trashed(models.Model):
    """A deleted project, team, robot or organization that can be restored until it is purged.

    ``target`` is the key that the thing had and will have again. ``moving`` says that a worker still puts its
    rows away, ``purging`` that nobody can restore it any more.
    """

    class Kind(models.TextChoices):
        PROJECT = "project"
        TEAM = "team"
        ROBOT = "robot"
        ORGANIZATION = "organization"

    class Status(models.TextChoices):
        MOVING = "moving", "being put away"
        KEPT = "kept", "in the trash"
        PURGING = "purging", "being deleted for good"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    # Of an organization its own, which is a tombstone meanwhile.
    namespace = models.ForeignKey("accounts.Namespace", models.CASCADE, related_name="trash")
    target = models.BigIntegerField(editable=False)
    name = models.CharField(max_length=255)
    title = models.CharField("name as typed", max_length=255, blank=True)
    size_bytes = models.BigIntegerField(default=0, editable=False)
    status = models.CharField(max_length=7, choices=Status, default=Status.MOVING, editable=False)
    deleted_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    deleted_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    deleted_by_name = models.CharField(max_length=511, blank=True, editable=False)
    # Of an organization: the account that it was in, and who owned it; both may restore it.
    account = models.ForeignKey(
        "accounts.Account", models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    owners = models.ManyToManyField("accounts.User", related_name="trashed_organizations", blank=True)
    # ``tokens``: what was ended with it, for who makes them anew; ``members``: who of those that it names
    # were in the organization.
    details = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "trashed things"
        constraints = [
            models.UniqueConstraint(fields=["kind", "target"], name="trashed_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["project", "team", "robot", "organization"]), name="trashed_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["moving", "kept", "purging"]), name="trashed_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class TrashedRows(models.Model):
    """Some rows of one table as they were, which no selector can meet: they are text here.

    ``rows`` are lists of texts, or null, in the order of ``fields``; secrets among them stay sealed.
    ``names`` are those of the people, teams and robots that the rows refer to, by model and key. With
    ``link`` the rows themselves stayed, and only let go of the thing: each is its key and what it held.
    """

    thing = models.ForeignKey(Trashed, models.CASCADE, related_name="pages")
    model = models.CharField(max_length=64)
    link = models.CharField(max_length=64, blank=True)
    fields = models.JSONField(default=list)
    rows = models.JSONField(default=list)
    count = models.PositiveIntegerField("rows", default=0)
    names = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "trashed rows"

    def __str__(self) -> str:
        return f"{self.model} of {self.thing}"
