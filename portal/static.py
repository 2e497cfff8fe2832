"""Collecting static files only when they changed: compressing them takes longer than all else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

MARK = ".collected-from"


def fingerprint() -> str:
    """Return what tells one state of the sources from another: names, sizes, times, the way of storing."""
    seen = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    unused = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined] # our own
    for finder in get_finders():
        for path, storage in finder.list(unused):
            file = Path(storage.path(path))
            status = file.stat()
            seen.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def collect_if_stale() -> bool:
    """Collect static files below the data directory unless nothing changed; return whether it was needed."""
    mark = Path(settings.STATIC_ROOT) / MARK
    now = fingerprint()
    if mark.exists() and mark.read_text(encoding="ascii") == now:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(now, encoding="ascii")
    return True
