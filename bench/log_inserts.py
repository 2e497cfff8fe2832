"""How fast entries are written into a long log, with all that hangs on them, beside a bare INSERT of the row.

    DATABASE_URL=postgres://… REDIS_URL=redis://… .venv/bin/python bench/log_inserts.py \\
        [--size 10000000] [--rounds 5] [--seconds 10] [--writers 2]

Writes into the database it is given: an organization with that many entries, the same as ``log_scale.py``'s,
counted and sealed. Then processes write in turns, one transaction an entry:

- **bare**: one INSERT of the same columns by psycopg, prepared, into the same table with the same indexes;
- **django**: the same by Django's own ``create``, in a transaction;
- **muster**: an entry by ``logs.record``, in a transaction, which looks for who listens;
- **heard**: the same where a webhook listens, so that each writes a delivery and rings for it.

While Muster writes, what the worker does all day goes on beside it in a process of its own: counting and
sealing. A round of Muster's is over when all of its entries are counted and sealed, and it is told how long
that took after the last one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

DAYS = 31
WAYS = ("bare", "django", "muster", "heard")
OWN = ("muster", "heard")
INSERT = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_id, project_name,
    performer_id, performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
VALUES (now(), 'set_repo_description', %s, %s, 'organization', %s, %s, %s, %s, 'user', %s, '', 'quay',
    '10.1.2.3', %s)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--writers", type=int, default=2)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as data:
        os.environ["MUSTER_DATA"] = data
        os.environ.setdefault("MUSTER_LOG_LEVEL", "WARNING")
        run(wanted.size, wanted.rounds, wanted.seconds, wanted.writers)


def run(size: int, rounds: int, seconds: float, writers: int) -> None:
    from bench.log_world import fill, ready, seal, settled, sum_up

    ready()
    namespace, owner = fill(size, DAYS, datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    heard, unheard = project(namespace, owner, "heard", listens=True), project(namespace, owner, "unheard")
    began = time.perf_counter()
    sum_up()
    print(f"counted in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    sealed = seal()
    print(f"sealed {sealed:,} entries in {time.perf_counter() - began:.0f} s", flush=True)
    settled()
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        told = []
        for way in WAYS:
            target = heard.pk if way == "heard" else unheard.pk
            rate, behind = one_round(way, target, owner.pk, seconds, writers)
            told.append(f"{way} {rate:>6,.0f}/s" + (f" (sealed {behind:.1f} s later)" if way in OWN else ""))
            if number:  # the first round warms up
                rates[way].append(rate)
        print("   ".join(told), flush=True)
    for way in OWN:
        told = []
        for against in ("bare", "django"):
            ratios = [own / theirs for own, theirs in zip(rates[way], rates[against], strict=True)]
            told.append(f"{statistics.median(ratios):.2f} of {against}")
        print(f"{way}: {', '.join(told)} (medians of {rounds})")


def project(namespace, owner, name: str, *, listens: bool = False):
    """Return a project of the organization, whose changes a webhook may listen to."""
    from core.actor import Actor
    from notifications import services as notifications
    from projects import services
    from projects.models import Project

    found = Project.objects.filter(namespace=namespace, slug=name).first()
    if found is None:
        found = services.create_project(actor=Actor(user=owner), namespace=namespace, slug=name)
        if listens:
            notifications.create_subscription(
                actor=Actor(user=owner), project=found, event="repo_change", method="webhook",
                config={"url": "https://listener.example.com/"}, flat=True,
            )  # fmt: skip
    return found


def one_round(way: str, project_id: int, owner_id: int, seconds: float, writers: int) -> tuple[float, float]:
    """Return the entries a second by all writers, and how long after the last one all were sealed."""
    keeper, over = None, multiprocessing.Event()
    if way in OWN:
        keeper = multiprocessing.Process(target=keep, args=(over,))
        keeper.start()
    begin = multiprocessing.Barrier(writers)
    counts = multiprocessing.Queue()
    work = {"bare": write_bare, "django": write_django}.get(way, write)
    written = [
        multiprocessing.Process(target=work, args=(project_id, owner_id, seconds, begin, counts))
        for _ in range(writers)
    ]
    for process in written:
        process.start()
    found = [counts.get() for _ in written]
    for process in written:
        process.join()
    ended = time.perf_counter()
    over.set()
    if keeper is not None:
        keeper.join()
    return sum(count / took for count, took in found), time.perf_counter() - ended


def write(project_id: int, owner_id: int, seconds: float, begin, counts) -> None:
    import django

    django.setup()
    from django.db import connection, transaction

    from accounts.models import User
    from core import bell
    from core.actor import Actor
    from logs.kinds import SET_REPO_DESCRIPTION
    from logs.record import record
    from projects.models import Project

    bell.aside()  # as in a web process
    target = Project.objects.select_related("namespace").get(pk=project_id)
    actor = Actor(user=User.objects.get(pk=owner_id), dialect="quay", ip="10.1.2.3")
    connection.ensure_connection()
    begin.wait()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        with transaction.atomic():
            record(
                SET_REPO_DESCRIPTION, actor=actor, namespace=target.namespace, project=target,
                metadata=told(target.namespace.name, target.slug, count),
            )  # fmt: skip
        count += 1
    counts.put((count, time.perf_counter() - start))


def write_django(project_id: int, owner_id: int, seconds: float, begin, counts) -> None:
    import django

    django.setup()
    from django.db import connection, transaction

    from accounts.models import User
    from core.actor import Actor
    from logs.kinds import SET_REPO_DESCRIPTION
    from logs.models import LogEntry
    from logs.record import draft
    from projects.models import Project

    target = Project.objects.select_related("namespace").get(pk=project_id)
    actor = Actor(user=User.objects.get(pk=owner_id), dialect="quay", ip="10.1.2.3")
    entry = draft(SET_REPO_DESCRIPTION, actor=actor, namespace=target.namespace, project=target)
    row = {field.name: getattr(entry, field.name) for field in LogEntry._meta.local_concrete_fields}
    row = {name: row[name] for name in row if name not in ("id", "at", "xact", "metadata")}
    connection.ensure_connection()
    begin.wait()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        with transaction.atomic():
            LogEntry.objects.create(**row, metadata=told(target.namespace.name, target.slug, count))
        count += 1
    counts.put((count, time.perf_counter() - start))


def write_bare(project_id: int, owner_id: int, seconds: float, begin, counts) -> None:
    import django

    django.setup()
    import psycopg
    from psycopg.types.json import Jsonb

    from accounts.models import User
    from projects.models import Project

    target, owner = (
        Project.objects.select_related("namespace").get(pk=project_id),
        User.objects.get(pk=owner_id),
    )
    name, slug = target.namespace.name, target.slug
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        row = (target.namespace_id, name, target.pk, slug, owner.pk, owner.username, owner.email)
        begin.wait()
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            connection.execute(INSERT, (*row, Jsonb(told(name, slug, count))), prepare=True)
            count += 1
        counts.put((count, time.perf_counter() - start))


def told(namespace: str, project: str, count: int) -> dict[str, str]:
    return {"namespace": namespace, "repo": project, "description": f"The {count}th of them"}


def keep(over) -> None:
    """Count and seal as it comes, as the worker does, and once more when all is written."""
    import django

    django.setup()
    from bench.log_world import seal, sum_up

    last = False
    while not last:
        last = over.wait(1)
        sum_up()
        seal()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")  # each with its own connections
    main()
