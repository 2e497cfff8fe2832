"""Deliveries are written with the log entry that they tell, or not at all, and cost next to nothing."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import services as accounts
from core.errors import Forbidden
from logs import kinds
from logs.models import LogEntry
from logs.record import draft, entries_written, record, record_many
from notifications import deliveries, outbox, payloads, selectors, services, tasks
from notifications.events import EVENT_OF_KIND
from notifications.models import Delivery, Subscription
from projects import services as projects
from tests import make
from tests.counting import counted

pytestmark = pytest.mark.django_db


def change(actor, project, text="new"):
    return projects.set_description(actor=actor, project=project, description=text)


# Who is told of what


def test_a_change_is_told_to_who_listens(owner, acme, web, subscribe):
    other, beta = make.project(acme, "other"), make.organization("beta")
    of_web, of_acme = subscribe(project=web), subscribe(namespace=acme.namespace)
    subscribe(project=other)
    subscribe("email", "repo_visibility_change", project=web, email="ops@example.test")
    by_mail = subscribe("email", project=web, email="ops@example.test")
    services.create_subscription(
        actor=make.SYSTEM, namespace=beta.namespace, event="repo_change", method="in_console", config={}
    )
    change(owner, web)
    told = Delivery.objects.order_by("pk")
    assert [row.subscription for row in told] == [of_acme, of_web, by_mail]
    assert {row.entry for row in told} == {LogEntry.objects.get(kind="set_repo_description")}
    assert list(selectors.notices(actor=owner, project=web)) == [told[1]]
    assert list(selectors.notices(actor=owner, namespace=acme.namespace)) == [told[0]]
    assert list(selectors.deliveries(actor=owner, subscription=of_web)) == [told[1]]


def test_what_a_namespace_alone_hears(owner, acme, web, subscribe):
    made = subscribe(event="team_create", namespace=acme.namespace)
    gone = subscribe(event="repo_delete", namespace=acme.namespace)
    accounts.create_team(actor=owner, organization=acme, slug="devs", role="member")
    projects.delete_project(actor=owner, project=web)
    assert [(row.subscription, row.payload["data"]["sentence"]) for row in Delivery.objects.all()] == [
        (made, "owner created the team devs"),
        (gone, "owner deleted the project web"),
    ]


def test_in_the_console_that_is_all(owner, web, subscribe, bells, django_capture_on_commit_callbacks):
    subscribe(project=web)
    with django_capture_on_commit_callbacks(execute=True):
        change(owner, web)
    row = Delivery.objects.get()
    assert (row.status, row.due_at, row.attempts) == ("done", None, 0)
    assert row.finished_at is not None
    assert bells == []


def test_others_are_rung_for_after_the_commit(
    owner, web, hook, subscribe, bells, django_capture_on_commit_callbacks
):
    subscribe("email", project=web, email="ops@example.test")
    bells.clear()
    with django_capture_on_commit_callbacks(execute=True):
        change(owner, web)
        assert bells == []
    rows = Delivery.objects.order_by("pk")
    assert [(row.status, row.attempts, row.finished_at) for row in rows] == [("queued", 0, None)] * 2
    assert [one.pk for one in deliveries.due(10)] == [row.pk for row in rows]
    assert bells == [("notifications.deliver", row.pk) for row in rows]


def test_what_is_switched_off_hears_nothing(owner, web, subscribe):
    subscribe(project=web)
    Subscription.objects.update(disabled_at=timezone.now())
    change(owner, web)
    assert not Delivery.objects.exists()


def test_the_payload(owner, web, subscribe):
    subscribe(project=web)
    change(owner, web, "a\tb")
    entry, row = LogEntry.objects.get(kind="set_repo_description"), Delivery.objects.get()
    assert row.payload == {
        "type": "repo_change",
        "timestamp": entry.at.isoformat(),
        "data": {
            "sentence": "owner changed the description of web",
            "kind": "set_repo_description",
            "namespace": "acme",
            "project": "web",
            "performer": {"kind": "user", "name": "owner"},
            "metadata": {"repo": "web", "namespace": "acme", "description": "a\tb"},
        },
    }


def test_payloads_stay_small_and_whole(owner, web, acme, subscribe):
    subscribe(project=web)
    subscribe(event="robot_create", namespace=acme.namespace)
    change(owner, web, "é" * 100_000)
    accounts.create_robot(
        actor=owner,
        namespace=acme.namespace,
        shortname="ci",
        metadata={"big": ["x" * 5000], "number": 2**70},
    )
    for row in Delivery.objects.all():
        assert len(json.dumps(row.payload)) < 20_000
    first, second = (row.payload["data"]["metadata"] for row in Delivery.objects.order_by("pk"))
    assert first["description"] == "é" * 1000
    assert "unstructured_metadata" not in second
    assert second["robot"] == "ci"


@pytest.mark.parametrize("name", EVENT_OF_KIND)
def test_every_kind_makes_a_sentence(name, acme, web):
    entry = draft(kinds.KINDS[name], actor=make.SYSTEM, namespace=acme.namespace, project=web)
    assert payloads.sentence(entry)
    assert "{" not in payloads.sentence(entry)


def test_values_are_not_read_as_templates(owner, acme):
    entry = draft(
        kinds.ORG_CREATE_TEAM, actor=owner, namespace=acme.namespace, team="{performer.password} %s {0}"
    )
    assert payloads.sentence(entry) == "owner created the team {performer.password} %s {0}"


# One transaction


def test_a_rollback_leaves_nothing(owner, web, hook, bells, django_capture_on_commit_callbacks):
    bells.clear()
    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
        change(owner, web)
        assert Delivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert not LogEntry.objects.filter(kind="set_repo_description").exists()
    assert (callbacks, bells) == ([], [])


def test_a_refused_change_is_told_to_nobody(web, hook):
    with pytest.raises(Forbidden):
        change(make.actor(make.user("stranger")), web)
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_if_nobody_can_be_told_nothing_happens(owner, web, subscribe):
    """The listener's fault climbs: no change without its entry, and no entry without its deliveries."""
    subscribe(project=web)

    def broken(**_):
        raise RuntimeError("the outbox is broken")

    entries_written.connect(broken)
    try:
        with pytest.raises(RuntimeError, match="outbox"):
            change(owner, web)
    finally:
        entries_written.disconnect(broken)
    web.refresh_from_db()
    assert web.description == ""
    assert not Delivery.objects.exists()
    assert not LogEntry.objects.filter(kind="set_repo_description").exists()


