"""How fast a log export is written, beside a bare COPY, and how much memory its worker needs.

    DATABASE_URL=postgres://… .venv/bin/python bench/export_rate.py [--rows 1000000] [--rounds 3] \\
        [--format quay]

Writes into the database it is given: an organization with that many entries, the same as ``log_scale.py``'s,
kept for the next run. Then, in turns, drains a bare ``COPY`` of the very query that the export asks, and one
of the mere columns in the same order, and lets a real Celery worker, with a broker of its own, write one
export after the other for as long as somebody calls the API. Prints the rates, their ratios, the worker's
peak memory (VmHWM, of the process that did the work), and the API's p99 meanwhile, beside that of an idle
machine, before and after each round, of the calls of all rounds together. Who calls is a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

DAYS = 31
CALLS, SECONDS = 40, 30  # of the API a second, and for how long in each round
COLUMNS = "kind, performer_kind, performer_name, performer_email, ip, at, metadata"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", default="quay", choices=("quay", "jsonl", "csv"))
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as data:
        os.environ["MUSTER_DATA"] = data
        os.environ["REDIS_URL"] = ""
        os.environ["MUSTER_LOG_LEVEL"] = "WARNING"
        run(wanted.rows, wanted.rounds, wanted.format, Path(data))


def run(rows: int, rounds: int, file_format: str, data: Path) -> None:
    from bench.ground import answers
    from bench.load import Answers, paced
    from bench.log_world import fill, ready, settled, sum_up
    from tests.faults.servers import free_ports, wait_until

    ready()
    from django.db.models import Max, Min

    from logs.models import LogEntry

    namespace, owner = fill(rows, DAYS, datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    # What `fill` wrote, and not what tells of making the organization.
    written = LogEntry.objects.filter(namespace=namespace, credential_name="ci")
    times = written.aggregate(first=Min("at"), last=Max("at"))
    span = times["first"], times["last"] + timedelta(microseconds=1)
    sum_up()  # as beat has it done all along; an export would else begin with a count of all of it
    settled()
    broker = start_broker(data)
    environment = dict(os.environ)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "portal", "worker", "-Q", "exports", "-c", "1"],
        cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    port, call = free_ports(1)[0], as_owner(namespace, owner)
    web = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--only", "web"],
        cwd=ROOT, env=environment | {"PORT": str(port), "HOST": "127.0.0.1"}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    caller = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    try:
        wait_until(partial(answers, port), "the API answers", 120)
        caller.submit(paced, port, call, CALLS, SECONDS).result()  # warms up
        ratios, rates = {"query": [], "columns": []}, []
        idle, busy = Answers(), Answers()
        copies = {"query": query(namespace, file_format, *span), "columns": columns(namespace.pk, *span)}
        before = {name: drain(*copy) for name, copy in copies.items()}
        alone_before = caller.submit(paced, port, call, CALLS, SECONDS).result()
        idle.add(alone_before)
        for number in range(rounds):
            calling, exports = caller.submit(paced, port, call, CALLS, SECONDS), []
            while not (exports and calling.done()):
                exports.append(one_export(namespace, rows, file_format, *span))
            seconds, size = statistics.median(took for took, _ in exports), exports[0][1]
            meanwhile = calling.result()
            busy.add(meanwhile)
            # Beside what came just before and just after it: a shared machine has its moods.
            alone_after = caller.submit(paced, port, call, CALLS, SECONDS).result()
            idle.add(alone_after)
            after = {name: drain(*copy) for name, copy in copies.items()}
            bare = {name: (before[name] + after[name]) / 2 for name in copies}
            before = after
            rates.append(rows / seconds)
            for name, took in bare.items():
                ratios[name].append(took / seconds)
            peak, alone = memory(worker.pid)
            print(
                f"round {number + 1}: export {rates[-1]:>9,.0f} rows/s   "
                + "   ".join(
                    f"bare COPY of the {name} {rows / took:>9,.0f} rows/s, ratio {ratios[name][-1]:.2f}"
                    for name, took in bare.items()
                )
                + f"   {size / 1e6:,.0f} MB   peak memory {peak:.0f} MB"
                f"   the API {told(alone_before)}, then {told(meanwhile)}, then {told(alone_after)}"
            )
            alone_before = alone_after
        print(
            f"median of {rounds}: export {statistics.median(rates):,.0f} rows/s, "
            + " and ".join(
                f"{statistics.median(ratios[name]):.2f} of a bare COPY of the {name}" for name in copies
            )
            + f"; worker's peak memory {peak:.0f} MB (its idle parent {alone:.0f} MB);"
            f" of {len(idle.took):,} calls of the API {told(idle)}, and of {len(busy.took):,}"
            f" meanwhile {told(busy)}:"
            f" p99 {busy.after(0.99) / idle.after(0.99):.2f} times that of idle"
        )
    finally:
        caller.shutdown()
        for process in (worker, web):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        broker.terminate()
        broker.wait()


def told(answers) -> str:
    """Return within what half of the answers came, and 99 of 100."""
    return f"{answers.after(0.5) * 1000:.1f} (p50) and {answers.after(0.99) * 1000:.1f} ms (p99)"


def as_owner(namespace, owner):
    """Return a call of the organization's owner."""
    from bench.load import Call
    from core.actor import Actor
    from permissions.catalogue import Scope
    from tokens import services as tokens

    scopes = " ".join(Scope.values)
    _, token = tokens.issue_api_token(actor=Actor.of_system("bench"), user=owner, scopes=scopes)
    path = f"/api/v1/organization/{namespace.name}"
    return Call("GET", path, {"Authorization": f"Bearer {token}", "User-Agent": "bench"})


