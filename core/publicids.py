"""Public ids of the wires that do not show integers: derived from the primary key, never stored.

Each form belongs to one kind of thing (a *user* id is no *project* id), and each has one spelling alone: what
does not come out again as it went in is no id. They hide nothing; whoever has one still needs the right.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from sqids import Sqids

if TYPE_CHECKING:
    from datetime import datetime

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE58_LENGTH = 22
PAIRS58 = [first + second for first in BASE58 for second in BASE58]  # half as many divisions of a long number
SHORT_LENGTH, NID_LENGTH = 5, 12
PK_MAX = 2**62 - 1
# Odd, so that multiplying is undone by its inverse: neighbours in the table do not look like neighbours.
_SPREAD = 0x2545F4914F6CDD1D & PK_MAX
_GATHER = pow(_SPREAD, -1, PK_MAX + 1)
# The twelve bits of a UUID that say what it names.
_UUID_KINDS = {"organization": 1, "project": 2, "member": 3, "integration": 4, "account": 5, "key": 6}


@cache
def _coder(kind: str, length: int) -> Sqids:
    alphabet = sorted(BASE62, key=lambda sign: hashlib.sha256(f"{kind} {length} {sign}".encode()).digest())
    return Sqids(alphabet="".join(alphabet), min_length=length)


def _decoded(kind: str, length: int, text: str) -> int | None:
    coder = _coder(kind, length)
    numbers = coder.decode(text)
    if len(numbers) != 1 or numbers[0] > PK_MAX or coder.encode(numbers) != text:
        return None
    return numbers[0]


def short_id(kind: str, pk: int) -> str:
    """Return a short id, at least five letters and digits (qodana.md 1)."""
    return _coder(kind, SHORT_LENGTH).encode([pk])


def short_pk(kind: str, text: str) -> int | None:
    """Return the key behind a short id, None for what is none of this kind."""
    return _decoded(kind, SHORT_LENGTH, text)


def nid(prefix: str, pk: int) -> str:
    """Return a prefixed id, ``prj-`` and twelve letters and digits (cisense.md 1)."""
    return f"{prefix}-{_coder(prefix, NID_LENGTH).encode([pk])}"


def nid_pk(prefix: str, text: str) -> int | None:
    """Return the key behind a prefixed id, None for what is none of this prefix."""
    head, dash, rest = text.partition("-")
    return _decoded(prefix, NID_LENGTH, rest) if head == prefix and dash else None


def time_id(kind: str, pk: int, created_at: datetime) -> UUID:
    """Return a UUID of version 7 (flexstack.md 1): when the row was made, what it is, and its key."""
    milliseconds = int(created_at.astimezone(UTC).timestamp() * 1000)
    spread = pk * _SPREAD & PK_MAX
    value = milliseconds << 80 | 7 << 76 | _UUID_KINDS[kind] << 64 | 0b10 << 62 | spread
    return UUID(int=value)


def time_pk(kind: str, found: UUID) -> int | None:
    """Return the key behind such a UUID, None for one of another kind.

    The time is not looked at: who fetches the row compares its `time_id` with what was asked for.
    """
    if found.version != 7 or found.int >> 64 & 0xFFF != _UUID_KINDS[kind]:
        return None
    return (found.int & PK_MAX) * _GATHER & PK_MAX


def base58(found: UUID) -> str:
    """Return a UUID in 22 signs of Bitcoin's alphabet."""
    number, signs = found.int, ""
    while number:
        number, rest = divmod(number, len(PAIRS58))
        signs = PAIRS58[rest] + signs
    return signs.rjust(BASE58_LENGTH, BASE58[0])


def parsed_uuid(text: str) -> UUID | None:
    """Return the UUID that a text names: base58, canonical or 32 hexadecimal digits, these in lower case."""
    if re.fullmatch(rf"[{BASE58}]{{{BASE58_LENGTH}}}", text):
        number = 0
        for sign in text:
            number = number * len(BASE58) + BASE58.index(sign)
        return UUID(int=number) if number < 2**128 else None
    if re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        return UUID(text)
    return None
