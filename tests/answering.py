"""A web process without a server: calls come as lines of JSON on its input, answers leave by its output.

It compiles, prepares and remembers for itself, as every process of an instance does. Run as
``python -m tests.answering``; `Process` is its other end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent


class Process:
    """One such process, on the database of the test."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.answering"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def status(self, path: str, **headers: str) -> int:
        """Return the status with which it answers a GET."""
        sent, told = self._child.stdin, self._child.stdout
        assert sent is not None
        assert told is not None
        sent.write(json.dumps({"path": path, "headers": headers}) + "\n")
        sent.flush()
        return int(told.readline())

    def end(self) -> None:
        """End it, and wait for that."""
        self._child.communicate(timeout=30)


def _answer(calls: IO[str], answers: IO[str]) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    from django.conf import settings

    if not settings.REDIS_URL:
        settings.CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    import django

    django.setup()
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1", raise_request_exception=False)
    for line in calls:
        call: dict[str, Any] = json.loads(line)
        answers.write(f"{client.get(call['path'], headers=call['headers']).status_code}\n")
        answers.flush()


if __name__ == "__main__":
    # Whatever else is printed goes elsewhere.
    with os.fdopen(os.dup(1), "w") as own:
        os.dup2(2, 1)
        _answer(sys.stdin, own)
