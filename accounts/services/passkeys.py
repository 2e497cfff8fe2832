"""Passkeys (WebAuthn): added, renamed, removed, and used as second factor or in place of a password."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from fido2.rpid import verify_rp_id
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.models import Passkey, User
from accounts.services.factors import (
    begin_second_factor,
    forget_codes_without_use,
    guarded,
    has_second_factor,
    herself,
)
from accounts.services.security_mails import tell_owner
from core import seal
from core.db import hold, insert, update
from core.errors import BadCredentials, Conflict, Invalid, NotFound
from core.words import say
from logs.kinds import USER_ADD_PASSKEY, USER_REMOVE_PASSKEY, USER_RENAME_PASSKEY
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE
from permissions.checks import named_superuser, require

if TYPE_CHECKING:
    from core.actor import Actor

State = dict[str, Any]  # what a challenge was made with; the door keeps it, for one answer
PASSKEYS_MAX = 20
ANSWER_MAX = 20_000  # characters
REFUSED = say("This passkey was not accepted. Try again")
# What an answer that somebody made up can raise on its way through the library.
MADE_UP = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    RecursionError,
    struct.error,
)


def _server(host: str) -> Fido2Server:
    def is_ours(origin: str) -> bool:
        return verify_rp_id(host, origin) and urlsplit(origin).hostname == host

    entity = PublicKeyCredentialRpEntity(id=host, name="Muster")
    return Fido2Server(entity, verify_origin=is_ours)


def _keys(user: User, host: str) -> list[AttestedCredentialData]:
    kept = Passkey.objects.filter(user=user, host=host).values_list("credential", flat=True)
    return [AttestedCredentialData(bytes(one)) for one in kept]


# Having them ---------------------------------------------------------------------------------------------


def offer_passkey(*, actor: Actor, host: str) -> tuple[dict[str, Any], State]:
    """Return what a browser makes a new passkey with, and the state that its answer is checked against."""
    require(actor, ACCOUNT_CHANGE)
    user = actor.user
    if user is None:
        raise NotFound("Only people have passkeys")
    options, state = _server(host).register_begin(
        PublicKeyCredentialUserEntity(
            id=seal.digest(f"passkey:{user.pk}"), name=user.username, display_name=user.name or user.username
        ),
        _keys(user, host),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return dict(options["publicKey"]), state


@transaction.atomic
def add_passkey(*, actor: Actor, host: str, state: State, answer: str, name: str) -> list[str]:
    """Keep a new passkey; return new recovery codes if it is her first second factor.

    Raises:
        FreshLoginRequired: she signed in long ago.
        BadCredentials: the answer is not to this challenge, or made up.
        Conflict: it is known already, or she has twenty.
    """
    user = hold(herself(actor))
    try:
        data = _server(host).register_complete(state, RegistrationResponse.from_dict(_read(answer)))
    except MADE_UP as error:
        raise BadCredentials(REFUSED, field="passkey") from error
    if data.credential_data is None:
        raise BadCredentials(REFUSED, field="passkey")
    if Passkey.objects.filter(user=user).count() >= PASSKEYS_MAX:
        raise Conflict(say("You have {most} passkeys: remove one first", most=PASSKEYS_MAX))
    is_first = not has_second_factor(user=user)
    passkey = Passkey(
        user=user,
        name=name.strip() or "Passkey",
        host=host,
        credential_id=data.credential_data.credential_id,
        credential=bytes(data.credential_data),
        sign_count=data.counter,
        is_verifying=data.is_user_verified(),
    )
    insert(passkey, taken=say("This passkey is known already"))
    record(USER_ADD_PASSKEY, actor=actor, namespace=user.namespace, name=passkey.name)
    tell_owner(actor=actor, user=user, event="passkey_added", detail=passkey.name)
    return begin_second_factor(actor, user) if is_first else []


@transaction.atomic
def rename_passkey(*, actor: Actor, uuid: str, name: str) -> Passkey:
    """Call one of the acting person's passkeys otherwise.

    Raises:
        NotFound: she has no such passkey.
        Invalid: the name is empty or too long.
    """
    require(actor, ACCOUNT_CHANGE)
    passkey = _own(actor, uuid)
    old, passkey.name = passkey.name, name.strip()
    if not passkey.name:
        raise Invalid("A passkey has a name", field="name")
    update(passkey, "name")
    told = {"name": passkey.name, "old_name": old}
    record(USER_RENAME_PASSKEY, actor=actor, namespace=passkey.user.namespace, metadata=told)
    return passkey


@transaction.atomic
def remove_passkey(*, actor: Actor, uuid: str) -> Passkey:
    """Forget one of the acting person's passkeys; recovery codes go with the last second factor.

    Raises:
        FreshLoginRequired: she signed in long ago.
        NotFound: she has no such passkey.
    """
    user = hold(herself(actor))
    passkey = _own(actor, uuid)
    Passkey.objects.filter(pk=passkey.pk).delete()
    record(USER_REMOVE_PASSKEY, actor=actor, namespace=user.namespace, name=passkey.name)
    tell_owner(actor=actor, user=user, event="passkey_removed", detail=passkey.name)
    forget_codes_without_use(user)
    return passkey


def _own(actor: Actor, uuid: str) -> Passkey:
    try:
        found = Passkey.objects.select_related("user__namespace").filter(user=actor.user, uuid=uuid).first()
    except (ValueError, TypeError, ValidationError):
        found = None
    if found is None:
        raise NotFound("There is no such passkey")
    return found


# Using them ----------------------------------------------------------------------------------------------


def ask_for_passkey(*, host: str, user: User | None = None) -> tuple[dict[str, Any], State]:
    """Return what a browser answers with a passkey, and the state that its answer is checked against.

    Of a person it may be any passkey of hers; else one that asks for a finger or a PIN and tells whose it is.
    """
    options, state = _server(host).authenticate_begin(
        _keys(user, host) if user is not None else None,
        user_verification=(
            UserVerificationRequirement.PREFERRED
            if user is not None
            else UserVerificationRequirement.REQUIRED
        ),
    )
    return dict(options["publicKey"]), state


def use_passkey(*, actor: Actor, user: User, host: str, state: State, answer: str) -> str:
    """Check that a person answered with a passkey of hers; return ``passkey``, as the log calls it.

    Raises:
        BadCredentials: she did not.
        TooManyRequests: as `use_code`.
    """
    return guarded(actor, user, lambda: "passkey" if _is_hers(user, host, state, answer) else "")


def owner_of_answer(*, host: str, answer: str) -> User | None:
    """Return whose passkey an answer claims to come from; nothing is checked so far."""
    try:
        claimed = AuthenticationResponse.from_dict(_read(answer)).raw_id
    except MADE_UP:
        return None
    found = (
        Passkey.objects.select_related("user__namespace")
        .filter(credential_id=claimed, host=host, user__deleted_at=None, user__is_active=True)
        .first()
    )
    return found.user if found is not None else None


def stands_alone(state: State) -> bool:
    """Tell whether a challenge asked for a finger or a PIN, so that its answer stands for a password, too."""
    return state.get("user_verification") == UserVerificationRequirement.REQUIRED


def opens_without_password(user: User) -> bool:
    """Tell whether a passkey signs a person in by itself: where directories check people, they are asked."""
    return settings.AUTHENTICATION == "Database" or (named_superuser(user) and user.has_usable_password())


def _is_hers(user: User, host: str, state: State, answer: str) -> bool:
    try:
        response = AuthenticationResponse.from_dict(_read(answer))
        used = _server(host).authenticate_complete(state, _keys(user, host), response)
    except MADE_UP:
        return False
    count = response.response.authenticator_data.counter
    # A counter that does not grow is a copied key's; keys that do not count say 0 for ever.
    grows = Q(sign_count__lt=count) | (Q(sign_count=0) if count == 0 else Q(pk__in=[]))
    kept = Passkey.objects.filter(grows, user=user, credential_id=used.credential_id)
    return bool(kept.update(sign_count=count, used_at=timezone.now()))


def challenge_of(answer: str) -> str:
    """Return the challenge that an answer says it answers, so that the door finds its state."""
    try:
        sent = _read(answer)["response"]["clientDataJSON"]
        return str(json.loads(websafe_decode(sent))["challenge"])
    except MADE_UP:
        return ""


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > ANSWER_MAX:
        raise ValueError("too long")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found
