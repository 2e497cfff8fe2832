"""What needs attention in an organization: each with its number, and the list where it is looked after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from accounts.listing import loose_ends
from console.charts import full
from notifications import selectors as notifications
from permissions.catalogue import CREDENTIAL_LIST, MEMBER_LIST
from permissions.checks import check
from quotas.services import Resource
from tokens import listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import Organization
    from console.charts import Meter
    from core.actor import Actor

ROOMS = ("members", "projects", "robots")
CREDENTIALS = [  # state, tone, what is said of their number
    (
        "expired",
        "warn",
        ngettext_lazy(
            "{number} credential expired and still there",
            "{number} credentials expired and still there",
            "count",
        ),
    ),
    (
        "expiring",
        "warn",
        ngettext_lazy(
            "{number} credential due to expire within {days} days",
            "{number} credentials due to expire within {days} days",
            "count",
        ),
    ),
    (
        "over",
        "warn",
        ngettext_lazy(
            "{number} credential living longer than the organization allows",
            "{number} credentials living longer than the organization allows",
            "count",
        ),
    ),
    (
        "unused",
        "",
        ngettext_lazy(
            "{number} credential unused for {unused} days",
            "{number} credentials unused for {unused} days",
            "count",
        ),
    ),
    (
        "endless",
        "",
        ngettext_lazy("{number} credential without expiry", "{number} credentials without expiry", "count"),
    ),
]
NOTIFICATIONS = [
    (
        "failing",
        "bad",
        ngettext_lazy("{number} notification failing", "{number} notifications failing", "count"),
    ),
    (
        "off",
        "warn",
        ngettext_lazy("{number} notification switched off", "{number} notifications switched off", "count"),
    ),
]


@dataclass(frozen=True)
class Item:
    """One line: what there is, how urgent, and where it is looked after, if anywhere."""

    words: str
    tone: str = ""
    url: str = ""


def of(*, actor: Actor, organization: Organization, limits: list[tuple[str, Meter]]) -> list[Item]:
    """Return what needs attention, the urgent first; three queries at any size.

    ``limits`` are the meters of the organization's resources, which are asked for already.
    """
    found = [*_tight(organization, limits), *_credentials(actor, organization)]
    found += _notifications(actor, organization)
    if check(actor, MEMBER_LIST, organization):
        loose = loose_ends(actor=actor, organization=organization)
        gone, unsecured = loose.expired_invitations, loose.unsecured
        if gone:
            url = f"{_room(organization, 'invitations')}?state=expired"
            words = ngettext(
                "{number} invitation expired unanswered", "{number} invitations expired unanswered", gone
            )
            found.append(Item(words.format(number=full(gone)), "", url))
        if unsecured and (organization.requires_second_factor or settings.AUTHENTICATION != "OIDC"):
            url = f"{_room(organization, 'members')}?state=unsecured"
            words = ngettext(
                "{number} member without a second factor",
                "{number} members without a second factor",
                unsecured,
            )
            if organization.requires_second_factor:
                words = ngettext(
                    "{number} member has no access before a second factor is set up",
                    "{number} members have no access before a second factor is set up",
                    unsecured,
                )
            tone = "warn" if organization.requires_second_factor else ""
            found.append(Item(words.format(number=full(unsecured)), tone, url))
    rank = {"bad": 0, "warn": 1}
    return sorted(found, key=lambda item: rank.get(item.tone, 2))


def _room(organization: Organization, name: str) -> str:
    return reverse(f"console:{name}", args=[organization.slug])


def _tight(organization: Organization, limits: list[tuple[str, Meter]]) -> Iterable[Item]:
    for resource, meter in limits:
        if meter.tone:
            room = "projects" if resource == Resource.BYTES else resource
            url = _room(organization, room) if room in ROOMS else ""
            words = _("{label}: {used} of {limit} ({words})").format(
                label=meter.label, used=meter.used, limit=meter.limit, words=meter.words
            )
            yield Item(words, meter.tone, url)


def _credentials(actor: Actor, organization: Organization) -> Iterable[Item]:
    if not check(actor, CREDENTIAL_LIST, organization):
        return
    counts = listing.credential_counts(actor=actor, organization=organization, kinds=())
    for state, tone, words in CREDENTIALS:
        number = counts.by_state.get(state, 0)
        if number:
            url = f"{_room(organization, 'credentials')}?state={state}"
            told = words.format(
                count=number, number=full(number), days=listing.EXPIRING_DAYS, unused=listing.UNUSED_DAYS
            )
            yield Item(told, tone, url)


def _notifications(actor: Actor, organization: Organization) -> Iterable[Item]:
    within = notifications.subscriptions_within(actor=actor, namespace=organization.namespace)
    numbers = notifications.count_by_state(within)
    for state, tone, words in NOTIFICATIONS:
        number = numbers[state]
        if number:
            url = f"{_room(organization, 'subscriptions')}?state={state}"
            yield Item(words.format(count=number, number=full(number)), tone, url)
