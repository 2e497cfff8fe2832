"""Streams of a log in the console: begun, tested, set to another place, ended; of others nothing."""

import pytest
from django.utils import timezone

from logs.models import LogEntry
from streams import selectors, services
from streams.models import Stream
from tests import make
from tests.console.entering import enter

pytestmark = pytest.mark.django_db

URL = "http://93.184.216.34/hook?key=SeCrEtKeY"
PAGE = "/o/acme/streams/"


@pytest.fixture
def acme():
    return make.organization("acme", owner=make.user("owner"))


@pytest.fixture
def owner(acme):
    return enter(acme.memberships.get().user)


@pytest.fixture
def stream(acme):
    actor = make.actor(acme.memberships.get().user)
    made, _ = services.create_stream(
        actor=actor, namespace=acme.namespace, method="webhook", config={"url": URL}, title="To the SIEM"
    )
    return made


def act(client, verb, stream, page=PAGE, **form):
    return client.post(page, {"do": verb, "uuid": str(stream.uuid), **form})


def test_begun_and_the_secret_is_shown_once(owner, acme):
    page = owner.post(PAGE, {"do": "begin", "config": URL, "title": "SIEM", "begin": "oldest"})
    made = Stream.objects.get()
    actor = make.actor(acme.memberships.get().user)
    assert selectors.secret(actor=actor, stream=made) in page.content.decode()
    assert (made.title, made.entry) == ("SIEM", 0)
    text = owner.get(PAGE).content.decode()
    assert "whsec_" not in text
    assert "SeCrEtKeY" not in text
    assert "93." in text
    assert f"{LogEntry.objects.filter(namespace=acme.namespace).count()} entries" in text


@pytest.mark.parametrize(
    "url", ["", "nothing", "http://127.0.0.1/", "http://169.254.169.254/", "file:///etc"]
)
def test_a_refused_url_is_told_at_its_field(owner, url):
    page = owner.post(PAGE, {"do": "begin", "config": url, "begin": "now"})
    assert page.status_code == 200
    assert page.context["forms"]["begin"].errors["config"]
    assert not Stream.objects.exists()


def test_tested_paused_and_let_go_on(owner, stream):
    for verb, then in (
        ("test", lambda row: row.test_asked_at is not None),
        ("pause", lambda row: row.state == "paused"),
        ("resume", lambda row: row.state == "on"),
    ):
        assert act(owner, verb, stream).status_code == 302
        stream.refresh_from_db()
        assert then(stream)
        assert owner.get(PAGE).status_code == 200


def test_set_to_another_place_and_given_a_new_secret(owner, stream):
    for opener, dialog in (("of", "rewind-dialog"), ("token", "rotate-dialog"), ("end", "end-dialog")):
        assert f'id="{dialog}"' in owner.get(f"{PAGE}?{opener}={stream.uuid}").content.decode()
    refused = act(owner, "rewind", stream, cursor="nowhere")
    assert refused.context["forms"]["rewind"].errors["cursor"]
    assert act(owner, "rewind", stream, cursor="").status_code == 302
    stream.refresh_from_db()
    assert stream.entry == 0
    assert "whsec_" in act(owner, "rotate", stream, grace="7").content.decode()
    assert act(owner, "end", stream).status_code == 302
    assert not Stream.objects.exists()
    assert act(owner, "end", stream).status_code == 404


def test_what_fails_is_said(owner, stream):
    Stream.objects.update(
        failures=3,
        failing_since=timezone.now(),
        due_at=timezone.now(),
        error="The URL answered 500.",
        lost_entries=7,
        tested_at=timezone.now(),
        test_error="The URL answered 404.",
    )
    text = owner.get(PAGE).content.decode()
    for words in ("failing", "The URL answered 500.", "The URL answered 404.", "7 entries"):
        assert words in text
    Stream.objects.update(disabled_at=timezone.now())
    assert "It failed for long and was switched off." in owner.get(PAGE).content.decode()


def test_another_organizations_stream_is_not_there(stream):
    theirs = make.organization("other", owner=make.user("stranger"))
    stranger = enter(theirs.memberships.get().user)
    for verb in ("test", "pause", "resume", "end"):
        assert act(stranger, verb, stream, page="/o/other/streams/").status_code == 404
        assert act(stranger, verb, stream).status_code == 403
    assert Stream.objects.get().state == "on"


def test_operators_stream_the_whole_log_and_who_only_reads_sees_it(settings):
    root, reader = make.user("root", superuser=True), make.user("reader")
    settings.GLOBAL_READONLY_SUPERUSERS = ["reader"]
    client = enter(root)
    assert client.post("/streams/", {"do": "begin", "config": URL, "begin": "now"}).status_code == 200
    made = Stream.objects.get()
    assert made.namespace is None
    assert act(client, "pause", made, page="/streams/").status_code == 302
    assert enter(reader).get("/streams/").status_code in (200, 403)
    assert act(enter(reader), "resume", made, page="/streams/").status_code == 403


def test_the_page_costs_the_same_at_any_number(owner, acme, stream, django_assert_max_num_queries):
    Stream.objects.bulk_create(
        Stream(namespace=acme.namespace, method="webhook", config={"url": URL}, secret_sealed="x", xact=0)
        for _ in range(4)
    )
    with django_assert_max_num_queries(12):
        assert owner.get(PAGE).status_code == 200
