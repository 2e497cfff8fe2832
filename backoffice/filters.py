"""Filters that several desks share."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Q
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest


class StateFilter(SimpleListFilter):
    """Offers a few named states; each is a condition on the rows."""

    def states(self) -> Sequence[tuple[str, str, Q]]:
        """Return (value, words, condition) of each."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, words, _ in self.states()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        for value, _, condition in self.states():
            if value == self.value():
                return queryset.filter(condition)
        return None


def gone_filter(word: str) -> type[StateFilter]:
    """Return a filter that tells the living from those whose ``deleted_at`` is set."""

    class Gone(StateFilter):
        title = "state"
        parameter_name = "state"

        def states(self) -> Sequence[tuple[str, str, Q]]:
            return [("living", "living", Q(deleted_at=None)), (word, word, ~Q(deleted_at=None))]

    return Gone


class SpanFilter(RangeDateTimeFilter):  # type: ignore[misc]  # unfold has no types
    """Offers a span of time. A day without an hour is the whole day; unfold's own filter overlooks it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "span of time"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self._moment("from", time.min), self._moment("to", time.max)
        if start is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": start})
        if end is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__lte": end})
        return queryset

    def _moment(self, which: str, otherwise: time) -> datetime | None:
        day, hour = (
            self.used_parameters.get(f"{self.parameter_name}_{which}_{part}") or "" for part in (0, 1)
        )
        try:
            at = time.fromisoformat(hour).replace(tzinfo=None) if hour else otherwise
            return timezone.make_aware(datetime.combine(date.fromisoformat(day), at))
        except (ValueError, TypeError):
            return None
