"""Links to finished exports: whoever has one may fetch the file, until it expires or is taken back."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.utils import timezone
from django.utils.crypto import salted_hmac

from core.errors import NotFound
from logs.selectors import by_uuid, is_revoked

if TYPE_CHECKING:
    from logs.models import LogExport

UUID_LENGTH = 36


@dataclass(frozen=True)
class Download:
    """An open file, its size in bytes, a file name for people, and its SHA-256 in hex."""

    file: IO[bytes]
    size: int
    name: str
    sha256: str


def link(export: LogExport) -> str:
    """Return the absolute URL of a finished export's file; the caller has checked the right.

    From local storage it is ours, and dies with the row's ``expires_at``. From a remote one it is signed by
    the storage for MUSTER_EXPORT_LINK_SECONDS, and dies with the file at the latest.
    """
    storage = storages["exports"]
    if isinstance(storage, FileSystemStorage):
        return f"{settings.PUBLIC_URL}/exportedlogs/{export.uuid}-{_secret(export, settings.SECRET_KEY)}"
    return storage.url(export.storage_name)


def open_download(token: str) -> Download:
    """Return the file that the last part of a link stands for; the link is the proof, no sign-in is needed.

    Raises:
        NotFound: unknown, altered, expired, taken back, or what it is about is gone.
    """
    export = by_uuid(token[:UUID_LENGTH])
    if export is None or not _is_right(export, token[UUID_LENGTH:]) or not is_downloadable(export):
        raise NotFound("There is no such file, or not any more")
    try:
        file = storages["exports"].open(export.storage_name, "rb")
    except FileNotFoundError as error:
        raise NotFound("There is no such file, or not any more") from error
    whose = "-".join(filter(None, [export.namespace_name, export.project_name])) or "instance"
    name = f"{whose.replace('/', '-')}-log-{export.starts_at:%Y-%m-%d}.json"
    return Download(file, export.size_bytes or 0, name, export.sha256)


def is_downloadable(export: LogExport) -> bool:
    """Tell whether the file can be had now. Needs the relations that `logs.selectors.export` loads."""
    return (
        export.status == export.Status.DONE
        and export.storage_name != ""
        and export.expires_at is not None
        and export.expires_at > timezone.now()
        and not is_revoked(export)
    )


def _secret(export: LogExport, key: str | bytes) -> str:
    # Both halves are needed to forge a link: the key, and the file's own unguessable name.
    told = f"{export.uuid}:{export.storage_name}"
    digest = salted_hmac("logs.downloads", told, secret=key, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_right(export: LogExport, rest: str) -> bool:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    given = rest.encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(given, f"-{_secret(export, key)}".encode()) for key in keys)
