"""What administrators do about credentials of whatever kind: switch them off and on, and end them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from core.errors import Conflict, NotFound
from logs.kinds import DISABLE_TOKEN, ENABLE_TOKEN, REVOKE_TOKEN
from logs.record import record
from permissions.catalogue import APPLICATION_CHANGE, CREDENTIAL_REVOKE, PROJECT_CHANGE, ROBOT_CHANGE
from permissions.checks import require
from tokens.kinds import Kind
from tokens.models import Credential

if TYPE_CHECKING:
    from accounts.models import Organization
    from core.actor import Actor
    from logs.kinds import LogKind


@transaction.atomic
def set_credential_enabled(
    *, actor: Actor, organization: Organization, credential: Credential, enabled: bool
) -> None:
    """Switch a credential of an organization off, or on again; while it is off it is refused everywhere.

    Raises:
        Forbidden: the actor may not change what it belongs to.
        NotFound: it is none of this organization's, or it is revoked.
        Conflict: it is so already.
    """
    _enter(actor, organization, credential)
    now = timezone.now()
    found = Credential.objects.filter(pk=credential.pk, revoked_at=None)
    if not found.filter(disabled_at__isnull=enabled is False).update(disabled_at=None if enabled else now):
        if found.exists():
            raise Conflict("It is enabled already" if enabled else "It is disabled already")
        raise NotFound("There is no such token")
    _tell(ENABLE_TOKEN if enabled else DISABLE_TOKEN, actor, organization, credential)


@transaction.atomic
def revoke_credential(*, actor: Actor, organization: Organization, credential: Credential) -> None:
    """End a credential of an organization now, whatever it belongs to, in every process.

    Raises:
        Forbidden: the actor may not change what it belongs to.
        NotFound: it is none of this organization's, or it is ended already.
    """
    _enter(actor, organization, credential)
    now = timezone.now()
    if not Credential.objects.filter(pk=credential.pk, revoked_at=None).update(revoked_at=now):
        raise NotFound("There is no such token")
    _tell(REVOKE_TOKEN, actor, organization, credential)


def _enter(actor: Actor, organization: Organization, credential: Credential) -> None:
    """Ask for the right on what a credential belongs to, which has to be the organization's."""
    require(actor, CREDENTIAL_REVOKE, organization)
    owner = credential.robot or credential.project or credential.application
    if owner is None:
        if credential.organization_id != organization.pk:
            raise NotFound("There is no such token")
        return
    if owner.namespace_id != organization.namespace_id:
        raise NotFound("There is no such token")
    owner.namespace = organization.namespace
    if credential.robot is not None:
        require(actor, ROBOT_CHANGE, organization.namespace)
    elif credential.project is not None:
        require(actor, PROJECT_CHANGE, credential.project)
    else:
        require(actor, APPLICATION_CHANGE, organization)


def _tell(kind: LogKind, actor: Actor, organization: Organization, credential: Credential) -> None:
    told: dict[str, Any] = {
        "token_kind": Kind(credential.kind).label,
        "token_title": credential.title or credential.hint,
        "token_uuid": str(credential.uuid),
    }
    if credential.user is not None:
        told["username"] = credential.user.username
    if credential.project is not None:
        told["repo"] = credential.project.slug
    record(kind, actor=actor, namespace=organization.namespace, project=credential.project, metadata=told)
