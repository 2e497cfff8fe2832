"""What one can be told about: each event, and the kinds of log entry that it comes from.

A kind that no event names is heard by nobody, and costs nobody anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from logs import kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logs.kinds import LogKind


class Level(StrEnum):
    """How grave an event is; channels that know colours show it."""

    PRIMARY = "primary"
    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Event:
    """An event. ``words`` complete "tell me when …"; ``of_project`` if one project can be listened to for it.

    ``options`` are the keys that a subscription's ``event_config`` may have. A ``plain`` event is one of the
    Quay wire (quay-b.md 4.2): the metadata of its log entry are the very data that a receiver there gets.
    ``sample`` are such data for tests, and ``summary`` tells them in one line.
    """

    name: str
    words: str
    kinds: tuple[LogKind, ...] = ()
    of_project: bool = False
    options: frozenset[str] = frozenset()
    level: Level = Level.INFO
    plain: bool = False
    sample: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""

    def __str__(self) -> str:
        return self.name


# What integrations of the FlexStack wire are asked to tell (flexstack.md 5.3, 8): flag -> type of the event.
# There are no deployments and no services here, so that none ever comes by itself; tests can be sent.
INTEGRATION = "deployments"
FLAGS = {
    "deployments_failed": "deployments.failed",
    "deployments_in_progress": "deployments.in_progress",
    "deployments_succeeded": "deployments.succeeded",
    "marketing_changelog": "marketing.changelog",
    "marketing_promotions": "marketing.promotions",
    "services_alarm": "services.alarm",
    "services_ok": "services.ok",
}

EVENTS: dict[str, Event] = {}
# kind of log entry -> the event it means; a kind means one event at most
EVENT_OF_KIND: dict[str, Event] = {}


def event(name: str, words: str, *found: LogKind, **more: Any) -> Event:
    """Register an event."""
    taken = [kind.name for kind in found if kind.name in EVENT_OF_KIND]
    if name in EVENTS or taken:
        message = f"event {name}, or that of one of {taken}, exists"
        raise ValueError(message)
    made = EVENTS[name] = Event(name, words, found, **more)
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
    "a permission on a project is granted, changed, given up or revoked",
    kinds.CHANGE_REPO_PERMISSION,
    kinds.DELETE_REPO_PERMISSION,
    kinds.GIVE_UP_REPO_PERMISSION,
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
    kinds.ORG_REQUIRE_SECOND_FACTOR,
    kinds.ORG_WAIVE_SECOND_FACTOR,
    kinds.ORG_APPLY,
    kinds.ORG_IMPORT,
)
event(
    "member_change",
    "a member joins, gets another role, leaves or is removed",
    kinds.ORG_SET_MEMBER_ROLE,
    kinds.ORG_REMOVE_MEMBER,
    kinds.ORG_LEAVE,
    kinds.TAKE_OWNERSHIP,
    kinds.ORG_MEMBER_INVITE_ACCEPTED,
)
event(
    "member_invitation",
    "somebody is invited to the organization, declines, or is invited no more",
    kinds.ORG_INVITE_MEMBER,
    kinds.ORG_DELETE_MEMBER_INVITE,
    kinds.ORG_MEMBER_INVITE_DECLINED,
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
    kinds.CREATE_TOKEN,
)
event(
    "credential_revoke",
    "a token is revoked",
    kinds.REVOKE_OAUTH_API_TOKEN,
    kinds.REVOKE_APP_TOKEN,
    kinds.REVOKE_TOKEN,
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
event("log_export_request", "an export of the usage log is requested", kinds.EXPORT_LOGS_SUCCESS)

# Storage: what a namespace uses passes a threshold of its quota (quay-b.md 4.5, 6.6)
_FULL = {
    "threshold_percent": 80,
    "usage_bytes": 8 * 1024**3,
    "limit_bytes": 10 * 1024**3,
    "usage_percent": 80,
    "usage_bytes_formatted": "8.0 GiB",
    "limit_bytes_formatted": "10.0 GiB",
}
event(
    "quota_warning",
    "storage reaches a threshold that warns",
    kinds.QUOTA_WARNING,
    of_project=True,
    level=Level.WARNING,
    plain=True,
    sample=_FULL,
)
event(
    "quota_error",
    "storage reaches a threshold beyond which growth is refused",
    kinds.QUOTA_ERROR,
    of_project=True,
    level=Level.ERROR,
    plain=True,
    sample=_FULL
    | {"threshold_percent": 100, "usage_bytes": 10 * 1024**3, "usage_percent": 100}
    | {"usage_bytes_formatted": "10.0 GiB"},
)

# Names of the Quay wire for what happens to the content of a registry (quay-b.md 4.2). One may subscribe to
# them and send tests; there is no content here, so that they never come by themselves.
_BUILD = {
    "build_id": "0f1c7d9a-0000-4000-8000-000000000000",
    "build_name": "sample build",
    "docker_tags": ["latest", "v1"],
    "trigger_id": "1245634",
    "trigger_kind": "github",
    "trigger_metadata": {"default_branch": "main", "ref": "refs/heads/main", "commit": "b7f7d2b948aacbe8"},
}


def _of_content(
    name: str, words: str, summary: str, level: Level, sample: dict[str, Any], *options: str
) -> None:
    event(
        name,
        words,
        of_project=True,
        level=level,
        plain=True,
        sample=sample,
        summary=summary,
        options=frozenset(options),
    )


_of_content(
    "repo_push",
    "an image is pushed",
    "An image was pushed to {repository}",
    Level.PRIMARY,
    {"updated_tags": ["latest", "foo"], "pruned_image_count": 3},
)
_of_content(
    "build_queued",
    "a build is queued",
    "A build of {repository} was queued",
    Level.INFO,
    _BUILD | {"is_manual": False, "manual_user": None, "repo": "sample"},
    "ref-regex",
)
_of_content(
    "build_start", "a build starts", "A build of {repository} started", Level.INFO, _BUILD, "ref-regex"
)
_of_content(
    "build_success",
    "a build succeeds",
    "A build of {repository} succeeded",
    Level.SUCCESS,
    _BUILD | {"image_id": "1245657346", "manifest_digests": [f"sha256:{'0' * 64}"]},
    "ref-regex",
)
_of_content(
    "build_failure",
    "a build fails",
    "A build of {repository} failed",
    Level.ERROR,
    _BUILD | {"error_message": "This is a sample of a failure"},
    "ref-regex",
)
_of_content(
    "build_cancelled",
    "a build is cancelled",
    "A build of {repository} was cancelled",
    Level.INFO,
    _BUILD,
    "ref-regex",
)
_of_content(
    "vulnerability_found",
    "a vulnerability is found in an image",
    "A vulnerability was found in {repository}",
    Level.INFO,
    {
        "tags": ["latest", "prod"],
        "vulnerability": {
            "id": "CVE-FAKE-CVE",
            "description": "A sample of a vulnerability",
            "link": "https://security.example.com/CVE-FAKE-CVE",
            "priority": "Critical",
            "has_fix": True,
        },
    },
    "level",
)
_of_content(
    "repo_mirror_sync_started",
    "mirroring starts",
    "Mirroring {repository} started",
    Level.INFO,
    {"message": "This is a sample of a message"},
)
_of_content(
    "repo_mirror_sync_success",
    "mirroring succeeds",
    "Mirroring {repository} succeeded",
    Level.SUCCESS,
    {"message": "This is a sample of a message"},
)
_of_content(
    "repo_mirror_sync_failed",
    "mirroring fails",
    "Mirroring {repository} failed",
    Level.ERROR,
    {"message": "This is a sample of a message"},
)
_of_content(
    "repo_image_expiry",
    "a tag is about to expire",
    "Tags of {repository} are about to expire",
    Level.INFO,
    {"tags": ["latest", "v1"], "expiring_in": "1 days"},
    "days",
)
