"""The one door for outgoing HTTP: callbacks, webhooks, identity providers.

A URL from outside says where *we* connect from within our network, so nothing in it is believed: the name is
resolved once, every address it has must be a public one, and the connection goes to exactly the address that
was checked. docs/egress.md has the rules in one page, and the operator's allow-list for intranet targets.
"""

from __future__ import annotations

import enum
import http.client
import io
import logging
import re
import socket
import ssl
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from core.errors import Invalid
from core.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer
    from django.apps import AppConfig

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 3.0  # for each address tried
LOOKUP_SECONDS = 5.0
URL_LIMIT = 2048  # characters
BODY_LIMIT = 64 * 1024  # bytes of an answer's body
HEAD_LIMIT = 32 * 1024  # bytes of an answer's status line and headers, with what was read ahead
WIRE_LIMIT = 4 * BODY_LIMIT  # bytes of a body as sent: tiny chunks cost more than they carry
DIALS = 4  # addresses tried, of those a name has
LOOKUPS = threading.BoundedSemaphore(32)  # a name server that never answers ties up no more threads than this

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What frames a message on the wire is ours to say; a second Host or length is how requests are smuggled.
OUR_HEADERS = _words(
    "host connection content-length transfer-encoding te trailer upgrade expect keep-alive accept-encoding"
    " proxy-authorization proxy-connection"
)
# One sentence for an unknown name, an inner one and a forbidden address: telling them apart maps our network.
NOT_THERE = say("The host is not known, or may not be called.")
INNER_NAMES = _words("metadata.goog metadata.packet.net metadata.platformequinix.com metadata.tencentyun.com")
INNER_ENDINGS = _words(
    "localhost local localdomain internal intranet private corp home lan arpa"
    " default svc pod consul docker test invalid onion alt"
)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in text.split())


LOOPBACK = _networks("127.0.0.0/8 ::1/128")
# Not even the allow-list opens these: link-local, the clouds' metadata and control services, groups, tunnels
# that carry another address inside, and what no host can have.
NEVER = _networks(
    "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.88.99.0/24 224.0.0.0/4 240.0.0.0/4"
    " 100.100.100.200/32 168.63.129.16/32 192.80.8.124/32"
    " ::/96 ::ffff:0:0:0/96 100::/64 2001::/32 2002::/16 5f00::/16 fe80::/10 fec0::/10 ff00::/8"
    " fd00:ec2::/32 fd20:ce::254/128"
)
INTRANET = _networks(
    "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16 192.0.2.0/24 198.18.0.0/15 198.51.100.0/24"
    " 203.0.113.0/24 fc00::/7 64:ff9b:1::/48 2001::/23 2001:db8::/32 3fff::/20"
)
NAT64 = IPv6Network("64:ff9b::/96")
UNICAST = IPv6Network("2000::/3")


class Refused(Invalid):
    """The URL, or what it leads to, is not one we call. Trying again does not help."""


class Failed(Exception):
    """The call was allowed but did not come to an answer; ``str()`` is fit for people to read."""


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


class _Kind(enum.Enum):
    PUBLIC = "public"
    INTRANET = "intranet"  # by allow-list
    LOOPBACK = "loopback"  # by an allow-list entry that means loopback
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL that is well-formed, in the parts that a connection needs."""

    https: bool
    host: str  # lower-case ASCII without a final dot, or an address without brackets
    address: Address | None  # where the host is one
    port: int
    path: str  # with the query, percent-encoded

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.https else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the operator's allow-list."""

    name: str
    network: Network | None
    port: int | None

    def covers(self, target: _Target, address: Address) -> bool:
        where = address in self.network if self.network is not None else self.name == target.host
        return where and self.opens(target.port)

    def opens(self, port: int) -> bool:
        return port in settings.EGRESS_PORTS if self.port is None else port == self.port

    @property
    def means_loopback(self) -> bool:
        if self.network is None:
            return self.name == "localhost" or self.name.endswith(".localhost")
        # Not subnet_of(): it takes only networks of one version.
        ends = (self.network.network_address, self.network.broadcast_address)
        return any(all(end in loopback for end in ends) for loopback in LOOPBACK)


class _Deadline:
    """A point in time that everything a call does has to keep, however slowly the other side drips."""

    def __init__(self, seconds: float) -> None:
        self.start = time.monotonic()
        self.end = self.start + seconds

    def left(self, at_most: float = TOTAL_SECONDS) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise Failed("The call took too long.")
        return min(left, at_most)

    def spent(self) -> float:
        return time.monotonic() - self.start


