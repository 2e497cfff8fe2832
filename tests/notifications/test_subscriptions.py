"""Who may subscribe, to what, and what is refused."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from standardwebhooks import Webhook

from accounts import services as accounts
from accounts import tasks as account_tasks
from core.actor import Actor
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from logs.models import LogEntry
from notifications import selectors, services
from notifications.events import EVENTS
from notifications.models import Delivery, Subscription
from notifications.services import rows
from projects import services as projects
from projects import tasks as project_tasks
from tests import make
from tests.notifications.conftest import NOBODY
from tokens import services as tokens

pytestmark = pytest.mark.django_db

BASE: Any = {"event": "repo_change", "method": "in_console", "config": {}}
MAIL: Any = {"event": "team_create", "method": "email", "config": {"email": "ops@example.test"}}


def last():
    return LogEntry.objects.order_by("-id").first()


# Making


def test_a_webhook_of_a_project(owner, web, receiver):
    made, secret = services.create_subscription(
        actor=owner,
        project=web,
        event="repo_change",
        method="webhook",
        config={"url": receiver.url},
        title="to ci",
    )
    made = Subscription.objects.get(pk=made.pk)
    assert (made.project, made.namespace, made.title) == (web, None, "to ci")
    assert (made.config, made.event_config) == ({"url": receiver.url}, {})
    assert (made.number_of_failures, made.disabled_at, made.created_by) == (0, None, owner.user)
    assert secret.startswith("whsec_")
    assert len(Webhook(secret)._whsecret) == 32
    assert secret not in made.secret_sealed
    assert selectors.secret(actor=owner, subscription=made) == secret
    entry = last()
    assert (entry.kind, entry.project, entry.namespace) == ("add_repo_notification", web, web.namespace)
    assert entry.metadata == {
        "repo": "web",
        "namespace": "acme",
        "notification_id": str(made.uuid),
        "event": "repo_change",
        "method": "webhook",
    }


def test_an_email_of_a_namespace(owner, acme):
    made, secret = services.create_subscription(actor=owner, namespace=acme.namespace, **MAIL)
    assert (secret, made.secret_sealed) == ("", "")
    assert selectors.secret(actor=owner, subscription=made) == ""
    entry = last()
    assert (entry.kind, entry.project, entry.namespace) == (
        "create_namespace_notification",
        None,
        acme.namespace,
    )
    assert entry.metadata == {
        "namespace": "acme",
        "notification_id": str(made.uuid),
        "event": "team_create",
        "method": "email",
    }


def test_a_person_subscribes_her_own_namespace():
    ada = make.user("ada")
    made, _ = services.create_subscription(actor=make.actor(ada), namespace=ada.namespace, **BASE)
    assert made.namespace == ada.namespace


def test_the_same_again_is_another_one(owner, web):
    for _ in range(2):
        services.create_subscription(actor=owner, project=web, **BASE)
    assert len({one.uuid for one in selectors.subscriptions(actor=owner, project=web)}) == 2


def test_there_is_an_end_to_it(owner, web, acme, monkeypatch):
    monkeypatch.setattr(rows, "SUBSCRIPTIONS_MAX", 2)
    for _ in range(2):
        services.create_subscription(actor=owner, project=web, **BASE)
    with pytest.raises(Conflict, match="2 notifications here already"):
        services.create_subscription(actor=owner, project=web, **BASE)
    services.create_subscription(actor=owner, namespace=acme.namespace, **BASE)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("event", {"event": ""}),
        ("event", {"event": "no_such_event"}),
        ("event", {"event": "team_create"}),  # no project can be listened to for that
        ("event_config", {"event_config": {"level": "3"}}),
        ("method", {"method": ""}),
        ("method", {"method": "hipchat"}),
        ("config", {"method": "slack"}),
        ("method", {"method": "WEBHOOK", "config": {"url": "https://hooks.example.com/"}}),
        ("config", {"config": {"url": "https://hooks.example.com/"}}),
        ("config", {"method": "webhook", "config": {}}),
        ("config", {"method": "webhook", "config": {"url": None}}),
        ("config", {"method": "webhook", "config": {"url": ["https://hooks.example.com/"]}}),
        ("config", {"method": "webhook", "config": {"url": "https://hooks.example.com/", "secret": "x"}}),
        ("config", {"method": "email", "config": {"email": ""}}),
        ("config", {"method": "email", "config": {"email": "ops"}}),
        ("config", {"method": "email", "config": {"email": "a@b.test, c@d.test"}}),
        ("config", {"method": "email", "config": {"email": "a@b.test\nBcc: c@d.test"}}),
        ("config", {"method": "email", "config": {"email": '"a,b"@c.test'}}),
        ("config", {"method": "email", "config": {"email": f"{'a' * 64}@{'b' * 63}.{'c' * 250}.test"}}),
        ("title", {"title": "two\nlines"}),
        ("title", {"title": "null\x00"}),
        ("title", {"title": "\ud800"}),
        ("title", {"title": "a" * 256}),
    ],
)
def test_bad_input(owner, web, field, changes):
    with pytest.raises(Invalid) as refused:
        services.create_subscription(actor=owner, project=web, **BASE | changes)
    assert refused.value.field == field
    assert not Subscription.objects.exists()
    assert last().kind == "create_repo"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "ftp://hooks.example.com/",
        "javascript:alert(1)",
        "http://127.0.0.1:9/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://0x7f000001/",
        "http://user:word@hooks.example.com/",
        "http://93.184.216.34:22/",
        f"http://93.184.216.34/{'a' * 2048}",
        "http://93.184.216.34/\r\nX: y",
    ],
)
def test_bad_urls(owner, web, url):
    with pytest.raises(Invalid) as refused:
        services.create_subscription(
            actor=owner, project=web, **BASE | {"method": "webhook", "config": {"url": url}}
        )
    assert refused.value.field == "config"
    assert not Subscription.objects.exists()


def test_a_url_is_looked_up_outside_of_the_transaction(owner, web, monkeypatch):
    """A slow name server must not hold a lock: SQLite has one writer."""
    seen = []

    def look(url, *, field, look_up):
        seen.append((connection.in_atomic_block, len(connection.savepoint_ids)))

    before = (connection.in_atomic_block, len(connection.savepoint_ids))
    monkeypatch.setattr("core.egress.check_url", look)
    services.create_subscription(
        actor=owner,
        project=web,
        **BASE | {"method": "webhook", "config": {"url": "https://hooks.example.com/"}},
    )
    assert seen == [before]


def test_exactly_one_owner(owner, web, acme):
    wrong: Any = ({}, {"project": web, "namespace": acme.namespace})
    for both in wrong:
        with pytest.raises(ValueError, match="to one of them"):
            services.create_subscription(actor=owner, **both, **BASE)


@pytest.mark.parametrize(
    "broken",
    [
        {"project": None},
        {"namespace": "acme"},
        {"method": "pigeon"},
        {"secret_sealed": "x"},
        {"method": "webhook"},
    ],
)
def test_the_database_guards_it_too(web, acme, broken):
    fields: Any = {"project": web, "event": "repo_change", "method": "in_console", **broken}
    if fields.get("namespace"):
        fields["namespace"] = acme.namespace
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(**fields)


# Who may


def actors(acme, web):
    other = make.organization("other", owner=make.user("stranger"))
    reader, writer, admin, member = (make.user(name) for name in ("reader", "writer", "admin", "member"))
    make.grant(web, "read", user=reader)
    make.grant(web, "write", user=writer)
    make.grant(web, "admin", user=admin)
    make.member(make.team(acme, "devs"), member)
    boss = make.user("boss")
    make.member(make.team(acme, "bosses", role="admin"), boss)
    root = make.user("root", superuser=True)
    return {
        "nobody": NOBODY,
        "stranger": make.actor(other.memberships.get(role="owner").user),
        "reader": make.actor(reader),
        "writer": make.actor(writer),
        "admin": make.actor(admin),
        "admin repo:write": make.actor(admin, "repo:write"),
        "admin repo:admin": make.actor(admin, "repo:admin"),
        "member": make.actor(member),
        "boss": make.actor(boss),
        "boss repo:admin": make.actor(boss, "repo:admin"),
        "boss org:admin": make.actor(boss, "org:admin"),
        "superuser": make.actor(root),
    }


OF_PROJECT = {"admin", "admin repo:admin", "boss", "boss repo:admin"}
OF_NAMESPACE = {"boss", "boss org:admin"}


@pytest.mark.parametrize(("of_project", "allowed"), [(True, OF_PROJECT), (False, OF_NAMESPACE)])
def test_only_administrators(acme, web, owner, of_project, allowed):
    where: Any = {"project": web} if of_project else {"namespace": acme.namespace}
    made, _ = services.create_subscription(actor=owner, **where, **BASE)
    for name, actor in actors(acme, web).items():
        for act in (
            lambda actor: services.create_subscription(actor=actor, **where, **BASE),
            lambda actor: services.reset_subscription(actor=actor, subscription=made),
            lambda actor: services.send_test(actor=actor, subscription=made),
            lambda actor: selectors.subscriptions(actor=actor, **where),
            lambda actor: selectors.subscription(actor=actor, uuid=made.uuid, **where),
            lambda actor: selectors.secret(actor=actor, subscription=made),
            lambda actor: selectors.deliveries(actor=actor, subscription=made),
            lambda actor: selectors.notices(actor=actor, **where),
        ):
            if name in allowed:
                act(actor)
                continue
            before = LogEntry.objects.count(), Subscription.objects.count(), Delivery.objects.count()
            with pytest.raises(Unauthenticated if name == "nobody" else Forbidden):
                act(actor)
            assert before == (
                LogEntry.objects.count(),
                Subscription.objects.count(),
                Delivery.objects.count(),
            )
        if name not in allowed:
            with pytest.raises((Unauthenticated, Forbidden)):
                services.delete_subscription(actor=actor, subscription=made)
    assert Subscription.objects.filter(pk=made.pk).exists()


def test_a_readonly_superuser_reads_and_sees_no_secret(settings, hook, web):
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    auditor = make.actor(make.user("auditor"))
    assert list(selectors.subscriptions(actor=auditor, project=web)) == [hook]
    for act in (selectors.secret, services.send_test, services.reset_subscription):
        with pytest.raises(Forbidden):
            act(actor=auditor, subscription=hook)


def test_a_robot_with_the_role_may(acme, web):
    make.grant(web, "admin", robot=make.robot(acme))
    robot = acme.namespace.robots.get()
    actor = Actor(robot=robot, scopes=frozenset({"repo:admin"}))
    made, _ = services.create_subscription(actor=actor, project=web, **BASE)
    assert made.created_by is None


# Finding


def test_one_is_bound_to_its_owner(owner, acme, web, subscribe):
    made = subscribe(project=web)
    other = make.project(acme, "other")
    assert selectors.subscription(actor=owner, uuid=str(made.uuid), project=web) == made
    wrong: Any = ({"project": other}, {"namespace": acme.namespace})
    for where in wrong:
        with pytest.raises(NotFound) as missing:
            selectors.subscription(actor=owner, uuid=made.uuid, **where)
        assert missing.value.details == {"absent": "notification"}
    for uuid in ("", "7", "71a5", str(other.badge)):
        with pytest.raises(NotFound):
            selectors.subscription(actor=owner, uuid=uuid, project=web)


def test_a_foreign_tenant_finds_nothing_of_ours(subscribe, web):
    made = subscribe(project=web)
    other = make.organization("other", owner=make.user("stranger"))
    theirs = make.project(other, "web")
    stranger = make.actor(other.memberships.get(role="owner").user)
    with pytest.raises(NotFound):
        selectors.subscription(actor=stranger, uuid=made.uuid, project=theirs)
    assert not selectors.subscriptions(actor=stranger, project=theirs).exists()
    assert not selectors.subscriptions(actor=stranger, namespace=other.namespace).exists()


@pytest.mark.parametrize("size", [1, 20])
def test_a_list_costs_two_queries_at_any_size(owner, web, subscribe, size, django_assert_num_queries):
    for _ in range(size):
        subscribe(project=web)
    actor = make.actor(owner.user)
    with django_assert_num_queries(2):  # how the actor reaches the project, and the list
        assert len(selectors.subscriptions(actor=actor, project=web)) == size


# Changing


def test_reset(owner, subscribe, web):
    made = subscribe(project=web)
    Subscription.objects.update(number_of_failures=3, disabled_at=made.created_at)
    services.reset_subscription(actor=owner, subscription=made)
    made.refresh_from_db()
    assert (made.number_of_failures, made.disabled_at) == (0, None)
    assert (last().kind, last().project) == ("reset_repo_notification", web)
    assert last().metadata["notification_id"] == str(made.uuid)


def test_delete(owner, subscribe, acme, bells, django_capture_on_commit_callbacks):
    made = subscribe(namespace=acme.namespace)
    services.send_test(actor=owner, subscription=made)
    was = made.pk
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_subscription(actor=owner, subscription=made)
    assert last().kind == "delete_namespace_notification"
    assert last().metadata["notification_id"] == str(made.uuid)
    assert bells == [("notifications.forget", was)]
    for act in (services.delete_subscription, services.reset_subscription):
        with pytest.raises(NotFound):
            act(actor=owner, subscription=made)


def test_a_test_is_told_and_not_logged(owner, subscribe, web):
    made = subscribe(project=web, title="mine")
    before = LogEntry.objects.count()
    row = services.send_test(actor=owner, subscription=made)
    assert LogEntry.objects.count() == before
    assert (row.entry, row.event, row.status) == (None, "repo_change", "done")
    assert row.payload["data"] == {
        "sentence": "A test: you will be told when a project's description, profile or state is changed.",
        "kind": "set_repo_description",
        "namespace": "acme",
        "project": "web",
        "performer": {"kind": "user", "name": "owner"},
        "metadata": {},
        "test": True,
    }


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_a_sample(owner, acme, subscribe, event):
    row = services.send_test(actor=owner, subscription=subscribe(event=event, namespace=acme.namespace))
    assert row.payload["type"] == event


def test_keys_are_rotated(settings, owner, hook):
    from cryptography.fernet import Fernet

    secret, was = selectors.secret(actor=owner, subscription=hook), hook.secret_sealed
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    tokens.rotate_keys(actor=make.SYSTEM)
    settings.ENCRYPTION_KEYS = [new]
    hook.refresh_from_db()
    assert hook.secret_sealed != was
    assert selectors.secret(actor=owner, subscription=hook) == secret


# Going


def test_they_go_with_the_project(owner, web, subscribe, acme):
    for where in ({"project": web}, {"namespace": acme.namespace}):
        services.send_test(actor=owner, subscription=subscribe(**where))
    projects.delete_project(actor=owner, project=web)
    project_tasks.purge_project(web.pk)
    left = Subscription.objects.get()
    assert left.namespace == acme.namespace
    assert {row.subscription_id for row in Delivery.objects.all()} == {left.pk}


def test_they_go_with_the_organization_and_the_person(owner, web, subscribe, acme):
    ada = make.user("ada")
    hers, _ = services.create_subscription(actor=make.actor(ada), namespace=ada.namespace, **BASE)
    services.send_test(actor=make.actor(ada), subscription=hers)
    for where in ({"project": web}, {"namespace": acme.namespace}):
        services.send_test(actor=owner, subscription=subscribe(**where))
    accounts.delete_organization(actor=owner, organization=acme)
    account_tasks.purge_organization(acme.pk)
    assert list(Subscription.objects.all()) == [hers]
    accounts.delete_user(actor=make.SYSTEM, user=ada)
    account_tasks.purge_user(ada.pk)
    assert not Subscription.objects.exists()
    assert not Delivery.objects.exists()
