"""Who reaches what in one organization, and why: pure answers over facts that were read once.

Nothing here asks the database or writes: `permissions.selectors.facts` reads the facts, and what a change
would do is asked of a copy with the change in it (`without_seat`, `with_grant`, …). The rule itself is
`permissions.paths`, which the checks use, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from core.words import say
from permissions.catalogue import (
    ORGANIZATION_LEVEL,
    PROJECT_LEVEL,
    Level,
    OrganizationRole,
    role_rank,
)
from permissions.paths import (
    Path,
    decided,
    grant_path,
    member_path,
    of_project,
    ranked,
    readonly_path,
    superuser_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PERSON, TEAM, ROBOT = "person", "team", "robot"
READONLY_WORDS = say("read-only superuser, who sees everything and changes nothing")


class Key(NamedTuple):
    """Somebody in the facts: ``kind`` is person, team or robot; ``pk`` the key of its row."""

    kind: str
    pk: int


@dataclass(frozen=True)
class Bearer:
    """Who may hold access. ``name`` is as forms take it: ``bo``, ``@devs``, ``acme+ci``.

    ``superuser`` is "full" for people who pass every check, "readonly" for those who only read everywhere.
    ``sync`` is the directory that decides on a team's people. ``secured`` tells of a person whether she has a
    second factor.
    """

    name: str
    title: str = ""
    active: bool = True
    superuser: str = ""
    role: str = ""
    sync: str = ""
    secured: bool = True

    @property
    def slug(self) -> str:
        """The name without what marks a team or a robot."""
        return self.name.removeprefix("@")


class Place(NamedTuple):
    """A project."""

    slug: str
    public: bool


class Given(NamedTuple):
    """A grant: its role, and whether a default permission made it."""

    role: str
    by_default: bool = False


class Standing(NamedTuple):
    """A membership; ``direct`` is false for people who are in the organization by their teams alone."""

    role: str
    direct: bool


@dataclass(frozen=True)
class Reach:
    """How far somebody comes, but for public projects: ``floor`` everywhere, ``granted`` on single ones.

    ``capped`` is for read-only superusers: they read everywhere, and their roles give them no more.
    """

    floor: Level
    granted: dict[int, Level]
    capped: bool = False


@dataclass(frozen=True)
class Facts:
    """What one organization's access hangs on. Sized as its rows, not as its people times its projects.

    ``asks_factor``: people who have no second factor are given nothing, whatever they hold.
    """

    organization: str
    bearers: dict[Key, Bearer] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)
    seats: dict[Key, frozenset[int]] = field(default_factory=dict)
    projects: dict[int, Place] = field(default_factory=dict)
    grants: dict[Key, dict[int, Given]] = field(default_factory=dict)
    asks_factor: bool = False

    # Questions -------------------------------------------------------------------------------------------

    def teams_of(self, key: Key) -> list[tuple[int, Bearer]]:
        """Return the teams that a person or robot is in, by name."""
        found = [(pk, self.bearers[Key(TEAM, pk)]) for pk in self.seats.get(key, ())]
        return sorted(found, key=lambda pair: pair[1].name)

    def is_inside(self, key: Key) -> bool:
        """Tell whether it is a member, a team or a robot of the organization, and no outside collaborator."""
        return key.kind != PERSON or key.pk in self.standings

    def withholds(self, key: Key) -> bool:
        """Tell whether all that somebody holds here waits for her second factor."""
        return self.asks_factor and key.kind == PERSON and not self.bearers[key].secured

    def unsecured(self) -> list[str]:
        """Return who in the organization, or granted something in it, has no second factor; by name."""
        concerned = [
            bearer.name
            for key, bearer in self.bearers.items()
            if key.kind == PERSON
            and not bearer.secured
            and bearer.active
            and (key.pk in self.standings or key in self.grants)
        ]
        return sorted(concerned)

    def belonging(self, key: Key) -> list[Path]:
        """Return every role in the organization that a person has, or that a team gives to its people."""
        found: list[Path] = []
        if key.kind == TEAM:
            team = self.bearers[key]
            found.append(member_path(self.organization, team.role, team.slug, team.sync))
        elif key.kind == PERSON:
            if key.pk in self.standings:
                found.append(member_path(self.organization, self.standings[key.pk].role))
            found += [
                member_path(self.organization, team.role, team.slug, team.sync)
                for _, team in self.teams_of(key)
            ]
        return found

    def ways(self, key: Key) -> Ways:
        """Return what is asked of one bearer on many projects."""
        return Ways(self, key)

    def paths(self, key: Key, project: int) -> tuple[Path, ...]:
        """Return every way by which somebody reaches a project, the deciding one first and marked."""
        return self.ways(key).paths(project)

    def reach(self, key: Key) -> Reach:
        """Return how far somebody comes on all projects at once; says the same as `paths`."""
        superuser = self.bearers[key].superuser
        if superuser == "readonly":
            return Reach(Level.READ, {}, capped=True)
        if self.withholds(key):
            return Reach(Level.ADMIN if superuser == "full" else Level.NONE, {})
        granted: dict[int, Level] = {}
        for holder in (key, *(Key(TEAM, pk) for pk in self.seats.get(key, ()))):
            for project, given in self.grants.get(holder, {}).items():
                level = PROJECT_LEVEL[given.role]
                if level > granted.get(project, Level.NONE):
                    granted[project] = level
        if superuser == "full" or self.administers(key):
            return Reach(Level.ADMIN, granted)
        return Reach(Level.READ if self.audits(key) else Level.NONE, granted)

    def administers(self, key: Key) -> bool:
        """Tell whether a person administers the organization, or a team lets its people do so."""
        if key.kind == TEAM:
            return ORGANIZATION_LEVEL[self.bearers[key].role] >= Level.ADMIN
        role = best_role(self, key) if key.kind == PERSON else ""
        return bool(role) and ORGANIZATION_LEVEL[role] >= Level.ADMIN

    def audits(self, key: Key) -> bool:
        """Tell whether a person is auditor of the organization."""
        standing = self.standings.get(key.pk) if key.kind == PERSON else None
        return standing is not None and standing.role == OrganizationRole.AUDITOR

    def level(self, reach: Reach, project: int) -> Level:
        """Return the level on a project of somebody who comes that far."""
        if reach.capped:
            return reach.floor
        public = Level.READ if self.projects[project].public else Level.NONE
        return max(reach.floor, reach.granted.get(project, Level.NONE), public)

    def holders(self, kinds: Iterable[str] = (PERSON, TEAM, ROBOT)) -> list[Key]:
        """Return everybody of these kinds: people first, then teams, then robots, each by name."""
        places = {kind: number for number, kind in enumerate((PERSON, TEAM, ROBOT)) if kind in set(kinds)}
        found = [key for key in self.bearers if key.kind in places]
        return sorted(found, key=lambda key: (places[key.kind], self.bearers[key].name, key.pk))

    def named(self, name: str) -> Key | None:
        """Return who has this name, written as in `Bearer`."""
        return next((key for key, bearer in self.bearers.items() if bearer.name == name), None)

    def project_named(self, slug: str) -> int | None:
        """Return the project of this slug."""
        return next((pk for pk, place in self.projects.items() if place.slug == slug), None)


class Ways:
    """One bearer's ways: what does not depend on the project is worked out once."""

    def __init__(self, facts: Facts, key: Key) -> None:
        self.facts, self.key = facts, key
        self.superuser = facts.bearers[key].superuser
        self.reach = facts.reach(key)
        self._ungranted: dict[bool, tuple[Path, ...]] = {}
        self._belonging: list[Path] = []
        self._held: list[tuple[str, str, dict[int, Given]]] = []
        if facts.withholds(key):
            return
        self._belonging = facts.belonging(key)
        self._held.append(("", "", facts.grants.get(key, {})))
        for pk, team in facts.teams_of(key):
            self._held.append((team.slug, team.sync, facts.grants.get(Key(TEAM, pk), {})))

    def level(self, project: int) -> Level:
        """Return the level on a project."""
        return self.facts.level(self.reach, project)

    def paths(self, project: int) -> tuple[Path, ...]:
        """Return every way to a project, the deciding one first and marked."""
        public = self.facts.projects[project].public
        granted = [
            grant_path(given.role, team, by_default=given.by_default, sync=sync)
            for team, sync, grants in self._held
            if (given := grants.get(project)) is not None
        ]
        if granted:
            return self._decided(public, granted)
        if public not in self._ungranted:
            self._ungranted[public] = self._decided(public, granted)
        return self._ungranted[public]

    def _decided(self, public: bool, granted: list[Path]) -> tuple[Path, ...]:
        found = list(of_project(public=public, granted=granted, belonging=self._belonging))
        if self.superuser == "full":
            found.append(superuser_path())
        elif self.superuser == "readonly":
            only = replace(readonly_path(), level=Level.READ, words=READONLY_WORDS, deciding=True)
            return (only, *ranked(found))
        return decided(found)


