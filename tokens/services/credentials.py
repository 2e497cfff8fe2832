"""Issuing, recognizing and ending credentials."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import AuthenticatorApp, Identity
from core import seal
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from core.inserting import write
from core.prepared import Given, Prepared
from core.words import say
from logs.kinds import (
    CREATE_APP_TOKEN,
    CREATE_OAUTH_API_TOKEN,
    REVOKE_APP_TOKEN,
    REVOKE_OAUTH_API_TOKEN,
    ROTATE_KEYS,
)
from logs.record import record
from notifications.models import Subscription
from permissions.catalogue import (
    INSTANCE_READ,
    SCOPE_CEILING,
    TOKEN_ISSUE,
    TOKEN_REVOKE,
    USER_MANAGE,
    Scope,
)
from permissions.checks import ceiling, require
from streams.models import Stream
from tokens.kinds import FORMS, OWNERS, Kind, is_misprinted, new_client_id, new_client_secret
from tokens.models import Application, Credential
from tokens.services.lifetimes import end_within, limit_of
from trash.archive import reseal as reseal_trash

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.models import Namespace, Organization, Robot, User
    from projects.models import Project

SECRET_MAX = 2048
CALLED_MAX = 100  # as many as anybody reads
USED_GRAIN = timedelta(minutes=1)


# Recognizing ---------------------------------------------------------------------------------------------


def authenticate(
    secret: str, *, kinds: Collection[str], ip: str | None = None, user_agent: str = ""
) -> Actor:
    """Return who stands behind a secret, found by its digest with one query.

    Notes the use, from where and by what program, at most once a minute.

    Raises:
        Unauthenticated: unknown, of another kind, expired, disabled, revoked, or its owner is disabled or
            deleted.
    """
    if not secret or len(secret) > SECRET_MAX or is_misprinted(secret):
        raise Unauthenticated("Unknown token")
    credential = _by_digest(frozenset(kinds)).first(digest=seal.digest(secret))
    now = timezone.now()
    if credential is None or credential.revoked_at is not None or not _owner_lives(credential):
        raise Unauthenticated("Unknown token")
    if credential.disabled_at is not None:
        raise Unauthenticated("The token is disabled")
    if credential.expires_at is not None and credential.expires_at <= now:
        raise Unauthenticated("The token has expired")
    if credential.last_used_at is None or credential.last_used_at <= now - USED_GRAIN:
        seen = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_GRAIN)
        Credential.objects.filter(seen, pk=credential.pk).update(
            last_used_at=now, last_used_ip=ip, last_used_agent=user_agent[:255].replace("\0", "")
        )
    return Actor(
        user=credential.user,
        robot=credential.robot,
        organization=credential.organization,
        project=credential.project,
        credential=credential,
        scopes=frozenset(credential.scopes.split()),
    )


_NEEDED_OF = {
    "user": ("user__namespace",),
    "robot": ("robot__namespace__user",),
    "organization": ("organization__namespace",),
    "project": ("project__namespace__user",),
}


@cache
def _by_digest(kinds: frozenset[str]) -> Prepared[Credential]:
    """Return the query for a credential of these kinds, with its owner and no others' tables."""
    owners = sorted({owner for kind in kinds for owner in OWNERS[kind]})
    needed = [path for owner in owners for path in _NEEDED_OF[owner]]
    return Prepared(
        lambda: Credential.objects.select_related(*needed, "application").filter(
            digest=Given("digest", Credential.digest), kind__in=sorted(kinds)
        )
    )


def _owner_lives(credential: Credential) -> bool:
    user, robot = credential.user, credential.robot
    if user is not None:
        return user.is_active and user.deleted_at is None
    if robot is not None:
        return robot.disabled_at is None and _namespace_lives(robot.namespace)
    project = credential.project
    if project is not None:
        return project.deleted_at is None and _namespace_lives(project.namespace)
    return credential.organization is not None and credential.organization.deleted_at is None


def _namespace_lives(namespace: Namespace) -> bool:
    # What a disabled person owns is as disabled as she is.
    return namespace.deleted_at is None and (namespace.kind != "user" or namespace.user.is_active)


# Issuing -------------------------------------------------------------------------------------------------


def read_scopes(text: str) -> str:
    """Return scopes, separated by space or comma, as they are stored: each once, separated by a space.

    Raises:
        Invalid: an unknown scope, which spoils the whole text (quay-a.md 4.1).
    """
    scopes = list(dict.fromkeys(text.replace(",", " ").split()))
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown:
        raise Invalid(say("Unknown scope: {unknown}", unknown=unknown[0]), field="scope")
    return " ".join(scopes)


