"""What needs attention in an organization: each with its number, and the list where it is looked after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.template.defaultfilters import pluralize
from django.urls import reverse

from accounts.listing import loose_ends
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
CREDENTIALS = [  # state, tone, words behind the number
    ("expired", "warn", "expired and still there"),
    ("expiring", "warn", f"due to expire within {listing.EXPIRING_DAYS} days"),
    ("over", "warn", "living longer than the organization allows"),
    ("unused", "", f"unused for {listing.UNUSED_DAYS} days"),
    ("endless", "", "without expiry"),
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
            found.append(Item(f"{gone:,} invitation{pluralize(gone)} expired unanswered", "", url))
        if unsecured and settings.AUTHENTICATION != "OIDC":
            url = f"{_room(organization, 'members')}?state=unsecured"
            words = f"{unsecured:,} member{pluralize(unsecured)} without a second factor"
            found.append(Item(words, "", url))
    rank = {"bad": 0, "warn": 1}
    return sorted(found, key=lambda item: rank.get(item.tone, 2))


def _room(organization: Organization, name: str) -> str:
    return reverse(f"console:{name}", args=[organization.slug])


def _tight(organization: Organization, limits: list[tuple[str, Meter]]) -> Iterable[Item]:
    for resource, meter in limits:
        if meter.tone:
            room = "projects" if resource == Resource.BYTES else resource
            url = _room(organization, room) if room in ROOMS else ""
            words = f"{meter.label}: {meter.used} of {meter.limit} ({meter.words})"
            yield Item(words, meter.tone, url)


def _credentials(actor: Actor, organization: Organization) -> Iterable[Item]:
    if not check(actor, CREDENTIAL_LIST, organization):
        return
    counts = listing.credential_counts(actor=actor, organization=organization, kinds=())
    for state, tone, words in CREDENTIALS:
        number = counts.by_state.get(state, 0)
        if number:
            url = f"{_room(organization, 'credentials')}?state={state}"
            yield Item(f"{number:,} credential{pluralize(number)} {words}", tone, url)


def _notifications(actor: Actor, organization: Organization) -> Iterable[Item]:
    within = notifications.subscriptions_within(actor=actor, namespace=organization.namespace)
    numbers = notifications.count_by_state(within)
    for state, tone, words in (("failing", "bad", "failing"), ("off", "warn", "switched off")):
        number = numbers[state]
        if number:
            url = f"{_room(organization, 'subscriptions')}?state={state}"
            yield Item(f"{number:,} notification{pluralize(number)} {words}", tone, url)
