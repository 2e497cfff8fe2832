"""Verifications that people ask for: what is found, who may ask, how often, and what workers do."""

from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import pytest
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from core.errors import Conflict, Forbidden
from jobs import guard
from logs import services, tasks
from logs.chain import asked, checkpoints, sealing, state, verification
from logs.models import LogEntry, LogSeal, LogVerification
from tests import make
from tests.logs.written import settle

# Nothing is settled on PostgreSQL before a transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)


def seal():
    settle()
    while sealing.seal_some():
        pass


@pytest.fixture
def sealed(acme, owner, own_directory):
    """Fill the log of acme and seal it."""
    make.robots(acme, 5)
    seal()
    checkpoints.make()
    checkpoints.keep()
    return acme


def verify(actor, namespace, **more):
    made = services.request_verification(actor=actor, namespace=namespace, **more)
    tasks.verify(made.pk)
    made.refresh_from_db()
    return made


def test_an_untouched_log_is_found_whole(sealed, owner):
    made = verify(owner, sealed.namespace)
    assert (made.status, made.found, made.findings, made.percent) == ("done", {}, [], 100)
    assert made.seals == made.expected == LogSeal.objects.filter(scope=sealed.namespace_id).count() > 5
    assert (made.checkpoints, made.due_at) == (1, None)
    told = LogEntry.objects.get(kind="verify_log")
    assert (told.namespace, told.metadata) == (sealed.namespace, {"verification": str(made.uuid)})


def test_findings_are_told_with_kind_and_place(sealed, owner):
    entry = LogEntry.objects.filter(namespace=sealed.namespace, kind="create_robot").order_by("pk")[2]
    LogEntry.objects.filter(pk=entry.pk).update(performer_name="somebody else")
    made = verify(owner, sealed.namespace)
    seal = LogSeal.objects.get(pk=entry.pk)
    assert made.found == {"altered": 1}
    assert made.findings == [["altered", "acme", str(seal.position), entry.pk, "not as it was sealed"]]


def test_what_others_changed_in_other_logs_is_not_told(sealed, superuser):
    other = make.organization("other", owner=make.user("rival"))
    LogEntry.objects.filter(namespace=sealed.namespace, kind="create_robot").update(performer_name="x")
    made = verify(make.actor(other.memberships.get().user), other.namespace)
    assert (made.status, made.found) == ("done", {})
    assert verify(superuser, None).found == {"altered": 5}


def test_a_later_day_leaves_out_what_is_older(sealed, owner):
    made = verify(owner, sealed.namespace, since=timezone.now() + timedelta(days=1))
    assert (made.status, made.seals) == ("done", 0)


def test_only_who_reads_the_log_lets_it_be_verified(sealed):
    for role in ("auditor", "admin", "creator", "member", None):
        person = make.user(f"p-{role}")
        if role:
            accounts.set_member_role(actor=make.SYSTEM, organization=sealed, user=person, role=role)
        actor = make.actor(person)
        if role in ("auditor", "admin"):
            verify(actor, sealed.namespace)
            assert state.verifications(actor=actor, namespace=sealed.namespace).count()
        for namespace in (None,) if role in ("auditor", "admin") else (None, sealed.namespace):
            with pytest.raises(Forbidden):
                services.request_verification(actor=actor, namespace=namespace)
            with pytest.raises(Forbidden):
                state.state(actor=actor, namespace=namespace)
            with pytest.raises(Forbidden):
                state.verifications(actor=actor, namespace=namespace)


def test_one_at_a_time_and_so_many_a_day(sealed, owner):
    first = services.request_verification(actor=owner, namespace=sealed.namespace)
    with pytest.raises(Conflict, match="already"):
        services.request_verification(actor=owner, namespace=sealed.namespace)
    tasks.verify(first.pk)
    for _ in range(services.VERIFICATIONS_A_DAY - 1):
        verify(owner, sealed.namespace)
    with pytest.raises(Conflict, match="10 times within a day"):
        services.request_verification(actor=owner, namespace=sealed.namespace)
    LogVerification.objects.update(created_at=timezone.now() - timedelta(days=2))
    verify(owner, sealed.namespace)


def test_it_takes_no_longer_than_it_may(sealed, owner, monkeypatch):
    monkeypatch.setattr(asked, "LONGEST", timedelta(seconds=-1))
    made = verify(owner, sealed.namespace)
    assert (made.status, made.due_at) == ("failed", None)
    assert made.error.startswith("It took longer than")


def test_a_cancelled_one_goes_on_no_more(sealed, owner):
    made = services.request_verification(actor=owner, namespace=sealed.namespace)
    services.cancel_verification(actor=owner, verification=made)
    tasks.verify(made.pk)
    made.refresh_from_db()
    assert (made.status, made.seals) == ("cancelled", 0)
    with pytest.raises(Conflict):
        services.cancel_verification(actor=owner, verification=made)
    assert LogEntry.objects.filter(kind="cancel_verify_log").count() == 1


@contextmanager
def at_page(number, do):
    """Do something while a verification reads a page of seals, counted from 1."""
    seen = count(1)

    def look(execute, sql, *rest):
        is_page = sql.startswith("SELECT") and 'FROM "logs_logseal"' in sql and "LIMIT 2" in sql
        if is_page and next(seen) == number:
            do()
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield


@pytest.fixture
def slowly(monkeypatch):
    """Let a page be two seals, and all be told at once."""
    monkeypatch.setattr(verification, "KEYS_MAX", 2)
    monkeypatch.setattr(asked, "TELLING_SECONDS", 0)


