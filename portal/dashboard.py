"""The first page of the back office: every desk's numbers, and whether work for later is being done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import admin
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from backoffice.desk import Figure
from jobs.deaf import length
from portal.celery import app
from portal.health import CHECKS, OK, readiness
from portal.work import TAKERS

if TYPE_CHECKING:
    from django.http import HttpRequest

    from backoffice.site import BackOffice

# The database has just been asked by this very page, and the desk of seals tells how far they are behind.
WATCHED = {name: check for name, check in CHECKS.items() if name not in ("database", "seals")}


QUEUES = tuple(queue for queues in TAKERS.values() for queue in queues)
MANY_WAITING = 1000
# What people meet differently by: the setting's name, what it switches, and when that is worth a second look.
SWITCHES: tuple[tuple[str, str, bool | None], ...] = (
    ("READ_ONLY", "Read-only mode: every change is refused", True),
    ("SUPERUSERS_FULL_ACCESS", "Superusers pass every check in organizations", True),
    ("ANONYMOUS_ACCESS", "Public projects are readable without signing in", None),
    ("USER_CREATION", "Anybody may sign up", True),
    ("INVITED_USER_CREATION", "Who is invited by mail may make an account", None),
    ("PUBLIC_API", "The Qodana API", None),
    ("QUOTA_MANAGEMENT", "Quotas of storage", None),
    ("MAILING", "Mails are sent", False),
    ("VERIFY_EMAIL", "Addresses are proven by mail", None),
    ("REQUIRE_TEAM_INVITE", "Strangers are asked before they are in a team", None),
    ("TEAM_SYNCING", "Teams may mirror groups", None),
    ("TEAM_SYNCING_BY_ADMINS", "Administrators bind teams themselves", None),
    ("ASSIGN_OAUTH_TOKENS", "Tokens may be made for others", None),
    ("SUPERUSER_CONFIGDUMP", "Superusers read the configuration by the API", None),
)


@dataclass(frozen=True)
class Switch:
    """A switch of the instance: how it stands, and by which variable of the environment it is set."""

    variable: str
    words: str
    is_on: bool
    is_notable: bool


def switches() -> list[Switch]:
    """Return the switches of the instance; they are set by the environment, and read when Muster starts."""
    return [
        Switch(f"MUSTER_{name}", words, bool(getattr(settings, name)), getattr(settings, name) is notable)
        for name, words, notable in SWITCHES
    ]


def waiting() -> list[Figure]:
    """Return how many bells wait in each queue of the workers; nothing where the broker does not answer.

    What has to be done stands in the database: a long queue says that workers are few; losing it, nothing.
    """
    found = []
    try:
        with app.connection_for_write() as broker, broker.channel() as channel:
            for name in QUEUES:
                count = length(channel, name)
                mood = "danger" if count >= MANY_WAITING else ""
                found.append(Figure(f"Queue {name}", count, note="bells that wait", mood=mood, rank=21))
    except (KombuError, OSError, RedisError):
        return []
    return found


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return unfold's context of the index page with ``figures``; the checks take 2 seconds at most."""
    site = cast("BackOffice", admin.site)
    figures = [figure for desk in site.desks() for figure in desk.figures(request)]
    checks = readiness(WATCHED)["checks"]
    for name, told in checks.items():
        is_well = told["status"] == OK
        figures.append(
            Figure(
                name.capitalize(),
                "ok" if is_well else told["status"],
                note=told.get("error", ""),
                mood="" if is_well else "danger",
                rank=20,
            )
        )
    if checks["broker"]["status"] == OK:
        figures += waiting()  # one that hangs would be waited for
    shown = sorted(figures, key=lambda one: one.rank)
    return {**context, "title": "Overview", "figures": shown, "switches": switches()}
