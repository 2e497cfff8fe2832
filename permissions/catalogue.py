"""The one catalogue of roles, scopes and rights, and how they map onto each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from django.db.models import TextChoices


class OrganizationRole(TextChoices):
    """A person's role in an organization, strongest first; auditors stand beside that ladder."""

    OWNER = "owner"
    ADMIN = "admin"
    CREATOR = "creator"
    MEMBER = "member"
    AUDITOR = "auditor"  # every reading right of an administrator, and no other right


class ProjectRole(TextChoices):
    """A role on one project, strongest first."""

    ADMIN = "admin"
    WRITE = "write"
    READ = "read"


class Ladder(TextChoices):
    """What a level is measured on."""

    ORGANIZATION = "organization"
    PROJECT = "project"
    ACCOUNT = "own account"
    INSTANCE = "instance"


class Level(IntEnum):
    """Levels on every ladder, so that they compare: the effective one is the minimum of role and scopes."""

    NONE = 0
    READ = 1  # project: read; own account: read; organization: member; instance: read-only superuser
    WRITE = 2  # project: write; organization: creator
    ADMIN = 3  # project, own account, organization: admin; instance: superuser
    OWNER = 4  # organization only
    ABOVE = 5  # what no role in an organization gives: superusers with full access


MEMBER, CREATOR = Level.READ, Level.WRITE

ORGANIZATION_LEVEL: dict[str, Level] = {
    OrganizationRole.MEMBER: MEMBER,
    OrganizationRole.CREATOR: CREATOR,
    OrganizationRole.ADMIN: Level.ADMIN,
    OrganizationRole.OWNER: Level.OWNER,
    # No rung: whatever asks for a level asks in vain, be it the lowest. What she sees stands in AUDITED.
    OrganizationRole.AUDITOR: Level.NONE,
}
# How high an auditor stands where nothing but reading is asked for, in the organization and in its projects.
AUDITED = Level.ADMIN


def giver_level(role: str) -> Level:
    """Return how high somebody must stand who gives a role: nobody shows others more than she manages."""
    return AUDITED if role == OrganizationRole.AUDITOR else ORGANIZATION_LEVEL[role]


def adds_to(role: str, has: str) -> bool:
    """Tell whether a role gives more than another, and all that the other gives.

    Of auditor and creator neither does: one sees more, the other makes projects.
    """
    new, old = role_rank(role), role_rank(has)
    return new != old and all(mine >= hers for mine, hers in zip(new, old, strict=True))


def role_rank(role: str) -> tuple[Level, Level]:
    """Return how far a role changes things, and how far it sees: by that roles are put in order.

    Members change nothing by being members, and so stand no higher than auditors.
    """
    level = ORGANIZATION_LEVEL[role]
    return max(level, MEMBER), AUDITED if role == OrganizationRole.AUDITOR else level


PROJECT_LEVEL: dict[str, Level] = {
    ProjectRole.READ: Level.READ,
    ProjectRole.WRITE: Level.WRITE,
    ProjectRole.ADMIN: Level.ADMIN,
}
PROJECT_ROLE_OF_LEVEL = {level: role for role, level in PROJECT_LEVEL.items()}


class Scope(TextChoices):
    """What a token may be limited to (quay-a.md 4.1)."""

    REPO_READ = "repo:read"
    REPO_WRITE = "repo:write"
    REPO_ADMIN = "repo:admin"
    REPO_CREATE = "repo:create"
    USER_READ = "user:read"
    USER_ADMIN = "user:admin"
    ORG_ADMIN = "org:admin"
    SUPER_USER = "super:user"


# scope -> the ladder it speaks of and the highest level it allows there (quay-a.md 4.1)
SCOPE_CEILING: dict[str, tuple[Ladder, Level]] = {
    Scope.REPO_READ: (Ladder.PROJECT, Level.READ),
    Scope.REPO_WRITE: (Ladder.PROJECT, Level.WRITE),
    Scope.REPO_ADMIN: (Ladder.PROJECT, Level.ADMIN),
    Scope.REPO_CREATE: (Ladder.ORGANIZATION, CREATOR),
    Scope.ORG_ADMIN: (Ladder.ORGANIZATION, Level.OWNER),
    Scope.USER_READ: (Ladder.ACCOUNT, Level.READ),
    Scope.USER_ADMIN: (Ladder.ACCOUNT, Level.ADMIN),
    Scope.SUPER_USER: (Ladder.INSTANCE, Level.ADMIN),
}


@dataclass(frozen=True)
class Right:
    """Something an actor may do.

    ``level`` is needed on ``ladder``. For a right on a namespace that belongs to a person, ``own`` says which
    level of her own account is needed instead; None keeps the ladder (she is owner of her own namespace).
    ``reading`` rights change nothing and tell no secret: auditors of an organization hold them there, and
    read-only superusers hold them everywhere, who lose all others but the ``harmless`` ones.
    """

    name: str
    ladder: Ladder
    level: Level
    own: Level | None = None
    reading: bool = False
    sentence: str = ""

    def __str__(self) -> str:
        return self.name

    @property
    def harmless(self) -> bool:
        """Tell whether nothing is changed, and no secret told, by who has this right."""
        return self.reading or self.name in ("account_read", "account_administer")


