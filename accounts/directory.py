"""Talking to the LDAP directory: whose password it is, who is in a group, and where people's entries are.

The directory is the operator's own, named by the settings. What people type reaches it only as escaped
values of a filter. An answer is whole or it is an error: a list that was cut short, a group that cannot be
read and a directory that is down are never taken for "nobody".
"""

from __future__ import annotations

import hashlib
import logging
import re
import ssl
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from core.errors import Invalid, Unreachable
from core.words import say

with warnings.catch_warnings():
    # It asks for names of pyasn1 that have newer ones.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException, LDAPInvalidDnError
    from ldap3.utils.conv import escape_bytes, escape_filter_chars
    from ldap3.utils.dn import parse_dn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

log = logging.getLogger(__name__)

DOWN = say("The directory does not answer")
SUCCESS, NO_SUCH_OBJECT = 0, 32
BUSY = frozenset({1, 2, 3, 11, 51, 52, 80})  # the directory's own trouble, not the password's
PAGE = 500
BATCH = 100  # people asked for at once
NAMES = ("displayName", "cn")
BINARY = frozenset({"objectguid", "objectsid", "guid"})
PAGED = "1.2.840.113556.1.4.319"
# Of these a group without anybody cannot be: who sees one was not allowed to see its people.
NEVER_EMPTY = frozenset({"groupofnames", "groupofuniquenames"})
NEVER = "(!(objectClass=*))"


class GroupGone(Exception):
    """There is no such group, or it cannot be seen; ``str()`` is fit for administrators to read."""


@dataclass(frozen=True)
class Entry:
    """A person's entry: ``subject`` stays hers, ``place`` is the digest of where it is now."""

    subject: str
    place: str
    login: str
    email: str = ""
    name: str = ""


# Questions -----------------------------------------------------------------------------------------------


def sign_in(login: str, password: str) -> Entry | None:
    """Return the entry of whose name and password these are; None if they are nobody's.

    Raises:
        Unreachable: the directory is down, or refuses Muster itself.
    """
    if not password or "\0" in password:
        # Many directories take a bind without password for an anonymous one, which succeeds.
        return None
    wanted = f"({settings.LDAP_LOGIN}={escape_filter_chars(login)})"
    with _asking() as connection:
        found = list(_people(connection, wanted))
    if len(found) != 1:
        return None
    dn, entry = found[0]
    try:
        with _connection(dn, password):
            return entry
    except _Refused:
        return None


def locate(subjects: Collection[str]) -> dict[str, Entry]:
    """Return the entries of those people, by their subjects, who are still in the directory.

    Raises:
        Unreachable: as `sign_in`.
    """
    wanted = sorted(subjects)
    found: dict[str, Entry] = {}
    with _asking() as connection:
        for start in range(0, len(wanted), BATCH):
            any_of = "".join(_is_subject(one) for one in wanted[start : start + BATCH])
            found |= {entry.subject: entry for _, entry in _people(connection, f"(|{any_of})")}
    return found


def places_in_group(group_dn: str) -> set[str]:
    """Return the digests of the places of all people in a group.

    Raises:
        GroupGone: there is no such group, or its people may not be seen.
        Unreachable: as `sign_in`.
    """
    whole = whole_dn(group_dn)
    attributes = [one for one in settings.LDAP_GROUP_MEMBERS if one.lower() != "memberof"]
    by_people = len(attributes) < len(settings.LDAP_GROUP_MEMBERS)
    with _asking() as connection:
        found = list(_search(connection, whole, "(objectClass=*)", ["objectClass", *attributes], ldap3.BASE))
        if not found:
            raise GroupGone(f"The directory has no group {group_dn}")
        values = {name.lower(): texts for name, texts in found[0][1].items()}
        named = {digest(dn) for name in attributes for dn in _texts(values, name)}
        if not (named or by_people) and {one.lower() for one in _texts(values, "objectClass")} & NEVER_EMPTY:
            raise GroupGone(f"The directory does not show who is in {group_dn}")
        if by_people:
            wanted = f"(memberOf={escape_filter_chars(whole)})"
            named |= {entry.place for _, entry in _people(connection, wanted)}
    return named


# Names ---------------------------------------------------------------------------------------------------


def base_dn() -> list[str]:
    """Return the base's name in its parts."""
    return [f"{name}={value}" for name, value, _ in parse_dn(settings.LDAP_BASE_DN)]


def whole_dn(dn: str) -> str:
    """Return a distinguished name with the base at its end, where it is told without.

    Raises:
        Invalid: it is none.
    """
    parts, base = _parts(dn), _parts(settings.LDAP_BASE_DN)
    return dn if parts[-len(base) :] == base else f"{dn},{settings.LDAP_BASE_DN}"


def digest(dn: str) -> str:
    """Return what is equal for all spellings of a distinguished name, and short."""
    try:
        parts = _parts(dn)
    except Invalid:
        parts = [dn]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _parts(dn: str) -> list[str]:
    try:
        parsed = parse_dn(dn, strip=True)
    except (LDAPInvalidDnError, IndexError) as error:
        raise Invalid(say("Not a distinguished name: {dn}", dn=dn[:200]), field="group_dn") from error
    found, several = [], []
    for name, value, separator in parsed:
        several.append(f"{name.strip().casefold()}={_unescaped(value.strip()).casefold()}")
        if separator != "+":
            found.append("+".join(sorted(several)))
            several = []
    return found


