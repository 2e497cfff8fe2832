"""Everything at once: many services on one organization, from many threads, as the doors call them.

Nothing but domain errors may come out of it (no deadlock, no broken constraint), and afterwards whatever is
counted or kept twice must agree. STORM_SECONDS makes it longer.
"""

from __future__ import annotations

import os
import random
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from accounts import selectors, services, tasks
from accounts.models import (
    Account,
    Invitation,
    Membership,
    Namespace,
    Organization,
    Robot,
    Team,
    TeamMember,
    User,
)
from core.errors import DomainError
from permissions.catalogue import PROJECT_ADMINISTER, OrganizationRole, ProjectRole
from permissions.models import DefaultGrant, Grant
from projects import selectors as project_selectors
from projects import services as projects
from projects import tasks as project_tasks
from projects.models import Project
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = float(os.environ.get("STORM_SECONDS", "3"))
THREADS = 8
PEOPLE = [f"user{number}" for number in range(5)]
TEAMS = ["devs", "leads"]
SHORT = ["ci", "bot"]
SLUGS = ["web", "docs"]
ORGANIZATIONS = ["acme", "side"]


class Caller:
    """One thread's hand: picks things by name as a door does, and calls a service."""

    def __init__(self, seed: int, account: Account) -> None:
        self.random = random.Random(seed)
        self.account_id = account.pk

    # What a path or a body names

    def person(self) -> User:
        return selectors.user(name=self.random.choice(PEOPLE))

    def actor(self) -> Actor:
        if self.random.random() < 0.6:
            return make.actor(selectors.user(name="root"))
        return make.actor(self.person())

    def organization(self) -> Organization:
        name = "acme" if self.random.random() < 0.85 else "side"
        return selectors.organization(actor=make.SYSTEM, name=name)

    def team(self, name: str = "") -> Team:
        return selectors.team(
            organization=self.organization(), name=name or self.random.choice([*TEAMS, "owners"])
        )

    def robot(self) -> Robot:
        space = self.organization().namespace
        return selectors.robot(actor=make.SYSTEM, namespace=space, shortname=self.random.choice(SHORT))

    def project(self) -> Project:
        space = self.organization().slug
        return project_selectors.project(
            actor=make.SYSTEM, namespace=space, slug=self.random.choice(SLUGS), right=PROJECT_ADMINISTER
        )

    def holder(self) -> dict[str, Any]:
        kind = self.random.choice(["user", "team", "robot"])
        picks: dict[str, Callable[[], Any]] = {"user": self.person, "team": self.team, "robot": self.robot}
        return {kind: picks[kind]()}

    def member(self) -> dict[str, Any]:
        return {"robot": self.robot()} if self.random.random() < 0.3 else {"user": self.person()}

    def account(self) -> Account:
        return Account.objects.get(pk=self.account_id)

    def flip(self) -> bool:
        return self.random.random() < 0.5

    # What it does

    def set_member_role(self) -> None:
        role = self.random.choice(OrganizationRole.values)
        services.set_member_role(
            actor=self.actor(), organization=self.organization(), user=self.person(), role=role
        )

    def remove_member(self) -> None:
        services.remove_member(
            actor=self.actor(), organization=self.organization(), teams_only=self.flip(), **self.member()
        )

    def put_team(self) -> None:
        services.put_team(
            actor=self.actor(),
            organization=self.organization(),
            slug=self.random.choice(TEAMS),
            role=self.random.choice(Team.Role.values),
            teams_only=self.flip(),
        )

    def create_team(self) -> None:
        name = self.random.choice(TEAMS)
        services.create_team(actor=self.actor(), organization=self.organization(), name=name)

    def change_team(self) -> None:
        role = self.random.choice(Team.Role.values)
        services.change_team(actor=self.actor(), team=self.team(), role=role, teams_only=self.flip())

    def delete_team(self) -> None:
        services.delete_team(actor=self.actor(), team=self.team(), teams_only=self.flip())

    def add_team_member(self) -> None:
        services.add_team_member(actor=self.actor(), team=self.team(), **self.member())

    def remove_team_member(self) -> None:
        services.remove_team_member(
            actor=self.actor(), team=self.team(), teams_only=self.flip(), **self.member()
        )

    def invite(self) -> None:
        services.invite(actor=self.actor(), team=self.team(), user=self.person())

    def answer(self) -> None:
        invitation = Invitation.objects.select_related("user").order_by("?").first()
        if invitation is not None and invitation.user is not None:
            answer = services.accept_invitation if self.flip() else services.decline_invitation
            answer(actor=make.actor(invitation.user), code=invitation.code)

    def create_robot(self) -> None:
        space, name = self.organization().namespace, self.random.choice(SHORT)
        services.create_robot(actor=self.actor(), namespace=space, shortname=name)

    def change_robot(self) -> None:
        services.change_robot(actor=self.actor(), robot=self.robot(), enabled=self.flip())

    def regenerate(self) -> None:
        services.regenerate_robot_token(actor=self.actor(), robot=self.robot())

    def federate(self) -> None:
        identities = [{"issuer": "https://idp.example", "subject": self.random.choice("ab")}]
        services.set_robot_federation(actor=self.actor(), robot=self.robot(), identities=identities)

    def delete_robot(self) -> None:
        services.delete_robot(actor=self.actor(), robot=self.robot())

    def create_project(self) -> None:
        space, slug = self.organization().namespace, self.random.choice(SLUGS)
        projects.create_project(actor=self.actor(), namespace=space, slug=slug)

    def delete_project(self) -> None:
        projects.delete_project(actor=self.actor(), project=self.project())

    def describe(self) -> None:
        projects.set_description(actor=self.actor(), project=self.project(), description="x")

    def set_grant(self) -> None:
        role = self.random.choice(ProjectRole.values)
        projects.set_grant(actor=self.actor(), project=self.project(), role=role, **self.holder())

    def revoke_grant(self) -> None:
        living = Grant.objects.filter(project__deleted_at=None)
        grant = living.select_related("project__namespace__organization").order_by("?").first()
        if grant is not None:
            projects.revoke_grant(
                actor=self.actor(),
                project=grant.project,
                user=grant.user,
                team=grant.team,
                robot=grant.robot,
            )

    def default_grant(self) -> None:
        organization = self.organization()
        projects.create_default_grant(
            actor=self.actor(), organization=organization, role="read", **self.holder()
        )

    def end_default_grant(self) -> None:
        rule = DefaultGrant.objects.select_related("organization__namespace").order_by("?").first()
        if rule is not None and self.flip():
            projects.change_default_grant(actor=self.actor(), rule=rule, role="write")
        elif rule is not None:
            projects.delete_default_grant(actor=self.actor(), rule=rule)

    def star(self) -> None:
        act = projects.star_project if self.flip() else projects.unstar_project
        act(actor=self.actor(), project=self.project())

    def disable(self) -> None:
        services.change_user(actor=make.SYSTEM, user=self.person(), enabled=self.flip())

    def delete_user(self) -> None:
        services.delete_user(actor=make.SYSTEM, user=self.person())

    def create_user(self) -> None:
        name = self.random.choice(PEOPLE)
        services.create_user(actor=make.SYSTEM, username=name)

    def create_organization(self) -> None:
        actor = make.actor(selectors.user(name="root"))
        services.create_organization(
            actor=actor, slug=self.random.choice(ORGANIZATIONS), account=self.account()
        )

    def delete_organization(self) -> None:
        services.delete_organization(actor=self.actor(), organization=self.organization())

    def take_ownership(self) -> None:
        actor = make.actor(selectors.user(name="root"))
        services.take_ownership(actor=actor, namespace=self.organization().namespace)

    def administrate(self) -> None:
        act = services.add_administrator if self.flip() else services.remove_administrator
        act(actor=make.SYSTEM, account=self.account(), user=self.person())

    def token(self) -> None:
        user = self.person()
        credential, secret = tokens.issue_api_token(actor=make.actor(user), user=user, scopes="user:read")
        tokens.authenticate(secret, kinds=[Kind.OAUTH])
        tokens.revoke(actor=make.actor(user), credential=credential)

    def limit(self) -> None:
        resource = self.random.choice([Resource.MEMBERS, Resource.ROBOTS, Resource.PROJECTS])
        quotas.set_limit(
            actor=make.SYSTEM,
            resource=resource,
            limit=None if self.flip() else 100,
            namespace=self.organization().namespace,
        )

    def sweep(self) -> None:
        (tasks.sweep if self.flip() else project_tasks.sweep)()


