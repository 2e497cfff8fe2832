"""Telling whether what came back is what was deleted, row by row and key by key."""

from __future__ import annotations

from tests.checksum import changes, snapshot

# What the trash does not bring back, or writes on the way, and why.
ELSEWHERE = {
    "tokens_credential": "tokens are dead for good",
    "tokens_authorizationcode": "so are codes",
    "notifications_delivery": "they tell of what is over",
    "notifications_notice": "they go with the invitation that they tell of",
    "logs_logentry": "the log tells of the deletion and of the return",
    "trash_trashed": "the trash itself",
    "trash_trashedrows": "the trash itself",
    "trash_trashed_owners": "the trash itself",
}


def everything():
    """Return all rows of all tables but those."""
    return {table: rows for table, rows in snapshot().items() if table not in ELSEWHERE}


def differences(before):
    """Return what is not as it was."""
    return [str(one) for one in changes(before, everything())]
