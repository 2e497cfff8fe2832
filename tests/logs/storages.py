"""Storages that misbehave, or let something happen in the middle of it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.files.storage import FileSystemStorage

if TYPE_CHECKING:
    from collections.abc import Callable


class FullDisk(FileSystemStorage):
    """Has no room for as many files as ``failures`` says."""

    failures: ClassVar[int] = 0

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        if FullDisk.failures > 0:
            FullDisk.failures -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().save(name, content, max_length)


class Interrupted(FileSystemStorage):
    """Lets ``meanwhile`` happen once, while a file is handed over."""

    meanwhile: ClassVar[Callable[[], object] | None] = None

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        act, Interrupted.meanwhile = Interrupted.meanwhile, None
        if act is not None:
            act()
        return super().save(name, content, max_length)
