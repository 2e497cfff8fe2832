"""The back office's desks for what was deleted and may come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts import services as accounts
from backoffice.desk import Desk, Figure, Neighbour, column, link
from backoffice.verbs import Verb, VerbForm, text
from projects import services as projects
from trash import selectors, services
from trash.models import Trashed, TrashedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from core.actor import Actor

RESTORE: dict[str, Callable[..., object]] = {
    Trashed.Kind.PROJECT: projects.restore_project,
    Trashed.Kind.TEAM: accounts.restore_team,
    Trashed.Kind.ROBOT: accounts.restore_robot,
    Trashed.Kind.ORGANIZATION: accounts.restore_organization,
}
BY_ROLE = (
    "Of a living organization's things only with a role there: take ownership first, "
    "unless superusers have full access (MUSTER_SUPERUSERS_FULL_ACCESS)."
)


class RestoreForm(VerbForm):
    name = text("Name", help_text="Another one if it is taken by now.")


def _is_here(thing: Trashed) -> bool:
    return thing.status != Trashed.Status.PURGING


def _restore(actor: Actor, thing: Trashed, data: dict[str, Any]) -> object:
    return RESTORE[thing.kind](actor=actor, thing=thing, name=data["name"])


@admin.register(Trashed)
class TrashedDesk(Desk):
    list_display = ("name", "kind", "namespace_link", "deleted_by_name", "deleted_at", "left", "shown_status")
    list_filter = ("kind", "status", ("namespace", AutocompleteSelectFilter))
    search_fields = ("name", "title", "deleted_by_name")
    search_help_text = "Name of the thing, or of who deleted it"
    date_hierarchy = "deleted_at"
    ordering = ("-deleted_at", "-pk")
    related = ("namespace__organization", "namespace__user", "account", "deleted_by")
    fieldsets = (
        (None, {"fields": ("name", "title", "kind", "namespace_link", "account_link", "shown_status")}),
        ("Traces", {"fields": ("deleted_by_name", "deleted_at", "left", "size", "tokens")}),
    )
    neighbours = (
        Neighbour("Rows", "trash_trashedrows", "thing__id__exact"),
        Neighbour("Usage log", "logs_logentry", "namespace__id__exact", "namespace_id"),
    )
    verbs = (
        Verb(
            "restore",
            "Restore",
            f"Brings it back as it was, but for its tokens, which stay dead. {BY_ROLE}",
            "Restored",
            _restore,
            icon="restore_from_trash",
            form=RestoreForm,
            fits=_is_here,
            initial=lambda thing: {"name": thing.name},
            single=True,
        ),
        Verb(
            "purge",
            "Delete for good",
            f"Nobody can bring it back then; a worker removes its rows. {BY_ROLE}",
            "Deleted for good",
            lambda actor, thing, data: services.purge_trashed(actor=actor, thing=thing),
            icon="delete_forever",
            fits=_is_here,
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Namespace", ordering="namespace__name")
    def namespace_link(self, thing: Trashed) -> SafeString | str:
        return link(thing.namespace)

    @column(description="Account")
    def account_link(self, thing: Trashed) -> SafeString | str:
        return link(thing.account)

    @column(description="Days left")
    def left(self, thing: Trashed) -> int:
        return selectors.days_left(thing)

    @column(
        description="State",
        ordering="status",
        label={"being put away": "info", "in the trash": "success", "being deleted for good": "danger"},
    )
    def shown_status(self, thing: Trashed) -> str:
        return thing.get_status_display()

    @column(description="Storage")
    def size(self, thing: Trashed) -> str:
        return filesizeformat(thing.size_bytes) if thing.size_bytes else "-"

    @column(description="Tokens that ended with it")
    def tokens(self, thing: Trashed) -> str:
        return ", ".join(thing.details.get("tokens", ())) or "-"

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        found = Trashed.objects.aggregate(all=Count("pk"))
        return [Figure("In the trash", found["all"], url=reverse("admin:trash_trashed_changelist"), rank=9)]


@admin.register(TrashedRows)
class TrashedRowsDesk(Desk):
    """What is in the rows is shown to nobody: there are secrets and addresses among them."""

    list_display = ("model", "count", "link", "thing_link")
    list_filter = (("thing", AutocompleteSelectFilter), "model")
    ordering = ("-pk",)
    search_fields = ("model",)
    search_help_text = "Name of the table"
    related = ("thing",)
    fields = ("thing_link", "model", "count", "link", "columns")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrashedRows]:
        found: QuerySet[TrashedRows] = super().get_queryset(request)
        return found.defer("rows", "names")

    @column(description="Thing", ordering="thing__name")
    def thing_link(self, page: TrashedRows) -> SafeString | str:
        return link(page.thing)

    @column(description="Columns")
    def columns(self, page: TrashedRows) -> str:
        return ", ".join(page.fields)
