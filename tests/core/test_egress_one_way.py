"""What is sent over TLS to hosts that answer nothing, against real ones on loopback."""

import ssl
import time

import pytest

from core import egress
from tests.core import collectors
from tests.core.authorities import Authority
from tests.core.collectors import Collector
from tests.core.sockets import NAME, PUBLIC

pytestmark = pytest.mark.usefixtures("outside")

DATA = b"<110>1 - - - - - -"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def collect(authority, settings):
    """Start a collector whose certificate is of ``authority`` and for 127.0.0.1, unless told otherwise."""
    started = []

    def start(*manners, tls=None):
        collector = Collector(tls or authority.server("127.0.0.1"), *manners)
        started.append(collector)
        settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"127.0.0.1:{collector.port}"]
        return collector

    settings.EGRESS_ALLOW = []
    yield start
    for collector in started:
        collector.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("manner", [collectors.take, collectors.take_and_hang_up])
def test_all_of_it_comes_whole(manner, version, collect, authority):
    tls = authority.server("127.0.0.1")
    tls.minimum_version = tls.maximum_version = version
    collector = collect(manner, manner, tls=tls)
    large = bytes(range(256)) * 8000
    assert egress.send(collector.url, data=large, authority=authority.pem) > 0
    egress.send(collector.url, data=b"", authority=authority.pem)
    assert collector.heard == [large, b""]


def test_the_systems_authorities_are_trusted_as_well(collect, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    collector = collect()
    egress.send(collector.url, data=DATA)
    egress.send(collector.url, data=DATA, authority=other.pem)
    assert collector.heard == [DATA, DATA]


def test_name_is_verified_though_the_address_is_dialled(collect, authority, outside):
    tls = authority.server(NAME)
    asked_for = []
    tls.sni_callback = lambda _, name, __: asked_for.append(name)
    collector = collect(tls=tls)
    outside.answers[NAME] = ["127.0.0.1"]
    egress.send(f"syslog+tls://{NAME}:{collector.port}", data=DATA, authority=authority.pem)
    assert asked_for == [NAME]
    assert (outside.asked, outside.dialled) == ([NAME], [("127.0.0.1", collector.port)])


@pytest.mark.parametrize(
    ("hosts", "validity", "words"),
    [
        (["other.example.com"], {}, "is not valid for its name"),
        (["127.0.0.1"], {}, "is not valid for its name"),  # where the name leads is not who it is
        ([NAME], {"began": -3, "ends": -1}, "is not valid any more"),
        ([NAME], {"began": 1, "ends": 3}, "is not valid yet"),
    ],
)
def test_certificate_of_another_host_or_time(hosts, validity, words, collect, authority, outside):
    collector = collect(tls=authority.server(*hosts, **validity))
    outside.answers[NAME] = ["127.0.0.1"]
    with pytest.raises(egress.Failed, match=words):
        egress.send(f"syslog+tls://{NAME}:{collector.port}", data=DATA, authority=authority.pem)
    assert collector.heard == []


def test_certificate_of_an_unknown_authority(collect):
    collector = collect()
    with pytest.raises(egress.Failed, match="nobody known here has issued it"):
        egress.send(collector.url, data=DATA)
    assert collector.heard == []


def test_the_certificate_itself_may_be_what_is_trusted(collect, authority):
    collector = collect()
    own = (authority.folder / "127.0.0.1.pem").read_text()
    egress.send(collector.url, data=DATA, authority=own[own.index("-----BEGIN CERTIFICATE") :])
    assert collector.heard == [DATA]


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        (collectors.reset_midway, "The connection was lost."),
        (collectors.reset_at_the_end, "The connection was lost."),
        (collectors.leave_unread, "The connection was lost."),
        (collectors.leave_early, "The connection was lost."),
        (collectors.hang_up, "No TLS connection could be made."),
        (collectors.answer, "The host answers, which no receiver of syslog does."),
        (collectors.greet_and_answer, "The host answers, which no receiver of syslog does."),
        (collectors.speak_plainly, "No TLS connection could be made."),
    ],
)
@pytest.mark.parametrize("size", [20, 3_000_000])
def test_who_does_not_take_all_of_it_has_not_taken_it(manner, words, size, collect, authority):
    collector = collect(*[manner] * 5)
    for _ in range(5):  # what is a matter of moments shall not hold by luck
        with pytest.raises(egress.Failed) as caught:
            egress.send(collector.url, data=b"x" * size, authority=authority.pem, timeout=5)
        assert str(caught.value) in (words, "The connection was lost.")
    assert collector.heard == []


