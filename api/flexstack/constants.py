"""What the FlexStack contract infers, in one place: a capture of the real server corrects it here."""

from __future__ import annotations

import re

# Words of paths, the first of each as the contract has it, the others served beside it (flexstack.md 6).
PROJECTS = r"(?:projects|project)"
COLLABORATORS = r"(?:collaborators|collaborator)"
ORGANIZATIONS = r"(?:orgs|org|organizations)"
INTEGRATIONS = r"(?:integrations/notifications|notifications/integrations|notifications-integrations)"

# The kinds of things that ids name (`core.publicids.time_id`).
ORGANIZATION, PROJECT, MEMBER, ACCOUNT, INTEGRATION = (
    "organization",
    "project",
    "member",
    "account",
    "integration",
)

# role of a grant -> role in a project, and back (flexstack.md 7)
ROLES = {"admin": "owner", "write": "contributor", "read": "viewer"}
GRANTS = {role: grant for grant, role in ROLES.items()}
# role of a membership -> role in an organization
ORG_ROLES = {"owner": "owner", "admin": "admin", "creator": "member", "member": "member", "auditor": "member"}

LIMIT, LIMIT_MAX = 20, 240
# value of ``sort`` -> newest first
SORTS = {"created_at": False, "+created_at": False, "-created_at": True}
SORT = "-created_at"

NAME_MAX = 100
ICON_MAX = 1024
ICON = re.compile(r"(icon|emoji|url):(.+)")
MEMBERS_MAX = 100

# The types of integrations. The contract makes webhooks only (flexstack.md 6.14); Slack is made by the same
# call where the operator has connected it, and refused as any unknown type where not.
TYPES = ("webhook", "slack")
NEEDED = {"webhook": "url", "slack": "channel_id"}
URL_MAX, CHANNEL_MAX = 2048, 25

WINDOW_SECONDS = 60

# status -> the constant that an error carries (flexstack.md 3); no operation answers any other
CODES = {
    400: "bad_input",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    429: "rate",
    500: "internal",
    501: "not_implemented",
}
