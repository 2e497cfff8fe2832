"""The one door for outgoing calls: callbacks, webhooks, identity providers, collectors of logs.

A URL from outside says where *we* connect from within our network, so nothing in it is believed: the name is
resolved once, every address it has must be a public one, and the connection goes to exactly the address that
was checked (`core.targets`). docs/egress.md has the rules in one page, and the operator's allow-list for
intranet targets.
"""

from __future__ import annotations

import fcntl
import http.client
import io
import logging
import re
import socket
import ssl
import sys
import termios
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from core.targets import (
    LOOKUP_SECONDS,
    SYSLOG,
    TOTAL_SECONDS,
    WEB,
    Deadline,
    Failed,
    Refused,
    allow_list,
    check_name,
    parse,
    vetted,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer
    from django.apps import AppConfig

    from core.targets import Address, Target

__all__ = [
    "SYSLOG",
    "TOTAL_SECONDS",
    "WEB",
    "Failed",
    "Refused",
    "Reply",
    "check_url",
    "post",
    "request",
    "send",
]

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0  # for each address tried
BODY_LIMIT = 64 * 1024  # bytes of an answer's body
HEAD_LIMIT = 32 * 1024  # bytes of an answer's status line and headers, with what was read ahead
WIRE_LIMIT = 4 * BODY_LIMIT  # bytes of a body as sent: tiny chunks cost more than they carry
PARTING_SECONDS = 1.0
PIECE = 16 * 1024  # bytes sent or read at a time

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


# What frames a message on the wire is ours to say; a second Host or length is how requests are smuggled.
OUR_HEADERS = words(
    "host connection content-length transfer-encoding te trailer upgrade expect keep-alive accept-encoding"
    " proxy-authorization proxy-connection"
)
# Why a certificate is no good, by OpenSSL's numbers: whoever runs the host wants to know which of them.
OUT_OF_DATE = frozenset({10})
NOT_YET = frozenset({9})
ANOTHER_NAME = frozenset({62, 64})
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status; redirects are not followed.

    ``headers`` have lower-case names, repeated ones joined by ``", "``. ``body`` is as sent, never inflated.
    ``seconds`` is the time from the name's look-up to the last byte.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


# Doors ---------------------------------------------------------------------------------------------------
def check_url(url: str, *, field: str = "", look_up: bool = True, schemes: Collection[str] = WEB) -> None:
    """Check a URL of one of these ``schemes`` when it is registered; every later call checks again.

    Without ``look_up`` a name is judged as it is written, and may be one that nobody knows so far.

    Raises:
        Refused: we would not call it, or its host is not known now. ``field`` is named in the error.
    """
    try:
        target = parse(url, schemes)
        if look_up or target.address is not None:
            vetted(target, Deadline(LOOKUP_SECONDS))
        else:
            check_name(target)
    except Failed as error:
        raise Refused(str(error), field=field) from error
    except Refused as error:
        error.field = field
        raise


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    timeout: float = TOTAL_SECONDS,
    excerpt: int | None = None,
) -> Reply:
    """POST ``body`` and return the answer; see ``request``."""
    return request("POST", url, body=body, headers=headers, timeout=timeout, excerpt=excerpt)


def request(
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float = TOTAL_SECONDS,
    excerpt: int | None = None,
) -> Reply:
    """Make one HTTP call and return its answer.

    ``timeout`` is for the whole call in seconds, at most 15. With ``excerpt`` the answer's head decides: of
    its body come at most so many bytes, those at hand, and what is wrong with the rest is not looked at.

    Raises:
        Refused: policy forbids the URL, its addresses, the method or a header; nothing was sent.
        Failed: unknown name, no connection, TLS, too slow, too large, or not HTTP. May be tried again.
    """
    deadline = Deadline(min(timeout, TOTAL_SECONDS))
    target = parse(url)
    lines = _headers(method, target, body, headers or {})
    addresses = vetted(target, deadline)
    with (
        _failing(),
        _dial(addresses, target.port, deadline) as plain,
        _secure(plain, target, deadline) as sock,
    ):
        try:
            return _exchange(sock, method, target.path, lines, body, deadline, excerpt)
        except (http.client.HTTPException, ValueError) as error:
            # ValueError: the client library's own words for a negative chunk length and its like.
            raise Failed("The answer is not HTTP.") from error


