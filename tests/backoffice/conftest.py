"""A world in which every desk has something to show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pyotp
import pytest
from django.test import Client, override_settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import (
    AuthenticatorApp,
    BrowserSession,
    FailedSignIn,
    Identity,
    MailedLink,
    Organization,
    Passkey,
    RecoveryCode,
    RobotFederation,
    SecurityMail,
    User,
)
from core.client import SIGNED_IN_AT
from core.seal import digest, seal
from jobs.models import Job, Turn
from logs.models import (
    LogArchive,
    LogChain,
    LogCheckpoint,
    LogCount,
    LogExport,
    LogExportPart,
    LogMark,
    LogSeal,
    LogSealMark,
    LogVerification,
    LogView,
)
from notifications import services as notifications
from notifications.channels.webhook import new_secret
from notifications.models import AuthorizedAddress, Reminder, Subscription
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import LimitRequest, Quota, UsageSample
from quotas.tasks import count_registry
from runs import services as runs
from streams.models import Stream
from tests import make
from tests.staging import stand
from tokens import services as tokens
from tokens.models import Application, Credential, ServiceKey


@dataclass
class World:
    """People by their names, what they have, and every secret that was made on the way."""

    root: User
    auditor: User
    ada: User
    acme: Organization
    web: Project
    secrets: set[str] = field(default_factory=set)


def one_more(world: World, name: str) -> None:
    """Make one more of everything that a desk lists."""
    person = make.user(name)
    acme = world.acme
    team = make.team(acme, f"{name}-team")
    make.member(team, person)
    robot, secret = accounts.create_robot(
        actor=make.SYSTEM, namespace=acme.namespace, shortname=f"{name}-bot"
    )
    RobotFederation.objects.create(robot=robot, issuer="https://issuer.example.test", subject=name)
    project = make.project(acme, f"{name}-web", contact=person, team=team)
    make.grant(project, "read", user=person)
    make.grant(project, "write", team=team)
    make.grant(project, "admin", robot=robot)
    projects.create_default_grant(
        actor=make.SYSTEM, organization=acme, role="read", team=team, activating_user=person
    )
    projects.star_project(actor=make.actor(person), project=project)
    world.secrets |= {secret, make.token(person)}
    _, secret = tokens.create_app_token(actor=make.actor(person), title=f"{name} laptop")
    world.secrets.add(secret)
    FailedSignIn.objects.create(name=name, ip="192.0.2.7")
    FailedSignIn.objects.create(user=person, ip="192.0.2.7", at=timezone.now() - timedelta(hours=2))
    secret = pyotp.random_base32()
    AuthenticatorApp.objects.create(user=person, secret_sealed=seal(secret))
    BrowserSession.objects.create(user=person, session_key=f"session-{name}", auth_hash=f"hash-of-{name}")
    world.secrets |= {f"session-{name}", f"hash-of-{name}"}
    Passkey.objects.create(
        user=person,
        name=f"{name} key",
        host="muster.example.test",
        credential_id=digest(f"passkey-{name}"),
        credential=b"key",
    )
    Job.objects.create(
        task="accounts.sync_team", key=name, tries=3, began_at=timezone.now(), quarantined_at=timezone.now()
    )
    Turn.objects.create(name=f"turn of {name}", slot=1)
    RecoveryCode.objects.create(user=person, digest=digest(f"recovery-{name}"))
    SecurityMail.objects.create(user=person, email=person.email, event="app_added")
    world.secrets |= {secret, digest(f"recovery-{name}").hex()}
    elsewhere = Identity.objects.create(
        user=person,
        service="oidc",
        issuer="https://issuer.example.test",
        subject=f"{name}-0815",
        login=f"{name} there",
        refresh_sealed=seal(f"refresh-{name}"),
    )
    elsewhere.groups.create(name=f"{name} group there")
    MailedLink.objects.create(
        purpose="recovery",
        user=person,
        email=person.email,
        digest=digest(f"mailed-{name}"),
        expires_at=timezone.now() + timedelta(hours=1),
        sent_at=timezone.now(),
    )
    world.secrets |= {elsewhere.refresh_sealed, f"refresh-{name}", digest(f"mailed-{name}").hex()}
    ServiceKey.objects.create(
        kid=f"kid-of-{name}", service=name, name="Front door", jwk={"kty": "RSA", "e": "AQAB", "n": "AQAB"}
    )
    owner = make.actor(world.ada)
    application = tokens.create_application(actor=owner, organization=acme, name=f"{name} bot")
    page = "https://muster.example.test/oauth/localapp"
    wish = tokens.Wish(application.client_id, page, "repo:read", (page,))
    world.secrets |= {tokens.authorize(actor=owner, wish=wish), application.client_secret}
    tokens.assign(actor=owner, wish=replace(wish, response_type="token"), username=name)
    invitation = accounts.invite(actor=make.SYSTEM, team=team, email=f"{name}@invited.example.test")
    world.secrets.add(invitation.code)
    account = accounts.create_account(actor=make.SYSTEM, name=f"{name} group", administrator=person)
    accounts.add_administrator(actor=make.SYSTEM, account=account, user=world.root)
    LogView.objects.create(user=person, namespace=acme.namespace, name="Robots", query={"q": "ci"})
    export = LogExport.objects.create(
        namespace=acme.namespace,
        namespace_name="acme",
        starts_at=timezone.now() - timedelta(days=1),
        ends_at=timezone.now(),
        requested_by=person,
        storage_name=f"unguessable-{name}",
        callback_url=f"https://hooks.example.test/?key=callback-{name}",
    )
    LogExportPart.objects.create(export=export, number=1, storage_name=f"{export.storage_name}.00001.csv")
    world.secrets |= {export.storage_name, f"callback-{name}"}
    LogCount.objects.create(scope=acme.namespace_id, day=timezone.now().date(), kind=name, count=1)
    LogArchive.objects.create(
        namespace_name=name, starts_at=timezone.now(), ends_at=timezone.now(), status="done"
    )
    LogMark.objects.get_or_create(pk=LogMark.ONLY)
    LogSealMark.objects.get_or_create(pk=LogSealMark.ONLY)
    number = LogSeal.objects.count() + 1
    LogSeal.objects.create(
        entry=number, scope=0, position=number, at=timezone.now(), leaf=b"leaf", hash=b"hash", blinds=b"salt"
    )
    LogCheckpoint.objects.create(number=number, body="{}", key="key", signature="signature")
    LogVerification.objects.create(
        namespace=acme.namespace, status="done", asked_by_name=name, found={"altered": 1}
    )
    LogChain.objects.create(scope=number, position=number, hash=b"hash")
    quota = Quota.objects.get(namespace=acme.namespace, resource="bytes")
    UsageSample.objects.create(
        quota=quota, day=timezone.now().date() - timedelta(days=UsageSample.objects.count()), used=7
    )
    LimitRequest.objects.create(quota=quota, wanted=7, requested_by=person, status="denied")
    if quota.limit is None:
        quotas.create_quota(actor=make.SYSTEM, namespace=acme.namespace, limit_bytes=10**9)
    percent = quota.thresholds.count() + 1
    quotas.add_threshold(actor=make.SYSTEM, namespace=acme.namespace, kind="Warning", percent=percent)
    quotas.request_registry_size(actor=make.SYSTEM)
    count_registry()
    notifications.create_message(
        actor=make.SYSTEM, content=f"{name} was here", severity="info", media_type="text/plain"
    )
    secret = new_secret()
    hook = Subscription.objects.create(
        project=project,
        event="repo_change",
        method="webhook",
        config={"url": f"https://hooks.example.test/?key=hook-{name}"},
        secret_sealed=seal(secret),
        title=f"{name} hook",
        created_by=person,
    )
    world.secrets |= {f"hook-{name}", secret, hook.secret_sealed}
    notifications.send_test(actor=make.SYSTEM, subscription=hook)
    code = digest(f"code-{name}")
    AuthorizedAddress.objects.create(project=project, email=f"{name}@address.example.test", code_digest=code)
    invitation = accounts.invite(actor=make.SYSTEM, team=make.team(acme, f"{name}-asks"), user=person)
    world.secrets |= {code.hex(), invitation.code}
    Reminder.objects.create(user=person, credential=robot.credentials.get(), days=7)
    runs.begin_run(
        actor=owner, namespace=acme.namespace, action="robot.disable", things=[runs.Thing(robot.pk, name)]
    )
    sealed = seal(new_secret())
    Stream.objects.create(
        namespace=acme.namespace,
        method="webhook",
        config={"url": f"https://siem.example.test/?key=stream-{name}"},
        secret_sealed=sealed,
    )
    world.secrets |= {sealed, f"stream-{name}"}
    gone = make.organization(f"{name}-gone", owner=person)
    accounts.delete_organization(actor=make.SYSTEM, organization=gone)


AUDITORS = frozenset({"auditor"})


@override_settings(READONLY_SUPERUSERS=AUDITORS)
def build() -> World:
    """Make a superuser, a read-only superuser, an ordinary person and an organization full of things."""
    ada = make.user("ada")
    acme = make.organization("acme", owner=ada)
    web = make.project(acme, "web", visibility="public")
    made = World(make.user("root", superuser=True), make.user("auditor"), ada, acme, web)
    one_more(made, "first")
    made.secrets |= {row.sealed for row in Credential.objects.exclude(sealed="")}
    made.secrets |= {bytes(row.digest).hex() for row in Credential.objects.all()}
    made.secrets |= {row.secret_sealed for row in Application.objects.all()}
    made.secrets |= {row.secret_sealed for row in AuthenticatorApp.objects.all()}
    made.secrets |= {row.password for row in User.objects.all()}
    return made


@pytest.fixture
def standing_world(request: pytest.FixtureRequest) -> World | None:
    """Return what was built, which stands from test to test."""
    standing: World | None = stand(build, request)
    return standing


@pytest.fixture
def switched(settings, tmp_path) -> None:
    """Switch on what the world needs."""
    settings.READONLY_SUPERUSERS = AUDITORS
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"


@pytest.fixture
def world(standing_world, db, switched) -> World:
    """Return people and an organization full of things."""
    return standing_world or build()


def signed_in(user: User, *, fresh: bool = True) -> Client:
    """Return a browser in which a person is signed in, just now or long ago."""
    client = Client()
    client.force_login(user)
    at = timezone.now() if fresh else timezone.now() - timedelta(days=1)
    session = client.session
    session[SIGNED_IN_AT] = at.isoformat()
    session.save()
    return client


@pytest.fixture
def operator(world) -> Client:
    """Return the superuser's browser, with a fresh sign-in."""
    return signed_in(world.root)


@pytest.fixture
def reader(world) -> Client:
    """Return the read-only superuser's browser."""
    return signed_in(world.auditor)
