"""People whom a directory or an identity provider knows: recognized, made, linked, and asked about again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import directory, provider
from accounts.models import Identity, IdentityGroup, Team, User
from accounts.services import names
from accounts.services.rules import check_email_rule
from accounts.services.security_mails import tell_owner
from accounts.services.users import make_user, set_superuser
from core.actor import Actor
from core.bell import ring_by_name
from core.db import hold, insert, update
from core.errors import BadCredentials, Conflict, Invalid, Unauthenticated, Unreachable
from core.names import fold, free_slug
from core.seal import Unreadable, seal, unseal
from core.words import say
from logs.kinds import LINK_IDENTITY, LOGIN_SUCCESS, UNLINK_IDENTITY, USER_CREATE
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE, USER_MANAGE
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

LDAP, OIDC = Identity.Service.LDAP, Identity.Service.OIDC
TRIES = 5
NOT_HERE = say("Nobody here is linked to this account of the identity provider")
DISABLED = say("This account is disabled")


# Signing in ----------------------------------------------------------------------------------------------


def enter_by_directory(*, actor: Actor, login: str, password: str) -> User | None:
    """Return the person whose name and password the directory confirms, made if she comes for the first time.

    Not one transaction: the directory is asked before. None: it does not confirm them, or she is disabled.

    Raises:
        Unreachable: the directory is down.
    """
    entry = directory.sign_in(login, password)
    if entry is None:
        return None
    seen = Identity(service=LDAP, subject=entry.subject, login=entry.login, place=entry.place)
    user = _recognize(actor, seen, email=entry.email, name=entry.name)
    return user if user.is_active else None


def enter_by_provider(*, actor: Actor, visitor: provider.Visitor) -> User:
    """Return who came back from the identity provider, made if she comes for the first time, and log it.

    Not one transaction: a race of two first sign-ins ends in one person. Who she is depends on the provider's
    subject alone: no name and no e-mail address, proven or not, leads to somebody who is here already.

    Raises:
        BadCredentials: she is disabled; or nobody is linked, and strangers are not let in.
    """
    seen = Identity(service=OIDC, issuer=settings.OIDC_ISSUER, subject=visitor.subject, login=visitor.login)
    user = _recognize(actor, seen, email=visitor.email, name=visitor.name)
    if not user.is_active:
        raise BadCredentials(DISABLED)
    with transaction.atomic():
        _note_groups(_same(seen).get(), visitor)
        told = {"type": "oidc", "useragent": actor.user_agent}
        record(
            LOGIN_SUCCESS, actor=replace(actor, user=user, memo={}), namespace=user.namespace, metadata=told
        )
    # Her groups may have ended the sessions that she had: the one that begins now is to go on.
    user.refresh_from_db(fields=["session_epoch"])
    return user


def _same(seen: Identity) -> QuerySet[Identity]:
    found = Identity.objects.filter(service=seen.service, issuer=seen.issuer, subject=seen.subject)
    return found.select_related("user__namespace")


def _recognize(actor: Actor, seen: Identity, *, email: str, name: str) -> User:
    known = _same(seen).first()
    for _ in range(TRIES):
        if known is not None:
            break
        try:
            known = _first_time(actor, seen, email=email, name=name)
        except Conflict:
            # The same person, a moment ago, in another window; or another of that name.
            known = _same(seen).first()
    if known is None:
        raise Unreachable("Too many people come at once")
    changes = {"login": seen.login, "place": seen.place, "used_at": timezone.now()}
    Identity.objects.filter(pk=known.pk).update(**changes)
    return known.user


@transaction.atomic
def _first_time(actor: Actor, seen: Identity, *, email: str, name: str) -> Identity:
    if settings.AUTHENTICATION == "Database" and not settings.USER_CREATION:
        raise BadCredentials(NOT_HERE)
    user = make_user(
        username=free_slug(seen.login or seen.subject, lambda slug: _is_not_hers(slug, seen)),
        email=_free_address(email),
        password=None,
        name=name,
    )
    by = replace(actor, user=user, memo={})
    record(USER_CREATE, actor=by, namespace=user.namespace, username=user.username, email=user.email)
    seen.user = user
    seen.pk = None
    return insert(seen, taken=say("This account is linked already"))


def _is_not_hers(slug: str, seen: Identity) -> bool:
    """Tell whether a name is taken, or is one that the instance gives rights to and that only resembles hers.

    A directory's names are the operator's to give; what a provider calls people may be their own choice.
    """
    if slug in settings.SUPERUSERS | settings.READONLY_SUPERUSERS and not (
        seen.service == LDAP and slug == fold(seen.login)
    ):
        return True
    return names.is_taken(slug)


def _free_address(email: str) -> str:
    """Return the address if it is one and nobody's here: an address never leads to another's account."""
    try:
        email = check_email_rule(email)
    except Invalid:
        return ""
    return "" if User.objects.filter(email__iexact=email, deleted_at=None).exists() else email


# Linking -------------------------------------------------------------------------------------------------


@transaction.atomic
def link_identity(*, actor: Actor, visitor: provider.Visitor) -> Identity:
    """Link the acting person, who has just come back from the provider, to her account there.

    Raises:
        Conflict: that account is linked already, to her or to somebody else; or she is to another one.
    """
    require(actor, ACCOUNT_CHANGE)
    if actor.user is None:
        raise Unauthenticated
    user = hold(actor.user)
    identity = Identity(
        user=user,
        service=OIDC,
        issuer=settings.OIDC_ISSUER,
        subject=visitor.subject,
        login=visitor.login,
        used_at=timezone.now(),
    )
    insert(identity, taken=say("This account of the provider, or yours here, is linked already"))
    _note_groups(identity, visitor)
    told = {"service": OIDC.value, "service_identifier": visitor.subject}
    record(LINK_IDENTITY, actor=actor, namespace=actor.user.namespace, metadata=told)
    tell_owner(actor=actor, user=user, event="linked", detail=_called(identity))
    return identity


@transaction.atomic
def unlink_identity(*, actor: Actor, user: User, service: str) -> None:
    """Let a person no longer sign in by a directory or a provider; her groups there count no more.

    Raises:
        Forbidden: neither herself nor a superuser acts.
        Conflict: she has no password to sign in by instead.
    """
    own = actor.user is not None and actor.user.pk == user.pk
    require(actor, ACCOUNT_CHANGE if own else USER_MANAGE, user if own else None)
    if own and not user.has_usable_password():
        raise Conflict("Set a password first: there would be no way to sign in")
    for identity in Identity.objects.filter(user=user, service=service):
        _resync(set(identity.groups.values_list("name", flat=True)))
        if identity.gave_superuser and user.is_superuser:
            set_superuser(actor=Actor.of_system("oidc"), user=user, superuser=False)
        identity.delete()
        told = {"service": identity.service, "service_identifier": identity.subject}
        record(UNLINK_IDENTITY, actor=actor, namespace=user.namespace, metadata=told)
        if identity.service == OIDC:
            tell_owner(actor=actor, user=user, event="unlinked", detail=_called(identity))


def _called(identity: Identity) -> str:
    """Return what people call the provider of an identity."""
    is_ours = identity.issuer == settings.OIDC_ISSUER
    return (is_ours and settings.OIDC_NAME) or urlsplit(identity.issuer).hostname or identity.issuer


# Groups --------------------------------------------------------------------------------------------------


def _note_groups(identity: Identity, visitor: provider.Visitor) -> None:
    """Keep what the provider said of a person's groups; teams that mirror a changed one are compared soon."""
    if visitor.refresh_token:
        identity.refresh_sealed = seal(visitor.refresh_token)
    identity.tried_at, identity.unanswered = timezone.now(), False
    update(identity, "refresh_sealed", "tried_at", "unanswered")
    if visitor.groups is None:
        return
    identity.groups_at = timezone.now()
    update(identity, "groups_at")
    before = set(identity.groups.values_list("name", flat=True))
    identity.groups.filter(name__in=before - visitor.groups).delete()
    IdentityGroup.objects.bulk_create(
        [IdentityGroup(identity=identity, name=name) for name in sorted(visitor.groups - before)],
        ignore_conflicts=True,
    )
    _resync(before ^ visitor.groups)
    _superuser_by_group(identity, settings.OIDC_SUPERUSER_GROUP in visitor.groups)


