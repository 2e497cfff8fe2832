"""Reminders of credentials that expire: when, whom, and once, whatever happens to those who send them."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from accounts import services as accounts
from notifications import reminders, tasks
from notifications.models import Notice, Reminder
from tests import make
from tests.racing import race
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def mailing(settings):
    settings.MAILING = True


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization(owner=ada)


def key(acme, days=90, title="Deploy"):
    ends = timezone.now() + timedelta(days=days)
    made, _ = tokens.create_token(
        actor=make.SYSTEM, kind=Kind.KEY, organization=acme, title=title, expires_at=ends
    )
    return made


def beat():
    """Do what the beat's bells do; return whom mails went to."""
    before = len(mail.outbox)
    tasks.remind()
    for user_id in reminders.due(1000):
        tasks.send_reminders(user_id)
    return [to for message in mail.outbox[before:] for to in message.to]


def test_fourteen_seven_and_one_days_ahead_and_once_each(clock, acme):
    key(acme)
    told: dict[float, int] = {}
    for hour in range(0, 91 * 24, 6):
        for _ in beat():
            told[90 - hour / 24] = told.get(90 - hour / 24, 0) + 1
        clock.shift(timedelta(hours=6))
    assert told == {14.0: 1, 7.0: 1, 1.0: 1}
    assert [notice.metadata["days"] for notice in Notice.objects.order_by("pk")] == [14, 7, 1]
    assert {notice.user.username for notice in Notice.objects.all()} == {"ada"}


def test_after_a_long_silence_the_nearest_step_alone_is_told(clock, acme):
    key(acme)
    clock.shift(85 * DAY)
    assert beat() == ["ada@example.test"]
    assert Reminder.objects.get().days == 7


def test_what_was_made_for_a_week_is_no_news_two_weeks_ahead(clock, acme):
    key(acme, days=7)
    assert beat() == []
    clock.shift(6 * DAY + timedelta(minutes=1))
    assert beat() == ["ada@example.test"]
    assert Reminder.objects.get().days == 1


def test_one_mail_and_one_notice_for_a_hundred(clock, acme, ada):
    for number in range(100):
        key(acme, title=f"key {number}")
    clock.shift(80 * DAY)
    assert beat() == ["ada@example.test"]
    message = mail.outbox[-1]
    assert message.subject == "[Muster] 100 credentials expire soon"
    assert "and 50 more" in message.body
    assert "/o/acme/credentials/?state=expiring" in message.body
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    notice = Notice.objects.get()
    assert notice.sentence.startswith("100 credentials expire within 14 days: key 0, key 1")
    assert notice.sentence.endswith("and 95 more")
    assert notice.as_administrator


def test_who_is_told(clock, acme, ada):
    bo, eve, gone = make.user("bo"), make.user("eve"), make.user("gone")
    for person, role in ((bo, "admin"), (eve, "member"), (gone, "admin")):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
    accounts.change_user(actor=make.SYSTEM, user=gone, enabled=False)
    ends = timezone.now() + 30 * DAY
    make.robot(acme, expires_at=ends)
    rocket = tokens.create_application(actor=make.SYSTEM, organization=acme, name="Rocket")
    tokens.issue(kind=Kind.OAUTH, user=eve, application=rocket, scopes="repo:read", expires_at=ends)
    make.token(eve, title="My\nscript", expires_at=ends)
    clock.shift(20 * DAY)
    assert set(beat()) == {f"{name}@example.test" for name in ("ada", "bo", "eve")}
    bodies = {message.to[0].split("@")[0]: message.body for message in mail.outbox}
    assert "acme+ci" in bodies["bo"]
    assert "acme+ci" not in bodies["eve"]
    assert "My script" in bodies["eve"]
    assert "My script" not in bodies["ada"]
    assert {notice.namespace.name for notice in Notice.objects.filter(user=eve)} == {"acme", "eve"}


@pytest.mark.parametrize("change", ["disabled_at", "replaced_at", "revoked_at"])
def test_what_does_not_matter_any_more_is_not_told(clock, acme, change):
    key(acme)
    clock.shift(80 * DAY)
    tasks.remind()
    Credential.objects.update(**{change: timezone.now()})
    assert beat() == []
    assert reminders.due(10) == []
    clock.shift(5 * DAY)
    tasks.remind()
    assert Reminder.objects.count() == 1


def test_a_disabled_robot_reminds_nobody(clock, acme):
    robot = make.robot(acme, expires_at=timezone.now() + 30 * DAY)
    accounts.change_robot(actor=make.SYSTEM, robot=robot, enabled=False)
    clock.shift(20 * DAY)
    assert beat() == []


def test_a_mail_that_fails_is_tried_again_and_not_for_ever(clock, acme, monkeypatch):
    key(acme)
    clock.shift(80 * DAY)
    calls = []

    def refuse(self, messages):
        calls.append(messages)
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", refuse)
        assert beat() == []
        assert beat() == []
        assert len(calls) == 1
        clock.shift(reminders.PAUSE)
        beat()
        assert len(calls) == 2
    clock.shift(reminders.PAUSE)
    assert beat() == ["ada@example.test"]
    Reminder.objects.update(mail_due_at=timezone.now(), attempts=reminders.TRIES)
    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    beat()
    assert reminders.due(10) == []
    clock.shift(DAY)
    assert reminders.due(10) == []


def test_without_mailing_the_console_tells(clock, acme, settings):
    settings.MAILING = False
    key(acme)
    clock.shift(80 * DAY)
    assert beat() == []
    assert Notice.objects.count() == 1


def test_old_rows_go(clock, acme):
    key(acme)
    clock.shift(80 * DAY)
    beat()
    clock.shift(reminders.KEPT + DAY)
    tasks.prune()
    assert not Reminder.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_tell_once():
    acme = make.organization(owner=make.user("ada"))
    for name in ("bo", "cy"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(name), role="admin")
    for number in range(20):
        key(acme, title=f"key {number}")
    Credential.objects.update(created_at=timezone.now() - 80 * DAY, expires_at=timezone.now() + 10 * DAY)
    assert race(4, lambda _: tasks.remind()) == {"ok": 4}
    assert Reminder.objects.count() == 60
    assert Notice.objects.count() == 3
    owed = reminders.due(10)
    assert race(6, lambda number: tasks.send_reminders(owed[number % 3])) == {"ok": 6}
    assert sorted(message.to[0] for message in mail.outbox) == [
        f"{name}@example.test" for name in ("ada", "bo", "cy")
    ]


@pytest.mark.parametrize("size", [1, 60])
def test_writing_reminders_costs_the_same_at_any_size(acme, size, django_assert_max_num_queries):
    for number in range(size):
        key(acme, title=f"key {number}")
    Credential.objects.update(created_at=timezone.now() - 80 * DAY, expires_at=timezone.now() + 10 * DAY)
    with django_assert_max_num_queries(12):
        tasks.remind()
    assert Reminder.objects.count() == size
