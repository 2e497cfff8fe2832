"""What the FlexStack wire answers, as schemas (flexstack.md 3 to 5)."""

from __future__ import annotations

from api.flexstack.constants import CODES, GRANTS, ORG_ROLES
from api.schemas import FLAG, MOMENT, TEXT, Schema, listed, or_null, ref, thing, words
from notifications.events import FLAGS

ID: Schema = {"type": "string", "pattern": "^[1-9A-HJ-NP-Za-km-z]{22}$"}
MAYBE = or_null(TEXT)


def error(status: int) -> Schema:
    """Return the schema of a refusal: its status says which word it bears."""
    return thing(
        "Why the request was refused", {"code": {"const": CODES[status]}, "message": TEXT}, {"cause": TEXT}
    )


def _page(name: str) -> Schema:
    following = or_null({"type": "string", "pattern": "^[a-zA-Z0-9+/=]+$"})
    return thing(f"A page of {name}", {"data": listed(ref(name)), "has_more": FLAG, "next_page": following})


SCHEMAS: dict[str, Schema] = {
    "Project": thing(
        "A project",
        {
            "connection_status": words("connected", "disconnected", "disconnecting"),
            "created_at": MOMENT,
            "default_environment_id": or_null(ID),
            "description": MAYBE,
            "icon": MAYBE,
            "id": ID,
            "name": TEXT,
            "org_id": ID,
        },
    ),
    "ProjectPage": _page("Project"),
    "Collaborator": thing(
        "A member of the organization in a project; the id is the membership's",
        {
            "account_id": ID,
            "avatar": MAYBE,
            "created_at": MOMENT,
            "display_name": MAYBE,
            "id": ID,
            "name": TEXT,
            "org_role": words(*dict.fromkeys(ORG_ROLES.values())),
            "profile": thing(
                "What she tells of herself",
                dict.fromkeys(("bio", "github", "location", "twitter", "website"), MAYBE),
            ),
            "project_id": ID,
            "role": words(*GRANTS),
        },
    ),
    "CollaboratorPage": _page("Collaborator"),
    "Integration": thing(
        "Who is told what happens in a project; the secret is there for who may change it",
        {
            "config": thing(
                "Where it goes: the URL of a webhook, with its secret, or a channel of Slack",
                {},
                dict.fromkeys(("url", "secret", "channel_id", "channel_name", "team_id", "team_name"), TEXT),
            ),
            "created_at": MOMENT,
            "id": ID,
            "notifications": thing("Which types of events are told", dict.fromkeys(FLAGS, FLAG)),
            "project_id": ID,
            "type": words("webhook", "slack"),
            "updated_at": MOMENT,
        },
    ),
}
