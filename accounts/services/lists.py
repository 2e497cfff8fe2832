"""Taking a list of members along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts import listing
from core.sheets import sheet
from logs.kinds import EXPORT_MEMBERS
from logs.record import record
from permissions.catalogue import MEMBER_LIST
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import Organization
    from core.actor import Actor


@transaction.atomic
def export_members(
    *, actor: Actor, organization: Organization, with_factors: bool = True, **narrowed: Any
) -> Iterator[bytes]:
    """Return the members, narrowed as `accounts.listing.members_like` does, as pieces of a CSV file.

    What it is made of is read now, at a constant number of queries; what is yielded later needs no database.
    Without ``with_factors`` nothing is said of second factors, for where they are kept elsewhere.

    Raises:
        Forbidden: neither an administrator nor an auditor.
    """
    require(actor, MEMBER_LIST, organization)
    rows: list[tuple[Any, ...]] = listing.member_rows(actor=actor, organization=organization, **narrowed)
    columns = listing.MEMBER_COLUMNS
    if not with_factors:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    chosen = {name: value for name, value in narrowed.items() if value}
    told = {"filter": chosen} if chosen else {}
    record(
        EXPORT_MEMBERS,
        actor=actor,
        namespace=organization.namespace,
        metadata=told,
    )
    return sheet(columns, rows)
