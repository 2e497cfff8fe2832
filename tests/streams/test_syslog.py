"""Streams to syslog: real collectors over TLS, their bytes read by a strict reader of the RFCs."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from core.errors import Forbidden, Invalid, NotFound
from logs.models import LogEntry
from logs.settled import Cursor
from streams import batches, services, tasks
from streams.models import Stream
from tests import make
from tests.core import collectors
from tests.core.authorities import Authority
from tests.core.collectors import Collector
from tests.logs.written import entries, entry, settle
from tests.pems import public_pem
from tests.streams.conftest import entries_of, make_due, push, row
from tests.streams.rfc5424 import Malformed, frames, message

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "logs.example.test"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def collector(authority, settings):
    collector = Collector(authority.server("127.0.0.1"))
    settings.EGRESS_ALLOW = [f"127.0.0.1:{collector.port}"]
    settings.PUBLIC_URL = "https://muster.example.test"
    yield collector
    collector.close()


@pytest.fixture
def start(acme, owner, collector, authority):
    """Begin a stream of acme's log to the collector."""

    def start(**more):
        settle()
        config = {"url": collector.url, "authority": authority.pem}
        given = {"actor": owner, "namespace": acme.namespace, "config": config} | more
        return services.create_stream(method="syslog", **given)[0]

    return start


def heard(collector):
    return [one for data in collector.heard for one in frames(data)]


def numbers(collector):
    return [json.loads(one.text)["id"] for one in heard(collector)]


def write(namespace, **more):
    made = LogEntry.objects.bulk_create([entry(namespace, **more)])[0]
    settle()
    return made


# What is sent --------------------------------------------------------------------------------------------


def test_exactly_the_entries_are_framed_and_in_order(start, collector, acme, settings):
    settings.STREAM_BATCH_ROWS = 4
    stream = start()
    before = stream.entry
    entries(acme, 10)
    entries(make.organization("other"), 3)
    push()
    assert [len(frames(data)) for data in collector.heard] == [4, 4, 3]
    assert numbers(collector) == entries_of(acme.namespace, before)
    found = row(stream)
    assert (found.sent_entries, found.sent_batches, found.failures) == (11, 3, 0)
    assert (found.secret_sealed, found.last_status) == ("", None)


