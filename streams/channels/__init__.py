"""One channel per file: each makes a batch ready to be sent, as deliveries of notifications are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from streams.channels import file, syslog, webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from logs.models import LogEntry
    from logs.settled import Cursor
    from notifications.channels import Letter
    from streams.models import Stream

    Prepare = Callable[[Stream, Sequence[LogEntry], Cursor, Cursor], Letter]
    Test = Callable[[Stream], Letter]

PREPARE: dict[str, Prepare] = {
    "webhook": webhook.prepare,
    "syslog": syslog.prepare,
    "file": file.prepare,
}
TEST: dict[str, Test] = {"webhook": webhook.test, "syslog": syslog.test, "file": file.test}


def prepare(stream: Stream, entries: Sequence[LogEntry], after: Cursor, to: Cursor) -> Letter:
    """Return a batch ready to be sent: these entries, which lie behind ``after`` and up to ``to``.

    Raises:
        Undelivered: it cannot be made ready.
    """
    return PREPARE[stream.method](stream, entries, after, to)


def test(stream: Stream) -> Letter:
    """Return a message without entries ready to be sent. Raises as `prepare`."""
    return TEST[stream.method](stream)


def target(stream: Stream) -> str:
    """Return where a stream leads, for people: of a URL only the host, as the rest may be a key."""
    if "name" in stream.config:
        return str(stream.config["name"])
    try:
        return urlsplit(str(stream.config.get("url", ""))).netloc or "-"
    except ValueError:
        return "-"
