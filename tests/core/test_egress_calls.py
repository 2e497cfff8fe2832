"""Outgoing calls to real servers on loopback: what is delivered, and who is cut off."""

import contextlib
import gzip
import itertools
import socket
import threading
import time

import pytest

from core import egress
from tests.core.sockets import NAME, OK, PUBLIC

pytestmark = pytest.mark.usefixtures("outside")


def test_post_is_delivered_whole(serve, outside):
    server = serve(
        b"HTTP/1.1 201 Made\r\nX-A: 1\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: 4\r\n\r\n\x00\xff{}"
    )
    outside.answers[NAME] = ["127.0.0.1"]
    body = bytes(range(256)) * 1000
    reply = egress.post(
        f"http://{NAME}:{server.port}/a/ü%2Fb?q=ö&r=1#part",
        body=body,
        headers={"Content-Type": "application/json", "X-Signature": "sha256=abc", "user-agent": "Muster/1"},
    )
    assert (reply.status, reply.body) == (201, b"\x00\xff{}")
    assert reply.headers == {"x-a": "1", "x-two": "1, 2", "content-length": "4"}
    assert 0 < reply.seconds < 5
    [(head, received)] = server.requests
    assert received == body
    assert head.split("\r\n") == [
        "POST /a/%C3%BC%2Fb?q=%C3%B6&r=1 HTTP/1.1",
        f"Host: {NAME}:{server.port}",
        "user-agent: Muster/1",
        "Content-Type: application/json",
        "X-Signature: sha256=abc",
        f"Content-Length: {len(body)}",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
        "",
    ]
    assert outside.asked == [NAME]
    assert outside.dialled == [("127.0.0.1", server.port)]


def test_get_has_no_body_and_head_no_answer(serve):
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    assert egress.request("HEAD", f"http://127.0.0.1:{server.port}").body == b""
    assert server.requests[0][0].startswith("HEAD / HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "Content-Length" not in server.requests[0][0]


def test_empty_post_says_so(serve):
    server = serve(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert egress.post(f"http://127.0.0.1:{server.port}/", body=b"").status == 204
    assert "Content-Length: 0\r\n" in server.requests[0][0]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_ignored(variable, serve, tripwires, monkeypatch):
    server = serve(OK)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{tripwires.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert egress.post(f"http://127.0.0.1:{server.port}/", body=b"{}").body == b"ok"
    assert not tripwires.touched


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_redirect_is_an_answer_like_any_other(status, serve, tripwires, outside):
    where = f"http://127.0.0.1:{tripwires.port}/"
    server = serve(f"HTTP/1.1 {status} Go\r\nLocation: {where}\r\nRefresh: 0; {where}\r\n\r\n".encode())
    reply = egress.post(f"http://127.0.0.1:{server.port}/", body=b"{}")
    assert (reply.status, reply.headers["location"]) == (status, where)
    assert outside.dialled == [("127.0.0.1", server.port)]
    assert not tripwires.touched


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_compressed_bomb_stays_compressed(coding, serve):
    bomb = gzip.compress(b"\0" * 40_000_000)
    assert len(bomb) < egress.BODY_LIMIT
    server = serve(
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
        + bomb
    )
    assert egress.post(f"http://127.0.0.1:{server.port}/", body=b"").body == bomb


# Slow and endless servers --------------------------------------------------------------------------------
def chunks(size, count):
    return b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for _ in range(count)) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 65536\r\n\r\n", b"Connection: close\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"],
)
def test_body_of_64_kib_is_taken_and_one_byte_more_is_not(head, serve):
    for size, fits in ((65536, True), (65537, False)):
        body = chunks(size, 1) if b"chunked" in head else b"x" * size
        server = serve(b"HTTP/1.1 200 OK\r\n" + head.replace(b"65536", b"%d" % size) + body)
        url = f"http://127.0.0.1:{server.port}/"
        if fits:
            assert egress.post(url, body=b"").body == b"x" * size
        else:
            with pytest.raises(egress.Failed, match="too large"):
                egress.post(url, body=b"")


def test_small_chunks_are_put_together(serve):
    server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(16, 4096))
    assert egress.post(f"http://127.0.0.1:{server.port}/", body=b"").body == b"x" * 65536


