"""Reading jobs."""

from __future__ import annotations

from jobs.models import Job


def count_quarantined() -> int:
    """Return how many jobs are in quarantine."""
    return Job.objects.exclude(quarantined_at=None).count()
