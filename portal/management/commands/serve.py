from __future__ import annotations

import fcntl
import gc
import os
import signal
import socket
import sys
import time
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from portal import broker, first_start, health, static
from portal.celery import app
from portal.connections import close_databases
from portal.supervisor import SIGNALS, GaveUp, Service, Supervisor
from portal.work import TAKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

BROKER_SECONDS, WEB_SECONDS = 30.0, 60.0
LOOK_AT_WORKER_SECONDS = 15.0
DEAF_SECONDS = 300.0  # a worker that runs this long without taking a task has lost its ear


class Stopped(BaseException):
    """Somebody asked us to stop."""


class Command(BaseCommand):
    """Serves the whole product: starts, watches and stops all its processes."""

    help = "Serve Muster: web, worker and schedule, and an embedded Valkey where no REDIS_URL is given."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--echo", action="store_true", help="print what the processes log, beside keeping it in files"
        )

        parser.add_argument(
            "--only",
            choices=PARTS,
            help="be this one process, for a service manager to watch: starts, migrates and collects nothing",
        )

    def handle(self, *args: Any, echo: bool = False, only: str = "", **options: Any) -> None:
        """Serve until told to stop."""
        if only:
            _disconnect()
            PARTS[only]()
            return
        os.umask(0o077)  # the database, exports and mails are nobody else's on this host
        run = settings.DATA / "run"
        broker.make_private(run)
        with alone(run / "serve.lock") as lock:
            supervisor = Supervisor(settings.DATA / "log", self._say, echo=echo, let_go=lock.close)
            _claim_port()
            try:
                _on_signals(_stop)
                self._serve(supervisor)
            except Stopped:
                self._say("Stopping …")
            except GaveUp as error:
                raise CommandError(f"Giving up: {error}") from error
            finally:
                _on_signals(lambda *_: setattr(supervisor, "hurry", True))
                supervisor.stop()
                if not settings.REDIS_URL:
                    settings.EMBEDDED_SOCKET.unlink(missing_ok=True)
            self._say("Stopped; nothing is left running.")

    def _serve(self, supervisor: Supervisor) -> None:
        self._say(f"Muster keeps its data in {settings.DATA}")
        self._start_broker(supervisor)
        self._tell("database", _migrate())
        given = first_start.give()
        if given.words:
            self._tell("demo", given.words)
        if given.password:
            self._box(
                f"User name: {first_start.ADMINISTRATOR}",
                f"Password:  {given.password}",
                "This is shown once. Change it under your account.",
            )
        self._tell("static", "collected" if static.collect_if_stale() else "up to date")
        _disconnect()
        web = Service("web", _web, ready=_web_answers, grace=25.0)
        workers = {name: Service(name, PARTS[name]) for name in TAKERS}
        worker, beat = workers["worker"], Service("beat", PARTS["beat"])
        supervisor.start(web)
        _load_celery()
        supervisor.start(worker)
        supervisor.wait_ready(web, WEB_SECONDS)
        self._tell("logs", str(supervisor.logs))
        if given.secret:
            self._box(
                f"First visit: {settings.PUBLIC_URL}/setup/",
                f"Secret:      {given.secret}",
                "Who knows it becomes the administrator. It works once, and until the next start.",
            )
        self._say(f"\nOpen {settings.PUBLIC_URL}    (Ctrl-C stops everything)\n")
        for other in (*workers.values(), beat):
            if other is not worker:
                supervisor.start(other)
        supervisor.watch(_Ear(supervisor, worker, beat))

    def _start_broker(self, supervisor: Supervisor) -> None:
        if settings.REDIS_URL:
            self._tell("broker", "as REDIS_URL says")
            return
        try:
            server = broker.find()
        except broker.NoServer as error:
            raise CommandError(str(error)) from error
        listen = settings.EMBEDDED_SOCKET
        service = Service(
            "broker",
            partial(_execute, broker.command(server, data=settings.DATA, listen=listen)),
            ready=lambda: broker.answers(listen),
        )
        supervisor.start(service)
        supervisor.wait_ready(service, BROKER_SECONDS)
        self._tell("broker", f"embedded {server.flavour} ({server.program})")

    # Telling ---------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more; that is no reason to stop

    def _tell(self, what: str, how: str) -> None:
        self._say(f"  {what:<9} {how}")

    def _box(self, *lines: str) -> None:
        width = max(len(line) for line in lines)
        rule = "─" * (width + 2)
        self._say("\n".join(("", f"┌{rule}┐", *(f"│ {line:<{width}} │" for line in lines), f"└{rule}┘", "")))


