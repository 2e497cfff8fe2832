"""What processes spend, as /proc tells it: CPU time of a process and all below it, and memory."""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """Return a process and everything below it."""
    below: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            found = _stat(int(entry))
            if found is not None:
                below.setdefault(found[0], []).append(int(entry))
    pids = [root]
    for pid in pids:
        pids += below.get(pid, [])
    return pids


def cpu(root: int) -> float:
    """Return the CPU seconds of a process and all below it, with those that have ended there."""
    return sum(found[1] for pid in tree(root) if (found := _stat(pid)) is not None)


def _stat(pid: int) -> tuple[int, float] | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # it has ended
    # ppid, then user and system time of its own and of its children that have ended
    return int(fields[1]), sum(int(one) for one in fields[11:15]) / TICK


def memory(root: int) -> float:
    """Return the megabytes of the largest process below this one: resident, shared pages included."""
    return max((_resident(pid) for pid in tree(root)[1:]), default=0.0)


def each(root: int, workers: int) -> float:
    """Return the megabytes of a process and all below it, shared pages counted once, by the worker."""
    return sum(_proportional(pid) for pid in tree(root)) / workers


def _proportional(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it has ended
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
