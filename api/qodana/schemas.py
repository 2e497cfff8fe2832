"""What the Qodana wire answers, as schemas (qodana.md 3, 4, 5 and 7)."""

from __future__ import annotations

from api.qodana.constants import ROLES
from api.schemas import ADDRESS, FLAG, MOMENT, TEXT, WHOLE, Schema, listed, ref, thing, under, words

ID: Schema = {"type": "string", "pattern": "^[0-9A-Za-z]{5,}$"}
_VERSIONS = under(
    "versions",
    listed(
        thing("Where a version answers", {"version": {**TEXT, "pattern": r"^\d+\.\d+$"}, "url": ADDRESS}),
        minItems=1,
    ),
)

SCHEMAS: dict[str, Schema] = {
    "APIError": thing("Why the request was refused", {"name": TEXT, "details": TEXT}),
    "Empty": {"type": "object", "description": "Nothing", "maxProperties": 0},
    "ProjectToken": thing(
        "The token of a project", {"projectToken": {**TEXT, "minLength": 1}}, {"expiresAt": MOMENT}
    ),
    "Project": thing("A project", {"id": ID, "name": TEXT}, {"teamId": ID, "teamName": TEXT}),
    "OwnProject": thing(
        "The project behind a project token",
        {"id": ID, "name": TEXT, "slug": TEXT, "organizationId": ID, "organizationSlug": TEXT},
        {"teamId": ID, "teamSlug": TEXT},
    ),
    "User": thing(
        "A member of the organization, or somebody who is invited",
        {"id": ID, "displayName": TEXT, "isActive": FLAG, "isSsoManaged": FLAG},
        {
            "email": TEXT,
            "role": words(*dict.fromkeys(ROLES.values())),
            "invitationId": ID,
            "invitationUrl": ADDRESS,
        },
    ),
    "UsersPage": thing(
        "A page of users; `next` and `prev` are the offsets of the pages around it",
        {"count": WHOLE, "items": listed(ref("User"))},
        {"next": WHOLE, "prev": WHOLE},
    ),
    "OrganizationToken": thing(
        "The API token of an organization", {"id": ID, "token": TEXT, "createdAt": MOMENT}
    ),
    "Versions": thing("What is spoken here", {"api": _VERSIONS, "linters": _VERSIONS}),
}