def test_who_never_stops_talking_is_not_listened_to(collect, authority):
    collector = collect(collectors.chatter)
    with pytest.raises(egress.Failed, match=r"The host answers|connection was lost"):
        egress.send(collector.url, data=DATA, authority=authority.pem)


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        (collectors.never_greet, "did not speak TLS in time"),
        (collectors.drip_greeting, "did not speak TLS in time"),
        (collectors.never_read, "took too long"),
        (collectors.never_close, "took too long"),
    ],
)
def test_who_stalls_is_left_in_time(manner, words, collect, authority):
    collector = collect(manner)
    began = time.monotonic()
    with pytest.raises(egress.Failed, match=words):
        egress.send(collector.url, data=b"x" * 20_000_000, authority=authority.pem, timeout=1)
    assert time.monotonic() - began < 2.5


def test_nobody_can_ask_for_more_time_than_there_is(collect, authority, monkeypatch):
    monkeypatch.setattr(egress, "TOTAL_SECONDS", 0.5)
    collector = collect(collectors.never_close)
    began = time.monotonic()
    with pytest.raises(egress.Failed, match="took too long"):
        egress.send(collector.url, data=DATA, authority=authority.pem, timeout=600)
    assert time.monotonic() - began < 2


# What a URL may say --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"https://{NAME}/",
        f"http://{NAME}:6514/",
        f"syslog://{NAME}:6514",
        f"syslog+tls:{NAME}:6514",
        f"syslog+tls://{NAME}:6514/path",
        f"syslog+tls://{NAME}:6514?x",
        f"syslog+tls://{NAME}:6514/#x",
        f"syslog+tls://me@{NAME}:6514",
        "syslog+tls://",
        "syslog+tls://:6514",
    ],
)
def test_other_urls_are_refused(url, outside):
    # What people type is a host and a port: to them it is an address.
    with pytest.raises(egress.Refused, match=r"^The (.* of the )?address "):
        egress.send(url, data=DATA)
    with pytest.raises(egress.Refused, match=r"^The (.* of the )?address "):
        egress.check_url(url, schemes=egress.SYSLOG)
    assert (outside.asked, outside.dialled) == ([], [])


def test_ports_are_those_of_the_scheme(settings, outside):
    egress.check_url(f"syslog+tls://{NAME}", schemes=egress.SYSLOG)
    egress.check_url(f"SYSLOG+TLS://{NAME}:6514/", schemes=egress.SYSLOG)
    for port in (80, 443, 514, 6515):
        with pytest.raises(egress.Refused, match="The port of the address may not be called"):
            egress.check_url(f"syslog+tls://{NAME}:{port}", schemes=egress.SYSLOG)
    for call in (egress.check_url, lambda url: egress.post(url, body=b"")):
        with pytest.raises(egress.Refused, match="port may not be called"):
            call(f"https://{NAME}:6514/")
        with pytest.raises(egress.Refused, match="must begin with http"):
            call(f"syslog+tls://{NAME}")
    settings.EGRESS_SYSLOG_PORTS = [10516]
    egress.check_url(f"syslog+tls://{NAME}:10516", schemes=egress.SYSLOG)
    with pytest.raises(egress.Refused, match="port of the address may not be called"):
        egress.check_url(f"syslog+tls://{NAME}", schemes=egress.SYSLOG)


def test_the_allow_list_opens_it_likewise(settings, outside):
    outside.answers["logs.internal"] = ["10.1.2.3"]
    url = "syslog+tls://logs.internal:{}".format
    settings.EGRESS_ALLOW = ["logs.internal"]
    egress.check_url(url(6514), schemes=egress.SYSLOG)
    for port in (443, 7000):
        with pytest.raises(egress.Refused):
            egress.check_url(url(port), schemes=egress.SYSLOG)
    settings.EGRESS_ALLOW = ["logs.internal:7000"]
    egress.check_url(url(7000), schemes=egress.SYSLOG)
    with pytest.raises(egress.Refused):
        egress.check_url(url(6514), schemes=egress.SYSLOG)


def test_the_default_port_is_dialled(outside):
    with pytest.raises(egress.Failed, match="No connection"):
        egress.send(f"syslog+tls://{NAME}", data=DATA)
    assert outside.dialled == [(PUBLIC, 6514)]


@pytest.mark.parametrize("pem", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_an_authority_that_cannot_be_read_is_refused(pem, outside):
    with pytest.raises(egress.Refused, match="authority cannot be read"):
        egress.send(f"syslog+tls://{NAME}", data=DATA, authority=pem)
    assert (outside.asked, outside.dialled) == ([], [])