class _Ear:
    """Notices a worker that runs and takes no tasks, as happens after a broker came back, and replaces it."""

    def __init__(self, supervisor: Supervisor, worker: Service, beat: Service) -> None:
        self.supervisor, self.worker, self.beat = supervisor, worker, beat
        self.next = time.monotonic() + LOOK_AT_WORKER_SECONDS

    def __call__(self) -> None:
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + LOOK_AT_WORKER_SECONDS
        if min(self.worker.uptime, self.beat.uptime) < DEAF_SECONDS:
            return
        try:
            age = health.heartbeat_age()
        except RedisError:
            return  # that is the broker's fault
        if age is None or age > DEAF_SECONDS:
            for service in (self.worker, self.beat):
                self.supervisor.restart(service, "has taken no task for long")


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped


# The processes: each is a fork of this one, with everything loaded ------------------------------------------


def _web() -> None:
    from gunicorn.app.wsgiapp import run

    sys.argv = ["gunicorn", "-c", "python:portal.gunicorn", "portal.wsgi"]
    run()


def _take_tasks(name: str) -> None:
    # Threads, not processes: they share one pool of connections, and no task waits for a child that died.
    _celery(
        *("worker", "-n", f"{name}@%h", "-Q", ",".join(TAKERS[name])),
        *("--pool", "threads", "-c", str(getattr(settings, f"{name.upper()}_THREADS"))),
        *("--loglevel", settings.LOG_LEVEL),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )


def _load_celery() -> None:
    """Load once what workers and beat share."""
    for module in ("apps.beat", "apps.worker", "bin.celery", "concurrency.thread", "worker.consumer"):
        import_module(f"celery.{module}")
    app.loader.import_default_modules()
    app.finalize()
    gc.freeze()


def _beat() -> None:
    _celery("beat", "--loglevel", "WARNING", "--pidfile=")


def _celery(*arguments: str) -> None:
    from celery.bin.celery import main

    sys.argv = ["celery", "-A", "portal", "--quiet", *arguments]
    main()


PARTS: dict[str, Callable[[], None]] = {
    "web": _web,
    "beat": _beat,
    **{name: partial(_take_tasks, name) for name in TAKERS},
}


def _execute(command: list[str]) -> None:
    os.execv(command[0], command)  # noqa: S606 - a server found on PATH or in our own wheel


def _disconnect() -> None:
    """Close what must not be shared with the forks, and let them share the rest."""
    close_databases()
    caches.close_all()
    gc.collect()
    gc.freeze()  # or the collector would touch, and so copy, every page


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for signum in SIGNALS:
        signal.signal(signum, handler)


@contextmanager
def alone(path: Path) -> Iterator[TextIO]:
    """Hold the data directory, by the open file it yields; refuse if another process does."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise CommandError(f"Muster runs already on {settings.DATA}: {file.read().strip()}") from error
        file.truncate(0)
        file.write(f"process {os.getpid()}, {settings.PUBLIC_URL}\n")
        file.flush()
        try:
            yield file
        finally:
            file.truncate(0)


def _claim_port() -> None:
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            raise CommandError(
                f"{settings.HOST}:{settings.PORT} cannot be used ({error.strerror}). "
                f"Choose another port: make run PORT={settings.PORT + 1}"
            ) from error


def _web_answers() -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - compared
    try:
        with socket.create_connection((host, settings.PORT), timeout=2) as web:
            web.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return b" 200 " in web.recv(64)
    except OSError:
        return False


def _migrate() -> str:
    """Bring the tables up to date; return what was done, in words."""
    if connection.vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]
    return f"{name}, {len(plan)} migrations applied" if plan else f"{name}, up to date"
