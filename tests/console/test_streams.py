"""Streams of a log in the console: begun, tested, set to another place, ended; of others nothing."""

import pytest
from django.utils import timezone

from logs.models import LogEntry
from streams import selectors, services
from streams.models import Stream
from tests import make
from tests.console.entering import enter
from tests.core.authorities import Authority

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


def test_begun_to_syslog_and_directed_to_another_receiver(owner, acme, tmp_path):
    pem = Authority(tmp_path).pem
    page = owner.get(PAGE).content.decode()
    assert 'id="begin-syslog-dialog"' in page
    assert 'id="begin-file-dialog"' not in page
    form = {"title": "Collector", "config": " 93.184.216.34:6514 ", "authority": pem, "begin": "oldest"}
    assert owner.post(PAGE, {"do": "begin_syslog", **form}).status_code == 302
    made = Stream.objects.get()
    assert (made.method, made.title, made.entry) == ("syslog", "Collector", 0)
    assert made.config == {"url": "syslog+tls://93.184.216.34:6514", "authority": pem}
    text = owner.get(PAGE).content.decode()
    for words in ("Syslog", "1 certificate of your own", f"?receiver={made.uuid}"):
        assert words in text
    assert "New secret" not in text
    opened = owner.get(f"{PAGE}?receiver={made.uuid}").context["forms"]["direct_syslog"].initial
    assert (opened["config"], opened["authority"]) == ("93.184.216.34:6514", pem)
    act(owner, "direct_syslog", made, config="93.184.216.35", authority="")
    made.refresh_from_db()
    assert made.config == {"url": "syslog+tls://93.184.216.35"}
    assert LogEntry.objects.get(kind="change_log_stream").metadata["old_target"] == "93.184.216.34:6514"


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"config": ""}, "config", "required"),
        ({"config": "127.0.0.1"}, "config", "may not be called"),
        ({"config": "93.184.216.34:443"}, "config", "port of the address may not be called"),
        ({"config": "https://93.184.216.34"}, "config", "of a host alone"),
        ({"config": "93.184.216.34/x"}, "config", "of a host alone"),
        ({"config": "93.184.216.34", "authority": "x"}, "authority", "no certificates in PEM"),
        ({"config": "93.184.216.34", "authority": "PRIVATE KEY"}, "authority", "a private key in it"),
    ],
)
def test_what_is_wrong_with_a_receiver_is_told_at_its_field(form, field, words, owner):
    page = owner.post(PAGE, {"do": "begin_syslog", "begin": "now", **form})
    assert page.status_code == 200
    assert words in str(page.context["forms"]["begin_syslog"].errors[field])
    assert not Stream.objects.exists()


def test_a_webhook_is_directed_elsewhere(owner, stream):
    text = owner.get(f"{PAGE}?webhook={stream.uuid}").content.decode()
    assert 'id="direct-dialog"' in text
    assert "SeCrEtKeY" not in text
    refused = act(owner, "direct", stream, config="http://127.0.0.1/")
    assert refused.context["forms"]["direct"].errors["config"]
    assert act(owner, "direct", stream, config="http://93.184.216.34/new").status_code == 302
    before = stream.entry
    stream.refresh_from_db()
    assert (stream.config, stream.entry) == ({"url": "http://93.184.216.34/new"}, before)
    # One is not made of the other.
    answer = act(owner, "direct_syslog", stream, config="93.184.216.34")
    assert answer.context["forms"]["direct_syslog"].errors["config"]
    stream.refresh_from_db()
    assert stream.config == {"url": "http://93.184.216.34/new"}


def test_operators_begin_a_file_here_where_there_is_a_directory(settings, tmp_path):
    root = enter(make.user("root", superuser=True))
    form = {"do": "begin_file", "config": "all.jsonl", "begin": "now"}
    assert 'id="begin-file-dialog"' not in root.get("/streams/").content.decode()
    assert root.post("/streams/", form).context["forms"]["begin_file"].non_field_errors()
    settings.STREAM_DIRECTORY = str(tmp_path)
    assert 'id="begin-file-dialog"' in root.get("/streams/").content.decode()
    assert root.post("/streams/", form | {"config": "../x"}).context["forms"]["begin_file"].errors["config"]
    assert root.post("/streams/", form).status_code == 302
    made = Stream.objects.get()
    assert (made.method, made.config, made.namespace) == ("file", {"name": "all.jsonl"}, None)
    assert root.post("/streams/", form).context["forms"]["begin_file"].errors["config"]
    text = root.get("/streams/").content.decode()
    assert f"?webhook={made.uuid}" not in text
    assert f"?receiver={made.uuid}" not in text


def test_what_failed_is_said_in_german(owner, stream):
    for words, german in (
        ("The receiver did not take it: No connection could be made.", "Es kam keine Verbindung zustande."),
        ("The URL could not be reached: The call took too long.", "Der Aufruf hat zu lange gedauert."),
        ("The URL may not be called: The URL's port may not be called.", "Der Port der URL"),
        ("The file could not be written.", "Die Datei"),
    ):
        Stream.objects.update(failures=3, due_at=timezone.now(), error=words)
        text = owner.get(PAGE, headers={"accept-language": "de"}).content.decode()
        assert german in text
        assert words not in text


def test_another_organizations_stream_is_not_there(stream):
    theirs = make.organization("other", owner=make.user("stranger"))
    stranger = enter(theirs.memberships.get().user)
    for verb in ("test", "pause", "resume", "end", "direct"):
        assert act(stranger, verb, stream, page="/o/other/streams/", config=URL).status_code == 404
        assert act(stranger, verb, stream, config=URL).status_code == 403
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