def test_a_message_is_as_the_rfc_wants_it(start, collector, acme):
    stream = start()
    one = heard_of(collector, write(acme, metadata={"robot": "ci"}, ip="192.0.2.7"))
    assert (one.facility, one.severity, one.version) == (13, 6, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", one.stamp)
    assert (one.host, one.app, one.process) == ("muster.example.test", "muster", "-")
    assert one.has_bom
    told = json.loads(one.text)
    stored = LogEntry.objects.get(pk=told["id"])
    assert one.at == stored.at
    assert one.name == stored.kind
    assert told["metadata"] == {"robot": "ci"}
    assert told["cursor"] == str(Cursor.of(stored))
    assert set(told) == {
        *("id", "cursor", "time", "kind", "namespace", "project", "performer", "performer_kind"),
        *("credential", "door", "ip", "metadata"),
    }
    [(name, values)] = one.elements.items()
    assert name == "muster@32473"
    assert (
        values.items()
        >= {
            "id": str(stored.pk),
            "cursor": told["cursor"],
            "stream": str(stream.uuid),
            "kind": stored.kind,
            "namespace": "acme",
            "ip": "192.0.2.7",
        }.items()
    )
    assert "project" not in values  # of what is empty nothing is said


def heard_of(collector, made):
    tasks.work()
    [found] = [one for one in heard(collector) if json.loads(one.text)["id"] == made.pk]
    return found


HOSTILE = [
    "two\nlines",
    "\r\n110 <110>1 - - - - - - forged",
    "\n<110>1 2026-01-01T00:00:00Z h muster - login_success - \ufeff{}",
    'quote " bracket ] backslash \\ end',
    '"] [forged@1 a="b"',
    "\\",
    '\\"',
    "\\]",
    "nul\0and\x1b[31mescape\x7f",
    "\x85 \u2028 \u2029 \u202egnp.exe \u200b",
    "\ufeff",
    "ünïcödé 日本 🚀",
    "]" * 200,
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_words_forge_nothing(text, start, collector, acme):
    start()
    kept = text.replace("\0", "")  # which PostgreSQL does not hold
    made = write(acme, metadata={"name": kept, kept: [kept]}, performer_name=kept, credential_name=kept)
    one = heard_of(collector, made)
    told = json.loads(one.text)
    assert told["metadata"] == {"name": kept, kept: [kept]}
    assert (told["performer"], told["credential"]) == (kept, kept)
    assert set(one.elements) == {"muster@32473"}
    shown = one.elements["muster@32473"]["performer"]
    assert shown == "".join(sign if sign.isprintable() else "\ufffd" for sign in kept)
    # Whoever writes messages to a file, one a line, has one line of each.
    assert len((shown + one.text).splitlines()) == 1
    assert len(heard(collector)) == len(entries_of(acme.namespace, start_of(acme)))


def start_of(acme):
    return LogEntry.objects.filter(kind="create_log_stream").earliest("pk").pk - 1


@pytest.mark.parametrize(("size", "fits"), [(6000, True), (7000, True), (8000, False), (200_000, False)])
def test_no_message_is_longer_than_receivers_take(size, fits, start, collector, acme):
    start()
    one = heard_of(collector, write(acme, metadata={"x": "y" * size}))
    told = json.loads(one.text)
    assert one.size <= 8192
    assert told["metadata"] == ({"x": "y" * size} if fits else {})
    assert told.get("left_out") == (None if fits else ["metadata"])


def test_names_of_the_longest_kind_fit_as_well(start, collector, acme):
    start()
    name = "\N{ROCKET}" * 255
    texts = ("performer_name", "credential_name", "project_name")
    made = write(acme, metadata={"x": "y" * 9000}, **dict.fromkeys(texts, name))
    one = heard_of(collector, made)
    told = json.loads(one.text)
    assert one.size <= 8192
    assert told["performer"] == name[:40]
    assert told["left_out"] == ["metadata", "project", "performer", "credential"]


def test_a_kind_that_is_longer_than_its_field(start, collector, acme):
    start()
    made = write(acme, kind="rotate_namespace_notification_secret")
    one = heard_of(collector, made)
    assert one.name == "rotate_namespace_notification_se"
    assert one.elements["muster@32473"]["kind"] == "rotate_namespace_notification_secret"


def test_the_whole_log_for_operators(start, collector, acme, root):
    stream = start(actor=root, namespace=None)
    before = stream.entry
    entries(acme, 2)
    entries(None, 2)
    push()
    assert numbers(collector) == entries_of(None, before)


def test_a_test_is_about_no_entry(start, collector, owner):
    stream = start()
    push()
    collector.heard.clear()
    services.pause_stream(actor=owner, stream=row(stream))
    services.test_stream(actor=owner, stream=row(stream))
    tasks.work()
    [one] = heard(collector)
    assert (one.name, json.loads(one.text)) == ("log.test", {"type": "log.test", "stream": str(stream.uuid)})
    assert one.elements == {"muster@32473": {"stream": str(stream.uuid)}}
    assert abs((one.at - datetime.now(UTC)).total_seconds()) < 60
    found = row(stream)
    assert (found.test_error, found.state) == ("", "paused")
    assert found.tested_at is not None


# At least once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        (collectors.reset_midway, "The connection was lost."),
        (collectors.reset_at_the_end, "The connection was lost."),
        (collectors.leave_unread, "The connection was lost."),
        (collectors.never_close, "The call took too long."),
        (collectors.never_greet, "The host did not speak TLS in time."),
        (collectors.answer, "The host answers, which no receiver of syslog does."),
        (collectors.speak_plainly, "No TLS connection could be made."),
        (collectors.hang_up, "No TLS connection could be made."),
    ],
)
def test_what_was_not_taken_stays_and_is_sent_again(manner, words, start, collector, acme, settings):
    settings.NOTIFICATION_SECONDS = 1
    collector.manners = [manner]
    stream = start()
    place = (stream.xact, stream.entry)
    entries(acme, 3)
    push()
    found = row(stream)
    assert found.error == f"The receiver did not take it: {words}"
    assert (found.xact, found.entry) == place
    assert (found.failures, found.sent_entries, found.claim) == (1, 0, None)
    entries(acme, 2)  # which are no part of that batch
    settings.NOTIFICATION_SECONDS = 10
    make_due(stream)
    push()
    assert [len(frames(data)) for data in collector.heard] == [4, 2]
    assert numbers(collector) == entries_of(acme.namespace, place[1])
    found = row(stream)
    assert (found.failures, found.error, found.sent_entries) == (0, "", 6)


