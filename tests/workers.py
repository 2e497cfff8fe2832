"""Real Celery workers on a real broker, for tests that kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection

from portal import broker, keys

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]


def database_url() -> str:
    """Return the address of the test's own database."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    who = f"{told['USER']}:{told['PASSWORD']}" if told["PASSWORD"] else told["USER"]
    return f"postgres://{who}@{told['HOST']}:{told['PORT'] or 5432}/{told['NAME']}"


@contextmanager
def broker_of_its_own(directory: Path) -> Iterator[dict[str, str]]:
    """Start a broker; give what workers of the test see: its database, its directory, and that broker."""
    try:
        server = broker.find()
    except broker.NoServer as error:
        pytest.skip(str(error))
    listen = keys.socket_path(directory)
    process = subprocess.Popen(
        broker.command(server, data=directory, listen=listen), stdout=subprocess.DEVNULL
    )
    assert broker.wait(listen, 10)
    try:
        yield os.environ | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": database_url(),
            "REDIS_URL": "",
            "MUSTER_DATA": str(directory),
            "SECRET_KEY": settings.SECRET_KEY,
            "MUSTER_LOG_LEVEL": "WARNING",
        }
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def worker(queue: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker with its children in a process group of their own; kill what is left of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "portal", "worker", "-Q", queue, "-c", "1"],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker and its children, if they still live."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def ring(sweep: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Run a sweep, named as ``module.function``, in a process that sees what the workers see."""
    module, _, name = sweep.rpartition(".")
    code = f"from {module} import {name}; {name}()"
    return subprocess.Popen([sys.executable, "manage.py", "shell", "-c", code], cwd=ROOT, env=environment)