def send(url: str, *, data: bytes, authority: str = "", timeout: float = TOTAL_SECONDS) -> float:
    """Send ``data`` over TLS to a host that answers nothing, and return the seconds that it took.

    It is over when the other side has closed the connection, in answer to our closing it in good order. A
    host that goes away with something unread resets it instead: that much can be known without an answer.
    ``authority`` are certificates (PEM) that are trusted beside those of the system.

    Raises:
        Refused: policy forbids the URL or its addresses; nothing was sent.
        Failed: unknown name, no connection, TLS, too slow, reset, or there was an answer. May be tried again.
    """
    deadline = Deadline(min(timeout, TOTAL_SECONDS))
    target = parse(url, SYSLOG)
    context = _context(authority)
    addresses = vetted(target, deadline)
    with _failing(), _dial(addresses, target.port, deadline) as sock:
        line = _OneWay(sock, context, target.host, deadline)
        line.send(data)
        line.close()
    return deadline.spent()


@checks.register
def check_allow_list(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse to start with an allow-list that cannot be read, rather than at the first callback."""
    try:
        allow_list(tuple(settings.EGRESS_ALLOW))
    except ImproperlyConfigured as error:
        hint = "MUSTER_EGRESS_ALLOW takes names, addresses and networks, each with or without :port."
        return [checks.Error(str(error), hint=hint, id="core.E001")]
    return []


def _headers(method: str, target: Target, body: bytes, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    if method not in METHODS:
        raise Refused("The method is not one we call with.")
    lines = {"host": ("Host", target.authority), "user-agent": ("User-Agent", "Muster")}
    for name, value in headers.items():
        if name.lower() in OUR_HEADERS or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise Refused("A header's name is not one that may be sent.")
        if not re.fullmatch(r"[\t\x20-\x7e\xa0-\xff]*", value):
            raise Refused("A header's value has characters that may not be sent.")
        lines[name.lower()] = (name, value)
    if body or method in ("POST", "PUT", "PATCH"):
        lines["content-length"] = ("Content-Length", str(len(body)))
    lines["accept-encoding"] = ("Accept-Encoding", "identity")
    lines["connection"] = ("Connection", "close")
    return list(lines.values())


# Connections ---------------------------------------------------------------------------------------------
def _dial(addresses: list[Address], port: int, deadline: Deadline) -> socket.socket:
    """Return a socket connected to the first address that answers; no name is looked at any more."""
    for address in addresses:
        seconds = deadline.left(CONNECT_SECONDS)
        sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            sock.settimeout(seconds)
            sock.connect((str(address), port))
        except OSError as error:
            sock.close()
            log.info("No connection to %s port %d: %s", address, port, error)
        else:
            return sock
    raise Failed("No connection could be made.")


def _context(authority: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority:
        # Whichever certificate somebody names is where trust begins, also one below a root.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError) as error:
            raise Refused("The certificates of the authority cannot be read.") from error
    return context


def _secure(sock: socket.socket, target: Target, deadline: Deadline) -> socket.socket:
    if not target.scheme.tls:
        return sock
    context = _context()
    context.set_alpn_protocols(["http/1.1"])
    sock.settimeout(deadline.left())
    return context.wrap_socket(sock, server_hostname=target.host)


@contextmanager
def _failing() -> Iterator[None]:
    """Turn what goes wrong with a connection into Failed, in words that tell nothing of our network."""
    try:
        yield
    except TimeoutError as error:
        raise Failed("The call took too long.") from error
    except ssl.SSLCertVerificationError as error:
        raise _unverified(error) from error
    except ssl.SSLError as error:
        raise Failed("No TLS connection could be made.") from error
    except OSError as error:
        raise Failed("The connection was lost.") from error


def _unverified(error: ssl.SSLCertVerificationError) -> Failed:
    if error.verify_code in OUT_OF_DATE:
        return Failed("The host's TLS certificate is not valid any more.")
    if error.verify_code in NOT_YET:
        return Failed("The host's TLS certificate is not valid yet.")
    if error.verify_code in ANOTHER_NAME:
        return Failed("The host's TLS certificate is not valid for its name.")
    if error.verify_code in UNKNOWN_AUTHORITY:
        return Failed("The host's TLS certificate is not valid: nobody known here has issued it.")
    return Failed("The host's TLS certificate is not valid.")


# HTTP ----------------------------------------------------------------------------------------------------
class _Incoming(io.RawIOBase):
    """The bytes that come in, up to ``allowance`` of them and to the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock, self.deadline, self.allowance = sock, deadline, HEAD_LIMIT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self.allowance <= 0:
            raise Failed("The answer is too large.")
        self.sock.settimeout(self.deadline.left())
        count = self.sock.recv_into(memoryview(buffer)[: self.allowance])
        self.allowance -= count
        return count


class _Wire:
    """A connected socket as ``http.client`` wants one, on which nothing outlasts the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock, self.deadline = sock, deadline
        self.incoming = _Incoming(sock, deadline)

    def sendall(self, data: ReadableBuffer) -> None:
        view = memoryview(data)
        while view:
            self.sock.settimeout(self.deadline.left())
            view = view[self.sock.send(view[:PIECE]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.incoming)

    def close(self) -> None:
        """Leave the socket to its owner: the body is read after the connection object has let go."""


def _exchange(
    sock: socket.socket,
    method: str,
    path: str,
    lines: list[tuple[str, str]],
    body: bytes,
    deadline: Deadline,
    excerpt: int | None,
) -> Reply:
    wire = _Wire(sock, deadline)
    connection = http.client.HTTPConnection("vetted")
    connection.auto_open = 0  # it never dials by itself
    connection.sock = wire
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in lines:
        connection.putheader(name, value)
    connection.endheaders(body or None)
    with closing(connection.getresponse()) as response:
        if not 200 <= response.status <= 599:
            raise Failed("The answer is not HTTP.")
        if excerpt is None and (response.length or 0) > BODY_LIMIT:
            raise Failed("The answer is too large.")
        wire.incoming.allowance += WIRE_LIMIT
        content = _whole(response) if excerpt is None else _start(response, excerpt)
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Reply(response.status, headers, content, deadline.spent())


def _whole(response: http.client.HTTPResponse) -> bytes:
    content = response.read(BODY_LIMIT + 1)
    if len(content) > BODY_LIMIT:
        raise Failed("The answer is too large.")
    if response.length:
        raise Failed("The connection was lost.")
    return content


def _start(response: http.client.HTTPResponse, size: int) -> bytes:
    try:
        return response.read1(size)[:size]
    except (Failed, OSError, http.client.HTTPException, ValueError):
        return b""


# One way -------------------------------------------------------------------------------------------------
class _OneWay:
    """A TLS connection on which only this side speaks, to the deadline.

    TLS is kept in memory, apart from the socket: what comes in before, while and after we close can then be
    looked at, which a wrapped socket does not allow.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str, deadline: Deadline) -> None:
        self.sock, self.deadline = sock, deadline
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self._greet()

    def _greet(self) -> None:
        try:
            while not self._done(self.tls.do_handshake):
                if not self._take():
                    raise ConnectionResetError
        except (TimeoutError, Failed) as error:  # as who takes syslog without TLS, and waits for a line's end
            raise Failed("The host did not speak TLS in time.") from error
        except ConnectionError as error:
            raise Failed("No TLS connection could be made.") from error

    def send(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self.tls.write(view[start : start + PIECE])
            self._give()

    def close(self) -> None:
        """Say that no more comes, and wait until the other side has closed the connection, too.

        With TLS's own farewell or without: many receivers spare themselves that.
        """
        self._listen()
        self._done(self.tls.unwrap)
        try:
            while self._take():
                self._listen()
        except ssl.SSLZeroReturnError:
            self._part()
        self._see_all_taken()

    def _listen(self) -> None:
        """Take what TLS itself has to say, such as tickets for a next time; anything else is too much."""
        heard: list[bytes] = []
        if not self._done(lambda: heard.append(self.tls.read(1))):
            return
        if heard == [b""]:  # it takes its leave before we do
            raise ConnectionResetError
        raise Failed("The host answers, which no receiver of syslog does.")

    def _part(self) -> None:
        """Wait a little for the connection's own end: who said farewell before reading all resets it now."""
        self.sock.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            self.sock.settimeout(self.deadline.left(PARTING_SECONDS))
            while self.sock.recv(PIECE):
                pass

    def _done(self, step: Callable[[], object]) -> bool:
        """Take a step of TLS and send what it gives rise to; tell whether nothing has to come in first."""
        try:
            step()
        except ssl.SSLWantReadError:
            return False
        else:
            return True
        finally:
            self._give()

    def _give(self) -> None:
        view = memoryview(self.outgoing.read())
        while view:
            self.sock.settimeout(self.deadline.left())
            view = view[self.sock.send(view[:PIECE]) :]

    def _take(self) -> bool:
        self.sock.settimeout(self.deadline.left())
        data = self.sock.recv(PIECE)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()
        return bool(data)

    def _see_all_taken(self) -> None:
        """Wait until the other host has acknowledged every byte: it may have closed before they came."""
        if sys.platform != "linux":
            return
        while int.from_bytes(fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
            if problem := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(problem, "reset")
            time.sleep(self.deadline.left(0.01))
