"""Taking out of entries what tells of a person, so that all the rest of the log is still proven.

Of a part that goes, the seal keeps the hash and drops the key (`logs.chain.content`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from logs.chain import sealing
from logs.chain.content import COLUMNS, without
from logs.models import LogEntry, LogSeal

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User

BATCH = 500


def candidates(user: User) -> QuerySet[LogEntry]:
    """Return the entries that may tell of a person: some name her only within other words."""
    mentions = Q(told__icontains=user.username)
    if user.email:
        mentions |= Q(told__icontains=user.email)
    by_her = Q(performer=user.pk) | Q(performer_name=user.username, performer_kind="user")
    hers = Q(namespace_name=user.username, namespace_kind="user")
    return LogEntry.objects.alias(told=Cast("metadata", TextField())).filter(by_her | hers | mentions)


def erase(user: User, keys: list[int]) -> int:
    """Take out of entries what tells of a person, inside a transaction; return of how many of them."""
    sealing.hold()
    entries = LogEntry.objects.filter(pk__in=keys)
    seals = {seal.pk: seal for seal in LogSeal.objects.filter(pk__in=keys)}
    count, changed = 0, []
    for entry in entries:
        row = [getattr(entry, name) for name in COLUMNS]
        found = _told_of(user, entry)
        if not found:
            continue
        count += 1
        LogEntry.objects.filter(pk=entry.pk).update(
            **{name: new for one in found.values() for name, new in one.items()}
        )
        if seal := seals.get(entry.pk):
            seal.blinds = without(row, bytes(seal.blinds), *found)
            changed.append(seal)
    LogSeal.objects.bulk_update(changed, ["blinds"], batch_size=200)
    return count


def _told_of(user: User, entry: LogEntry) -> dict[str, dict[str, Any]]:
    """Return, by part, which columns become what."""
    found: dict[str, dict[str, Any]] = {}
    if entry.performer_id == user.pk or (entry.performer_name, entry.performer_kind) == (
        user.username,
        "user",
    ):
        found["performer"] = {"performer": None, "performer_name": "", "performer_email": ""}
        found["ip"] = {"ip": None}
        found["names"] = {"credential_name": ""}
    if (entry.namespace_name, entry.namespace_kind) == (user.username, "user"):
        found["names"] = {**found.get("names", {}), "namespace_name": ""}
    told = _blanked(entry.metadata, {name.casefold() for name in (user.username, user.email) if name})
    if told != entry.metadata:
        found["metadata"] = {"metadata": told}
    return found


def _blanked(value: Any, names: set[str]) -> Any:
    """Return a value of the metadata without her names, and without those of her robots."""
    if isinstance(value, dict):
        return {key: _blanked(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_blanked(one, names) for one in value]
    if not isinstance(value, str):
        return value
    known = value.casefold()
    return "" if known in names or known.partition("+")[0] in names else value
