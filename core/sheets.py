"""Tables as files for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# What spreadsheets take for the beginning of a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
CHUNK = 1 << 15


def sheet(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Return a table as pieces of a CSV file (RFC 4180, UTF-8), the columns' names first.

    No value begins a formula; times are ISO 8601 in UTC, truth is ``true`` or ``false``, None is empty.
    """
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\r\n").writerow
    write(columns)
    for row in rows:
        write([_harmless(value) for value in row])
        if out.tell() >= CHUNK:
            yield taken(out)
    yield taken(out)


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as lines of a CSV file, as `sheet` writes them."""
    return written([_harmless(value) for value in row] for row in rows)


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of texts, which must begin no formula, as lines of a CSV file."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def taken(out: io.StringIO) -> bytes:
    """Return what was written so far, and begin anew."""
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()


def _harmless(value: object) -> str:
    """Return a value as text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(FORMULAS) else text
