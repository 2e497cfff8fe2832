"""The resolver says what the checks enforce, and foretells what services do; and nothing of other tenants."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as story_settings
from hypothesis import strategies as st

from accounts import services as accounts
from accounts.models import Organization, Robot, Team, User
from core.actor import Actor
from core.errors import DomainError
from permissions import resolver
from permissions.catalogue import GRANT_CHANGE, PROJECT_READ, PROJECT_WRITE, Level
from permissions.checks import check, explain
from permissions.resolver import PERSON, ROBOT, TEAM, Facts, Key
from permissions.selectors import facts as read
from projects import services as projects
from projects.models import Project
from tests import make
from tests.permissions.acts import ACTS, Bench
from tests.permissions.test_model import beginning  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

SOME = st.integers(0, 11)
STEP = st.tuples(st.sampled_from(sorted(ACTS)), SOME, SOME, SOME, SOME, SOME)
RIGHTS = ((PROJECT_READ, Level.READ), (PROJECT_WRITE, Level.WRITE), (GRANT_CHANGE, Level.ADMIN))


def facts(organization: Organization, **options: Any) -> Facts:
    return read(actor=make.SYSTEM, organization=organization, **options)


def levels(found: Facts) -> dict[tuple[str, str], Level]:
    """Return the level of everybody on everything, by names."""
    return {
        (found.bearers[key].name, place.slug): found.level(found.reach(key), pk)
        for key in found.holders((PERSON, ROBOT))
        for pk, place in found.projects.items()
    }


def best(found: Facts, key: Key, project: int) -> Level:
    """Return the level that the deciding path gives."""
    paths = found.paths(key, project)
    assert sum(path.deciding for path in paths) == bool(paths)
    return min(paths[0].level, Level.ADMIN) if paths else Level.NONE


def compare(organization: Organization) -> None:
    """Ask the checks for everybody on everything, and the resolver both in one and with its reasons."""
    found = facts(organization)
    users = User.objects.select_related("namespace").in_bulk([key.pk for key in found.holders([PERSON])])
    robots = Robot.objects.select_related("namespace").in_bulk([key.pk for key in found.holders([ROBOT])])
    rows = Project.objects.select_related("namespace__organization").in_bulk(found.projects)
    # Whoever is not among the bearers has nothing but what is public.
    absent = [
        user
        for user in User.objects.select_related("namespace").filter(deleted_at=None)
        if user.pk not in users
    ]
    for key in found.holders([PERSON, ROBOT]):
        actor = Actor(user=users.get(key.pk)) if key.kind == PERSON else Actor(robot=robots[key.pk])
        reach = found.reach(key)
        for pk, row in rows.items():
            level = found.level(reach, pk)
            assert level == best(found, key, pk), (key, row.slug)
            for right, needed in RIGHTS:
                assert check(actor, right, row) is (level >= needed), (key, row.slug, right.name)
            if found.bearers[key].superuser != "readonly":
                by_checks = explain(actor, PROJECT_READ, row).paths
                assert {path.kind for path in by_checks} == {path.kind for path in found.paths(key, pk)}
    for user in absent:
        told = facts(organization, outsider=user.username)
        stranger = told.named(user.username)
        assert stranger is not None
        for pk, row in rows.items():
            granted = [check(Actor(user=user), right, row) for right, _ in RIGHTS]
            assert granted == [best(told, stranger, pk) >= needed for _, needed in RIGHTS]


def play_stories(start: Any, number: int, after: Callable[[Bench, int], None]) -> None:
    """Play stories of random acts from where the model begins, and look at each world."""

    @seed(number)
    @story_settings(
        max_examples=60,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEP, min_size=2, max_size=10))
    def play(story: list[Any]) -> None:
        with transaction.atomic():
            bench = Bench(copy.deepcopy(start))
            for step in story:
                bench.do(*step)
            after(bench, crc32(repr(story).encode()))
            transaction.set_rollback(True)

    play()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["plain", "full", "readonly"])
def test_the_resolver_gives_what_the_checks_grant(beginning, kind, settings):  # noqa: F811
    settings.SUPERUSERS_FULL_ACCESS = kind == "full"
    settings.READONLY_SUPERUSERS = frozenset({"bo", "ada"} if kind == "readonly" else ())

    def look(bench: Bench, number: int) -> None:
        for organization in Organization.objects.filter(deleted_at=None).select_related("namespace"):
            compare(organization)

    if kind == "readonly":
        # Whoever changes nothing plays no stories: the beginning alone.
        look(Bench(beginning), 0)
    else:
        settings_before = settings.SUPERUSERS_FULL_ACCESS

        def switched(bench: Bench, number: int) -> None:
            settings.SUPERUSERS_FULL_ACCESS = settings_before
            try:
                look(bench, number)
            finally:
                settings.SUPERUSERS_FULL_ACCESS = False

        settings.SUPERUSERS_FULL_ACCESS = False
        play_stories(beginning, 7, switched)


@pytest.mark.django_db
def test_a_change_does_what_was_foretold(beginning):  # noqa: F811
    done: dict[str, int] = {}

    def look(bench: Bench, number: int) -> None:
        organizations = Organization.objects.filter(deleted_at=None).select_related("namespace")
        for organization in organizations:
            before = facts(organization)
            for name, foretell, act in foretold(before, organization, number):
                with transaction.atomic():
                    try:
                        with transaction.atomic():
                            act()
                    except DomainError:
                        pass
                    else:
                        after = foretell()
                        real = facts(organization)
                        # Who is gone altogether is not among the bearers any more.
                        wanted = {pair: level for pair, level in levels(after).items() if level}
                        came = {pair: level for pair, level in levels(real).items() if level}
                        public = {place.slug for place in real.projects.values() if place.public}
                        gone = {before.bearers[key].name for key in before.bearers} - {
                            real.bearers[key].name for key in real.bearers
                        }
                        wanted = {
                            (who, slug): level
                            for (who, slug), level in wanted.items()
                            if not (who in gone and slug in public and level == Level.READ)
                        }
                        assert came == wanted, name
                        assert real.standings == after.standings, name
                        done[name] = done.get(name, 0) + 1
                    transaction.set_rollback(True)

    play_stories(beginning, 11, look)
    assert done.keys() == {
        "seat",
        "member",
        "role",
        "team",
        "team role",
        "grant",
        "revoke",
        "visibility",
        "robot",
    }
    assert min(done.values()) >= 3, done


def foretold(before: Facts, organization: Organization, number: int) -> list[tuple[str, Any, Any]]:
    """Return one change of each kind, where there is something to change: name, forecast, deed."""
    found: list[tuple[str, Any, Any]] = []

    def pick(things: Any) -> Any:
        things = sorted(things)
        return things[number % len(things)] if things else None

    system = make.SYSTEM
    seats = pick((key, team) for key, teams in before.seats.items() for team in teams)
    person, team = pick(before.standings), pick(key.pk for key in before.holders([TEAM]))
    robot, project = pick(key.pk for key in before.holders([ROBOT])), pick(before.projects)
    role = ("member", "creator", "admin")[number % 3]
    row = Team.objects.select_related("organization__namespace").get(pk=team) if team else None
    if seats:
        key = seats[0]
        who: dict[str, Any] = (
            {"user": User.objects.get(pk=key.pk)}
            if key.kind == PERSON
            else {"robot": Robot.objects.select_related("namespace").get(pk=key.pk)}
        )
        there = Team.objects.select_related("organization__namespace").get(pk=seats[1])
        found.append(
            (
                "seat",
                lambda: resolver.without_seat(before, *seats),
                lambda: accounts.remove_team_member(actor=system, team=there, **who),
            )
        )
    if person:
        user = User.objects.get(pk=person)
        found += [
            (
                "member",
                lambda: resolver.without_member(before, person),
                lambda: accounts.remove_member(actor=system, organization=organization, user=user),
            ),
            (
                "role",
                lambda: resolver.with_role(before, person, role),
                lambda: accounts.set_member_role(
                    actor=system, organization=organization, user=user, role=role
                ),
            ),
        ]
    if row is not None:
        found += [
            (
                "team",
                lambda: resolver.without_team(before, team),
                lambda: accounts.delete_team(actor=system, team=row),
            ),
            (
                "team role",
                lambda: resolver.with_team_role(before, team, role),
                lambda: accounts.change_team(actor=system, team=row, role=role),
            ),
        ]
    if robot:
        machine = Robot.objects.select_related("namespace__organization").get(pk=robot)
        found.append(
            (
                "robot",
                lambda: resolver.without_robot(before, robot),
                lambda: accounts.delete_robot(actor=system, robot=machine),
            )
        )
    if project:
        place = Project.objects.select_related("namespace__organization").get(pk=project)
        public = not before.projects[project].public
        found.append(
            (
                "visibility",
                lambda: resolver.with_visibility(before, project, public=public),
                lambda: projects.set_visibility(
                    actor=system, project=place, visibility="public" if public else "private"
                ),
            )
        )
        if row is not None:
            granted = ("read", "write", "admin")[number % 3]
            found.append(
                (
                    "grant",
                    lambda: resolver.with_grant(before, Key(TEAM, team), project, granted),
                    lambda: projects.set_grant(actor=system, project=place, team=row, role=granted),
                )
            )
    held = pick((key, pk) for key, given in before.grants.items() for pk in given if key.kind == PERSON)
    if held:
        holder = User.objects.get(pk=held[0].pk)
        granted_on = Project.objects.select_related("namespace__organization").get(pk=held[1])
        found.append(
            (
                "revoke",
                lambda: resolver.with_grant(before, held[0], held[1], ""),
                lambda: projects.revoke_grant(actor=system, project=granted_on, user=holder),
            )
        )
    return found
