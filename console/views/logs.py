"""The usage log with its filters and chart, and exports of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console import entries
from console.room import FormRoom, Room
from core.errors import Invalid, NotFound, Unauthenticated
from logs import downloads, selectors, services
from logs.kinds import KINDS
from permissions.catalogue import LOG_EXPORT, LOG_READ
from permissions.checks import check, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import Namespace
    from logs.models import LogExport
    from permissions.catalogue import Right

PAGE = 25
DAYS = 30
CHART_MAX = 92
WINDOW = timedelta(days=15)  # before and after a day from which a range is chosen
# Where calls come in, as entries remember it.
DOORS = [
    ("console", "Console"),
    ("admin", "Back office"),
    ("quay", "Quay API"),
    ("qodana", "Qodana API"),
    ("codacy", "Codacy API"),
    ("cisense", "CI Sense API"),
    ("flexstack", "FlexStack API"),
]
# What the fields beside the text, the events and the days are called on the chips that take them away.
NAMED = {"performer": "by", "about": "project", "credential": "token", "door": "through", "ip": "from"}
RUNNING = ("queued", "running")
EPOCH, DOOMSDAY = date(2000, 1, 1), date(2999, 12, 31)


def _events() -> list[tuple[str, Any]]:
    """Return the kinds of entries by their names, under the groups that the chart shows."""
    by_group: dict[str, list[tuple[str, str]]] = {group: [] for group in entries.GROUPS}
    for name in KINDS:
        by_group[entries.group_of(name)].append((name, entries.label_of(name)))
    groups = [
        (entries.GROUPS[group][0], sorted(kinds, key=itemgetter(1))) for group, kinds in by_group.items()
    ]
    return [("", "Any event"), *groups]


class LogFilter(forms.Form):
    """The fields by which the log can be narrowed; the address carries them, so a view can be shared."""

    q = forms.CharField(label="Search", required=False, max_length=255)
    performer = forms.CharField(label="Done by", required=False, max_length=511)
    group = forms.ChoiceField(
        label="Group",
        required=False,
        choices=[("", "All events"), *((key, label) for key, (label, _) in entries.GROUPS.items())],
    )
    kind = forms.ChoiceField(
        label="Event",
        required=False,
        choices=_events,
        widget=forms.Select(attrs={"aria-label": "Event"}),
    )
    about = forms.CharField(label="Project", required=False, max_length=255)
    credential = forms.CharField(label="Token", required=False, max_length=255)
    door = forms.ChoiceField(
        label="Door",
        required=False,
        choices=[("", "Any door"), *DOORS],
        widget=forms.Select(attrs={"aria-label": "Through this door"}),
    )
    ip = forms.GenericIPAddressField(label="Address", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        """Refuse days of other ages, and a range that ends before it starts."""
        found: dict[str, Any] = super().clean() or {}
        for name in ("since", "until"):
            day = found.get(name)
            if day is not None and not EPOCH <= day <= DOOMSDAY:
                self.add_error(name, "This day is out of range.")
        since, until = found.get("since"), found.get("until")
        if since and until and until < since:
            self.add_error("until", "The end lies before the start.")
        return found

    def first_and_last(self) -> tuple[date, date]:
        """Return the first and the last day (UTC) that are shown; the last thirty by default."""
        data = getattr(self, "cleaned_data", {})
        last = data.get("until") or max(datetime.now(UTC).date(), data.get("since") or date.min)
        return data.get("since") or last - timedelta(days=DAYS - 1), last

    @property
    def is_narrowed(self) -> bool:
        """Tell whether less than everything of the last thirty days is shown."""
        data = getattr(self, "cleaned_data", {})
        today = datetime.now(UTC).date()
        named = any(data.get(name) for name in ("q", "group", "kind", *NAMED))
        return named or self.first_and_last() != (today - timedelta(days=DAYS - 1), today)

    def criteria(self) -> dict[str, Any]:
        """Return what the selector takes."""
        data = getattr(self, "cleaned_data", {})
        kinds: tuple[str, ...] = ()
        if data.get("kind"):
            kinds = (data["kind"],)
        elif data.get("group"):
            kinds = tuple(name for name, kind in KINDS.items() if kind.group == data["group"])
        return {
            "search": data.get("q") or "",
            "kinds": kinds,
            **{name: data.get(name) or "" for name in NAMED},
        }

    def named(self) -> list[tuple[str, str]]:
        """Return the fields that narrow the list, each with the words for it."""
        data = getattr(self, "cleaned_data", {})
        doors = dict(DOORS)
        told = [("q", f"“{data['q']}”")] if data.get("q") else []
        if data.get("kind"):
            told.append(("kind", entries.label_of(data["kind"])))
        return told + [
            (name, f"{words} {doors.get(data[name], data[name])}")
            for name, words in NAMED.items()
            if data.get(name)
        ]


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _last_day(export: LogExport) -> datetime:
    """Return the last moment that an export covers: its end is the first that it does not."""
    return max(export.starts_at, export.ends_at - timedelta(microseconds=1))


class ExportForm(forms.Form):
    """Whom to tell when the file is there."""

    email = forms.EmailField(
        label="Mail the link to", required=False, help_text="Leave empty to fetch it here only."
    )


class Logs(FormRoom):
    """The log of an organization."""

    room = "logs"
    template = "console/logs.html"
    part = "console/logs_list.html"
    dialogs = {"export": ExportForm}

    def namespace(self, right: Right) -> Namespace:
        """Return whose log it is."""
        return self.enter(right).namespace

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of entries, newest first, and the chart of the same selection."""
        namespace = self.namespace(LOG_READ)
        chosen = LogFilter(self.request.GET)
        chosen.is_valid()
        first, last = chosen.first_and_last()
        if "until" in chosen.errors:
            last = first
        scope = {
            "actor": self.actor,
            "namespace": namespace,
            "starts_at": _start(first),
            "ends_at": _start(last) + timedelta(days=1),
            **chosen.criteria(),
        }
        page = selectors.page(selectors.entries(**scope), next_page=self.asked("page"), size=PAGE)
        chart_first = max(first, last - timedelta(days=CHART_MAX - 1))
        counted = selectors.by_day(**(scope | {"starts_at": _start(chart_first)}))
        chart = entries.daily_chart("log", counted, chart_first, last, self._day)
        lines = [entries.Line(entry) for entry in page.entries]
        groups = [("", "All"), *((key, label) for key, (label, _) in entries.GROUPS.items())]
        return {
            "filter": chosen,
            "lines": [(line, self.here(performer=line.entry.performer_name, page="")) for line in lines],
            "older": self.here(page=page.next_page) if page.next_page else "",
            "newest": self.here(page="") if self.asked("page") else "",
            "chart": chart,
            "is_chart_cut": chart_first != first,
            "chips": [(key, label, None, self.here(group=key, kind="", page="")) for key, label in groups],
            "group": self.asked("group"),
            "narrowed": [(words, self.here(**{name: "", "page": ""})) for name, words in chosen.named()],
            "more_open": any(self.asked(name) for name in ("about", "credential", "door", "ip")),
            "mark": self._mark(),
            "unmark": self.here(mark=""),
            "range": self._range(first, last),
            "first": first,
            "last": last,
            "clear": self.request.path if chosen.is_narrowed else "",
            "may_export": "export" in self.dialogs and check(self.actor, LOG_EXPORT, namespace),
            "export_seconds": settings.EXPORT_LINK_SECONDS,
            "forms": self.all_forms(sent),
        }

    def _day(self, day: date) -> str:
        """Return where a day of the chart leads: to itself, or to the range of which it is the other end."""
        first, last = sorted((self._mark() or day, day))
        return self.here(since=first.isoformat(), until=last.isoformat(), mark="", page="")

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
        around = {"since": (first - WINDOW).isoformat(), "until": (first + WINDOW).isoformat()}
        return self.here(mark=first.isoformat(), page="", **around)

    def save_export(self, data: dict[str, Any]) -> HttpResponse:
        """Queue an export of exactly what is shown."""
        organization = self.enter(LOG_EXPORT)
        chosen = LogFilter(self.request.GET)
        if not chosen.is_valid():
            raise Invalid("The filter has a mistake: mend it first, or more would be exported than is meant")
        first, last = chosen.first_and_last()
        made = services.request_export(
            actor=self.actor,
            namespace=organization.namespace,
            starts_at=_start(first),
            ends_at=_start(last) + timedelta(days=1),
            callback_email=data["email"],
            filters={
                key: list(value) if key == "kinds" else value for key, value in chosen.criteria().items()
            },
        )
        return self.done("The export is on its way.", "console:export", organization.slug, str(made.uuid))


