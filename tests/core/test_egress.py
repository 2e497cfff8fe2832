# ruff: noqa: RUF001 - characters that look like others are what is tested
"""Hostile URLs, names and answers against the one door for outgoing HTTP, and the operator's allow-list."""

import contextlib
import select
import socket
import threading
import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from core import egress
from tests.core.hostile import ANSWERS, PUBLIC_SIX, URLS, as_syslog
from tests.core.sockets import NAME, PUBLIC

pytestmark = pytest.mark.usefixtures("outside")

NOT_THERE = "The host is not known, or may not be called."


def test_tripwires_notice_a_connection(tripwires):
    for family, where in (
        (socket.AF_INET, ("127.0.0.1", tripwires.port)),
        (socket.AF_INET, ("0.0.0.0", tripwires.port)),  # noqa: S104 - a client's way to loopback
        (socket.AF_UNIX, tripwires.path),
    ):
        assert not tripwires.touched
        with socket.socket(family) as client, contextlib.suppress(OSError):
            if where[0] == "0.0.0.0":  # noqa: S104
                super(socket.socket, client).connect(where)
            else:
                client.connect(where)
        assert tripwires.touched
        for listener in select.select(tripwires.listeners, [], [], 0)[0]:
            listener.accept()[0].close()


# Hostile URLs --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pattern", URLS, ids=ascii)
def test_hostile_url_reaches_nothing(pattern, tripwires, outside):
    url = pattern.replace("{port}", str(tripwires.port)).replace("{path}", tripwires.path)
    outside.answers = {host: ["127.0.0.1"] for host in ("localhost", "127.0.0.1", "redis", NAME)}
    for look_up in (True, False):
        with pytest.raises(egress.Refused):
            egress.check_url(url, look_up=look_up)
    with pytest.raises(egress.Refused):
        egress.request("GET", url)
    with pytest.raises(egress.Refused):
        egress.post(url, body=b"{}")
    with pytest.raises(egress.Refused):
        egress.check_url(as_syslog(url), schemes=egress.SYSLOG)
    with pytest.raises(egress.Refused):
        egress.send(as_syslog(url), data=b"x")
    assert outside.asked == []
    assert outside.dialled == []
    assert not tripwires.touched


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: "+".join(answer[-3:]))
def test_hostile_answer_reaches_nothing(answer, tripwires, outside):
    outside.answers[NAME] = answer
    url = f"http://{NAME}:{tripwires.port}/"
    with pytest.raises(egress.Refused, match=NOT_THERE):
        egress.check_url(url)
    with pytest.raises(egress.Refused, match=NOT_THERE):
        egress.post(url, body=b"{}")
    assert outside.asked == [NAME, NAME]
    assert outside.dialled == []
    assert not tripwires.touched


def test_secret_in_a_url_is_named_as_the_reason(outside):
    with pytest.raises(egress.Refused, match="user name or password"):
        egress.check_url(f"https://user:secret@{NAME}/")


@pytest.mark.parametrize("port", [21, 22, 25, 81, 3306, 5432, 6379, 11211, 65535])
def test_port_that_is_not_listed_is_refused_before_the_name_is_asked_for(port, settings, outside):
    settings.EGRESS_PORTS = [80, 443, 8080, 8443]
    with pytest.raises(egress.Refused, match="port"):
        egress.check_url(f"https://{NAME}:{port}/")
    with pytest.raises(egress.Refused, match="port"):
        egress.check_url(f"https://{PUBLIC}:{port}/")
    assert outside.asked == []


