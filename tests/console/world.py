"""An organization in which every room of the console has something to show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.test import override_settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Team
from core.seal import seal
from logs import services as logs
from logs.models import LogEntry, LogExport
from notifications import notices
from notifications import services as notifications
from notifications.channels.webhook import new_secret
from notifications.models import Delivery, Subscription
from projects import services as projects
from quotas import services as quotas
from quotas.models import Resource
from runs.models import Run, RunItem
from streams.models import Stream
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Application, Assignment

if TYPE_CHECKING:
    from accounts.models import Organization, User
    from projects.models import Project

HOOK = "5f0c1a52-0000-4000-8000-000000000001"
SENT = {
    status: f"5f0c1a52-0000-4000-8000-00000000000{number}"
    for number, status in enumerate(("done", "failed", "queued", "running"), start=2)
}
RUN = {
    status: f"5f0c1a52-0000-4000-8000-00000000001{number}"
    for number, status in enumerate(("done", "running", "cancelled"))
}
STREAMS: dict[str, dict[str, Any]] = {
    "SIEM": {"sent_entries": 1234, "sent_batches": 9, "lost_entries": 12},
    "": {"failures": 3, "error": "The URL answered 500.", "test_error": "The URL answered 404."},
    "Archiv": {"failures": 80, "error": "The URL answered 503."},
    "Collector": {
        "method": "syslog",
        "config": {"url": "syslog+tls://logs.example.test:6514", "authority": "-----BEGIN CERTIFICATE-----"},
        "secret_sealed": "",
        "failures": 2,
        "error": "The receiver did not take it: The host's TLS certificate is not valid for its name.",
    },
}
LONG = "n" * 120 + "-" + "m" * 120


def _streams(acme: Organization) -> None:
    """Make streams of the log: one that is on, one that fails, and one that was switched off."""
    now = timezone.now()
    for title, more in STREAMS.items():
        webhook = {
            "method": "webhook",
            "config": {"url": "https://siem.example.test/collect?key=k"},
            "secret_sealed": seal(new_secret()),
        }
        Stream.objects.create(
            namespace=acme.namespace,
            title=title,
            sent_at=now,
            tested_at=now,
            due_at=now + timedelta(minutes=5),
            disabled_at=now if title.startswith("Arc") else None,
            **webhook | more,
        )


@dataclass
class World:
    """Who is in it, and where."""

    acme: Organization
    owner: User
    member: User
    stranger: User
    exports: dict[str, LogExport]


def build() -> World:
    """Make people, teams, projects, robots of every state, a month of log, and exports of every state."""
    owner, member, stranger = make.user("owner"), make.user("member"), make.user("stranger")
    acme = make.organization("acme", owner=owner)
    profile = {"name": "Acme Rockets", "description": "Rockets for everybody"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=profile)
    for number in range(4):
        person = accounts.create_user(
            actor=make.SYSTEM,
            username=f"person{number}",
            email=f"person{number}@example.test",
            name=f"Person Number {number}",
        )
        role = ("admin", "creator", "member", "member")[number]
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
    devs = make.team(acme, "devs", role="creator", description="They build it")
    make.member(devs, member, *[row.user for row in acme.memberships.all()[:3]])
    make.team(acme, "empty", parent=devs)
    projects.create_default_grant(actor=make.SYSTEM, organization=acme, role="admin", team=devs)
    _streams(acme)
    mirror = make.team(acme, "mirror")
    accounts.invite(actor=make.SYSTEM, team=mirror, email="somebody@elsewhere.example")
    make.member(mirror, owner)
    Team.objects.filter(pk=mirror.pk).update(
        sync_service="ldap",
        sync_config={"group_dn": f"cn={LONG[:60]},ou=groups"},
        sync_problem="The directory does not answer",
    )
    web = make.project(acme, "web", description="What everybody sees", git_url="https://git.example/web.git")
    make.project(acme, "site/docs", visibility="public")
    projects.set_state(actor=make.SYSTEM, project=web, state="READ_ONLY")
    make.grant(web, "write", team=devs)
    make.grant(web, "admin", user=member)
    make.grant(web, "read", user=make.user("outside"))
    projects.report_usage(actor=make.SYSTEM, project=web, size_bytes=443 * 2**30)
    _robots(acme)
    for robot in acme.namespace.robots.filter(shortname__in=("busy", "gone")):
        make.grant(web, "read", robot=robot)
        accounts.add_team_member(actor=make.SYSTEM, team=devs, robot=robot)
    limits = ((Resource.ROBOTS, 7), (Resource.PROJECTS, 10), (Resource.BYTES, 500 * 2**30))
    for resource, limit in limits:
        quotas.set_limit(actor=make.SYSTEM, resource=resource, limit=limit, namespace=acme.namespace)
    notifications.create_message(
        actor=make.SYSTEM, content="Muster rests on Sunday.", severity="warning", media_type="text/plain"
    )
    _notices(acme, owner)
    _subscriptions(acme, web)
    _tokens(owner)
    _applications(acme, owner, member)
    for number, entry in enumerate(LogEntry.objects.order_by("pk")):
        LogEntry.objects.filter(pk=entry.pk).update(
            at=timezone.now() - timedelta(days=number % 29, minutes=number), ip="2001:db8:85a3::8a2e:370:7334"
        )
    _runs(acme, owner)
    return World(acme, owner, member, stranger, _exports(acme, owner))


def _notices(acme: Organization, owner: User) -> None:
    told: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("org_team_invite", "ada invites you to the team rockets of acme", {}),
        ("quota_warning", "acme uses 412.0 GiB, 80 % or more of its 500.0 GiB", {}),
        ("quota_error", "acme has reached its limit of 500.0 GiB", {}),
        (
            "repo_change",
            f"owner changed the description of {LONG}",
            {"repository": "acme/web", "name": "web"},
        ),
    )
    for kind, sentence, metadata in told:
        notices.write(
            [owner],
            namespace=acme.namespace,
            origin=uuid4(),
            kind=kind,
            sentence=sentence,
            metadata=metadata,
        )


def _subscriptions(acme: Organization, web: Project) -> None:
    """One of each kind and state, and deliveries of the first in every state."""
    told: tuple[tuple[dict[str, Any], str, str, dict[str, Any]], ...] = (
        ({"project": web}, "repo_change", "webhook", {"url": "https://192.0.2.7/hooks/ci?key=secret"}),
        ({"project": web}, "repo_permission_change", "slack", {"url": "https://192.0.2.7/services/T0/B0/x"}),
        ({"project": web}, "vulnerability_found", "in_console", {"target": {"kind": "team", "name": "devs"}}),
        ({"namespace": acme.namespace}, "member_change", "email", {"email": "ops@example.test"}),
        ({"namespace": acme.namespace}, "robot_create", "webhook", {"url": f"https://192.0.2.7/{LONG}"}),
    )
    with override_settings(EGRESS_ALLOW=["192.0.2.0/24"]):
        made = [
            notifications.create_subscription(
                actor=make.SYSTEM, event=event, method=method, config=config, **owner
            )[0]
            for owner, event, method, config in told
        ]
        flags = {"services_ok": True, "deployments_failed": True}
        notifications.create_integration(
            actor=make.SYSTEM, project=web, url="https://192.0.2.7/flex", flags=flags
        )
    now = timezone.now()
    hook, failing, _, off, long = (Subscription.objects.filter(pk=one.pk) for one in made)
    hook.update(uuid=HOOK, title="Continuous integration")
    failing.update(number_of_failures=4, failing_since=now - timedelta(hours=2))
    off.update(number_of_failures=12, failing_since=now - timedelta(days=4), disabled_at=now)
    long.update(title=LONG, disabled_at=now, paused=True)
    notifications.rotate_secret(actor=make.SYSTEM, subscription=hook.get(), grace=timedelta(days=1))
    for number, status in enumerate(("done", "failed", "queued", "running")):
        sent = notifications.send_test(actor=make.SYSTEM, subscription=hook.get())
        last = status == "done"
        Delivery.objects.filter(pk=sent.pk).update(
            uuid=SENT[status],
            status=status,
            due_at=now + timedelta(hours=2) if status == "queued" else None,
            begun_at=now,
            last_status=200 if last else 503,
            last_seconds=0.21,
            error="" if last else "The URL answered 503.",
            finished_at=now if status in ("done", "failed") else None,
            request={
                "url": "https://192.0.2.7/hooks/ci?…",
                "headers": [
                    ["Content-Type", "application/json"],
                    ["webhook-id", f"msg_{sent.uuid.hex}"],
                    ["webhook-timestamp", "1741608000"],
                    ["webhook-signature", "…"],
                ],
                "body": json.dumps(sent.payload),
                "size": 20_000,
            },
            history=[
                {
                    "at": (now - timedelta(minutes=9 - turn)).isoformat(),
                    "seconds": 0.2 + turn,
                    "status": 200 if last and turn == number else 503,
                    "excerpt": "<html>Busy, come back later</html>" + LONG,
                    "error": "" if last and turn == number else "The URL answered 503.",
                }
                for turn in range(number + 1)
            ],
        )


def _tokens(owner: User) -> None:
    now, actor = timezone.now(), make.actor(owner)
    make.token(
        owner, "repo:read repo:write user:read", title="Nightly mirror", expires_at=now + timedelta(days=5)
    )
    make.token(owner, title="Everything", expires_at=now + timedelta(days=80))
    tokens.create_app_token(actor=actor, title="Docker on the laptop")
    tokens.create_token(actor=actor, kind=Kind.ACCESS, user=owner, title=LONG)
    tokens.create_token(actor=actor, kind=Kind.ACCOUNT, user=owner)
    owner.credentials.filter(title="Nightly mirror").update(last_used_at=now - timedelta(hours=3))


def _applications(acme: Organization, owner: User, member: User) -> None:
    now, web = timezone.now(), acme.namespace.projects.get(slug="web")
    rocket = tokens.create_application(
        actor=make.SYSTEM,
        organization=acme,
        name="Rocket control",
        description="Starts and lands rockets",
        application_uri="https://rockets.example/",
        redirect_uri="https://rockets.example/oauth/back",
    )
    Application.objects.filter(pk=rocket.pk).update(client_id="ROCKET")
    tokens.create_application(actor=make.SYSTEM, organization=acme, name=LONG)
    for user, scopes in ((owner, "repo:read user:read"), (owner, "org:admin"), (member, "repo:create")):
        tokens.issue(kind=Kind.OAUTH, user=user, application=rocket, scopes=scopes, title="Control room")
    Assignment.objects.create(
        application=rocket, user=owner, redirect_uri="https://rockets.example/oauth/back", scopes="repo:write"
    )
    tokens.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme)
    for title, days in (("Deploy", 3), ("Report", 60)):
        ends = now + timedelta(days=days)
        tokens.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme, title=title, expires_at=ends)
        tokens.create_token(actor=make.SYSTEM, kind=Kind.REPOSITORY, project=web, title=title)


def _robots(acme: Organization) -> None:
    now = timezone.now()
    told = {  # last used, expires; days from now
        "busy": (0, None),
        "expiring": (-3, 5),
        "expired": (-9, -1),
        "unused": (-200, None),
        "gone": (-2, 90),
    }
    for name, (used, expires) in told.items():
        robot = make.robot(acme, name, description=f"The {name} one")
        robot.credentials.update(
            last_used_at=now + timedelta(days=used),
            expires_at=None if expires is None else now + timedelta(days=expires),
        )
    accounts.change_robot(actor=make.SYSTEM, robot=acme.namespace.robots.get(shortname="gone"), enabled=False)
    rotated = make.robot(acme, "rotated")
    rotated.credentials.update(last_used_at=now, last_used_ip="192.0.2.7", last_used_agent="docker/27.1.1")
    accounts.rotate_robot_token(actor=make.SYSTEM, robot=rotated, grace=timedelta(days=3))


def _runs(acme: Organization, owner: User) -> None:
    """One of each state: with what failed, and a name that goes on and on."""
    now = timezone.now()
    told: dict[str, tuple[str, list[str]]] = {
        "done": ("robot.delete", ["done", "done", "failed", "failed"]),
        "running": ("project.lock", ["done", "waiting", "waiting", "waiting"]),
        "cancelled": ("member.remove", ["done", "failed", "waiting", "waiting"]),
    }
    for status, (action, states) in told.items():
        run = Run.objects.create(
            uuid=RUN[status],
            namespace=acme.namespace,
            action=action,
            asked_by=owner,
            asked_by_name=owner.username,
            status=status,
            number=len(states),
            done=states.count("done"),
            failed=states.count("failed"),
            created_at=now - timedelta(hours=1),
            started_at=now,
            ended_at=None if status == "running" else now,
        )
        for position, state in enumerate(states):
            RunItem.objects.create(
                run=run,
                position=position,
                target=position,
                name=LONG if position == 1 else f"thing-{position}",
                status=state,
                reason="It is not here, or not any more." if state == "failed" else "",
            )


def _exports(acme: Organization, owner: User) -> dict[str, LogExport]:
    now = timezone.now()
    file = {"percent": 100, "storage_name": "gone.json", "size_bytes": 7, "sha256": "a" * 64}
    states: dict[str, dict[str, Any]] = {
        "queued": {},
        "running": {"percent": 42, "rows_written": 420_000, "claim": uuid4()},
        "done": {**file, "rows_written": 1},
        "expired": {"percent": 100, "rows_written": 12},
        "failed": {"error": "The disk is full."},
        "cancelled": {},
    }
    made = {}
    for name, fields in states.items():
        export = logs.request_export(
            actor=make.actor(owner),
            namespace=acme.namespace,
            starts_at=now - timedelta(days=30),
            ends_at=now,
            callback_email="ops@example.test" if name == "failed" else "",
        )
        status = "done" if name == "expired" else name
        LogExport.objects.filter(pk=export.pk).update(
            status=status, due_at=None, expires_at=now + timedelta(hours=1), **fields
        )
        made[name] = export
    return made
