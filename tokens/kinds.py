"""The kinds of credential: what each looks like, whom it belongs to, and whether it may be shown again."""

from __future__ import annotations

import secrets
import string
import time
import zlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import TextChoices

if TYPE_CHECKING:
    from collections.abc import Callable

UPPER = string.ascii_uppercase + string.digits
ALPHANUMERIC = string.ascii_letters + string.digits
HEXADECIMAL = string.digits + "abcdef"
LOWER = string.digits + string.ascii_lowercase
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
OWN_PREFIX = "mst_"
OWN_RANDOM, OWN_CHECK = 30, 6


class Kind(TextChoices):
    """What a credential is for."""

    OAUTH = "oauth", "API token"
    APP_SPECIFIC = "app_specific", "app-specific token"
    ROBOT = "robot", "robot token"
    ACCESS = "access", "access token"
    ACCOUNT = "account", "account API token"
    REPOSITORY = "repository", "repository API token"
    ORGANIZATION = "organization", "organization API token"
    PROJECT = "project", "project token"
    KEY = "key", "API key"


def _random(alphabet: str, length: int) -> Callable[[], str]:
    return lambda: "".join(secrets.choice(alphabet) for _ in range(length))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(OWN_CHECK):
        number, rest = divmod(number, len(BASE62))
        digits = BASE62[rest] + digits
    return digits


def _uuid7() -> UUID:
    now = time.time_ns() // 10**6
    return UUID(int=now << 80 | 7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62))


def _own() -> str:
    body = OWN_PREFIX + _random(BASE62, OWN_RANDOM)()
    return body + _checksum(body)


def _web_token(of: str, length: int) -> Callable[[], str]:
    """Return a maker of tokens that have the form of a JSON web token; nobody but us reads them."""

    def make() -> str:
        claims = f'{{"typ":"{of}","jti":""}}'
        filled = claims[:-2] + _random(BASE62, length - len(claims))() + claims[-2:]
        parts = (b'{"alg":"HS256"}', filled.encode(), secrets.token_bytes(32))
        return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)

    return make


def is_misprinted(secret: str) -> bool:
    """Tell whether a token of our own form is broken, without asking the database."""
    if not secret.startswith(OWN_PREFIX):
        return False
    body, check = secret[:-OWN_CHECK], secret[-OWN_CHECK:]
    return len(body) != len(OWN_PREFIX) + OWN_RANDOM or _checksum(body) != check


@dataclass(frozen=True)
class Form:
    """How a kind's secrets are made, and whether they are kept sealed to be shown again."""

    make: Callable[[], str]
    shown_again: bool


FORMS: dict[str, Form] = {
    Kind.OAUTH: Form(_random(ALPHANUMERIC, 40), shown_again=False),  # quay-a.md 3.1
    Kind.APP_SPECIFIC: Form(_random(UPPER, 120), shown_again=True),  # quay-a.md 6.5
    Kind.ROBOT: Form(_random(UPPER, 64), shown_again=True),  # quay-a.md 10
    Kind.ACCESS: Form(_own, shown_again=False),
    Kind.ACCOUNT: Form(_random(ALPHANUMERIC, 20), shown_again=False),  # codacy.md 2
    Kind.REPOSITORY: Form(_random(HEXADECIMAL, 32), shown_again=True),  # codacy.md 2, 6.3
    Kind.ORGANIZATION: Form(_web_token("organization", 70), shown_again=True),  # qodana.md 2, 5
    Kind.PROJECT: Form(_web_token("project", 70), shown_again=True),  # qodana.md 4.1: 159 characters
    Kind.KEY: Form(lambda: f"flex_{_uuid7().hex}{_random(LOWER, 32)()}", shown_again=False),  # flexstack.md 2
}

# Whom a kind's credentials can belong to; what is needed of the owner comes with the credential.
OWNERS: dict[str, tuple[str, ...]] = {
    Kind.OAUTH: ("user",),
    Kind.APP_SPECIFIC: ("user",),
    Kind.ROBOT: ("robot",),
    Kind.ACCESS: ("user",),
    Kind.ACCOUNT: ("user",),
    Kind.REPOSITORY: ("project",),
    Kind.ORGANIZATION: ("organization",),
    Kind.PROJECT: ("project",),
    Kind.KEY: ("user", "organization"),
}

new_client_id = _random(UPPER, 20)
new_client_secret = _random(UPPER, 40)
new_password = _random(UPPER, 32)
