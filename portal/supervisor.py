"""Starts processes, watches them, starts crashed ones again, and stops them all.

Processes are forked from this one, which has everything loaded already: they start in a moment and share its
memory. So it has a single thread, holds no connection, and reads their logs between looks. Each runs in
a session of its own, so that Ctrl-C reaches only the supervisor, which then stops them in order; and each is
tied to the supervisor (see `portal.tether`), so that none outlives it, however it ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import sys
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, NoReturn

from portal.tether import call, tie

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLL_SECONDS = 0.1
STEADY_SECONDS = 30.0  # who ran this long has not crashed at its start
FAST_CRASHES = 5  # as many in a row, and the supervisor gives up
BACKOFF_SECONDS = (0.2, 1.0, 2.0, 4.0, 8.0)
LOG_BYTES, LOG_FILES = 10 * 1024 * 1024, 5
TAIL_LINES = 25
LINE_WIDTH = 240  # of an error on the terminal; the file has all of it
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GaveUp(Exception):
    """A process crashed again and again, or never became ready; ``str()`` tells its last words."""


@dataclass
class Service:
    """A process to keep running: ``run`` is called in it, and does not return before it ends.

    ``ready`` tells whether it does its work yet; ``grace`` is for how many seconds it may finish that after
    SIGTERM.
    """

    name: str
    run: Callable[[], object]
    ready: Callable[[], bool] = lambda: True
    grace: float = 10.0
    # What the supervisor knows of it:
    pid: int | None = None
    pipe: int | None = None
    unfinished: bytes = b""  # the start of a line whose end is not read yet
    log: RotatingFileHandler | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    started_at: float = 0.0
    crashes: int = 0
    again_at: float | None = None

    @property
    def uptime(self) -> float:
        """Seconds since its latest start; 0 while it does not run."""
        return time.monotonic() - self.started_at if self.pid is not None else 0.0


class Supervisor:
    """Keeps services running until `stop`.

    ``let_go`` is called in every new process, to close what belongs to the supervisor alone.
    """

    def __init__(
        self,
        logs: Path,
        say: Callable[[str], None],
        *,
        echo: bool = False,
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        self.logs, self.say, self.echo, self.let_go = logs, say, echo, let_go
        self.services: list[Service] = []
        self.hurry = False  # stop without grace
        self.pipes = selectors.DefaultSelector()
        logs.mkdir(parents=True, exist_ok=True)

    # Starting --------------------------------------------------------------------------------------------

    def start(self, service: Service) -> None:
        """Start a service and keep it running from now on."""
        service.log = RotatingFileHandler(
            self.logs / f"{service.name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
        )
        self.services.append(service)
        self._launch(service)

    def _launch(self, service: Service) -> None:
        reading, writing = os.pipe()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()  # or both would print what waits there
        parent = os.getpid()
        # Not between here and noting its number: a signal would leave a process that nobody knows of.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become(service, parent, writing, mask)
        service.pid, service.pipe = pid, reading
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(writing)
        service.started_at, service.again_at = time.monotonic(), None
        os.set_blocking(reading, False)
        self.pipes.register(reading, selectors.EVENT_READ, service)

    def _become(self, service: Service, parent: int, output: int, mask: set[int]) -> NoReturn:
        """Be the service, in the new process. Nothing of the supervisor's may run here, at the end either."""
        code = 1
        try:
            os.setsid()
            tie(parent, signal.SIGKILL)
            call(f"muster-{service.name}")
            for signum in SIGNALS:
                signal.signal(signum, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (output, 1), (output, 2)):
                os.dup2(source, target)
            self._close_all()
            self.let_go()
            service.run()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # the last one to catch it: there is nobody above
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code & 0xFF)

    def _close_all(self) -> None:
        self.pipes.close()
        for service in self.services:
            if service.pipe is not None:
                os.close(service.pipe)
            if service.log is not None:
                service.log.close()

    def wait_ready(self, service: Service, seconds: float) -> None:
        """Wait until a service does its work.

        Raises:
            GaveUp: it does not within ``seconds``, or crashes too often.
        """
        end = time.monotonic() + seconds
        while not service.ready():
            self.look(0.02)
            if time.monotonic() > end:
                raise GaveUp(f"{service.name} is not ready after {seconds:.0f} s.\n{_last_words(service)}")

    # Watching --------------------------------------------------------------------------------------------

    def look(self, seconds: float = POLL_SECONDS) -> None:
        """Read for about ``seconds`` what services log, and start again crashed ones whose time has come.

        Raises:
            GaveUp: one crashes again and again.
        """
        self._read_for(seconds)
        for service in self.services:
            if service.pid is not None and _has_ended(service.pid):
                self._crashed(service, self._clear(service))
            if service.again_at is not None and time.monotonic() >= service.again_at:
                self._launch(service)

    def _crashed(self, service: Service, code: int) -> None:
        fast = time.monotonic() - service.started_at < STEADY_SECONDS
        service.crashes = service.crashes + 1 if fast else 1
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        if service.crashes >= FAST_CRASHES:
            often = f"{service.crashes} times in a row"
            raise GaveUp(f"{service.name} {how}, {often}. Its last words:\n{_last_words(service)}")
        delay = BACKOFF_SECONDS[min(service.crashes, len(BACKOFF_SECONDS)) - 1]
        self.say(f"{service.name} {how}; starting it again in {delay:g} s (see {self.log_of(service)})")
        service.again_at = time.monotonic() + delay

    def restart(self, service: Service, why: str) -> None:
        """Start a service again that runs but does not do its work."""
        self.say(f"{service.name} {why}; starting it again")
        self._end([service])
        self._launch(service)

    def watch(self, turn: Callable[[], None] = lambda: None) -> NoReturn:
        """Watch until an exception, such as that of a signal handler, ends it; calls ``turn`` every look."""
        while True:
            self.look()
            turn()

    # Stopping --------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop every service, the first one last, and wait until each is gone with all its children."""
        first = self.services[:1]  # what the others talk to stays until they are gone
        self._end([service for service in reversed(self.services) if service not in first])
        self._end(first)
        for service in self.services:
            if service.log is not None:
                service.log.close()

    def _end(self, services: list[Service]) -> None:
        for service in services:
            service.again_at = None
            if service.pid is not None:
                os.kill(service.pid, signal.SIGTERM)
        start = time.monotonic()
        for service in services:
            while service.pid is not None and not _has_ended(service.pid) and not self.hurry:
                if time.monotonic() - start > service.grace:
                    self.say(f"{service.name} does not stop within {service.grace:g} s; ending it")
                    break
                self._read_for(0.02)
            self._clear(service)

    def _clear(self, service: Service) -> int:
        """End what is left of a service and its children; return its status, negative for a signal."""
        pid, service.pid = service.pid, None
        if pid is None:
            return 0
        # Not yet reaped, it still holds its number, which is also that of its process group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if service.pipe is not None:
            self._read(service)
            self._close_pipe(service)
        return os.waitstatus_to_exitcode(status)

    # Logs ------------------------------------------------------------------------------------------------

    def log_of(self, service: Service) -> Path:
        """Return the file that keeps what a service says."""
        return self.logs / f"{service.name}.log"

    def _read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return
            if not self.pipes.get_map():
                time.sleep(left)
            for key, _ in self.pipes.select(left):
                self._read(key.data)

    def _read(self, service: Service) -> None:
        while service.pipe is not None:
            try:
                data = os.read(service.pipe, 65536)
            except BlockingIOError:
                return
            if not data:
                self._close_pipe(service)
                return
            *lines, service.unfinished = (service.unfinished + data).split(b"\n")
            for line in lines:
                self._keep(service, line.decode("utf-8", "replace"))

    def _close_pipe(self, service: Service) -> None:
        if service.unfinished:
            self._keep(service, service.unfinished.decode("utf-8", "replace"))
        if service.pipe is not None:
            self.pipes.unregister(service.pipe)
            os.close(service.pipe)
        service.pipe, service.unfinished = None, b""

    def _keep(self, service: Service, line: str) -> None:
        service.tail.append(line)
        if service.log is not None:
            service.log.emit(logging.LogRecord(service.name, logging.INFO, "", 0, line, None, None))
        if self.echo or _is_alarming(line):
            self.say(f"{service.name} | {line if self.echo else _shortened(line)}")


def _has_ended(pid: int) -> bool:
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT  # look, and leave it to be reaped
    return os.waitid(os.P_PID, pid, options) is not None


def _shortened(line: str) -> str:
    return line if len(line) <= LINE_WIDTH else f"{line[:LINE_WIDTH]} …"


def _is_alarming(line: str) -> bool:
    # As our own formatter and gunicorn's print the level.
    start = line[:120].lower()
    return any(mark in start for mark in ("[error", "[critical", '"level":"error', '"level": "error'))


def _last_words(service: Service) -> str:
    return "\n".join(f"    {line}" for line in service.tail) or "    (nothing)"
