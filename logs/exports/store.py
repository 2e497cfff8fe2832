"""Where export files are: drafts on this machine's disk, finished ones in the storage called ``exports``."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

from logs.formats import format_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logs.models import LogExport


class _Draft(File):  # type: ignore[type-arg]  # generic in the stubs alone
    """A finished draft, in the form that lets a storage on the same disk take it by renaming."""

    def temporary_file_path(self) -> str:
        return str(self.name)


@contextmanager
def draft(export: LogExport) -> Iterator[IO[bytes]]:
    """Open a new file for one attempt. What attempts that were killed have left behind is removed."""
    with draft_at(_path(export)) as file:
        yield file


@contextmanager
def draft_at(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file, as `draft` does, whose name ends with ``.part``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for other in path.parent.glob("*.part"):
        _remove_if_left(other)
    try:
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            # The lock goes with the process, however it ends.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    finally:
        path.unlink(missing_ok=True)


def _path(export: LogExport) -> Path:
    return Path(settings.DATA) / "work" / f"{export.pk}-{export.claim}.part"


def _remove_if_left(path: Path) -> None:
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)


def new_name(export: LogExport) -> str:
    """Return how the names of an export's parts begin; nobody can guess it (256 bits)."""
    return f"{export.uuid}-{secrets.token_urlsafe(32)}"


def part_name(export: LogExport, number: int) -> str:
    """Return what a part is called in the storage, if the worker that has the export now writes it."""
    claim = export.claim.hex[:12] if export.claim else ""
    return f"{export.storage_name}.{number:05}.{claim}.{format_of(export).extension}"


def hand_over(export: LogExport, file: IO[bytes], name: str) -> None:
    """Put a finished draft into the storage under ``name``, whole or not at all."""
    put(_path(export), file, name)


def put(path: Path, file: IO[bytes], name: str) -> None:
    """Put a file, open at that path, into the storage under ``name``, whole or not at all."""
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    storage = storages["exports"]
    stored = storage.save(name, _Draft(file, name=str(path)))
    if stored != name:
        message = f"the storage took the file as {stored}, not as {name}"
        raise OSError(message)
    if isinstance(storage, FileSystemStorage):
        # Its name is kept, too, when the power fails.
        folder = os.open(Path(storage.path(name)).parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(name: str) -> None:
    """Remove a file from the storage, if it is there."""
    if name:
        storages["exports"].delete(name)