def _superuser_by_group(identity: Identity, is_in: bool) -> None:
    """Make a person a superuser, or end what made her one, by her group at the provider (cisense.md 2).

    What an operator gave by hand, a group does not take.
    """
    user = identity.user
    if not settings.OIDC_SUPERUSER_GROUP or is_in == identity.gave_superuser or (is_in and user.is_superuser):
        return
    if user.is_superuser != is_in:
        set_superuser(actor=Actor.of_system("oidc"), user=user, superuser=is_in)
    identity.gave_superuser = is_in
    update(identity, "gave_superuser")


def _resync(groups: Iterable[str]) -> None:
    """Let teams that mirror these groups be compared with them at once."""
    changed = list(groups)
    if not settings.TEAM_SYNCING or not changed:
        return
    teams = Team.objects.filter(sync_service=OIDC, sync_config__group_name__in=changed)
    keys = list(teams.values_list("pk", flat=True))
    Team.objects.filter(pk__in=keys).update(sync_tried_at=None)
    for key in keys:
        ring_by_name("accounts.sync_team", key)


def identities_to_refresh(*, limit: int) -> list[int]:
    """Return whom the provider is to be asked about, by keys; who waited longest comes first."""
    due = Identity.objects.filter(_due()).order_by(F("tried_at").asc(nulls_first=True), "pk")
    return list(due.values_list("pk", flat=True)[:limit])


