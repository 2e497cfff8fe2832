"""Finding credentials that the actor may see."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from core.errors import Forbidden, NotFound
from permissions.catalogue import (
    ACCOUNT_ADMINISTER,
    APPLICATION_LIST,
    CREDENTIAL_ISSUE,
    INSTANCE_READ,
    PROJECT_CHANGE,
    Ladder,
    Level,
    Right,
)
from permissions.checks import ceiling, has_full_access, is_readonly_superuser, require
from tokens.kinds import Kind
from tokens.models import Application, Assignment, Credential, ServiceKey

if TYPE_CHECKING:
    from accounts.models import Organization
    from core.actor import Actor
    from projects.models import Project

Row = TypeVar("Row", bound=Model)


def own(*, actor: Actor) -> QuerySet[Credential]:
    """Return the acting person's living credentials, newest first."""
    require(actor, ACCOUNT_ADMINISTER)
    return Credential.objects.filter(_alive(), user=actor.user).select_related("application").order_by("-pk")


def own_made(*, actor: Actor) -> QuerySet[Credential]:
    """Return those of them that she made for herself; what others' applications hold is `granted`."""
    return own(actor=actor).exclude(_granted(actor))


def own_one(*, actor: Actor, uuid: str, kind: Kind | None = None) -> Credential:
    """Return one of the acting person's credentials.

    Raises:
        NotFound: unknown, somebody else's, or ended.
    """
    require(actor, ACCOUNT_ADMINISTER)
    try:
        key = UUID(uuid)
    except ValueError as error:
        raise NotFound("There is no such token") from error
    found = own(actor=actor).filter(uuid=key)
    credential = (found.filter(kind=kind) if kind else found).first()
    if credential is None:
        raise NotFound("There is no such token")
    return credential


# Keys of services --------------------------------------------------------------------------------------

# For so long an expired key is still shown (quay-a.md 11.3); then it is gone, and a worker removes its row.
EXPIRED_SHOWN = timedelta(days=7)


def service_keys(*, actor: Actor) -> QuerySet[ServiceKey]:
    """Return the keys of services, approved or not, oldest first; those expired long ago are left out."""
    require(actor, INSTANCE_READ)
    shown = Q(expires_at=None) | Q(expires_at__gt=timezone.now() - EXPIRED_SHOWN)
    return ServiceKey.objects.filter(shown).select_related("approved_by").order_by("pk")


def service_key(*, actor: Actor, kid: str) -> ServiceKey:
    """Return one key.

    Raises:
        NotFound: unknown, or expired long ago.
    """
    found = service_keys(actor=actor).filter(kid=kid).first()
    if found is None:
        raise NotFound("There is no such key")
    return found


def _alive() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


# App-specific tokens -------------------------------------------------------------------------------------


def app_tokens(*, actor: Actor, expiring: bool = False) -> QuerySet[Credential]:
    """Return the acting person's app-specific tokens, newest first; expired ones too, ended ones not.

    ``expiring`` asks for those alone that end within a tenth of their life, or of four weeks (quay-a.md 6.5).
    """
    require(actor, ACCOUNT_ADMINISTER)
    return _app_tokens(expiring=expiring).filter(user=actor.user)


def all_app_tokens(*, actor: Actor, expiring: bool = False) -> QuerySet[Credential]:
    """Return everybody's app-specific tokens, as `app_tokens` does one's own.

    Raises:
        Forbidden: neither a superuser with full access nor a read-only one.
    """
    require(actor, INSTANCE_READ)
    if not (has_full_access(actor) or is_readonly_superuser(actor)):
        raise Forbidden("Only superusers with full access see everybody's tokens", right=INSTANCE_READ.name)
    return _app_tokens(expiring=expiring).filter(user__deleted_at=None)


def _app_tokens(*, expiring: bool) -> QuerySet[Credential]:
    found = Credential.objects.filter(kind=Kind.APP_SPECIFIC, revoked_at=None).order_by("-pk")
    if not expiring:
        return found
    window = (timedelta(seconds=settings.APP_TOKEN_SECONDS) or timedelta(weeks=4)) / 10
    now = timezone.now()
    return found.filter(expires_at__gt=now, expires_at__lte=now + window)


def app_token(*, actor: Actor, uuid: str, expired_too: bool = False) -> Credential:
    """Return one of the acting person's app-specific tokens.

    Raises:
        NotFound: unknown, somebody else's, ended, or expired.
    """
    found = _by_uuid(app_tokens(actor=actor), uuid)
    is_over = found is not None and found.expires_at is not None and found.expires_at <= timezone.now()
    if found is None or (is_over and not expired_too):
        raise NotFound("There is no such token")
    return found


# Applications --------------------------------------------------------------------------------------------


def applications(*, actor: Actor, organization: Organization) -> list[Application]:
    """Return an organization's applications, oldest first."""
    require(actor, APPLICATION_LIST, organization)
    return list(Application.objects.filter(namespace=organization.namespace_id).order_by("pk"))


def application(
    *, actor: Actor, organization: Organization, client_id: str, right: Right = APPLICATION_LIST
) -> Application:
    """Return one of an organization's applications, on which the actor has the right.

    Raises:
        NotFound: it has none of this client id.
    """
    require(actor, right, organization)
    found = Application.objects.filter(namespace=organization.namespace_id, client_id=client_id).first()
    if found is None:
        raise NotFound("Application not found", absent="application")
    found.namespace = organization.namespace
    return found


