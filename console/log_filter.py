"""By which fields the usage log is narrowed: one declaration for the page, its chips, views and exports."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import django_filters as filters
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console import entries
from logs import selectors
from logs.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor
    from logs.models import LogEntry, LogExport

DAYS = 30
DAYS_MAX = 366
EPOCH, DOOMSDAY = date(2000, 1, 1), date(2999, 12, 31)
# Where calls come in, as entries remember it.
DOORS = [
    ("console", gettext_lazy("Console")),
    ("admin", gettext_lazy("Back office")),
    ("quay", gettext_lazy("Quay API")),
    ("qodana", gettext_lazy("Qodana API")),
    ("codacy", gettext_lazy("Codacy API")),
    ("cisense", gettext_lazy("CI Sense API")),
    ("flexstack", gettext_lazy("FlexStack API")),
]
# What the fields beside the text, the events and the days are called on the chips that take them away.
NAMED = {
    "namespace": gettext_lazy("of %(value)s"),
    "performer": gettext_lazy("by %(value)s"),
    "about": gettext_lazy("project %(value)s"),
    "credential": gettext_lazy("token %(value)s"),
    "door": gettext_lazy("through %(value)s"),
    "ip": gettext_lazy("from %(value)s"),
}

# What the selectors call a field, where that is another word.
CRITERIA = {"namespace": "space"}


def _events() -> list[tuple[str, Any]]:
    """Return the kinds of entries by their names, under the groups that the chart shows."""
    by_group: dict[str, list[tuple[str, str]]] = {group: [] for group in entries.GROUPS}
    for name in KINDS:
        by_group[entries.group_of(name)].append((name, entries.label_of(name)))
    return [
        (str(entries.GROUPS[group][0]), sorted(kinds, key=itemgetter(1))) for group, kinds in by_group.items()
    ]


class RangeForm(forms.Form):
    """The fields of the filter as a form, whose days have to make a range."""

    def clean(self) -> dict[str, Any]:
        """Refuse days of other ages, and a range that ends before it starts."""
        found: dict[str, Any] = super().clean() or {}
        for name in ("since", "until"):
            day = found.get(name)
            if day is not None and not EPOCH <= day <= DOOMSDAY:
                self.add_error(name, _("This day is out of range."))
        since, until = found.get("since"), found.get("until")
        if since and until and until < since:
            self.add_error("until", _("The end lies before the start."))
        return found


class _Address(filters.Filter):  # type: ignore[misc]  # django-filter has no types
    field_class = forms.GenericIPAddressField


class _Days(filters.Filter):  # type: ignore[misc]  # as above
    field_class = forms.IntegerField


class LogFilter(filters.FilterSet):  # type: ignore[misc]  # as above
    """The fields by which the log can be narrowed; the address carries them, so a view can be shared.

    What the fields mean is the selector's to say: exports and counts by day narrow by the same words. So no
    filter here touches the query itself; `qs` hands all of them on.
    """

    q = filters.CharFilter(label=gettext_lazy("Search"), max_length=255)
    performer = filters.CharFilter(label=gettext_lazy("Done by"), max_length=511)
    group = filters.ChoiceFilter(
        label=gettext_lazy("Group"),
        empty_label=gettext_lazy("All events"),
        choices=[(key, label) for key, (label, tone) in entries.GROUPS.items()],
    )
    kind = filters.ChoiceFilter(
        label=gettext_lazy("Event"),
        empty_label=gettext_lazy("Any event"),
        choices=_events,
        widget=forms.Select(attrs={"aria-label": gettext_lazy("Event")}),
    )
    about = filters.CharFilter(label=gettext_lazy("Project"), max_length=255)
    credential = filters.CharFilter(label=gettext_lazy("Token"), max_length=255)
    door = filters.ChoiceFilter(
        label=gettext_lazy("Door"),
        empty_label=gettext_lazy("Any door"),
        choices=DOORS,
        widget=forms.Select(attrs={"aria-label": gettext_lazy("Through this door")}),
    )
    ip = _Address(label=gettext_lazy("Address"))
    since = filters.DateFilter(label=gettext_lazy("From"))
    until = filters.DateFilter(label=gettext_lazy("To"))
    # In place of both: so many days up to the last one shown. A view that is kept moves along with today.
    days = _Days(label=gettext_lazy("Days"), min_value=1, max_value=DAYS_MAX)

    class Meta:
        form = RangeForm

    def __init__(self, data: Mapping[str, Any], *, actor: Actor, namespace: Namespace | None = None) -> None:
        """Narrow the log of a namespace or, without one, of the instance.

        Raises:
            Unauthenticated, Forbidden: the log is not the actor's to read.
        """
        self.scope = {"actor": actor, "namespace": namespace}
        super().__init__(data, queryset=selectors.entries(actor=actor, namespace=namespace))
        self.is_valid()

    def filter_queryset(self, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        """Return the entries that fit, newest first."""
        return selectors.entries(**self.selection())

    def selection(self) -> dict[str, Any]:
        """Return what the selectors take: whose log, which days, which entries."""
        first, last = self.first_and_last()
        return {
            **self.scope,
            "starts_at": start_of(first),
            "ends_at": start_of(last) + timedelta(days=1),
            **self.criteria(),
        }

    @property
    def chosen(self) -> dict[str, Any]:
        """What was understood of the address, field by field; a field with a mistake is missing."""
        return getattr(self.form, "cleaned_data", {})

    def first_and_last(self) -> tuple[date, date]:
        """Return the first and the last day (UTC) that are shown; the last thirty by default."""
        since, until = self.chosen.get("since"), self.chosen.get("until")
        last = until or max(datetime.now(UTC).date(), since or date.min)
        first = since or last - timedelta(days=(self.chosen.get("days") or DAYS) - 1)
        return first, first if "until" in self.errors else last

    @property
    def is_narrowed(self) -> bool:
        """Tell whether less than everything of the last thirty days is shown."""
        today = datetime.now(UTC).date()
        named = any(self.chosen.get(name) for name in ("q", "group", "kind", *NAMED))
        return named or self.first_and_last() != (today - timedelta(days=DAYS - 1), today)

    def criteria(self) -> dict[str, Any]:
        """Return which entries are wanted, as the selectors and exports take it."""
        kinds: tuple[str, ...] = ()
        if self.chosen.get("kind"):
            kinds = (self.chosen["kind"],)
        elif group := self.chosen.get("group"):
            kinds = tuple(name for name, kind in KINDS.items() if kind.group == group)
        return {
            "search": self.chosen.get("q") or "",
            "kinds": kinds,
            **{
                CRITERIA.get(name, name): self.chosen.get(name) or ""
                for name in NAMED
                if name in self.filters
            },
        }

    def named(self) -> list[tuple[str, str]]:
        """Return the fields that narrow the list, each with the words for it."""
        return told({name: value for name, value in self.chosen.items() if value})

    def to_keep(self) -> dict[str, str]:
        """Return what the address says of the filter; a range up to today is so many days up to any day."""
        days = ("since", "until", "days")
        found = {name: str(value) for name, value in self.chosen.items() if value and name not in days}
        first, last = self.first_and_last()
        span = (last - first).days + 1
        if last != datetime.now(UTC).date() or span > DAYS_MAX:
            return found | {"since": first.isoformat(), "until": last.isoformat()}
        return found if span == DAYS else found | {"days": str(span)}


class InstanceLogFilter(LogFilter):
    """The log of all namespaces, of which one may be picked."""

    namespace = filters.CharFilter(label=gettext_lazy("Namespace"), max_length=255)


def told(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return fields of the filter, each with the words for it."""
    doors = dict(DOORS)
    found = [("q", f"“{values['q']}”")] if values.get("q") else []
    if values.get("kind"):
        found.append(("kind", entries.label_of(values["kind"])))
    return found + [
        (name, words % {"value": doors.get(values[name], values[name])})
        for name, words in NAMED.items()
        if values.get(name)
    ]


