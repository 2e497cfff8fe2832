"""Rotating a robot's token: the old one and the new one work side by side, and then the old one is dead."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.services.robots import GRACE_MAX
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from logs.models import LogEntry
from tests import make
from tests.racing import race
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def robot():
    return make.robot(make.organization())


def rotate(robot, grace=DAY, actor=make.SYSTEM, **more):
    return accounts.rotate_robot_token(actor=actor, robot=robot, grace=grace, **more)


def works(secret):
    try:
        return tokens.authenticate(secret, kinds=[Kind.ROBOT]).robot is not None
    except Unauthenticated:
        return False


def first_secret(robot):
    return accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot)


def test_both_work_for_the_grace_and_not_a_second_longer(robot):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = first_secret(robot)
        new = rotate(robot)
        assert works(old)
        assert works(new)
        clock.shift(DAY - timedelta(seconds=1))
        assert works(old)
        clock.shift(1)
        assert not works(old)
        assert works(new)


def test_one_that_ends_sooner_anyhow_ends_then(robot):
    with time_machine.travel(timezone.now(), tick=False):
        ends = timezone.now() + timedelta(hours=1)
        accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot, expires_at=ends)
        rotate(robot)
        old = robot.credentials.get(replaced_at__isnull=False)
        assert old.expires_at == ends


def test_never_more_than_two(robot):
    old, new = first_secret(robot), rotate(robot)
    with pytest.raises(Conflict, match="end the older one first"):
        rotate(robot)
    assert works(old)
    assert works(new)
    accounts.end_replaced_token(actor=make.SYSTEM, robot=robot)
    assert not works(old)
    newest = rotate(robot)
    assert [works(secret) for secret in (old, new, newest)] == [False, True, True]
    with pytest.raises(NotFound):
        accounts.end_replaced_token(actor=make.SYSTEM, robot=make.robot(robot.namespace.organization, "one"))


def test_regenerating_ends_both_at_once(robot):
    old, new = first_secret(robot), rotate(robot)
    last = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot)
    assert [works(secret) for secret in (old, new, last)] == [False, False, True]


@pytest.mark.parametrize("grace", [timedelta(0), -DAY, GRACE_MAX + timedelta(seconds=1), 1000 * DAY])
def test_a_grace_is_seven_days_at_most(robot, grace):
    with pytest.raises(Invalid):
        rotate(robot, grace)
    assert robot.credentials.count() == 1


def test_who_may_rotate_and_what_is_told(robot):
    acme = robot.namespace.organization
    member = make.user("member")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=member, role="member")
    for one in (member, make.user("stranger")):
        for act in (lambda who: rotate(robot, actor=who), lambda who: end(robot, who)):
            with pytest.raises(Forbidden):
                act(make.actor(one))
    rotate(robot)
    entry = LogEntry.objects.get(kind="rotate_robot_token")
    assert entry.metadata["robot"] == "ci"
    assert entry.metadata["ends"].endswith(" UTC")
    end(robot, make.SYSTEM)
    assert LogEntry.objects.filter(kind="end_robot_token").count() == 1


def end(robot, actor):
    accounts.end_replaced_token(actor=actor, robot=robot)


@pytest.mark.django_db(transaction=True)
def test_rotated_by_many_at_once_two_are_left():
    robot = make.robot(make.organization())
    outcome = race(6, lambda _: rotate(robot))
    assert outcome == {"ok": 1, "conflict": 5}
    now = timezone.now()
    assert Credential.objects.filter(revoked_at=None).exclude(expires_at__lte=now).count() == 2


def test_the_real_wire_takes_both_and_the_page_says_so(robot):
    acme = robot.namespace.organization
    owner = acme.memberships.get().user
    project = make.project(acme)
    make.grant(project, "admin", robot=robot)
    old, new = first_secret(robot), rotate(robot, timedelta(days=3))

    def report(secret):
        headers = {"authorization": f"Bearer {secret}", "user-agent": "docker/27.1"}
        path, body = "/api/v1/repository/acme/web/usage", '{"size_bytes": 5}'
        return Client(headers=headers).put(path, body, content_type="application/json").status_code

    assert [report(old), report(new)] == [200, 200]
    client = Client()
    client.force_login(owner)
    page = client.get("/o/acme/robots/ci/").content.decode()
    assert "The older token works, too" in page
    assert "docker/27.1" in page
    assert "127.0.0.1" in page
    client.post("/o/acme/robots/ci/", {"do": "end"})
    assert [report(old) == 200, report(new) == 200] == [False, True]
    assert "The older token works, too" not in client.get("/o/acme/robots/ci/").content.decode()
