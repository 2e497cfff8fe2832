"""Free text in the log: what may hold it is found by trigrams first, then looked at field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import BooleanField, Q, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from logs.models import LogEntry

if TYPE_CHECKING:
    from django.db.models import QuerySet

# What is looked through, in one: the expression of the index ``log_by_text`` (migration 0007), to the letter.
TEXT = (
    "upper(kind || chr(31) || performer_name || chr(31) || project_name || chr(31) || credential_name"
    " || chr(31) || coalesce(ip::text, '') || chr(31) || metadata::text)"
)
HOLDS = f"{TEXT} LIKE upper(%s)"
SHORTEST = 3  # letters: a trigram


def holding(text: str, found: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
    """Return the entries that hold a text in names, kind or metadata, or whose address begins with it.

    Upper and lower case are one. With PostgreSQL the index finds them at any size of the log; with SQLite, or
    below three letters, every entry is looked at.
    """
    stored = _as_stored(text)
    if connection.vendor == "postgresql" and len(text) >= SHORTEST:
        # Where there is no index, it costs what the fields one by one would: what has it not is dropped here.
        found = found.filter(_holds(text) | _holds(stored) if stored != text else _holds(text))
    return found.alias(address=Cast("ip", TextField()), told=Cast("metadata", TextField())).filter(
        Q(kind__icontains=text)
        | Q(performer_name__icontains=text)
        | Q(project_name__icontains=text)
        | Q(credential_name__icontains=text)
        | Q(address__startswith=text)
        | Q(told__icontains=stored)
    )


def _holds(text: str) -> Q:
    pattern = f"%{connection.ops.prep_for_like_query(text)}%"
    return Q(RawSQL(HOLDS, [pattern], BooleanField()))  # noqa: S611 - the text is a value


def _as_stored(text: str) -> str:
    """Return the text as it stands inside the JSON that the database keeps."""
    return json.dumps(text, ensure_ascii=connection.vendor == "sqlite")[1:-1]