def known_application(*, client_id: str) -> Application:
    """Return the application of a living organization; anybody may ask who stands behind a client id.

    Raises:
        NotFound: there is none.
    """
    found = (
        Application.objects.select_related("namespace__organization__account")
        .filter(client_id=client_id, namespace__deleted_at=None, namespace__kind="organization")
        .first()
    )
    if found is None or found.namespace.organization.deleted_at is not None:
        raise NotFound("Application not found", absent="application")
    found.namespace.organization.namespace = found.namespace
    return found


def application_tokens(
    *, actor: Actor, organization: Organization, application: Application, before: int | None = None
) -> QuerySet[Credential]:
    """Return an application's living tokens, newest first, from before a key on."""
    require(actor, APPLICATION_LIST, organization)
    found = Credential.objects.filter(_alive(), application=application, kind=Kind.OAUTH)
    if before is not None:
        found = found.filter(pk__lt=before)
    return found.select_related("issued_by", "user").order_by("-pk")


def application_token(
    *, actor: Actor, organization: Organization, application: Application, uuid: str
) -> Credential:
    """Return one of an application's living tokens.

    Raises:
        NotFound: it has none of this id.
    """
    tokens = application_tokens(actor=actor, organization=organization, application=application)
    found = _by_uuid(tokens, uuid)
    if found is None:
        raise NotFound("There is no such token")
    return found


# What applications may do in a person's name -------------------------------------------------------------


def authorizations(*, actor: Actor) -> QuerySet[Credential]:
    """Return the living tokens that applications hold of the acting person, oldest first."""
    require(actor, ACCOUNT_ADMINISTER)
    return (
        Credential.objects.filter(_alive(), user=actor.user, kind=Kind.OAUTH, application__isnull=False)
        .select_related("application__namespace__organization", "application__namespace__user")
        .order_by("pk")
    )


def granted(*, actor: Actor) -> QuerySet[Credential]:
    """Return those of them that are held by others' applications, not by her own scripts."""
    return authorizations(actor=actor).filter(_granted(actor))


def _granted(actor: Actor) -> Q:
    own_namespace = actor.user.namespace_id if actor.user else None
    return Q(kind=Kind.OAUTH, application__isnull=False) & ~Q(application__namespace=own_namespace)


def authorization(*, actor: Actor, uuid: str) -> Credential:
    """Return one of them. Raises NotFound."""
    found = _by_uuid(authorizations(actor=actor), uuid)
    if found is None:
        raise NotFound("There is no such authorization")
    return found


def assignments(*, actor: Actor) -> QuerySet[Assignment]:
    """Return the tokens that the acting person is offered, oldest first."""
    require(actor, ACCOUNT_ADMINISTER)
    return (
        Assignment.objects.filter(user=actor.user, application__namespace__deleted_at=None)
        .select_related("application__namespace__organization")
        .order_by("pk")
    )


def assignment(*, actor: Actor, uuid: str) -> Assignment:
    """Return one of them. Raises NotFound."""
    found = _by_uuid(assignments(actor=actor), uuid)
    if found is None:
        raise NotFound("There is no such assigned authorization")
    return found


def _by_uuid(rows: QuerySet[Row], uuid: str) -> Row | None:
    try:
        key = UUID(uuid)
    except ValueError:
        return None
    return rows.filter(uuid=key).first()


def of_organization(
    *, actor: Actor, organization: Organization, kind: Kind, right: Right = CREDENTIAL_ISSUE
) -> QuerySet[Credential]:
    """Return an organization's living tokens of a kind, newest first.

    Who shows no secret of theirs asks for ``CREDENTIAL_LIST``.

    Raises Forbidden below admin, and for a credential that reaches less than they do: their secrets are kept.
    """
    require(actor, right, organization)
    if ceiling(actor, Ladder.PROJECT) < Level.ADMIN:
        raise Forbidden(
            "The token's scopes do not reach the organization's projects", namespace=organization.namespace
        )
    return Credential.objects.filter(_alive(), organization=organization, kind=kind).order_by("-pk")


def of_project(
    *, actor: Actor, project: Project, kind: Kind | None = None, right: Right = PROJECT_CHANGE
) -> QuerySet[Credential]:
    """Return a project's living tokens of a kind, or of all, newest first. Raises Forbidden below admin.

    Who shows no secret of theirs asks for ``PROJECT_CREDENTIAL_LIST``.
    """
    require(actor, right, project)
    found = Credential.objects.filter(_alive(), project=project).order_by("-pk")
    return found.filter(kind=kind) if kind else found


def organization_token(*, actor: Actor, organization: Organization, kind: Kind, uuid: str) -> Credential:
    """Return one of an organization's living tokens of a kind.

    Raises:
        NotFound: it has none of this id.
    """
    found = _by_uuid(of_organization(actor=actor, organization=organization, kind=kind), uuid)
    if found is None:
        raise NotFound("There is no such token")
    found.organization = organization
    return found


def project_token(*, actor: Actor, project: Project, uuid: str) -> Credential:
    """Return one of a project's living tokens, of whatever kind.

    Raises:
        NotFound: it has none of this id.
    """
    found = _by_uuid(of_project(actor=actor, project=project), uuid)
    if found is None:
        raise NotFound("There is no such token")
    found.project = project
    return found
