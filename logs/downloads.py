"""Links to finished exports: whoever has one may fetch the file, until it expires or is taken back."""

from __future__ import annotations

import base64
import errno
import hmac
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone
from django.utils.crypto import salted_hmac

from core.errors import NotFound
from logs.formats import format_of
from logs.selectors import by_uuid, is_revoked, parts_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from logs.models import LogExport, LogExportPart

UUID_LENGTH = 36
CHUNK = 1 << 18
LOOK_SECONDS = 0.5
GONE = "There is no such file, or not any more"


class Withdrawn(ConnectionResetError):
    """The file was taken back while it was being fetched: the connection ends, short of what was promised."""


@dataclass(frozen=True)
class Download:
    """A file in parts: its size in bytes, a file name for people, its content type, its SHA-256 in hex."""

    export: LogExport = field(repr=False)
    parts: list[LogExportPart] = field(repr=False)
    size: int
    name: str
    content_type: str
    sha256: str

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Return the bytes from ``first`` to ``last``, the parts after one another as one.

        Twice a second it is looked whether the file may still be had; if not, `Withdrawn` ends it.

        Raises:
            NotFound: the first part of it is not there.
        """
        pieces = self._read(first, last)
        try:
            start = next(pieces, b"")
        except FileNotFoundError as error:
            raise NotFound(GONE) from error
        return _with(start, pieces)

    def _read(self, first: int, last: int) -> Generator[bytes]:
        look, begin = monotonic() + LOOK_SECONDS, 0
        for part in self.parts:
            end = begin + part.size_bytes
            if first < end and begin <= last:
                left = min(last + 1, end) - max(first, begin)
                with storages["exports"].open(part.storage_name, "rb") as file:
                    file.seek(max(first, begin) - begin)
                    while left:
                        if monotonic() > look:
                            self._look_again()
                            look = monotonic() + LOOK_SECONDS
                        piece = file.read(min(CHUNK, left))
                        if not piece:
                            message = f"{part} is shorter than it was written"
                            raise OSError(message)
                        left -= len(piece)
                        yield piece
            begin = end

    def _look_again(self) -> None:
        export = by_uuid(self.export.uuid)
        if export is None or not is_downloadable(export):
            raise Withdrawn(errno.ECONNRESET, "The export was taken back")


def _with(start: bytes, pieces: Generator[bytes]) -> Generator[bytes]:
    try:
        yield start
        yield from pieces
    finally:
        pieces.close()


def link(export: LogExport) -> str:
    """Return the absolute URL of a finished export's file; the caller has checked the right.

    It is ours wherever the parts are kept, and dies with the row's ``expires_at``, or when it is taken back.
    """
    return f"{settings.PUBLIC_URL}/exportedlogs/{export.uuid}-{_secret(export, settings.SECRET_KEY)}"


def open_download(token: str) -> Download:
    """Return the file that the last part of a link stands for; the link is the proof, no sign-in is needed.

    Raises:
        NotFound: unknown, altered, expired, taken back, or what it is about is gone.
    """
    export = by_uuid(token[:UUID_LENGTH])
    if export is None or not _is_right(export, token[UUID_LENGTH:]) or not is_downloadable(export):
        raise NotFound(GONE)
    whose = "-".join(filter(None, [export.namespace_name, export.project_name])) or "instance"
    form = format_of(export)
    name = f"{whose.replace('/', '-')}-log-{export.starts_at:%Y-%m-%d}.{form.extension}"
    return Download(export, parts_of(export), export.size_bytes or 0, name, form.content_type, export.sha256)


def manifest(token: str) -> dict[str, Any]:
    """Return what the file behind a link is, whole and part by part, to check it by. Raises NotFound."""
    found = open_download(token)
    export = found.export
    return {
        "file": found.name,
        "format": export.format,
        "export_id": str(export.uuid),
        "namespace": export.namespace_name or None,
        "repository": export.project_name or None,
        "starts_at": export.starts_at.isoformat(),
        "ends_before": export.ends_at.isoformat(),
        "filter": export.filters,
        "entries": export.rows_written,
        "bytes": found.size,
        "sha256": found.sha256,
        "parts": [
            {
                "number": part.number,
                "entries": part.rows,
                "bytes": part.size_bytes,
                "sha256": part.sha256,
            }
            for part in found.parts
        ],
    }


def is_downloadable(export: LogExport) -> bool:
    """Tell whether the file can be had now. Needs the relations that `logs.selectors.export` loads."""
    return (
        export.status == export.Status.DONE
        and export.storage_name != ""
        and export.expires_at is not None
        and export.expires_at > timezone.now()
        and not is_revoked(export)
    )


def is_withdrawn(export: LogExport) -> bool:
    """Tell whether the file is there, in its time, and is given to nobody: as `is_downloadable`."""
    in_time = export.expires_at is not None and export.expires_at > timezone.now()
    return export.status == export.Status.DONE and in_time and is_revoked(export)


def _secret(export: LogExport, key: str | bytes) -> str:
    # Both halves are needed to forge a link: the key, and the file's own unguessable name.
    told = f"{export.uuid}:{export.storage_name}"
    digest = salted_hmac("logs.downloads", told, secret=key, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_right(export: LogExport, rest: str) -> bool:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    given = rest.encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(given, f"-{_secret(export, key)}".encode()) for key in keys)
