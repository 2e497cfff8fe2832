"""What both references need to make a token: the same few lines for each."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import string
from dataclasses import dataclass

from cryptography.fernet import Fernet

PEPPER = os.environ.get("MUSTER_TOKEN_PEPPER", "").encode()
LETTERS = string.ascii_uppercase + string.digits


@dataclass
class Issued:
    """A secret that was just made, and what is kept of it."""

    secret: str
    digest: bytes
    sealed: str


def _seal() -> Fernet:
    return Fernet(os.environ["MUSTER_ENCRYPTION_KEYS"])


def issue() -> Issued:
    """Return a new secret of 64 letters that can be shown again."""
    secret = "".join(secrets.choice(LETTERS) for _ in range(64))
    digest = hmac.new(PEPPER, secret.encode(), hashlib.sha256).digest()
    return Issued(secret, digest, _seal().encrypt(secret.encode()).decode())


def reveal(sealed: str) -> str:
    """Return a secret again."""
    return _seal().decrypt(sealed.encode()).decode()