def _unescaped(value: str) -> str:
    octets = re.sub(
        rb"\\([0-9A-Fa-f]{2}|.)",
        lambda one: bytes.fromhex(one[1].decode()) if len(one[1]) == 2 else one[1],
        value.encode(),
        flags=re.DOTALL,
    )
    return octets.decode(errors="replace")


# Connections ---------------------------------------------------------------------------------------------


class _Refused(Exception):
    """The directory does not take this name and password."""


@contextmanager
def _asking() -> Iterator[Any]:
    """Connect as who looks things up."""
    try:
        with _connection(settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD) as connection:
            yield connection
    except _Refused as error:
        log.error("The directory refuses MUSTER_LDAP_BIND_DN: %s", error)
        raise Unreachable(DOWN) from error


@contextmanager
def _connection(dn: str, password: str) -> Iterator[Any]:
    connection = None
    try:
        connection = _prepared(dn, password)
        connection.open(read_server_info=False)
        if settings.LDAP_START_TLS and not connection.start_tls(read_server_info=False):
            raise OSError("StartTLS was refused")
        if not connection.bind():
            _not_bound(connection.result)
        yield connection
    except (LDAPException, OSError) as error:
        log.warning("The directory failed: %s", error)
        raise Unreachable(DOWN) from error
    finally:
        if connection is not None:
            _close(connection)


def _prepared(dn: str, password: str) -> Any:
    server = ldap3.Server(
        settings.LDAP_URL,
        tls=_Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=settings.LDAP_CA or None),
        get_info=ldap3.NONE,
        connect_timeout=settings.LDAP_SECONDS,
    )
    return ldap3.Connection(
        server,
        user=dn or None,
        password=password or None,
        authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
        client_strategy=ldap3.SYNC,
        read_only=True,
        auto_referrals=False,
        check_names=False,
        receive_timeout=settings.LDAP_SECONDS,
    )


class _Tls(ldap3.Tls):
    """TLS in which the handshake itself checks the name; the library's own way is gone from Python 3.12."""

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        connection.socket = context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


def _close(connection: Any) -> None:
    try:
        connection.unbind()
    except (LDAPException, OSError):
        log.debug("The directory hung up first")
    # After a failed handshake the library takes the connection for one that was never opened.
    if connection.socket is not None:
        connection.socket.close()


def _not_bound(result: dict[str, Any]) -> None:
    if result["result"] in BUSY:
        raise Unreachable(DOWN)
    raise _Refused(str(result.get("description")))


# Searches ------------------------------------------------------------------------------------------------


def _people(connection: Any, wanted: str) -> Iterator[tuple[str, Entry]]:
    """Yield people who may come in and match a filter, each with her entry's name."""
    below = settings.LDAP_USER_DN or settings.LDAP_BASE_DN
    attributes = [settings.LDAP_SUBJECT, settings.LDAP_LOGIN, settings.LDAP_MAIL, *NAMES]
    for dn, raw in _search(
        connection, below, f"(&{settings.LDAP_USER_FILTER}{wanted})", attributes, ldap3.SUBTREE
    ):
        values = {name.lower(): texts for name, texts in raw.items()}
        subject = _subject(values)
        login = next(iter(_texts(values, settings.LDAP_LOGIN)), "")
        if not subject or not login:
            log.warning("%s has no %s or no %s", dn, settings.LDAP_SUBJECT, settings.LDAP_LOGIN)
            continue
        name = next((one for each in NAMES for one in _texts(values, each)), "")
        email = next(iter(_texts(values, settings.LDAP_MAIL)), "")
        yield dn, Entry(subject, digest(dn), login[:255], email[:254], name[:255])


def _search(
    connection: Any, base: str, wanted: str, attributes: list[str], scope: Any
) -> Iterator[tuple[str, dict[str, list[bytes]]]]:
    """Yield entries page by page, as (name, raw attributes); a base that is not there has none."""
    cookie = None
    while True:
        connection.search(
            base,
            wanted,
            search_scope=scope,
            attributes=attributes,
            paged_size=PAGE if scope == ldap3.SUBTREE else None,
            paged_cookie=cookie,
            time_limit=settings.LDAP_SECONDS,
        )
        result = connection.result
        if result["result"] == NO_SUCH_OBJECT and scope == ldap3.BASE:
            return
        if result["result"] != SUCCESS:
            log.error("The directory refuses a search below %s: %s", base, result.get("description"))
            raise Unreachable(DOWN)
        for one in connection.response or ():
            if one.get("type") == "searchResEntry":
                yield one["dn"], dict(one["raw_attributes"])
        cookie = result.get("controls", {}).get(PAGED, {}).get("value", {}).get("cookie")
        if not cookie:
            return


def _texts(values: dict[str, list[bytes]], name: str) -> list[str]:
    return [one.decode(errors="replace") for one in values.get(name.lower(), ())]


def _subject(values: dict[str, list[bytes]]) -> str:
    name = settings.LDAP_SUBJECT.lower()
    if name in BINARY:
        return next((one.hex() for one in values.get(name, ())), "")
    return next(iter(_texts(values, name)), "")[:255]


def _is_subject(subject: str) -> str:
    """Return the filter for one person's subject."""
    if settings.LDAP_SUBJECT.lower() not in BINARY:
        return f"({settings.LDAP_SUBJECT}={escape_filter_chars(subject)})"
    try:
        return f"({settings.LDAP_SUBJECT}={escape_bytes(bytes.fromhex(subject))})"
    except ValueError:
        return NEVER
