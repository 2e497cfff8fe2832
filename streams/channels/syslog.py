"""Streams to syslog: RFC 5424 messages over TLS, each counted (RFC 5425), a connection for each batch.

Syslog has no acknowledgement. A batch counts as sent once the receiver has closed the connection in good
order, after we did, with all of it acknowledged by its host: docs/adr/0016 says what that is worth.
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from core import egress
from logs.formats import TEXTS
from notifications.channels import Answer, Letter, Undelivered
from streams.channels.webhook import TEST, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from logs.models import LogEntry
    from logs.settled import Cursor
    from streams.models import Stream

PRIORITY = 13 * 8 + 6  # facility: log audit, severity: informational
APP = "muster"
ELEMENT = "muster@32473"  # the number that RFC 5612 keeps for whoever has none of her own
SHOWN = ("kind", "namespace", "project", "performer", "performer_kind", "ip", "door")  # beside the message
# What every receiver should take (RFC 5425, 4.3.1). Some go on behind their own limit as if a new message
# began there, whose words an attacker could have chosen: so none is longer.
BYTES_MAX = 8192
NAME_MAX = 32  # characters of the kind of a message
CUT = 40  # characters of each text, where nothing else helps
BOM = b"\xef\xbb\xbf"


def prepare(stream: Stream, entries: Sequence[LogEntry], after: Cursor, to: Cursor) -> Letter:
    """Return a batch ready to be sent, a message for each entry."""
    return _letter(stream, b"".join(_framed(_message(stream, entry)) for entry in entries))


def test(stream: Stream) -> Letter:
    """Return a message that is about no entry."""
    told = {"type": TEST, "stream": str(stream.uuid)}
    return _letter(stream, _framed(_drawn(timezone.now(), TEST, {"stream": str(stream.uuid)}, told)))


def _letter(stream: Stream, data: bytes) -> Letter:
    return Letter(partial(_send, str(stream.config["url"]), str(stream.config.get("authority", "")), data))


def _send(url: str, authority: str, data: bytes) -> Answer:
    try:
        seconds = egress.send(url, data=data, authority=authority, timeout=settings.NOTIFICATION_SECONDS)
    except egress.Refused as error:
        raise Undelivered(f"The receiver may not be called: {error}", final=True) from error
    except egress.Failed as error:
        raise Undelivered(f"The receiver did not take it: {error}") from error
    return Answer(seconds=seconds)


def _framed(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)


def _message(stream: Stream, entry: LogEntry) -> bytes:
    """Return an entry as a message. Of one that is too long the metadata is left out, and that is said."""
    told = line(entry)
    about = {"id": entry.pk, "cursor": told["cursor"], "stream": stream.uuid}
    message = _drawn(entry.at, entry.kind, about | _beside(told), told)
    if len(message) > BYTES_MAX:
        told = {**told, "metadata": {}, "left_out": ["metadata"]}
        message = _drawn(entry.at, entry.kind, about | _beside(told), told)
    if len(message) > BYTES_MAX:
        # Names of the longest kind, in letters of which each takes twelve bytes.
        told["left_out"] += [name for name in TEXTS if len(told[name]) > CUT]
        told |= {name: told[name][:CUT] for name in TEXTS}
        message = _drawn(entry.at, entry.kind, about | _beside(told), told)
    return message


def _beside(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in SHOWN if told[name]}


def _drawn(moment: datetime, name: str, about: Mapping[str, Any], told: Mapping[str, Any]) -> bytes:
    head = f"<{PRIORITY}>1 {_stamp(moment)} {_host()} {APP} - {_plain(name, NAME_MAX)}"
    values = "".join(f' {key}="{_escaped(str(value))}"' for key, value in about.items())
    # JSON in ASCII: what is in it ends no line, and stays what it is whatever a receiver makes of the rest.
    text = json.dumps(told, separators=(",", ":"))
    return f"{head} [{ELEMENT}{values}] ".encode() + BOM + text.encode()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _host() -> str:
    return _plain(urlsplit(settings.PUBLIC_URL).hostname or "", 255)


def _plain(text: str, most: int) -> str:
    """Return a field of the header: visible ASCII without blanks, or a dash."""
    return re.sub(r"[^!-~]", "", text)[:most] or "-"


def _escaped(text: str) -> str:
    """Return a value of the structured data. What is not printed, as line ends, would only mislead there."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return re.sub(r'(["\\\]])', r"\\\1", shown)
