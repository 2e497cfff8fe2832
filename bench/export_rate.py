"""How fast a log export is written, beside a bare COPY, and how much memory its worker needs.

    DATABASE_URL=postgres://… .venv/bin/python bench/export_rate.py [--rows 1000000] [--rounds 3]

Writes into the database it is given: an organization ``export-bench`` with that many entries, kept for the
next run. Then, in turns, drains a bare ``COPY`` of the same columns and lets a real Celery worker, with a
broker of its own, write an export. Prints the rates, their ratio, and the worker's peak memory (VmHWM, of
the process that did the work).
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

NAME = "export-bench"
START = datetime(2025, 1, 1, tzinfo=UTC)
COLUMNS = "kind, performer_kind, performer_name, performer_email, ip, at, metadata"
FILL = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_id, project_name,
    performer_id, performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
SELECT %(start)s + n * interval '2.5 seconds',
    (ARRAY['create_repo', 'change_repo_permission', 'create_robot', 'org_add_team_member',
        'login_success'])[n %% 5 + 1],
    %(namespace)s, %(name)s, 'organization', n %% 1000, 'project-' || n %% 1000, n %% 1300,
    CASE WHEN n %% 4 = 0 THEN %(name)s || '+robot' || n %% 100 ELSE 'person' || n %% 1300 END,
    CASE WHEN n %% 4 = 0 THEN 'robot' ELSE 'user' END,
    CASE WHEN n %% 4 = 0 THEN '' ELSE 'person' || n %% 1300 || '@example.com' END,
    'ci', 'quay', ('10.' || n %% 200 || '.' || n %% 250 || '.7')::inet,
    jsonb_build_object('repo', 'project-' || n %% 1000, 'namespace', %(name)s,
        'username', 'person' || n %% 1300, 'role', 'write', 'oauth_token_id', n %% 5000,
        'oauth_token_application_id', 'K3V9Q2ZL8M0X7T5RJ1WD', 'oauth_token_application', 'release-bot')
FROM generate_series(1, %(rows)s) n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as data:
        os.environ["MUSTER_DATA"] = data
        os.environ["REDIS_URL"] = ""
        os.environ["MUSTER_LOG_LEVEL"] = "WARNING"
        run(wanted.rows, wanted.rounds, Path(data))


def run(rows: int, rounds: int, data: Path) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor != "postgresql":
        sys.exit("This measures against COPY: give it a PostgreSQL database by DATABASE_URL.")
    call_command("migrate", verbosity=0)
    namespace = fill(rows)
    broker = start_broker(data)
    environment = dict(os.environ)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "portal", "worker", "-Q", "exports", "-c", "1"],
        cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ratios, rates = [], []
        before = drain(namespace.pk)
        for number in range(rounds):
            seconds, size = one_export(namespace, rows)
            # Beside what came just before and just after it: a shared machine has its moods.
            after = drain(namespace.pk)
            bare, before = (before + after) / 2, after
            rates.append(rows / seconds)
            ratios.append(bare / seconds)
            peak, idle = memory(worker.pid)
            print(
                f"round {number + 1}: bare COPY {rows / bare:>9,.0f} rows/s"
                f"   export {rates[-1]:>9,.0f} rows/s   ratio {ratios[-1]:.2f}"
                f"   {size / 1e6:,.0f} MB   peak memory {peak:.0f} MB"
            )
        print(
            f"median of {rounds}: export {statistics.median(rates):,.0f} rows/s,"
            f" {statistics.median(ratios):.2f} of a bare COPY;"
            f" worker's peak memory {peak:.0f} MB (its idle parent {idle:.0f} MB)"
        )
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        broker.terminate()
        broker.wait()


def fill(rows: int):
    from django.db import connection

    from accounts import services as accounts
    from accounts.models import Namespace, User
    from core.actor import Actor
    from logs.models import LogEntry

    namespace = Namespace.objects.filter(key=NAME, deleted_at=None).first()
    if namespace is None:
        owner = User.objects.filter(username=f"{NAME}-owner").first() or accounts.create_user(
            actor=Actor.of_system("bench"), username=f"{NAME}-owner", email=f"{NAME}@example.test"
        )
        namespace = accounts.create_organization(actor=Actor(user=owner), slug=NAME).namespace
    end = START + timedelta(days=365)
    if LogEntry.objects.filter(namespace=namespace, at__lt=end).count() != rows:
        LogEntry.objects.filter(namespace=namespace, at__lt=end).delete()
        with connection.cursor() as cursor:
            told = {"start": START, "namespace": namespace.pk, "name": NAME, "rows": rows}
            cursor.execute(FILL, told)
            cursor.execute("VACUUM ANALYZE logs_logentry")
    return namespace


def drain(namespace_id: int) -> float:
    """Return the seconds in which a client that does nothing else takes the same columns."""
    from django.db import connection

    statement = f"COPY (SELECT {COLUMNS} FROM logs_logentry WHERE namespace_id = {namespace_id}) TO STDOUT"
    start = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - start


def one_export(namespace, rows: int) -> tuple[float, int]:
    """Return the seconds from taking the row to the finished file in its place, and the file's bytes."""
    from core.actor import Actor
    from logs import services

    export = services.request_export(
        actor=Actor.of_system("bench"),
        namespace=namespace,
        starts_at=START,
        ends_at=START + timedelta(days=365),
    )
    while export.status not in ("done", "failed"):
        time.sleep(0.05)
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
