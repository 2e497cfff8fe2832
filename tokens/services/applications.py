"""OAuth applications of organizations, and the tokens that administrators make for them by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from core import seal
from core.db import hold, insert, update
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from core.words import say
from logs.kinds import (
    CREATE_APPLICATION,
    CREATE_OAUTH_API_TOKEN,
    DELETE_APPLICATION,
    RESET_CLIENT_SECRET,
    REVOKE_OAUTH_API_TOKEN,
    UPDATE_APPLICATION,
)
from logs.record import record
from permissions.catalogue import APPLICATION_CHANGE, Scope
from permissions.checks import is_superuser, require
from tokens.kinds import Kind, new_client_id, new_client_secret
from tokens.models import Application, Credential
from tokens.services.credentials import issue, not_beyond, read_scopes
from tokens.services.lifetimes import limit_of

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Organization
    from core.actor import Actor

# Ten years of 365.25 days, to the second what the wire says (quay-a.md 4.4).
LIFETIME = timedelta(seconds=315576000)
RESERVED_NAMES = ("__quay_bootstrap_app",)
DETAILS = ("name", "redirect_uri", "application_uri", "description", "avatar_email")


@transaction.atomic
def create_application(
    *,
    actor: Actor,
    organization: Organization,
    name: str,
    redirect_uri: str = "",
    application_uri: str = "",
    description: str = "",
    avatar_email: str | None = None,
) -> Application:
    """Create an application of an organization, with a client id and a secret (quay-a.md 7.6).

    Raises:
        Forbidden: the actor does not administer the organization.
        Invalid: a value is refused, or the name is reserved.
        NotFound: the organization was deleted just now.
    """
    _enter(actor, organization)
    _not_reserved(name)
    application = Application(
        namespace=organization.namespace,
        client_id=new_client_id(),
        secret_sealed=seal.seal(new_client_secret()),
        name=name,
        redirect_uri=redirect_uri,
        application_uri=application_uri,
        description=description,
        avatar_email=avatar_email,
    )
    insert(application, taken=say("The client id is taken; try again"))
    _tell(CREATE_APPLICATION, actor, application, details=True)
    return application


@transaction.atomic
def change_application(
    *, actor: Actor, organization: Organization, application: Application, changes: dict[str, Any]
) -> Application:
    """Change any of ``name``, ``redirect_uri``, ``application_uri``, ``description`` and ``avatar_email``.

    Raises: as `create_application`.
    """
    _enter(actor, organization)
    _not_reserved(changes.get("name", ""))
    for field, value in changes.items():
        setattr(application, field, value)
    update(application, *changes)
    _tell(UPDATE_APPLICATION, actor, application, details=True)
    return application


@transaction.atomic
def delete_application(*, actor: Actor, organization: Organization, application: Application) -> None:
    """Delete an application; its tokens, codes and offers end with it.

    Raises:
        Forbidden: the actor does not administer the organization.
        NotFound: somebody else deleted it just now.
    """
    _enter(actor, organization)
    hold(application, gone=say("Application not found"))
    _tell(DELETE_APPLICATION, actor, application)
    application.delete()


@transaction.atomic
def reset_client_secret(*, actor: Actor, organization: Organization, application: Application) -> Application:
    """Give an application a new secret; the old one is refused from now on.

    Raises: as `delete_application`.
    """
    _enter(actor, organization)
    application.secret_sealed = seal.seal(new_client_secret())
    update(application, "secret_sealed")
    _tell(RESET_CLIENT_SECRET, actor, application)
    return application


@transaction.atomic
def issue_application_token(
    *,
    actor: Actor,
    organization: Organization,
    application: Application,
    name: str,
    scopes: str,
    lifetime: timedelta | None = None,
) -> tuple[Credential, str]:
    """Issue a token of an application that acts as the acting person; return it and the secret, this once.

    Without ``lifetime`` it lives for as long as it may: ten years, or what the organization allows.

    Raises:
        Forbidden: she does not administer the organization, or wants more than she may do herself.
        Invalid: no name or one over 255 characters, a bad scope or none, a life beyond ten years, or
            beyond what the organization allows.
    """
    if actor.user is None:
        raise Unauthenticated("Only a person has tokens")
    require(actor, APPLICATION_CHANGE, organization)
    hold(actor.user)
    _enter(actor, organization)
    application = hold(application, gone=say("Application not found"))
    application.namespace = organization.namespace
    wanted = read_scopes(scopes)
    if not wanted:
        raise Invalid("Name at least one scope", field="scope")
    if not name or len(name) > 255:
        raise Invalid("A name has 1 to 255 characters", field="name")
    if lifetime is not None and not timedelta(0) < lifetime <= LIFETIME:
        raise Invalid("A token lives for ten years at most", field="expiration")
    not_beyond(actor, wanted)
    if Scope.SUPER_USER in wanted.split() and not is_superuser(actor):
        raise Forbidden("Only superusers have tokens that act as one", namespace=organization.namespace)
    credential, secret = issue(
        kind=Kind.OAUTH,
        user=actor.user,
        application=application,
        issued_by=actor.user,
        title=name,
        scopes=wanted,
        expires_at=_end(application, lifetime),
    )
    record(
        CREATE_OAUTH_API_TOKEN,
        actor=actor,
        namespace=organization.namespace,
        oauth_token_uuid=str(credential.uuid),
        scope=wanted,
        token_display_name=name,
        application_name=application.name,
        auth_method="OAuth",
        client_id=application.client_id,
    )
    return credential, secret


@transaction.atomic
def revoke_application_token(
    *, actor: Actor, organization: Organization, application: Application, credential: Credential
) -> None:
    """End a token of an application, whoever it acts as.

    Raises:
        Forbidden: the actor does not administer the organization.
        NotFound: it is ended already.
    """
    require(actor, APPLICATION_CHANGE, organization)
    now = timezone.now()
    if not Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=now):
        raise NotFound("There is no such token")
    record(
        REVOKE_OAUTH_API_TOKEN,
        actor=actor,
        namespace=organization.namespace,
        oauth_token_uuid=str(credential.uuid),
        application_name=application.name,
        client_id=application.client_id,
    )


def _enter(actor: Actor, organization: Organization) -> None:
    """Ask for the right, hold the living organization, and ask again: both may have gone meanwhile."""
    require(actor, APPLICATION_CHANGE, organization)
    hold(organization, gone=say("Organization not found"))
    actor.forget()
    require(actor, APPLICATION_CHANGE, organization)


def _end(application: Application, lifetime: timedelta | None) -> datetime:
    now = timezone.now()
    if lifetime is None:
        return now + min(LIFETIME, limit_of(application=application) or LIFETIME)
    return now + lifetime


def _not_reserved(name: str) -> None:
    if name in RESERVED_NAMES:
        raise Invalid(say("The name {name} is reserved", name=name), field="name")


def _tell(kind: Any, actor: Actor, application: Application, *, details: bool = False) -> None:
    record(
        kind,
        actor=actor,
        namespace=application.namespace,
        application_name=application.name,
        client_id=application.client_id,
        metadata={field: getattr(application, field) for field in DETAILS} if details else None,
    )
