"""Tokens of the wires that know one kind each: a person's, an organization's, or a project's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core.errors import Conflict, Invalid, NotFound
from core.words import say
from logs.kinds import CREATE_TOKEN, REVOKE_TOKEN
from logs.record import record
from permissions.catalogue import (
    CREDENTIAL_ISSUE,
    CREDENTIAL_REVOKE,
    PROJECT_CHANGE,
    TOKEN_ISSUE,
    TOKEN_REVOKE,
    Scope,
)
from permissions.checks import require
from tokens.kinds import Kind
from tokens.models import Credential
from tokens.services.credentials import issue, not_beyond

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from accounts.models import Organization, User
    from core.actor import Actor
    from projects.models import Project

TITLE_MAX = 255
# What a person's token may do where the wire knows no scopes: all that she may.
EVERYTHING = " ".join(Scope.values)
# As what an organization's token acts: an administrator of it, and so of its projects.
ADMINISTRATION = f"{Scope.ORG_ADMIN} {Scope.REPO_ADMIN}"


@transaction.atomic
def create_token(
    *,
    actor: Actor,
    kind: Kind,
    user: User | None = None,
    organization: Organization | None = None,
    project: Project | None = None,
    title: str = "",
    expires_at: datetime | None = None,
    at_most: int = 0,
    distinct: bool = False,
) -> tuple[Credential, str]:
    """Make a token of its one owner, with all the owner's rights; return it and the secret.

    ``at_most`` limits how many living tokens of the kind the owner has; 0 for no limit. ``distinct`` refuses
    a title that a living one of them has.

    Raises:
        Forbidden: not one's own account; not an administrator of the organization or the project; or the
            caller's own token reaches less than the new one would.
        Invalid: the title is too long, or the end lies in the past, or later than the organization allows.
        Conflict: the owner has as many as are allowed, or one of that title.
    """
    owner = user or organization or project
    if user is not None:
        require(actor, TOKEN_ISSUE, user)
        not_beyond(actor, EVERYTHING)
    elif organization is not None:
        require(actor, CREDENTIAL_ISSUE, organization)
        not_beyond(actor, ADMINISTRATION)
    else:
        require(actor, PROJECT_CHANGE, project)
    if owner is None:
        raise Invalid("A token has an owner")
    if len(title) > TITLE_MAX:
        raise Invalid(say("A title has at most {most} characters", most=TITLE_MAX), field="title")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The end lies in the past", field="expires_at")
    if at_most or distinct:
        # Whoever makes one meanwhile waits for this row.
        type(owner)._default_manager.select_for_update().get(pk=owner.pk)
        living = Credential.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
            kind=kind,
            user=user,
            organization=organization,
            project=project,
            revoked_at=None,
        )
        if at_most and living.count() >= at_most:
            raise Conflict(say("There are {at_most} tokens already", at_most=at_most))
        if distinct and living.filter(title=title).exists():
            raise Conflict("There is a token of this name already")
    credential, secret = issue(
        kind=kind,
        user=user,
        organization=organization,
        project=project,
        issued_by=actor.user,
        title=title,
        scopes=EVERYTHING,
        expires_at=expires_at,
    )
    record(CREATE_TOKEN, actor=actor, metadata=_told(credential), **_place(credential))
    return credential, secret


@transaction.atomic
def revoke_token(*, actor: Actor, credential: Credential) -> None:
    """End such a token now, in every process.

    Raises:
        Forbidden: as for making one.
        NotFound: it is ended already.
    """
    if credential.user is not None:
        require(actor, TOKEN_REVOKE, credential.user)
    elif credential.organization is not None:
        require(actor, CREDENTIAL_REVOKE, credential.organization)
    else:
        require(actor, PROJECT_CHANGE, credential.project)
    ended = Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=timezone.now())
    if not ended:
        raise NotFound("There is no such token")
    record(REVOKE_TOKEN, actor=actor, metadata=_told(credential), **_place(credential))


@transaction.atomic
def replace_token(
    *, actor: Actor, organization: Organization, credential: Credential, expires_at: datetime | None = None
) -> tuple[Credential, str]:
    """End an organization's token and make another of its kind, or neither; return it and the secret.

    Raises: as `revoke_token` and `create_token`.
    """
    require(actor, CREDENTIAL_ISSUE, organization)
    credential.organization = organization
    revoke_token(actor=actor, credential=credential)
    return create_token(
        actor=actor,
        kind=Kind(credential.kind),
        organization=organization,
        title=credential.title,
        expires_at=expires_at,
        at_most=1,
    )


@transaction.atomic
def revoke_tokens(*, actor: Actor, project: Project, credentials: Iterable[Credential]) -> None:
    """End several tokens of a project, all or nothing. Raises as `revoke_token`."""
    require(actor, PROJECT_CHANGE, project)
    for credential in credentials:
        credential.project = project
        revoke_token(actor=actor, credential=credential)


def _place(credential: Credential) -> dict[str, Any]:
    owner = credential.user or credential.organization or credential.project
    return {"namespace": owner.namespace if owner else None, "project": credential.project}


def _told(credential: Credential) -> dict[str, Any]:
    told = {
        "token_kind": Kind(credential.kind).label,
        "token_title": credential.title or credential.hint,
        "token_uuid": str(credential.uuid),
    }
    if credential.user is not None:
        told["username"] = credential.user.username
    if credential.project is not None:
        told["repo"] = credential.project.slug
    return told
