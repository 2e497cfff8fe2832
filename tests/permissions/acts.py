"""What can be done in the model's world: each act is foretold by the model, and carried out by services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from accounts import services as accounts
from accounts.models import Organization, Robot, Team, User
from core.actor import Actor
from core.errors import DomainError
from permissions.models import DefaultGrant
from projects import services as projects
from projects.models import Project
from tests.permissions import model
from tests.permissions.model import (
    ORG_ROLES,
    Caller,
    Home,
    Org,
    Person,
    World,
    administered,
    level_in,
    may,
    standing,
)
from tokens import services as tokens
from tokens.models import Credential

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE = ("ada", "bo", "cy", "dee")
ORGS = ("acme", "beta")
NAMES = ("one", "two")
# A name that one lot of people and organizations share, so that each can take what another had.
SHARED = (*PEOPLE, *ORGS, "dot")


def pick(things: Any, number: int) -> Any:
    """Return one of the things; skips the act where there is none."""
    things = sorted(things, key=lambda one: one.pk) if isinstance(things, set) else list(things)
    if not things:
        raise LookupError
    return things[number % len(things)]


def entries() -> int:
    """Count the log, which is done after each act: without compiling a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM logs_logentry")
        return int(cursor.fetchone()[0])


class Bench:
    """The model's world beside the real one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries = entries()

    # From the model's things to rows, read anew as a call would.

    def row(self, thing: Any) -> Any:
        """Return the row of a thing."""
        if isinstance(thing, Person):
            return User.objects.select_related("namespace").get(pk=thing.pk)
        if isinstance(thing, Org):
            return Organization.objects.select_related("namespace", "account").get(pk=thing.pk)
        if isinstance(thing, model.Team):
            return Team.objects.select_related("organization__namespace").get(pk=thing.pk)
        if isinstance(thing, model.Robot):
            return Robot.objects.select_related("namespace__organization", "namespace__user").get(pk=thing.pk)
        if isinstance(thing, model.Repo):
            return Project.objects.select_related("namespace__organization").get(pk=thing.pk)
        if isinstance(thing, model.Rule):
            related = ("organization__namespace", "user", "team", "robot__namespace", "activating_user")
            return DefaultGrant.objects.select_related(*related).get(pk=thing.pk)
        return Credential.objects.select_related("user__namespace", "application").get(pk=thing.pk)

    def holder(self, thing: Any) -> dict[str, Any]:
        """Return a holder of a grant as services take it."""
        sort = {Person: "user", model.Team: "team", model.Robot: "robot"}[type(thing)]
        return {sort: self.row(thing)}

    def actor(self, caller: Caller) -> Actor:
        """Return the caller as services take it."""
        return Actor(user=self.row(caller.who), scopes=caller.scopes, dialect="test")

    def callers(self, who: int, credential: int) -> list[Caller]:
        """Return who calls: by a session or, one time in four, by a token of one scope.

        Half of the time others follow, who are tried until one may: else most acts would be refused.
        """
        people = [one for one in self.world.people.values() if one.enabled]
        scopes = None if credential % 4 else frozenset({model.SCOPES[(credential // 4 + who) % 8]})
        first = who % len(people)
        tried = people[first:] + people[:first] if credential % 4 in (1, 2) else [people[first]]
        return [Caller(one, scopes) for one in tried]

    # Doing

    def do(self, verb: str, who: int, credential: int, a: int, b: int, c: int) -> str:
        """Do something; return what happened, and fail if that is not what the model says."""
        try:
            acts = [(one, ACTS[verb](self, one, a, b, c)) for one in self.callers(who, credential)]
        except LookupError:
            return f"{verb}: to nothing"
        caller, act = next((pair for pair in acts if pair[1].allowed), acts[0])
        what = f"{verb} by {told(caller.who)} {set(caller.scopes or ()) or ''} {a, b, c}"
        try:
            result = act.call(self.actor(caller))
        except DomainError as error:
            refused, why = True, str(error)
        else:
            refused, why = False, "done"
            act.effect(result)
        assert refused is not act.allowed, f"{what}: {why}"
        self.entries += 0 if refused else act.entries
        assert entries() == self.entries, f"{what}: {why}: the log has other entries"
        return f"{what}: {'refused' if refused else 'done'}"


def told(thing: Any) -> str:
    """Return what a thing is called in a complaint."""
    return f"{type(thing).__name__} {getattr(thing, 'name', '')}"


@dataclass
class Act:
    """Whether something may be done, how, what it does in the model, and how many entries tell it."""

    allowed: bool
    call: Callable[[Actor], Any]
    effect: Callable[[Any], object]
    entries: int = 1


ACTS: dict[str, Callable[[Bench, Caller, int, int, int], Act]] = {}


def act(function: Callable[[Bench, Caller, int, int, int], Act]) -> Callable[..., Act]:
    """Add an act under the name of its function."""
    ACTS[function.__name__] = function
    return function


def leaves_administered(change: Callable[..., object], org: Org, *things: Any) -> bool:
    """Tell whether somebody would administer the organization after a change, tried on a copy."""
    there, *others = model.copied((org, *things))
    change(there, *others)
    return administered(there)


def keeps_own(change: Callable[..., object], caller: Caller, org: Org, *things: Any) -> bool:
    """Tell whether the caller, if she administers the organization, still would after a change."""
    if standing(caller.who, org) < 3:
        return True
    there, who, *others = model.copied((org, caller.who, *things))
    change(there, *others)
    return standing(who, there) >= 3


# Organizations and who is in them ------------------------------------------------------------------------


def dismiss_teamless(org: Org) -> None:
    """End the membership of those who were in the organization by their teams alone."""
    for person in [one for one, role in org.roles.items() if role is None]:
        if not any(person in team.people for team in org.teams.values()):
            del org.roles[person]


@act
def set_role(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Give a person a direct role."""
    org, person = pick(bench.world.orgs.values(), a), pick(bench.world.people.values(), b)
    role = pick(model.ORG_ROLES, c)

    def change(org: Org, person: Person) -> None:
        org.roles[person] = role

    height = level_in(caller, org)
    old = ORG_ROLES[org.roles[person] or "member"] if person in org.roles else 0
    return Act(
        may(caller, "member_change", org)
        and max(old, ORG_ROLES[role]) <= height
        and leaves_administered(change, org, person),
        lambda actor: accounts.set_member_role(
            actor=actor, organization=bench.row(org), user=bench.row(person), role=role
        ),
        lambda _: change(org, person),
    )


