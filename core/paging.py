"""Pages by key: an opaque, sealed, expiring token says after which row the next page starts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from core import seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

TOKEN_LIFETIME = 2 * 24 * 3600
PURPOSE = "page"


def page_token(after: dict[str, Any]) -> str:
    """Return an opaque url-safe token that carries ``after``; readable for two days."""
    return seal.seal(json.dumps(after, separators=(",", ":")), purpose=PURPOSE)


def read_token(token: str) -> dict[str, Any]:
    """Return what a token carries; an invalid or expired one is an empty dict, that is, the first page."""
    if not token:
        return {}
    try:
        value = json.loads(seal.unseal(token, purpose=PURPOSE, max_age=TOKEN_LIFETIME))
    except (seal.Unreadable, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def cut(rows: QuerySet[Any], size: int) -> tuple[Sequence[Any], bool]:
    """Return at most ``size`` rows and whether more follow, with a single query that counts nothing."""
    found = list(rows[: size + 1])
    return found[:size], len(found) > size


def by_age(rows: QuerySet[Any], after: tuple[Any, Any] | None, *, newest_first: bool) -> QuerySet[Any]:
    """Return rows in the order in which they were made, behind a place: a ``created_at`` and a key."""
    if after is not None:
        at, pk = after
        beyond = "lt" if newest_first else "gt"
        rows = rows.filter(Q(**{f"created_at__{beyond}": at}) | Q(created_at=at, **{f"pk__{beyond}": pk}))
    mark = "-" if newest_first else ""
    return rows.order_by(f"{mark}created_at", f"{mark}pk")
