"""PostgreSQL and Redis servers of a scenario's own, on free ports of loopback: it may stop and start them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis

from portal import broker
from portal.tether import tie

if TYPE_CHECKING:
    from collections.abc import Callable

START_SECONDS = 60
DATABASE = "muster"


def find_postgres() -> Path | None:
    """Return the directory of the newest PostgreSQL server's programs, on PATH or where Debian keeps them."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> float:
    """Wait until something holds; return for how many seconds. It is asked some fifty times a second."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.02)
    return time.monotonic() - start


def tied() -> Callable[[], None]:
    """Return what ties a process to this thread: it ends with it, however that ends."""
    return partial(tie, os.getpid(), signal.SIGKILL)


@dataclass
class Postgres:
    """A cluster below ``data``; as root it runs as the user ``postgres``, since the server refuses root."""

    data: Path
    port: int
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def _as(self) -> dict[str, Any]:
        if os.getuid() != 0:
            return {}
        return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}

    def _call(self, program: str, *arguments: str, check: bool = True) -> None:
        found = find_postgres()
        assert found is not None
        done = subprocess.run(
            [str(found / program), "--pgdata", str(self.data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
            stderr=subprocess.DEVNULL,
            check=False,
            **self._as,
        )
        if check and done.returncode:
            log = self.data / "server.log"
            raise AssertionError(f"{program} failed: {log.read_text()[-2000:] if log.exists() else ''}")

    def create(self) -> None:
        self.data.mkdir(parents=True)
        if os.getuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
        self._call("initdb", "--username", "postgres", "--auth", "trust", "--no-sync", "--encoding", "UTF8")

    def copy(self, data: Path, port: int) -> Postgres:
        """Return another cluster with what is in this one, which must be stopped."""
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.data), str(data)], check=True)
        return Postgres(data, port)

    def start(self) -> None:
        # Without fsync: what the operating system holds outlives every kill here, and only power would not.
        options = [
            f"-p {self.port}",
            "-c listen_addresses=127.0.0.1",
            "-c unix_socket_directories=",
            "-c fsync=off",
            "-c max_connections=200",
            *(f"-c {option}" for option in self.options),
        ]
        log = str(self.data / "server.log")
        wait = f"--timeout={START_SECONDS}"
        self._call("pg_ctl", "--wait", wait, "--log", log, "--options", " ".join(options), "start")

    def stop(self, mode: str = "immediate", *, check: bool = True) -> None:
        """Stop the server; ``immediate`` drops everything where it is, as a crash does."""
        self._call("pg_ctl", "--wait", "--mode", mode, "stop", check=check)


@dataclass
class Redis:
    """A Redis or Valkey that keeps nothing on disk: what it held is gone when it is stopped."""

    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def start(self) -> None:
        command = [str(broker.find().program), "--port", str(self.port), "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(
            [*command, "--save", "", "--appendonly", "no", "--dir", "/"],
            stdout=subprocess.DEVNULL,
            preexec_fn=tied(),
        )
        wait_until(self.answers, "Redis starts")

    def answers(self) -> bool:
        try:
            with self.client as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Kill the server, whoever started it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        elif self.answers():
            with self.client as client:
                os.kill(client.info("server")["process_id"], signal.SIGKILL)
            wait_until(lambda: not self.answers(), "Redis ends")