def query(namespace, file_format: str, starts_at: datetime, ends_at: datetime) -> tuple[str, tuple]:
    """Return what PostgreSQL is asked for a file of this format, all of it at once, and its values."""
    from django.db import connection

    from logs.formats import format_of
    from logs.models import LogEntry, LogExport

    form = format_of(LogExport(namespace_name=namespace.name, format=file_format))
    rows = LogEntry.objects.filter(namespace=namespace, at__gte=starts_at, at__lt=ends_at)
    sql, values = form.asked(rows.order_by("at", "id")).query.get_compiler(connection=connection).as_sql()
    return f"COPY ({sql}) TO STDOUT", values


def columns(namespace_id: int, starts_at: datetime, ends_at: datetime) -> tuple[str, tuple]:
    """Return a copy of the columns of which such a file is made."""
    return (
        f"COPY (SELECT {COLUMNS} FROM logs_logentry WHERE namespace_id = %s"
        " AND at >= %s AND at < %s ORDER BY at, id) TO STDOUT",
        (namespace_id, starts_at, ends_at),
    )


def drain(copy: str, values: tuple) -> float:
    """Return the seconds in which a client that does nothing else takes the same."""
    from django.db import connection

    start = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(copy, values) as lines:
        for _ in lines:
            pass
    return time.perf_counter() - start


def one_export(namespace, rows: int, file_format: str, starts_at: datetime, ends_at: datetime):
    """Return the seconds from taking the row to the finished file in its place, and the file's bytes."""
    from core.actor import Actor
    from logs import services

    export = services.request_export(
        actor=Actor.of_system("bench"),
        namespace=namespace,
        starts_at=starts_at,
        ends_at=ends_at,
        file_format=file_format,
    )
    while export.status not in ("done", "failed"):
        time.sleep(max(0.2, rows / 10_000_000))  # so seldom that asking is no load of its own
        export.refresh_from_db()
    if (export.status, export.rows_written) != ("done", rows):
        sys.exit(f"The export {export.status}: {export.rows_written} rows: {export.error}")
    return (export.finished_at - export.started_at).total_seconds(), export.size_bytes


def start_broker(data: Path):
    from portal import broker, keys

    listen = keys.socket_path(data)
    process = subprocess.Popen(
        broker.command(broker.find(), data=data, listen=listen), stdout=subprocess.DEVNULL
    )
    if not broker.wait(listen, 10):
        sys.exit("The broker does not start.")
    return process


def memory(parent: int) -> tuple[float, float]:
    """Return the peak memory in MB of the worker's child, which does the work, and of the worker itself."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    peaks = []
    for pid in [*children, str(parent)]:
        status = Path(f"/proc/{pid}/status").read_text()
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    return max(peaks[:-1]), peaks[-1]


if __name__ == "__main__":
    main()
