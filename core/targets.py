"""Whom an outgoing call may reach: what a URL says, and every address that its host has.

Only `core.egress`, the door, calls; it dials what was vetted here. docs/egress.md has the rules in one page.
"""

from __future__ import annotations

import enum
import logging
import re
import socket
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.errors import Invalid
from core.words import say

if TYPE_CHECKING:
    from collections.abc import Collection

    from core.words import Said

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOKUP_SECONDS = 5.0
URL_LIMIT = 2048  # characters
DIALS = 4  # addresses tried, of those a name has
TOTAL_SECONDS = 15.0  # that a call may take at the most
LOOKUPS = threading.BoundedSemaphore(32)  # a name server that never answers ties up no more threads than this


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to speak to a host: over TLS or not, at which port unless a URL names another."""

    tls: bool
    port: int
    setting: str  # that says which ports may be called
    faults: Faults

    @property
    def ports(self) -> Collection[int]:
        """The ports that may be called."""
        ports: Collection[int] = getattr(settings, self.setting)
        return ports


WEB = ("http", "https")
SYSLOG = ("syslog+tls",)


@dataclass(frozen=True, slots=True)
class Faults:
    """What is said of what cannot be called, in the words of who typed it."""

    long: Said
    characters: Said
    malformed: Said
    beginning: Said
    secret: Said
    host_or_port: Said
    host: Said
    port: Said


OF_URL = Faults(
    long=say("The URL is longer than {most} characters.", most=URL_LIMIT),
    characters=say("The URL has characters that do not belong in one."),
    malformed=say("The URL is malformed."),
    beginning=say("The URL must begin with {begins} and a host.", begins="http:// or https://"),
    secret=say("The URL must not carry a user name or password."),
    host_or_port=say("The URL's host or port is malformed."),
    host=say("The URL's host is malformed."),
    port=say("The URL's port may not be called."),
)
# Of a receiver of syslog people type the host, perhaps with a port: to them it is no URL.
ALONE = say("The address must be of a host alone, or of a host and a port.")
OF_ADDRESS = Faults(
    long=say("The address is longer than {most} characters.", most=URL_LIMIT),
    characters=say("The address has characters that do not belong in one."),
    malformed=say("The address is malformed."),
    beginning=ALONE,
    secret=say("The address must not carry a user name or password."),
    host_or_port=say("The host or the port of the address is malformed."),
    host=say("The host of the address is malformed."),
    port=say("The port of the address may not be called."),
)
SCHEMES = {
    "http": Scheme(False, 80, "EGRESS_PORTS", OF_URL),
    "https": Scheme(True, 443, "EGRESS_PORTS", OF_URL),
    # Ports of its own: nobody speaks it to the web's, nor HTTP to a collector's.
    "syslog+tls": Scheme(True, 6514, "EGRESS_SYSLOG_PORTS", OF_ADDRESS),
}


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


# One sentence for an unknown name, an inner one and a forbidden address: telling them apart maps our network.
NOT_THERE = say("The host is not known, or may not be called.")
INNER_NAMES = words("metadata.goog metadata.packet.net metadata.platformequinix.com metadata.tencentyun.com")
INNER_ENDINGS = words(
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


class Kind(enum.Enum):
    """Where an address leads."""

    PUBLIC = "public"
    INTRANET = "intranet"  # by allow-list
    LOOPBACK = "loopback"  # by an allow-list entry that means loopback
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that is well-formed, in the parts that a connection needs."""

    scheme: Scheme
    host: str  # lower-case ASCII without a final dot, or an address without brackets
    address: Address | None  # where the host is one
    port: int
    path: str  # with the query, percent-encoded

    @property
    def authority(self) -> str:
        """Host and port, as a ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == self.scheme.port else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the operator's allow-list."""

    name: str
    network: Network | None
    port: int | None

    def covers(self, target: Target, address: Address) -> bool:
        """Tell whether it opens an address of the target, and the port."""
        where = address in self.network if self.network is not None else self.name == target.host
        return where and self.opens(target)

    def opens(self, target: Target) -> bool:
        """Tell whether it opens the target's port: without one of its own, those that are usual."""
        return target.port in target.scheme.ports if self.port is None else target.port == self.port

    @property
    def means_loopback(self) -> bool:
        """Tell whether it was written for loopback, and does not merely happen to lead there."""
        if self.network is None:
            return self.name == "localhost" or self.name.endswith(".localhost")
        # Not subnet_of(): it takes only networks of one version.
        ends = (self.network.network_address, self.network.broadcast_address)
        return any(all(end in loopback for end in ends) for loopback in LOOPBACK)


