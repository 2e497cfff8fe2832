"""Reversible sealing of secrets and tokens with rotatable keys (MultiFernet)."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(ValueError):
    """The text was not sealed by any of our keys, was altered, or is too old."""


@lru_cache(maxsize=8)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.strip()) for key in keys])


def _current() -> MultiFernet:
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


def seal(text: str) -> str:
    """Return ``text`` sealed with the newest key, as url-safe base64."""
    return _current().encrypt(text.encode()).decode()


def unseal(sealed: str, *, max_age: int | None = None) -> str:
    """Return the text again.

    Raises:
        Unreadable: altered, sealed by an unknown key, or older than ``max_age`` seconds.
    """
    try:
        return _current().decrypt(sealed.encode(), ttl=max_age).decode()
    except (InvalidToken, UnicodeError) as error:
        raise Unreadable from error


def reseal(sealed: str) -> str:
    """Return the same secret sealed with the newest key."""
    try:
        return _current().rotate(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def digest(secret: str) -> bytes:
    """Return the HMAC-SHA256 (32 bytes) by which a secret is found again; the pepper never rotates."""
    return hmac.new(settings.TOKEN_PEPPER.encode(), secret.encode(), hashlib.sha256).digest()
