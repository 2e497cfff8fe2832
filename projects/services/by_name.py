"""Projects of a team, by names as people type them: made when they are first asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Namespace, Organization, Team
from core.db import hold
from core.errors import Invalid
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import CREDENTIAL_ISSUE, PROJECT_CREATE, ProjectRole
from permissions.checks import require
from projects.models import Project
from projects.services.projects import create_project
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from core.actor import Actor

NAME_MAX = 255
PERMANENT = "permanent"


@transaction.atomic
def obtain_project(
    *,
    actor: Actor,
    organization: Organization,
    team: str,
    project: str,
    by_slug: bool = False,
) -> tuple[Project, bool]:
    """Return the project of that name in that team, making what is missing, and whether it is new.

    Names are compared exactly, after trimming; with ``by_slug`` a slug will do where no name fits. The team
    may read the new project. The organization's limit of projects made by name holds for a new one.

    Raises:
        Forbidden: the actor may not create teams and projects here.
        Invalid: a name is empty or too long.
        QuotaExceeded: the limit is reached; nothing is left behind.
    """
    organization.namespace.organization = organization
    require(actor, PROJECT_CREATE, organization.namespace)
    team, project = _name(team, "teamName"), _name(project, "projectName")
    _, found = _find(organization, team, project, by_slug)
    if found is not None:
        return found, False
    # From here on one at a time, and what came meanwhile is looked at.
    hold(organization, gone=say("Organization not found"))
    group, found = _find(organization, team, project, by_slug)
    if found is not None:
        return found, False
    if group is None:
        group = accounts.create_team(actor=actor, organization=organization, name=team)
    made = create_project(
        actor=actor,
        namespace=organization.namespace,
        name=project,
        team=group,
        team_role=ProjectRole.READ,
        by_name=True,
    )
    return made, True


def _name(text: str, field: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= NAME_MAX:
        raise Invalid(say("A name has 1 to {most} characters", most=NAME_MAX), field=field)
    return text


def _find(
    organization: Organization, team: str, project: str, by_slug: bool
) -> tuple[Team | None, Project | None]:
    group = _team_by_name.first(organization=organization.pk, name=team)
    if group is None and by_slug:
        group = Team.objects.filter(organization=organization, slug=team).first()
    if group is None:
        return None, None
    group.organization = organization
    found = _project_by_name.first(team=group.pk, namespace=organization.namespace_id, name=project)
    if found is None and by_slug and re.fullmatch(r"[a-z0-9._-]+", project):
        found = _projects().filter(namespace=organization.namespace, team=group, slug=project).first()
    if found is not None:
        found.namespace.organization = organization
    return group, found


def _projects() -> QuerySet[Project]:
    return Project.objects.filter(deleted_at=None).select_related("namespace").order_by("pk")


_team_by_name: Prepared[Team] = Prepared(
    lambda: Team.objects.filter(
        organization=Given("organization", Organization.id), name=Given("name", Team.name)
    ).order_by("pk")[:1]
)
_project_by_name: Prepared[Project] = Prepared(
    lambda: _projects().filter(
        team=Given("team", Team.id),
        namespace=Given("namespace", Namespace.id),
        name=Given("name", Project.name),
    )[:1]
)


@transaction.atomic
def obtain_token(
    *,
    actor: Actor,
    organization: Organization,
    team: str,
    project: str,
    by_slug: bool = False,
    expires_at: datetime | None = None,
) -> tuple[str, bool]:
    """Return the token of a project by its name, and whether the project is new: both are made, or neither.

    Raises: as `obtain_project` and `project_token`.
    """
    found, is_new = obtain_project(
        actor=actor, organization=organization, team=team, project=project, by_slug=by_slug
    )
    return _token(actor, found, expires_at, is_new=is_new), is_new


@transaction.atomic
def project_token(*, actor: Actor, project: Project, expires_at: datetime | None = None) -> str:
    """Return the project's permanent token, made when it is first asked for; or a new one that expires.

    Where the organization limits how long tokens live, the permanent one is followed by another when the
    last tenth of its life begins: whoever asks has time to use what she gets.

    Raises:
        Forbidden: the actor may not make tokens for the organization.
        Invalid: the organization does not let tokens live until ``expires_at``.
    """
    return _token(actor, project, expires_at)


def _token(actor: Actor, project: Project, expires_at: datetime | None, *, is_new: bool = False) -> str:
    organization = project.namespace.organization
    require(actor, CREDENTIAL_ISSUE, organization)
    if expires_at is not None:
        _, secret = tokens.create_token(
            actor=actor, kind=Kind.PROJECT, project=project, expires_at=expires_at
        )
        return secret
    if not is_new:  # of one that was made in this transaction there is none, and nobody else makes one
        kept = _permanent(project)
        if kept is None:
            hold(project)
            kept = _permanent(project)
        if kept is not None:
            return tokens.reveal(kept)
    _, secret = tokens.create_token(actor=actor, kind=Kind.PROJECT, project=project, title=PERMANENT)
    return secret


def _permanent(project: Project) -> Credential | None:
    limit = tokens.limit_of(project=project)
    living = Q(expires_at=None)
    if limit is not None:
        living |= Q(title=PERMANENT, expires_at__gt=timezone.now() + limit / 10)
    kept = Credential.objects.filter(living, kind=Kind.PROJECT, project=project)
    return kept.filter(revoked_at=None, disabled_at=None).order_by("pk").first()
