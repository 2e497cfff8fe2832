"""Thousands of stories, each played twice: by the services, and by a model that was written apart (model.py).

On the way each act is done or refused as the model says, with one entry in the log for each change and none
for a refusal. At the end there are the rows and the counts that the model has; at the end of every second one
nobody has a right that the model does not give, or lacks one that it does, or else the tokens are tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from accounts.models import Membership, Organization, Robot, Team, TeamMember, User
from core.actor import Actor
from core.errors import Unauthenticated
from permissions import catalogue
from permissions.checks import check, readable
from permissions.models import DefaultGrant, Grant
from projects.models import Project
from quotas.models import Quota
from tests import make
from tests.permissions import model
from tests.permissions.acts import ACTS, Bench, told
from tests.permissions.model import Caller, Org, Person, World, may
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

STORIES, PARTS, LENGTH = 2000, 4, 8
SOME = st.integers(0, 11)
STEP = st.tuples(st.sampled_from(sorted(ACTS)), SOME, SOME, SOME, SOME, SOME)

# Rights that the same rule decides. Questions are about one right of half of these classes, by
# half of the people; every right, person and scope has its turn. One in two hundred asks for all at once.
CLASSES: dict[tuple[Any, ...], list[catalogue.Right]] = {}
for right in catalogue.RIGHTS.values():
    same = (right.ladder, right.level, right.own, right.reading, right.name == "team_read")
    CLASSES.setdefault(same, []).append(right)
ANY_SCOPES = [frozenset({scope}) for scope in model.SCOPES] + [frozenset({"org:admin", "repo:write"})]


def test_every_right_is_in_the_model():
    known = {*model.ORGANIZATION, *model.PROJECT, *model.ACCOUNT, *model.INSTANCE}
    assert known == catalogue.RIGHTS.keys()


@pytest.fixture(scope="module")
def beginning(django_db_setup, django_db_blocker):
    """Make the world in which all stories begin.

    Ada owns acme, where bo is in a team; it has a project, a robot, a rule. Bo owns beta; cy audits acme;
    dee administers acme, too, but is disabled.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        root = make.user("root", superuser=True)
        bench = Bench(World())
        bench.world.people["root"] = Person("root", root.pk, superuser=True)
        for number in range(4):
            bench.do("make_person", 0, 3, number, 0, 0)
        by_ada, by_bo = (1, 3), (2, 3)
        for verb, who, a, b, c in (
            ("found", by_ada, 4, 0, 0),
            ("found", by_bo, 5, 0, 0),
            ("make_team", by_ada, 0, 0, 0),
            ("join_team", by_ada, 1, 2, 0),
            ("make_repo", by_ada, 5, 0, 1),
            ("make_robot", by_ada, 5, 0, 0),
            ("grant", by_ada, 0, 6, 1),
            ("make_rule", by_ada, 0, 3, 1),
            ("issue", by_ada, 1, 2, 6),
            ("set_role", by_ada, 0, 3, 4),
            ("set_role", by_ada, 0, 4, 2),
            ("switch_person", (0, 3), 4, 1, 0),
        ):
            done = bench.do(verb, *who, a, b, c)
            assert done.endswith("done"), done
        yield bench.world
        transaction.set_rollback(True)


