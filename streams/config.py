"""What a stream is told about its receiver, checked when it is begun and when that changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.utils import timezone

from core import egress
from core.errors import Invalid
from core.words import say

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")  # no way out of the directory, nothing hidden
SYSLOG = "syslog+tls://"
AUTHORITY_MAX = 32 * 1024  # characters
CERTIFICATES_MAX = 10


def checked(method: str, config: dict[str, Any], *, of_instance: bool) -> dict[str, Any]:
    """Return the configuration as it is kept. Names are looked up, which may take seconds.

    Raises:
        Invalid: ``field`` is method, config or, of certificates, authority.
    """
    if method not in CHECKS:
        raise Invalid(say("There is no such method: {method}", method=method[:80]), field="method")
    return CHECKS[method](config, of_instance)


def syslog_url(address: str) -> str:
    """Return the URL of a receiver of syslog that somebody named by its host, perhaps with a port."""
    return address if "://" in address or not address else SYSLOG + address


def _webhook(config: dict[str, Any], of_instance: bool) -> dict[str, Any]:
    if config.keys() != {"url"} or not isinstance(config["url"], str):
        raise Invalid("The configuration of a webhook is its url", field="config")
    egress.check_url(config["url"], field="config")
    return config


def _syslog(config: dict[str, Any], of_instance: bool) -> dict[str, Any]:
    url, authority = config.get("url"), config.get("authority", "")
    if config.keys() - {"url", "authority"} or not isinstance(url, str) or not isinstance(authority, str):
        words = say("The configuration of a receiver of syslog is its url and, perhaps, its authority")
        raise Invalid(words, field="config")
    known = {"authority": _certificates(authority)} if authority.strip() else {}
    egress.check_url(url, field="config", schemes=egress.SYSLOG)
    return {"url": url, **known}


def _certificates(text: str) -> str:
    """Return the certificates in a text, and nothing else of it."""
    if len(text) > AUTHORITY_MAX:
        raise Invalid(
            say("The certificates are longer than {most} characters", most=AUTHORITY_MAX), field="authority"
        )
    if "PRIVATE KEY" in text:
        raise Invalid(
            "There is a private key in it, which nobody else should see: only certificates belong here",
            field="authority",
        )
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        words = say("These are no certificates in PEM, which begin with -----BEGIN CERTIFICATE-----")
        raise Invalid(words, field="authority") from error
    if len(found) > CERTIFICATES_MAX:
        raise Invalid(say("{most} certificates at most", most=CERTIFICATES_MAX), field="authority")
    ends = min(one.not_valid_after_utc for one in found)
    if ends < timezone.now():
        raise Invalid(
            say("A certificate in it was valid until {day}", day=f"{ends:%Y-%m-%d}"), field="authority"
        )
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def _file(config: dict[str, Any], of_instance: bool) -> dict[str, Any]:
    if not of_instance:
        raise Invalid("Only the log of the whole instance is streamed to a file", field="method")
    if not settings.STREAM_DIRECTORY:
        raise Invalid("No directory for streams is set up here", field="method")
    name = config.get("name")
    if config.keys() != {"name"} or not isinstance(name, str) or not FILE_NAME.fullmatch(name):
        words = say("A file's name is of lower-case letters, digits, dots, dashes and underscores")
        raise Invalid(words, field="config")
    return config


CHECKS: dict[str, Callable[[dict[str, Any], bool], dict[str, Any]]] = {
    "webhook": _webhook,
    "syslog": _syslog,
    "file": _file,
}