PICKS = {"person", "actor", "organization", "team", "robot", "project", "holder", "member", "account", "flip"}
ACTS = [name for name in vars(Caller) if not name.startswith("_") and name not in PICKS]
# What ends much comes seldom, and what it ends comes often: most calls shall find what they name.
WEIGHTS = {
    "delete_organization": 0.1,
    "delete_user": 0.3,
    "sweep": 0.2,
    "delete_team": 0.5,
    "create_user": 2,
    "create_team": 2,
    "create_robot": 2,
    "create_project": 3,
    "set_grant": 3,
    "add_team_member": 3,
    "set_member_role": 2,
    "create_organization": 2,
}


def storm(caller: Caller, until: float) -> tuple[Counter[str], list[str]]:
    """Call services until the time is up; return what came of it, and tracebacks of what never may."""
    came: Counter[str] = Counter()
    broken: list[str] = []
    try:
        while time.monotonic() < until and len(broken) < 3:
            (name,) = caller.random.choices(ACTS, [WEIGHTS.get(one, 1) for one in ACTS])
            act: Callable[[], None] = getattr(caller, name)
            try:
                act()
            except DomainError as error:
                came[f"{name} {error.code}"] += 1
            except Exception:
                broken.append(traceback.format_exc())
            else:
                came[f"{name} ok"] += 1
    finally:
        connection.close()
    return came, broken


