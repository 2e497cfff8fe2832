"""What the CI Sense wire answers, as schemas (cisense.md 3 and 5)."""

from __future__ import annotations

from api.schemas import FLAG, MOMENT, TEXT, Schema, listed, ref, thing, words


def _nid(prefix: str) -> Schema:
    return {"type": "string", "pattern": f"^{prefix}-[0-9A-Za-z]{{12}}$"}


USER, ACCOUNT, ORGANIZATION, PROJECT = (_nid(prefix) for prefix in ("usr", "acc", "org", "prj"))

_PERSON = {"user_nid": USER, "user_name": TEXT, "user_login": TEXT}
_ORGANIZATION = {
    "organization_nid": ORGANIZATION,
    "nid": ORGANIZATION,
    "organization_name": TEXT,
    "account_nid": ACCOUNT,
    "created_at": MOMENT,
}
_PROJECT = {"project_nid": PROJECT, "nid": PROJECT, "project_name": TEXT, "created_at": MOMENT}
# Which of them: a project belongs to an organization, or to a person's own account.
_OF = {"organization_nid": ORGANIZATION, "account_nid": ACCOUNT}

SCHEMAS: dict[str, Schema] = {
    "Error": thing("Why the request was refused", {"code": {"type": "integer"}, "message": TEXT}),
    "Person": thing("Who somebody is", _PERSON),
    "User": thing(
        "A person as Server Root sees her",
        {
            "user_nid": USER,
            "nid": USER,
            **_PERSON,
            "user_email": TEXT,
            "user_is_server_root": FLAG,
            "created_at": MOMENT,
        },
    ),
    "Account": thing(
        "A tenant",
        {
            "account_nid": ACCOUNT,
            "nid": ACCOUNT,
            "account_name": TEXT,
            "account_type": words("group", "personal"),
            "created_at": MOMENT,
        },
    ),
    "Organization": thing("An organization as lists show it", _ORGANIZATION),
    "OrganizationDetail": thing(
        "An organization with its members", {**_ORGANIZATION, "organization_members": listed(ref("Member"))}
    ),
    "Member": thing(
        "A person in an organization", {**_PERSON, "organization_role": words("member", "administrator")}
    ),
    "Project": thing("A project as lists show it", _PROJECT, _OF),
    "ProjectDetail": thing(
        "A project",
        {**_PROJECT, "project_external_id": PROJECT},
        {**_OF, "project_contact": ref("Person"), "project_git_url": TEXT},
    ),
}
