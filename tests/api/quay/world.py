"""The world of the Quay wire's tests: one organization seen by everybody, and another tenant beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Organization, Robot, Team, User
from permissions.catalogue import Scope
from projects import services as projects
from projects.models import Project
from tests import make
from tokens import services as tokens

ALL_SCOPES = make.ALL_SCOPES

# Who calls. The scopes stand for tokens of the organization's owner; ``super:user`` for one of a superuser.
PEOPLE = ("stranger", "reader", "writer", "member", "creator", "admin", "owner")
OF_OWNER = tuple(scope for scope in Scope.values if scope != Scope.SUPER_USER)
PRINCIPALS = ("anonymous", "robot", *PEOPLE, "superuser", "full", "auditor", *Scope.values)
# Tokens that are none on this wire: a robot's, one of the owner whose time is over, one of an administrator
# who was disabled since. And the owner of another tenant, who is a stranger here.
UNUSABLE = ("robot", "expired", "disabled")
FOREIGN = "globex-owner"
# A person who has nothing in acme but a grant: she is admin of its project web.
KEEPER = "keeper"
# A person who is auditor of acme; ``auditor`` is one of the whole instance.
OVERSEER = "overseer"

# What a principal sees of the instance's switches.
SETTINGS: dict[str, dict[str, Any]] = {"full": {"SUPERUSERS_FULL_ACCESS": True}}
EVERYWHERE: dict[str, Any] = {"READONLY_SUPERUSERS": frozenset({"auditor"})}


@dataclass
class World:
    """People and things by the names that paths and bodies use."""

    acme: Organization
    globex: Organization
    people: dict[str, User]
    teams: dict[str, Team]
    robots: dict[str, Robot]
    projects: dict[str, Project]
    secrets: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def client(self, principal: str) -> Client:
        """Return a client that sends the principal's token; none for ``anonymous``."""
        if principal == "anonymous":
            return Client(enforce_csrf_checks=True)
        return bearer(self.secret(principal))

    def secret(self, principal: str) -> str:
        """Return the principal's token, issued when it is first asked for."""
        if principal not in self.secrets:
            self.secrets[principal] = self._issue(principal)
        return self.secrets[principal]

    def _issue(self, principal: str) -> str:
        if principal == "robot":
            return accounts.regenerate_robot_token(actor=make.SYSTEM, robot=self.robots["ci"])
        if principal in OF_OWNER:
            return make.token(self.people["owner"], principal)
        if principal == Scope.SUPER_USER:
            return make.token(self.people["superuser"], principal)
        if principal == "expired":
            return make.token(self.people["owner"], expires_at=timezone.now() - timedelta(seconds=1))
        if principal == "disabled":
            person = make.user("disabled")
            make.member(self.teams["leads"], person)
            secret = make.token(person)
            accounts.change_user(actor=make.SYSTEM, user=person, enabled=False)
            return secret
        if principal == KEEPER:
            person = self.people[KEEPER] = make.user(KEEPER)
            make.grant(self.projects["web"], "admin", user=person)
        if principal == OVERSEER:
            person = self.people[OVERSEER] = make.user(OVERSEER)
            accounts.set_member_role(actor=make.SYSTEM, organization=self.acme, user=person, role="auditor")
        return make.token(self.people["superuser" if principal == "full" else principal])


def bearer(secret: str) -> Client:
    """Return a client that sends a token, as clients outside of browsers do."""
    return Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {secret}"})


def signed_in(username: str, password: str = make.PASSWORD) -> Client:
    """Return a client with a session, which sends the session's CSRF token with every call."""
    client = Client(enforce_csrf_checks=True)
    first = client.get("/csrf_token").json()["csrf_token"]
    answer = client.post(
        "/api/v1/signin",
        {"username": username, "password": password},
        content_type="application/json",
        headers={"x-csrf-token": first},
    )
    assert answer.status_code == 200, answer.content
    client.defaults["HTTP_X_CSRF_TOKEN"] = answer["X-Next-CSRF-Token"]
    return client


def build() -> World:
    """Make the world.

    ``acme``: people named after what they are in it, see `settle`; stranger is invited to makers. ``globex``
    is another tenant with the same names inside: team devs, robot ci, project web. Nobody is in both.
    """
    people = {name: make.user(name) for name in (*PEOPLE, "auditor")}
    people["superuser"] = make.user("superuser", superuser=True)
    people["globex-owner"] = make.user("globex-owner")
    acme = make.organization("acme", owner=people["owner"], email="acme@example.test")
    globex = make.organization("globex", owner=people["globex-owner"])
    world = World(acme, globex, people, {}, {}, {})
    settle(world)
    devs = world.teams["globex-devs"] = make.team(globex, "devs")
    world.robots["globex-ci"] = make.robot(globex, "ci")
    world.projects["globex-web"] = make.project(globex, "web")
    foreign = projects.create_default_grant(actor=make.SYSTEM, organization=globex, role="read", team=devs)
    world.names["globex_prototype"] = str(foreign.uuid)
    return world


def settle(world: World) -> None:
    """Fill ``world.acme`` with what its people do.

    Its teams are owners, leads (admin), makers (creator) and devs (member); robots ci and bot; private
    projects web (reader reads, writer writes, ci writes) and docs (devs write), public project site.
    """
    acme, people, teams, robots = world.acme, world.people, world.teams, world.robots
    teams["leads"] = make.team(acme, "leads", "admin")
    teams["makers"] = make.team(acme, "makers", "creator")
    teams["devs"] = make.team(acme, "devs", "member", description="builds it")
    make.member(teams["leads"], people["admin"])
    make.member(teams["makers"], people["creator"])
    make.member(teams["devs"], people["member"])
    robots["ci"] = make.robot(acme, "ci")
    robots["bot"] = make.robot(acme, "bot", description="waters the plants")
    accounts.add_team_member(actor=make.SYSTEM, team=teams["devs"], robot=robots["bot"])
    web = world.projects["web"] = make.project(acme, "web")
    docs = world.projects["docs"] = make.project(acme, "docs")
    world.projects["site"] = make.project(acme, "site", visibility="public")
    make.grant(web, "read", user=people["reader"])
    make.grant(web, "write", user=people["writer"])
    make.grant(web, "write", robot=robots["ci"])
    make.grant(docs, "write", team=teams["devs"])
    rule = projects.create_default_grant(
        actor=make.SYSTEM, organization=acme, role="read", team=teams["devs"]
    )
    invitation = accounts.invite(actor=make.SYSTEM, team=teams["makers"], user=people["stranger"])
    world.names |= {"prototype": str(rule.uuid), "invitation": invitation.code}


def end_token(secret: str) -> None:
    """Revoke a token."""
    from core.seal import digest
    from tokens.models import Credential

    tokens.revoke(actor=make.SYSTEM, credential=Credential.objects.get(digest=digest(secret)))