ENDLESS = {  # what is sent first, then again and again without pause
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
    "announced body": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 4096),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "tiny chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500),
    "chunk extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 4096),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: 1\r\n" * 500),
    "one chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", b"x" * 4096),
    "header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 4096),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n" * 500),
    "big headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"x" * 3000 + b"\r\n"),
    "status line": (b"HTTP/1.1 200 ", b"x" * 4096),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "nothing of use": (b"", b"\r\n" * 2000),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_endless_answer_is_cut_off_by_its_size(what, serve):
    head, piece = ENDLESS[what]
    server = serve(lambda server, sock: server.drip(sock, head, piece, pause=0))
    began = time.monotonic()
    with pytest.raises(egress.Failed, match=r"too large|not HTTP"):
        egress.post(f"http://127.0.0.1:{server.port}/", body=b"", timeout=10)
    assert time.monotonic() - began < 5


SLOW = {  # what is sent first, then byte by byte
    "nothing at all": (b"", b""),
    "status line": (b"", b"H"),
    "header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"A:\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "body without length": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A:\r\n"),
}


@pytest.mark.parametrize("what", SLOW)
def test_slow_answer_is_cut_off_in_time(what, serve):
    head, piece = SLOW[what]
    server = serve(lambda server, sock: server.drip(sock, head, piece))
    began = time.monotonic()
    with pytest.raises(egress.Failed, match="took too long"):
        egress.post(f"http://127.0.0.1:{server.port}/", body=b"", timeout=0.5)
    assert 0.45 < time.monotonic() - began < 2


def test_server_that_does_not_read_is_cut_off_in_time(settings):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]
        began = time.monotonic()
        with pytest.raises(egress.Failed, match="took too long"):
            egress.post(f"http://127.0.0.1:{port}/", body=b"x" * 30_000_000, timeout=0.5)
        assert 0.45 < time.monotonic() - began < 2


def test_server_that_reads_drop_by_drop_is_cut_off_in_time(settings):
    with socket.create_server(("127.0.0.1", 0)) as sipping:
        port = sipping.getsockname()[1]
        settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]

        def sip():
            with sipping.accept()[0] as sock, contextlib.suppress(OSError):
                until = time.monotonic() + 4
                while time.monotonic() < until and sock.recv(100_000):
                    time.sleep(0.02)

        reader = threading.Thread(target=sip)
        reader.start()
        began = time.monotonic()
        with pytest.raises(egress.Failed, match="took too long"):
            egress.post(f"http://127.0.0.1:{port}/", body=b"x" * 100_000_000, timeout=0.8)
        assert 0.75 < time.monotonic() - began < 3
        reader.join(10)


def test_server_that_never_shakes_hands_is_cut_off_in_time(settings):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]
        began = time.monotonic()
        with pytest.raises(egress.Failed, match="took too long"):
            egress.post(f"https://127.0.0.1:{port}/", body=b"", timeout=0.5)
        assert 0.45 < time.monotonic() - began < 2


def test_host_that_swallows_connections_is_given_up_after_three_seconds(settings):
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(4):  # the queue is full: the kernel answers no more
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]
        began = time.monotonic()
        with pytest.raises(egress.Failed, match="No connection could be made"):
            egress.post(f"http://127.0.0.1:{port}/", body=b"")
        assert 2.9 < time.monotonic() - began < 4


def test_nobody_can_ask_for_more_time_than_there_is(serve, monkeypatch):
    assert egress.TOTAL_SECONDS == 15
    monkeypatch.setattr(egress, "TOTAL_SECONDS", 0.5)
    server = serve(lambda server, sock: server.drip(sock, b"", b"H"))
    began = time.monotonic()
    with pytest.raises(egress.Failed, match="took too long"):
        egress.post(f"http://127.0.0.1:{server.port}/", body=b"", timeout=600)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"+OK ready\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"9" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    ],
)
def test_broken_answer_is_a_failure(answer, serve):
    server = serve(answer)
    with pytest.raises(egress.Failed) as caught:
        egress.post(f"http://127.0.0.1:{server.port}/", body=b"", timeout=5)
    assert "127" not in str(caught.value)


