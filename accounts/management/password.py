"""Passwords on the command line: from a file, or made up; never as an argument, which everybody could see."""

from __future__ import annotations

import secrets
import string
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.management.base import CommandError

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

# Without those that are mistaken for each other when read from a screen.
LEGIBLE = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI5S")))
LENGTH = 16  # 92 bits


def make() -> str:
    """Return a password that nobody can guess and anybody can type."""
    return "".join(secrets.choice(LEGIBLE) for _ in range(LENGTH))


def add_argument(parser: CommandParser) -> None:
    """Declare the argument that `read` answers."""
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="read the password from this file, or from standard input if it is -; without, one is made up "
        "and printed",
    )


def read(file: str | None) -> tuple[str, bool]:
    """Return the password, and whether it was made up and so has to be told."""
    if file is None:
        return make(), True
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be read: {error}"
        raise CommandError(message) from error
    return text.strip("\r\n"), False
