"""The bells of log exports, and the upkeep of the log.

The rows are the queue: a bell may be lost, late, or ring twice.
"""

from __future__ import annotations

from time import monotonic

from celery import shared_task

from core.bell import ring
from jobs.guard import Stopped
from logs import counts, partitions, retention
from logs.chain import asked, checkpoints, sealing
from logs.exports import queue

RUNG_AT_ONCE = 100
KEEP_UP_SECONDS = 300
ROLL_UP_SECONDS = 20  # then others have their turn, and it goes on


@shared_task(name="logs.build_export", expires=300)
def build_export(export_id: int) -> None:
    """Do what is to be done next for an export, if it is due and nobody else has it."""
    queue.work(export_id)


@shared_task(name="logs.sweep")
def sweep() -> None:
    """Ring again for every export that is due: a bell was lost, a worker died, a pause or a link is over.

    So for the verification that waits longest: one is worked on at a time.
    """
    for export_id in queue.due(RUNG_AT_ONCE):
        ring(build_export, export_id)
    for verification_id in asked.due(1):
        ring(verify, verification_id)


@shared_task(name="logs.roll_up")
def roll_up() -> None:
    """Count what was written since the last turn, in steps, so that nothing is held up for long."""
    end = monotonic() + ROLL_UP_SECONDS
    while counts.roll_up():
        if monotonic() > end:
            ring(roll_up)
            return


@shared_task(name="logs.seal")
def seal() -> None:
    """Seal what was written since the last turn, in steps."""
    end = monotonic() + ROLL_UP_SECONDS
    while sealing.seal_some():
        if monotonic() > end:
            ring(seal)
            return


@shared_task(name="logs.checkpoint")
def checkpoint() -> None:
    """Sign how far the chains have come, and write it to the file."""
    checkpoints.make()
    checkpoints.keep()


@shared_task(name="logs.verify", expires=300)
def verify(verification_id: int) -> None:
    """Go through the log for a verification, if it is due and none is under way."""
    asked.work(verification_id)


@shared_task(name="logs.keep_up")
def keep_up() -> None:
    """Make partitions ahead, and move months that are old enough to the archive, one after the other."""
    partitions.make_ahead()
    asked.prune()
    end = monotonic() + KEEP_UP_SECONDS
    failed: Exception | None = None
    while True:
        retention.plan()
        done = []
        for archive_id in retention.due():
            try:
                done.append(retention.work(archive_id))
            except Stopped:
                raise
            except Exception as error:  # it is noted; the other logs have their turn all the same
                failed = failed or error
        if failed is not None:
            raise failed
        if not any(done):
            return
        if monotonic() > end:
            ring(keep_up)
            return