@pytest.mark.django_db(transaction=True)
def test_a_subscription_that_goes_meanwhile_breaks_nobodys_change(owner, web, subscribe):
    made = subscribe(project=web)
    with transaction.atomic():
        change(owner, web)
        Subscription.objects.filter(pk=made.pk).delete()
    assert Delivery.objects.get().subscription_id == made.pk
    web.refresh_from_db()
    assert web.description == "new"


def test_twice_the_same_entry_is_no_second_delivery(owner, web, subscribe):
    subscribe(project=web)
    change(owner, web)
    entry = LogEntry.objects.get(kind="set_repo_description")
    with pytest.raises(IntegrityError), transaction.atomic():
        outbox.hear(entries=[entry])
    assert Delivery.objects.count() == 1


# Many at once


def test_an_import_tells_each_row(owner, acme, web, subscribe, bells, django_capture_on_commit_callbacks):
    subscribe("email", "team_create", namespace=acme.namespace, email="ops@example.test")
    beta = make.organization("beta")
    entries = [
        draft(kinds.ORG_CREATE_TEAM, actor=owner, namespace=space, team=f"team{number}")
        for number in range(600)
        for space in (acme.namespace, beta.namespace)
    ]
    entries += [draft(kinds.STAR_REPO, actor=owner, namespace=acme.namespace) for _ in range(10)]
    bells.clear()
    with django_capture_on_commit_callbacks(execute=True), counted() as statements:
        record_many(entries)
    assert Delivery.objects.count() == 600
    assert Delivery.objects.values("entry").distinct().count() == 600
    # The first ring; whoever hears them goes on with the others.
    assert [name for name, _ in bells] == ["notifications.deliver"] * outbox.BELLS
    assert len([sql for sql in statements if sql.startswith("SELECT")]) == 1


# What it costs


def cost(act):
    with counted() as statements:
        act()
    return len(statements)


def test_without_subscriptions_a_write_costs_one_query_more(owner, web, subscribe):
    """Measured against the same write with nobody listening to the log at all."""
    actor = make.actor(owner.user)
    change(actor, web)
    with_us = cost(lambda: change(actor, web))
    assert entries_written.disconnect(dispatch_uid="notifications.outbox")
    try:
        without = cost(lambda: change(actor, web))
    finally:
        entries_written.connect(outbox.hear, dispatch_uid="notifications.outbox")
    assert with_us - without == 1
    # Others' subscriptions and others' events change nothing.
    beta = make.project(make.organization("beta"), "web")
    for where in ({"project": beta}, {"namespace": beta.namespace}):
        services.create_subscription(
            actor=make.SYSTEM, **where, event="repo_change", method="in_console", config={}
        )
    subscribe(event="repo_visibility_change", project=web)
    assert cost(lambda: change(actor, web)) == with_us


def test_a_kind_without_an_event_costs_nothing(owner, acme):
    for kind in (kinds.STAR_REPO, kinds.LOGIN_SUCCESS, kinds.ACCESS_DENIED):
        assert cost(lambda kind=kind: record(kind, actor=owner, namespace=acme.namespace)) == 1
    assert cost(lambda: record(kinds.CHANGE_LIMIT, actor=make.SYSTEM, account="x")) == 1  # of no namespace


@pytest.mark.parametrize("size", [1, 20])
def test_with_subscriptions_it_costs_two_at_any_number(owner, web, subscribe, size):
    for _ in range(size):
        subscribe(project=web)
    assert (
        cost(lambda: record(kinds.CHANGE_REPO_STATE, actor=owner, namespace=web.namespace, project=web)) == 3
    )
    assert Delivery.objects.count() == size


def test_who_listens_is_found_by_index(owner, acme, web, subscribe):
    """Among many subscriptions of others the query must not look at all of them."""
    with counted() as statements:
        record(kinds.CHANGE_REPO_STATE, actor=owner, namespace=web.namespace, project=web)
    [question] = [sql for sql in statements if sql.startswith("SELECT")]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {question}")
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "SCAN notifications_subscription" not in plan
        assert plan.count("USING INDEX") == 2


# Forgetting


def test_old_deliveries_go_and_waiting_ones_stay(owner, web, hook, subscribe, settings):
    settings.NOTIFICATION_DAYS = 30
    subscribe(project=web)
    change(owner, web)
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    change(owner, web)
    assert Delivery.objects.count() == 4
    tasks.prune()
    assert sorted(Delivery.objects.values_list("status", "subscription__method")) == [
        ("done", "in_console"),
        ("queued", "webhook"),
        ("queued", "webhook"),
    ]


def test_what_a_gone_subscription_left_goes(owner, web, subscribe):
    made, other = subscribe(project=web), subscribe(project=web)
    change(owner, web)
    Subscription.objects.filter(pk=made.pk).delete()
    tasks.forget(made.pk)
    assert [row.subscription for row in Delivery.objects.all()] == [other]
    Subscription.objects.filter(pk=other.pk).delete()
    tasks.prune()  # should its bell be lost
    assert not Delivery.objects.exists()