def _due() -> Q:
    if not settings.TEAM_SYNCING or settings.AUTHENTICATION != "OIDC":
        return Q(pk__in=[])
    before = timezone.now() - timedelta(seconds=settings.TEAM_SYNC_SECONDS)
    waited = Q(tried_at=None) | Q(tried_at__lte=before)
    mine = Q(service=OIDC, issuer=settings.OIDC_ISSUER, user__deleted_at=None)
    return waited & mine & ~Q(refresh_sealed="")


def refresh_identity(*, actor: Actor, identity_id: int) -> None:
    """Ask the provider again for one person's groups, if it is her turn and no other worker has her.

    Not one transaction: a refresh token may work only once, so that the claim comes before the call.
    """
    require(actor, USER_MANAGE)
    claim = timezone.now()
    if not Identity.objects.filter(_due(), pk=identity_id).update(tried_at=claim):
        return
    identity = Identity.objects.get(pk=identity_id)
    try:
        token = unseal(identity.refresh_sealed)
        visitor = provider.refresh(refresh_token=token, subject=identity.subject)
    except (Unreachable, BadCredentials):
        _mine(identity, claim).update(unanswered=True)
        return
    except (provider.Withdrawn, Unreadable):
        # What was said last counts for a while yet: she may only have to sign in again.
        _mine(identity, claim).update(refresh_sealed="", unanswered=False)
        return
    with transaction.atomic():
        # Held, so that a sign-in at this moment comes before or after; its token is the newer one.
        held = _mine(identity, claim).select_for_update(no_key=True).first()
        if held is not None:
            _note_groups(held, visitor)


def _mine(identity: Identity, claim: datetime) -> QuerySet[Identity]:
    return Identity.objects.filter(pk=identity.pk, tried_at=claim, refresh_sealed=identity.refresh_sealed)


# Tokens --------------------------------------------------------------------------------------------------


def authenticate_web_token(secret: str) -> Actor:
    """Return who stands behind a JSON web token of the provider's; it counts like a sign-in (quay-a.md 3.1).

    Raises:
        Unauthenticated: no provider, a token that is not good, or of nobody who is linked and enabled.
    """
    if not settings.OIDC_ISSUER:
        raise Unauthenticated("Unknown token")
    try:
        subject = provider.subject_of(secret)
    except (BadCredentials, Unreachable) as error:
        raise Unauthenticated(error.message) from error
    known = _same(Identity(service=OIDC, issuer=settings.OIDC_ISSUER, subject=subject)).first()
    if known is None or not known.user.is_active or known.user.deleted_at is not None:
        raise Unauthenticated("Unknown token")
    return Actor(user=known.user, signed_in_at=timezone.now())
