"""Reversible sealing of secrets and tokens with rotatable keys (MultiFernet)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(ValueError):
    """The text was not sealed by any of our keys, was altered, or is too old."""


@lru_cache(maxsize=16)
def _fernet(keys: tuple[str, ...], purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(_key(key.strip(), purpose)) for key in keys])


def _key(key: str, purpose: str) -> bytes:
    if not purpose:
        return key.encode()
    derived = HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(urlsafe_b64decode(key))
    return urlsafe_b64encode(derived)


def _current(purpose: str = "") -> MultiFernet:
    return _fernet(tuple(settings.ENCRYPTION_KEYS), purpose)


def seal(text: str, *, purpose: str = "") -> str:
    """Return ``text`` sealed with the newest key, as url-safe base64.

    What leaves the house is sealed for a ``purpose``: only `unseal` for the same one opens it, so that
    nothing which was given out as one thing is taken for another.
    """
    return _current(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, *, purpose: str = "", max_age: int | None = None) -> str:
    """Return the text again.

    Raises:
        Unreadable: altered, by an unknown key, for another purpose, or older than ``max_age`` seconds.
    """
    try:
        return _current(purpose).decrypt(sealed.encode(), ttl=max_age).decode()
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
