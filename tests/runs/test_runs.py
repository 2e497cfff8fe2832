"""Runs: every thing once, with the rights of the moment, whatever comes in between."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AuthenticatorApp, Membership, Robot
from core.actor import Actor
from core.errors import Conflict, Forbidden, Invalid, NotFound
from jobs import guard
from logs.models import LogEntry
from projects.models import Project
from runs import selectors, services, worker
from runs.models import Run, RunItem
from runs.services import working
from tests import make
from tests.racing import race
from tokens.models import Credential

pytestmark = pytest.mark.django_db


def finish(run):
    """Work as workers do, until nothing is due any more."""
    while services.work(run.pk):
        pass
    run.refresh_from_db()
    return run


def outcome(run):
    return [(item.name, item.status, item.reason) for item in run.items.order_by("position")]


def wait(run):
    """Let so much time go by that a silent worker is taken for dead."""
    Run.objects.filter(pk=run.pk).update(due_at=F("due_at") - working.LEASE - timedelta(seconds=1))


def test_every_thing_is_done_and_told_once(acme, ask, owner):
    robots = make.robots(acme, 3)
    run = ask("robot.delete", robots)
    assert (run.status, run.left) == ("queued", 3)
    finish(run)
    assert (run.status, run.done, run.failed, run.left, run.due_at) == ("done", 3, 0, 0, None)
    assert run.started_at <= run.ended_at
    assert not Robot.objects.exists()
    told = LogEntry.objects.filter(namespace=acme.namespace, performer=owner)
    assert told.filter(kind="delete_robot").count() == 3
    assert told.get(kind="begin_run").metadata == {
        "run": str(run.uuid),
        "action": "robot.delete",
        "number": 3,
    }


def test_every_action_does_what_its_service_does(acme, ask):
    one, _ = make.robots(acme, 2)
    web, person = make.project(acme, visibility="public"), make.user("person")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role="member")
    token = one.credentials.get()
    finish(ask("robot.disable", [one]))
    assert Robot.objects.exclude(disabled_at=None).get() == one
    finish(ask("robot.enable", [one]))
    finish(ask("credential.disable", [token]))
    assert Credential.objects.exclude(disabled_at=None).get() == token
    finish(ask("credential.enable", [token]))
    finish(ask("credential.revoke", [token]))
    assert Credential.objects.exclude(revoked_at=None).get() == token
    finish(ask("project.private", [web]))
    finish(ask("project.lock", [web]))
    web.refresh_from_db()
    assert (web.visibility, web.state) == ("private", "READ_ONLY")
    finish(ask("project.unlock", [web]))
    finish(ask("project.delete", [web]))
    assert Project.objects.get().deleted_at is not None
    finish(ask("member.remove", [person]))
    assert Membership.objects.count() == 1
    assert set(Run.objects.values_list("status", "failed")) == {("done", 0)}


def test_what_fails_does_not_keep_others_from_it(acme, ask, owner):
    person = make.user("person")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role="member")
    run = finish(ask("member.remove", [owner, make.user("stranger"), person]))
    assert (run.done, run.failed) == (1, 2)
    assert outcome(run) == [
        ("owner", "failed", "That is you: who removes many does not remove herself"),
        ("stranger", "failed", "It is not here, or not any more."),
        ("person", "done", ""),
    ]


def test_nothing_of_another_organization_is_touched(acme, ask):
    other = make.organization("other")
    robot, web = make.robot(other), make.project(other)
    for action, thing in (
        ("robot.delete", robot),
        ("robot.disable", robot),
        ("credential.revoke", robot.credentials.get()),
        ("project.delete", web),
        ("project.lock", web),
        ("member.remove", make.user("nobody")),
    ):
        run = finish(ask(action, [thing]))
        assert (run.done, run.failed) == (0, 1), action
    assert Robot.objects.filter(disabled_at=None).count() == 1
    assert Project.objects.filter(deleted_at=None, state="NORMAL").count() == 1
    assert not Credential.objects.exclude(revoked_at=None).exists()


# Rights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["auditor", "member", "creator", None])
def test_who_may_not_do_it_begins_cancels_and_repeats_no_run(acme, ask, role):
    person, robots = make.user("person"), make.robots(acme, 2)
    if role:
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
    actor = make.actor(person)
    with pytest.raises(Forbidden):
        ask("robot.delete", robots, who=person)
    run = ask("robot.delete", robots)
    with pytest.raises(Forbidden):
        services.cancel_run(actor=actor, run=run)
    finish(run)
    for follow in (services.retry_run, services.undo_run):
        with pytest.raises(Forbidden):
            follow(actor=actor, run=run)
    assert not services.may_follow(actor=actor, run=run)
    assert not services.undoable(actor=actor, run=run)
    assert Run.objects.count() == 1


def test_an_auditor_sees_runs_and_nobody_below_does(acme, ask):
    run = ask("robot.delete", make.robots(acme, 2))
    for role in ("auditor", "admin", "creator", "member", None):
        person = make.user(f"p-{role}")
        if role:
            accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
        actor = make.actor(person)
        if role in ("auditor", "admin"):
            assert list(selectors.runs(actor=actor, namespace=acme.namespace)) == [run]
            found = selectors.run(actor=actor, namespace=acme.namespace, uuid=run.uuid)
            assert selectors.items(actor=actor, run=found).count() == 2
            continue
        with pytest.raises(Forbidden):
            selectors.runs(actor=actor, namespace=acme.namespace)
        with pytest.raises(Forbidden):
            selectors.items(actor=actor, run=run)


def test_a_run_of_another_organization_is_not_there(acme, ask):
    rival = make.user("rival")
    other = make.organization("other", owner=rival)
    run = ask("robot.delete", make.robots(acme, 1))
    with pytest.raises(NotFound):
        selectors.run(actor=make.actor(rival), namespace=other.namespace, uuid=run.uuid)


def test_tokens_and_the_system_ask_for_no_runs(acme, ask, owner):
    robots = make.robots(acme, 1)
    things = [services.Thing(robots[0].pk, "x")]
    for actor in (make.SYSTEM, Actor(user=owner, credential=robots[0].credentials.get())):
        with pytest.raises(Forbidden):
            services.begin_run(actor=actor, namespace=acme.namespace, action="robot.delete", things=things)


def test_who_is_demoted_meanwhile_does_nothing_more(acme, ask):
    admin = make.user("admin")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    run = ask("robot.delete", make.robots(acme, 4), who=admin)
    services.work(run.pk, seconds=0)
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="member")
    finish(run)
    assert (run.done, run.failed) == (1, 3)
    assert {reason for _, status, reason in outcome(run) if status == "failed"} == {
        "Your role does not allow to delete robots"
    }
    assert Robot.objects.count() == 3


@pytest.mark.parametrize("how", ["removed", "disabled", "deleted"])
def test_who_is_gone_meanwhile_does_nothing_more(acme, ask, how):
    admin = make.user("admin")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    run = ask("robot.delete", make.robots(acme, 3), who=admin)
    services.work(run.pk, seconds=0)
    if how == "removed":
        accounts.remove_member(actor=make.SYSTEM, organization=acme, user=admin)
    elif how == "disabled":
        type(admin).objects.filter(pk=admin.pk).update(is_active=False)
    else:
        accounts.delete_user(actor=make.SYSTEM, user=admin)
    finish(run)
    assert (run.status, run.done, run.failed) == ("done", 1, 2)
    assert Robot.objects.count() == 2


# Bad input -----------------------------------------------------------------------------------------------


def test_no_run_is_empty_unknown_or_endless(acme, ask, monkeypatch):
    robots = make.robots(acme, 1)
    with pytest.raises(Invalid):
        ask("robot.delete", [])
    for action in ("robot.remove", "", "__class__"):
        with pytest.raises(Invalid):
            ask(action, robots)
    monkeypatch.setattr("runs.services.asking.MOST", 0)
    with pytest.raises(Invalid, match="At most 0"):
        ask("robot.delete", robots)
    assert not Run.objects.exists()


def test_what_is_not_there_is_told_from_the_beginning(acme, owner):
    run = services.begin_run(
        actor=make.actor(owner),
        namespace=acme.namespace,
        action="robot.delete",
        things=[services.Thing(0, "n" * 2000)],
    )
    finish(run)
    assert (run.status, run.done, run.failed) == ("done", 0, 1)
    with pytest.raises(Invalid):
        services.retry_run(actor=make.actor(owner), run=run)


# Sent twice ------------------------------------------------------------------------------------------------


def test_a_form_that_is_sent_twice_is_one_run(acme, ask, owner):
    robots, key = make.robots(acme, 2), uuid4()
    run = ask("robot.disable", robots, uuid=key)
    assert run.uuid == key
    assert ask("robot.disable", robots, uuid=key) == run
    finish(run)
    assert ask("robot.disable", [], uuid=key) == run  # by then nothing of it may be left
    assert LogEntry.objects.filter(kind="begin_run").count() == 1
    other = make.user("other")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=other, role="admin")
    for who, action in ((other, "robot.disable"), (owner, "robot.enable")):
        with pytest.raises(Conflict):
            ask(action, robots, who=who, uuid=key)
    rivals = make.organization("rivals", owner=owner)
    with pytest.raises(Conflict):
        services.begin_run(
            actor=make.actor(owner),
            namespace=rivals.namespace,
            action="robot.disable",
            things=[services.Thing(robots[0].pk, "x")],
            uuid=key,
        )
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_sent_often_at_once_is_one_run(acme, ask):
    robots, key, made = make.robots(acme, 3), uuid4(), []
    assert race(4, lambda _: made.append(ask("robot.delete", robots, uuid=key)), at_once=4) == Counter(ok=4)
    assert len(set(made)) == Run.objects.count() == 1
    assert RunItem.objects.count() == 3


def test_trying_again_twice_is_one_run_while_it_is_under_way(acme, ask, owner):
    actor = make.actor(owner)
    run = ask("robot.delete", make.robots(acme, 4))
    services.work(run.pk, seconds=0)
    services.cancel_run(actor=actor, run=run)
    run.refresh_from_db()
    again = services.retry_run(actor=actor, run=run)
    assert services.retry_run(actor=actor, run=run) == again
    back = services.undo_run(actor=actor, run=run)
    assert services.undo_run(actor=actor, run=run) == back != again
    finish(again)
    finish(back)
    assert (again.done, back.done, Robot.objects.count()) == (3, 1, 1)


def test_who_has_not_the_second_factor_that_is_asked_for_does_nothing_more(acme, ask, owner):
    robots = make.robots(acme, 3)
    run = ask("robot.delete", robots)
    services.work(run.pk, seconds=0)
    app = AuthenticatorApp.objects.create(user=owner, secret_sealed="x")
    accounts.change_organization(
        actor=make.SYSTEM, organization=acme, changes={"requires_second_factor": True}
    )
    services.work(run.pk, seconds=0)
    app.delete()
    finish(run)
    assert (run.done, run.failed) == (2, 1)
    assert Robot.objects.count() == 1
    with pytest.raises(Forbidden):
        ask("robot.delete", robots[2:])


# Cancelling, again, back -----------------------------------------------------------------------------------


def test_what_is_cancelled_does_nothing_more_and_goes_on_as_another_run(acme, ask, owner):
    actor = make.actor(owner)
    run = ask("robot.delete", make.robots(acme, 4))
    services.work(run.pk, seconds=0)
    with pytest.raises(Conflict):
        services.retry_run(actor=actor, run=run)
    with pytest.raises(Conflict):
        services.undo_run(actor=actor, run=run)
    services.cancel_run(actor=actor, run=run)
    finish(run)
    assert (run.status, run.done, run.failed, run.left) == ("cancelled", 1, 0, 3)
    with pytest.raises(Conflict):
        services.cancel_run(actor=actor, run=run)
    assert LogEntry.objects.filter(kind="cancel_run").count() == 1
    again = finish(services.retry_run(actor=actor, run=run))
    assert (again.origin, again.done) == (run, 3)
    assert not Robot.objects.exists()


def test_what_a_run_deleted_comes_back(acme, ask, owner):
    actor = make.actor(owner)
    older = make.robot(acme, "older")
    finish(ask("robot.delete", [older]))
    robots = make.robots(acme, 3)
    run = finish(ask("robot.delete", robots))
    assert services.undoable(actor=actor, run=run)
    back = finish(services.undo_run(actor=actor, run=run))
    assert (back.action, back.done, back.failed) == ("thing.restore", 3, 0)
    assert set(Robot.objects.values_list("pk", flat=True)) == {robot.pk for robot in robots}
    assert not services.undoable(actor=actor, run=run)
    with pytest.raises(NotFound):
        services.undo_run(actor=actor, run=run)


def test_projects_come_back_and_what_else_was_done_does_not(acme, ask, owner):
    web = make.project(acme)
    lock = finish(ask("project.lock", [web]))
    assert not services.undoable(actor=make.actor(owner), run=lock)
    run = finish(ask("project.delete", [web]))
    make.project(acme)  # takes the name
    back = finish(services.undo_run(actor=make.actor(owner), run=run))
    assert outcome(back)[0][1] == "failed"
    assert "is here by now" in outcome(back)[0][2]


# Workers -------------------------------------------------------------------------------------------------


def test_a_slice_ends_and_the_next_goes_on(acme, ask):
    run = ask("robot.disable", make.robots(acme, 3))
    assert services.work(run.pk, seconds=0)
    run.refresh_from_db()
    assert (run.status, run.done, run.left) == ("running", 1, 2)
    assert services.due(10) == [run.pk]
    worker.sweep()
    worker.work(run.pk)
    run.refresh_from_db()
    assert run.status == "done"
    assert services.due(10) == []


def test_a_run_that_somebody_has_is_left_to_her_until_she_is_silent(acme, ask):
    run = ask("robot.disable", make.robots(acme, 3))
    assert working._take(run.pk)
    assert working._next(run.pk)
    assert not services.work(run.pk)
    assert services.due(10) == []
    run.refresh_from_db()
    assert run.done == 1
    wait(run)
    finish(run)
    assert (run.done, run.status) == (3, "done")
    assert LogEntry.objects.filter(kind="disable_robot").count() == 3


def test_what_kills_three_workers_has_failed_and_the_others_have_their_turn(acme, ask):
    run = ask("robot.disable", make.robots(acme, 3))
    for _ in range(3):
        assert working._take(run.pk)  # and is never heard of again
        wait(run)
    finish(run)
    assert (run.done, run.failed) == (2, 1)
    assert outcome(run)[0][1:] == ("failed", "Its worker was lost, again and again.")


def test_what_goes_wrong_is_tried_three_times(acme, ask, monkeypatch, caplog):
    robots = make.robots(acme, 3)
    real = services.ACTIONS["robot.disable"]

    def fail(actor, namespace, target):
        if target == robots[1].pk:
            raise ZeroDivisionError
        return real.do(actor, namespace, target)

    monkeypatch.setitem(services.ACTIONS, "robot.disable", type(real)(real.right, fail))
    run = ask("robot.disable", robots)
    for _ in range(4):
        finish(run)
        wait(run)
    finish(run)
    assert (run.status, run.done, run.failed) == ("done", 2, 1)
    assert outcome(run)[1][2] == "Something went wrong (ZeroDivisionError)."
    assert caplog.text.count("ZeroDivisionError") >= 3


def test_a_worker_that_is_to_stop_leaves_it_to_the_next(acme, ask, monkeypatch):
    run = ask("robot.disable", make.robots(acme, 3))
    monkeypatch.setattr(guard._pulse, "is_stopping", True)
    assert not services.work(run.pk)
    run.refresh_from_db()
    assert (run.done, services.due(10)) == (1, [run.pk])


def test_nothing_is_done_while_muster_is_read_only(acme, ask, settings):
    run = ask("robot.disable", make.robots(acme, 1))
    settings.READ_ONLY = True
    assert not services.work(run.pk)
    run.refresh_from_db()
    assert run.status == "queued"


def test_old_runs_are_forgotten_and_open_ones_are_not(acme, ask):
    robots = make.robots(acme, 1)
    ended, fresh = finish(ask("robot.disable", robots)), finish(ask("robot.disable", robots))
    waiting = ask("robot.disable", robots)
    long_ago = timezone.now() - timedelta(days=31)
    Run.objects.exclude(pk=fresh.pk).update(created_at=long_ago)
    Run.objects.filter(pk=ended.pk).update(ended_at=long_ago)
    worker.prune()
    assert set(Run.objects.all()) == {fresh, waiting}
    assert RunItem.objects.count() == 2


def test_the_run_of_a_deleted_organization_does_nothing(acme, ask, owner):
    run = ask("robot.disable", make.robots(acme, 2))
    accounts.delete_organization(actor=make.actor(owner), organization=acme)
    finish(run)
    assert (run.status, run.done, run.failed) == ("done", 0, 2)


# Races ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_do_nothing_twice(acme, ask):
    run = ask("robot.delete", make.robots(acme, 12))
    Run.objects.filter(pk=run.pk).update(status="running", started_at=timezone.now())

    def go_on(_):
        while working._next(run.pk):
            pass

    assert race(6, go_on, at_once=6) == Counter(ok=6)
    run.refresh_from_db()
    assert (run.status, run.done, run.failed) == ("done", 12, 0)
    assert LogEntry.objects.filter(kind="delete_robot").count() == 12


@pytest.mark.django_db(transaction=True)
def test_nothing_is_done_after_a_cancellation_has_returned(acme, ask, owner):
    run = ask("robot.delete", make.robots(acme, 20))
    left = []

    def act(number):
        if number:
            services.work(run.pk)
        else:
            services.cancel_run(actor=make.actor(owner), run=run)
            left.append(Robot.objects.count())

    race(2, act, at_once=2)
    run.refresh_from_db()
    if not left:  # the worker was through before: there was nothing to cancel
        assert (run.status, Robot.objects.count(), run.left) == ("done", 0, 0)
        return
    assert run.status == "cancelled"
    assert [Robot.objects.count()] == left
    assert run.done == 20 - left[0]
    assert run.items.filter(status="waiting").count() == left[0] == run.left


def test_the_release_before_begins_runs_in_these_tables(acme):
    """It knows no column that came since, and serves beside this one for a while (docs/deploy.md)."""
    since = {"spared"}
    row = Run(namespace=acme.namespace, action="robot.disable")
    known = [field for field in Run._meta.concrete_fields if field.name not in {"id", *since}]
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in known]
    names, marks = ", ".join(str(field.column) for field in known), ", ".join(["%s"] * len(known))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO runs_run ({names}) VALUES ({marks})", values)  # noqa: S608 - only names
    assert Run.objects.get().spared == 0
