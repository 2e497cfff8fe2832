"""The demo organization ``northwind``, made through the services, then moved into the past.

It was founded a good year ago, has a month of dense history, limits that are nearly reached, and robots of
every kind: busy ones, forgotten ones, one whose token is about to expire.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from core.actor import Actor
from logs import kinds
from logs import selectors as logs
from logs.record import draft, record_many
from projects import services as projects
from quotas import services as quotas

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accounts.models import Organization, Robot, Team, User
    from logs.kinds import LogKind
    from logs.models import LogEntry
    from projects.models import Project

ORGANIZATION = "northwind"
DAYS = 30
FOUNDED_DAYS, SETTLED_DAYS = 400, 45  # it was built up in between
A_DAYS_WORK = 6  # things made on one day
SEED = 20  # the same month every time: tests and screenshots can count on it

PEOPLE = (  # user name, name, role in the organization
    ("amira", "Amira Haddad", "owner"),
    ("jonas", "Jonas Lindqvist", "admin"),
    ("mei", "Mei Tanaka", "admin"),
    ("tomasz", "Tomasz Zielinski", "creator"),
    ("carla", "Carla Moreau", "creator"),
    ("dev", "Dev Banerjee", "creator"),
    ("elif", "Elif Aydin", "creator"),
    ("nils", "Nils Bakker", "member"),
    ("rosa", "Rosa Delgado", "member"),
    ("samuel", "Samuel Okoye", "member"),
    ("hanna", "Hanna Virtanen", "member"),
    ("luca", "Luca Ferri", "member"),
    ("priya", "Priya Raman", "member"),
    ("owen", "Owen Gallagher", "member"),
    ("yara", "Yara Mansour", "member"),
    ("felix", "Felix Brandt", "member"),
    ("ines", "Ines Carvalho", "member"),
    ("kofi", "Kofi Mensah", "member"),
    ("greta", "Greta Nyholm", "member"),
    ("pavel", "Pavel Novak", "member"),
)
TEAMS = (  # slug, name, role, description, members
    ("platform", "Platform", "creator", "Runs what everybody else builds on", "tomasz jonas nils felix kofi"),
    ("storefront", "Storefront", "creator", "The shop, on every screen", "carla rosa hanna owen ines"),
    ("data", "Data & reports", "member", "Numbers people can trust", "mei priya samuel yara"),
    ("support", "Customer support", "member", "First to hear when something breaks", "greta pavel luca"),
)
MAKERS = {
    "platform": "tomasz",
    "storefront": "carla",
    "data": "mei",
    "support": "jonas",
}  # who makes projects
PROJECTS = (  # slug, team, visibility, description
    ("shop-web", "storefront", "private", "The web shop"),
    ("shop-mobile", "storefront", "private", "The shop's apps for phones"),
    ("design-system", "storefront", "public", "Components and tokens that every page is made of"),
    ("checkout", "storefront", "private", "Basket, payment and receipts"),
    ("orders", "platform", "private", "From placed to delivered: the order service"),
    ("inventory", "platform", "private", "What is in which warehouse"),
    ("identity", "platform", "private", "Sign-in for customers and suppliers"),
    ("infrastructure", "platform", "private", "Hosts, networks and certificates as code"),
    ("base-images", "platform", "public", "Container images that services start from"),
    ("warehouse-reports", "data", "private", "Nightly reports for the warehouses"),
    ("demand-forecast", "data", "private", "What will be ordered next month"),
    ("help-center", "support", "public", "Articles for customers, in five languages"),
)
STORED = (  # GiB: slug, size
    ("shop-web", 21.4),
    ("shop-mobile", 48.9),
    ("design-system", 3.2),
    ("checkout", 14.7),
    ("orders", 37.1),
    ("inventory", 26.3),
    ("identity", 9.8),
    ("base-images", 164.5),
    ("warehouse-reports", 11.6),
    ("demand-forecast", 72.9),
    ("help-center", 0.4),
)
GIB = 2**30
GROWN = {
    "bytes": 0.2,
    "robots": 0.2,
    "members": 0.1,
    "projects": 0.1,
}  # within the month, of what is used now
LIMITS = ((quotas.Resource.ROBOTS, 12), (quotas.Resource.PROJECTS, 25), (quotas.Resource.MEMBERS, 50))
ROBOTS = (  # short name, description, projects it may reach, role
    ("ci", "Builds and tests every change", "shop-web checkout orders inventory identity", "write"),
    ("deploy", "Brings releases to production", "shop-web checkout orders inventory identity", "read"),
    ("release", "Tags and publishes", "design-system base-images", "write"),
    ("image-builder", "Rebuilds base images every night", "base-images", "admin"),
    ("terraform", "Plans and applies infrastructure", "infrastructure", "write"),
    ("backup", "Copies what must not be lost", "orders inventory infrastructure", "read"),
    ("scanner", "Looks for known weaknesses", "base-images shop-web shop-mobile orders", "read"),
    ("reports", "Fetches data for the nightly reports", "warehouse-reports inventory", "read"),
    ("forecast", "Trains the forecast", "demand-forecast orders", "read"),
    ("docs", "Publishes the help center", "help-center", "write"),
)
# short name: hours since its token was used (None: never), days until it expires (None: never)
ROBOT_USE: dict[str, tuple[int | None, int | None]] = {
    "ci": (0, 201),
    "deploy": (2, 64),
    "scanner": (5, None),
    "image-builder": (9, None),
    "backup": (20, 40),
    "terraform": (31, 8),
    "release": (6 * 24, 120),
    "forecast": (47 * 24, None),
    "reports": (132 * 24, None),
    "docs": (None, 85),
}
GRANTS = (  # project, user or team, role
    ("shop-web", "@platform", "read"),
    ("shop-web", "@support", "read"),
    ("checkout", "@platform", "write"),
    ("orders", "@storefront", "read"),
    ("orders", "@data", "read"),
    ("inventory", "@data", "write"),
    ("identity", "@storefront", "read"),
    ("infrastructure", "jonas", "admin"),
    ("infrastructure", "felix", "write"),
    ("help-center", "@storefront", "write"),
    ("demand-forecast", "dev", "admin"),
    ("warehouse-reports", "elif", "write"),
    ("design-system", "dev", "write"),
)


@dataclass(frozen=True)
class Demo:
    """What was made."""

    organization: Organization
    people: dict[str, User]
    projects: dict[str, Project]
    entries: int


@transaction.atomic
def load(*, actor: Actor, owner: User | None = None) -> Demo:
    """Make the demo organization, owned by ``owner`` too if one is given. All or nothing.

    Raises:
        Conflict: one of its names is taken.
    """
    people = {
        username: accounts.create_user(
            actor=actor, username=username, email=f"{username}@northwind.example", name=name
        )
        for username, name, _ in PEOPLE
    }
    founder = Actor(user=people[PEOPLE[0][0]], dialect="console", ip=_address(0))
    organization = accounts.create_organization(
        actor=founder, slug=ORGANIZATION, name="Northwind", email="hello@northwind.example"
    )
    profile = {
        "description": "Goods for the far north, delivered",
        "url": "https://northwind.example",
        "location": "Tromsø",
    }
    accounts.change_organization(actor=founder, organization=organization, changes=profile)
    for username, _, role in PEOPLE[1:]:
        accounts.set_member_role(actor=founder, organization=organization, user=people[username], role=role)
    teams = _make_teams(founder, organization, people)
    made = _make_projects(founder, organization, people, teams)
    robots = _make_robots(founder, organization, made)
    accounts.add_team_member(actor=founder, team=teams["platform"], robot=robots["ci"])
    accounts.add_team_member(actor=founder, team=teams["support"], robot=robots["docs"])
    for receiver in ({"team": teams["support"]}, {"team": teams["platform"]}, {"robot": robots["ci"]}):
        role = "read" if receiver.get("team") == teams["support"] else "write"
        projects.create_default_grant(actor=founder, organization=organization, role=role, **receiver)
    for resource, limit in LIMITS:
        quotas.set_limit(actor=actor, resource=resource, limit=limit, namespace=organization.namespace)
    _store(actor, organization, made)
    _move_into_the_past(organization, people, teams, made, robots)
    if owner is not None:
        accounts.set_member_role(actor=founder, organization=organization, user=owner, role="owner")
    _grow(organization)
    entries = _history(organization, people, teams, made, robots)
    record_many(entries)
    return Demo(organization, people, made, len(entries))


def _address(number: int) -> str:
    return f"192.0.2.{10 + number}"


def _make_teams(actor: Actor, organization: Organization, people: dict[str, User]) -> dict[str, Team]:
    teams = {}
    for slug, name, role, description, members in TEAMS:
        team = accounts.create_team(
            actor=actor, organization=organization, slug=slug, name=name, role=role, description=description
        )
        for number, member in enumerate(members.split()):
            accounts.add_team_member(actor=actor, team=team, user=people[member], is_maintainer=number == 0)
        teams[slug] = team
    return teams


def _make_projects(
    actor: Actor, organization: Organization, people: dict[str, User], teams: dict[str, Team]
) -> dict[str, Project]:
    made = {}
    makers = {
        team: Actor(user=people[name], dialect="console", ip=_address(list(people).index(name)))
        for team, name in MAKERS.items()
    }
    for slug, team, visibility, description in PROJECTS:
        project = projects.create_project(
            actor=makers[team],
            namespace=organization.namespace,
            slug=slug,
            description=description,
            visibility=visibility,
            team=teams[team],
            git_url=f"https://git.northwind.example/{team}/{slug}.git",
        )
        projects.set_grant(actor=makers[team], project=project, role="write", team=teams[team])
        made[slug] = project
    for slug, holder, role in GRANTS:
        if holder.startswith("@"):
            projects.set_grant(actor=actor, project=made[slug], role=role, team=teams[holder[1:]])
        else:
            projects.set_grant(actor=actor, project=made[slug], role=role, user=people[holder])
    projects.set_state(actor=actor, project=made["base-images"], state="MIRROR")
    return made


def _make_robots(actor: Actor, organization: Organization, made: dict[str, Project]) -> dict[str, Robot]:
    robots = {}
    for shortname, description, reached, role in ROBOTS:
        robot, _ = accounts.create_robot(
            actor=actor, namespace=organization.namespace, shortname=shortname, description=description
        )
        for slug in reached.split():
            projects.set_grant(actor=actor, project=made[slug], role=role, robot=robot)
        robots[shortname] = robot
    accounts.change_robot(actor=actor, robot=robots["forecast"], enabled=False)
    return robots


def _store(actor: Actor, organization: Organization, made: dict[str, Project]) -> None:
    namespace = organization.namespace
    quotas.create_quota(actor=actor, namespace=namespace, limit_bytes=500 * GIB)
    for kind, percent in (("Warning", 80), ("Reject", 100)):
        quotas.add_threshold(actor=actor, namespace=namespace, kind=kind, percent=percent)
    for slug, size in STORED:
        projects.report_usage(actor=actor, project=made[slug], size_bytes=int(size * GIB))


# A past ---------------------------------------------------------------------------------------------------


def _move_into_the_past(
    organization: Organization,
    people: dict[str, User],
    teams: dict[str, Team],
    made: dict[str, Project],
    robots: dict[str, Robot],
) -> None:
    """Spread what was just made over the year before the month of history, and its entries with it."""
    now = timezone.now()
    spaces = [organization.namespace_id, *(user.namespace_id for user in people.values())]
    written = logs.matching().filter(namespace__in=spaces).order_by("pk")
    entries = list(written)
    days = max(len(entries) // A_DAYS_WORK, 1)
    for number, entry in enumerate(entries):
        day, place = divmod(number, A_DAYS_WORK)
        ago = FOUNDED_DAYS - (FOUNDED_DAYS - SETTLED_DAYS) * min(day, days - 1) / days
        morning = (now - timedelta(days=ago)).replace(hour=8, minute=12, second=0, microsecond=0)
        entry.at = morning + timedelta(minutes=17 * (place + A_DAYS_WORK * max(day - days + 1, 0)))
    written.bulk_update(entries, ["at"])

    def told(kind: LogKind, **keys: str) -> datetime:
        return next(
            entry.at
            for entry in entries
            if entry.kind == kind.name and keys.items() <= entry.metadata.items()
        )

    organization.created_at = entries[0].at
    organization.save(update_fields=["created_at"])
    for number, (username, user) in enumerate(people.items()):
        user.created_at = organization.created_at
        # Most were here today, some lately, and one has not been seen for long.
        user.seen_at = (
            now - timedelta(hours=number * number * 6 + 1) if number else now - timedelta(minutes=8)
        )
        user.save(update_fields=["created_at", "seen_at"])
        organization.memberships.filter(user=user).update(created_at=_joined(username, told, organization))
    for owners in organization.teams.exclude(slug__in=teams):
        owners.created_at = organization.created_at
        owners.save(update_fields=["created_at"])
        owners.members.update(created_at=organization.created_at)
    for slug, team in teams.items():
        team.created_at = told(kinds.ORG_CREATE_TEAM, team=slug)
        team.save(update_fields=["created_at"])
        team.members.update(created_at=team.created_at)
    for slug, project in made.items():
        project.created_at = told(kinds.CREATE_REPO, repo=slug)
        project.save(update_fields=["created_at"])
    for shortname, robot in robots.items():
        used, expires = ROBOT_USE[shortname]
        robot.created_at = told(kinds.CREATE_ROBOT, robot=shortname)
        if used is None:
            robot.created_at = now - timedelta(days=4, hours=3)
        robot.save(update_fields=["created_at"])
        robot.credentials.update(
            created_at=robot.created_at,
            last_used_at=None if used is None else now - timedelta(hours=used, minutes=3),
            expires_at=None if expires is None else now + timedelta(days=expires, hours=2),
        )


def _grow(organization: Organization) -> None:
    """Let what is limited have grown over the month, so that it can be told when it will be full."""
    today = timezone.now().date()
    for quota in organization.namespace.quotas.all():
        grown = int(quota.used * GROWN.get(quota.resource, 0))
        quota.samples.bulk_create(
            quota.samples.model(
                quota=quota, day=today - timedelta(days=day), used=quota.used - grown * day // DAYS
            )
            for day in range(1, DAYS + 1)
        )


def _joined(username: str, told: Callable[..., datetime], organization: Organization) -> datetime:
    if username == PEOPLE[0][0]:
        return organization.created_at
    return told(kinds.ORG_SET_MEMBER_ROLE, member=username)


# A month of work -----------------------------------------------------------------------------------------


def _history(
    organization: Organization,
    people: dict[str, User],
    teams: dict[str, Team],
    made: dict[str, Project],
    robots: dict[str, Robot],
) -> list[LogEntry]:
    dice = random.Random(SEED)  # noqa: S311 - a demo, not a secret
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    stage = _Stage(dice, organization, list(people.values()), list(teams), list(made.values()), list(robots))
    entries = []
    for day in range(DAYS, -1, -1):
        start = midnight - timedelta(days=day)
        working = start.weekday() < 5
        # Work grows over the month, and a little incident two weeks ago made a day longer.
        busy = (70 if working else 12) + (DAYS - day) + (45 if day == 13 else 0)
        for _ in range(round(busy * dice.uniform(0.75, 1.25))):
            at = start + timedelta(hours=_hour(dice, working=working), seconds=dice.uniform(0, 3600))
            if at < now:
                entries.append(stage.scene(at))
    entries.sort(key=lambda entry: entry.at)
    return entries


def _hour(dice: random.Random, *, working: bool) -> int:
    # Robots never sleep; people come at seven and leave by seven.
    return dice.randrange(24) if not working or dice.random() < 0.2 else min(23, int(dice.gauss(13, 2.6)))


class _Stage:
    """Who and what may appear in the history."""

    def __init__(
        self,
        dice: random.Random,
        organization: Organization,
        people: list[User],
        teams: list[str],
        made: list[Project],
        robots: list[str],
    ) -> None:
        self.dice, self.organization = dice, organization
        self.people, self.teams, self.made, self.robots = people, teams, made, robots
        self.actors = {
            user.username: Actor(user=user, dialect="console", ip=_address(number))
            for number, user in enumerate(people)
        }
        scenes: tuple[tuple[int, LogKind], ...] = (
            (24, kinds.LOGIN_SUCCESS),
            (4, kinds.LOGIN_FAILURE),
            (22, kinds.SET_REPO_DESCRIPTION),
            (16, kinds.CHANGE_REPO_PERMISSION),
            (6, kinds.DELETE_REPO_PERMISSION),
            (5, kinds.CHANGE_REPO_PROFILE),
            (3, kinds.CHANGE_REPO_VISIBILITY),
            (3, kinds.CHANGE_REPO_STATE),
            (9, kinds.STAR_REPO),
            (6, kinds.ORG_ADD_TEAM_MEMBER),
            (4, kinds.ORG_REMOVE_TEAM_MEMBER),
            (3, kinds.ORG_INVITE_TEAM_MEMBER),
            (5, kinds.CHANGE_ROBOT),
            (4, kinds.REGENERATE_ROBOT_TOKEN),
            (3, kinds.CREATE_OAUTH_API_TOKEN),
            (2, kinds.ACCESS_DENIED),
        )
        self.weights = [weight for weight, _ in scenes]
        self.scenes = [scene for _, scene in scenes]

    def scene(self, at: datetime) -> LogEntry:
        """Return one entry of that time."""
        kind = self.dice.choices(self.scenes, self.weights)[0]
        # A few people do most of the work.
        user = self.people[min(int(self.dice.expovariate(0.2)), len(self.people) - 1)]
        project = self.dice.choice(self.made)
        own = kind in (
            kinds.LOGIN_SUCCESS,
            kinds.LOGIN_FAILURE,
            kinds.STAR_REPO,
            kinds.CREATE_OAUTH_API_TOKEN,
        )
        entry = draft(
            kind,
            actor=self.actors[user.username],
            namespace=user.namespace if own else self.organization.namespace,
            project=project if "repo" in kind.keys and not own else None,
            metadata=self._told(kind, project),
        )
        entry.at = at
        return entry

    def _told(self, kind: LogKind, project: Project) -> dict[str, Any]:
        other = self.dice.choice(self.people)
        robot = self.dice.choice(self.robots)
        everything = {
            "repo": project.slug,
            "namespace": self.organization.slug,
            "description": self.dice.choice(("Clearer wording", "Links to the runbook", "Owners named")),
            "visibility": self.dice.choice(("public", "private")),
            "state_changed": self.dice.choice(("NORMAL", "READ_ONLY")),
            "fields": ["contact"],
            "role": self.dice.choice(("read", "write", "admin")),
            "username": other.username,
            "member": other.username,
            "user": other.username,
            "team": self.dice.choice(self.teams),
            "robot": robot,
            "type": "muster",
            "kind": "user",
            "useragent": "Mozilla/5.0 (X11; Linux x86_64)",
            "message": "Invalid name or password",
            "scope": "repo:read",
            "token_display_name": "laptop",
            "auth_method": "OAuth",
            "right": "team_change",
            "reason": "Your role does not allow to change teams",
            "method": "PUT",
            "path": f"/api/v1/organization/{self.organization.slug}/team/{self.dice.choice(self.teams)}",
            "status": 403,
        }
        told = {key: value for key, value in everything.items() if key in kind.keys}
        if kind in (kinds.CHANGE_REPO_PERMISSION, kinds.DELETE_REPO_PERMISSION):
            told.pop(self.dice.choice(("username", "team")))
        return told
