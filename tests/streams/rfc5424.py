"""A strict reader of syslog, written from the grammars of RFC 5424 (6) and RFC 5425 (4.3) alone.

It takes nothing that the grammar does not give, and knows nothing of how Muster writes.
"""

import re
from dataclasses import dataclass
from datetime import datetime

PRI = re.compile(rb"<(0|[1-9][0-9]{0,2})>")
HEADER = re.compile(
    rb"([1-9][0-9]{0,2}) (-|[^ ]+) (-|[!-~]{1,255}) (-|[!-~]{1,48}) (-|[!-~]{1,128}) (-|[!-~]{1,32}) "
)
TIMESTAMP = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
SD_NAME = re.compile(rb"[!#-<>-\\^-~]{1,32}")  # visible ASCII but for = ] and the quotation mark
COUNT = re.compile(rb"([1-9][0-9]*) ")
BOM = b"\xef\xbb\xbf"


class Malformed(ValueError):
    pass


@dataclass
class Message:
    facility: int
    severity: int
    version: int
    at: datetime | None
    stamp: str
    host: str
    app: str
    process: str
    name: str
    elements: dict[str, dict[str, str]]
    text: str
    has_bom: bool
    size: int


def frames(data):
    """Return the messages of a connection: each behind its length, and nothing between or behind."""
    found = []
    while data:
        count = COUNT.match(data)
        if count is None:
            raise Malformed(f"no length: {data[:40]!r}")
        size, start = int(count[1]), count.end()
        if len(data) < start + size:
            raise Malformed("cut off")
        found.append(message(data[start : start + size]))
        data = data[start + size :]
    return found


def message(data):
    priority = PRI.match(data)
    if priority is None or int(priority[1]) > 191:
        raise Malformed(f"no priority: {data[:40]!r}")
    header = HEADER.match(data, priority.end())
    if header is None:
        raise Malformed(f"no header: {data[:200]!r}")
    version, stamp, *names = header.groups()
    if stamp != b"-" and not TIMESTAMP.fullmatch(stamp):
        raise Malformed(f"no timestamp: {stamp!r}")
    elements, at = structured(data, header.end())
    if data[at : at + 1] not in (b"", b" "):
        raise Malformed(f"behind the structured data: {data[at : at + 20]!r}")
    rest = data[at + 1 :]
    has_bom = rest.startswith(BOM)
    facility, severity = divmod(int(priority[1]), 8)
    host, app, process, name = (one.decode("ascii") for one in names)
    return Message(
        facility,
        severity,
        int(version),
        None if stamp == b"-" else datetime.fromisoformat(stamp.decode("ascii")),
        stamp.decode("ascii"),
        host,
        app,
        process,
        name,
        elements,
        rest.removeprefix(BOM).decode("utf-8"),
        has_bom,
        len(data),
    )


def structured(data, at):
    if data[at : at + 1] == b"-":
        return {}, at + 1
    elements: dict[str, dict[str, str]] = {}
    while data[at : at + 1] == b"[":
        name, at = sd_name(data, at + 1)
        if name in elements:
            raise Malformed("an element twice")
        elements[name] = values = {}
        while data[at : at + 1] == b" ":
            key, at = sd_name(data, at + 1)
            if data[at : at + 2] != b'="':
                raise Malformed(f"no value: {data[at : at + 20]!r}")
            values[key], at = value(data, at + 2)
        if data[at : at + 1] != b"]":
            raise Malformed(f"an element without end: {data[at : at + 20]!r}")
        at += 1
    if not elements:
        raise Malformed("no structured data")
    return elements, at


def sd_name(data, at):
    found = SD_NAME.match(data, at)
    if found is None:
        raise Malformed(f"no name: {data[at : at + 20]!r}")
    return found[0].decode("ascii"), found.end()


def value(data, at):
    text = bytearray()
    while True:
        sign = data[at : at + 1]
        if sign == b'"':
            return text.decode("utf-8"), at + 1
        if sign == b"\\":
            at += 1
            sign = data[at : at + 1]
            if sign not in (b'"', b"\\", b"]"):
                raise Malformed("a backslash before what needs none")
        elif sign in (b"]", b""):
            raise Malformed("a value without end")
        text += sign
        at += 1