RIGHTS: dict[str, Right] = {}


def _right(
    name: str, ladder: Ladder, level: Level, sentence: str, *, own: Level | None = None, reading: bool = False
) -> Right:
    right = Right(name, ladder, level, own, reading, sentence)
    RIGHTS[name] = right
    return right


_ORG, _PRJ, _OWN, _ALL = Ladder.ORGANIZATION, Ladder.PROJECT, Ladder.ACCOUNT, Ladder.INSTANCE
_R, _W, _A = Level.READ, Level.WRITE, Level.ADMIN

# Organizations
ORGANIZATION_READ = _right("organization_read", _ORG, MEMBER, "see the organization's inside", reading=True)
ORGANIZATION_ADMINISTER = _right(
    "organization_administer", _ORG, _A, "see the organization's settings", reading=True
)
ORGANIZATION_CHANGE = _right("organization_change", _ORG, _A, "change the organization's settings")
ORGANIZATION_DELETE = _right("organization_delete", _ORG, _A, "delete the organization")
MEMBER_LIST = _right("member_list", _ORG, _A, "list the organization's members", reading=True)
MEMBER_CHANGE = _right("member_change", _ORG, _A, "change the roles of members")
MEMBER_REMOVE = _right("member_remove", _ORG, _A, "remove members from the organization")
MEMBER_INVITE = _right("member_invite", _ORG, _A, "invite people to the organization")
TEAM_READ = _right("team_read", _ORG, _A, "see the team's members", reading=True)
TEAM_CREATE = _right("team_create", _ORG, _A, "create teams")
TEAM_CHANGE = _right("team_change", _ORG, _A, "change teams")
TEAM_DELETE = _right("team_delete", _ORG, _A, "delete teams")
TEAM_MEMBER_CHANGE = _right("team_member_change", _ORG, _A, "add and remove members of teams")
TEAM_SYNC = _right("team_sync", _ORG, _A, "bind teams to groups of a directory")
TEAM_GRANT_LIST = _right("team_grant_list", _ORG, _A, "see what teams may do", reading=True)
DEFAULT_GRANT_LIST = _right("default_grant_list", _ORG, _A, "see default permissions", reading=True)
DEFAULT_GRANT_CHANGE = _right("default_grant_change", _ORG, _A, "change default permissions")
ACCESS_READ = _right("access_read", _ORG, _A, "see who may do what in the organization", reading=True)

# Namespaces: an organization's, or a person's own
PROJECT_CREATE = _right("project_create", _ORG, CREATOR, "create projects")
ROBOT_LIST = _right("robot_list", _ORG, MEMBER, "list robots", own=_A, reading=True)
ROBOT_READ = _right("robot_read", _ORG, _A, "see robots and what they may do", own=_A, reading=True)
ROBOT_SECRET = _right("robot_secret", _ORG, _A, "see robots' tokens", own=_A)
ROBOT_CREATE = _right("robot_create", _ORG, _A, "create robots", own=_A)
ROBOT_CHANGE = _right("robot_change", _ORG, _A, "change robots", own=_A)
ROBOT_DELETE = _right("robot_delete", _ORG, _A, "delete robots", own=_A)
LOG_READ = _right("log_read", _ORG, _A, "read the usage log", own=_A, reading=True)
LOG_EXPORT = _right("log_export", _ORG, _A, "export the usage log", own=_A)
LOG_STREAM_READ = _right("log_stream_read", _ORG, _A, "see where the usage log is streamed to", reading=True)
LOG_STREAM_CHANGE = _right("log_stream_change", _ORG, _A, "stream the usage log to a receiver, and end that")
LOG_VIEW_SHARE = _right("log_view_share", _ORG, _A, "share views of the usage log, and change shared ones")
NOTIFICATION_READ = _right("notification_read", _ORG, _A, "see notifications", own=_A, reading=True)
NOTIFICATION_CHANGE = _right(
    "notification_change", _ORG, _A, "add, test, reset and remove notifications", own=_A
)
QUOTA_READ = _right("quota_read", _ORG, MEMBER, "see quotas", own=_A, reading=True)
QUOTA_REQUEST = _right("quota_request", _ORG, MEMBER, "ask for a higher limit", own=_A)
QUOTA_CHANGE = _right("quota_change", _ORG, Level.ABOVE, "change quotas")
PROXY_CACHE_READ = _right("proxy_cache_read", _ORG, MEMBER, "see the proxy cache", reading=True)
PROXY_CACHE_CHANGE = _right("proxy_cache_change", _ORG, _A, "change the proxy cache")
CREDENTIAL_LIST = _right(
    "credential_list", _ORG, _A, "see the organization's tokens, without their secrets", own=_A, reading=True
)
CREDENTIAL_ISSUE = _right("credential_issue", _ORG, _A, "issue tokens for the organization", own=_A)
CREDENTIAL_REVOKE = _right("credential_revoke", _ORG, _A, "revoke the organization's tokens", own=_A)
APPLICATION_LIST = _right("application_list", _ORG, _A, "see the organization's applications", reading=True)
APPLICATION_CHANGE = _right("application_change", _ORG, _A, "change the organization's applications")

