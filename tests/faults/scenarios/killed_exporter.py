"""The worker is killed, by `kill -9`, 10 times under an export of 5,000,000 entries; then the disk is full.

Each goes on from the last part that was kept, so that the file is, byte for byte, that of an export which
nobody disturbed. On a disk that is too small (a `tmpfs`, for which one must be root) it waits until there is
room; what cannot be written leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.utils import timezone

from logs import services
from logs.models import LogExport
from logs.tasks import sweep
from tests import make
from tests.faults.ground import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import Organization
    from tests.faults.ground import Ground

SHORT = 0.02
ENTRIES, KILLS = 5_000_000, 10
SWITCHES = {"MUSTER_EXPORT_LEASE_SECONDS": "2", "MUSTER_EXPORT_PART_ROWS": "2000"}
START = datetime(2025, 3, 1, tzinfo=UTC)
FILL = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_name,
    performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
SELECT %s + n / 7 * interval '1 second', 'create_robot', %s, 'acme', 'organization', '',
    'person' || n %% 100, 'user', '', 'ci', 'quay', '10.0.0.7', jsonb_build_object('robot', n)
FROM generate_series(1, %s) n
"""


def play(ground: Ground, scale: float) -> str:
    entries, kills = round(ENTRIES * scale), max(3, round(KILLS * scale))
    organization = make.organization("acme")
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX log_by_text")  # nobody searches here, and it takes most of the time
        cursor.execute(FILL, [START, organization.namespace.pk, entries])
    worker = ground.start("exporter")
    undisturbed = _until_done(_ask(organization))
    export = _ask(organization)
    hit = 0
    for kill in range(kills):
        # Each in the middle of its share of the work.
        share = entries * (kill + 1) // (kills + 1)
        _until(partial(_has_written, export, share), f"kill {kill}")
        worker.kill()
        hit += _again(export).status == LogExport.Status.RUNNING
        worker = ground.start("exporter")
    assert hit, "no kill came in the middle"
    killed = _until_done(export)
    assert killed.sha256 == undisturbed.sha256, "another file than the undisturbed one"
    assert _parts(killed) == _parts(undisturbed)
    told = f"{entries:,} entries, {hit} kills in the middle: the same {killed.sha256[:12]}…"
    worker.kill()
    return f"{told}; {_on_a_full_disk(ground, organization, undisturbed)}"


def _on_a_full_disk(ground: Ground, organization: Organization, undisturbed: LogExport) -> str:
    if os.geteuid() != 0:
        return "NO FULL DISK PLAYED: only root may mount a small one"
    assert undisturbed.size_bytes is not None
    folder = Path(settings.DATA) / "exports"
    for one in LogExport.objects.filter(status=LogExport.Status.DONE):
        services.cancel_export(actor=make.SYSTEM, export=one)
    room = undisturbed.size_bytes // 2
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        return f"NO FULL DISK PLAYED: {mounted.stderr.strip()}"
    try:
        export = _ask(organization)
        worker = ground.start("exporter")
        _until(lambda: "OSError" in _again(export).error, "the disk is full")
        kept = export.parts.exclude(sha256="").count()
        assert kept > 0
        grown = ["mount", "-o", f"remount,size={undisturbed.size_bytes * 2}", str(folder)]
        subprocess.run(grown, check=True)
        LogExport.objects.filter(pk=export.pk).update(due_at=timezone.now())  # its pause is over
        full = _until_done(export)
        assert full.sha256 == undisturbed.sha256, "another file after the disk was full"
        left = {path.name for path in folder.iterdir()}
        assert left == set(full.parts.values_list("storage_name", flat=True)), "something is left behind"
        worker.kill()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    return f"disk full after {kept} parts, then room: the same"


def _ask(organization: Organization) -> LogExport:
    return services.request_export(
        actor=make.SYSTEM,
        namespace=organization.namespace,
        starts_at=START,
        ends_at=START + timedelta(days=365),
        file_format="csv",
    )


def _again(export: LogExport) -> LogExport:
    export.refresh_from_db()
    return export


def _has_written(export: LogExport, share: int) -> bool:
    return _again(export).rows_written >= share


def _until_done(export: LogExport) -> LogExport:
    _until(lambda: _again(export).status in (LogExport.Status.DONE, LogExport.Status.FAILED), "done")
    assert export.status == LogExport.Status.DONE, export.error
    return export


def _until(condition: Callable[[], bool], what: str) -> None:
    """Wait, and ring as beat does: for what is due, twice a second."""
    rung = 0.0

    def asked() -> bool:
        nonlocal rung
        if time.monotonic() > rung + 0.5:
            rung = time.monotonic()
            sweep()
        return condition()

    wait_until(asked, what, 600)


def _parts(export: LogExport) -> list[tuple[int, str]]:
    return list(export.parts.order_by("number").values_list("rows", "sha256"))
