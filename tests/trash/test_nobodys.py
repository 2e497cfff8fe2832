"""What lies in the trash is nobody's: before a worker has put its rows away, too, nothing acts on them."""

from dataclasses import dataclass

import pytest

from accounts import services as accounts
from accounts.models import Invitation, Organization, Robot, Team, User
from core.actor import Actor
from core.errors import NotFound, Unauthenticated
from logs import services as logs
from logs.models import LogEntry
from permissions.catalogue import LOG_READ, ORGANIZATION_READ, PROJECT_READ
from permissions.checks import check
from projects import services as projects
from projects.models import Project
from tests import make
from tests.console.entering import enter
from tests.logs.written import WEEK
from tokens import services as tokens
from tokens.kinds import Kind

pytestmark = pytest.mark.django_db


@dataclass
class World:
    """A deleted organization, as its rows still are; its owner, an operator, and what opened doors to it."""

    people: dict[str, Actor]
    organization: Organization
    team: Team
    robot: Robot
    project: Project
    secrets: dict[str, str]
    code: str


@pytest.fixture
def world(settings):
    """Return it; bells ring when the transaction ends, so no worker has come by."""
    settings.SUPERUSERS_FULL_ACCESS = True
    root, owner = make.user("root", superuser=True), make.user("owner")
    acme = make.organization("acme", owner=owner)
    team, robot, project = make.team(acme), make.robot(acme, "ci"), make.project(acme, "web")
    by = make.actor(owner)
    secrets = {
        "organization": tokens.create_token(actor=by, kind=Kind.ORGANIZATION, organization=acme)[1],
        "project": tokens.create_token(actor=by, kind=Kind.PROJECT, project=project)[1],
        "robot": accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot),
    }
    make.user("guest")
    accounts.invite_people(actor=by, organization=acme, whom=["guest"], role="member")
    code = Invitation.objects.get().code
    accounts.delete_organization(actor=make.actor(owner), organization=acme)
    return World(
        {"root": make.actor(root), "owner": make.actor(owner)},
        Organization.objects.select_related("namespace").get(pk=acme.pk),
        Team.objects.get(pk=team.pk),
        Robot.objects.get(pk=robot.pk),
        Project.objects.get(pk=project.pk),
        secrets,
        code,
    )


CALLS = {
    "change_organization": lambda at, by: accounts.change_organization(
        actor=by, organization=at.organization, changes={"description": "mine"}
    ),
    "delete_organization": lambda at, by: accounts.delete_organization(
        actor=by, organization=at.organization
    ),
    "create_team": lambda at, by: accounts.create_team(
        actor=by, organization=at.organization, slug="late", role="member"
    ),
    "delete_team": lambda at, by: accounts.delete_team(actor=by, team=at.team),
    "create_robot": lambda at, by: accounts.create_robot(
        actor=by, namespace=at.organization.namespace, shortname="late"
    ),
    "change_robot": lambda at, by: accounts.change_robot(actor=by, robot=at.robot, description="mine"),
    "delete_robot": lambda at, by: accounts.delete_robot(actor=by, robot=at.robot),
    "regenerate_robot_token": lambda at, by: accounts.regenerate_robot_token(actor=by, robot=at.robot),
    "invite_people": lambda at, by: accounts.invite_people(
        actor=by, organization=at.organization, whom=["guest"], role="member"
    ),
    "create_project": lambda at, by: projects.create_project(
        actor=by, namespace=at.organization.namespace, slug="late"
    ),
    "set_visibility": lambda at, by: projects.set_visibility(
        actor=by, project=at.project, visibility="public"
    ),
    "set_description": lambda at, by: projects.set_description(
        actor=by, project=at.project, description="mine"
    ),
    "star_project": lambda at, by: projects.star_project(actor=by, project=at.project),
    "project_token": lambda at, by: projects.project_token(actor=by, project=at.project),
    "create_token": lambda at, by: tokens.create_token(actor=by, kind=Kind.PROJECT, project=at.project),
    "export_credentials": lambda at, by: tokens.export_credentials(actor=by, organization=at.organization),
    "request_export": lambda at, by: logs.request_export(
        actor=by, namespace=at.organization.namespace, **WEEK
    ),
    "request_verification": lambda at, by: logs.request_verification(
        actor=by, namespace=at.organization.namespace
    ),
}


@pytest.mark.parametrize("who", ["root", "owner"])
@pytest.mark.parametrize("call", CALLS)
def test_no_service_acts_on_it(world, who, call):
    before = LogEntry.objects.count()
    with pytest.raises(NotFound):
        CALLS[call](world, world.people[who])
    assert LogEntry.objects.count() == before


@pytest.mark.parametrize("who", ["root", "owner"])
def test_nobody_has_a_right_on_it(world, who):
    actor = world.people[who]
    assert not check(actor, ORGANIZATION_READ, world.organization)
    assert not check(actor, LOG_READ, world.organization.namespace)
    assert not check(actor, PROJECT_READ, world.project)
    Project.objects.filter(pk=world.project.pk).update(visibility="public")
    world.project.refresh_from_db()
    assert not check(Actor(), PROJECT_READ, world.project)


def test_what_opened_doors_opens_none(world):
    for secret in world.secrets.values():
        with pytest.raises(Unauthenticated):
            tokens.authenticate(secret, kinds=list(Kind))
    guest = User.objects.get(username="guest")
    assert enter(guest).get(f"/invitations/{world.code}/").status_code == 404
    assert "acme" not in enter(guest).get("/").content.decode()
    for name in ("root", "owner"):
        user = world.people[name].user
        assert user is not None
        client = enter(user)
        for path in (
            "",
            "members/",
            "projects/web/",
            "robots/ci/",
            "logs/",
            "settings/",
            "exports/",
            "streams/",
        ):
            assert client.get(f"/o/acme/{path}").status_code in (403, 404), (name, path)
        for path in ("organization/acme", "repository/acme/web", "organization/acme/logs"):
            assert client.get(f"/api/v1/{path}").status_code in (400, 403, 404), (name, path)
