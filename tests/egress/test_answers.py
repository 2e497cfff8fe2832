"""Hostile answers from a host that may be called, against all that calls one.

The listeners beside it see nothing, and what is taken of an answer is bounded in bytes and in seconds.
"""

import gzip
import json
import re
import socket
import time
from functools import partial
from typing import Any

import pytest

from core import egress
from tests.core.authorities import Authority
from tests.core.collectors import Collector
from tests.egress.sinks import BY_HEAD, CALLS, LIMIT, WEB, syslog

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

OK = b"HTTP/1.1 200 OK\r\n"
MARK = b"inflated"
BOMB = gzip.compress(MARK * 5_000_000)
# What every sink would be content with, if it were let out of its wrapping.
WELCOME = gzip.compress(
    json.dumps(
        {
            "ok": True,
            "channel": {"is_member": True},
            "access_token": "a",
            "issuer": "{issuer}",
            "authorization_endpoint": "http://93.184.216.34/",
            "keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],
            "sub": "s",
        }
    ).encode()
)
MOST = egress.HEAD_LIMIT + egress.WIRE_LIMIT  # bytes


def drip(head, piece, pause=0.05):
    """Answer slowly, and for as long as somebody listens."""
    return lambda server, sock: server.drip(sock, head, piece, pause)


def flood(head, piece):
    """Answer as fast as it goes, and for as long as somebody listens."""
    piece *= 65536 // len(piece)
    return drip(head, piece, 0)


def moved(status, where):
    head = (
        f"HTTP/1.1 {status} Go\r\nLocation: {where}\r\nRefresh: 0; url={where}\r\nContent-Length: 0\r\n\r\n"
    )
    return head.encode()


def sized(body, *lines):
    head = b"".join(line + b"\r\n" for line in lines)
    return OK + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