# Good URLs -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "asked", "dialled"),
    [
        ("http://hooks.example.com", "hooks.example.com", (PUBLIC, 80)),
        ("https://hooks.example.com/path?x=1#part", "hooks.example.com", (PUBLIC, 443)),
        ("HTTPS://Hooks.Example.COM./", "hooks.example.com", (PUBLIC, 443)),
        ("http://hooks.example.com:8443/", "hooks.example.com", (PUBLIC, 8443)),
        ("http://hooks.example.com?url=http://user@127.0.0.1/", "hooks.example.com", (PUBLIC, 80)),
        ("http://bücher.example.com/", "xn--bcher-kva.example.com", (PUBLIC, 80)),
        ("http://BÜCHER。example．com/", "xn--bcher-kva.example.com", (PUBLIC, 80)),
        ("http://straße.example.com/", "xn--strae-oqa.example.com", (PUBLIC, 80)),
        ("http://my_hooks.example.com/", "my_hooks.example.com", (PUBLIC, 80)),
        ("http://hooks.example.com/pfad/ü?ö=ü", "hooks.example.com", (PUBLIC, 80)),
        (f"http://{PUBLIC}/", None, (PUBLIC, 80)),
        (f"http://[{PUBLIC_SIX}]/", None, (PUBLIC_SIX, 80)),
        (f"http://[::ffff:{PUBLIC}]/", None, (PUBLIC, 80)),
        (f"http://[64:ff9b::{PUBLIC}]/", None, ("64:ff9b::5db8:d822", 80)),
    ],
)
def test_public_host_is_dialled_at_the_address_that_was_checked(url, asked, dialled, settings, outside):
    settings.EGRESS_PORTS = [80, 443, 8443]
    outside.answers = {asked: [PUBLIC]}
    egress.check_url(url)
    assert outside.dialled == []
    with pytest.raises(egress.Failed, match="No connection could be made"):
        egress.post(url, body=b"{}")
    assert outside.asked == ([asked] * 2 if asked else [])
    assert outside.dialled == [dialled]


def test_no_more_than_four_addresses_of_a_name_are_tried(settings, outside):
    outside.answers[NAME] = [f"93.184.216.{last}" for last in range(1, 60)]
    with pytest.raises(egress.Failed):
        egress.post(f"http://{NAME}/", body=b"{}")
    assert [ip for ip, _ in outside.dialled] == [f"93.184.216.{last}" for last in range(1, 5)]


def test_unknown_inner_and_forbidden_hosts_cannot_be_told_apart(settings, outside):
    outside.answers = {"db.example.com": ["10.1.2.3"], "v6.example.com": ["fd00::1"]}
    said = set()
    for host in (
        "db.example.com",
        "v6.example.com",
        "none.example.com",
        "10.1.2.3",
        "vault.internal",
        "redis",
    ):
        with pytest.raises(egress.Refused) as caught:
            egress.check_url(f"http://{host}/", field="callback_url")
        said.add((caught.value.message, str(caught.value), caught.value.code, caught.value.field))
    assert said == {(NOT_THERE, NOT_THERE, "invalid", "callback_url")}


def test_name_that_is_gone_by_the_time_of_the_call_may_be_tried_again(outside):
    with pytest.raises(egress.Failed, match=NOT_THERE):
        egress.post("http://gone.example.com/", body=b"{}")


def test_resolver_that_hangs_is_left_behind(outside):
    release = threading.Event()
    outside.answers[NAME] = lambda: release.wait(20) and []
    began = time.monotonic()
    with pytest.raises(egress.Failed, match=NOT_THERE):
        egress.post(f"http://{NAME}/", body=b"{}", timeout=0.3)
    assert time.monotonic() - began < 2
    release.set()
    for thread in threading.enumerate():
        if thread.name == "egress-lookup":
            thread.join(5)


def test_hanging_look_ups_do_not_pile_up(outside, settings):
    release = threading.Event()
    outside.answers[NAME] = lambda: release.wait(20) and []
    try:
        for _ in range(40):
            with pytest.raises(egress.Failed):
                egress.post(f"http://{NAME}/", body=b"{}", timeout=0.01)
        hanging = [thread for thread in threading.enumerate() if thread.name == "egress-lookup"]
        assert len(hanging) == 32
    finally:
        release.set()
    for thread in hanging:
        thread.join(5)
    outside.answers[NAME] = [PUBLIC]
    with pytest.raises(egress.Failed, match="No connection"):  # the places are free again
        egress.post(f"http://{NAME}/", body=b"{}")


