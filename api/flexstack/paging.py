"""Pages by age (flexstack.md 4): a cursor says after which row the next one begins."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from api.flexstack.constants import LIMIT, LIMIT_MAX, SORT, SORTS
from api.flexstack.view import BadQuery
from api.operation import Query
from core.paging import by_age
from core.publicids import PK_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import QuerySet
    from django.http import QueryDict

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
CURSOR = re.compile(r"[A-Za-z0-9_\-+/]{1,200}={0,2}", re.ASCII)

WINDOW = (
    Query("after", "Where the page begins, as the page before told it"),
    Query("limit", "How many a page has", "integer", default=LIMIT, least=1, most=LIMIT_MAX),
    Query("sort", "By when it was made, oldest or newest first", default=SORT, choices=tuple(SORTS)),
)


@dataclass(frozen=True)
class Window:
    """Which rows are asked for: how many, in which order, and after which."""

    limit: int
    newest_first: bool
    after: tuple[datetime, int] | None

    @classmethod
    def of(cls, query: QueryDict) -> Window:
        """Read ``limit``, ``sort`` and ``after``. Raises `BadQuery`.

        A plus sign that was not escaped arrives as a blank: both are one here.
        """
        sort = query.get("sort", SORT).replace(" ", "+")
        if sort not in SORTS:
            raise BadQuery(f"sort must be one of {', '.join(SORTS)}")
        cursor = query.get("after")
        return cls(_limit(query.get("limit")), SORTS[sort], None if cursor is None else _read(cursor))

    def page(self, rows: QuerySet[Any], shape: Callable[[Any], dict[str, Any]]) -> Response:
        """Return the page of ``rows``, with one query."""
        return self.answer(by_age(rows, self.after, newest_first=self.newest_first)[: self.limit + 1], shape)

    def answer(self, rows: Iterable[Any], shape: Callable[[Any], dict[str, Any]]) -> Response:
        """Return the page whose rows were found, and, where more follow, one beyond them."""
        found = list(rows)
        page = found[: self.limit]
        more = len(found) > self.limit
        return Response(
            {
                "data": [shape(row) for row in page],
                "has_more": more,
                "next_page": _cursor(page[-1]) if more else None,
            }
        )


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= LIMIT_MAX:
        raise BadQuery(f"limit must be between 1 and {LIMIT_MAX}")
    return int(text)


def _cursor(row: Any) -> str:
    at = (row.created_at - EPOCH) // MICROSECOND
    return b64encode(json.dumps([at, row.pk]).encode()).decode()


def _read(text: str) -> tuple[datetime, int]:
    text = text.replace(" ", "+")
    bad = BadQuery("after must be the next_page of an earlier answer")
    if not CURSOR.fullmatch(text):
        raise bad
    try:
        value = json.loads(b64decode(text.translate(str.maketrans("-_", "+/")), validate=True))
    except (ValueError, RecursionError) as error:
        raise bad from error
    if not isinstance(value, list) or [type(part) for part in value] != [int, int]:
        raise bad
    at, pk = value
    if not (0 <= at <= LATEST and 0 <= pk <= PK_MAX):
        raise bad
    return EPOCH + at * MICROSECOND, pk
