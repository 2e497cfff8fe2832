"""The FlexStack wire as its description begins (flexstack.md 1 to 4)."""

from __future__ import annotations

from django.conf import settings

from api.flexstack.constants import CODES
from api.flexstack.schemas import SCHEMAS, error
from api.openapi import Group, Wire
from api.schemas import TEXT

WIRE = Wire(
    title="Muster: FlexStack",
    version="1",
    about=(
        "Projects and their collaborators. Programs send an API key of an organization: `X-API-Key: flex_…`. "
        "Ids are base58 of 22 characters; a UUID is taken, too. `PUT` replaces the whole."
    ),
    urls="api.flexstack.urls",
    root="/v1/",
    schemas=SCHEMAS,
    schemes={
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "An API key of an organization",
        },
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
            "Projects of the organizations that the credentials reach",
            "listProjects createProject listOrganizationProjects getProject updateProject "
            "deleteProject disconnectProject disconnectProjectByPut",
        ),
        Group(
            "Collaborators",
            "Members of the organization with a role in a project",
            "listCollaborators addCollaborators getCollaborator updateCollaborator removeCollaborator",
        ),
        Group(
            "Notification integrations",
            "Who is told what happens in a project",
            "listNotificationsIntegrations createNotificationsIntegration "
            "getNotificationsIntegration updateNotificationsIntegration "
            "deleteNotificationsIntegration",
        ),
    ),
    parameters={
        "project_id": TEXT | {"description": "The id of the project"},
        "member_id": TEXT | {"description": "The id of the membership"},
        "integration_id": TEXT | {"description": "The id of the integration"},
        "org_id": TEXT | {"description": "The id of the organization"},
    },
    # The contract has these nine on every operation, and no other is answered.
    always=tuple(CODES),
    secured=(),
    error=error,
)