def test_one_that_is_cancelled_while_it_is_under_way_stays_so(sealed, owner, slowly):
    made = services.request_verification(actor=owner, namespace=sealed.namespace)
    with at_page(3, lambda: services.cancel_verification(actor=owner, verification=made)):
        tasks.verify(made.pk)
    made.refresh_from_db()
    # How far it was is told while it is under way, and no more once somebody wants it no more.
    assert (made.status, made.seals, made.due_at) == ("cancelled", 2, None)
    assert made.expected > 4


def test_it_ends_in_the_midst_of_seals_when_its_time_is_over(sealed, owner, slowly, monkeypatch):
    made = services.request_verification(actor=owner, namespace=sealed.namespace)
    clock = SteppedClock()
    monkeypatch.setattr(asked, "monotonic", clock)
    with at_page(3, lambda: clock.step(asked.LONGEST.total_seconds() + 1)):
        tasks.verify(made.pk)
    made.refresh_from_db()
    assert (made.status, made.seals) == ("failed", 4)


class SteppedClock:
    """A clock that stands still unless it is put on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def step(self, seconds):
        self.now += seconds


def test_a_worker_that_is_to_stop_leaves_it_to_the_next(sealed, owner, monkeypatch):
    made = services.request_verification(actor=owner, namespace=sealed.namespace)
    monkeypatch.setattr(guard._pulse, "is_stopping", True)
    asked.work(made.pk)
    made.refresh_from_db()
    assert (made.status, made.tries, asked.due(10)) == ("running", 0, [made.pk])
    monkeypatch.setattr(guard._pulse, "is_stopping", False)
    tasks.verify(made.pk)
    made.refresh_from_db()
    assert made.status == "done"


def test_a_lost_worker_is_followed_by_another_three_times(sealed, owner):
    made = services.request_verification(actor=owner, namespace=sealed.namespace)
    LogVerification.objects.update(tries=asked.TRIES)
    tasks.verify(made.pk)
    made.refresh_from_db()
    assert (made.status, made.error) == ("failed", asked.LOST)


def test_one_is_worked_on_at_a_time(sealed, owner, superuser):
    first = services.request_verification(actor=owner, namespace=sealed.namespace)
    second = services.request_verification(actor=superuser, namespace=None)
    LogVerification.objects.filter(pk=first.pk).update(
        status="running", due_at=timezone.now() + timedelta(seconds=30)
    )
    tasks.verify(second.pk)
    second.refresh_from_db()
    assert second.status == "queued"
    LogVerification.objects.filter(pk=first.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    tasks.verify(second.pk)
    second.refresh_from_db()
    assert second.status == "done"


def test_old_ones_are_forgotten(sealed, owner):
    verify(owner, sealed.namespace)
    LogVerification.objects.update(ended_at=timezone.now() - timedelta(days=91))
    asked.prune()
    assert not LogVerification.objects.exists()


def test_the_state_tells_how_far_and_of_nobody_else(sealed, owner, superuser):
    found = state.state(actor=owner, namespace=sealed.namespace)
    seals = LogSeal.objects.filter(scope=sealed.namespace_id)
    assert found.sealed == found.signed == seals.count()
    assert found.hash == bytes(seals.latest("position").hash).hex()
    assert (found.key, found.line, found.is_late) == (checkpoints.public_key(), "", False)
    assert found.checkpoint is not None
    whole = state.state(actor=superuser, namespace=None)
    assert whole.sealed == LogSeal.objects.count() > found.sealed
    assert found.checkpoint.signature in whole.line


def test_late_seals_are_noticed(sealed):
    settle()
    assert state.behind() < state.LATE
    make.robot(sealed, "late")
    LogEntry.objects.filter(kind="create_robot", metadata__robot="late").update(
        at=timezone.now() - timedelta(minutes=11)
    )
    settle()
    assert state.behind() > state.LATE


@pytest.mark.parametrize("metadata", [[], "x", 7, {"count": "x"}, {"count": None}, {"count": [1]}])
def test_what_tells_of_erasing_may_be_altered_in_any_way(sealed, superuser, metadata):
    """It is found, and nobody keeps a verification from its end by it."""
    grace = make.user("grace")
    accounts.set_member_role(actor=make.SYSTEM, organization=sealed, user=grace, role="admin")
    seal()
    services.erase_person(actor=superuser, user=grace)
    seal()
    LogEntry.objects.filter(kind="erase_person").update(metadata=metadata)
    made = verify(superuser, None)
    assert (made.status, made.found) == ("done", {"altered": 1, "erased": 1})


def test_more_that_is_erased_than_the_log_tells_is_a_finding(sealed, superuser):
    grace = make.user("grace")
    accounts.set_member_role(actor=make.SYSTEM, organization=sealed, user=grace, role="admin")
    seal()
    erased_from = services.erase_person(actor=superuser, user=grace)
    assert erased_from
    assert verify(superuser, None).found == {}
    seal()
    erased = LogEntry.objects.get(kind="erase_person")
    LogEntry.objects.filter(pk=erased.pk).update(metadata={"count": erased_from - 1})
    made = verify(superuser, None)
    assert made.found == {"altered": 1, "erased": 1}
    assert made.findings[-1][-1] == (
        f"something is erased from {erased_from} entries, and the log tells of {erased_from - 1}"
    )
