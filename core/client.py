"""Where a request comes from, and who is signed in by a browser session."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.dateparse import parse_datetime

from core.actor import Actor

if TYPE_CHECKING:
    from django.http import HttpRequest

SIGNED_IN_AT = "signed_in_at"
ACTIVE_AT = "active_at"  # when it was noted last that the session is in use, in seconds since 1970
VIEWING = "viewing"  # in an operator's session: [whom she views, until when]
IPV6_PREFIX = 64


def ip_of(request: HttpRequest) -> str | None:
    """Return the caller's address: behind the trusted proxies, the nearest address they did not add."""
    sent = request.META.get("REMOTE_ADDR") or ""
    address = _plain(sent)
    trusted = {_plain(proxy) for proxy in settings.TRUSTED_PROXIES}
    if trusted and (not sent or address in trusted):
        for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            candidate = _plain(hop.strip())
            if hop.strip() and candidate not in trusted:
                return candidate
    return address


def source_of(ip: str | None) -> str | None:
    """Return the address to count calls by: of IPv6 the network, whose 2**64 addresses one caller has."""
    if ip is None or ":" not in ip:
        return ip
    return str(ipaddress.IPv6Network((ip, IPV6_PREFIX), strict=False).network_address)


def _plain(address: str) -> str | None:
    """Return the one spelling of an address that all are stored and compared in; None if it is none."""
    try:
        # The zone of a link-local address means something on this machine alone.
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def session_actor(request: HttpRequest, *, dialect: str) -> Actor:
    """Return the person signed in by the browser session, or nobody; or whom an operator views."""
    user = request.user if request.user.is_authenticated else None
    viewed = getattr(request, "viewed", None)
    if user is not None and viewed is not None:
        actor = Actor(user=viewed, operator=user)
    else:
        stamp = request.session.get(SIGNED_IN_AT) if user is not None else None
        actor = Actor(user=user, signed_in_at=parse_datetime(stamp) if stamp else None)
    return actor.at(dialect=dialect, ip=ip_of(request), user_agent=request.META.get("HTTP_USER_AGENT", ""))