def issue(
    *,
    kind: Kind,
    user: User | None = None,
    organization: Organization | None = None,
    project: Project | None = None,
    robot: Robot | None = None,
    application: Application | None = None,
    issued_by: User | None = None,
    title: str = "",
    scopes: str = "",
    expires_at: datetime | None = None,
    secret: str = "",
) -> tuple[Credential, str]:
    """Create a credential for its one owner and return it with the secret in clear, this once.

    ``secret`` is one that was made by its kind's form already. Without ``expires_at`` it ends where the
    owner's organization says, if it does.

    A building block of the services that check rights and write the log; call it inside their transaction.

    Raises:
        Invalid: ``expires_at`` is later than the owner's organization allows.
    """
    form = FORMS[kind]
    limit = limit_of(organization=organization, project=project, robot=robot, application=application)
    expires_at = end_within(limit, expires_at)
    secret = secret or form.make()
    credential = Credential(
        kind=kind,
        user=user,
        organization=organization,
        project=project,
        robot=robot,
        application=application,
        issued_by=issued_by,
        title=title,
        scopes=scopes,
        digest=seal.digest(secret),
        sealed=seal.seal(secret) if form.shown_again else "",
        hint=secret[:6],
        expires_at=expires_at,
    )
    write(credential)
    return credential, secret


def reveal(credential: Credential) -> str:
    """Return the secret of a kind that its wire must show again; whoever calls has checked the right."""
    return seal.unseal(credential.sealed)


def own_application(*, user: User) -> Application:
    """Return the application in a person's own namespace that tokens made without one belong to.

    Its client id is her name (quay-a.md 3.3).
    """
    application, _ = Application.objects.get_or_create(
        client_id=user.username,
        defaults={
            "namespace": user.namespace,
            "name": "automation",
            "secret_sealed": seal.seal(new_client_secret()),
        },
    )
    if application.namespace_id != user.namespace_id:
        # A person of that name lived before: what was hers is not inherited.
        application = Application.objects.create(
            client_id=new_client_id(),
            namespace=user.namespace,
            name="automation",
            secret_sealed=seal.seal(new_client_secret()),
        )
    application.namespace = user.namespace
    return application


@transaction.atomic
def issue_api_token(
    *, actor: Actor, user: User, scopes: str, title: str = "", expires_at: datetime | None = None
) -> tuple[Credential, str]:
    """Issue an API token that acts as ``user`` within ``scopes``; return it and the secret.

    Raises:
        Forbidden: not one's own account, or a scope beyond the caller's own.
        Invalid: an unknown scope, or none.
    """
    require(actor, TOKEN_ISSUE, user)
    wanted = read_scopes(scopes)
    if not wanted:
        raise Invalid("Name at least one scope", field="scope")
    not_beyond(actor, wanted)
    application = own_application(user=user)
    credential, secret = issue(
        kind=Kind.OAUTH,
        user=user,
        application=application,
        issued_by=actor.user,
        title=title,
        scopes=wanted,
        expires_at=expires_at,
    )
    record(
        CREATE_OAUTH_API_TOKEN,
        actor=actor,
        namespace=user.namespace,
        oauth_token_uuid=str(credential.uuid),
        scope=wanted,
        token_display_name=title,
        application_name=application.name,
        auth_method="OAuth",
        client_id=application.client_id,
        username=user.username,
    )
    return credential, secret


def not_beyond(actor: Actor, scopes: str) -> None:
    """Refuse what a token's own scopes do not reach: a token cannot make a token that may do more.

    Raises:
        Forbidden: a scope is beyond the caller's own.
    """
    for scope in scopes.split():
        ladder, level = SCOPE_CEILING[scope]
        if ceiling(actor, ladder) < level:
            raise Forbidden("A token cannot make a token that may do more than itself")


@transaction.atomic
def create_app_token(
    *, actor: Actor, title: str, expires_at: datetime | None = None
) -> tuple[Credential, str]:
    """Make an app-specific token of the acting person (quay-a.md 6.5); return it and the secret.

    It ends as the instance says, or at ``expires_at`` where that is earlier.

    Raises:
        Invalid: no title, or one over 255 characters.
    """
    require(actor, TOKEN_ISSUE)
    if actor.user is None:
        raise Unauthenticated
    if not title or len(title) > 255:
        raise Invalid("A title has 1 to 255 characters", field="title")
    if settings.APP_TOKEN_SECONDS:
        latest = timezone.now() + timedelta(seconds=settings.APP_TOKEN_SECONDS)
        expires_at = min(expires_at or latest, latest)
    credential, secret = issue(
        kind=Kind.APP_SPECIFIC,
        user=actor.user,
        issued_by=actor.user,
        title=title,
        expires_at=expires_at,
    )
    record(
        CREATE_APP_TOKEN,
        actor=actor,
        namespace=actor.user.namespace,
        app_specific_token_title=title,
        app_specific_token=str(credential.uuid),
    )
    return credential, secret