@pytest.mark.parametrize(
    ("hosts", "validity", "trusted", "words"),
    [
        (["127.0.0.1"], {}, False, "is not valid: nobody known here has issued it."),
        (["127.0.0.1"], {"began": -3, "ends": -1}, True, "is not valid any more."),
        (["127.0.0.2"], {}, True, "is not valid for its name."),
        ([NAME], {}, True, "is not valid for its name."),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    hosts, validity, trusted, words, start, collector, acme, authority
):
    config = {"url": collector.url} | ({"authority": authority.pem} if trusted else {})
    stream = start(config=config)
    collector.tls = authority.server(*hosts, **validity)
    push()
    found = row(stream)
    assert found.error == f"The receiver did not take it: The host's TLS certificate {words}"
    assert (found.sent_entries, collector.heard) == (0, [])


def test_nobody_is_there(start, collector, settings):
    stream = start()
    settings.EGRESS_ALLOW = ["127.0.0.1:1"]
    Stream.objects.update(config={"url": "syslog+tls://127.0.0.1:1"})
    push()
    assert row(stream).error == "The receiver did not take it: No connection could be made."


def test_the_mail_that_it_is_off_is_in_the_language_of_who_reads_it(
    start, collector, acme, owner, mailoutbox
):
    accounts.choose_language(actor=owner, language="de")
    collector.manners = [collectors.hang_up]
    stream = start()
    Stream.objects.update(failures=70, failing_since=timezone.now() - timedelta(days=4))
    push()
    assert row(stream).state == "off"
    tasks.tell_off(stream.pk)
    [letter] = mailoutbox
    assert "Der Empfänger hat es nicht angenommen: Es kam keine TLS-Verbindung zustande." in letter.body


def test_what_may_be_called_is_decided_at_each_batch(start, collector, settings):
    stream = start()
    settings.EGRESS_ALLOW = []
    push()
    assert collector.met == 0
    assert row(stream).error.startswith("The receiver may not be called: ")


# Who may, and what ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"url": 7},
        {"url": "https://127.0.0.1/"},
        {"url": "logs.example.test:6514"},
        {"url": "syslog+tls://127.0.0.1:6514"},
        {"url": "syslog+tls://169.254.169.254:6514"},
        {"url": "syslog+tls://logs.example.com:443"},
        {"url": "syslog+tls://127.0.0.1", "more": "x"},
    ],
)
def test_bad_addresses(config, start):
    with pytest.raises(Invalid) as caught:
        start(config=config)
    assert caught.value.field == "config"
    assert not Stream.objects.exists()


def test_bad_certificates_say_what_is_wrong(start, collector, authority, tmp_path):
    (tmp_path / "old").mkdir()
    authority.server("old.test", began=-3, ends=-1)
    old = (tmp_path / "old.test.pem").read_text()
    key_and_certificate = (tmp_path / "127.0.0.1.pem").read_text()
    cases = {
        "nonsense": "no certificates in PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "no certificates in PEM",
        "\ud800": "no certificates in PEM",
        key_and_certificate: "a private key in it",
        old[old.index("-----BEGIN CERT") :]: "was valid until",
        authority.pem * 11: "10 certificates at most",
        "x" * 40_000: "longer than 32768 characters",
    }
    for text, words in cases.items():
        with pytest.raises(Invalid, match=words) as caught:
            start(config={"url": collector.url, "authority": text})
        assert caught.value.field == "authority"
    assert not Stream.objects.exists()


def test_of_what_is_pasted_only_certificates_are_kept(start, collector, authority):
    pasted = f"my authority\n\n{authority.pem.replace(chr(10), chr(13) + chr(10))}\n# the end"
    stream = start(config={"url": collector.url, "authority": pasted})
    assert row(stream).config == {"url": collector.url, "authority": authority.pem}
    assert start(config={"url": collector.url, "authority": " \n"}).config == {"url": collector.url}
    with pytest.raises(Invalid):
        services.rotate_stream_secret(
            actor=make.actor(stream.created_by), stream=stream, grace=datetime.resolution
        )


# To another receiver -------------------------------------------------------------------------------------


