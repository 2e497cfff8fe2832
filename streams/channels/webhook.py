"""Streams to webhooks: a POST of JSON for each batch, signed as deliveries of notifications are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4, uuid5

from django.utils import timezone

from core import seal
from logs.formats import fields
from logs.settled import Cursor
from notifications.channels import Undelivered, http
from notifications.channels.webhook import living, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logs.models import LogEntry
    from notifications.channels import Letter
    from streams.models import Stream

ENTRIES, TEST = "log.entries", "log.test"


def prepare(stream: Stream, entries: Sequence[LogEntry], after: Cursor, to: Cursor) -> Letter:
    """Return a batch ready to be sent. Its id follows from its ends: sent again, it has the same one.

    Raises:
        Undelivered: the secret cannot be read.
    """
    data = {"after": str(after), "cursor": str(to), "entries": [line(entry) for entry in entries]}
    return _letter(stream, f"msg_{uuid5(stream.uuid, f'{after}-{to}').hex}", ENTRIES, data)


def test(stream: Stream) -> Letter:
    """Return a message without entries. Raises as `prepare`."""
    return _letter(stream, f"msg_{uuid4().hex}", TEST, {"entries": []})


def line(entry: LogEntry) -> dict[str, Any]:
    """Return an entry as a receiver gets it: by its number it is known again."""
    return {"id": entry.pk, "cursor": str(Cursor.of(entry)), **fields(entry)}


def _letter(stream: Stream, name: str, sort: str, data: dict[str, Any]) -> Letter:
    space = stream.namespace.name if stream.namespace else None
    told = {
        "type": sort,
        "timestamp": timezone.now().isoformat(),
        "data": {"stream": str(stream.uuid), "namespace": space, **data},
    }
    # In ASCII: what JSON may hold and UTF-8 may not, stays escaped.
    body = json.dumps(told, separators=(",", ":"))
    try:
        headers = signed(name, body, living(stream))
    except seal.Unreadable as error:
        raise Undelivered("The secret to sign with cannot be read.", final=True) from error
    return http.letter(stream.config["url"], body.encode(), headers)
