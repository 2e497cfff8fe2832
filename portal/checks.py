"""What production must not start with. Each refusal says what to do instead."""

from __future__ import annotations

import re
import stat
import sys
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from core.targets import TOTAL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_KEY_MIN = 32  # characters
TRASH_DAYS_MAX = 3650
LOG_DAYS_MIN = 30
READABLE_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


def refuse_unsafe_settings() -> None:
    """Run every system check and end the process, with the hints on standard error, if one finds an error.

    Management commands do this by themselves; web servers and workers must ask.
    """
    found = [message for message in checks.run_checks() if message.is_serious()]
    if found:
        for message in found:
            print(message, file=sys.stderr)  # noqa: T201 - before logging is of any use to the operator
        print("Muster does not start with these settings. See docs/settings.md.", file=sys.stderr)  # noqa: T201
        sys.exit(1)


@checks.register(checks.Tags.security)
def check_keys(**_: Any) -> list[checks.CheckMessage]:
    """Find keys that are missing, too short or malformed; the first two only in production."""
    found = list(_missing_keys()) if settings.PRODUCTION else []
    for key in settings.ENCRYPTION_KEYS:
        if key.strip() and not _is_fernet_key(key):
            found.append(
                checks.Error(
                    "One of MUSTER_ENCRYPTION_KEYS is not a key.",
                    hint="Each is 32 bytes in url-safe base64, newest first, separated by commas. Make one: "
                    "head -c 32 /dev/urandom | base64 | tr '+/' '-_'",
                    id="muster.E005",
                )
            )
    return found


def _missing_keys() -> Iterator[checks.CheckMessage]:
    make = (
        "Make one, once for all hosts: head -c 48 /dev/urandom | base64 -w0; keep it in a file of mode 0400."
    )
    try:
        secret_key = settings.SECRET_KEY
    except ImproperlyConfigured:
        secret_key = ""
    if not secret_key:
        yield checks.Error("No SECRET_KEY.", hint=f"Set SECRET_KEY_FILE. {make}", id="muster.E001")
    elif len(secret_key) < SECRET_KEY_MIN:
        yield checks.Error("SECRET_KEY is too short.", hint=make, id="muster.E002")
    if not any(key.strip() for key in settings.ENCRYPTION_KEYS):
        yield checks.Error(
            "No MUSTER_ENCRYPTION_KEYS.",
            hint="Set MUSTER_ENCRYPTION_KEYS_FILE. Make a key, once for all hosts: "
            "head -c 32 /dev/urandom | base64 | tr '+/' '-_'; keep it in a file of mode 0400.",
            id="muster.E003",
        )
    if not settings.TOKEN_PEPPER:
        yield checks.Error(
            "No MUSTER_TOKEN_PEPPER.", hint=f"Set MUSTER_TOKEN_PEPPER_FILE. {make}", id="muster.E004"
        )


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key.strip())
    except ValueError:
        return False
    return True


@checks.register(checks.Tags.security)
def check_secret_files(**_: Any) -> list[checks.CheckMessage]:
    """Find secrets in files that others on the host may read."""
    if not settings.PRODUCTION:
        return []
    files = {f"{name} ({path})": path for name, path in settings.SECRET_FILES.items()}
    files |= {str(path): path for path in sorted(Path(settings.KEY_DIR).glob("*"))}
    return [
        checks.Error(
            f"{name} may be read by others on this host.",
            hint=f"chmod 0400 {path}, owned by the user that Muster runs as.",
            id="muster.E010",
        )
        for name, path in files.items()
        if path.is_file() and path.stat().st_mode & READABLE_BY_OTHERS
    ]