# Doors ---------------------------------------------------------------------------------------------------
def check_url(url: str, *, field: str = "", look_up: bool = True) -> None:
    """Check a callback or webhook URL when it is registered; every later call checks again.

    Without ``look_up`` a name is judged as it is written, and may be one that nobody knows so far.

    Raises:
        Refused: we would not call it, or its host is not known now. ``field`` is named in the error.
    """
    try:
        target = _parse(url)
        if look_up or target.address is not None:
            _vetted(target, _Deadline(LOOKUP_SECONDS))
        else:
            _check_name(target)
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
    deadline = _Deadline(min(timeout, TOTAL_SECONDS))
    target = _parse(url)
    lines = _headers(method, target, body, headers or {})
    addresses = _vetted(target, deadline)
    try:
        with _dial(addresses, target.port, deadline) as plain, _secure(plain, target, deadline) as sock:
            return _exchange(sock, method, target.path, lines, body, deadline, excerpt)
    except TimeoutError as error:
        raise Failed("The call took too long.") from error
    except ssl.SSLCertVerificationError as error:
        raise Failed("The host's TLS certificate is not valid for it.") from error
    except ssl.SSLError as error:
        raise Failed("No TLS connection could be made.") from error
    except OSError as error:
        raise Failed("The connection was lost.") from error
    except (http.client.HTTPException, ValueError) as error:
        # ValueError: the client library's own words for a negative chunk length and its like.
        raise Failed("The answer is not HTTP.") from error