# The allow-list ------------------------------------------------------------------------------------------
def opened(url):
    try:
        egress.check_url(url)
    except egress.Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("entry", "url", "open_"),
    [
        ("10.1.2.3", "http://10.1.2.3/", True),
        ("10.1.2.3", "http://10.1.2.3:9000/", False),  # without a port: the usual ports
        ("10.1.2.3", "http://10.1.2.4/", False),
        ("10.1.2.3:9000", "http://10.1.2.3:9000/", True),
        ("10.1.2.3:9000", "http://10.1.2.3/", False),  # with a port: that port alone
        ("10.1.2.3:9000", f"http://{PUBLIC}:9000/", False),
        ("10.0.0.0/8", "http://10.255.0.1/", True),
        ("10.0.0.0/8", "http://[::ffff:10.255.0.1]/", True),
        ("10.0.0.0/8", "http://[64:ff9b::10.255.0.1]/", False),
        ("10.0.0.0/8:9000", "http://10.255.0.1:9000/", True),
        ("10.0.0.0/8", "http://ten.example.com/", True),
        ("10.0.0.0/8", "http://mixed.example.com/", True),
        ("10.0.0.0/8", "http://worse.example.com/", False),
        ("10.0.0.0/8", "http://git.internal/", False),  # an inner name only by its name
        ("git.internal", "http://git.internal/", True),
        ("Git.Internal.", "http://GIT.internal./", True),
        ("git.internal", "http://www.git.internal/", False),
        ("git.internal", "http://10.1.2.3/", False),
        ("git.internal:9000", "http://git.internal:9000/", True),
        ("git.internal:9000", "http://git.internal/", False),
        ("git", "http://git/", True),
        ("bücher.internal", "http://xn--bcher-kva.internal/", True),
        (f"{NAME}:9000", f"http://{NAME}:9000/", True),  # a public host on a port of its own
        (f"{NAME}:9000", f"http://{PUBLIC}:9000/", False),
        (f"{PUBLIC}:9000", f"http://{NAME}:9000/", True),
        ("fd00::/8", "http://[fd12::1]/", True),
        ("fd00::1", "http://[fd00::1]/", True),
        ("[fd00::1]:9000", "http://[fd00::1]:9000/", True),
        ("[fd00::/8]:9000", "http://[fd12::1]:9000/", True),
        ("[fd00::/8]:9000", "http://[fd12::1]/", False),
        ("100.64.0.0/10", "http://100.64.0.1/", True),
        ("172.16.0.0/12", "http://172.31.0.1/", True),
        ("192.168.0.0/16", "http://192.168.1.1/", True),
        ("192.0.2.0/24", "http://192.0.2.1/", True),
        ("198.18.0.0/15", "http://198.19.0.1/", True),
        ("198.51.100.0/24", "http://198.51.100.1/", True),
        ("203.0.113.0/24", "http://203.0.113.1/", True),
        ("2001:2::/48", "http://[2001:2::1]/", True),
        ("2001:db8::/32", "http://[2001:db8::1]/", True),
        ("3fff::/20", "http://[3fff::1]/", True),
        ("127.0.0.1", "http://127.0.0.1/", True),
        ("127.0.0.1", "http://127.0.0.2/", False),
        ("127.0.0.1", "http://[::1]/", False),
        ("127.0.0.1", "http://[64:ff9b::127.0.0.1]/", False),
        ("127.0.0.1", "http://localhost/", False),
        ("::1", "http://[::1]/", True),
        ("[::1]:9000", "http://[::1]:9000/", True),
        ("localhost", "http://localhost/", True),
        ("localhost", "http://127.0.0.1/", False),
        ("localhost:9000", "http://localhost:9000/", True),
        ("trap.internal", "http://trap.internal/", False),  # an inner name does not mean loopback
        ("0.0.0.0/0", "http://127.0.0.1/", False),  # nor does the whole world
        ("::/0", "http://[::1]/", False),
        ("0.0.0.0/0", "http://10.1.2.3/", True),
        ("0.0.0.0/0", "http://169.254.169.254/", False),
        ("169.254.169.254", "http://169.254.169.254/", False),  # metadata: never
        ("169.254.0.0/16", "http://169.254.1.1/", False),
        ("168.63.129.16", "http://168.63.129.16/", False),
        ("fd00:ec2::/32", "http://[fd00:ec2::254]/", False),
        ("fe80::/10", "http://[fe80::1]/", False),
        ("meta.internal", "http://meta.internal/", False),
        ("2002::/16", "http://[2002:7f00:1::]/", False),
        ("224.0.0.0/4", "http://224.0.0.1/", False),
        ("192.80.8.124", "http://192.80.8.124/", False),
        ("100.64.0.0/10", "http://100.100.100.200/", False),
        ("fc00::/7", "http://[fd20:ce::254]/", False),
        ("2001::/16", "http://[2001::1]/", False),
        ("fec0::/10", "http://[fec0::1]/", False),
        ("5f00::/16", "http://[5f00::1]/", False),
        ("ff00::/8", "http://[ff02::1]/", False),
        ("::/0", "http://[::ffff:0:127.0.0.1]/", False),
        ("64:ff9b:1::/48", "http://[64:ff9b:1::10.0.0.1]/", True),  # a translator of one's own
    ],
)
def test_allow_list_opens_what_it_names_and_nothing_else(entry, url, open_, settings, outside):
    settings.EGRESS_PORTS = [80, 443]
    outside.answers = {
        NAME: [PUBLIC],
        "ten.example.com": ["10.9.9.9"],
        "mixed.example.com": [PUBLIC, "10.9.9.9"],
        "worse.example.com": ["10.9.9.9", "192.168.0.1"],
        "git.internal": ["10.1.2.3"],
        "git": ["10.1.2.3"],
        "www.git.internal": ["10.1.2.3"],
        "xn--bcher-kva.internal": ["10.1.2.3"],
        "trap.internal": ["127.0.0.1"],
        "meta.internal": ["169.254.169.254"],
        "localhost": ["127.0.0.1", "::1"],
    }
    settings.EGRESS_ALLOW = []
    assert not opened(url)
    settings.EGRESS_ALLOW = ["192.168.77.0/24", entry]
    assert opened(url) is open_


