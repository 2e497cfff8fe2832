"""The hold that a worker has of an export's row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from logs.leases import renewed
from logs.models import LogExport

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from django.db.models import QuerySet

LONGEST = timedelta(hours=2)  # a worker that has not come to an end by then is taken for stuck


class Lost(Exception):
    """The row is not this worker's any more: it was cancelled, or the lease ran out and another has it."""


class Lease:
    """A row that this worker has for now."""

    def __init__(self, export: LogExport) -> None:
        self.export = export

    def renewed(self) -> AbstractContextManager[None]:
        """Keep the row for as long as the block runs."""
        every = timedelta(seconds=settings.EXPORT_LEASE_SECONDS / 3)
        return renewed(self._mine(), lease_end, every=every, longest=LONGEST)

    def keep(self, **changes: Any) -> None:
        """Write changes, and keep the row. Raises Lost."""
        self._write({"due_at": lease_end(), **changes})
        self._note(changes)

    def end(self, *, due_at: datetime | None, **changes: Any) -> None:
        """Write changes, and let go of the row until ``due_at``, or for good. Raises Lost."""
        self._write({"due_at": due_at, "claim": None, **changes})
        self._note(changes)

    def _write(self, changes: dict[str, Any]) -> None:
        if not self._mine().update(**changes):
            raise Lost

    def _mine(self) -> QuerySet[LogExport]:
        return LogExport.objects.filter(pk=self.export.pk, claim=self.export.claim)

    def _note(self, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self.export, name, value)


def lease_end() -> datetime:
    """Return until when a row is somebody's who takes it now."""
    return timezone.now() + timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