@act
def remove(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Remove a person from an organization."""
    org, person = pick(bench.world.orgs.values(), a), pick(bench.world.people.values(), b)

    def change(org: Org, person: Person) -> None:
        org.roles.pop(person, None)
        for team in org.teams.values():
            team.people.discard(person)
        for repo in org.repos.values():
            repo.grants.pop(person, None)
        org.rules[:] = [rule for rule in org.rules if rule.holder is not person]

    old = ORG_ROLES[org.roles[person] or "member"] if person in org.roles else 0
    return Act(
        may(caller, "member_remove", org)
        and old <= level_in(caller, org)
        and leaves_administered(change, org, person),
        lambda actor: accounts.remove_member(
            actor=actor, organization=bench.row(org), user=bench.row(person)
        ),
        lambda _: change(org, person),
    )


@act
def found(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Create an organization."""
    name = pick(SHARED, a)

    def effect(made: Organization) -> None:
        assert isinstance(caller.who, Person)
        org = Org(name, made.pk, account_pk=made.account_id)
        org.roles[caller.who] = "owner"
        org.keepers.add(caller.who)
        owners = made.teams.get()
        org.teams["owners"] = model.Team(org, "owners", "admin", {caller.who}, pk=owners.pk)
        bench.world.orgs[name] = org

    return Act(
        may(caller, "organization_create", None) and not bench.world.taken(name),
        lambda actor: accounts.create_organization(actor=actor, slug=name),
        effect,
    )


@act
def close(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Delete an organization."""
    org = pick(bench.world.orgs.values(), a)

    def effect(_: None) -> None:
        bench.world.idle_accounts.append(org.keepers)
        bench.world.dead_secrets += [robot.secret for robot in org.robots.values()]
        bench.world.dead.append(org)
        del bench.world.orgs[org.name]

    return Act(
        caller.superuser or may(caller, "organization_delete", org),
        lambda actor: accounts.delete_organization(actor=actor, organization=bench.row(org)),
        effect,
    )


@act
def rename(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Rename an organization."""
    org, name = pick(bench.world.orgs.values(), a), pick(SHARED, b)

    def effect(_: Organization) -> None:
        del bench.world.orgs[org.name]
        org.name = name
        bench.world.orgs[name] = org

    return Act(
        may(caller, "organization_manage", None) and (name == org.name or not bench.world.taken(name)),
        lambda actor: accounts.rename_organization(actor=actor, organization=bench.row(org), name=name),
        effect,
    )


@act
def take_over(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Let a superuser take an organization."""
    org = pick(bench.world.orgs.values(), a)

    def effect(_: Organization) -> None:
        assert isinstance(caller.who, Person)
        admins = [team for team in org.teams.values() if team.role == "admin"]
        if not admins:
            row = Team.objects.get(organization=org.pk, role="admin")
            admins = [model.Team(org, row.slug, "admin", pk=row.pk)]
            org.teams[row.slug] = admins[0]
        min(admins, key=lambda team: team.pk).people.add(caller.who)
        org.roles[caller.who] = "owner"

    return Act(
        may(caller, "organization_manage", None),
        lambda actor: accounts.take_ownership(actor=actor, namespace=bench.row(org).namespace),
        effect,
    )


# Teams ---------------------------------------------------------------------------------------------------


@act
def make_team(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Create a team."""
    org, name, role = pick(bench.world.orgs.values(), a), pick(NAMES, b), pick(list(ORG_ROLES)[:3], c)

    def effect(made: Team) -> None:
        org.teams[name] = model.Team(org, name, role, pk=made.pk)

    return Act(
        may(caller, "team_create", org) and name not in org.teams,
        lambda actor: accounts.create_team(actor=actor, organization=bench.row(org), slug=name, role=role),
        effect,
    )


@act
def drop_team(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Delete a team."""
    team = pick(bench.world.teams, a)
    org = team.org

    def change(org: Org, team: model.Team) -> None:
        del org.teams[team.name]
        for repo in org.repos.values():
            repo.grants.pop(team, None)
        org.rules[:] = [rule for rule in org.rules if rule.holder is not team]
        dismiss_teamless(org)

    return Act(
        may(caller, "team_delete", team)
        and leaves_administered(change, org, team)
        and keeps_own(change, caller, org, team),
        lambda actor: accounts.delete_team(actor=actor, team=bench.row(team)),
        lambda _: change(org, team),
    )


@act
def change_team(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Give a team another role."""
    team, role = pick(bench.world.teams, a), pick(list(ORG_ROLES)[:3], b)
    same = role == team.role

    def change(_: Org, team: model.Team) -> None:
        team.role = role

    return Act(
        may(caller, "team_change", team)
        and (
            same
            or (leaves_administered(change, team.org, team) and keeps_own(change, caller, team.org, team))
        ),
        lambda actor: accounts.change_team(actor=actor, team=bench.row(team), role=role),
        lambda _: change(team.org, team),
        entries=0 if same else 1,
    )


@act
def join_team(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Put a person into a team."""
    team, person = pick(bench.world.teams, a), pick(bench.world.people.values(), b)

    def effect(_: bool) -> None:
        team.people.add(person)
        team.org.roles.setdefault(person, None)

    return Act(
        may(caller, "team_member_change", team) and person not in team.people,
        lambda actor: accounts.add_team_member(actor=actor, team=bench.row(team), user=bench.row(person)),
        effect,
    )


@act
def leave_team(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Take a person out of a team."""
    team = pick(bench.world.teams, a)
    person = pick(team.people if c % 3 else bench.world.people.values(), b)

    def change(org: Org, team: model.Team, person: Person) -> None:
        team.people.discard(person)
        dismiss_teamless(org)

    return Act(
        may(caller, "team_member_change", team)
        and person in team.people
        and leaves_administered(change, team.org, team, person)
        and keeps_own(change, caller, team.org, team, person),
        lambda actor: accounts.remove_team_member(actor=actor, team=bench.row(team), user=bench.row(person)),
        lambda _: change(team.org, team, person),
    )


@act
def seat_robot(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Put a robot into a team, or take it out."""
    team, robot = pick(bench.world.teams, a), pick(bench.world.robots, b)
    if robot in team.robots and c % 2:
        return Act(
            may(caller, "team_member_change", team),
            lambda actor: accounts.remove_team_member(
                actor=actor, team=bench.row(team), robot=bench.row(robot)
            ),
            lambda _: team.robots.discard(robot),
        )
    return Act(
        may(caller, "team_member_change", team) and robot.home is team.org and robot not in team.robots,
        lambda actor: accounts.add_team_member(actor=actor, team=bench.row(team), robot=bench.row(robot)),
        lambda _: team.robots.add(robot),
    )


# Projects and robots -------------------------------------------------------------------------------------


def birth_grants(caller: Caller, org: Org) -> dict[Any, str]:
    """Return what default grants give on a new project: a rule for its creator beats the one for all."""
    found: dict[Any, str] = {}
    for special in (False, True):
        for rule in org.rules:
            applies = rule.creator is caller.who if special else rule.creator is None
            gone = isinstance(rule.holder, Person) and not rule.holder.alive
            if applies and not gone and rule.holder is not caller.who:
                found[rule.holder] = rule.role
    return found


@act
def make_repo(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Create a project."""
    home, name, public = pick(bench.world.homes, a), pick(NAMES, b), c % 4 == 0

    def effect(made: Project) -> None:
        assert isinstance(caller.who, Person)
        grants = birth_grants(caller, home) if isinstance(home, Org) else {}
        home.repos[name] = model.Repo(home, name, public, {**grants, caller.who: "admin"}, made.pk)

    return Act(
        may(caller, "project_create", home) and name not in home.repos,
        lambda actor: projects.create_project(
            actor=actor,
            namespace=bench.row(home).namespace,
            slug=name,
            visibility="public" if public else "private",
        ),
        effect,
    )


@act
def drop_repo(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Delete a project."""
    repo = pick(bench.world.repos, a)
    return Act(
        may(caller, "project_delete", repo),
        lambda actor: projects.delete_project(actor=actor, project=bench.row(repo)),
        lambda _: repo.home.repos.pop(repo.name),
    )


@act
def show_repo(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Make a project public or private."""
    repo, public = pick(bench.world.repos, a), bool(b % 2)
    return Act(
        may(caller, "project_change", repo),
        lambda actor: projects.set_visibility(
            actor=actor, project=bench.row(repo), visibility="public" if public else "private"
        ),
        lambda _: setattr(repo, "public", public),
    )


def holders(bench: Bench) -> list[Any]:
    """Return whatever can hold a grant."""
    return [*bench.world.people.values(), *bench.world.teams, *bench.world.robots]


def fits(home: Home, holder: Any) -> bool:
    """Tell whether a holder can have a grant on a project of a home."""
    if isinstance(holder, Person):
        return holder is not home
    return (holder.org if isinstance(holder, model.Team) else holder.home) is home


@act
def grant(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Grant a role on a project."""
    repo, holder, role = pick(bench.world.repos, a), pick(holders(bench), b), pick(model.REPO_ROLES, c)
    return Act(
        may(caller, "grant_change", repo) and fits(repo.home, holder),
        lambda actor: projects.set_grant(
            actor=actor, project=bench.row(repo), role=role, **bench.holder(holder)
        ),
        lambda _: repo.grants.update({holder: role}),
    )


@act
def revoke_grant(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Take a grant back."""
    repo = pick(bench.world.repos, a)
    holder = pick(repo.grants if c % 3 else holders(bench), b)
    return Act(
        may(caller, "grant_change", repo) and holder in repo.grants and holder is not repo.home,
        lambda actor: projects.revoke_grant(actor=actor, project=bench.row(repo), **bench.holder(holder)),
        lambda _: repo.grants.pop(holder),
    )


@act
def make_rule(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Add a default grant."""
    org, holder, role = pick(bench.world.orgs.values(), a), pick(holders(bench), b), pick(model.REPO_ROLES, c)
    creator = pick(bench.world.people.values(), c) if (a + b + c) % 2 else None
    return Act(
        may(caller, "default_grant_change", org) and (isinstance(holder, Person) or fits(org, holder)),
        lambda actor: projects.create_default_grant(
            actor=actor,
            organization=bench.row(org),
            role=role,
            activating_user=bench.row(creator) if creator else None,
            **bench.holder(holder),
        ),
        lambda made: org.rules.append(model.Rule(org, role, holder, creator, made.pk)),
    )


@act
def drop_rule(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Remove a default grant."""
    rule = pick(bench.world.rules, a)
    return Act(
        may(caller, "default_grant_change", rule.org),
        lambda actor: projects.delete_default_grant(actor=actor, rule=bench.row(rule)),
        lambda _: rule.org.rules.remove(rule),
    )


@act
def make_robot(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Create a robot."""
    home, name = pick(bench.world.homes, a), pick(NAMES, b)

    def effect(made: tuple[Robot, str]) -> None:
        home.robots[name] = model.Robot(home, name, made[1], made[0].pk)

    return Act(
        may(caller, "robot_create", home) and name not in home.robots,
        lambda actor: accounts.create_robot(actor=actor, namespace=bench.row(home).namespace, shortname=name),
        effect,
    )


@act
def drop_robot(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Delete a robot."""
    robot = pick(bench.world.robots, a)

    def effect(_: None) -> None:
        home = robot.home
        del home.robots[robot.name]
        bench.world.dead_secrets.append(robot.secret)
        for repo in home.repos.values():
            repo.grants.pop(robot, None)
        if isinstance(home, Org):
            home.rules[:] = [rule for rule in home.rules if rule.holder is not robot]
            for team in home.teams.values():
                team.robots.discard(robot)

    return Act(
        may(caller, "robot_delete", robot.home),
        lambda actor: accounts.delete_robot(actor=actor, robot=bench.row(robot)),
        effect,
    )


@act
def renew_robot(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Give a robot another token."""
    robot = pick(bench.world.robots, a)

    def effect(secret: str) -> None:
        bench.world.dead_secrets.append(robot.secret)
        robot.secret = secret

    return Act(
        may(caller, "robot_change", robot.home),
        lambda actor: accounts.regenerate_robot_token(actor=actor, robot=bench.row(robot)),
        effect,
    )


# People and tokens ---------------------------------------------------------------------------------------


@act
def make_person(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Create a person."""
    name = pick(SHARED, a)

    def effect(made: User) -> None:
        bench.world.people[name] = Person(name, made.pk)

    return Act(
        may(caller, "user_manage", None) and not bench.world.taken(name),
        lambda actor: accounts.create_user(actor=actor, username=name),
        effect,
    )


@act
def switch_person(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Disable a person, or enable her again."""
    person, enabled = pick(bench.world.people.values(), a), b % 3 == 0
    return Act(
        may(caller, "user_manage", None) and not person.superuser,
        lambda actor: accounts.change_user(actor=actor, user=bench.row(person), enabled=enabled),
        lambda _: setattr(person, "enabled", enabled),
        entries=int(person.enabled != enabled),
    )


@act
def drop_person(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Delete a person."""
    person = pick([one for one in bench.world.people.values() if not one.superuser], a)
    allowed = caller.who is person and may(caller, "account_delete", person)
    allowed = allowed or (caller.who is not person and may(caller, "user_manage", None))
    heirs = _heirs(bench.world, person)
    stays = allowed and heirs is not None
    for org in bench.world.orgs.values():
        stays = stays and (person not in org.roles or leaves_administered(_forget, org, person))

    def effect(_: None) -> None:
        for keepers, heir in heirs or []:
            keepers.discard(person)
            if heir is not None:
                keepers.add(heir)
        bench.world.idle_accounts[:] = [one for one in bench.world.idle_accounts if one]
        for one in [*bench.world.idle_accounts, *(org.keepers for org in bench.world.orgs.values())]:
            one.discard(person)
        for org in bench.world.orgs.values():
            _forget(org, person)
        for repo in bench.world.repos:
            repo.grants.pop(person, None)
        bench.world.dead_secrets += [robot.secret for robot in person.robots.values()]
        person.alive = person.enabled = False
        del bench.world.people[person.name]

    return Act(
        stays,
        lambda actor: accounts.delete_user(actor=actor, user=bench.row(person)),
        effect,
        # Each account that gets an heir, or ends, is told of as well.
        entries=1 + len(heirs or []),
    )


def _forget(org: Org, person: Person) -> None:
    org.roles.pop(person, None)
    for team in org.teams.values():
        team.people.discard(person)


def _heirs(world: World, person: Person) -> list[tuple[set[Person], Person | None]] | None:
    """Return the accounts that only she keeps, each with its heir; None if one in use has none."""
    found: list[tuple[set[Person], Person | None]] = []
    for org in world.orgs.values():
        if person in org.keepers and not any(one.enabled for one in org.keepers - {person}):
            others = sorted(set(org.roles) - {person}, key=lambda one: one.pk)
            direct = [one for one in others if one.enabled and org.roles[one] in ("owner", "admin")]
            by_team = [one for one in others if one.enabled and standing(one, org) >= 3]
            if not direct + by_team:
                return None
            found.append((org.keepers, (direct + by_team)[0]))
    idle = [one for one in world.idle_accounts if person in one]
    return found + [(one, None) for one in idle if not any(other.enabled for other in one - {person})]


@act
def issue(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """Make a token for somebody."""
    person = caller.who if a % 4 else pick(bench.world.people.values(), a)
    scopes = frozenset({model.SCOPES[b % 8], model.SCOPES[c % 8]})
    assert isinstance(person, Person)
    return Act(
        may(caller, "token_issue", person) and all(caller.covers(scope) for scope in scopes),
        lambda actor: tokens.issue_api_token(actor=actor, user=bench.row(person), scopes=" ".join(scopes)),
        lambda made: bench.world.tokens.append(model.Token(person, scopes, made[1], pk=made[0].pk)),
    )


@act
def revoke(bench: Bench, caller: Caller, a: int, b: int, c: int) -> Act:
    """End a token."""
    token = pick([one for one in bench.world.tokens if one.person.alive], a)
    own = token.person is caller.who
    right = may(caller, "token_revoke", token.person) if own else may(caller, "user_manage", None)
    return Act(
        right and not token.revoked,
        lambda actor: tokens.revoke(actor=actor, credential=bench.row(token)),
        lambda _: setattr(token, "revoked", True),
    )
