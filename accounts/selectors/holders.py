"""Whom somebody meant by a name that she typed."""

from __future__ import annotations

from typing import TypedDict

from accounts.models import Organization, Robot, Team, User
from accounts.selectors.robots import robot_by_full_name
from accounts.selectors.teams import team
from accounts.selectors.users import user
from core.errors import Invalid, NotFound
from core.names import fold
from core.words import say


def user_to_add(*, name: str) -> User:
    """Return the person somebody typed the name of; a wrong one is the form's problem, not a missing page.

    Raises:
        Invalid: nobody has the name.
    """
    try:
        return user(name=name.strip())
    except NotFound as error:
        raise Invalid(say("There is no user {name!r}", name=name.strip()), field="username") from error


def team_to_add(*, organization: Organization, name: str, field: str = "holder") -> Team:
    """Return the team somebody typed the name of. Raises as `user_to_add`."""
    try:
        return team(organization=organization, name=name.strip())
    except NotFound as error:
        raise Invalid(say("There is no team {name!r}", name=name.strip()), field=field) from error


class Holder(TypedDict, total=False):
    """Exactly one of them: as services take whom they act on."""

    user: User
    robot: Robot


def holder_to_add(*, name: str, field: str = "username") -> Holder:
    """Return ``{"user": …}`` or ``{"robot": …}`` for a name somebody typed. Raises as `user_to_add`."""
    try:
        person, machine = user_or_robot(name=name.strip())
    except NotFound as error:
        raise Invalid(say("There is no user or robot {name!r}", name=name.strip()), field=field) from error
    if machine is not None:
        return {"robot": machine}
    return {"user": person} if person is not None else {}


def user_or_robot(*, name: str) -> tuple[User | None, Robot | None]:
    """Return the person, or the robot, of a name as the wires write it: ``name`` or ``namespace+shortname``.

    Raises:
        NotFound: neither exists.
    """
    if "+" not in name:
        return user(name=name), None
    return None, robot_by_full_name(name=name)


def is_known(*, name: str) -> bool:
    """Tell whether there is a living person, or a robot, of a name as the wires write it."""
    owner, plus, shortname = name.partition("+")
    if not plus:
        return User.objects.filter(username=fold(name), deleted_at=None).exists()
    return Robot.objects.filter(
        namespace__key=fold(owner), namespace__deleted_at=None, shortname=shortname
    ).exists()
