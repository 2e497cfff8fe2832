"""The objects that many operations of the Quay wire share: avatars, people, teams, organizations, quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from api.quay.dates import rfc2822
from core.avatars import avatar
from permissions.catalogue import Level
from tokens import services as tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import Organization, Robot, Team, User
    from accounts.selectors import ListedRobot, ListedTeam
    from permissions.models import Grant
    from quotas.selectors import Storage
    from tokens.models import Application


def user_avatar(user: User) -> dict[str, str]:
    """Return a person's avatar."""
    return avatar(user.username, email=user.email, kind="user")


def organization_avatar(organization: Organization, kind: str = "org") -> dict[str, str]:
    """Return an organization's avatar; its own view alone calls the kind ``user`` (quay-a.md 1.2)."""
    return avatar(organization.slug, email=organization.email, kind=kind)


def team_avatar(team: Team | ListedTeam) -> dict[str, str]:
    """Return a team's avatar."""
    return avatar(team.slug, kind="team")


def robot_avatar(robot: Robot) -> dict[str, str]:
    """Return a robot's avatar."""
    return avatar(robot.full_name, kind="robot")


def application_avatar(application: Application) -> dict[str, str]:
    """Return an application's avatar."""
    return avatar(application.name, email=application.avatar_email or "", kind="app")


def entity(user: User | None, robot: Robot | None) -> dict[str, Any]:
    """Return the four keys by which the wire names a person or a robot."""
    if robot is not None:
        return {"name": robot.full_name, "kind": "user", "is_robot": True, "avatar": robot_avatar(robot)}
    if user is None:
        return {}
    return {"name": user.username, "kind": "user", "is_robot": False, "avatar": user_avatar(user)}


def team_view(team: Team | ListedTeam, *, can_view: bool, **extra: Any) -> dict[str, Any]:
    """Return a team as the team operations show it (quay-a.md 8)."""
    return {
        "name": team.slug,
        "description": team.description,
        "can_view": can_view,
        "role": team.role,
        "avatar": team_avatar(team),
        **extra,
    }


def grant_views(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Return what a team or a robot may do where (quay-a.md 8 and 10)."""
    return [
        {
            "repository": {
                "name": grant.project.slug,
                "is_public": grant.project.visibility == "public",
            },
            "role": grant.role,
        }
        for grant in grants
    ]


def robot_view(robot: Robot | ListedRobot, *, token: str | None) -> dict[str, Any]:
    """Return a robot; ``token`` None leaves the key out, as the wire does (quay-a.md 10)."""
    living = getattr(robot, "living", [])
    used = living[0].last_used_at if living else getattr(robot, "last_used_at", None)
    body: dict[str, Any] = {
        "name": robot.full_name,
        "created": rfc2822(robot.created_at),
        "last_accessed": rfc2822(used),
        "description": robot.description,
    }
    if token is not None:
        body["token"] = token
    return body


def robot_token(robot: Robot | ListedRobot) -> str:
    """Return a robot's living token in clear; the caller has checked the right. Empty if it has none."""
    living = getattr(robot, "living", [])
    return tokens.reveal(living[0]) if living else ""


def is_admin_level(level: Level) -> bool:
    """Tell whether the wire calls this organization level admin."""
    return level >= Level.ADMIN


def quota_views(quota: Storage | None) -> dict[str, Any]:
    """Return ``quotas`` and ``quota_report`` of a namespace's bytes (quay-b.md 6.1, 6.5)."""
    if not settings.QUOTA_MANAGEMENT:
        return {}
    limit = quota.limit if quota is not None else None
    quotas = []
    if quota is not None and limit is not None:
        limits = [{"id": step.pk, "type": step.kind, "limit_percent": step.percent} for step in quota.steps]
        quotas.append({"id": quota.pk, "limit_bytes": limit, "limits": limits})
    # What is reported is counted at once; as long as nothing was, there is no total (6.5).
    status = "complete" if quota is not None and quota.is_counted else "waiting"
    return {
        "quotas": quotas,
        "quota_report": {
            "quota_bytes": quota.used if quota is not None else 0,
            "configured_quota": quota.configured if quota is not None else None,
            "running_backfill": status,
            "backfill_status": status,
        },
    }