class Deadline:
    """A point in time that everything a call does has to keep, however slowly the other side drips."""

    def __init__(self, seconds: float) -> None:
        self.start = time.monotonic()
        self.end = self.start + seconds

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds that are left, or ``at_most``. Raises Failed if there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise Failed("The call took too long.")
        return left if at_most is None else min(left, at_most)

    def spent(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self.start


# What a URL says -----------------------------------------------------------------------------------------
def parse(url: str, schemes: Collection[str] = WEB) -> Target:
    """Return what a URL says, of which ``schemes`` are good. Raises Refused."""
    faults = OF_ADDRESS if schemes == SYSLOG else OF_URL
    if len(url) > URL_LIMIT:
        raise Refused(faults.long)
    # urlsplit drops tabs and line feeds, browsers read a backslash as a slash: what each would see differs.
    if any(char <= " " or char in "\\\x7f" or "\x80" <= char <= "\x9f" or char.isspace() for char in url):
        raise Refused(faults.characters)
    try:
        url.encode()  # half a surrogate pair is no character
        parts = urlsplit(url)
    except ValueError as error:
        raise Refused(faults.malformed) from error
    if parts.scheme not in schemes or not parts.netloc:
        raise Refused(faults.beginning)
    if "@" in parts.netloc:
        raise Refused(faults.secret)
    split = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:%]+)(?::([1-9][0-9]{0,4}))?", parts.netloc)
    if split is None:
        raise Refused(faults.host_or_port)
    host, address = _host(split[1], faults)
    scheme = SCHEMES[parts.scheme]
    if parts.scheme in SYSLOG and (parts.path.strip("/") or parts.query or parts.fragment):
        raise Refused(ALONE)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return Target(scheme, host, address, int(split[2]) if split[2] else scheme.port, path)


def _host(text: str, faults: Faults = OF_URL) -> tuple[str, Address | None]:
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
        raise Refused(faults.host) from error
    label = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    if len(text) > 253 or not re.fullmatch(rf"{label}(?:\.{label})*", text):
        raise Refused(faults.host)
    return text, None


# Whom we call --------------------------------------------------------------------------------------------
def _kind(address: Address) -> Kind:
    """Tell what an address is, or the one that it carries inside."""
    if isinstance(address, IPv6Address) and address in NAT64:
        return _kind(IPv4Address(address.packed[-4:]))
    if any(address in network for network in LOOPBACK):
        return Kind.LOOPBACK
    if any(address in network for network in NEVER):
        return Kind.NEVER
    if any(address in network for network in INTRANET):
        return Kind.INTRANET
    if not address.is_global or (isinstance(address, IPv6Address) and address not in UNICAST):
        return Kind.NEVER
    return Kind.PUBLIC


@lru_cache(maxsize=8)
def allow_list(texts: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the operator's allow-list. Raises ImproperlyConfigured if it cannot be read."""
    try:
        return tuple(_entry(text) for text in texts)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error


def _entry(text: str) -> Entry:
    split = re.fullmatch(
        r"\[([^\[\]]+)\](?::([0-9]+))?|([^:]+)(?::([0-9]+))?|([0-9A-Fa-f:.]+(?:/[0-9]+)?)", text
    )
    if split is None:
        raise ValueError(f"EGRESS_ALLOW: {text!r} is no host name, address or network, with or without :port")
    where, port = split[1] or split[3] or split[5], split[2] or split[4]
    if port and not 0 < int(port) < 65536:
        raise ValueError(f"EGRESS_ALLOW: {text!r} has an impossible port")
    try:
        return Entry("", ip_network(where), int(port) if port else None)
    except ValueError as error:
        if "/" in where or ":" in where:
            raise ValueError(f"EGRESS_ALLOW: {text!r}: {error}") from error
    try:
        name, _ = _host(where)
    except Refused as error:
        raise ValueError(f"EGRESS_ALLOW: {text!r} is no host name, address or network") from error
    return Entry(name, None, int(port) if port else None)


def vetted(target: Target, deadline: Deadline) -> list[Address]:
    """Return the addresses to dial, in order, after every one that the host has was checked.

    Raises:
        Refused: one of them, the name or the port may not be called.
        Failed: the host has none, or its look-up takes too long.
    """
    allowed = check_name(target)
    addresses = [target.address] if target.address is not None else _resolve(target, deadline)
    for address in addresses:
        kind = _kind(address)
        entries = [entry for entry in allowed if entry.covers(target, address)]
        if kind is Kind.PUBLIC and (target.port in target.scheme.ports or entries):
            continue
        if kind is Kind.INTRANET and entries:
            continue
        if kind is Kind.LOOPBACK and any(entry.means_loopback for entry in entries):
            continue
        # The operator may know where a name leads; who gave us the URL may not.
        log.warning("Refused to call %s port %d: %s is %s", target.host, target.port, address, kind.value)
        raise Refused(NOT_THERE)
    return addresses[:DIALS]


def check_name(target: Target) -> tuple[Entry, ...]:
    """Check port and name, as far as they speak for themselves; return the allow-list. Raises Refused."""
    allowed = allow_list(tuple(settings.EGRESS_ALLOW))
    if target.port not in target.scheme.ports and not any(entry.opens(target) for entry in allowed):
        raise Refused(target.scheme.faults.port)
    if target.address is None:
        inner = (
            "." not in target.host
            or target.host in INNER_NAMES
            or target.host.rpartition(".")[2] in INNER_ENDINGS
        ) and not any(entry.name == target.host and entry.opens(target) for entry in allowed)
        if inner:
            raise Refused(NOT_THERE)
    return allowed


def _resolve(target: Target, deadline: Deadline) -> list[Address]:
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


def _look_up(target: Target, found: list[str]) -> None:
    try:
        rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        found.extend([str(row[4][0]) for row in rows])
    except (OSError, UnicodeError):
        log.info("No address for %s", target.host)
    finally:
        LOOKUPS.release()
