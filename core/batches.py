"""Deleting many rows in short transactions, so that nobody waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

SIZE = 1000
# Called between two of them; a worker that is to stop raises here. The app `jobs` says how.
between: Callable[[], object] = bool


def delete_in_batches(rows: QuerySet[Any], size: int = SIZE) -> int:
    """Delete all matching rows, ``size`` of them a transaction; return how many went, cascades included.

    Safe to run twice and to be killed in between.
    """
    total = 0
    model = rows.model
    while True:
        between()
        with transaction.atomic():
            keys = list(rows.order_by("pk").values_list("pk", flat=True)[:size])
            if not keys:
                return total
            gone, _ = model._default_manager.filter(pk__in=keys).delete()
            total += gone