# Ending --------------------------------------------------------------------------------------------------


@transaction.atomic
def revoke(*, actor: Actor, credential: Credential) -> None:
    """End a person's own token now, in every process. A superuser may end anything's.

    Raises:
        NotFound: it belongs to somebody else or is ended already.
    """
    user = credential.user
    if user is not None and actor.user is not None and user.pk == actor.user.pk:
        require(actor, TOKEN_REVOKE, user)
    else:
        require(actor, USER_MANAGE)
    ended = Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=timezone.now())
    if not ended:
        raise NotFound("There is no such token")
    robot = credential.robot
    owner = user or credential.organization or credential.project or robot
    namespace = owner.namespace if owner else None
    if credential.kind == Kind.APP_SPECIFIC:
        record(
            REVOKE_APP_TOKEN,
            actor=actor,
            namespace=namespace,
            app_specific_token_title=credential.title,
            app_specific_token=str(credential.uuid),
        )
        return
    application = credential.application
    record(
        REVOKE_OAUTH_API_TOKEN,
        actor=actor,
        namespace=namespace,
        oauth_token_uuid=str(credential.uuid),
        application_name=application.name if application else "",
        client_id=application.client_id if application else "",
        username=user.username if user else robot.full_name if robot else "",
    )


def end_all(owners: Q) -> int:
    """End every living credential that matches; return how many. Called inside the deleting transaction."""
    return Credential.objects.filter(owners, revoked_at=None).update(revoked_at=timezone.now())


def end_of_namespace(namespace: Namespace) -> int:
    """End every credential of a dying namespace: of its robots, projects, applications and owner."""
    return end_all(
        Q(robot__namespace=namespace)
        | Q(project__namespace=namespace)
        | Q(organization__namespace=namespace)
        | Q(user__namespace=namespace)
        | Q(application__namespace=namespace)
    )


def living_names(owners: Q) -> list[str]:
    """Return what the living credentials that match are called, for who has to make them anew."""
    living = Credential.objects.filter(owners, revoked_at=None).order_by("pk")
    return [
        f"{Kind(kind).label}: {title or hint}"
        for kind, title, hint in living.values_list("kind", "title", "hint")[:CALLED_MAX]
    ]


def end_of_project(project: Project) -> int:
    """End every credential of a dying project."""
    return end_all(Q(project=project))


# Keys ----------------------------------------------------------------------------------------------------


@transaction.atomic
def rotate_keys(*, actor: Actor) -> int:
    """Seal every stored secret again with the newest key; return how many. The old keys may go then."""
    require(actor, INSTANCE_READ)
    if not actor.system:
        raise Forbidden("Keys are rotated from the command line")
    count = 0
    for credential in Credential.objects.exclude(sealed="").only("pk", "sealed").iterator(chunk_size=500):
        Credential.objects.filter(pk=credential.pk).update(sealed=seal.reseal(credential.sealed))
        count += 1
    for application in Application.objects.only("pk", "secret_sealed").iterator(chunk_size=500):
        Application.objects.filter(pk=application.pk).update(
            secret_sealed=seal.reseal(application.secret_sealed)
        )
        count += 1
    for model in (Subscription, Stream):
        for name in ("secret_sealed", "old_secret_sealed"):
            rows: QuerySet[Any] = model._default_manager.all()
            webhooks = rows.exclude(**{name: ""}).values_list("pk", name)
            for pk, sealed in webhooks.iterator(chunk_size=500):
                # Only if it is still this one: it may be changed meanwhile.
                count += rows.filter(pk=pk, **{name: sealed}).update(**{name: seal.reseal(sealed)})
    for identity in Identity.objects.exclude(refresh_sealed="").only("pk", "refresh_sealed").iterator():
        # Only if it is still this one: a worker may have got the next meanwhile, sealed with the newest key.
        known = Identity.objects.filter(pk=identity.pk, refresh_sealed=identity.refresh_sealed)
        count += known.update(refresh_sealed=seal.reseal(identity.refresh_sealed))
    for app in AuthenticatorApp.objects.only("pk", "secret_sealed").iterator(chunk_size=500):
        AuthenticatorApp.objects.filter(pk=app.pk).update(secret_sealed=seal.reseal(app.secret_sealed))
        count += 1
    count += reseal_trash()
    record(ROTATE_KEYS, actor=actor, count=count)
    return count
