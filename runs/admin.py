"""The back office's desks for runs: looked at here, cancelled and done again in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.desk import Desk, Neighbour, column, link
from runs.models import Run, RunItem

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


@admin.register(Run)
class RunDesk(Desk):
    list_display = ("created_at", "action", "namespace_link", "asked_by_name", "state", "number", "failed")
    list_filter = ("status", "action", ("namespace", AutocompleteSelectFilter))
    search_fields = ("=uuid", "asked_by_name")
    search_help_text = "Key of the run, or name of who asked for it"
    ordering = ("-pk",)
    related = ("namespace__organization", "namespace__user", "asked_by")
    fieldsets = (
        (None, {"fields": ("uuid", "action", "namespace_link", "state")}),
        ("Things", {"fields": ("number", "done", "failed", "spared")}),
        ("Traces", {"fields": ("asked_by_name", "ip", "created_at", "started_at", "ended_at")}),
        ("Worker", {"fields": ("due_at", "tries")}),
    )
    neighbours = (Neighbour("Items", "runs_runitem", "run__id__exact"),)

    @column(description="Namespace", ordering="namespace__name")
    def namespace_link(self, run: Run) -> SafeString | str:
        return link(run.namespace)

    @column(
        description="State",
        ordering="status",
        label={"waiting": "info", "under way": "info", "done": "success", "cancelled": "warning"},
    )
    def state(self, run: Run) -> str:
        return run.get_status_display()


@admin.register(RunItem)
class RunItemDesk(Desk):
    list_display = ("name", "state", "reason", "run_link", "position")
    list_filter = ("status", ("run", AutocompleteSelectFilter))
    search_fields = ("name",)
    search_help_text = "Name of the thing"
    ordering = ("-pk",)
    related = ("run",)
    fields = ("name", "target", "state", "reason", "run_link", "position")

    @column(description="Run")
    def run_link(self, item: RunItem) -> SafeString | str:
        return link(item.run)

    @column(
        description="State",
        ordering="status",
        label={
            "waiting": "info",
            "done": "success",
            "failed": "danger",
            "unchanged": "info",
            "added": "success",
            "changed": "success",
            "removed": "warning",
        },
    )
    def state(self, item: RunItem) -> str:
        return item.get_status_display()
