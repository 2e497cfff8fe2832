"""What reading the log costs when it is small and when it is huge, in alternating rounds.

    DATABASE_URL=postgres://…/empty_database .venv/bin/python bench/log_scale.py \\
        [--sizes 50000,1000000] [--rounds 7] [--days 31]

Writes into the database it is given, which must be empty of entries: one organization for each size, with
that many entries of the last days, summed by the task that beat rings. Then, in turns, reads of each the
first page, page 10,000 (of fewer entries, the last one), the counts of all days, what is narrowed by a person
or a project, and a free text that two entries hold; prints the median and the largest of each in
milliseconds, and the ratio of the last to the first size.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

PAGE = 10_000
SIZE = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="50000,1000000")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--days", type=int, default=31)
    wanted = parser.parse_args()
    sizes = [int(size) for size in wanted.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as data:
        os.environ["MUSTER_DATA"] = data
        os.environ.setdefault("MUSTER_LOG_LEVEL", "WARNING")
        run(sizes, wanted.rounds, wanted.days)


def run(sizes: list[int], rounds: int, days: int) -> None:
    from bench.log_world import fill, ready, settled, sum_up

    ready()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT version()")
        print(cursor.fetchone()[0].split(" on ")[0], "Python", sys.version.split()[0])
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    worlds = [(size, fill(size, days, end)) for size in sizes]
    began = time.perf_counter()
    summed = sum_up()
    print(f"summed {summed:,} entries in {time.perf_counter() - began:.1f} s")
    settled()
    size, (namespace, owner) = worlds[-1]
    print(f"a text among {size:,} is found by {plan(namespace, owner, days, end)}")
    print(f"pages of {SIZE}; milliseconds, median (and largest) of {rounds} rounds")
    found = measure(worlds, rounds, days, end)
    print(f"{'':28}" + "".join(f"{size:>22,}" for size in sizes) + f"{'ratio':>8}")
    for name in found[sizes[0]]:
        medians = [statistics.median(found[size][name]) for size in sizes]
        told = "".join(
            f"{f'{median:.2f} ({max(found[size][name]):.2f})':>22}"
            for size, median in zip(sizes, medians, strict=True)
        )
        print(f"{name:28}{told}{medians[-1] / medians[0]:>8.2f}")


def plan(namespace, owner, days: int, end: datetime) -> str:
    """Return the indexes by which a text is found."""
    from core.actor import Actor
    from logs import selectors

    rows = selectors.entries(
        actor=Actor(user=owner), namespace=namespace, search="ly invent", starts_at=end - timedelta(days=days)
    )
    return ", ".join(sorted(set(re.findall(r"\w+_(?:by_\w+|idx\w*)", rows[:SIZE].explain()))))


def measure(worlds, rounds: int, days: int, end: datetime) -> dict[int, dict[str, list[float]]]:
    from core.actor import Actor
    from core.paging import page_token
    from logs import selectors

    found: dict[int, dict[str, list[float]]] = {}
    asks = {}
    for size, (namespace, owner) in worlds:
        number = min(PAGE, size // SIZE - 1)
        at = end - timedelta(seconds=(number * SIZE) * days * 86400 / size)
        deep = page_token({"at": at.isoformat(), "id": 0})
        scope = {"actor": Actor(user=owner), "namespace": namespace}
        asks[size] = {
            "first page": lambda scope=scope: selectors.page(selectors.entries(**scope)),
            f"page {PAGE:,}": lambda scope=scope, deep=deep: selectors.page(
                selectors.entries(**scope), next_page=deep
            ),
            "counts of all days": lambda scope=scope: selectors.by_day(
                starts_at=(end - timedelta(days=days)).replace(hour=0, minute=0, second=0), **scope
            ),
            "one person, first page": lambda scope=scope: selectors.page(
                selectors.entries(performer="person7", **scope)
            ),
            "one project, counts": lambda scope=scope: selectors.by_day(
                about="project-7", starts_at=end - timedelta(days=days), **scope
            ),
            "a text of two entries": lambda scope=scope: selectors.page(
                selectors.entries(search="ly invent", starts_at=end - timedelta(days=days), **scope)
            ),
            "a text of no entry": lambda scope=scope: selectors.page(
                selectors.entries(search="no such thing", starts_at=end - timedelta(days=days), **scope)
            ),
        }
        found[size] = {name: [] for name in asks[size]}
    for turn in range(rounds + 1):
        for size, asked in asks.items():
            for name, ask in asked.items():
                began = time.perf_counter()
                ask()
                if turn:  # the first one warms up
                    found[size][name].append((time.perf_counter() - began) * 1000)
    return found


if __name__ == "__main__":
    main()
