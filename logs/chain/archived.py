"""What is in the files of the archive, held against the seals that outlived their entries."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import orjson
from django.core.files.storage import storages

from core.db import KEYS_MAX
from core.words import say
from logs.chain.content import COLUMNS, KIND, METADATA, SCOPE, leaf
from logs.chain.findings import Finding, Sort
from logs.kinds import ERASE_PERSON
from logs.models import LogArchive, LogSeal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime
    from typing import IO

    from django.db.models import QuerySet

PIECE = 1024 * 1024
KEY_MAX = 2**63 - 1


class Archived:
    """The numbers of entries that files of the archive hold; eight bytes each."""

    def __init__(
        self, scopes: Collection[int] | None, since: datetime | None, heard: Callable[[], object]
    ) -> None:
        """Look at files that may hold entries of these chains, or of all, and not only older ones.

        ``heard`` is called while they are read; what it raises ends that.
        """
        self.scopes, self.since, self._heard = scopes, since, heard
        self.unsealed: list[str] = []  # files that were written before anything was sealed
        self.told = 0  # out of how many entries something was erased, as entries in the files say
        self._numbers = array("q")
        self._read: set[int] = set()

    def __contains__(self, entry: int) -> bool:
        at = bisect_left(self._numbers, entry)
        return at < len(self._numbers) and self._numbers[at] == entry

    def read(self) -> Iterator[Finding]:
        """Read the files that were not read before, and yield what is wrong with them."""
        for archive in self._rows().exclude(pk__in=self._read).order_by("pk"):
            self._read.add(archive.pk)
            try:
                with storages["exports"].open(archive.storage_name, "rb") as file:
                    yield from self._of_file(archive, file)
            except (OSError, EOFError, zlib.error, ValueError) as error:
                words = say(
                    "{file} cannot be read: {error}", file=archive.storage_name, error=type(error).__name__
                )
                yield Finding(Sort.ARCHIVE, archive.scope, words=words)
            self._numbers = array("q", sorted(self._numbers))

    def _rows(self) -> QuerySet[LogArchive]:
        Status = LogArchive.Status
        rows = LogArchive.objects.filter(status__in=(Status.DROPPING, Status.DONE))
        if self.scopes is not None:
            rows = rows.filter(scope__in=[0, *self.scopes])
        return rows if self.since is None else rows.filter(ends_at__gt=self.since)

    def _of_file(self, archive: LogArchive, file: IO[bytes]) -> Iterator[Finding]:
        if self._digest(file) != archive.sha256:
            words = say("{file} is not the file that was written", file=archive.storage_name)
            yield Finding(Sort.ARCHIVE, archive.scope, words=words)
        file.seek(0)
        sealed, strange = 0, []
        with gzip.GzipFile(fileobj=file, mode="rb") as lines:
            for some in _pages(lines):
                self._heard()
                rows = list(map(_row, some))
                if self.scopes is not None:
                    rows = [row for row in rows if (row[SCOPE] or 0) in self.scopes]
                seals = {
                    seal.pk: seal
                    for seal in LogSeal.objects.filter(pk__in=[row[0] for row in rows]).iterator()
                }
                sealed += len(seals)
                for row in rows:
                    seal = seals.get(row[0])
                    if seal is None:
                        strange.append(
                            Finding(Sort.INSERTED, row[SCOPE] or 0, None, row[0], say("in a file"))
                        )
                        continue
                    self._numbers.append(row[0])
                    if row[KIND] == ERASE_PERSON.name:
                        self.told += erased_as_told(row[METADATA])
                    if leaf(row, bytes(seal.blinds)) != bytes(seal.leaf):
                        words = say("in the file {file}", file=archive.storage_name)
                        yield Finding(Sort.ALTERED, seal.scope, seal.position, seal.pk, words)
        if sealed:
            yield from strange
        elif strange:
            self.unsealed.append(archive.storage_name)

    def _digest(self, file: IO[bytes]) -> str:
        found = hashlib.sha256()
        while piece := file.read(PIECE):
            self._heard()
            found.update(piece)
        return found.hexdigest()


def _pages(lines: Any) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    for line in lines:
        some.append(line)
        if len(some) == KEYS_MAX:
            yield some
            some = []
    if some:
        yield some


def _row(line: bytes) -> tuple[Any, ...]:
    """Return a line's entry as a row of `COLUMNS`. Raises ValueError where it is none that was written."""
    told = orjson.loads(line)
    if not (isinstance(told, dict) and _is_key(told.get("id")) and _is_key(told.get("namespace_id") or 0)):
        message = "no entry"
        raise ValueError(message)
    return tuple(told.get(name) for name in COLUMNS)


def _is_key(value: object) -> bool:
    return type(value) is int and 0 <= value <= KEY_MAX


def erased_as_told(metadata: Any) -> int:
    """Return out of how many entries an entry tells that something was erased, whatever was made of it."""
    count = metadata.get("count") if isinstance(metadata, dict) else None
    return count if isinstance(count, int) else 0
