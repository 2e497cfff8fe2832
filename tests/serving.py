"""The whole product on a loopback port, as `make run` starts it: for tests that need all of it at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90


@dataclass
class Server:
    """A running instance: where it answers, and the environment in which its commands must run."""

    url: str
    environment: dict[str, str]
    process: subprocess.Popen[str]
    output: Path

    def readiness(self) -> dict[str, object]:
        """Return what /readyz says; empty while nobody answers."""
        try:
            with urlopen(f"{self.url}/readyz", timeout=5) as answer:
                found: dict[str, object] = json.load(answer)
                return found
        except (URLError, OSError, ValueError):
            return {}

    def wait_until_ready(self) -> float:
        """Wait for every check to be fine, the worker's heartbeat among them; return the seconds it took."""
        started = time.monotonic()
        while time.monotonic() - started < READY_SECONDS:
            if self.readiness().get("status") == "ok":
                return time.monotonic() - started
            assert self.process.poll() is None, self.output.read_text()[-3000:]
            time.sleep(0.2)
        raise AssertionError(f"not ready: {self.readiness()}\n{self.output.read_text()[-3000:]}")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def server(directory: Path, **switches: str) -> Iterator[Server]:
    """Serve an instance of its own below ``directory``: empty, unless ``DEMO="1"``.

    On the database server that the suite runs on it gets a database of its own, dropped afterwards.
    """
    port = free_port()
    environment = {
        "MUSTER_DATA": str(directory / "data"),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DEMO": "0",
        **switches,
    }
    with _database(environment):
        output = directory / "serve.log"
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
            )
        running = Server(f"http://127.0.0.1:{port}", environment, process, output)
        try:
            running.wait_until_ready()
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@contextmanager
def _database(environment: dict[str, str]) -> Iterator[None]:
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        environment["DATABASE_URL"] = ""
        yield
        return
    import psycopg

    name = f"muster_served_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    environment["DATABASE_URL"] = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    try:
        yield
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
