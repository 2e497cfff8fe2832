"""The back office's desks for the usage log and its exports."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.paginator import InfinitePaginator

from backoffice.desk import Desk, Figure, column, link
from backoffice.filters import SpanFilter, StateFilter
from backoffice.verbs import Verb
from logs import services
from logs.chain import state
from logs.kinds import KINDS
from logs.models import (
    LogArchive,
    LogChain,
    LogCheckpoint,
    LogCount,
    LogEntry,
    LogExport,
    LogExportPart,
    LogMark,
    LogSeal,
    LogSealMark,
    LogVerification,
    LogView,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

Status = LogExport.Status
DIALECTS = ("admin", "console", "quay", "system")


class KindFilter(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.replace("_", " ")) for name in sorted(KINDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class GroupFilter(StateFilter):
    title = "about"
    parameter_name = "group"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        names: dict[str, list[str]] = defaultdict(list)
        for kind in KINDS.values():
            names[kind.group].append(kind.name)
        return [(group, group, Q(kind__in=found)) for group, found in sorted(names.items())]


class WhenFilter(StateFilter):
    title = "when"
    parameter_name = "when"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        now = timezone.now()
        return [
            ("hour", "the last hour", Q(at__gt=now - timedelta(hours=1))),
            ("day", "the last day", Q(at__gt=now - timedelta(days=1))),
            ("week", "the last 7 days", Q(at__gt=now - timedelta(days=7))),
            ("month", "the last 30 days", Q(at__gt=now - timedelta(days=30))),
        ]


class DialectFilter(StateFilter):
    title = "door"
    parameter_name = "door"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [(name, name, Q(dialect=name)) for name in DIALECTS]


@admin.register(LogView)
class LogViewDesk(Desk):
    list_display = ("name", "owner", "log_of", "is_shared", "changed_at")
    list_filter = ("is_shared", ("user", AutocompleteSelectFilter), ("namespace", AutocompleteSelectFilter))
    search_fields = ("name", "user__username", "namespace__key")
    search_help_text = "Name of the view, of its owner or of the namespace"
    ordering = ("name", "pk")
    related = ("user", "namespace")
    fields = ("name", "owner", "log_of", "shown_query", "is_shared", "created_at", "changed_at")

    @column(description="Owner", ordering="user__username")
    def owner(self, view: LogView) -> SafeString | str:
        return link(view.user)

    @column(description="Log of", ordering="namespace__name")
    def log_of(self, view: LogView) -> SafeString | str:
        return link(view.namespace) if view.namespace else "the whole instance"

    @column(description="Filter")
    def shown_query(self, view: LogView) -> str:
        return ", ".join(f"{name}: {value}" for name, value in view.query.items()) or "-"


@admin.register(LogEntry)
class LogEntryDesk(Desk):
    list_display = (
        "at",
        "sentence",
        "namespace_name",
        "project_name",
        "performer_name",
        "address",
        "dialect",
    )
    list_filter = (KindFilter, WhenFilter, GroupFilter, DialectFilter, ("at", SpanFilter))
    search_fields = ("^namespace_name", "^performer_name", "^project_name", "=ip")
    search_help_text = "Beginning of a namespace, performer or project, or a whole address"
    ordering = ("-at", "-id")  # by its index
    # The log may hold many millions of rows: it is neither counted nor grouped by day.
    paginator = InfinitePaginator
    show_full_result_count = False
    # Names are copied into the entry; what it points at may be long gone.
    fieldsets = (
        (None, {"fields": ("at", "kind", "sentence", "metadata")}),
        ("Where", {"fields": ("namespace_name", "namespace_kind", "project_name")}),
        (
            "Who",
            {"fields": ("performer_name", "performer_kind", "performer_email", "credential_name")},
        ),
        ("From", {"fields": ("dialect", "address")}),
    )

    @column(description="Address")
    def address(self, entry: LogEntry) -> str:
        return entry.ip or "-"

    @column(description="What")
    def sentence(self, entry: LogEntry) -> str:
        kind = KINDS.get(entry.kind)
        if kind is None:
            return entry.kind
        told = {
            **entry.metadata,
            "performer": entry.performer_name or "Nobody",
            "namespace": entry.metadata.get("namespace") or entry.namespace_name,
        }
        return kind.sentence.format_map(defaultdict(lambda: "?", told))


class DueFilter(StateFilter):
    title = "work"
    parameter_name = "work"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("open", "not finished", Q(status__in=[Status.QUEUED, Status.RUNNING])),
            ("due", "waiting for a worker", Q(due_at__lte=timezone.now())),
        ]


class StuckFilter(StateFilter):
    title = "work"
    parameter_name = "work"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [("stuck", "failed, and waits to be tried again", Q(failures__gt=0))]


@admin.register(LogArchive)
class LogArchiveDesk(Desk):
    list_display = ("__str__", "shown_status", "entries", "size_bytes", "finished_at", "error")
    list_filter = ("status", StuckFilter)
    search_fields = ("^namespace_name",)
    fieldsets = (
        (None, {"fields": ("namespace_name", "starts_at", "ends_at", "shown_status", "failures", "error")}),
        ("File", {"fields": ("storage_name", "entries", "size_bytes", "sha256")}),
        ("When", {"fields": ("created_at", "due_at", "finished_at")}),
    )
    ordering = ("-id",)
    verbs = (
        Verb(
            "retry",
            "Try again now",
            "One that failed waits for longer each time. Look first at why: a file that is gone must "
            "be put back from a backup, under its name; until then nothing more of its month is dropped.",
            "It will be tried again at once",
            lambda actor, archive, data: services.retry_archive(actor=actor, archive=archive),
            icon="refresh",
            fits=lambda archive: archive.failures > 0,
        ),
    )

    @column(
        description="Status",
        ordering="status",
        label={"writing": "info", "dropping": "info", "done": "success", "stuck": "danger"},
    )
    def shown_status(self, archive: LogArchive) -> str:
        return "stuck" if archive.failures else archive.status

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        stuck = LogArchive.objects.filter(failures__gt=0).count()
        address = reverse("admin:logs_logarchive_changelist")
        return [
            Figure(
                "Archives stuck",
                stuck,
                note="months of the log that are not put away",
                url=f"{address}?work=stuck",
                mood="danger" if stuck else "",
                rank=13,
            )
        ]


@admin.register(LogCount)
class LogCountDesk(Desk):
    list_display = ("day", "kind", "scope", "count")
    fieldsets = ((None, {"fields": ("day", "kind", "scope", "count")}),)
    search_fields = ("=scope", "^kind")
    search_help_text = "Key of a namespace (0 for all), or beginning of a kind"
    ordering = ("-id",)
    paginator = InfinitePaginator
    show_full_result_count = False


@admin.register(LogMark)
class LogMarkDesk(Desk):
    list_display = ("__str__",)
    fieldsets = ((None, {"fields": ("xact", "entry")}),)


@admin.register(LogSeal)
class LogSealDesk(Desk):
    list_display = ("entry", "scope", "position", "at")
    fieldsets = ((None, {"fields": ("entry", "scope", "position", "at", "shown_leaf", "shown_hash")}),)
    search_fields = ("=entry", "=scope")
    search_help_text = "Number of an entry, or key of a namespace (0 for none)"
    ordering = ("-entry",)
    paginator = InfinitePaginator
    show_full_result_count = False

    @column(description="Hash of the entry")
    def shown_leaf(self, seal: LogSeal) -> str:
        return bytes(seal.leaf).hex()

    @column(description="Hash of the chain")
    def shown_hash(self, seal: LogSeal) -> str:
        return bytes(seal.hash).hex()


@admin.register(LogChain)
class LogChainDesk(Desk):
    list_display = ("scope", "position")
    fieldsets = ((None, {"fields": ("scope", "position", "shown_hash")}),)
    search_fields = ("=scope",)
    search_help_text = "Key of a namespace (0 for none)"
    ordering = ("scope",)

    @column(description="Hash of the last seal")
    def shown_hash(self, chain: LogChain) -> str:
        return bytes(chain.hash).hex()


@admin.register(LogCheckpoint)
class LogCheckpointDesk(Desk):
    list_display = ("number", "created_at", "key")
    fieldsets = ((None, {"fields": ("number", "created_at", "body", "key", "signature")}),)
    search_fields = ("=number",)
    search_help_text = "Number of a checkpoint"
    ordering = ("-number",)


@admin.register(LogSealMark)
class LogSealMarkDesk(Desk):
    list_display = ("__str__", "moved_at")
    fieldsets = ((None, {"fields": ("xact", "entry", "turn", "moved_at")}),)

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        behind = state.behind()
        return [
            Figure(
                "Minutes behind",
                int(behind.total_seconds() // 60),
                note="that entries of the log wait for their seals",
                url=reverse("admin:logs_logsealmark_changelist"),
                mood="danger" if behind > state.LATE else "",
                rank=14,
            )
        ]


@admin.register(LogVerification)
class LogVerificationDesk(Desk):
    list_display = ("created_at", "what", "asked_by_name", "shown_status", "seals", "shown_found")
    list_filter = ("status", ("namespace", AutocompleteSelectFilter))
    search_fields = ("=uuid", "asked_by_name")
    search_help_text = "Key of a verification, or name of who asked for it"
    ordering = ("-pk",)
    related = ("namespace__organization", "namespace__user")
    fieldsets = (
        (None, {"fields": ("uuid", "what", "since", "shown_status", "error", "seals", "expected")}),
        ("Found", {"fields": ("shown_found", "findings", "archived", "erased", "checkpoints")}),
        ("Traces", {"fields": ("asked_by_name", "created_at", "ended_at", "due_at", "tries")}),
    )

    @column(description="Log of", ordering="namespace__name")
    def what(self, verification: LogVerification) -> SafeString | str:
        return link(verification.namespace) if verification.namespace else "all"

    @column(
        description="Status",
        ordering="status",
        label={"waiting": "info", "under way": "info", "done": "success", "failed": "danger"},
    )
    def shown_status(self, verification: LogVerification) -> str:
        return verification.get_status_display()

    @column(description="Findings")
    def shown_found(self, verification: LogVerification) -> str:
        return ", ".join(f"{number} {sort}" for sort, number in sorted(verification.found.items())) or "none"


@admin.register(LogExport)
class LogExportDesk(Desk):
    list_display = (
        "created_at",
        "what",
        "requester",
        "shown_status",
        "shown_percent",
        "rows_written",
        "attempts",
        "finished_at",
    )
    list_filter = ("status", DueFilter, ("requested_by", AutocompleteSelectFilter))
    search_fields = ("=uuid", "namespace_name", "project_name", "requested_by__username")
    search_help_text = "Namespace, project, requester or a whole UUID"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    related = ("requested_by", "namespace__organization", "namespace__user", "project__namespace")
    # The file's name is not shown: whoever knows it needs no other right. Of the callback only the host is.
    fieldsets = (
        (None, {"fields": ("uuid", "what", "format", "filters", "starts_at", "ends_at")}),
        ("Asked for", {"fields": ("requester", "dialect", "callback_host", "callback_email", "created_at")}),
        (
            "Work",
            {"fields": ("shown_status", "shown_percent", "rows_expected", "rows_written", "attempts")},
        ),
        ("Traces", {"fields": ("error", "due_at", "started_at", "finished_at", "expires_at")}),
        ("File", {"fields": ("size_bytes", "sha256")}),
    )
    verbs = (
        Verb(
            "retry",
            "Try again",
            "Begins a failed export anew, and lets one that pauses after a failure go on at once.",
            "Queued again",
            lambda actor, export, data: services.retry_export(actor=actor, export=export),
            icon="refresh",
            fits=lambda export: export.status in (Status.QUEUED, Status.FAILED),
        ),
        Verb(
            "cancel",
            "Cancel",
            "A worker stops building it; the link of a finished one dies, and its file is removed.",
            "Cancelled",
            lambda actor, export, data: services.cancel_export(actor=actor, export=export),
            icon="cancel",
            fits=lambda export: export.status in (Status.QUEUED, Status.RUNNING, Status.DONE),
            danger=True,
        ),
    )

    @column(description="Log of", ordering="namespace_name")
    def what(self, export: LogExport) -> str:
        if not export.namespace_name:
            return "the whole instance"
        project = f"/{export.project_name}" if export.project_name else ""
        return f"{export.namespace_name}{project}"

    @column(description="Requested by", ordering="requested_by__username")
    def requester(self, export: LogExport) -> SafeString | str:
        return link(export.requested_by)

    @column(
        description="Status",
        ordering="status",
        label={"queued": "info", "running": "info", "done": "success", "failed": "danger"},
    )
    def shown_status(self, export: LogExport) -> str:
        return export.status

    @column(description="Done", ordering="percent")
    def shown_percent(self, export: LogExport) -> str:
        return f"{export.percent} %"

    @column(description="Calls back")
    def callback_host(self, export: LogExport) -> str:
        try:
            return urlsplit(export.callback_url).hostname or "-"
        except ValueError:
            return "-"

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        found = LogExport.objects.aggregate(
            running=Count("pk", filter=Q(status=Status.RUNNING)),
            queued=Count("pk", filter=Q(status=Status.QUEUED)),
            failed=Count(
                "pk", filter=Q(status=Status.FAILED, created_at__gt=timezone.now() - timedelta(days=7))
            ),
        )
        address = reverse("admin:logs_logexport_changelist")
        return [
            Figure(
                "Exports running",
                found["running"],
                note=f"{found['queued']} queued",
                url=f"{address}?status__exact=running",
                rank=5,
            ),
            Figure(
                "Exports failed",
                found["failed"],
                note="in the last 7 days",
                url=f"{address}?status__exact=failed",
                mood="danger" if found["failed"] else "",
                rank=6,
            ),
        ]


@admin.register(LogExportPart)
class LogExportPartDesk(Desk):
    list_display = ("__str__", "of", "rows", "size_bytes", "sha256", "is_last")
    search_fields = ("=export__uuid",)
    search_help_text = "The whole UUID of an export"
    ordering = ("-export", "number")
    related = ("export",)
    # As of an export, the name of the file is not shown.
    fieldsets = (
        (None, {"fields": ("of", "number", "is_last")}),
        ("Entries", {"fields": ("rows", "last_at", "last_id")}),
        ("File", {"fields": ("size_bytes", "sha256")}),
    )

    @column(description="Export", ordering="export")
    def of(self, part: LogExportPart) -> SafeString | str:
        return link(part.export)