class MyLogs(Logs):
    """What was done by, and to, the person herself: the log of her own namespace."""

    room = "account"
    dialogs = {}

    def namespace(self, right: Right) -> Namespace:
        """Return the person's own."""
        if self.actor.user is None:
            raise Unauthenticated
        require(self.actor, right, self.actor.user.namespace)
        return self.actor.user.namespace


class Exports(Room):
    """What was exported, and what is under way."""

    room = "exports"
    template = "console/exports.html"
    part = "console/exports_list.html"

    def get(self, request: HttpRequest, orgname: str) -> HttpResponse:
        """Show the newest exports; htmx asks again every two seconds while one runs."""
        organization = self.enter(LOG_READ)
        found = selectors.exports(actor=self.actor, namespace=organization.namespace)
        shown = list(found[:PAGE])
        return self.page(
            {
                "exports": [(export, _last_day(export)) for export in shown],
                "is_running": any(export.status in RUNNING for export in shown),
                "may_export": check(self.actor, LOG_EXPORT, organization.namespace),
            }
        )


class OneExport(Room):
    """One export: how far it is, and the way to the file."""

    room = "exports"
    template = "console/export.html"
    part = "console/export_state.html"

    def _export(self) -> LogExport:
        organization = self.enter(LOG_READ)
        found = selectors.export(actor=self.actor, uuid=self.kwargs["uuid"])
        if found.namespace_id != organization.namespace_id:
            raise NotFound("There is no such export")
        return found

    def get(self, request: HttpRequest, orgname: str, uuid: str) -> HttpResponse:
        """Show it; htmx asks again every second while it runs."""
        export = self._export()
        ready = export.status == "done" and bool(export.storage_name)
        context = {
            "export": export,
            "last_day": _last_day(export),
            "is_running": export.status in RUNNING,
            "is_ready": ready,
            "may_export": check(self.actor, LOG_EXPORT, self.organization.namespace),
            # By whatever name one came here, the file is at the same one.
            "link": downloads.link(export).removeprefix(settings.PUBLIC_URL) if ready else "",
        }
        return self.page(context)

    def post(self, request: HttpRequest, orgname: str, uuid: str) -> HttpResponse:
        """Cancel it, or take the file back."""
        services.cancel_export(actor=self.actor, export=self._export())
        return self.done("The export is cancelled. Its link does not work any more.")
