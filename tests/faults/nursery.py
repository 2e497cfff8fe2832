"""Starts parts of the product as forks of a process that has loaded everything, as the supervisor does.

A worker is killed here fifty times over: loading it anew each time would be most of the work.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from portal.tether import tie

if TYPE_CHECKING:
    from pathlib import Path


class Nursery:
    """A child that forks on request. Made before this process has threads or connections."""

    def __init__(self) -> None:
        from portal.management.commands import serve

        serve._load_celery()
        gc.freeze()
        here, there = socket.socketpair()
        parent = os.getpid()
        if os.fork() == 0:
            here.close()
            tie(parent, signal.SIGKILL)
            _serve(there)
        there.close()
        self._line = here.makefile("rw")

    def start(self, part: str, log: Path) -> int:
        """Start a part as `manage.py serve --only` does; return its number, which is also its group's."""
        self._line.write(json.dumps([part, str(log)]) + "\n")
        self._line.flush()
        return int(self._line.readline())


def _serve(line: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no burial
    parent = os.getpid()
    with line.makefile("rw") as file:
        for request in file:
            part, log = json.loads(request)
            pid = os.fork()
            if pid == 0:
                _become(part, log, parent)
            file.write(f"{pid}\n")
            file.flush()
    os._exit(0)


def _become(part: str, log: str, parent: int) -> NoReturn:
    code = 1
    try:
        os.setsid()
        tie(parent, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(source, target)

        from django.core.management import call_command

        call_command("serve", only=part)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # the last one to catch it: there is nobody above
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)
