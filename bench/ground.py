"""What the measurements stand on: servers of their own, a world for each size, and what answers."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench.world import settle
from tests.faults.servers import Postgres, Redis, find_postgres, free_ports, tied, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
WORKERS, THREADS = 2, 4
DROPPED = ("MUSTER_", "DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "PYTEST_", "DJANGO_")
# The keys are fixed, since the world is kept.
KEYS = {
    "SECRET_KEY": "only-for-the-measured-world-0123456789-0123456789",
    "MUSTER_TOKEN_PEPPER": "only-for-the-measured-world",
    "MUSTER_ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLW1lYXN1cmVkLXdvcmxkLTAxMjM=",
}


@dataclass
class Site:
    """One of the programs that answer, and where."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid


@dataclass
class Ground:
    """The servers, and the worlds in them."""

    where: Path
    postgres: Postgres
    redis: Redis

    def url(self, size: int) -> str:
        return f"{self.postgres.url.rpartition('/')[0]}/world{size}"

    def environment(self, size: int, port: int = 8000) -> dict[str, str]:
        """Return what a process of a world sees: nothing of the caller's own instance."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
        return kept | KEYS | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": self.url(size),
            "REDIS_URL": self.redis.url,
            "MUSTER_DATA": str(self.where / "data"),
            "MUSTER_REDIS_PREFIX": f"world{size}",
            "MUSTER_WEB_WORKERS": str(WORKERS),
            "MUSTER_WEB_THREADS": str(THREADS),
            "MUSTER_CODACY_CALLS": "0",
            "MUSTER_FLEXSTACK_CALLS": "0",
            "MUSTER_LOG_FORMAT": "json",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DEMO": "0",
        }  # fmt: skip

    def world(self, size: int) -> dict[str, str]:
        """Return the credentials of a world, which is filled where it is not there yet."""
        server = f"{self.postgres.url.rpartition('/')[0]}/postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [f"world{size}"]
            ).fetchone():
                connection.execute(f"CREATE DATABASE world{size}".encode())
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "bench.world", str(size)],
            cwd=ROOT, env=self.environment(size), stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        told: dict[str, str] = json.loads(done.stdout)
        return told

    def settle(self, size: int) -> None:
        """Bring a world back to what it was before it was written into."""
        with psycopg.connect(self.url(size), autocommit=True) as connection:
            settle(connection.execute)

    @contextmanager
    def serve(self, size: int) -> Iterator[dict[str, Site]]:
        """Serve a world three times over, each with the same workers and threads of gunicorn."""
        sites: dict[str, Site] = {}
        try:
            for name in ("muster", "plain", "raw"):
                port = free_ports(1)[0]
                sites[name] = Site(name, port, self._start(name, size, port))
                wait_until(partial(answers, port), f"{name} answers")
            yield sites
        finally:
            for site in sites.values():
                site.process.send_signal(signal.SIGTERM)
            for site in sites.values():
                site.process.wait(30)

    def _start(self, name: str, size: int, port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", "manage.py", "serve", "--only", "web"]
        if name != "muster":
            command = [
                sys.executable, "-m", "gunicorn", "--no-control-socket", "--preload",
                "--worker-class", "gthread", "--workers", str(WORKERS), "--threads", str(THREADS),
                "--keep-alive", "5", "--bind", f"127.0.0.1:{port}", f"bench.{name}_site",
            ]  # fmt: skip
        with (self.where / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.environment(size, port), stdout=log, stderr=log, preexec_fn=tied()
            )

    def postmaster(self) -> int:
        """Return the process above all that work in the database."""
        return int((self.postgres.data / "postmaster.pid").read_text().split()[0])

    def version(self) -> str:
        with psycopg.connect(f"{self.postgres.url.rpartition('/')[0]}/postgres") as connection:
            return str(connection.info.server_version // 10000)


def answers(port: int) -> bool:
    """Tell whether something answers HTTP calls there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return bool(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def lay() -> Iterator[Ground]:
    """Yield running servers. Their data lies in the directory for temporary files, until that is emptied."""
    if find_postgres() is None:
        raise SystemExit("No PostgreSQL server's programs are on this machine: nothing can be measured.")
    where = Path(os.environ.get("BENCH_DATA", f"{tempfile.gettempdir()}/muster-bench-{os.getuid()}"))
    where.mkdir(mode=0o755, exist_ok=True)
    with (where / "lock").open("w") as lock:
        # Of two runs at once the second waits: it would stop the first one's servers, and load its clock.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _servers(where) as ground:
            yield ground


@contextmanager
def _servers(where: Path) -> Iterator[Ground]:
    first, second = free_ports(2)
    # As it runs in earnest: the servers of the fault suite do not wait for the disk, this one does.
    # Its statistics are made once, before anything is asked: plans do not change between two turns.
    settings = ("fsync=on", "shared_buffers=512MB", "jit=off", "autovacuum=off")
    postgres = Postgres(where / "postgres", first, settings)
    redis = Redis(second)
    if not (where / "made").exists():
        shutil.rmtree(postgres.data, ignore_errors=True)
        postgres.create()
        (where / "made").touch()
    try:
        postgres.stop("immediate", check=False)  # what a killed run left behind
        postgres.start()
        redis.start()
        yield Ground(where, postgres, redis)
    finally:
        redis.stop()
        postgres.stop("fast", check=False)
