"""What the Codacy wire answers, as schemas (codacy.md 3, 4, 6 and 7)."""

from __future__ import annotations

from api.codacy.constants import PROVIDERS, ROLES
from api.codacy.view import NAMES
from api.schemas import FLAG, MOMENT, TEXT, WHOLE, Schema, listed, ref, thing, under, words

PROVIDER = words(*dict.fromkeys(PROVIDERS.values()))


def error(status: int) -> Schema:
    """Return the schema of a refusal: its status says which word it bears, and a 401 has a code as well."""
    own: Schema = {"error": {"const": NAMES[status]}}
    if status == 401:
        own["code"] = {"const": "Unauthorized"}
    return thing(
        "Why the request was refused",
        {**own, "message": TEXT, "actions": listed(thing("What can be done", {"name": TEXT, "url": TEXT}))},
    )


def _page(name: str) -> Schema:
    return thing(f"A page of {name}", {"pagination": ref("Pagination"), "data": listed(ref(name))})


SCHEMAS: dict[str, Schema] = {
    "Pagination": thing(
        "What page it is; the last one has no cursor", {}, {"cursor": TEXT, "limit": WHOLE, "total": WHOLE}
    ),
    "User": thing(
        "The person behind the token",
        {
            "id": WHOLE,
            "mainEmail": TEXT,
            "otherEmails": listed(TEXT),
            "isAdmin": FLAG,
            "isActive": FLAG,
            "created": MOMENT,
        },
        {"name": TEXT},
    ),
    "Organization": thing(
        "An organization that is linked to one of a Git provider",
        {
            "name": TEXT,
            "provider": PROVIDER,
            "remoteIdentifier": TEXT,
            "singleProviderLogin": FLAG,
            "type": words("Account", "Organization"),
            "hasDastAccess": FLAG,
            "hasScaEnabled": FLAG,
        },
        {
            "identifier": WHOLE,
            "created": MOMENT,
            "joinMode": words("auto", "adminAuto", "request"),
            "joinStatus": words("member", "pendingMember", "remoteMember"),
        },
    ),
    "OrganizationWithMeta": thing(
        "An organization and the caller's role in it",
        {
            "organization": ref("Organization"),
            "membership": under("userRole", words(*dict.fromkeys(ROLES.values()))),
            "analysisConfigurationMinimumPermission": TEXT,
            "subscriptions": listed(TEXT, maxItems=0),
        },
    ),
    "OrganizationPage": _page("Organization"),
    "Person": thing(
        "A member of an organization",
        {"email": TEXT, "emails": listed(TEXT), "canBeRemoved": FLAG},
        {"name": TEXT, "userId": WHOLE, "isActive": FLAG},
    ),
    "PersonPage": _page("Person"),
    "Repository": thing(
        "A repository; nothing is analysed here",
        {
            "provider": PROVIDER,
            "owner": TEXT,
            "name": TEXT,
            "visibility": words("Public", "Private", "LoginPublic"),
            "problems": listed(TEXT, maxItems=0),
            "languages": listed(TEXT, maxItems=0),
            "standards": listed(TEXT, maxItems=0),
            "addedState": words("NotAdded", "Added", "Following"),
        },
        {
            "repositoryId": WHOLE,
            "fullPath": TEXT,
            "lastUpdated": MOMENT,
            "permission": words("admin", "write", "read"),
        },
    ),
    "RepositoryPage": _page("Repository"),
    "ApiToken": thing("An API token", {"id": WHOLE, "token": TEXT}, {"name": TEXT, "expiresAt": MOMENT}),
    "ApiTokenPage": _page("ApiToken"),
}
