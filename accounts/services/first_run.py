"""The very first visit to an empty instance: whoever holds the printed secret becomes its first superuser."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from accounts.services.users import initialize, nobody_is_here
from core import seal
from core.errors import Conflict, Invalid

if TYPE_CHECKING:
    from accounts.models import User
    from core.actor import Actor


def _kept_in() -> Path:
    return Path(settings.KEY_DIR) / "first_run"


def offer_first_run() -> str:
    """Return a new one-time secret for `set_up`, to be printed; an older one is void.

    Only its digest is kept, beside the instance's keys.
    """
    path, secret = _kept_in(), secrets.token_urlsafe(18)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(seal.digest(secret))
    draft.replace(path)
    return secret


def _end() -> None:
    _kept_in().unlink(missing_ok=True)


def first_run_is_open() -> bool:
    """Tell whether the instance is empty and waits for somebody with the secret."""
    return _kept_in().exists() and nobody_is_here()


def _is_right(secret: str) -> bool:
    try:
        expected = _kept_in().read_bytes()
    except FileNotFoundError:
        expected = b""
    return hmac.compare_digest(seal.digest(secret.strip()), expected)


@transaction.atomic
def set_up(*, actor: Actor, secret: str, username: str, password: str, email: str = "") -> User:
    """Create the first user, a superuser, for who knows the printed secret; the secret is void then.

    Raises:
        Conflict: the instance already has a user.
        Invalid: the secret is wrong, or the name, the address or the password breaks its rule.
    """
    if not nobody_is_here():
        raise Conflict("This instance is set up already")
    if not _is_right(secret):
        raise Invalid("This is not the secret that was printed at the start", field="secret")
    user = initialize(actor=actor, username=username, password=password, email=email, superuser=True)
    transaction.on_commit(_end)
    return user