# Rebinding -----------------------------------------------------------------------------------------------
def test_name_that_flips_its_answer_a_thousand_times(serve, tripwires, outside, settings):
    server = serve(OK, host="127.0.0.2", port=tripwires.port)
    settings.EGRESS_ALLOW = [f"127.0.0.2:{server.port}"]
    flips = itertools.cycle([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "::1"], ["::ffff:127.0.0.1"]])
    outside.answers[NAME] = lambda: next(flips)
    reached = refused = 0
    for _ in range(1000):
        try:
            reached += egress.post(f"http://{NAME}:{server.port}/", body=b"{}").status == 200
        except egress.Refused:
            refused += 1
    assert (reached, refused) == (250, 750)
    assert len(outside.asked) == 1000  # once a call: there is no second answer to be led astray by
    assert set(outside.dialled) == {("127.0.0.2", server.port)}
    assert len(server.requests) == 250
    assert not tripwires.touched


def test_name_that_was_public_when_registered(tripwires, outside):
    outside.answers[NAME] = [PUBLIC]
    egress.check_url(f"http://{NAME}:{tripwires.port}/")
    outside.answers[NAME] = ["127.0.0.1"]
    with pytest.raises(egress.Refused):
        egress.post(f"http://{NAME}:{tripwires.port}/", body=b"{}")
    assert outside.dialled == []
    assert not tripwires.touched


def test_next_address_is_tried_when_the_first_does_not_answer(serve, outside, settings):
    server = serve(OK)
    settings.EGRESS_ALLOW = ["127.0.0.0/8:" + str(server.port)]
    outside.answers[NAME] = ["127.0.0.9", "127.0.0.1"]
    assert egress.post(f"http://{NAME}:{server.port}/", body=b"").status == 200
    assert [ip for ip, _ in outside.dialled] == ["127.0.0.9", "127.0.0.1"]


# Headers and methods -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nHost: 127.0.0.1"},
        {"X-A": "1\nX-B: 2"},
        {"X-A": "1\r\n folded"},
        {"X-A": "1\x00"},
        {"X-A": "1\x85"},
        {"X-A": "日本"},
        {"X-A\r\nX-B": "1"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"": "1"},
        {"X-Ä": "1"},
        {"Host": "127.0.0.1"},
        {"hOST": "127.0.0.1"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "keep-alive"},
        {"Accept-Encoding": "gzip"},
        {"Expect": "100-continue"},
        {"Upgrade": "h2c"},
        {"Proxy-Authorization": "Basic x"},
    ],
    ids=ascii,
)
def test_header_that_could_bend_the_message_is_refused(headers, serve, outside):
    server = serve(OK)
    with pytest.raises(egress.Refused, match="header"):
        egress.post(f"http://127.0.0.1:{server.port}/", body=b"{}", headers=headers)
    assert outside.dialled == []


@pytest.mark.parametrize(
    "method", ["CONNECT", "TRACE", "OPTIONS", "get", "", "GET / HTTP/1.1\r\nX-A:", "PRI"]
)
def test_method_that_is_not_ours_is_refused(method, serve, outside):
    server = serve(OK)
    with pytest.raises(egress.Refused, match="method"):
        egress.request(method, f"http://127.0.0.1:{server.port}/")
    assert outside.dialled == []


# Only the start of an answer


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"\r\nhello, world", b"hello, w"),
        (b"Content-Length: 999999\r\n\r\n" + b"y" * 999_999, b"yyyyyyyy"),
        (b"Content-Length: 999\r\n\r\nhell", b"hell"),  # cut off
        (b"Content-Length: 999\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", b""),
    ],
)
def test_with_an_excerpt_the_head_decides(serve, rest, body):
    server = serve(b"HTTP/1.1 200 OK\r\n" + rest)
    reply = egress.post(f"http://127.0.0.1:{server.port}/", body=b"", excerpt=8)
    assert (reply.status, reply.body) == (200, body)


def test_an_excerpt_is_never_longer(serve):
    server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-50\r\nhello, world")
    reply = egress.post(f"http://127.0.0.1:{server.port}/", body=b"", excerpt=8)
    assert reply.status == 200
    assert len(reply.body) <= 8


def test_an_excerpt_waits_no_longer_than_the_whole(serve):
    def stall(server, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        server.stopping.wait(10)

    server = serve(stall)
    start = time.monotonic()
    reply = egress.post(f"http://127.0.0.1:{server.port}/", body=b"", timeout=0.4, excerpt=8)
    assert (reply.status, reply.body) == (200, b"")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000])
def test_an_excerpt_excuses_no_broken_head(serve, head):
    server = serve(head)
    with pytest.raises(egress.Failed):
        egress.post(f"http://127.0.0.1:{server.port}/", body=b"", excerpt=8)
