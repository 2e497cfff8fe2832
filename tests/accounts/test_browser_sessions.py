"""Where people are signed in, ended from elsewhere; and guessing from many addresses."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import selectors, services, tasks
from accounts.models import BrowserSession
from console.devices import in_words
from core.errors import BadCredentials, NotFound, TooManyRequests
from logs.models import LogEntry
from tests import make
from tests.accounts.test_second_factor import set_up, sign_in

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ada():
    return make.user("ada")


def enter(name="ada", agent=FIREFOX, ip="192.0.2.1"):
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=ip)
    answer = client.post("/sign-in/", {"username": name, "password": make.PASSWORD})
    assert answer.status_code == 302
    return client


def is_in(client):
    return client.get("/account/").status_code == 200


def test_sessions_are_listed_and_ended_one_by_one(ada):
    here, there = enter(), enter(agent="curl/8.5", ip="198.51.100.7")
    page = here.get("/account/sessions/").content.decode()
    for words in ("Firefox on Linux", "192.0.2.1", "curl", "198.51.100.7", "this one"):
        assert words in page
    other = BrowserSession.objects.get(ip="198.51.100.7")
    assert here.post("/account/sessions/", {"do": "end", "uuid": str(other.uuid)}).status_code == 302
    assert not is_in(there)
    assert is_in(here)
    told = LogEntry.objects.get(kind="user_end_session").metadata
    assert told == {"useragent": "curl/8.5", "address": "198.51.100.7"}


def test_all_others_end_at_once(ada):
    here, *others = (enter() for _ in range(3))
    here.post("/account/sessions/", {"do": "others"})
    assert is_in(here)
    assert not any(is_in(one) for one in others)
    assert Session.objects.filter(session_key=here.cookies["_csrf_token"].value).exists()
    assert LogEntry.objects.get(kind="user_end_other_sessions").metadata == {"count": 2}


def test_nobody_ends_anothers(ada):
    enter()
    other = make.user("bo")
    bo = enter("bo")
    uuid = str(BrowserSession.objects.get(user=ada).uuid)
    for wrong in (uuid, "nonsense", ""):
        bo.post("/account/sessions/", {"do": "end", "uuid": wrong})
        with pytest.raises(NotFound):
            services.end_session(actor=make.actor(other), uuid=wrong)
    assert BrowserSession.objects.filter(user=ada).exists()
    assert "192.0.2.1" in bo.get("/account/sessions/").content.decode()
    assert len(selectors.own_sessions(actor=make.actor(ada))) == 1


def test_a_new_password_and_signing_out_leave_no_dead_ones_in_the_list(ada):
    here, there = enter(), enter()
    form = {"do": "password", "old": make.PASSWORD, "password": "another-horse-9"}
    assert here.post("/account/", form).status_code == 302
    ada.refresh_from_db()
    [left] = selectors.own_sessions(actor=make.actor(ada))
    assert left.session_key == here.cookies["_csrf_token"].value
    assert not is_in(there)
    here.post("/sign-out/")
    ada.refresh_from_db()
    assert selectors.own_sessions(actor=make.actor(ada)) == []


def test_the_quay_wires_sessions_are_noted_too(ada):
    client = Client(headers={"user-agent": "ansible-httpget"})
    token = client.get("/csrf_token").json()["csrf_token"]
    body = {"username": "ada", "password": make.PASSWORD}
    client.post("/api/v1/signin", body, content_type="application/json", headers={"x-csrf-token": token})
    assert in_words(BrowserSession.objects.get().browser) == "Ansible"


def test_activity_is_noted_each_five_minutes(ada, django_assert_num_queries):
    client = enter()
    begun = BrowserSession.objects.get().seen_at
    is_in(client)
    assert BrowserSession.objects.get().seen_at == begun
    with time_machine.travel(begun + timedelta(minutes=6)):
        is_in(client)
        seen = BrowserSession.objects.get().seen_at
        assert seen - begun > timedelta(minutes=5)
        is_in(client)
        assert BrowserSession.objects.get().seen_at == seen


def test_old_ones_are_swept(ada, settings):
    enter()
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        tasks.sweep()
        assert BrowserSession.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(days=32)):
        tasks.sweep()
        assert not BrowserSession.objects.exists()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/130.0 Safari/537 Edg/130.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/130.0 Mobile Safari/537",
            "Chrome on Android",
        ),
        ("", "An unknown program"),
        ("<script>", "An unknown program"),
    ],
)
def test_browsers_in_words(agent, words):
    assert in_words(agent) == words


# Guessing from many addresses ----------------------------------------------------------------------------


def test_a_name_that_many_guess_at_still_opens_where_she_was_before(ada):
    enter(ip="192.0.2.1")
    for number in range(100):
        with pytest.raises(BadCredentials):
            services.sign_in(
                actor=make.actor(None).at(dialect="test", ip=f"198.51.100.{number}", user_agent="x"),
                username="ada",
                password="wrong-wrong",
            )
    for address in ("198.51.100.200", "203.0.113.1"):
        with pytest.raises(TooManyRequests):
            sign_in(ip=address)
    assert sign_in(ip="192.0.2.1") == ada
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert sign_in(ip="203.0.113.1") == ada


def test_codes_that_many_guess_at_still_open_where_she_was_before(ada):
    enter(ip="192.0.2.1")
    _, codes = set_up(ada)
    for number in range(20):
        with pytest.raises(BadCredentials):
            sign_in("000000", ip=f"198.51.100.{number}")
    with pytest.raises(TooManyRequests):
        sign_in(codes[0], ip="203.0.113.1")
    assert sign_in(codes[0], ip="192.0.2.1") == ada


def test_who_is_made_superuser_signs_in_anew():
    ada, client = make.user("ada"), Client()
    client.force_login(ada)
    services.set_superuser(actor=make.SYSTEM, user=ada, superuser=True)
    assert client.get("/account/")["Location"].startswith("/sign-in/")
    ada.refresh_from_db()
    client.force_login(ada)
    services.set_superuser(actor=make.SYSTEM, user=ada, superuser=False)
    assert client.get("/account/").status_code == 200