@pytest.mark.django_db
# On a second database a part of them is enough: each act is in it many times.
@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.any_database) for part in range(1, PARTS))]
)
def test_services_do_what_the_model_says(part, beginning):
    @seed(part)
    @settings(
        max_examples=STORIES // PARTS,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEP, min_size=2, max_size=LENGTH))
    def play(story):
        with transaction.atomic():
            bench = Bench(model.copied(beginning))
            for step in story:
                bench.do(*step)
            compare_rows(bench.world)
            compare_counts(bench.world)
            number = crc32(repr(story).encode())
            if number % 2:
                compare_rights(bench.world, number // 2)
            elif number % 4:
                compare_tokens(bench.world)
            transaction.set_rollback(True)

    play()


# Rights --------------------------------------------------------------------------------------------------


def compare_rights(world: World, number: int) -> None:
    """Ask for rights on everything, as half of everybody in turn, by a session and by a token."""
    every = number % 200 == 0
    rights = [one[number // 2 % len(one)] for one in list(CLASSES.values())[number % 2 :: 2]]
    users = dict(rows_of(User, world.people.values(), "namespace"))
    robots = dict(rows_of(Robot, world.robots, "namespace"))
    questions = [
        (right, *target)
        for right in (catalogue.RIGHTS.values() if every else rights)
        for target in targets(world, users, right, number)
    ]
    for place, who in enumerate((*world.people.values(), *world.robots, None)):
        if isinstance(who, Person) and not who.enabled:
            continue  # her credentials are refused, see compare_tokens
        if (number // 2 + place) % 2 and not every:
            continue
        memo: dict[Any, Any] = {}
        scopes = ANY_SCOPES if every else [ANY_SCOPES[(number // 4 + place) % len(ANY_SCOPES)]]
        for allowed in (None, *scopes) if who is not None else (None,):
            actor = Actor(user=users.get(who), robot=robots.get(who), scopes=allowed, memo=memo)
            caller = Caller(who, allowed)
            for right, thing, row in questions:
                came, wanted = check(actor, right, row), may(caller, right.name, thing)
                assert came is wanted, f"{right} of {told(who)} {allowed} on {told(thing)}: {came}"
        if isinstance(who, Person) and number % 4 == 0:
            actor = Actor(user=users[who], memo=memo)
            listed = Project.objects.filter(readable(actor), deleted_at=None, namespace__deleted_at=None)
            seen = {
                repo.pk for repo in world.repos if model.of_repo(who, repo) or model.audits(who, repo.home)
            }
            assert set(listed.values_list("pk", flat=True)) == seen, told(who)


def rows_of(table: Any, things: Any, *related: str) -> Iterator[tuple[Any, Any]]:
    """Yield things with their rows, asked for at once."""
    things = list(things)
    found = table.objects.select_related(*related).in_bulk([thing.pk for thing in things])
    for thing in things:
        yield thing, found[thing.pk]


CACHE: dict[int, dict[str, list[tuple[Any, Any]]]] = {}


def targets(
    world: World, users: dict[Any, Any], right: catalogue.Right, number: int
) -> list[tuple[Any, Any]]:
    """Return what a right can be on, with what stands for it in the product."""
    if number not in CACHE:
        CACHE.clear()
        orgs = list(rows_of(Organization, world.orgs.values(), "namespace"))
        CACHE[number] = {
            "orgs": [(org, row.namespace if number % 2 else row) for org, row in orgs],
            "homes": [(person, user.namespace) for person, user in users.items()],
            "repos": list(rows_of(Project, world.repos, "namespace__organization")),
            "teams": list(rows_of(Team, world.teams, "organization__namespace")),
        }
    known = CACHE[number]
    if right.ladder == catalogue.Ladder.INSTANCE:
        return [(None, None)]
    if right.ladder == catalogue.Ladder.ACCOUNT:
        return list(users.items())
    if right.ladder == catalogue.Ladder.PROJECT:
        return known["repos"]
    return known["orgs"] + known["homes"] + known["teams"]


# Tokens and counts ---------------------------------------------------------------------------------------


def works(secret: str) -> bool:
    """Tell whether a token is let in."""
    try:
        tokens.authenticate(secret, kinds=(Kind.OAUTH, Kind.ROBOT))
    except Unauthenticated:
        return False
    return True


def compare_tokens(world: World) -> None:
    """Let in who is alive and enabled, and nobody else."""
    for token in world.tokens:
        assert works(token.secret) is (token.person.enabled and not token.revoked), told(token.person)
    for robot in world.robots:
        assert works(robot.secret) is getattr(robot.home, "enabled", True), told(robot)
    for secret in world.dead_secrets:
        assert not works(secret)


def compare_counts(world: World) -> None:
    """Count what is used."""
    wanted: dict[tuple[str | None, int | None, str], int] = {}
    for home in world.homes:
        held = {"projects": len(home.repos), "robots": len(home.robots), "bytes": 0}
        held["members"] = len(home.roles) if isinstance(home, Org) else 0
        wanted |= {(home.name, None, resource): used for resource, used in held.items()}
        if isinstance(home, Org):
            held["organizations"] = 1
            wanted |= {(None, home.account_pk, resource): used for resource, used in held.items()}
    rows = Quota.objects.filter(namespace__deleted_at=None)
    found = {
        (name, account, resource): used
        for name, account, resource, used in rows.values_list(
            "namespace__name", "account", "resource", "used"
        )
    }
    assert {key: used for key, used in found.items() if key in wanted} == wanted
    # What an account held whose organizations are gone, was given back.
    assert [key for key, used in found.items() if used and key not in wanted] == []


def compare_rows(world: World) -> None:
    """See that nothing of the living is left over or lost, and who administers each organization."""
    orgs, repos = world.orgs.values(), world.repos
    inside = {(org.pk, person.pk) for org in orgs for person in org.roles}
    assert inside == set(Membership.objects.values_list("organization", "user"))
    seats = TeamMember.objects.filter(team__organization__deleted_at=None).values_list(
        "team", "user", "robot"
    )
    people: set[Any] = {(team.pk, person.pk, None) for team in world.teams for person in team.people}
    assert people | {(team.pk, None, robot.pk) for team in world.teams for robot in team.robots} == set(seats)
    kinds = (Person, model.Team, model.Robot)

    def keys(holder: Any) -> tuple[int | None, ...]:
        return tuple(holder.pk if isinstance(holder, kind) else None for kind in kinds)

    columns = ("user", "team", "robot", "role")
    held = Grant.objects.filter(project__in=[repo.pk for repo in repos]).values_list("project", *columns)
    assert {(repo.pk, *keys(one), role) for repo in repos for one, role in repo.grants.items()} == set(held)
    rules = DefaultGrant.objects.filter(organization__in=[org.pk for org in orgs]).values_list("pk", *columns)
    assert {(rule.pk, *keys(rule.holder), rule.role) for rule in world.rules} == set(rules)
    for org in orgs:
        assert any(model.standing(person, org) >= 3 for person in org.roles), told(org)