@checks.register(checks.Tags.security)
def check_production(**_: Any) -> list[checks.CheckMessage]:
    """Find what is right for trying out and wrong for production."""
    if not settings.PRODUCTION:
        return []
    found: list[checks.CheckMessage] = []
    if settings.DEBUG:
        found.append(
            checks.Error(
                "DEBUG is on: error pages show settings and code to everybody.",
                hint="Unset DEBUG.",
                id="muster.E011",
            )
        )
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme != "https" and not settings.INSECURE_HTTP:
        found.append(
            checks.Error(
                f"People reach Muster by {settings.PUBLIC_URL}: passwords and tokens travel in clear.",
                hint="Set MUSTER_URL to the https:// address of the load balancer; on a network where clear "
                "text is acceptable, set MUSTER_INSECURE_HTTP=1.",
                id="muster.E012",
            )
        )
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
        found.append(
            checks.Error(
                "The database is SQLite, which serves a single host and no standby.",
                hint="Set DATABASE_URL=postgres://user:password@host:5432/name, or DATABASE_URL_FILE.",
                id="muster.E013",
            )
        )
    if not settings.REDIS_URL:
        found.append(
            checks.Error(
                "No REDIS_URL: web and workers would each talk to themselves.",
                hint="Set REDIS_URL=redis://host:6379/0, or REDIS_URL_FILE.",
                id="muster.E014",
            )
        )
    if any("*" in host or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        found.append(
            checks.Error(
                "MUSTER_HOSTS has a wildcard: links could be made to lead elsewhere.",
                hint="Name each host by which Muster is reached, separated by commas.",
                id="muster.E015",
            )
        )
    return found


@checks.register(checks.Tags.security)
def check_slack(**_: Any) -> list[checks.CheckMessage]:
    """Find a token that is not an app's, or that would be sent in clear text."""
    if not settings.SLACK_TOKEN:
        return []
    found: list[checks.CheckMessage] = []
    if not settings.SLACK_TOKEN.startswith("xoxb-") or not settings.SLACK_TOKEN.isascii():
        found.append(
            checks.Error(
                "MUSTER_SLACK_TOKEN is no bot token.",
                hint="It begins with xoxb-: Slack shows it when the app is installed to the workspace.",
                id="muster.E030",
            )
        )
    clear = settings.SLACK_API.startswith("http://") and settings.PRODUCTION and not settings.INSECURE_HTTP
    if clear or urlsplit(settings.SLACK_API).scheme not in ("http", "https"):
        found.append(
            checks.Error(
                "MUSTER_SLACK_API is no address to send a token to.",
                hint="Leave it out, or begin it with https://.",
                id="muster.E031",
            )
        )
    return found


@checks.register
def check_leases(**_: Any) -> list[checks.CheckMessage]:
    """Find leases that run out while their worker still waits for a receiver, so that all is sent twice."""
    call = min(settings.NOTIFICATION_SECONDS, TOTAL_SECONDS)
    return [
        checks.Error(
            f"MUSTER_{name} is {getattr(settings, name)}, and a call alone may take {call:g} s.",
            hint="Make it longer than a call by some seconds, or leave it out: 60.",
            id="muster.E053",
        )
        for name in ("NOTIFICATION_LEASE_SECONDS", "STREAM_LEASE_SECONDS")
        if getattr(settings, name) <= call
    ]


DIGEST = re.compile(rb"[0-9A-Fa-f]{40}(:\d+)?\s*")


@checks.register(checks.Tags.security)
def check_passwords(**_: Any) -> list[checks.CheckMessage]:
    """Find a rule for new passwords that cannot be kept, and a list of leaked ones that cannot be read."""
    found: list[checks.CheckMessage] = []
    if not 8 <= settings.PASSWORD_MIN <= 128:
        found.append(
            checks.Error(
                f"MUSTER_PASSWORD_MIN is {settings.PASSWORD_MIN}.", hint="8 to 128.", id="muster.E030"
            )
        )
    if settings.BREACHED_PASSWORDS:
        try:
            with Path(settings.BREACHED_PASSWORDS).open("rb") as lines:
                first = [line for line in (lines.readline(), lines.readline()) if line]
        except OSError:
            first = []
        digests = [line[:40].upper() for line in first if DIGEST.fullmatch(line)]
        if not digests or len(digests) < len(first) or digests != sorted(digests):
            found.append(
                checks.Error(
                    "MUSTER_BREACHED_PASSWORDS is no readable list of SHA-1 digests in order.",
                    hint="One a line, as hexadecimal digits, sorted; what follows a colon is ignored.",
                    id="muster.E031",
                )
            )
    return found


@checks.register(checks.Tags.security)
def check_sign_in(**_: Any) -> list[checks.CheckMessage]:
    """Find a directory or a provider that is named and not described, or spoken to in clear text."""
    found: list[checks.CheckMessage] = []
    way = settings.AUTHENTICATION
    if way not in ("Database", "LDAP", "OIDC"):
        found.append(
            checks.Error(
                f"MUSTER_AUTHENTICATION is {way!r}.", hint="Database, LDAP or OIDC.", id="muster.E020"
            )
        )
    if way == "LDAP" and not (settings.LDAP_URL and settings.LDAP_BASE_DN):
        found.append(
            checks.Error(
                "MUSTER_AUTHENTICATION is LDAP, and nothing says where the directory is.",
                hint="Set MUSTER_LDAP_URL and MUSTER_LDAP_BASE_DN.",
                id="muster.E021",
            )
        )
    if (way == "OIDC" or settings.OIDC_ISSUER) and not (settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID):
        found.append(
            checks.Error(
                "The identity provider is not described.",
                hint="Set MUSTER_OIDC_ISSUER and MUSTER_OIDC_CLIENT_ID.",
                id="muster.E022",
            )
        )
    if settings.PRODUCTION and not settings.INSECURE_HTTP:
        clear = way == "LDAP" and settings.LDAP_URL.startswith("ldap://") and not settings.LDAP_START_TLS
        if clear or settings.OIDC_ISSUER.startswith("http://"):
            found.append(
                checks.Error(
                    "The directory or the identity provider is spoken to in clear text.",
                    hint="Use ldaps:// or MUSTER_LDAP_START_TLS=1, and an issuer with https://.",
                    id="muster.E023",
                )
            )
    return found


@checks.register(checks.Tags.security)
def check_trash(**_: Any) -> list[checks.CheckMessage]:
    """Find a number of days that would purge what was deleted just now, or count beyond the calendar."""
    if 0 <= settings.TRASH_DAYS <= TRASH_DAYS_MAX:
        return []
    return [
        checks.Error(
            f"MUSTER_TRASH_DAYS is {settings.TRASH_DAYS}.",
            hint=f"A number of days from 0, for no trash, to {TRASH_DAYS_MAX}.",
            id="muster.E040",
        )
    ]


@checks.register(checks.Tags.security)
def check_log_retention(**_: Any) -> list[checks.CheckMessage]:
    """Find a number of days that would take from the log what is still looked at."""
    if settings.LOG_RETENTION_DAYS == 0 or settings.LOG_RETENTION_DAYS >= LOG_DAYS_MIN:
        return []
    return [
        checks.Error(
            f"MUSTER_LOG_RETENTION_DAYS is {settings.LOG_RETENTION_DAYS}.",
            hint=f"0, to keep the log for good, or a number of days from {LOG_DAYS_MIN}.",
            id="muster.E041",
        )
    ]


@checks.register(checks.Tags.security)
def check_checkpoints(**_: Any) -> list[checks.CheckMessage]:
    """Find receivers of checkpoints that could not be written to, or a webhook that nobody could trust."""
    found: list[checks.CheckMessage] = []
    for address in settings.CHECKPOINT_MAILS:
        try:
            validate_email(address)
        except ValidationError:
            found.append(
                checks.Error(
                    f"MUSTER_CHECKPOINT_MAILS: {address} is no address.",
                    hint="Addresses of mail, separated by commas.",
                    id="muster.E050",
                )
            )
    if not settings.CHECKPOINT_URL:
        return found
    schemes = ("https",) if settings.PRODUCTION and not settings.INSECURE_HTTP else ("http", "https")
    if not _is_url(settings.CHECKPOINT_URL, schemes):
        found.append(
            checks.Error(
                "MUSTER_CHECKPOINT_URL is no address to send checkpoints to.",
                hint="Begin it with https://; on an intranet, name its host in MUSTER_EGRESS_ALLOW, too.",
                id="muster.E051",
            )
        )
    if not settings.CHECKPOINT_SECRETS or not all(map(_is_secret, settings.CHECKPOINT_SECRETS)):
        found.append(
            checks.Error(
                "MUSTER_CHECKPOINT_SECRET is not what a webhook can be signed with.",
                hint="whsec_ and 24 to 64 bytes in base64: echo whsec_$(head -c 32 /dev/urandom | base64). "
                "While the receiver changes to a new one, both, the newer first, separated by a comma.",
                id="muster.E052",
            )
        )
    return found


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in schemes and bool(url.hostname) and text.isprintable()
    except ValueError:
        return False


def _is_secret(text: str) -> bool:
    try:
        return text.startswith("whsec_") and 24 <= len(b64decode(text[6:], validate=True)) <= 64
    except ValueError:
        return False
