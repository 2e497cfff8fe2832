"""A world that holds as much of everything as one likes: what a call costs must not depend on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts import services as accounts
from notifications import services as notifications
from projects import services as projects
from tests import make
from tokens import services as tokens
from tokens.models import Application

if TYPE_CHECKING:
    from tests.api.quay.world import World

IDENTITIES = [{"issuer": "https://idp.example.test", "subject": str(number)} for number in range(30)]


def grow(world: World, start: int, stop: int) -> None:
    """Add something of every kind for each number: around acme, and around what its owner calls her own."""
    for number in range(start, stop):
        people(world, number)
        things(world, number)
        told(world, number)


def people(world: World, number: int) -> None:
    """Add a person and a guest, a team, organizations of the owner's, an invitation and a default grant."""
    acme, owner, devs = world.acme, world.people["owner"], world.teams["devs"]
    person, guest = make.user(f"person{number}"), make.user(f"guest{number}")
    team = make.team(acme, f"team{number}", "creator")
    make.member(team, person, owner)
    make.member(devs, person)
    accounts.invite(actor=make.SYSTEM, team=devs, user=guest)
    projects.create_default_grant(
        actor=make.SYSTEM, organization=acme, role="read", user=person, activating_user=guest
    )
    make.organization(f"org{number}", owner=owner)
    web = world.projects["web"]
    make.grant(web, "read", user=guest)
    make.grant(web, "read", user=person)
    make.grant(web, "read", team=team)


def things(world: World, number: int) -> None:
    """Add robots, projects with grants, stars, applications and tokens."""
    acme, owner, bot = world.acme, world.people["owner"], world.robots["bot"]
    member, devs = world.people["member"], world.teams["devs"]
    robot = make.robot(acme, f"robot{number}", metadata={"number": number})
    own = make.robot(owner, f"own{number}")
    project = make.project(acme, f"project{number}")
    public = make.project(acme, f"public{number}", visibility="public")
    for machine in (robot, bot):
        team = acme.teams.get(slug=f"team{number}")
        accounts.add_team_member(actor=make.SYSTEM, team=team, robot=machine)
    make.grant(world.projects["web"], "read", robot=robot)
    holders: tuple[dict[str, Any], ...] = ({"user": member}, {"team": devs}, {"robot": robot}, {"robot": bot})
    for holder in holders:
        make.grant(project, "read", **holder)
    make.grant(make.project(owner, f"own{number}"), "read", robot=own)
    projects.star_project(actor=make.actor(owner), project=public)
    accounts.set_robot_federation(actor=make.SYSTEM, robot=bot, identities=IDENTITIES[: number + 1])
    application = tokens.create_application(
        actor=make.SYSTEM, organization=acme, name=f"app{number}", redirect_uri="https://app.example/cb"
    )
    first = Application.objects.filter(namespace=acme.namespace).earliest("pk")
    for one in {application, first}:
        tokens.issue_application_token(
            actor=make.actor(owner), organization=acme, application=one, name="nightly", scopes="repo:read"
        )
    tokens.create_app_token(actor=make.actor(owner), title=f"laptop {number}")


def told(world: World, number: int) -> None:
    """Add messages and notifications."""
    notifications.create_message(
        actor=make.SYSTEM, content="Sunday", severity="info", media_type="text/plain"
    )
    own = world.people["owner"].namespace
    owners: tuple[dict[str, Any], ...] = (
        {"project": world.projects["web"]},
        {"namespace": world.acme.namespace},
        {"namespace": own},
    )
    for owner in owners:
        notifications.create_subscription(
            actor=make.SYSTEM, event="quota_warning", method="in_console", config={}, **owner
        )
