"""Streams to files: JSON Lines, appended and on the disk before they count as sent.

A batch is written whole or not at all: what a full disk cut off is taken back, and behind a line that a crash
cut off a new one begins.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings

from notifications.channels import Answer, Letter, Undelivered
from streams.channels.webhook import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from logs.models import LogEntry
    from logs.settled import Cursor
    from streams.models import Stream

log = logging.getLogger(__name__)

# Nothing is followed out of the directory, and nothing waited for that is no file.
FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def prepare(stream: Stream, entries: Sequence[LogEntry], after: Cursor, to: Cursor) -> Letter:
    """Return a batch ready to be appended, a line for each entry."""
    lines = "".join(json.dumps(line(entry), separators=(",", ":")) + "\n" for entry in entries)
    return Letter(partial(_append, str(stream.config["name"]), lines.encode()))


def test(stream: Stream) -> Letter:
    """Return what finds out whether the file can be written to; it writes no line."""
    return Letter(partial(_append, str(stream.config["name"]), b""))


def _append(name: str, lines: bytes) -> Answer:
    start = time.monotonic()
    try:
        with _opened(name) as file:
            size = os.fstat(file).st_size
            if lines and size and os.pread(file, 1, size - 1) != b"\n":
                lines = b"\n" + lines
            try:
                _write(file, lines)
            except OSError:
                os.ftruncate(file, size)
                raise
    except OSError as error:
        # Where it lies is for the operator's log.
        log.warning("A stream cannot be written to the file %s: %s", name, error)
        raise Undelivered("The file could not be written.") from error
    return Answer(seconds=time.monotonic() - start)


def _write(file: int, lines: bytes) -> None:
    view = memoryview(lines)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)


@contextmanager
def _opened(name: str) -> Iterator[int]:
    """Open a file in the directory of the settings, and keep others from writing to it. Raises OSError."""
    if not settings.STREAM_DIRECTORY or "/" in name or name in ("", ".", ".."):
        message = "there is no such place"
        raise OSError(message)
    folder = os.open(settings.STREAM_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        file = os.open(name, FLAGS, 0o600, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                message = "it is no file"
                raise OSError(message)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            os.fsync(folder)  # that it is there, too
        finally:
            os.close(file)
    finally:
        os.close(folder)
