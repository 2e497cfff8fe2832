"""When a person was here last: noted by her browser, at most once a minute."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.mark.parametrize("path", ["/account/", "/api/v1/user/"])
def test_being_here_is_noted_once_a_minute(clock, path):
    ada, client = make.user("ada"), Client(headers={"x-requested-with": "XMLHttpRequest"})
    client.force_login(ada)

    def writes():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(path).status_code == 200
        return sum("seen_at" in query["sql"].split("WHERE")[0] for query in updates(asked))

    assert writes() == 0  # she signed in just now
    clock.shift(timedelta(minutes=2))
    assert [writes(), writes()] == [1, 0]
    ada.refresh_from_db()
    assert ada.seen_at == timezone.now()
    clock.shift(timedelta(seconds=59))
    assert writes() == 0
    clock.shift(timedelta(seconds=2))
    assert writes() == 1


def updates(asked):
    return [query for query in asked if query["sql"].startswith("UPDATE")]


def test_a_token_is_no_presence(clock):
    ada = make.user("ada")
    headers = {"authorization": f"Bearer {make.token(ada)}", "user-agent": "skopeo/1.2\x00"}
    assert Client(headers=headers).get("/api/v1/user/").status_code == 200
    ada.refresh_from_db()
    assert ada.seen_at is None
    used = ada.credentials.get()
    assert (used.last_used_ip, used.last_used_agent) == ("127.0.0.1", "skopeo/1.2")