def test_directed_elsewhere_it_keeps_its_place(start, collector, acme, owner, authority, settings):
    stream = start()
    push()
    collector.manners = [collectors.reset_midway] * 9
    entries(acme, 3)
    push()
    failing = row(stream)
    assert (failing.failures, failing.until_entry is not None) == (1, True)
    other = Collector(authority.server("127.0.0.1"))
    settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"127.0.0.1:{other.port}"]
    try:
        config = {"url": other.url, "authority": authority.pem}
        changed = services.change_stream(actor=owner, stream=failing, config=config)
        assert (changed.failures, changed.error, changed.entry) == (0, "", failing.entry)
        push()
        assert numbers(other)[:3] == entries_of(acme.namespace, failing.entry)[:3]
    finally:
        other.close()
    told = LogEntry.objects.get(kind="change_log_stream")
    assert told.metadata["old_target"] == f"127.0.0.1:{collector.port}"
    assert told.metadata["target"] == f"127.0.0.1:{other.port}"
    assert "authority" not in told.metadata


def test_who_sends_to_the_old_receiver_notes_nothing_any_more(begin, receiver, acme, owner):
    stream = begin()
    entries(acme, 1)
    settle()
    make_due(stream)
    batch = batches.take(stream.pk)
    assert batch is not None
    before = row(stream)
    services.change_stream(actor=owner, stream=before, config={"url": f"{receiver.url}&new=1"})
    batches.note(batch, batches.attempt(batch))
    assert (row(stream).entry, row(stream).sent_entries) == (before.entry, 0)
    push()
    assert [told["data"]["entries"][0]["id"] for told in receiver.told[:2]] == [
        receiver.told[0]["data"]["entries"][0]["id"]
    ] * 2
    assert row(stream).secret_sealed == before.secret_sealed


def test_changed_by_the_same_people_and_checked_alike(begin, receiver, acme, owner, root, settings, tmp_path):
    stream = begin()
    stranger = make.user("stranger")
    theirs = make.organization("other", owner=stranger)
    member = make.user("member")
    make.member(make.team(acme), member)
    for actor in (make.actor(stranger), make.actor(member), make.actor(owner.user, "repo:admin user:admin")):
        with pytest.raises(Forbidden):
            services.change_stream(actor=actor, stream=stream, config={"url": receiver.url})
    for config in ({"url": "http://169.254.169.254/"}, {}, {"url": receiver.url, "authority": "x"}):
        with pytest.raises(Invalid) as caught:
            services.change_stream(actor=owner, stream=stream, config=config)
        assert caught.value.field == "config"
    assert row(stream).config == stream.config
    settings.STREAM_DIRECTORY = str(tmp_path)
    file, _ = services.create_stream(actor=root, method="file", config={"name": "all.jsonl"})
    with pytest.raises(Invalid):
        services.change_stream(actor=root, stream=file, config={"name": "other.jsonl"})
    assert not LogEntry.objects.filter(kind="change_log_stream").exists()
    services.pause_stream(actor=owner, stream=row(stream))
    changed = services.change_stream(actor=root, stream=row(stream), config={"url": receiver.url})
    assert (changed.state, changed.due_at) == ("paused", None)
    services.delete_stream(actor=owner, stream=row(stream))
    with pytest.raises(NotFound):
        services.change_stream(actor=owner, stream=stream, config={"url": receiver.url})
    assert theirs.namespace.log_streams.count() == 0


# The reader itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"110>1 - - - - - -",
        b"<192>1 - - - - - -",
        b"<0110>1 - - - - - -",
        b"<110>0 - - - - - -",
        b"<110>1 - - - - -",
        b"<110>1 2026-01-01 - - - - -",
        b"<110>1 2026-01-01T00:00:00.1234567Z - - - - -",
        b"<110>1 - - - - " + b"x" * 33 + b" -",
        b"<110>1 - - - - - [a b=c]",
        b'<110>1 - - - - - [a b="]"]',
        b'<110>1 - - - - - [a b="\\n"]',
        b'<110>1 - - - - - [a b="c]',
        b'<110>1 - - - - - [a b="c"][a b="c"]',
        b'<110>1 - - - - - [a b="c"]text',
        b"<110>1 - - - - - text",
        b"<110>1 - - - - - - \xff",
    ],
)
def test_the_reader_is_strict(data):
    with pytest.raises((Malformed, UnicodeDecodeError)):
        message(data)


def test_the_reader_counts():
    assert len(frames(b"18 <110>1 - - - - - -18 <110>1 - - - - - -")) == 2
    for wrong in (b"19 <110>1 - - - - - -", b"018 <110>1 - - - - - -", b"18 <110>1 - - - - - -\n"):
        with pytest.raises(Malformed):
            frames(wrong)


def test_keys_are_no_certificates(start, collector):
    with pytest.raises(Invalid, match="no certificates in PEM"):
        start(config={"url": collector.url, "authority": public_pem()})
