"""The CI Sense wire as its description begins (cisense.md 1 to 3)."""

from __future__ import annotations

from api.cisense.schemas import SCHEMAS
from api.openapi import Group, Wire
from api.schemas import ref

WIRE = Wire(
    title="Muster: CI Sense",
    version="3",
    about=(
        "Users, accounts, organizations, members and projects. Programs send an access token: "
        "`Authorization: Bearer …`. It acts as its person. A body is sent as `application/json`."
    ),
    urls="api.cisense.urls",
    root="/v3/",
    schemas=SCHEMAS,
    schemes={
        "accessToken": {"type": "http", "scheme": "bearer", "description": "An access token of a person"}
    },
    groups=(
        Group(
            "Accounts",
            "Group accounts: the tenants that organizations belong to",
            "getAccount deleteAccount",
        ),
        Group(
            "Organizations",
            "Organizations of an account, and who is in them",
            "listOrganizations createOrganization getOrganization deleteOrganization putMember removeMember",
        ),
        Group(
            "Projects",
            "Projects of an organization",
            "listProjects createProject getProject changeProject deleteProject",
        ),
        Group(
            "Server",
            "Everybody and everything on the instance, for operators",
            "listUsers deleteUser listAccounts listAllProjects",
        ),
        Group(
            "Description",
            "This description, for programs and for people",
            "getDescription showDescription",
        ),
    ),
    parameters={
        "nid": {"type": "string", "description": "The id of what is meant"},
        "user_nid": {"type": "string", "description": "The id of the person"},
    },
    always=(500, 503),
    secured=(400, 401),
    error=lambda status: ref("Error"),
)
