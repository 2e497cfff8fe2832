"""Writers commit late while a worker seals; then random edits of the log by SQL: each is found, and where.

The database makes the entries, so that the sixteen writers and not one interpreter are what readers meet. One
of the readers follows as a stream of the log does, the others by keys alone, as sealing does.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from django.db import connection, transaction

from logs import settled
from logs.chain import sealing
from logs.chain.findings import Sort
from logs.chain.verification import Verification
from logs.models import LogEntry, LogSeal
from logs.settled import START, Cursor
from tests import make
from tests.faults import world
from tests.faults.ground import wait_until

if TYPE_CHECKING:
    from accounts.models import Organization
    from tests.faults.ground import Ground

SHORT = 0.03
SWITCHES = {"MUSTER_DATABASE_POOL": "32"}
WRITERS, READERS, TURNS, EACH, PAUSE = 16, 4, 60, 1_200, 2.0  # a million entries, some of them taken back
FEW = 20  # of a turn, at the least
FILL = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_name,
    performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
SELECT clock_timestamp() - n * interval '1 second', 'create_robot', %s, '', '', '',
    'ada', 'user', '', '', '', '192.0.2.1', jsonb_build_object('robot', 'ci' || n)
FROM generate_series(1, %s) n
"""
EDITS, ORGANIZATIONS = 1000, 5
CHANGES = {
    "kind": "'delete_robot'",
    "performer_name": "performer_name || '.'",
    "performer_email": "'m@example.test'",
    "ip": "'192.0.2.99'",
    "at": "at + interval '1 second'",
    "project_name": "'another'",
    "metadata": """'{"robot": "other"}'""",
    "credential_id": "coalesce(credential_id, 0) + 1",
}


def play(ground: Ground, scale: float) -> str:
    spaces = [make.organization(f"org{number}") for number in range(ORGANIZATIONS)]
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX log_by_text")  # nobody searches here, and it takes most of the time
    ground.start("beat")
    ground.start("keeper")
    began = time.monotonic()
    each = max(FEW, round(EACH * scale))
    met = _write_and_read(spaces, max(2, round(TURNS * scale)), each, PAUSE * min(1.0, scale * 10))
    committed = set(LogEntry.objects.values_list("pk", flat=True))
    skipped, doubled = len(committed - set(met)), len(met) - len(set(met))
    assert (skipped, doubled) == (0, 0), f"readers skipped {skipped}, met {doubled} again"
    wait_until(_all_is_sealed, "all is sealed", 600)
    took = time.monotonic() - began
    sealed = set(LogSeal.objects.values_list("pk", flat=True))
    assert sealed == committed, f"{len(committed - sealed)} not sealed, {len(sealed - committed)} too many"
    assert not list(Verification().run()), "findings before anything was edited"

    chance = random.Random(4)
    edits = max(10, round(EDITS * scale))
    wanted = _edit(chance, sorted(sealed), edits)
    start = time.monotonic()
    found = {entry: sort for sort, entry in _found()}
    seconds = time.monotonic() - start
    missed = {pk: sort for pk, sort in wanted.items() if found.get(pk) != sort}
    assert not missed, (
        f"{len(missed)} of {len(wanted)} not found as they are: {dict(list(missed.items())[:5])}"
    )
    more = found.keys() - wanted.keys()
    assert not more, f"{len(more)} findings where nothing was edited"
    return (
        f"{len(committed):,} entries of {WRITERS} writers that pause up to {PAUSE:.0f} s, {READERS} readers: "
        f"0 skipped, 0 doubled, all sealed after {took:.0f} s; {len(wanted)} edits, each found in its place, "
        f"nothing else ({len(committed) / seconds:,.0f} entries/s verified)"
    )


def _write_and_read(spaces: list[Organization], turns: int, each: int, pause: float) -> list[int]:
    """Write, and read all the while; return what every reader met."""
    over = threading.Event()
    met: list[list[int]] = [[] for _ in range(READERS)]

    def write(number: int) -> None:
        chance = random.Random(number)
        for turn in range(turns):
            with transaction.atomic():
                _bulk(spaces[(number + turn) % len(spaces)], each // 2)
                time.sleep(chance.uniform(0, pause))
                _bulk(spaces[number % len(spaces)], each // 2)
                if chance.random() < 1 / 8:
                    transaction.set_rollback(True)

    def read(number: int) -> None:
        cursor, follow = START, _keys if number else _entries
        while True:
            last = over.is_set()
            page = follow(cursor, (97 + 100 * number) * each // FEW)
            met[number] += [place.id for place in page]
            if page:
                cursor = page[-1]
            elif last and settled.after(cursor, LogEntry.objects.all()).count() == 0:
                return
            else:
                time.sleep(0.02)

    reading = world.in_threads(READERS, read)
    for thread in world.in_threads(WRITERS, write):
        thread.join()
    over.set()
    for thread in reading:
        thread.join()
    assert all(sorted(one) == sorted(met[0]) for one in met), "readers met different entries"
    return met[0]


def _entries(cursor: Cursor, limit: int) -> list[Cursor]:
    return [Cursor.of(entry) for entry in settled.settled_after(cursor, limit)]


def _keys(cursor: Cursor, limit: int) -> list[Cursor]:
    rows = settled.in_order(settled.after(cursor, settled.settled()))
    return [Cursor(*row) for row in rows.values_list("xact", "pk")[:limit]]


def _all_is_sealed() -> bool:
    time.sleep(0.2)  # it counts them
    return sealing.unsealed() == 0


def _bulk(organization: Organization, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [organization.namespace.pk, count])


def _edit(chance: random.Random, keys: list[int], count: int) -> dict[int, Sort]:
    """Edit entries at random, each once; return what has to be found of each."""
    ends = {
        pk: (scope, position)
        for pk, scope, position in LogSeal.objects.values_list("pk", "scope", "position")
    }
    last: dict[int, int] = {}
    for scope, position in ends.values():
        last[scope] = max(position, last.get(scope, 0))
    wanted: dict[int, Sort] = {}
    taken: set[tuple[int, int]] = set()
    for pk in chance.sample(keys, len(keys)):
        scope, position = ends[pk]
        # Apart from each other and from the end, so that each is a finding of its own.
        if len(wanted) >= count or position + 1 >= last[scope]:
            continue
        if {(scope, position + by) for by in (-1, 0, 1)} & taken:
            continue
        taken.add((scope, position))
        wanted[pk] = _one_edit(chance, pk)
    tail = chance.choice([scope for scope in last if scope])
    end = next(pk for pk, place in ends.items() if place == (tail, last[tail]))
    _run("DELETE FROM logs_logentry WHERE id = %s", end)
    return wanted | {end: Sort.CUT_OFF}


def _one_edit(chance: random.Random, pk: int) -> Sort:
    what = chance.choice([*CHANGES, "remove", "seal"])
    if what == "remove":
        _run("DELETE FROM logs_logentry WHERE id = %s", pk)
        return Sort.REMOVED
    if what == "seal":
        _run("UPDATE logs_logseal SET hash = sha256(hash) WHERE entry = %s", pk)
        return Sort.SEAL
    _run(f"UPDATE logs_logentry SET {what} = {CHANGES[what]} WHERE id = %s", pk)  # noqa: S608 - from above
    return Sort.ALTERED


def _found() -> list[tuple[Sort, int | None]]:
    return [(one.sort, one.entry) for one in Verification().run()]


def _run(sql: str, pk: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [pk])
        assert cursor.rowcount == 1, sql
