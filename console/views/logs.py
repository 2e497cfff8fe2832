"""The usage log with its filters and chart, and exports of it: of an organization, and of one's own."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console import entries
from console.log_filter import DOOMSDAY, EPOCH, query_of_export, start_of, told_of_export
from console.views.log_views import SavedViews, Whose
from core.errors import NotFound, Unauthenticated
from core.paging import cut, page_token, read_token
from logs import downloads, selectors, services
from permissions.checks import require
from runs import selectors as runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import Namespace
    from logs.models import LogExport
    from permissions.catalogue import Right

PAGE = 25
CHART_MAX = 92
WINDOW = timedelta(days=15)  # before and after a day from which a range is chosen
RUNNING = ("queued", "running")
# What a format is called here, where that is not its own name.
FORMATS = {"quay": gettext_lazy("JSON as Quay writes it")}


def _last_day(export: LogExport) -> datetime:
    """Return the last moment that an export covers: its end is the first that it does not."""
    return max(export.starts_at, export.ends_at - timedelta(microseconds=1))


def _format(export: LogExport) -> str:
    return str(FORMATS.get(export.format, services.EXPORT_FORMATS[export.format]))


class ExportForm(forms.Form):
    """What the file looks like, and whom to tell when it is there."""

    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        required=False,
        initial="csv",
        choices=[(name, FORMATS.get(name, label)) for name, label in services.EXPORT_FORMATS.items()],
        help_text=gettext_lazy("CSV opens in a spreadsheet, JSON Lines suits programs."),
    )
    email = forms.EmailField(
        label=gettext_lazy("Mail the link to"),
        required=False,
        help_text=gettext_lazy("Leave empty to fetch it here only."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Promise no mail where none is sent."""
        super().__init__(*args, **kwargs)
        if not settings.MAILING:
            del self.fields["email"]