def told_of_export(criteria: Mapping[str, Any]) -> list[str]:
    """Return in words by what an export is narrowed."""
    kinds = criteria.get("kinds") or []
    values = {**criteria, **{name: criteria.get(key) for name, key in CRITERIA.items()}}
    values |= {"q": criteria.get("search"), "kind": kinds[0] if len(kinds) == 1 else ""}
    words = [words for name, words in told(values)]
    groups = {entries.group_of(kind) for kind in kinds} if len(kinds) > 1 else set()
    return words + [str(entries.GROUPS[group][0]) for group in entries.GROUPS if group in groups]


def query_of_export(export: LogExport) -> dict[str, str]:
    """Return what the address of the log says where exactly this was shown."""
    asked = export.filters
    kinds = asked.get("kinds") or []
    group = entries.group_of(kinds[0]) if len(kinds) > 1 else ""
    query = {
        "q": asked.get("search", ""),
        "kind": kinds[0] if len(kinds) == 1 else "",
        "group": group,
        **{name: asked.get(CRITERIA.get(name, name), "") for name in NAMED},
        "since": export.starts_at.date().isoformat(),
        "until": max(export.starts_at, export.ends_at - timedelta(microseconds=1)).date().isoformat(),
    }
    return {name: value for name, value in query.items() if value}


def start_of(day: date) -> datetime:
    """Return the first moment of a day (UTC)."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
