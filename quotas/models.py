"""Limits per resource, their thresholds, and how much of each is used."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Resource(models.TextChoices):
    """What can be limited."""

    BYTES = "bytes", "storage"
    PROJECTS = "projects", "projects"
    ROBOTS = "robots", "robots"
    MEMBERS = "members", "members"
    ORGANIZATIONS = "organizations", "organizations"


class Quota(models.Model):
    """One resource of a namespace or an account: how much is used, and how much may be.

    The row exists from the owner's birth with ``limit`` null (no limit), so that ``used`` is exact at every
    moment and one conditional UPDATE both checks and counts.
    """

    namespace = models.ForeignKey(
        "accounts.Namespace", models.CASCADE, null=True, blank=True, related_name="quotas"
    )
    account = models.ForeignKey(
        "accounts.Account", models.CASCADE, null=True, blank=True, related_name="quotas"
    )
    resource = models.CharField(max_length=13, choices=Resource)
    limit = models.BigIntegerField(null=True, blank=True)
    # Of an organization's projects: how many it may have for one more to be made by name, when its token is
    # asked for; None for the instance's default.
    by_name_limit = models.BigIntegerField(null=True, blank=True)
    used = models.BigIntegerField(default=0, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    # Of storage: when a size was first reported, so that ``used`` means something.
    counted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Of storage under the default limit of the instance: as `Threshold.told_at`.
    told_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(namespace__isnull=False, account__isnull=True)
                | Q(namespace__isnull=True, account__isnull=False),
                name="quota_has_one_owner",
            ),
            models.UniqueConstraint(
                fields=["namespace", "resource"],
                condition=Q(namespace__isnull=False),
                name="quota_namespace_resource_once",
            ),
            models.UniqueConstraint(
                fields=["account", "resource"],
                condition=Q(account__isnull=False),
                name="quota_account_resource_once",
            ),
            models.CheckConstraint(condition=Q(used__gte=0), name="quota_used_not_negative"),
            models.CheckConstraint(
                condition=Q(limit=None) | Q(limit__gte=0), name="quota_limit_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(by_name_limit=None) | Q(by_name_limit__gte=0, resource=Resource.PROJECTS),
                name="quota_by_name_limit_of_projects",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.namespace or self.account}"


class Threshold(models.Model):
    """A share of a quota's limit at which its owner is warned, or further growth is refused."""

    class Kind(models.TextChoices):
        WARNING = "Warning"
        REJECT = "Reject"

    quota = models.ForeignKey(Quota, models.CASCADE, related_name="thresholds")
    kind = models.CharField(max_length=7, choices=Kind)
    percent = models.PositiveSmallIntegerField()
    # When somebody was told that it is reached; None once usage has fallen below it.
    told_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["quota", "kind", "percent"], name="threshold_once"),
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=100), name="threshold_is_percentage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.percent} %"


def _of_limit(name: str) -> models.ForeignKey[Quota, Quota]:
    """Return a key whose rows cost the deletion of a namespace nothing: a worker removes them afterwards."""
    return models.ForeignKey(Quota, models.DO_NOTHING, related_name=name, db_constraint=False)


class UsageSample(models.Model):
    """How much of a limited resource was used at the end of a day (UTC): the past by which it is forecast."""

    quota = _of_limit("samples")
    day = models.DateField()
    used = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["quota", "day"], name="usage_sampled_once_a_day")]
        indexes = [models.Index(fields=["day"], name="usage_sample_by_age")]

    def __str__(self) -> str:
        return f"{self.used} on {self.day}"


class LimitRequest(models.Model):
    """That somebody asks the operators for a higher limit, and what came of it."""

    class Status(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        DENIED = "denied"
        WITHDRAWN = "withdrawn"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    quota = _of_limit("requests")
    wanted = models.BigIntegerField("limit asked for")
    reason = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.OPEN, editable=False)
    requested_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_by_name = models.CharField(max_length=511, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    granted = models.BigIntegerField("limit given", null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    decided_by_name = models.CharField(max_length=511, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["quota"], condition=Q(status="open"), name="limit_request_open_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "approved", "denied", "withdrawn"]),
                name="limit_request_status_known",
            ),
            models.CheckConstraint(condition=Q(wanted__gte=1), name="limit_request_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quota}: {self.wanted} ({self.status})"


class RegistrySize(models.Model):
    """What all projects take up together, and the counting of it. One row, which is also the queue."""

    class Status(models.TextChoices):
        IDLE = "idle"
        QUEUED = "queued"
        RUNNING = "running"

    size_bytes = models.BigIntegerField(default=0)
    drifting = models.PositiveIntegerField("counters that were wrong", default=0)
    status = models.CharField(max_length=7, choices=Status, default=Status.IDLE)
    started_at = models.DateTimeField(null=True, blank=True)
    ran_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="registry_size_is_one_row"),
            models.CheckConstraint(
                condition=Q(status__in=["idle", "queued", "running"]), name="registry_size_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes ({self.status})"
