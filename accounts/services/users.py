"""People: made, changed, disabled, deleted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import tasks
from accounts.models import Account, Membership, Namespace, Organization, User
from accounts.services import names
from accounts.services.guards import hand_over_accounts, keep_an_administrator, lock
from accounts.services.links import (
    ask_for_proof,
    end_links_of_old_password,
    forget_proofs,
    verification_is_on,
)
from accounts.services.rules import check_email_rule, check_password_rule
from accounts.services.security_mails import tell_owner
from core.bell import ring
from core.db import hold, insert, one_at_a_time, update
from core.errors import Conflict, Forbidden, Invalid, Unauthenticated
from core.names import fold
from core.words import say
from logs.kinds import (
    ACCOUNT_CHANGE_PASSWORD,
    USER_CHANGE_EMAIL,
    USER_CHANGE_INVOICING,
    USER_CHANGE_LANGUAGE,
    USER_CHANGE_METADATA,
    USER_CHANGE_PASSWORD,
    USER_CHANGE_TAG_EXPIRATION,
    USER_CREATE,
    USER_DELETE,
    USER_DISABLE,
    USER_ENABLE,
    USER_GRANT_SUPERUSER,
    USER_REVOKE_SUPERUSER,
)
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE, ACCOUNT_DELETE, USER_MANAGE
from permissions.checks import named_superuser, require
from quotas import services as quotas
from quotas.models import Quota, Resource
from tokens import services as tokens

if TYPE_CHECKING:
    from core.actor import Actor

PROFILE = ("name", "given_name", "family_name", "company", "location")


def make_user(*, username: str, email: str, password: str | None, name: str = "", **flags: bool) -> User:
    """Create a person with her namespace and account.

    A building block: the caller has checked the right and writes the log. Raises as `create_user`.
    """
    email = check_email_rule(email)
    if password is not None:
        check_password_rule(password)
    namespace = names.take(username, Namespace.Kind.USER)
    user = User(namespace=namespace, username=namespace.name, email=email, name=name, **flags)
    user.set_password(password)
    insert(user, taken=say("The e-mail address is already in use"))
    Account.objects.create(kind=Account.Kind.PERSONAL, name=namespace.name, user=user)
    quotas.open_for(namespace=namespace)
    return user


def add_people(people: list[tuple[str, str]]) -> list[User]:
    """Create many people at once: (user name, display name), all that `create_user` makes of one.

    They have no address and no password. A building block for imports: the caller has checked the right and
    the names, and writes the log.
    """
    kind = Namespace.Kind.USER
    namespaces = Namespace.objects.bulk_create(
        Namespace(name=username, key=username, kind=kind) for username, _ in people
    )
    users = User.objects.bulk_create(
        User(namespace=namespace, username=namespace.name, name=name, password=make_password(None))
        for namespace, (_, name) in zip(namespaces, people, strict=True)
    )
    Account.objects.bulk_create(
        Account(kind=Account.Kind.PERSONAL, name=user.username, user=user) for user in users
    )
    Quota.objects.bulk_create(quota for one in namespaces for quota in quotas.drafts(namespace=one))
    return users


@transaction.atomic
def create_user(
    *,
    actor: Actor,
    username: str,
    email: str = "",
    password: str | None = None,
    name: str = "",
    superuser: bool = False,
) -> User:
    """Create a person, with her namespace and personal account; without a password she cannot sign in by one.

    Raises:
        Forbidden: only superusers create people.
        Invalid: the name, the address or the password breaks its rule.
        Conflict: the name or the address is taken.
    """
    require(actor, USER_MANAGE)
    user = make_user(username=username, email=email, password=password, name=name, is_superuser=superuser)
    record(
        USER_CREATE,
        actor=actor,
        namespace=user.namespace,
        username=user.username,
        email=user.email,
        superuser=actor.user.username if actor.user else "system",
    )
    return user


@transaction.atomic
def sign_up(*, actor: Actor, username: str, password: str, email: str = "") -> User:
    """Create the caller's own account, where the instance lets anyone do so.

    Where addresses are verified she is mailed a link, and may not sign in before she has followed it.

    Raises:
        Forbidden: sign-up is off.
        Invalid, Conflict: as `create_user`; names that the instance gives rights to are taken.
    """
    if not settings.USER_CREATION or settings.AUTHENTICATION != "Database":
        raise Forbidden("This instance does not let people sign up")
    email = check_email_rule(email, needed=verification_is_on())
    # Where addresses count, what somebody types is not yet hers.
    user = make_own(
        actor=actor, username=username, email=email, password=password, is_verified=not settings.MAILING
    )
    if verification_is_on():
        ask_for_proof(actor=actor, user=user, email=user.email)
    return user


def make_own(
    *, actor: Actor, username: str, email: str, password: str, is_verified: bool, name: str = ""
) -> User:
    """Create the caller's own account, and tell the log.

    A building block: the caller has made sure that she may have one. Raises as `sign_up`.
    """
    if fold(username) in settings.SUPERUSERS | settings.READONLY_SUPERUSERS:
        # The instance names them beforehand; such a name is for whom a superuser gives it to.
        raise Conflict(say("The username already exists: {key} is already taken", key=fold(username)))
    user = make_user(username=username, email=email, password=password, name=name, is_verified=is_verified)
    record(USER_CREATE, actor=actor, namespace=user.namespace, username=user.username, email=user.email)
    return user


@transaction.atomic
def initialize(
    *, actor: Actor, username: str, password: str, email: str = "", superuser: bool = False
) -> User:
    """Create the very first user, while there is none (quay-a.md 3.3).

    The Quay wire makes no superuser; the console's first-run page does, after it has seen its secret.

    Raises:
        Conflict: the instance already has a user.
        Invalid: the name, the address or the password breaks its rule.
    """
    one_at_a_time("first user")
    if not nobody_is_here():
        raise Conflict("The database is not empty: the first user exists already")
    user = make_user(username=username, email=email, password=password, is_superuser=superuser)
    record(USER_CREATE, actor=actor, namespace=user.namespace, username=user.username, email=user.email)
    return user


def nobody_is_here() -> bool:
    """Tell whether no namespace was ever taken."""
    return not Namespace.objects.exists()


@transaction.atomic
def change_user(
    *,
    actor: Actor,
    user: User,
    password: str | None = None,
    email: str | None = None,
    enabled: bool | None = None,
) -> User:
    """Change somebody's password, address or whether she may sign in (quay-a.md 11.1). None leaves as it is.

    Disabling ends her sessions and tokens' use at once; enabling lets the tokens work again.

    Raises:
        Forbidden: only superusers.
        Invalid: a value breaks its rule, or the person is a superuser herself.
        Conflict: the address is in use.
    """
    require(actor, USER_MANAGE)
    if not actor.system and named_superuser(user):
        raise Invalid("A superuser is not changed through another", field="username")
    by = actor.user.username if actor.user else "system"
    if password is not None:
        check_password_rule(password)
        user.set_password(password)
        update(user, "password")
        end_links_of_old_password(user=user)
        record(
            USER_CHANGE_PASSWORD, actor=actor, namespace=user.namespace, username=user.username, superuser=by
        )
    if email is not None:
        _change_email(actor, user, email, superuser=by)
    if enabled is not None and enabled != user.is_active:
        user.is_active = enabled
        update(user, "is_active")
        kind = USER_ENABLE if enabled else USER_DISABLE
        record(kind, actor=actor, namespace=user.namespace, username=user.username, superuser=by)
    return user


def _change_email(actor: Actor, user: User, email: str, **by: str) -> None:
    email = check_email_rule(email)
    if email == user.email:
        return
    old, user.email = user.email, email
    forget_proofs(user=user)
    update(user, "email", taken=say("The e-mail address is already in use"))
    told = {"email": email, "old_email": old, **by}
    record(USER_CHANGE_EMAIL, actor=actor, namespace=user.namespace, metadata=told)
    if old:
        tell_owner(actor=actor, user=user, event="email", detail=email or "nobody", email=old)


@transaction.atomic
def set_superuser(*, actor: Actor, user: User, superuser: bool) -> User:
    """Give or take the superuser flag that the database keeps (beside MUSTER_SUPERUSERS).

    Who is given it signs in anew.

    Raises:
        Forbidden: only superusers.
        Conflict: nobody would be a superuser any more; the command line may do even that.
    """
    require(actor, USER_MANAGE)
    if user.is_superuser != superuser:
        if not (superuser or actor.system or settings.SUPERUSERS):
            one_at_a_time("superusers")
            others = User.objects.filter(is_superuser=True, is_active=True, deleted_at=None)
            if not others.exclude(pk=user.pk).exists():
                raise Conflict("Nobody would be a superuser any more")
        user.is_superuser = superuser
        update(user, "is_superuser")
        if superuser:
            # Sessions that she began with less do not grow with her.
            User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
        kind = USER_GRANT_SUPERUSER if superuser else USER_REVOKE_SUPERUSER
        record(kind, actor=actor, namespace=user.namespace, username=user.username)
    return user


@transaction.atomic
def change_own_account(*, actor: Actor, changes: dict[str, Any]) -> User:
    """Change the acting person's own account (quay-a.md 6.4).

    ``changes`` may hold password, email, invoice_email, invoice_email_address, tag_expiration_s and the
    profile fields (name, given_name, family_name, company, location; null clears). All or nothing, but for an
    address that has to be proven first: it counts once she has followed the link that she is mailed.

    Raises:
        Invalid: a value breaks its rule.
        Conflict: the address is in use.
        TooManyRequests: too many links were mailed within the hour.
    """
    require(actor, ACCOUNT_CHANGE)
    user = actor.user
    if user is None:
        raise Unauthenticated
    if changes.get("password") is not None:
        if settings.AUTHENTICATION != "Database" and not user.has_usable_password():
            raise Invalid("Your password is kept elsewhere", field="password")
        check_password_rule(changes["password"])
        user.set_password(changes["password"])
        update(user, "password")
        end_links_of_old_password(user=user)
        record(ACCOUNT_CHANGE_PASSWORD, actor=actor, namespace=user.namespace)
        tell_owner(actor=actor, user=user, event="password")
    if changes.get("email") is not None:
        _change_own_email(actor, user, changes["email"])
    for field in ("invoice_email", "invoice_email_address"):
        # An empty address is none; the flag has no None.
        value = changes.get(field) or (False if field == "invoice_email" else None)
        if field in changes and value != getattr(user, field):
            setattr(user, field, value)
            update(user, field)
            record(USER_CHANGE_INVOICING, actor=actor, namespace=user.namespace, metadata={field: value})
    if changes.get("tag_expiration_s") is not None:
        check_tag_expiration(changes["tag_expiration_s"])
        user.tag_expiration_s = changes["tag_expiration_s"]
        update(user, "tag_expiration_s")
        record(
            USER_CHANGE_TAG_EXPIRATION,
            actor=actor,
            namespace=user.namespace,
            tag_expiration=user.tag_expiration_s,
        )
    profile = {field: changes[field] or "" for field in PROFILE if field in changes}
    if profile:
        for field, value in profile.items():
            setattr(user, field, value)
        update(user, *profile)
        record(USER_CHANGE_METADATA, actor=actor, namespace=user.namespace, metadata=profile)
    return user


def _change_own_email(actor: Actor, user: User, email: str) -> None:
    email, before = check_email_rule(email), user.email
    if email and email != before and verification_is_on():
        # Till she has proven the new one she keeps the old: who mistypes an address locks nobody out.
        if User.objects.filter(email__iexact=email, deleted_at=None).exclude(pk=user.pk).exists():
            raise Conflict("The e-mail address is already in use")
        ask_for_proof(actor=actor, user=user, email=email, or_say_so=True)
        return
    _change_email(actor, user, email)
    if settings.MAILING and user.email != before:
        user.is_verified = False
        update(user, "is_verified")


@transaction.atomic
def choose_language(*, actor: Actor, language: str) -> User:
    """Choose the language in which the acting person reads pages and mails; empty for what the browser asks.

    Raises:
        Invalid: the instance does not speak it.
    """
    require(actor, ACCOUNT_CHANGE)
    user = actor.user
    if user is None:
        raise Unauthenticated
    if language and language not in dict(settings.LANGUAGES):
        raise Invalid("This language is not offered here", field="language")
    if language != user.language:
        user.language = language
        update(user, "language")
        record(USER_CHANGE_LANGUAGE, actor=actor, namespace=user.namespace, language=language)
    return user


def check_tag_expiration(seconds: int) -> None:
    """Raise Invalid unless the instance offers this time for which old tags are kept."""
    if seconds not in settings.TAG_EXPIRATION_OPTIONS:
        raise Invalid("Unsupported tag expiration time", field="tag_expiration_s")


@transaction.atomic
def delete_user(*, actor: Actor, user: User, by_superuser: bool = False, hand_over: bool = True) -> None:
    """Delete a person: access ends now, her rows go in batches by a worker.

    Her tokens, her robots' and her projects' die in this transaction; the name is free at once.
    ``by_superuser`` stands for a door at which nobody deletes herself. Group accounts that she administers
    alone get another administrator out of their organizations, unless ``hand_over`` is off.

    Raises:
        Forbidden: neither herself nor a superuser acts.
        Invalid: she is a superuser and does not ask herself.
        Conflict: she is the only administrator of an organization, or of an account that is not handed over.
    """
    own = actor.user is not None and actor.user.pk == user.pk and not by_superuser
    require(actor, ACCOUNT_DELETE if own else USER_MANAGE, user if own else None)
    if not own and not actor.system and named_superuser(user):
        raise Invalid("A superuser is not deleted through another", field="username")
    superuser = "" if own or actor.user is None else actor.user.username
    namespace = user.namespace
    record(USER_DELETE, actor=actor, namespace=namespace, username=user.username, superuser=superuser)
    end_person(actor=actor, user=user, hand_over=hand_over)


def end_person(*, actor: Actor, user: User, keep_namespace: bool = False, hand_over: bool = True) -> None:
    """End a person's access now and leave her rows to a worker; the namespace dies with her unless kept.

    A building block: the caller has checked the right and writes the log. Raises Conflict as `delete_user`.
    """
    hold(user, gone=say("Unknown user {username}", username=user.username))
    hand_over_accounts(actor=actor, user=user, heirs=hand_over)
    mine = Organization.objects.filter(memberships__user=user, deleted_at=None).order_by("pk")
    _leave(lock(mine), user)
    user.grants.all().delete()
    user.identities.all().delete()
    if keep_namespace:
        # She goes with a tombstone of her own; what the worker purges with it is nothing.
        name, now = user.namespace.name, timezone.now()
        tokens.end_all(Q(user=user))
        user.namespace = Namespace.objects.create(
            name=name, key=name, kind=Namespace.Kind.USER, deleted_at=now
        )
        user.save(update_fields=["namespace"])
    else:
        quotas.close(namespace=user.namespace)
        tokens.end_of_namespace(user.namespace)
        names.bury(user.namespace)
    User.objects.filter(pk=user.pk).update(
        is_active=False,
        deleted_at=timezone.now(),
        username=f"~{user.pk}",
        email="",
        session_epoch=F("session_epoch") + 1,
    )
    actor.forget()
    ring(tasks.purge_user, user.pk)


def _leave(organizations: list[Organization], user: User) -> None:
    left: Counter[int] = Counter()
    for organization in organizations:
        gone, _ = Membership.objects.filter(organization=organization, user=user).delete()
        user.team_members.filter(team__organization=organization).delete()
        keep_an_administrator(organization)
        quotas.release(resource=Resource.MEMBERS, namespace=organization.namespace, amount=gone)
        left[organization.account_id] += gone
    # Accounts come after all namespaces, for those who wait for their counting rows.
    for account_id, gone in sorted(left.items()):
        quotas.release(resource=Resource.MEMBERS, account_id=account_id, amount=gone)