def test_inner_name_is_not_looked_up_for_a_port_that_is_not_opened(settings, outside):
    settings.EGRESS_ALLOW = ["git.internal:9000"]
    assert not opened("http://git.internal/")
    assert outside.asked == []


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "http://git.internal",
        "10.0.0.1/8",
        "10.0.0.1:0",
        "10.0.0.1:70000",
        "127.1",
        "git..x",
        "::1/200",
        "a b",
    ],
)
def test_allow_list_that_cannot_be_read_does_not_start(entry, settings):
    settings.EGRESS_ALLOW = ["10.0.0.0/8", entry]
    [error] = egress.check_allow_list(None)
    assert error.is_serious()
    assert repr(entry) in error.msg
    with pytest.raises(ImproperlyConfigured):
        egress.check_url(f"http://{NAME}/")


def test_allow_list_that_can_be_read_starts(settings):
    settings.EGRESS_ALLOW = ["10.0.0.0/8:8080", "git.internal", "[fd00::/8]:80", "::1"]
    assert egress.check_allow_list(None) == []


def test_a_name_may_be_registered_before_it_exists():
    egress.check_url("https://nobody-has-this-name.example.com/h", look_up=False)
    with pytest.raises(egress.Refused) as refused:
        egress.check_url("https://nobody-has-this-name.example.com:22/h", field="config", look_up=False)
    assert refused.value.field == "config"
