"""Turns of the schedule, and jobs that are under way or did not come to an end."""

from __future__ import annotations

from django.db import models


class Turn(models.Model):
    """An entry of the schedule, and the last slot of time in which somebody took its turn.

    Slots are numbered from 1970 on. However many schedulers run: a turn is theirs whose UPDATE made the
    number larger.
    """

    name = models.CharField(max_length=64, unique=True)
    slot = models.BigIntegerField(default=0)
    taken_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name}, slot {self.slot}"


class Job(models.Model):
    """A job that is under way, or that ended badly; one that ends well leaves no row.

    ``alive_at`` is when its worker last said that it is at it; None once it ended. ``stopped_at`` is when
    that worker was asked to stop, which is no bad end of the job's; ``stops`` is how often it went on
    elsewhere after that. ``quarantined_at`` is since when it is left alone. All by the database's clock but
    ``began_at``, which with ``worker`` tells one try from another.
    """

    task = models.CharField(max_length=64)
    key = models.CharField("of", max_length=100)
    tries = models.PositiveSmallIntegerField(default=1)
    worker = models.CharField(max_length=64, blank=True)
    began_at = models.DateTimeField()
    alive_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField("asked to stop at", null=True, blank=True)
    stops = models.PositiveSmallIntegerField("orderly stops", default=0)
    quarantined_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "key"], name="one_job_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.task}({self.key})"