@dataclass(frozen=True)
class Opening:
    """One way by which somebody would come further on a project: ``team`` names the one to join, if any."""

    level: Level
    kind: str
    team: str = ""
    sync: str = ""


def openings(facts: Facts, key: Key, project: int) -> list[Opening]:
    """Return what would let somebody come further than now: the least first, teams by name.

    Kinds: ``public``, ``grant`` (its level is where it begins), ``team_grant``, ``organization_admin``; and
    ``second_factor`` alone, with what she would have, where all waits for that.
    """
    if facts.withholds(key) and not facts.bearers[key].superuser:
        unasked = replace(facts, asks_factor=False)
        return [Opening(unasked.level(unasked.reach(key), project), "second_factor")]
    held = facts.level(facts.reach(key), project)
    if held >= Level.ADMIN or facts.bearers[key].superuser == "readonly":
        return []
    found = [Opening(Level(held + 1), "grant")]
    if key.kind != TEAM:
        joined = facts.seats.get(key, frozenset())
        for holder, given in facts.grants.items():
            if holder.kind == TEAM and holder.pk not in joined and project in given:
                team = facts.bearers[holder]
                level = PROJECT_LEVEL[given[project].role]
                found.append(Opening(level, "team_grant", team.slug, team.sync))
    if key.kind == PERSON:
        found.append(Opening(Level.ADMIN, "organization_admin"))
    if not facts.projects[project].public:
        found.append(Opening(Level.READ, "public"))
    order = ("grant", "team_grant", "organization_admin", "public")
    found = [one for one in found if one.level > held]
    return sorted(found, key=lambda one: (order.index(one.kind), one.level, one.team))


