"""The back office's desks for jobs that did not come to an end, and for the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse

from backoffice.desk import Desk, Figure, column
from backoffice.filters import StateFilter
from backoffice.verbs import Verb
from jobs import selectors, services
from jobs.models import Job, Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest


class QuarantineFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("quarantined", "in quarantine", Q(quarantined_at__isnull=False)),
            ("open", "under way, or to be tried again", Q(quarantined_at=None)),
        ]


@admin.register(Job)
class JobDesk(Desk):
    """Jobs under way, too: of those that are well, none is seen for long."""

    list_display = ("task", "key", "state", "tries", "began_at", "error")
    list_filter = (QuarantineFilter, "task")
    search_fields = ("task", "=key", "error")
    search_help_text = "Name of the job, key of what it is for, or error"
    ordering = ("-began_at", "-pk")
    fieldsets = (
        (None, {"fields": ("task", "key", "state", "tries", "stops", "error")}),
        ("Worker", {"fields": ("worker", "began_at", "alive_at", "stopped_at", "quarantined_at")}),
    )
    verbs = (
        Verb(
            "release",
            "Let it be tried again",
            "Its three tries are forgotten; the next sweep rings for it. Look first at why it failed.",
            "It will be tried again",
            lambda actor, job, data: services.release_job(actor=actor, job=job),
            icon="replay",
            fits=lambda job: job.quarantined_at is not None,
        ),
    )

    @column(
        description="State",
        ordering="quarantined_at",
        label={"under way": "info", "stopped": "info", "failed": "warning", "in quarantine": "danger"},
    )
    def state(self, job: Job) -> str:
        if job.quarantined_at is not None:
            return "in quarantine"
        if job.stopped_at is not None:
            return "stopped"  # with its worker: it goes on in another one
        return "failed" if job.alive_at is None else "under way"

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        count = selectors.count_quarantined()
        address = reverse("admin:jobs_job_changelist")
        return [
            Figure(
                "Jobs in quarantine",
                count,
                url=f"{address}?state=quarantined",
                mood="danger" if count else "",
                rank=12,
            )
        ]


@admin.register(Turn)
class TurnDesk(Desk):
    list_display = ("name", "taken_at", "slot")
    ordering = ("name",)
    search_fields = ("name",)
    search_help_text = "Name of the entry"
    fields = ("name", "slot", "taken_at")
