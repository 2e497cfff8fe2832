"""Taking a list of credentials along; of their secrets nothing is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.sheets import sheet
from logs.kinds import EXPORT_CREDENTIALS
from logs.record import record
from permissions.catalogue import CREDENTIAL_LIST
from permissions.checks import require
from tokens import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import Organization
    from core.actor import Actor

COLUMNS = (
    *("kind", "title", "hint", "robot", "project", "application", "user", "scopes", "issued_by"),
    *("created_at", "expires_at", "last_used_at", "disabled_at"),
)


@transaction.atomic
def export_credentials(
    *, actor: Actor, organization: Organization, state: str = "", kind: str = "", search: str = ""
) -> Iterator[bytes]:
    """Return an organization's living credentials, narrowed as its page does, as pieces of a CSV file.

    What it is made of is read now, with one query; what is yielded later needs no database.

    Raises:
        Forbidden: as `tokens.listing.of_whole`.
    """
    require(actor, CREDENTIAL_LIST, organization)
    found = listing.of_whole(actor=actor, organization=organization)
    found = listing.narrowed(found, organization=organization, state=state, kind=kind, search=search)
    rows = [
        (
            token.kind,
            token.title,
            token.hint,
            token.robot.shortname if token.robot else "",
            token.project.slug if token.project else "",
            token.application.name if token.application else "",
            token.user.username if token.user else "",
            token.scopes,
            token.issued_by.username if token.issued_by else "",
            token.created_at,
            token.expires_at,
            token.last_used_at,
            token.disabled_at,
        )
        for token in found
    ]
    told = {name: value for name, value in (("state", state), ("kind", kind), ("search", search)) if value}
    record(
        EXPORT_CREDENTIALS,
        actor=actor,
        namespace=organization.namespace,
        metadata={"filter": told} if told else {},
    )
    return sheet(COLUMNS, rows)