def test_many_services_at_once_collide_in_nothing_but_domain_errors():
    root = make.user("root", superuser=True)
    for name in PEOPLE:
        make.user(name, email="")
    acme = make.organization("acme", owner=root)
    services.set_member_role(
        actor=make.SYSTEM, organization=acme, user=User.objects.get(username="user0"), role="admin"
    )
    until = time.monotonic() + SECONDS
    callers = [Caller(seed, acme.account) for seed in range(THREADS)]
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        results = list(pool.map(lambda caller: storm(caller, until), callers))
    came = sum((one for one, _ in results), Counter[str]())
    broken = [words for _, some in results for words in some]
    if os.environ.get("STORM_SECONDS"):
        print(sorted(came.items()))  # noqa: T201
    assert not broken, "\n".join(broken[:5])
    # Every act came through at least once, or the storm is none.
    if SECONDS > 10:
        assert {key.split()[0] for key in came if key.endswith(" ok")} == set(ACTS)
    assert_agreement(acme.account)


def assert_agreement(account: Account) -> None:
    """Hold everything that is counted or kept twice against what is there."""
    living = Organization.objects.filter(deleted_at=None).select_related("namespace")
    totals: Counter[str] = Counter()
    for organization in living:
        counts = {
            "members": organization.memberships.count(),
            "robots": Robot.objects.filter(namespace=organization.namespace).count(),
            "projects": Project.objects.filter(namespace=organization.namespace, deleted_at=None).count(),
        }
        used = dict(Quota.objects.filter(namespace=organization.namespace).values_list("resource", "used"))
        assert {key: used[key] for key in counts} == counts, organization
        if organization.account_id == account.pk:
            totals.update(counts)
            totals["organizations"] += 1
        inside = set(organization.memberships.values_list("user", flat=True))
        in_teams = set(
            TeamMember.objects.filter(team__organization=organization, user__isnull=False).values_list(
                "user", flat=True
            )
        )
        assert in_teams <= inside
        assert inside - in_teams == set(
            organization.memberships.filter(is_direct=True)
            .exclude(user__in=in_teams)
            .values_list("user", flat=True)
        )
        direct = organization.memberships.filter(role__in=["owner", "admin"], user__deleted_at=None)
        by_team = TeamMember.objects.filter(
            team__organization=organization, team__role="admin", user__deleted_at=None, user__isnull=False
        )
        assert direct.exists() or by_team.exists(), organization
    used = dict(Quota.objects.filter(account=account).values_list("resource", "used"))
    wanted = {key: totals[key] for key in ("members", "robots", "projects", "organizations")}
    assert {key: used[key] for key in wanted} == wanted
    # Nobody who is gone is anywhere, and what is gone holds nothing after the purge.
    assert not Membership.objects.exclude(user__deleted_at=None).exists()
    tasks.sweep()
    project_tasks.sweep()
    gone = Namespace.objects.exclude(deleted_at=None)
    assert not Robot.objects.filter(namespace__in=gone).exists()
    assert not Project.objects.filter(namespace__in=gone).exists()
    assert not Quota.objects.filter(namespace__in=gone).exists()
    assert not Grant.objects.exclude(project__deleted_at=None).exists()
    assert not Grant.objects.exclude(user=None).exclude(user__deleted_at=None).exists()
