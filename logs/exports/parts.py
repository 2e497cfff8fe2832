"""The parts of an export's file: written one by one, kept, and gone on from by whoever comes after."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.files.storage import storages
from django.db import transaction

from logs import selectors
from logs.exports import file, store
from logs.exports.file import Place
from logs.exports.lease import Lost
from logs.models import LogExportPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from logs.exports.file import Reader
    from logs.exports.lease import Lease
    from logs.models import LogExport

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Whole:
    """All parts together: entries, bytes, and the SHA-256 in hex."""

    rows: int
    size: int
    sha256: str


def write(lease: Lease) -> Whole:
    """Write what is missing of the file, and return what it is; what was kept before is only read.

    Raises Lost, and whatever the storage raises.
    """
    parts, whole = _kept(lease)
    with file.reading() as reader:
        if lease.export.rows_expected is None:
            lease.keep(rows_expected=_expected(lease.export, reader))
        while not (parts and parts[-1].is_last):
            parts.append(_add(lease, reader, parts, whole))
    return Whole(sum(part.rows for part in parts), sum(part.size_bytes for part in parts), whole.hexdigest())


def remove(export: LogExport) -> None:
    """Remove all parts of an export, files and rows."""
    for part in export.parts.order_by("number"):
        _remove(part)


def _remove(part: LogExportPart) -> None:
    store.remove(part.storage_name)
    part.delete()


def _expected(export: LogExport, reader: Reader) -> int:
    """Return how many entries there will be; by the log's sums, those of meanwhile are among them."""
    summed = selectors.sums(
        namespace_id=export.namespace_id,
        project_id=export.project_id,
        starts_at=export.starts_at,
        ends_at=export.ends_at,
        **export.filters,
    )
    if summed is None:
        return reader.count(file.rows_of(export))
    return sum(day.count for day in summed)


def _kept(lease: Lease) -> tuple[list[LogExportPart], hashlib._Hash]:
    """Return the parts that read as they were written, and their digest; remove what is behind them."""
    found = list(lease.export.parts.order_by("number"))
    good: list[LogExportPart] = []
    whole = hashlib.sha256()
    for part in found:
        lease.keep()
        further = whole.copy()
        if part.number != len(good) + 1 or not _reads_as_written(part, further):
            break
        good.append(part)
        whole = further
    for part in found[len(good) :]:
        lease.keep()
        _remove(part)
    return good, whole


def _reads_as_written(part: LogExportPart, whole: hashlib._Hash) -> bool:
    if not part.sha256:
        return False  # it was being written
    digest = hashlib.sha256()
    try:
        with storages["exports"].open(part.storage_name, "rb") as stored:
            while piece := stored.read(CHUNK):
                digest.update(piece)
                whole.update(piece)
    except FileNotFoundError:
        log.warning("A part of an export is gone and written again: %s", part)
        return False
    if digest.hexdigest() != part.sha256:
        log.warning("A part of an export is not what it was and written again: %s", part)
        return False
    return True


def _add(lease: Lease, reader: Reader, parts: list[LogExportPart], whole: hashlib._Hash) -> LogExportPart:
    export, number = lease.export, len(parts) + 1
    last = parts[-1] if parts else None
    after = Place(last.last_at, last.last_id) if last and last.last_at and last.last_id else None
    before = sum(part.rows for part in parts)
    with store.draft(export) as draft:
        wrote = file.write_part(
            reader, export, draft, after=after, is_first=last is None, whole=whole,
            progress=_progress(lease, before),
        )  # fmt: skip
        # Noted before it is there, so that it is found again whatever happens.
        with transaction.atomic():
            lease.keep()
            part = LogExportPart.objects.create(
                export=export, number=number, storage_name=store.part_name(export, number)
            )
        store.hand_over(export, draft, part.storage_name)
    part.rows, part.size_bytes, part.sha256, part.is_last = (
        wrote.rows,
        wrote.size,
        wrote.sha256,
        wrote.is_last,
    )
    if wrote.place is not None:
        part.last_at, part.last_id = wrote.place.at, wrote.place.id
    rows = before + part.rows
    try:
        with transaction.atomic():
            # Who comes this far has not failed: attempts count from here, where more is to be written.
            attempts = export.attempts if part.is_last else 1
            lease.keep(rows_written=rows, percent=_percent(export, rows), attempts=attempts)
            part.save(force_update=True)
    except Lost:
        store.remove(part.storage_name)
        raise
    return part


def _progress(lease: Lease, before: int) -> Callable[[int], None]:
    """Return what notes on the row, now and then, how far it is; so a row that was lost is noticed, too."""
    due = time.monotonic()

    def note(rows: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + PROGRESS_SECONDS
            lease.keep(rows_written=before + rows, percent=_percent(lease.export, before + rows))

    return note


def _percent(export: LogExport, rows: int) -> int:
    return min(99, rows * 100 // max(1, export.rows_expected or 0))