class LogPage(SavedViews):
    """A log: its filter, the chart, the entries, and the way to a file of exactly these."""

    room = "logs"
    template = "console/logs.html"
    part = "console/logs_list.html"
    dialogs = {**SavedViews.dialogs, "export": ExportForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of entries, newest first, and the chart of the same selection."""
        namespace = self.log
        chosen = self.filters(self.request.GET, actor=self.actor, namespace=namespace)
        first, last = chosen.first_and_last()
        page = selectors.page(chosen.qs, next_page=self.asked("page"), size=PAGE)
        chart_first = max(first, last - timedelta(days=CHART_MAX - 1))
        counted = selectors.by_day(**(chosen.selection() | {"starts_at": start_of(chart_first)}))
        lines = [entries.Line(entry) for entry in page.entries]
        self._lead_to_runs(lines)
        groups = [("", _("All")), *((key, label) for key, (label, tone) in entries.GROUPS.items())]
        return {
            "filter": chosen.form,
            "faults": [fault for faults in chosen.errors.values() for fault in faults],
            "lines": [(line, self.here(performer=line.entry.performer_name, page="")) for line in lines],
            "older": self.here(page=page.next_page) if page.next_page else "",
            "newest": self.here(page="") if self.asked("page") else "",
            "chart": entries.daily_chart("log", counted, chart_first, last, self._day),
            "is_chart_cut": chart_first != first,
            "chips": [(key, label, None, self.here(group=key, kind="", page="")) for key, label in groups],
            "group": self.asked("group"),
            "narrowed": [(words, self.here(**{name: "", "page": ""})) for name, words in chosen.named()],
            "more_open": any(self.asked(name) for name in ("about", "credential", "door", "ip")),
            **self.shown_views(chosen),
            "mark": self._mark(),
            "unmark": self.here(mark=""),
            "range": self._range(first, last),
            "first": first,
            "last": last,
            "clear": self.request.path if chosen.is_narrowed else "",
            "is_instance": namespace is None,
            "seals_url": self.address("seals") if "export" in self.dialogs else "",
            "may_export": "export" in self.dialogs and self.may_export(namespace),
            "export_seconds": settings.EXPORT_LINK_SECONDS,
            "forms": self.all_forms(sent),
        }

    def _lead_to_runs(self, lines: list[entries.Line]) -> None:
        """Let what was done step by step lead there, if the person may look at it and it is kept."""
        if "orgname" not in self.kwargs:
            return
        of_line = {line: str(line.entry.metadata.get("run", "")) for line in lines}
        organization = self.organization
        found = runs.known(
            actor=self.actor, namespace=organization.namespace, uuids=filter(None, of_line.values())
        )
        for line, uuid in of_line.items():
            if uuid in found:
                line.run_url = reverse("console:run", args=[organization.slug, uuid])

    def _day(self, day: date) -> str:
        """Return where a day of the chart leads: to itself, or to the range of which it is the other end."""
        first, last = sorted((self._mark() or day, day))
        return self.here(since=first.isoformat(), until=last.isoformat(), days="", mark="", page="")

    def _mark(self) -> date | None:
        """Return the day from which a range is being chosen."""
        try:
            day = date.fromisoformat(self.asked("mark"))
        except ValueError:
            return None
        return day if EPOCH <= day <= DOOMSDAY else None

    def _range(self, first: date, last: date) -> str:
        """Return where the other end of a range is chosen, if one day is shown."""
        if first != last or not EPOCH + WINDOW <= first <= DOOMSDAY - WINDOW:
            return ""
        around = {"days": "", "since": (first - WINDOW).isoformat(), "until": (first + WINDOW).isoformat()}
        return self.here(mark=first.isoformat(), page="", **around)

    def save_export(self, data: dict[str, Any]) -> HttpResponse:
        """Queue an export of exactly what is shown."""
        namespace = self.namespace(self.export)
        chosen = self.selected(namespace)
        wanted = chosen.selection()
        made = services.request_export(
            actor=self.actor,
            namespace=namespace,
            starts_at=wanted["starts_at"],
            ends_at=wanted["ends_at"],
            callback_email=data.get("email", ""),
            file_format=data["format"] or "quay",
            filters={
                key: list(value) if key == "kinds" else value for key, value in chosen.criteria().items()
            },
        )
        return self.done(_("The export is on its way."), self.address("export", str(made.uuid)))


class Logs(LogPage):
    """The log of an organization."""


class MyLogs(LogPage):
    """What was done by, and to, the person herself: the log of her own namespace."""

    room = "account"
    dialogs = SavedViews.dialogs

    def namespace(self, right: Right) -> Namespace:
        """Return the person's own."""
        if self.actor.user is None:
            raise Unauthenticated
        require(self.actor, right, self.actor.user.namespace)
        return self.actor.user.namespace


class Exports(Whose):
    """What was exported, and what is under way."""

    room = "exports"
    template = "console/exports.html"
    part = "console/exports_list.html"

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Show a page of exports, the newest first; htmx asks again every two seconds while one runs."""
        namespace = self.namespace(self.read)
        found = selectors.exports(actor=self.actor, namespace=namespace)
        before = read_token(self.asked("before")).get("pk")
        if isinstance(before, int):
            found = found.filter(pk__lt=before)
        shown, more = cut(found, PAGE)
        return self.page(
            {
                "exports": [
                    (
                        export,
                        _last_day(export),
                        self.address("export", str(export.uuid)),
                        told_of_export(export.filters),
                        _format(export),
                    )
                    for export in shown
                ],
                "is_running": any(export.status in RUNNING for export in shown),
                "older": self.here(before=page_token({"pk": shown[-1].pk})) if more else "",
                "newest": self.here(before="") if before else "",
                "may_export": self.may_export(namespace),
                "logs_url": self.address("logs"),
                "is_instance": namespace is None,
            }
        )


class OneExport(Whose):
    """One export: how far it is, and the way to the file."""

    room = "exports"
    template = "console/export.html"
    part = "console/export_state.html"

    def _export(self, namespace: Namespace | None) -> LogExport:
        found = selectors.export(actor=self.actor, uuid=self.kwargs["uuid"])
        if namespace is not None and found.namespace_id != namespace.pk:
            raise NotFound("There is no such export")
        return found

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Show it; htmx asks again every second while it runs."""
        namespace = self.namespace(self.read)
        export = self._export(namespace)
        ready = downloads.is_downloadable(export)
        context = {
            "export": export,
            "last_day": _last_day(export),
            "is_running": export.status in RUNNING,
            "is_ready": ready,
            "is_withdrawn": downloads.is_withdrawn(export),
            "may_export": self.may_export(namespace),
            "narrowed": told_of_export(export.filters),
            "format": _format(export),
            "exports_url": self.address("exports"),
            # To the log as it was narrowed then.
            "again": f"{self.address('logs')}?{urlencode(query_of_export(export))}",
            # By whatever name one came here, the file is at the same one.
            "link": downloads.link(export).removeprefix(settings.PUBLIC_URL) if ready else "",
        }
        return self.page(context)

    def post(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Cancel it, or take the file back."""
        export = self._export(self.namespace(self.read))
        services.cancel_export(actor=self.actor, export=export)
        return self.done(_("The export is cancelled. Its link does not work any more."))
