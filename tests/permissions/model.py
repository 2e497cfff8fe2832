"""A small model of who is what and may do what, written apart from the product: what test_model.py believes.

It knows people, organizations with teams, robots, projects ("repos"), grants, default grants ("rules"),
tokens and accounts as plain objects. It looks up no role, level or scope of the product.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

SCOPES = (
    "repo:read",
    "repo:write",
    "repo:admin",
    "repo:create",
    "user:read",
    "user:admin",
    "org:admin",
    "super:user",
)
ORG_ROLES = {"member": 1, "creator": 2, "admin": 3, "owner": 4, "auditor": 0}
REPO_ROLES = {"read": 1, "write": 2, "admin": 3}
# scope -> how far it goes in an organization, a project, the own account
REACH = {
    "repo:read": (0, 1, 0),
    "repo:write": (0, 2, 0),
    "repo:admin": (0, 3, 0),
    "repo:create": (2, 0, 0),
    "org:admin": (4, 0, 0),
    "user:read": (0, 0, 1),
    "user:admin": (0, 0, 3),
    "super:user": (0, 0, 0),
}

# What is needed for each right: the level on the ladder of its line. * marks those that hang on the own
# account where the namespace is one's own.
IN_ORGANIZATION = {
    1: "organization_read proxy_cache_read *robot_list *quota_read *quota_request",
    2: "project_create",
    3: """organization_administer organization_change organization_delete member_list member_change
        member_remove member_invite team_read team_create team_change team_delete team_member_change
        team_grant_list access_read default_grant_list default_grant_change proxy_cache_change team_sync
        application_list application_change *credential_list *robot_read *robot_secret *robot_create
        *robot_change *robot_delete *log_read *log_export *notification_read *notification_change
        *credential_issue *credential_revoke *trash_read *trash_change *run_read log_view_share
        log_stream_read log_stream_change""",
    9: "quota_change",  # nobody's by a role
}
IN_PROJECT = {
    1: "project_read",
    2: "project_write content_change build_log_read integration_change",
    3: """project_administer project_change project_delete project_usage_report grant_change project_log_read
        project_log_export project_notification_read project_notification_change content_administer
        content_manage project_connect project_credential_list""",
}
# What an auditor of the organization may, there and in its projects, as if she administered it.
BY_AUDITORS = """organization_read proxy_cache_read robot_list quota_read organization_administer member_list
    team_read team_grant_list access_read default_grant_list application_list credential_list robot_read
    log_read notification_read project_read build_log_read project_administer project_log_read
    project_notification_read content_administer project_credential_list trash_read
    run_read log_stream_read"""
ON_OWN_ACCOUNT = {
    1: "account_read",
    3: """account_administer account_change account_delete organization_create organization_leave
        grant_give_up star_change invitation_answer
        token_issue token_revoke""",
}
ON_INSTANCE = """instance_read instance_log_export instance_log_stream user_manage organization_manage
    account_manage service_key_manage message_manage quota_manage job_manage"""


def _needs(table: dict[int, str]) -> dict[str, int]:
    return {name.lstrip("*"): level for level, names in table.items() for name in names.split()}


ORGANIZATION, PROJECT, ACCOUNT = _needs(IN_ORGANIZATION), _needs(IN_PROJECT), _needs(ON_OWN_ACCOUNT)
INSTANCE, AUDITED = set(ON_INSTANCE.split()), set(BY_AUDITORS.split())
BY_OWN_ACCOUNT = {
    name[1:] for names in IN_ORGANIZATION.values() for name in names.split() if name.startswith("*")
}


@dataclass(eq=False)
class Home:
    """What has projects and robots: a person, or an organization."""

    name: str
    pk: int = 0
    robots: dict[str, Robot] = field(default_factory=dict)
    repos: dict[str, Repo] = field(default_factory=dict)


@dataclass(eq=False)
class Person(Home):
    """Somebody."""

    enabled: bool = True
    alive: bool = True
    superuser: bool = False


@dataclass(eq=False)
class Org(Home):
    """An organization. In ``roles`` stands who is in it; None is for those who are by their teams alone."""

    roles: dict[Person, str | None] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    keepers: set[Person] = field(default_factory=set)  # of the account that it hangs on
    account_pk: int = 0


@dataclass(eq=False)
class Team:
    """A team."""

    org: Org
    name: str
    role: str
    people: set[Person] = field(default_factory=set)
    robots: set[Robot] = field(default_factory=set)
    pk: int = 0


@dataclass(eq=False)
class Robot:
    """A robot."""

    home: Home
    name: str
    secret: str = ""
    pk: int = 0


@dataclass(eq=False)
class Repo:
    """A project."""

    home: Home
    name: str
    public: bool
    grants: dict[Person | Team | Robot, str] = field(default_factory=dict)
    pk: int = 0


@dataclass(eq=False)
class Rule:
    """A default grant; with a creator it is for what that person creates alone."""

    org: Org
    role: str
    holder: Person | Team | Robot
    creator: Person | None
    pk: int = 0


@dataclass(eq=False)
class Token:
    """A token of a person."""

    person: Person
    scopes: frozenset[str]
    secret: str
    revoked: bool = False
    pk: int = 0


@dataclass(frozen=True)
class Caller:
    """Who asks, with which scopes; None is a session, which limits nothing."""

    who: Person | Robot | None
    scopes: frozenset[str] | None = None

    def reach(self, ladder: int) -> int:
        """Return how far the credential goes in an organization (0), a project (1), the own account (2)."""
        if self.scopes is None:
            return 9
        return max((REACH[scope][ladder] for scope in self.scopes), default=0)

    def covers(self, scope: str) -> bool:
        """Return whether the credential goes as far as a scope, so that it may make a token of it."""
        if scope == "super:user":
            return self.scopes is None or scope in self.scopes
        return all(self.reach(ladder) >= REACH[scope][ladder] for ladder in range(3))

    @property
    def superuser(self) -> bool:
        """Whether a superuser asks, and may as one."""
        named = isinstance(self.who, Person) and self.who.superuser
        return named and (self.scopes is None or "super:user" in self.scopes)


@dataclass
class World:
    """Everything."""

    people: dict[str, Person] = field(default_factory=dict)
    orgs: dict[str, Org] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    dead_secrets: list[str] = field(default_factory=list)
    dead: list[Org] = field(default_factory=list)
    idle_accounts: list[set[Person]] = field(default_factory=list)  # keepers of accounts whose last org died

    def taken(self, name: str) -> bool:
        """Whether a living person or organization has the name."""
        return name in self.people or name in self.orgs

    @property
    def homes(self) -> list[Home]:
        """Whatever has projects and robots."""
        return [*self.people.values(), *self.orgs.values()]

    @property
    def teams(self) -> list[Team]:
        """All teams."""
        return [team for org in self.orgs.values() for team in org.teams.values()]

    @property
    def robots(self) -> list[Robot]:
        """All robots."""
        return [robot for home in self.homes for robot in home.robots.values()]

    @property
    def repos(self) -> list[Repo]:
        """All projects."""
        return [repo for home in self.homes for repo in home.repos.values()]

    @property
    def rules(self) -> list[Rule]:
        """All default grants."""
        return [rule for org in self.orgs.values() for rule in org.rules]


def copied(thing: Any) -> Any:
    """Return a copy of a thing and of all that hangs on it, several times quicker than ``copy`` does."""
    return pickle.loads(pickle.dumps(thing, pickle.HIGHEST_PROTOCOL))  # noqa: S301 (its own pickle)


# What somebody is ----------------------------------------------------------------------------------------


def standing(who: Any, org: Org) -> int:
    """Return how high somebody stands in an organization, whatever the credential."""
    if not isinstance(who, Person):
        return 0
    direct = ORG_ROLES[org.roles[who] or "member"] if who in org.roles else 0
    return max([direct, *(ORG_ROLES[team.role] for team in org.teams.values() if who in team.people)])


def audits(who: Any, org: Any) -> bool:
    """Whether somebody is auditor of an organization; she may stand in it by a team besides."""
    return isinstance(org, Org) and isinstance(who, Person) and org.roles.get(who) == "auditor"


def administered(org: Org) -> bool:
    """Whether somebody who can sign in administers the organization."""
    return any(person.enabled and standing(person, org) >= 3 for person in org.roles)


def of_repo(who: Any, repo: Repo) -> int:
    """Return what somebody may in a project by grants, teams and what is her own, not by its being public."""
    levels = [0]
    for holder, role in repo.grants.items():
        inside = isinstance(holder, Team) and (who in holder.people or who in holder.robots)
        if holder is who or inside:
            levels.append(REPO_ROLES[role])
    if repo.home is who or (isinstance(repo.home, Org) and standing(who, repo.home) >= 3):
        levels.append(3)
    return max(levels)


# What somebody may ---------------------------------------------------------------------------------------


def may(caller: Caller, right: str, target: Any) -> bool:
    """Tell whether the caller has a right on an organization, a team, a project, a person or None."""
    if right in INSTANCE:
        return caller.superuser
    if right in ACCOUNT:
        owner = caller.who if target is None else target
        return isinstance(owner, Person) and owner is caller.who and caller.reach(2) >= ACCOUNT[right]
    if right in PROJECT:
        height = 3 if right in AUDITED and audits(caller.who, target.home) else of_repo(caller.who, target)
        by_role = min(height, caller.reach(1))
        return max(by_role, int(target.public)) >= PROJECT[right]
    needed = ORGANIZATION[right]
    if isinstance(target, Person):
        if target is not caller.who:
            return False
        if right in BY_OWN_ACCOUNT:
            return caller.reach(2) >= 3
        return min(4, caller.reach(0)) >= needed
    if isinstance(target, Team):
        if right == "team_read" and caller.who in target.people:
            needed = 1
        target = target.org
    height = 3 if right in AUDITED and audits(caller.who, target) else 0
    return min(max(height, standing(caller.who, target)), caller.reach(0)) >= needed


def level_in(caller: Caller, org: Org) -> int:
    """Return how high the caller acts in an organization."""
    return min(standing(caller.who, org), caller.reach(0))
