"""Keys by which services prove what they are: made or registered, approved, changed, deleted."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import transaction
from django.utils import timezone

from core.db import hold, insert, update
from core.errors import Invalid, NotFound
from core.words import say
from logs.kinds import (
    SERVICE_KEY_APPROVE,
    SERVICE_KEY_CREATE,
    SERVICE_KEY_DELETE,
    SERVICE_KEY_EXTEND,
    SERVICE_KEY_MODIFY,
)
from logs.record import record
from permissions.catalogue import SERVICE_KEY_MANAGE
from permissions.checks import require
from tokens.models import ServiceKey

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor
    from logs.kinds import LogKind

BITS = 2048
BITS_MAX = 8192
EXPONENT = 65537
SERVICE_RULE = re.compile(r"[a-z0-9_]+", re.ASCII)
NAME_RULE = re.compile(r"[\s a-zA-Z0-9\-_:/]*", re.ASCII)


def create_service_key(
    *,
    actor: Actor,
    service: str,
    expires_at: datetime | None,
    name: str = "",
    metadata: dict[str, Any] | None = None,
    notes: str = "",
) -> tuple[ServiceKey, str]:
    """Make a key that is approved at once; return it and the private half as PEM, which is kept nowhere.

    Raises:
        Forbidden: only superusers.
        Invalid: the service's or the key's name breaks its rule, or the key would have expired already.
    """
    require(actor, SERVICE_KEY_MANAGE)
    check_key_rules(service=service, name=name, expires_at=expires_at)
    # Outside of the transaction: it takes a while, and nothing waits for it.
    private = rsa.generate_private_key(public_exponent=EXPONENT, key_size=BITS)
    with transaction.atomic():
        key = _insert(private.public_key(), service, name, expires_at, metadata or {})
        _record(SERVICE_KEY_CREATE, actor, key, preshared=True, auto_approved=True)
        _approve(actor, key, notes)
        _record(SERVICE_KEY_APPROVE, actor, key, preshared=True, auto_approved=True)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return key, pem.decode()


@transaction.atomic
def register_service_key(
    *,
    actor: Actor,
    public_key: str,
    service: str,
    name: str = "",
    expires_at: datetime | None = None,
    metadata: dict[str, Any] | None = None,
    approve: bool = False,
) -> ServiceKey:
    """Register the public half (PEM) of a key that a service made itself; it counts once it is approved.

    Raises:
        Forbidden: only superusers, and the command line.
        Invalid: it is no public RSA key of 2048 to 8192 bits, or as `create_service_key`.
        Conflict: the key is registered already.
    """
    require(actor, SERVICE_KEY_MANAGE)
    check_key_rules(service=service, name=name, expires_at=expires_at)
    key = _insert(_read(public_key), service, name, expires_at, metadata or {})
    _record(SERVICE_KEY_CREATE, actor, key, preshared=False, auto_approved=approve)
    if approve:
        _approve(actor, key)
        _record(SERVICE_KEY_APPROVE, actor, key)
    return key


@transaction.atomic
def approve_service_key(*, actor: Actor, key: ServiceKey, notes: str = "") -> ServiceKey:
    """Let a key count from now on. One that is approved already stays as it is, and nothing is told.

    Raises:
        Forbidden: only superusers.
        NotFound: somebody else deleted it just now.
    """
    require(actor, SERVICE_KEY_MANAGE)
    key = hold(key, gone=say("There is no such key"))
    if not key.approval:
        _approve(actor, key, notes)
        _record(SERVICE_KEY_APPROVE, actor, key)
    return key


@transaction.atomic
def change_service_key(*, actor: Actor, key: ServiceKey, changes: dict[str, Any]) -> ServiceKey:
    """Change a key: ``changes`` may hold name, metadata (added to what is there) and expires_at (or None).

    Raises:
        Forbidden: only superusers.
        Invalid: the name breaks its rule, or the key would have expired already.
        NotFound: somebody else deleted it just now.
    """
    require(actor, SERVICE_KEY_MANAGE)
    key = hold(key, gone=say("There is no such key"))
    check_key_rules(name=changes.get("name", ""), expires_at=changes.get("expires_at"))
    if "expires_at" in changes:
        before, key.expires_at = key.expires_at, changes["expires_at"]
        update(key, "expires_at")
        _record(SERVICE_KEY_EXTEND, actor, key, old_expiration_date=_seconds(before))
    if "name" in changes or "metadata" in changes:
        key.name = changes.get("name", key.name)
        key.metadata = {**key.metadata, **changes.get("metadata", {})}
        update(key, "name", "metadata")
        _record(SERVICE_KEY_MODIFY, actor, key)
    return key


@transaction.atomic
def delete_service_key(*, actor: Actor, key: ServiceKey) -> None:
    """Delete a key, at once and for good.

    Raises:
        Forbidden: only superusers.
        NotFound: somebody else deleted it just now.
    """
    require(actor, SERVICE_KEY_MANAGE)
    gone, _ = ServiceKey.objects.filter(pk=key.pk).delete()
    if not gone:
        raise NotFound("There is no such key")
    _record(SERVICE_KEY_DELETE, actor, key, created_date=_seconds(key.created_at))


def check_key_rules(
    *, service: str | None = None, name: str = "", expires_at: datetime | None = None
) -> None:
    """Raise Invalid for what a key may not be called, and for one that would have expired already."""
    if service is not None and not (len(service) <= 255 and SERVICE_RULE.fullmatch(service)):
        raise Invalid(
            "A service's name is made of lower-case letters, digits and underscores", field="service"
        )
    if len(name) > 255 or not NAME_RULE.fullmatch(name):
        raise Invalid("A key's name is made of letters, digits, spaces and any of - _ : /", field="name")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The expiration lies in the past", field="expiration")


def public_pem(key: ServiceKey) -> str:
    """Return the public half as PEM."""
    numbers = rsa.RSAPublicNumbers(e=_whole(key.jwk["e"]), n=_whole(key.jwk["n"]))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return numbers.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _read(pem: str) -> rsa.RSAPublicKey:
    try:
        found = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("This is no public key in PEM form", field="public_key") from error
    if not isinstance(found, rsa.RSAPublicKey) or not BITS <= found.key_size <= BITS_MAX:
        raise Invalid(
            say("A service's key is an RSA key of {least} to {most} bits", least=BITS, most=BITS_MAX),
            field="public_key",
        )
    return found


def _insert(
    public: rsa.RSAPublicKey, service: str, name: str, expires_at: datetime | None, metadata: dict[str, Any]
) -> ServiceKey:
    numbers = public.public_numbers()
    # What RFC 7638 takes the digest of: the members that every RSA key has, by name, without white space.
    needed = {"e": _base64(numbers.e), "kty": "RSA", "n": _base64(numbers.n)}
    canonical = json.dumps(needed, sort_keys=True, separators=(",", ":")).encode()
    kid = urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    key = ServiceKey(
        kid=kid,
        service=service,
        name=name,
        jwk={**needed, "kid": kid},
        metadata=metadata,
        expires_at=expires_at,
    )
    return insert(key, taken=say("This key is registered already"))


def _approve(actor: Actor, key: ServiceKey, notes: str = "") -> None:
    key.approval = ServiceKey.Approval.SUPERUSER if actor.user else ServiceKey.Approval.AUTOMATIC
    key.approved_at, key.approved_by, key.approval_notes = timezone.now(), actor.user, notes
    ServiceKey.objects.filter(pk=key.pk).update(
        approval=key.approval,
        approved_at=key.approved_at,
        approved_by=actor.user,
        approval_notes=notes,
    )


def _record(kind: LogKind, actor: Actor, key: ServiceKey, **more: Any) -> None:
    # Of the instance, and so in nobody's own log.
    record(
        kind,
        actor=actor,
        kid=key.kid,
        service=key.service,
        name=key.name,
        expiration_date=_seconds(key.expires_at),
        **more,
    )


def _seconds(when: datetime | None) -> int | None:
    return int(when.timestamp()) if when is not None else None


def _base64(number: int) -> str:
    octets = number.to_bytes((number.bit_length() + 7) // 8)
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _whole(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
