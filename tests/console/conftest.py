"""The organizations that the console's tests look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from notifications import services as notifications
from notifications.models import Delivery, Subscription
from runs.models import Run, RunItem
from tests import make
from tests.console import world as worlds
from tests.console.entering import HOOK, RUN, SENT
from tests.staging import stand
from tokens import services as tokens
from tokens.models import Application

if TYPE_CHECKING:
    from accounts.models import Organization


EGRESS = ["192.0.2.0/24"]


@override_settings(EGRESS_ALLOW=EGRESS)
def build() -> Organization:
    """Make an organization with somebody of every kind in it."""
    acme = make.organization(owner=make.user("owner"))
    for role in ("member", "creator", "admin", "auditor"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(role), role=role)
    make.user("stranger")
    web, team, robot = make.project(acme), make.team(acme), make.robot(acme)
    make.project(acme, "site", visibility="public")
    make.member(team, User.objects.get(username="member"))
    for holder in ({"team": team}, {"robot": robot}, {"user": make.user("writer")}):
        make.grant(web, "write", **holder)
    hook, _ = notifications.create_subscription(
        actor=make.SYSTEM,
        project=web,
        event="repo_change",
        method="webhook",
        config={"url": "https://192.0.2.7/hook?key=k"},
    )
    Subscription.objects.filter(pk=hook.pk).update(uuid=HOOK)
    sent = notifications.send_test(actor=make.SYSTEM, subscription=hook)
    Delivery.objects.filter(pk=sent.pk).update(uuid=SENT)
    rocket = tokens.create_application(actor=make.SYSTEM, organization=acme, name="Rocket")
    Application.objects.filter(pk=rocket.pk).update(client_id="ROCKET")
    run = Run.objects.create(
        uuid=RUN,
        namespace=acme.namespace,
        action="robot.enable",
        asked_by=User.objects.get(username="owner"),
        asked_by_name="owner",
        status="done",
        number=1,
        failed=1,
        ended_at=timezone.now(),
    )
    RunItem.objects.create(run=run, position=0, target=robot.pk, name="acme+ci", status="failed", reason="No")
    return acme


@pytest.fixture
def standing_acme(request: pytest.FixtureRequest) -> Organization | None:
    """Return the organization, which stands from test to test."""
    standing: Organization | None = stand(build, request)
    return standing


@pytest.fixture
def acme(standing_acme: Organization | None, db: None, settings: Any) -> Organization:
    """Return an organization with somebody of every kind in it."""
    settings.EGRESS_ALLOW = EGRESS
    return standing_acme or build()


@pytest.fixture
def world(transactional_db: None) -> worlds.World:
    """Make an organization in which every room shows something, for a browser."""
    return worlds.build()
