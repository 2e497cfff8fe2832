"""What a scenario stands on: servers of its own, the parts of the product as processes, receivers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.servers import Postgres, Redis, free_ports, wait_until
from tests.faults.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.nursery import Nursery

ROOT = Path(__file__).resolve().parents[2]
SINKS = 8
# Nothing of the caller's own instance, or of the test run, gets in here.
DROPPED = ("MUSTER_", "DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "PYTEST_", "DJANGO_")


@dataclass
class Part:
    """One process of the product, and its children; its log is kept."""

    name: str
    pid: int
    log: Path

    @property
    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, signum: int) -> None:
        os.killpg(self.pid, signum)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        wait_until(lambda: not self.is_alive, f"{self.name} ends")

    def stop(self, seconds: float = 30) -> None:
        """Ask it to end, as a service manager does."""
        os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: not self.is_alive, f"{self.name} ends when asked to", seconds)

    @property
    def words(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Ground:
    """The servers and the environment of one scenario."""

    directory: Path
    postgres: Postgres
    redis: Redis
    ports: list[int]
    parts: list[Part] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    nursery: Nursery | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this ground must see."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
        web = self.ports[0]
        return kept | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "MUSTER_DATA": str(self.directory / "data"),
            "MUSTER_REDIS_PREFIX": "faults",
            "MUSTER_EGRESS_ALLOW": ",".join(f"127.0.0.1:{port}" for port in self.ports[1:]),
            "HOST": "127.0.0.1",
            "PORT": str(web),
            "DEMO": "0",
            "MUSTER_LOG_LEVEL": "WARNING",
        }

    @property
    def web(self) -> str:
        """The address of the part ``web``."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def start(self, part: str) -> Part:
        """Start ``web``, ``worker``, ``exporter``, ``beat``, … as `manage.py serve --only` does."""
        assert self.nursery is not None
        log = self.directory / f"{len(self.parts)}-{part}.log"
        made = Part(part, self.nursery.start(part, log), log)
        self.parts.append(made)
        return made

    def sink(self, stall: float = 0.0, *, keeps_bodies: bool = False) -> Sink:
        """Start a receiver of webhooks, which answers each after ``stall`` seconds."""
        file = self.directory / f"sink-{len(self.sinks)}"
        made = Sink(self.ports[1 + len(self.sinks)], file, stall, keeps_bodies)
        self.sinks.append(made)
        made.start()
        return made

    def lines(self) -> str:
        """Return the last lines of every process's log, to see what went wrong."""
        found = [part for part in self.parts if part.log.exists() and part.words]
        return "\n".join(f"--- {part.name}\n{part.words[-1500:]}" for part in found)

    def close(self) -> None:
        for part in self.parts:
            part.kill()
        for sink in self.sinks:
            sink.stop()


@contextlib.contextmanager
def template(directory: Path) -> Iterator[Postgres]:
    """Yield a stopped cluster with the product's tables in it, from ``directory`` or made there."""
    cluster = Postgres(directory / "template", free_ports(1)[0])
    if not cluster.data.exists():
        directory.chmod(0o755)  # the user that the server runs as must come through
        cluster.create()
        cluster.start()
        try:
            _migrate(cluster, directory)
        finally:
            cluster.stop("fast")
    yield cluster


def _migrate(cluster: Postgres, directory: Path) -> None:
    import psycopg

    where = cluster.url.rpartition("/")
    with psycopg.connect(f"{where[0]}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {where[2]}".encode())
    environment = Ground(directory, cluster, Redis(1), [1, 1]).environment
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)


@contextlib.contextmanager
def lay(directory: Path, stopped: Postgres) -> Iterator[Ground]:
    """Yield a ground with running servers below ``directory``, and end them afterwards, whatever happened."""
    first, second, *ports = free_ports(3 + SINKS)
    directory.mkdir(mode=0o755)
    postgres, redis = stopped.copy(directory / "postgres", first), Redis(second)
    ground = Ground(directory, postgres, redis, ports)
    try:
        postgres.start()
        redis.start()
        yield ground
    finally:
        ground.close()
        redis.stop()
        postgres.stop(check=False)


def load() -> str:
    """Return how busy the machine is, for beside a figure."""
    return "/".join(f"{one:.1f}" for one in os.getloadavg())


def steadily(rate: float, seconds: float) -> Iterator[int]:
    """Yield numbers at a rate, for a while; who is late catches up."""
    start, count = time.monotonic(), 0
    while count < rate * seconds:
        ahead = start + count / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        yield count
        count += 1


__all__ = ["Ground", "Part", "lay", "load", "steadily", "template", "wait_until"]
