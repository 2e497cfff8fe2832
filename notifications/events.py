"""What one can be told about: each event, and the kinds of log entry that it comes from.

A kind that no event names is heard by nobody, and costs nobody anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logs import kinds

if TYPE_CHECKING:
    from logs.kinds import LogKind


@dataclass(frozen=True)
class Event:
    """An event. ``words`` complete "tell me when …"; ``of_project`` if one project can be listened to for it.

    ``options`` are the keys that a subscription's ``event_config`` may have.
    """

    name: str
    words: str
    kinds: tuple[LogKind, ...]
    of_project: bool = False
    options: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name


EVENTS: dict[str, Event] = {}
# kind of log entry -> the event it means; a kind means one event at most
EVENT_OF_KIND: dict[str, Event] = {}

# Names of the Quay wire for what happens to images and builds (quay-b.md 4.2): not ours to use.
RESERVED = frozenset(
    {
        "repo_push",
        "build_queued",
        "build_start",
        "build_success",
        "build_failure",
        "build_cancelled",
        "vulnerability_found",
        "repo_mirror_sync_started",
        "repo_mirror_sync_success",
        "repo_mirror_sync_failed",
        "repo_image_expiry",
    }
)


def event(name: str, words: str, *found: LogKind, of_project: bool = False) -> Event:
    """Register an event."""
    taken = [kind.name for kind in found if kind.name in EVENT_OF_KIND]
    if name in EVENTS or name in RESERVED or taken:
        message = f"event {name}, or that of one of {taken}, exists"
        raise ValueError(message)
    made = EVENTS[name] = Event(name, words, found, of_project)
    EVENT_OF_KIND.update(dict.fromkeys([kind.name for kind in found], made))
    return made


# Projects
event("repo_create", "a project is created", kinds.CREATE_REPO)
event("repo_delete", "a project is deleted", kinds.DELETE_REPO)
event(
    "repo_change",
    "a project's description, profile or state is changed",
    kinds.SET_REPO_DESCRIPTION,
    kinds.CHANGE_REPO_PROFILE,
    kinds.CHANGE_REPO_STATE,
    of_project=True,
)
event(
    "repo_visibility_change",
    "a project is made public or private",
    kinds.CHANGE_REPO_VISIBILITY,
    of_project=True,
)
event(
    "repo_permission_change",
    "a permission on a project is granted, changed or revoked",
    kinds.CHANGE_REPO_PERMISSION,
    kinds.DELETE_REPO_PERMISSION,
    of_project=True,
)
event(
    "default_permission_change",
    "a default permission is added, changed or removed",
    kinds.CREATE_PROTOTYPE,
    kinds.MODIFY_PROTOTYPE,
    kinds.DELETE_PROTOTYPE,
)

# Organizations, members, teams
event(
    "org_change",
    "the organization's settings or profile are changed",
    kinds.ORG_CHANGE_EMAIL,
    kinds.ORG_CHANGE_INVOICING,
    kinds.ORG_CHANGE_TAG_EXPIRATION,
    kinds.ORG_CHANGE_NAME,
    kinds.ORG_CHANGE_PROFILE,
    kinds.ORG_IMPORT,
)
event(
    "member_change",
    "a member's role is changed, or a member is removed",
    kinds.ORG_SET_MEMBER_ROLE,
    kinds.ORG_REMOVE_MEMBER,
    kinds.TAKE_OWNERSHIP,
)
event("team_create", "a team is created", kinds.ORG_CREATE_TEAM)
event(
    "team_change",
    "a team's description, role or profile is changed",
    kinds.ORG_SET_TEAM_DESCRIPTION,
    kinds.ORG_SET_TEAM_ROLE,
    kinds.ORG_CHANGE_TEAM,
)
event("team_delete", "a team is deleted", kinds.ORG_DELETE_TEAM)
event(
    "team_member_change",
    "somebody joins a team, leaves it, or maintains it",
    kinds.ORG_ADD_TEAM_MEMBER,
    kinds.ORG_REMOVE_TEAM_MEMBER,
    kinds.ORG_SET_TEAM_MAINTAINER,
    kinds.ORG_INVITE_ACCEPTED,
)
event(
    "team_invitation",
    "somebody is invited to a team, declines, or is invited no more",
    kinds.ORG_INVITE_TEAM_MEMBER,
    kinds.ORG_DELETE_TEAM_MEMBER_INVITE,
    kinds.ORG_INVITE_DECLINED,
)

# Robots, credentials
event("robot_create", "a robot is created", kinds.CREATE_ROBOT)
event(
    "robot_change",
    "a robot is changed, enabled or disabled, or who may act as it",
    kinds.CHANGE_ROBOT,
    kinds.ENABLE_ROBOT,
    kinds.DISABLE_ROBOT,
    kinds.CREATE_ROBOT_FEDERATION,
    kinds.DELETE_ROBOT_FEDERATION,
)
event("robot_delete", "a robot is deleted", kinds.DELETE_ROBOT)
event("robot_token_change", "a robot's token is made anew", kinds.REGENERATE_ROBOT_TOKEN)
event(
    "credential_create",
    "a token is made",
    kinds.CREATE_OAUTH_API_TOKEN,
    kinds.CREATE_APP_TOKEN,
)
event(
    "credential_revoke",
    "a token is revoked",
    kinds.REVOKE_OAUTH_API_TOKEN,
    kinds.REVOKE_APP_TOKEN,
)

# Limits, exports
event(
    "quota_change",
    "a quota or a limit is set, changed or removed",
    kinds.ORG_CREATE_QUOTA,
    kinds.ORG_CHANGE_QUOTA,
    kinds.ORG_DELETE_QUOTA,
    kinds.CHANGE_LIMIT,
)
event("quota_warning", "storage reaches a threshold that warns", kinds.QUOTA_WARNING)
event("quota_error", "storage reaches a threshold beyond which growth is refused", kinds.QUOTA_ERROR)
event("log_export_request", "an export of the usage log is requested", kinds.EXPORT_LOGS_SUCCESS)