TRASH_READ = _right("trash_read", _ORG, _A, "see what was deleted", own=_A, reading=True)
TRASH_CHANGE = _right("trash_change", _ORG, _A, "restore what was deleted, or end it for good", own=_A)
RUN_READ = _right("run_read", _ORG, _A, "see what was done to many things at once", own=_A, reading=True)

# Projects
PROJECT_READ = _right("project_read", _PRJ, _R, "see the project", reading=True)
PROJECT_WRITE = _right("project_write", _PRJ, _W, "change the project's description")
PROJECT_ADMINISTER = _right(
    "project_administer", _PRJ, _A, "see who may do what in the project", reading=True
)
PROJECT_CHANGE = _right("project_change", _PRJ, _A, "change the project's visibility and state")
PROJECT_DELETE = _right("project_delete", _PRJ, _A, "delete the project")
PROJECT_USAGE_REPORT = _right("project_usage_report", _PRJ, _A, "report the project's size")
PROJECT_CONNECT = _right(
    "project_connect", _PRJ, _A, "connect the project to a cloud provider, and disconnect it"
)
PROJECT_CREDENTIAL_LIST = _right(
    "project_credential_list", _PRJ, _A, "see the project's tokens, without their secrets", reading=True
)
GRANT_CHANGE = _right("grant_change", _PRJ, _A, "change who may do what in the project")
PROJECT_LOG_READ = _right("project_log_read", _PRJ, _A, "read the project's usage log", reading=True)
PROJECT_LOG_EXPORT = _right("project_log_export", _PRJ, _A, "export the project's usage log")
PROJECT_NOTIFICATION_READ = _right(
    "project_notification_read", _PRJ, _A, "see the project's notifications", reading=True
)
PROJECT_NOTIFICATION_CHANGE = _right(
    "project_notification_change", _PRJ, _A, "add, test, reset and remove the project's notifications"
)
INTEGRATION_CHANGE = _right(
    "integration_change", _PRJ, _W, "add, change and remove integrations, and see their secrets"
)
# What is inside of projects
CONTENT_CHANGE = _right("content_change", _PRJ, _W, "change tags and labels, and start builds")
BUILD_LOG_READ = _right("build_log_read", _PRJ, _W, "read the logs of builds", reading=True)
CONTENT_ADMINISTER = _right("content_administer", _PRJ, _A, "see build triggers and mirrors", reading=True)
CONTENT_MANAGE = _right("content_manage", _PRJ, _A, "change build triggers and mirrors, and cancel builds")

# One's own account
ACCOUNT_READ = _right("account_read", _OWN, _R, "see the own account")
ACCOUNT_ADMINISTER = _right("account_administer", _OWN, _A, "see all of the own account")
ACCOUNT_CHANGE = _right("account_change", _OWN, _A, "change the own account")
ACCOUNT_DELETE = _right("account_delete", _OWN, _A, "delete the own account")
ORGANIZATION_CREATE = _right("organization_create", _OWN, _A, "create organizations")
ORGANIZATION_LEAVE = _right("organization_leave", _OWN, _A, "leave organizations")
GRANT_GIVE_UP = _right("grant_give_up", _OWN, _A, "give up permissions on projects")
STAR_CHANGE = _right("star_change", _OWN, _A, "star projects")
INVITATION_ANSWER = _right("invitation_answer", _OWN, _A, "accept and decline invitations")
TOKEN_ISSUE = _right("token_issue", _OWN, _A, "make own tokens")
TOKEN_REVOKE = _right("token_revoke", _OWN, _A, "revoke own tokens")

# The instance
INSTANCE_READ = _right("instance_read", _ALL, _R, "see the whole instance", reading=True)
INSTANCE_LOG_EXPORT = _right("instance_log_export", _ALL, _A, "export the whole usage log")
INSTANCE_LOG_STREAM = _right("instance_log_stream", _ALL, _A, "stream the whole usage log to a receiver")
USER_MANAGE = _right("user_manage", _ALL, _A, "manage people")
ORGANIZATION_MANAGE = _right("organization_manage", _ALL, _A, "manage all organizations")
ACCOUNT_MANAGE = _right("account_manage", _ALL, _A, "manage group accounts")
SERVICE_KEY_MANAGE = _right("service_key_manage", _ALL, _A, "manage service keys")
MESSAGE_MANAGE = _right("message_manage", _ALL, _A, "write messages to everybody")
QUOTA_MANAGE = _right("quota_manage", _ALL, _A, "change quotas")
JOB_MANAGE = _right("job_manage", _ALL, _A, "let jobs of workers be tried again")
