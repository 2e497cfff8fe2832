"""``/healthz`` and ``/readyz``: is the process alive, and can it do its work?

``/readyz`` names each check. Without the broker or a worker the instance still answers and stores everything,
only later work waits: that is *degraded* (200). Without the database or the storage it is *failing* (503).
Some checks tell a figure as well, which by itself changes nothing.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection
from django.http import HttpResponse

from accounts.services import nobody_is_here
from logs.chain import state
from portal.celery import app
from portal.work import TAKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest

    Handler = Callable[[HttpRequest], HttpResponse]

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0  # for all checks together: they run side by side
HEARTBEAT_KEY = "worker-heartbeat"
HEARTBEAT_STALE_SECONDS = 60.0
HEARTBEAT_GRAIN_SECONDS = 5.0
OK, DEGRADED, FAILING = "ok", "degraded", "failing"


class Unhealthy(Exception):
    """A check's own verdict; ``str()`` is shown to anybody, so it names no host and no path."""

    def __init__(self, words: str, **figures: float) -> None:
        super().__init__(words)
        self.figures = figures


# The checks ----------------------------------------------------------------------------------------------


def check_database() -> None:
    """Ask a real table one short question."""
    nobody_is_here()


def check_broker() -> None:
    """Connect, which pings."""
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0)


def check_storage() -> None:
    """Write and remove a file where exports go; on a remote storage, ask for one that is not there."""
    storage = storages["exports"]
    if isinstance(storage, FileSystemStorage):
        os.makedirs(storage.location, exist_ok=True)
        with tempfile.TemporaryFile(dir=storage.location) as file:
            file.write(b"readyz")
    else:
        storage.exists("readyz")


def check_worker() -> None:
    """See whether a worker took a task from the queue lately."""
    age = heartbeat_age()
    if age is None:
        raise Unhealthy("no worker has been heard of")
    if age > HEARTBEAT_STALE_SECONDS:
        raise Unhealthy(f"last heard of {age:.0f} s ago")


def check_seals() -> dict[str, float]:
    """Tell for how long entries of the usage log wait for their seals; a minute or two is nothing."""
    behind = round(state.behind().total_seconds(), 1)
    if behind > state.LATE.total_seconds():
        raise Unhealthy(f"entries of the log wait for their seals for {behind:.0f} s", behind_seconds=behind)
    return {"behind_seconds": behind}


_noted_at = 0.0


def note_task(queue: str) -> None:
    """Note, now and then, that a worker took a task from a queue that sweeps and deliveries go by."""
    global _noted_at
    if queue in TAKERS["worker"] and time.monotonic() - _noted_at > HEARTBEAT_GRAIN_SECONDS:
        _noted_at = time.monotonic()
        beat_heart()


def beat_heart() -> None:
    """Note that a worker is taking tasks: called by one."""
    cache.set(HEARTBEAT_KEY, time.time(), timeout=24 * 3600)


def heartbeat_age() -> float | None:
    """Return for how many seconds no worker took a task; None if none ever did."""
    at = cache.get(HEARTBEAT_KEY)
    return None if at is None else max(0.0, time.time() - at)


@dataclass(frozen=True)
class Check:
    """A named question and how bad it is when the answer is no; it may return figures."""

    ask: Callable[[], Mapping[str, float] | None]
    otherwise: str


CHECKS: dict[str, Check] = {
    "database": Check(check_database, otherwise=FAILING),
    "storage": Check(check_storage, otherwise=FAILING),
    "broker": Check(check_broker, otherwise=DEGRADED),
    "worker": Check(check_worker, otherwise=DEGRADED),
    "seals": Check(check_seals, otherwise=DEGRADED),
}


# Asking them ---------------------------------------------------------------------------------------------


class _Probe(threading.Thread):
    """One check on its way. A hanging one is left behind, and never started twice."""

    def __init__(self, name: str, check: Check) -> None:
        super().__init__(name=f"readyz-{name}", daemon=True)
        self.check = check
        self.told: dict[str, Any] = {}

    def run(self) -> None:
        start = time.monotonic()
        try:
            figures = self.check.ask()
        except Unhealthy as error:
            told = {"status": self.check.otherwise, "error": str(error), **error.figures}
        except Exception as error:  # whatever it is, it is the answer
            log.warning("Readiness: %s: %s", self.name, error)
            told = {"status": self.check.otherwise, "error": type(error).__name__}
        else:
            told = {"status": OK, **(figures or {})}
        finally:
            connection.close()  # this thread's own, if it asked the database
        self.told = {**told, "ms": round((time.monotonic() - start) * 1000, 1)}


_running: dict[str, _Probe] = {}
_lock = threading.Lock()


def readiness(checks: Mapping[str, Check] = CHECKS, seconds: float = CHECK_SECONDS) -> dict[str, Any]:
    """Return ``{"status": …, "checks": {name: {"status", "ms", "error"?, …}}}`` within ``seconds``."""
    probes = {}
    with _lock:
        for name, check in checks.items():
            probe = _running.get(name)
            if probe is None or not probe.is_alive():
                probe = _running[name] = _Probe(name, check)
                probe.start()
            probes[name] = probe
    end = time.monotonic() + seconds
    told = {}
    for name, probe in probes.items():
        probe.join(max(0.0, end - time.monotonic()))
        told[name] = probe.told or {"status": checks[name].otherwise, "error": "no answer in time"}
    found = {one["status"] for one in told.values()}
    status = next(one for one in (FAILING, DEGRADED, OK) if one in found)
    return {"status": status, "checks": told}


# Answering -----------------------------------------------------------------------------------------------


# Where clients and balancers of the Quay wire ask.
REGISTRY_PROBES = ("/health/instance", "/health/endtoend", "/health/warning")


def answer_probes(get_response: Handler) -> Handler:
    """Answer probes before anything else looks at them: load balancers call by address, without a session."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return _answer({"status": OK})
        if request.path == "/readyz":
            return _answer(readiness())
        if request.path in REGISTRY_PROBES:
            return _services(readiness(), warning=request.path.endswith("warning"))
        return get_response(request)

    return handle


def _services(told: dict[str, Any], *, warning: bool) -> HttpResponse:
    """Answer as the Quay wire's probes do: each service true or false.

    What only degrades the instance is a warning, and no failure of it.
    """
    fine = (OK,) if warning else (OK, DEGRADED)
    services = {name: one["status"] in fine for name, one in told["checks"].items()}
    code = 200 if all(services.values()) else 503
    return HttpResponse(
        orjson.dumps({"data": {"services": services}, "status_code": code}, option=orjson.OPT_APPEND_NEWLINE),
        status=code,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _answer(told: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE),
        status=503 if told["status"] == FAILING else 200,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
