"""Builders: a world for a test, made through the services that users' calls go through."""

from __future__ import annotations

from typing import Any

from accounts import services as accounts
from accounts.models import Organization, Robot, Team, User
from core.actor import Actor
from permissions.catalogue import Scope
from projects import services as projects
from projects.models import Project
from tokens import services as tokens

SYSTEM = Actor.of_system("test")
PASSWORD = "correct-horse-9"
ALL_SCOPES = " ".join(Scope.values)


def user(name: str = "ada", *, superuser: bool = False, **fields: Any) -> User:
    """Make a person with a password and an address."""
    fields.setdefault("email", f"{name}@example.test")
    fields.setdefault("password", PASSWORD)
    return accounts.create_user(actor=SYSTEM, username=name, superuser=superuser, **fields)


def actor(user: User | None, scopes: str | None = None) -> Actor:
    """Return a person acting by a session, or within scopes."""
    return Actor(user=user, scopes=None if scopes is None else frozenset(scopes.split()), dialect="test")


def organization(name: str = "acme", owner: User | None = None, **fields: Any) -> Organization:
    """Make an organization owned by ``owner`` (made too if not given)."""
    owner = owner or user(f"{name}-owner")
    return accounts.create_organization(actor=actor(owner), slug=name, **fields)


def team(organization: Organization, name: str = "devs", role: str = "member", **fields: Any) -> Team:
    """Make a team."""
    return accounts.create_team(actor=SYSTEM, organization=organization, slug=name, role=role, **fields)


def member(team: Team, *people: User) -> None:
    """Put people into a team."""
    for person in people:
        accounts.add_team_member(actor=SYSTEM, team=team, user=person)


def robot(owner: Organization | User, name: str = "ci", **fields: Any) -> Robot:
    """Make a robot of an organization or a person."""
    made, _ = accounts.create_robot(actor=SYSTEM, namespace=owner.namespace, shortname=name, **fields)
    return made


def robots(owner: Organization | User, count: int) -> list[Robot]:
    """Make many robots."""
    return [robot(owner, f"robot{number}") for number in range(count)]


def project(owner: Organization | User, name: str = "web", **fields: Any) -> Project:
    """Make a project; nobody gets a grant for having made it."""
    return projects.create_project(actor=SYSTEM, namespace=owner.namespace, slug=name, **fields)


def grant(project: Project, role: str, **holder: Any) -> None:
    """Grant a role on a project to ``user``, ``team`` or ``robot``."""
    projects.set_grant(actor=SYSTEM, project=project, role=role, **holder)


def token(user: User, scopes: str = ALL_SCOPES, **fields: Any) -> str:
    """Issue an API token of a person and return its secret."""
    _, secret = tokens.issue_api_token(actor=SYSTEM, user=user, scopes=scopes, **fields)
    return secret