@checks.register
def check_allow_list(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse to start with an allow-list that cannot be read, rather than at the first callback."""
    try:
        _allow_list(tuple(settings.EGRESS_ALLOW))
    except ImproperlyConfigured as error:
        hint = "MUSTER_EGRESS_ALLOW takes names, addresses and networks, each with or without :port."
        return [checks.Error(str(error), hint=hint, id="core.E001")]
    return []


# What a URL says -----------------------------------------------------------------------------------------
def _parse(url: str) -> _Target:
    if len(url) > URL_LIMIT:
        raise Refused(f"The URL is longer than {URL_LIMIT} characters.")
    # urlsplit drops tabs and line feeds, browsers read a backslash as a slash: what each would see differs.
    if any(char <= " " or char in "\\\x7f" or "\x80" <= char <= "\x9f" or char.isspace() for char in url):
        raise Refused("The URL has characters that do not belong in one.")
    try:
        url.encode()  # half a surrogate pair is no character
        parts = urlsplit(url)
    except ValueError as error:
        raise Refused("The URL is malformed.") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refused("The URL must begin with http:// or https:// and a host.")
    if "@" in parts.netloc:
        raise Refused("The URL must not carry a user name or password.")
    split = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:%]+)(?::([1-9][0-9]{0,4}))?", parts.netloc)
    if split is None:
        raise Refused("The URL's host or port is malformed.")
    host, address = _host(split[1])
    port = int(split[2]) if split[2] else {"http": 80, "https": 443}[parts.scheme]
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return _Target(parts.scheme == "https", host, address, port, path)


def _host(text: str) -> tuple[str, Address | None]:
    """Return a host as lower-case ASCII, and its address where it is one in the usual notation."""
    try:
        if text.startswith("["):
            six = IPv6Address(text[1:-1])
            address = six.ipv4_mapped or six
            return str(address), address
        if not text.isascii():
            text = idna.encode(text, uts46=True, std3_rules=True).decode()
        text = text.lower().removesuffix(".")
        last = text.rpartition(".")[2]
        # inet_aton() and so every resolver reads 127.1, 0x7f000001 and 2130706433 as addresses. We do not.
        if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
            four = IPv4Address(text)
            return str(four), four
    except ValueError as error:
        raise Refused("The URL's host is malformed.") from error
    label = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    if len(text) > 253 or not re.fullmatch(rf"{label}(?:\.{label})*", text):
        raise Refused("The URL's host is malformed.")
    return text, None


def _headers(method: str, target: _Target, body: bytes, headers: Mapping[str, str]) -> list[tuple[str, str]]:
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


# Whom we call --------------------------------------------------------------------------------------------
def _kind(address: Address) -> _Kind:
    """Tell what an address is, or the one that it carries inside."""
    if isinstance(address, IPv6Address) and address in NAT64:
        return _kind(IPv4Address(address.packed[-4:]))
    if any(address in network for network in LOOPBACK):
        return _Kind.LOOPBACK
    if any(address in network for network in NEVER):
        return _Kind.NEVER
    if any(address in network for network in INTRANET):
        return _Kind.INTRANET
    if not address.is_global or (isinstance(address, IPv6Address) and address not in UNICAST):
        return _Kind.NEVER
    return _Kind.PUBLIC


@lru_cache(maxsize=8)
def _allow_list(texts: tuple[str, ...]) -> tuple[_Entry, ...]:
    try:
        return tuple(_entry(text) for text in texts)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error


def _entry(text: str) -> _Entry:
    split = re.fullmatch(
        r"\[([^\[\]]+)\](?::([0-9]+))?|([^:]+)(?::([0-9]+))?|([0-9A-Fa-f:.]+(?:/[0-9]+)?)", text
    )
    if split is None:
        raise ValueError(f"EGRESS_ALLOW: {text!r} is no host name, address or network, with or without :port")
    where, port = split[1] or split[3] or split[5], split[2] or split[4]
    if port and not 0 < int(port) < 65536:
        raise ValueError(f"EGRESS_ALLOW: {text!r} has an impossible port")
    try:
        return _Entry("", ip_network(where), int(port) if port else None)
    except ValueError as error:
        if "/" in where or ":" in where:
            raise ValueError(f"EGRESS_ALLOW: {text!r}: {error}") from error
    try:
        name, _ = _host(where)
    except Refused as error:
        raise ValueError(f"EGRESS_ALLOW: {text!r} is no host name, address or network") from error
    return _Entry(name, None, int(port) if port else None)


def _vetted(target: _Target, deadline: _Deadline) -> list[Address]:
    """Return the addresses to dial, in order, after every one that the host has was checked."""
    allowed = _check_name(target)
    addresses = [target.address] if target.address is not None else _resolve(target, deadline)
    for address in addresses:
        kind = _kind(address)
        entries = [entry for entry in allowed if entry.covers(target, address)]
        if kind is _Kind.PUBLIC and (target.port in settings.EGRESS_PORTS or entries):
            continue
        if kind is _Kind.INTRANET and entries:
            continue
        if kind is _Kind.LOOPBACK and any(entry.means_loopback for entry in entries):
            continue
        # The operator may know where a name leads; who gave us the URL may not.
        log.warning("Refused to call %s port %d: %s is %s", target.host, target.port, address, kind.value)
        raise Refused(NOT_THERE)
    return addresses[:DIALS]


def _check_name(target: _Target) -> tuple[_Entry, ...]:
    """Check port and name, as far as they speak for themselves; return the allow-list."""
    allowed = _allow_list(tuple(settings.EGRESS_ALLOW))
    if target.port not in settings.EGRESS_PORTS and not any(entry.opens(target.port) for entry in allowed):
        raise Refused("The URL's port may not be called.")
    if target.address is None:
        inner = (
            "." not in target.host
            or target.host in INNER_NAMES
            or target.host.rpartition(".")[2] in INNER_ENDINGS
        ) and not any(entry.name == target.host and entry.opens(target.port) for entry in allowed)
        if inner:
            raise Refused(NOT_THERE)
    return allowed


def _resolve(target: _Target, deadline: _Deadline) -> list[Address]:
    """Ask once for the addresses; in a thread, since ``getaddrinfo()`` itself knows no deadline."""
    if not LOOKUPS.acquire(timeout=deadline.left(LOOKUP_SECONDS)):
        raise Failed(NOT_THERE)
    found: list[str] = []
    lookup = threading.Thread(target=_look_up, args=(target, found), name="egress-lookup", daemon=True)
    try:
        lookup.start()
    except RuntimeError:  # no more threads; the look-up that would have given its place back never began
        LOOKUPS.release()
        raise
    lookup.join(deadline.left(LOOKUP_SECONDS))
    addresses: dict[Address, None] = {}
    for text in found:
        if "%" in text:  # a zone id: an address of this link alone
            raise Refused(NOT_THERE)
        address = ip_address(text)
        addresses[getattr(address, "ipv4_mapped", None) or address] = None
    if not addresses:
        raise Failed(NOT_THERE)
    return list(addresses)


def _look_up(target: _Target, found: list[str]) -> None:
    try:
        rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        found.extend([str(row[4][0]) for row in rows])
    except (OSError, UnicodeError):
        log.info("No address for %s", target.host)
    finally:
        LOOKUPS.release()


# The call ------------------------------------------------------------------------------------------------
def _dial(addresses: list[Address], port: int, deadline: _Deadline) -> socket.socket:
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


def _secure(sock: socket.socket, target: _Target, deadline: _Deadline) -> socket.socket:
    if not target.https:
        return sock
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    sock.settimeout(deadline.left())
    return context.wrap_socket(sock, server_hostname=target.host)


class _Incoming(io.RawIOBase):
    """The bytes that come in, up to ``allowance`` of them and to the deadline."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
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

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self.sock, self.deadline = sock, deadline
        self.incoming = _Incoming(sock, deadline)

    def sendall(self, data: ReadableBuffer) -> None:
        view = memoryview(data)
        while view:
            self.sock.settimeout(self.deadline.left())
            view = view[self.sock.send(view[:16384]) :]

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
    deadline: _Deadline,
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