# The facts with one change in them -----------------------------------------------------------------------


def without_seat(facts: Facts, key: Key, team: int) -> Facts:
    """Take somebody out of a team; who was in the organization by it alone leaves."""
    seats = {**facts.seats, key: facts.seats.get(key, frozenset()) - {team}}
    return _without_teamless(replace(facts, seats=seats), [key])


def without_team(facts: Facts, team: int) -> Facts:
    """Delete a team."""
    members = [key for key, teams in facts.seats.items() if team in teams]
    seats = facts.seats | {key: facts.seats[key] - {team} for key in members}
    gone = Key(TEAM, team)
    bearers = {key: one for key, one in facts.bearers.items() if key != gone}
    grants = {key: one for key, one in facts.grants.items() if key != gone}
    return _without_teamless(replace(facts, seats=seats, bearers=bearers, grants=grants), members)


def _without_teamless(facts: Facts, keys: Iterable[Key]) -> Facts:
    left = {
        key.pk
        for key in keys
        if key.kind == PERSON
        and not facts.seats.get(key)
        and key.pk in facts.standings
        and not facts.standings[key.pk].direct
    }
    kept = {pk: standing for pk, standing in facts.standings.items() if pk not in left}
    return replace(facts, standings=kept)


def without_member(facts: Facts, person: int) -> Facts:
    """Remove a person from the organization, its teams and its projects."""
    gone = Key(PERSON, person)
    return replace(
        facts,
        standings={pk: one for pk, one in facts.standings.items() if pk != person},
        seats={key: one for key, one in facts.seats.items() if key != gone},
        grants={key: one for key, one in facts.grants.items() if key != gone},
    )


def without_robot(facts: Facts, robot: int) -> Facts:
    """Delete a robot."""
    gone = Key(ROBOT, robot)
    return replace(
        facts,
        bearers={key: one for key, one in facts.bearers.items() if key != gone},
        seats={key: one for key, one in facts.seats.items() if key != gone},
        grants={key: one for key, one in facts.grants.items() if key != gone},
    )


def with_role(facts: Facts, person: int, role: str) -> Facts:
    """Give a person a direct role."""
    return replace(facts, standings=facts.standings | {person: Standing(role, True)})


def with_team_role(facts: Facts, team: int, role: str) -> Facts:
    """Give a team another organization-wide role."""
    key = Key(TEAM, team)
    return replace(facts, bearers=facts.bearers | {key: replace(facts.bearers[key], role=role)})


