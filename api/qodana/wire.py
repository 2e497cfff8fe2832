"""The Qodana wire as its description begins (qodana.md 1 to 3)."""

from __future__ import annotations

from django.conf import settings

from api.openapi import Group, Wire
from api.qodana.constants import API_VERSION
from api.qodana.schemas import ID, SCHEMAS
from api.schemas import Schema, ref


def _bearer(about: str) -> Schema:
    return {"type": "http", "scheme": "bearer", "description": about}


WIRE = Wire(
    title="Muster: Qodana",
    version=f"{API_VERSION}.0",
    about=(
        "Projects with their tokens, and the people of an organization. Programs send the organization's API "
        "token: `Authorization: Bearer …`. A body is read as JSON whatever its content type says."
    ),
    urls="api.qodana.urls",
    root="/",
    schemas=SCHEMAS,
    schemes={
        "organizationToken": _bearer("The API token of an organization"),
        "projectToken": _bearer("The token of a project"),
        "personToken": _bearer("An access token, or an API token, of a person"),
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of a browser; what changes something needs its CSRF token, too",
        },
    },
    groups=(
        Group(
            "Projects",
            "Projects with their tokens; a project is made when its token is first asked for",
            "getProjectByName getProjectToken getProject getProjectTokenAsText getOwnProject",
        ),
        Group(
            "Users",
            "Members of the organization, and who is invited",
            "getOrganizationUsers",
        ),
        Group(
            "Organization token",
            "The token that an organization's programs send, for its administrators",
            "getOrganizationToken createOrganizationToken deleteOrganizationToken",
        ),
        Group(
            "Inspections",
            "What Qodana would tell of code, which nobody analyses here",
            "getInspections queryProjectInsights queryInspectionInsights",
        ),
        Group(
            "Instance",
            "Which versions are spoken, and where",
            "getVersions",
        ),
    ),
    parameters={
        "project_id": ID | {"description": "The id of the project"},
        "organization_id": ID | {"description": "The id of the organization"},
    },
    always=(400, 500, 503),
    secured=(401, 403),
    error=lambda status: ref("APIError"),
)
