"""What is taken away in one process is refused by the very next call in every other one.

Two more processes answer here, each with statements that it has compiled and prepared: this one changes
something, and both are asked at once.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from permissions.catalogue import Scope
from projects import services as projects
from tests import make
from tests.answering import Process
from tests.workers import database_url
from tokens import services as tokens
from tokens.models import Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accounts.models import Organization, Robot, Team, User
    from projects.models import Project

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

OFTEN = 8  # calls after which a statement is prepared
AT_ONCE = 1.0  # seconds for the change and for what both processes answer to it
MEMBERS = "/api/v1/organization/{acme}/members"
WEB = "/api/v1/repository/{acme}/web"
USAGE = f"{WEB}/usage"
OWN = "/api/v1/user/"


class World:
    """A person with one way into an organization, its private project, and a robot."""

    def __init__(self, number: int = 0) -> None:
        self.acme: Organization = make.organization(f"acme{number}")
        self.ada: User = make.user(f"ada{number}")
        self.team: Team = make.team(self.acme, "leads", role="admin")
        self.web: Project = make.project(self.acme)
        self.robot: Robot = make.robot(self.acme)
        make.grant(self.web, "read", robot=self.robot)
        self.secret = make.token(self.ada)
        self.robots = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=self.robot)

    def hers(self) -> Credential:
        """Return the credential of the person."""
        return Credential.objects.get(user=self.ada, revoked_at=None)


@pytest.fixture(scope="module")
def others(django_db_setup: None) -> Iterator[list[Process]]:
    """Start two processes that answer."""
    environment = os.environ | {"DATABASE_URL": database_url(), "SECRET_KEY": settings.SECRET_KEY}
    started = [Process(environment) for _ in range(2)]
    yield started
    for one in started:
        one.end()


def in_team(world: World) -> None:
    make.member(world.team, world.ada)


def as_admin(world: World) -> None:
    accounts.set_member_role(actor=make.SYSTEM, organization=world.acme, user=world.ada, role="admin")


def as_member(world: World) -> None:
    accounts.set_member_role(actor=make.SYSTEM, organization=world.acme, user=world.ada, role="member")


def granted(world: World) -> None:
    make.grant(world.web, "read", user=world.ada)


def nothing(world: World) -> None:
    """Give her nothing: her own account is enough."""


def remove_from_team(world: World) -> None:
    accounts.remove_team_member(actor=make.SYSTEM, team=world.team, user=world.ada)


def remove_from_organization(world: World) -> None:
    accounts.remove_member(actor=make.SYSTEM, organization=world.acme, user=world.ada)


def take_grant(world: World) -> None:
    projects.revoke_grant(actor=make.SYSTEM, project=world.web, user=world.ada)


def weaken_team(world: World) -> None:
    accounts.change_team(actor=make.SYSTEM, team=world.team, role="member")


def revoke(world: World) -> None:
    tokens.revoke(actor=make.SYSTEM, credential=world.hers())


def expire(world: World) -> None:
    Credential.objects.filter(user=world.ada).update(expires_at=timezone.now() - timedelta(milliseconds=1))


def disable_token(world: World) -> None:
    Credential.objects.filter(user=world.ada).update(disabled_at=timezone.now())


def disable_person(world: World) -> None:
    accounts.change_user(actor=make.SYSTEM, user=world.ada, enabled=False)


def delete_person(world: World) -> None:
    accounts.delete_user(actor=make.SYSTEM, user=world.ada)


def delete_organization(world: World) -> None:
    accounts.delete_organization(actor=make.SYSTEM, organization=world.acme)


def delete_project(world: World) -> None:
    projects.delete_project(actor=make.SYSTEM, project=world.web)


def disable_robot(world: World) -> None:
    accounts.change_robot(actor=make.SYSTEM, robot=world.robot, enabled=False)


def delete_robot(world: World) -> None:
    accounts.delete_robot(actor=make.SYSTEM, robot=world.robot)


def replace_token_of_robot(world: World) -> None:
    accounts.regenerate_robot_token(actor=make.SYSTEM, robot=world.robot)


def narrow_token(world: World) -> None:
    Credential.objects.filter(user=world.ada).update(scopes=Scope.USER_READ)


# How she came in, what is called, what is done, and how the call is answered after it.
OF_PEOPLE: list[tuple[Callable[[World], None], str, Callable[[World], None], int]] = [
    (nothing, OWN, revoke, 401),
    (nothing, OWN, expire, 401),
    (nothing, OWN, disable_token, 401),
    (nothing, OWN, disable_person, 401),
    (nothing, OWN, delete_person, 401),
    (in_team, MEMBERS, revoke, 401),
    (in_team, MEMBERS, narrow_token, 403),
    (in_team, MEMBERS, remove_from_team, 403),
    (in_team, MEMBERS, weaken_team, 403),
    (in_team, MEMBERS, remove_from_organization, 403),
    (in_team, MEMBERS, delete_organization, 403),
    (as_admin, MEMBERS, as_member, 403),
    (as_admin, MEMBERS, remove_from_organization, 403),
    (as_admin, WEB, as_member, 403),
    (granted, WEB, take_grant, 403),
    (granted, WEB, remove_from_organization, 403),
    (granted, WEB, delete_project, 403),
]
OF_ROBOTS: list[tuple[Callable[[World], None], int]] = [
    (disable_robot, 401),
    (delete_robot, 401),
    (replace_token_of_robot, 401),
    (delete_organization, 401),
]


def statuses(others: list[Process], world: World, path: str, secret: str) -> list[int]:
    """Return how each of the processes answers one call."""
    bearer = {"authorization": f"Bearer {secret}"}
    return [one.status(path.format(acme=world.acme.slug), **bearer) for one in others]


def assert_refused_at_once(
    others: list[Process], world: World, path: str, secret: str, change: Callable[[World], None], after: int
) -> None:
    """Have both processes prepare the call, change something here, and ask each of them once."""
    for _ in range(OFTEN):
        assert statuses(others, world, path, secret) == [200, 200], (path, change)
    began = time.monotonic()
    change(world)
    assert statuses(others, world, path, secret) == [after, after], (path, change)
    assert time.monotonic() - began < AT_ONCE, (path, change)


def test_people_are_refused_at_once(others: list[Process]) -> None:
    for number, (enter, path, change, after) in enumerate(OF_PEOPLE):
        world = World(number)
        enter(world)
        assert_refused_at_once(others, world, path, world.secret, change, after)


def test_robots_are_refused_at_once(others: list[Process]) -> None:
    for number, (change, after) in enumerate(OF_ROBOTS):
        world = World(number)
        assert_refused_at_once(others, world, USAGE, world.robots, change, after)


def test_what_is_given_counts_at_once_too(others: list[Process]) -> None:
    world = World()
    for _ in range(OFTEN):
        assert statuses(others, world, MEMBERS, world.secret) == [403, 403]
    in_team(world)
    assert statuses(others, world, MEMBERS, world.secret) == [200, 200]
