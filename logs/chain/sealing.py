"""Moving over what is settled, and sealing it: each entry in the chain of its namespace.

Nobody who writes waits for it: hashes are computed outside any transaction, and one short one writes the
seals, the heads of their chains and the mark up to which all is sealed. Of several that seal at once one
comes first, and the others' work is void.
"""

from __future__ import annotations

import os
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.inserting import write_many
from logs import settled
from logs.chain.content import AT, COLUMNS, SALT_BYTES, SCOPE, START, leaf, link
from logs.models import LogChain, LogEntry, LogSeal, LogSealMark
from logs.settled import Cursor

STEP = 4000  # entries in one transaction: less than half a second
SEAL = ("entry", "scope", "position", "at", "leaf", "hash", "blinds")
NOWHERE = 0  # the scope of entries without a namespace


def mark() -> LogSealMark:
    """Return up to where the log is sealed."""
    found = LogSealMark.objects.filter(pk=LogSealMark.ONLY).first()
    if found is None:
        LogSealMark.objects.bulk_create([LogSealMark(pk=LogSealMark.ONLY)], ignore_conflicts=True)
        found = LogSealMark.objects.get(pk=LogSealMark.ONLY)
    return found


def seal_some(limit: int = 0) -> bool:
    """Seal at most ``limit`` (or `STEP`) more of the settled entries; tell whether there may be more."""
    limit = limit or STEP
    before = mark()
    rows = settled.in_order(settled.after(Cursor(before.xact, before.entry), settled.settled()))
    found = list(rows.values_list("xact", *COLUMNS)[:limit])
    if not found:
        return False
    seals, heads = _chained([row[1:] for row in found])
    with transaction.atomic():
        to = {"xact": found[-1][0], "entry": found[-1][1], "moved_at": timezone.now()}
        moved = LogSealMark.objects.filter(pk=before.pk, turn=before.turn).update(turn=F("turn") + 1, **to)
        if not moved:
            return True  # somebody else has sealed, or erased, meanwhile
        write_many(LogSeal, SEAL, seals)
        LogChain.objects.bulk_create(
            heads, update_conflicts=True, unique_fields=["scope"], update_fields=["position", "hash"]
        )
    return len(found) == limit


def hold() -> None:
    """Let nothing be sealed that was read before, inside a transaction that changes entries."""
    LogSealMark.objects.filter(pk=mark().pk).update(turn=F("turn") + 1)


def _chained(entries: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], list[LogChain]]:
    scopes = {entry[SCOPE] or NOWHERE for entry in entries}
    heads = {scope: LogChain(scope=scope, position=0, hash=START) for scope in scopes}
    heads |= {one.scope: one for one in LogChain.objects.filter(scope__in=scopes)}
    salts, seals = os.urandom(SALT_BYTES * len(entries)), []
    for number, entry in enumerate(entries):
        head = heads[entry[SCOPE] or NOWHERE]
        salt = salts[SALT_BYTES * number : SALT_BYTES * (number + 1)]
        own = leaf(entry, salt)
        head.position += 1
        head.hash = link(bytes(head.hash), head.scope, head.position, entry[0], own)
        seals.append((entry[0], head.scope, head.position, entry[AT], own, head.hash, salt))
    return seals, list(heads.values())


def unsealed() -> int:
    """Return how many entries are not sealed yet; what is not settled counts as well."""
    at = mark()
    return settled.after(Cursor(at.xact, at.entry), LogEntry.objects.all()).count()
