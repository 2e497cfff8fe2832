"""The Codacy wire as its description begins (codacy.md 1 to 4)."""

from __future__ import annotations

from api.codacy.constants import PROVIDERS, VERSION
from api.codacy.schemas import SCHEMAS, error
from api.openapi import Group, Wire
from api.schemas import words

WIRE = Wire(
    title="Muster: Codacy",
    version=VERSION,
    about=(
        "Repositories of organizations that are linked to a Git provider's, and tokens of people and "
        "repositories. Programs send an account API token: `api-token: …`. Lists come in pages; the last has "
        "no `cursor`."
    ),
    urls="api.codacy.urls",
    root="/api/v3/",
    schemas=SCHEMAS,
    schemes={
        "accountToken": {
            "type": "apiKey",
            "in": "header",
            "name": "api-token",
            "description": "An account API token; it acts as its person",
        },
        "repositoryToken": {
            "type": "apiKey",
            "in": "header",
            "name": "project-token",
            "description": "A repository API token; it reads its own repository",
        },
    },
    groups=(
        Group(
            "Account",
            "Who calls, and her organizations",
            "getUser listUserOrganizations listUserOrganizationsOfProvider getUserOrganization",
        ),
        Group(
            "Account tokens",
            "Tokens of the caller, which act as she does",
            "getUserApiTokens createUserApiToken deleteUserApiToken",
        ),
        Group(
            "Organizations",
            "Organizations that are linked to a Git provider's",
            "getOrganization",
        ),
        Group(
            "People",
            "Who is in an organization",
            "listPeopleFromOrganization",
        ),
        Group(
            "Repositories",
            "Repositories of an organization",
            "listOrganizationRepositories addRepository getRepository deleteRepository "
            "followRepository unfollowRepository",
        ),
        Group(
            "Repository tokens",
            "Tokens that read one repository",
            "listRepositoryApiTokens createRepositoryApiToken deleteRepositoryApiToken "
            "deleteRepositoryApiTokens",
        ),
        Group(
            "Instance",
            "Whether it answers, and in which version",
            "getVersion health",
        ),
    ),
    parameters={
        "provider": {**words(*PROVIDERS), "description": "The code of the Git provider"},
        "organization": {"type": "string", "description": "The name of the organization at the Git provider"},
        "repository": {"type": "string", "description": "The name of the repository; it may hold slashes"},
        "token_id": {
            "type": "integer",
            "minimum": 0,
            "maximum": 10**18 - 1,
            "description": "The id of the token",
        },
    },
    always=(400, 422, 500, 503),
    secured=(401, 429),
    error=error,
)