def with_grant(facts: Facts, key: Key, project: int, role: str) -> Facts:
    """Grant a role on a project; an empty one takes the grant back."""
    own = {pk: given for pk, given in facts.grants.get(key, {}).items() if pk != project}
    if role:
        own[project] = Given(role)
    return replace(facts, grants=facts.grants | {key: own})


def with_visibility(facts: Facts, project: int, *, public: bool) -> Facts:
    """Make a project public or private."""
    place = facts.projects[project]._replace(public=public)
    return replace(facts, projects=facts.projects | {project: place})


def with_second_factor_asked(facts: Facts) -> Facts:
    """Ask people for a second factor."""
    return replace(facts, asks_factor=True)


# What a change ends and gives ----------------------------------------------------------------------------


class Change(NamedTuple):
    """Somebody's level on a project before and after."""

    key: Key
    project: int
    old: Level
    new: Level


@dataclass
class Effect:
    """All changes from one level to one other: who is concerned, and which projects, by name."""

    old: Level
    new: Level
    people: list[str]
    robots: list[str]
    projects: list[str]


@dataclass
class Difference:
    """What lies between two states of the facts.

    ``leavers`` are no members any more; ``raised`` and ``lowered`` hold (name, role, new role) of people
    whose best role in the organization is another one, but for those who join or leave.
    """

    effects: list[Effect]
    leavers: list[str]
    lowered: list[tuple[str, str, str]]
    raised: list[tuple[str, str, str]]

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody's access would be another."""
        return not (self.effects or self.leavers or self.lowered or self.raised)


def changes(before: Facts, after: Facts) -> Iterator[Change]:
    """Yield each level on a project that is another one, of people and robots, by their names.

    What is public stays readable by everybody, and so is no loss for who goes.
    """
    turned = {pk for pk, place in before.projects.items() if after.projects[pk].public != place.public}
    for key in before.holders((PERSON, ROBOT)):
        old, gone = before.reach(key), key not in after.bearers
        new = Reach(Level.NONE, {}) if gone else after.reach(key)
        if old == new and not turned:
            continue
        if (old.floor, old.capped) != (new.floor, new.capped):
            concerned = set(before.projects)
        else:
            concerned = turned | {
                pk
                for pk in old.granted.keys() | new.granted.keys()
                if old.granted.get(pk) != new.granted.get(pk)
            }
        for pk in concerned:
            was, becomes = before.level(old, pk), after.level(new, pk)
            if was != becomes:
                yield Change(key, pk, was, becomes)


def difference(before: Facts, after: Facts) -> Difference:
    """Sum up what a change does: losses first, the greatest first."""
    grouped: dict[tuple[Level, Level], tuple[dict[Key, None], dict[int, None]]] = {}
    for change in changes(before, after):
        keys, projects = grouped.setdefault((change.old, change.new), ({}, {}))
        keys[change.key] = None
        projects[change.project] = None
    effects = [
        Effect(
            old,
            new,
            people=[before.bearers[key].name for key in keys if key.kind == PERSON],
            robots=[before.bearers[key].name for key in keys if key.kind == ROBOT],
            projects=sorted(before.projects[pk].slug for pk in projects),
        )
        for (old, new), (keys, projects) in sorted(
            grouped.items(), key=lambda item: (item[0][1] - item[0][0], -item[0][0])
        )
    ]
    leavers = sorted(
        before.bearers[Key(PERSON, pk)].name for pk in before.standings.keys() - after.standings.keys()
    )
    lowered: list[tuple[str, str, str]] = []
    raised: list[tuple[str, str, str]] = []
    for pk in before.standings.keys() & after.standings.keys():
        key = Key(PERSON, pk)
        old_role, new_role = best_role(before, key), best_role(after, key)
        if old_role != new_role:
            up = role_rank(new_role) > role_rank(old_role)
            (raised if up else lowered).append((before.bearers[key].name, old_role, new_role))
    return Difference(effects, leavers, sorted(lowered), sorted(raised))


def best_role(facts: Facts, key: Key) -> str:
    """Return the strongest role of a member in the organization, her own or by a team."""
    own = facts.standings[key.pk].role if key.pk in facts.standings else ""
    roles = [own, *(facts.bearers[Key(TEAM, pk)].role for pk in facts.seats.get(key, ()))]
    return max(filter(None, roles), key=role_rank, default="")