INNER = "http://127.0.0.1:{port}/"
REDIRECTS = {
    **{f"{status} to loopback": moved(status, INNER) for status in (300, 301, 302, 303, 304, 305, 307, 308)},
    "to IPv6": moved(302, "http://[::1]:{port}/"),
    "to a decimal address": moved(302, "http://2130706433:{port}/"),
    "to a mapped address": moved(307, "http://[::ffff:127.0.0.1]:{port}/"),
    "to metadata": moved(302, "http://169.254.169.254/latest/meta-data/"),
    "to a Unix socket": moved(302, "http+unix://{path}/"),
    "to a file": moved(302, "file:///etc/passwd"),
    "to gopher": moved(302, "gopher://127.0.0.1:{port}/_x"),
    "to a path of its own": moved(302, "/again"),
    "to another network path": moved(302, "//127.0.0.1:{port}/"),
    "two places": b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:{port}/\r\nLocation: /x\r\n\r\n",
    "asks for a password": b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n',
    "asks for a proxy's password": b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n\r\n",
    "another way": b"HTTP/1.1 421 No\r\nAlt-Svc: h2='127.0.0.1:{port}'\r\nContent-Length: 0\r\n\r\n",
}
GARBLED = {
    "nothing": b"",
    "not HTTP": b"220 mail ESMTP\r\n",
    "HTTP/2": b"\0\0\x12\4\0\0\0\0\0",
    "a TLS alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status 999": b"HTTP/1.1 999 OK\r\n\r\n",
    "other protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "NUL in the head": b"HTTP/1.1 200 OK\0\r\nX\0: y\r\nContent-Length: nonsense\r\n\r\n\0",
    "half a status line": b"HTTP/1.1 20",
    "a long status line": b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
    "a long header": OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
    "many headers": OK + b"".join(b"X-%d: y\r\n" % n for n in range(2000)) + b"\r\n",
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 9000 + OK + b"\r\n",
}
LENGTHS = {
    "longer than it says": OK + b"Content-Length: 2\r\n\r\n" + b"y" * 300_000,
    "shorter than it says": OK + b"Content-Length: 500\r\n\r\n[1",
    "a huge length": OK + b"Content-Length: 99999999999999999999\r\n\r\n[]",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n[]",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n[]",
    "a length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n[]",
    "a negative chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a huge chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + b"y" * 300_000,
    "a long chunk line": OK
    + b"Transfer-Encoding: chunked\r\n\r\n1;"
    + b"x" * 300_000
    + b"\r\ny\r\n0\r\n\r\n",
    "chunks without end": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\ny\r\n" * 100_000,
    "a large body": sized(b"y" * 65537),
}
BOMBS = {
    "gzip": sized(BOMB, b"Content-Encoding: gzip"),
    "deflate": sized(BOMB, b"Content-Encoding: deflate"),
    "gzip in the transfer": OK
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(BOMB)
    + BOMB
    + b"\r\n0\r\n\r\n",
    "gzip in gzip": sized(gzip.compress(BOMB), b"Content-Encoding: gzip, gzip"),
    "gzip without a word": sized(BOMB),
    "a welcome in gzip": sized(WELCOME, b"Content-Encoding: gzip", b"Content-Type: application/json"),
    "deep JSON": sized(b"[" * 60_000),
    "a long number": sized(b'{"ok":' + b"9" * 60_000 + b"}"),
}
SLOW = {
    "a silent host": lambda server, sock: sock.recv(1),  # until the other side has had enough
    "a slow head": drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "a slow length": drip(OK + b"Content-Length: 60000\r\n\r\n", b"y"),
    "slow chunks": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
}
ENDLESS = {
    "a head": flood(OK, b"X: y\r\n"),
    "a line": flood(b"HTTP/1.1 200 ", b"x"),
    "interim answers": flood(b"", b"HTTP/1.1 103 Early\r\n\r\n"),
    "a body": flood(OK + b"\r\n", b"y"),
    "chunks": flood(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
    "a trailer": flood(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
}
TABLES = {
    "redirects": REDIRECTS,
    "garbled": GARBLED,
    "lengths": LENGTHS,
    "bombs": BOMBS,
    "slow": SLOW,
    "endless": ENDLESS,
}
# What a person may be told: what went wrong, and never where, nor in the words of a library.
TOLD = re.compile(
    r"(The (callback )?URL could not be reached: )?"
    r"(The call took too long\.|The answer is too large\.|The answer is not HTTP\.|The connection was lost\.)"
    r"|The (callback )?URL answered \d{3}(, not 200)?\."
    r"|Slack's answer cannot be understood\.|Slack cannot be reached"
    r"|The identity provider does not answer|The token is not valid"
    r"|Its worker was lost, again and again\."
)


NOT_TAKEN = re.compile(
    r"The receiver did not take it: (The call took too long\.|The connection was lost\."
    r"|No TLS connection could be made\.|The host did not speak TLS in time\."
    r"|The host answers, which no receiver of syslog does\.)"
)


@pytest.fixture
def meter(monkeypatch):
    """Count what is read from the hosts that are called; their own reading is not counted."""
    taken: dict[int, int] = {}
    receive_into, receive = socket.socket.recv_into, socket.socket.recv

    def count(sock, size):
        if sock.family == socket.AF_INET:
            port = sock.getpeername()[1]
            taken[port] = taken.get(port, 0) + size

    def counted_into(self, *args, **kwargs):
        size = receive_into(self, *args, **kwargs)
        count(self, size)
        return size

    def counted(self, *args, **kwargs):
        data = receive(self, *args, **kwargs)
        count(self, len(data))
        return data

    monkeypatch.setattr(socket.socket, "recv_into", counted_into)
    monkeypatch.setattr(socket.socket, "recv", counted)
    return taken


# A 200 that can be read is one, however odd what comes with it; what it leads to is bounded all the same.
HEAD_DOES = {
    "NUL in the head",
    *LENGTHS,
    *BOMBS,
    *("a slow length", "slow chunks", "a body", "chunks", "a trailer"),
}
EXPORT_TAKES = {"NUL in the head", "longer than it says", "a negative length", "two lengths", *BOMBS}


def content(sink, name):
    """Tell whether it is a success for this sink: of a 200 some need the head alone, a callback the body."""
    return name in HEAD_DOES if sink in BY_HEAD else sink == "export" and name in EXPORT_TAKES


def hurried(world, call, url):
    """Return what became of a call in a hurry, and its seconds.

    Made again, at most twice, where a busy machine let the time run out before anything was dialled.
    """
    for _ in range(3):
        with world.hurry():
            began = time.monotonic()
            outcome = call(world, url)
            seconds = time.monotonic() - began
        if world.dialled() or seconds < LIMIT:
            break
    return outcome, seconds


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sink", WEB)
def test_hostile_answer_is_bounded_and_leads_nowhere(sink, table, world, serve, tripwires, meter):
    current: list[Any] = []

    def misbehave(server, sock):
        [answer] = current
        if callable(answer):
            answer(server, sock)
            return
        issuer = f"http://127.0.0.1:{server.port}"
        filled = answer.replace(b"{port}", b"%d" % tripwires.port).replace(b"{path}", tripwires.path.encode())
        sock.sendall(filled.replace(b"{issuer}", issuer.encode()))

    host = serve(misbehave)
    bad = []
    for name, answer in TABLES[table].items():
        current[:] = [answer]
        meter.clear()
        world.outside.dialled.clear()
        calls = len(host.requests)
        outcome, seconds = hurried(world, CALLS[sink], f"http://127.0.0.1:{host.port}/hook")
        facts = {
            "outcome": outcome.good == content(sink, name),
            "words": outcome.good or TOLD.fullmatch(outcome.words) is not None,
            "excerpt": len(outcome.shown) <= 512 and MARK.decode() not in outcome.shown,
            "once": len(host.requests) == calls + 1 and world.dialled() == [("127.0.0.1", host.port)],
            "bytes": meter.get(host.port, 0) <= MOST,
            # Twice where the provider's own host answers first; the rest is what a busy machine may need.
            "seconds": seconds < 2 * LIMIT + 3,
        }
        if not all(facts.values()):
            bad.append((name, [fact for fact, holds in facts.items() if not holds], outcome))
    assert bad == []
    assert world.outside.asked == []
    assert not tripwires.touched


@pytest.mark.parametrize("over_tls", [True, False], ids=["over TLS", "plain"])
@pytest.mark.parametrize("table", TABLES)
def test_hostile_answer_where_none_is_due(table, over_tls, world, tripwires, meter, tmp_path):
    """What answers syslog has not taken it, whatever it says, in TLS or in its stead."""
    authority = Authority(tmp_path)
    current: list[Any] = []

    def misbehave(host, sock):
        [answer] = current
        if over_tls:
            sock = host.tls.wrap_socket(sock, server_side=True)
        with sock:
            if callable(answer):
                answer(host, sock)
            else:
                filled = answer.replace(b"{port}", b"%d" % tripwires.port)
                sock.sendall(filled.replace(b"{path}", tripwires.path.encode()))
                sock.recv(1)

    answers = {name: answer for name, answer in TABLES[table].items() if answer != b""}
    host = Collector(authority.server("127.0.0.1"), *[misbehave] * len(answers))
    world.settings.EGRESS_ALLOW = [f"127.0.0.1:{host.port}"]
    bad = []
    try:
        for name, answer in answers.items():
            current[:] = [answer]
            meter.clear()
            world.outside.dialled.clear()
            call = partial(syslog, authority=authority.pem)
            outcome, seconds = hurried(world, call, f"https://127.0.0.1:{host.port}")
            facts = {
                "outcome": not outcome.good,
                "words": NOT_TAKEN.fullmatch(outcome.words) is not None,
                "once": world.dialled() == [("127.0.0.1", host.port)],
                "bytes": meter.get(host.port, 0) <= MOST,
                "seconds": seconds < LIMIT + 3,
            }
            if not all(facts.values()):
                bad.append((name, [fact for fact, holds in facts.items() if not holds], outcome))
    finally:
        host.close()
    assert bad == []
    assert world.outside.asked == []
    assert not tripwires.touched


def test_answers_are_many():
    assert sum(map(len, TABLES.values())) > 50
    assert len(WELCOME) < len(BOMB) < egress.BODY_LIMIT
