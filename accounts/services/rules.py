"""What passwords and e-mail addresses must be like."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.errors import Invalid
from core.words import say

DIGEST_LENGTH = 40


def check_password_rule(password: str) -> None:
    """Raise Invalid for a new password that is too short, has white space in it, or is known from leaks.

    The wire wants 8 characters (quay-a.md 3.3); an operator may want more.
    """
    if len(password) < settings.PASSWORD_MIN or re.search(r"\s", password):
        raise Invalid(
            say(
                "A password has at least {least} characters and no white space",
                least=settings.PASSWORD_MIN,
            ),
            field="password",
        )
    if password.casefold() in _common() or _is_breached(password):
        raise Invalid("This password is known from leaks: choose one that nobody else has", field="password")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def _is_breached(password: str) -> bool:
    """Look a password up in the operator's list: a file of SHA-1 digests in order, of any size."""
    if not settings.BREACHED_PASSWORDS:
        return False
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with Path(settings.BREACHED_PASSWORDS).open("rb") as lines:
        low, high = 0, lines.seek(0, 2)
        while low < high:
            middle = (low + high) // 2
            lines.seek(max(0, middle - 1))
            if middle:
                lines.readline()  # the rest of a line that begins before the middle
            line = lines.readline()
            if line and line[:DIGEST_LENGTH].upper() < wanted:
                low = lines.tell()
            else:
                high = middle
        lines.seek(low)
        return lines.readline()[:DIGEST_LENGTH].upper() == wanted


def check_email_rule(email: str, *, needed: bool = False) -> str:
    """Return the address trimmed, or raise Invalid. Empty is allowed unless ``needed``."""
    email = email.strip()
    if not email:
        if needed:
            raise Invalid("An e-mail address is required", field="email")
        return ""
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("Invalid e-mail address", field="email") from error
    if not email.isascii():
        # Some letters beyond ASCII are equal to others in one comparison and not in the next: two people
        # must not have what is one address to the database. International domains have an ASCII form.
        raise Invalid("An e-mail address is written in ASCII; write its domain as xn--…", field="email")
    return email
