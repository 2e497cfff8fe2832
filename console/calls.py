"""The calls that do on the wires what pages show: one table, from which dialogs and quick starts are made."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from string import Formatter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext_noop

from core.publicids import base58, nid, short_id, time_id
from core.words import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accounts.models import Organization, User
    from projects.models import Project


@dataclass(frozen=True)
class Wire:
    """An API: below which path it is, how its token is sent, which one that is, and where one makes it.

    What is ``about`` it and its ``token`` are told in the reader's language by `in_words`.
    ``place`` is a page of the console with the dialog that makes a token, of the organization if
    ``of_organization``. ``calls`` are those to begin with.
    """

    name: str
    title: str
    about: str
    root: str
    header: str
    token: str
    place: str
    calls: tuple[Call, ...]
    of_organization: bool = False


@dataclass(frozen=True)
class Call:
    """A call of a wire; ``path`` stands below its root, with the names of `names_of` in it."""

    wire: str
    words: str
    path: str
    method: str = "GET"
    body: str = ""


@dataclass(frozen=True)
class Command:
    """A call as people copy it: which wire, what it is for, and the command line."""

    wire: Wire
    words: str
    text: str


BEARER = "Authorization: Bearer $TOKEN"

_FIRST_QUAY = (
    Call("quay", "Who am I?", "user/"),
    Call("quay", "An organization, with its teams", "organization/{org}"),
    Call(
        "quay",
        "Make a team, or change it: the same call twice does no harm",
        "organization/{org}/team/first-steps",
        method="PUT",
        body='{"role": "member", "description": "Made with curl"}',
    ),
)
_FIRST_QODANA = (
    Call("qodana", "Which versions are spoken", "/api/versions"),
    Call("qodana", "The people of the organization", "public/organizations/users"),
    Call(
        "qodana",
        "The token of a project, which is made when it is first asked for",
        "public/organizations/projects",
        method="POST",
        body='{"teamName": "First steps", "projectName": "first-steps"}',
    ),
)
_FIRST_CODACY = (
    Call("codacy", "Who am I?", "user"),
    Call("codacy", "My organizations that are linked to a Git provider", "user/organizations"),
    Call("codacy", "My tokens, without their secrets", "user/tokens"),
)
_FIRST_CISENSE = (
    Call("cisense", "My own account", "accounts/{own_nid}"),
    Call("cisense", "An organization, with its members", "organizations/{org_nid}"),
    Call("cisense", "Its projects", "organizations/{org_nid}/projects"),
)
_FIRST_FLEXSTACK = (
    Call("flexstack", "The newest projects that the key reaches", "projects?limit=5&sort=-created_at"),
    Call("flexstack", "The projects of an organization", "orgs/{org_id}/projects"),
    Call("flexstack", "The oldest of them", "orgs/{org_id}/projects?limit=1&sort=%2Bcreated_at"),
)

WIRES = {
    wire.name: wire
    for wire in (
        Wire(
            "quay",
            "Quay",
            gettext_noop(
                "The whole of Muster: organizations, teams, robots, repositories, logs, quotas, and what "
                "operators do. Tools for Project Quay speak it."
            ),
            "/api/v1/",
            BEARER,
            gettext_noop("an API token of yours, with the scopes that the calls need"),
            "tokens",
            _FIRST_QUAY,
        ),
        Wire(
            "codacy",
            "Codacy",
            gettext_noop(
                "Organizations as a Git provider names them, their people and repositories, and tokens of "
                "both."
            ),
            "/api/v3/",
            "api-token: $TOKEN",
            gettext_noop("an account API token of yours"),
            "tokens",
            _FIRST_CODACY,
        ),
        Wire(
            "cisense",
            "CI Sense",
            gettext_noop("Accounts, organizations with their members, and projects with a contact."),
            "/v3/",
            BEARER,
            gettext_noop("an access token of yours"),
            "tokens",
            _FIRST_CISENSE,
        ),
        Wire(
            "flexstack",
            "FlexStack",
            gettext_noop("Projects of an organization, their collaborators, and where news of them goes."),
            "/v1/",
            "X-API-Key: $TOKEN",
            gettext_noop("an API key of the organization"),
            "settings",
            _FIRST_FLEXSTACK,
            of_organization=True,
        ),
        Wire(
            "qodana",
            "Qodana",
            gettext_noop(
                "Tokens of projects by the names of team and project, made when first asked for; and people."
            ),
            "/api/v1/",
            BEARER,
            gettext_noop("the API token of the organization"),
            "settings",
            _FIRST_QODANA,
            of_organization=True,
        ),
    )
}

# What a page shows, by the name of its address.
_ORGANIZATION = Call("quay", "The organization, with its teams", "organization/{org}")
_LINKED = Call("codacy", "The organization", "organizations/{linked}")
PAGES: dict[str, tuple[Call, ...]] = {
    "home": (
        Call("quay", "Me, with my organizations", "user/"),
        Call("codacy", "My organizations", "user/organizations"),
    ),
    "account": (Call("quay", "Me", "user/"), Call("codacy", "Me", "user")),
    "tokens": (
        Call("quay", "My app-specific tokens", "user/apptoken"),
        Call("codacy", "My account API tokens", "user/tokens"),
    ),
    "authorizations": (Call("quay", "What acts in my name", "user/authorizations"),),
    "notices": (Call("quay", "What I am told", "user/notifications"),),
    "overview": (
        _ORGANIZATION,
        _LINKED,
        Call("cisense", "The organization, with its members", "organizations/{org_nid}"),
    ),
    "members": (
        Call("quay", "Members", "organization/{org}/members"),
        Call("codacy", "Members", "organizations/{linked}/people"),
        Call("cisense", "The organization, with its members", "organizations/{org_nid}"),
        Call("qodana", "Members and invited people", "public/organizations/users"),
    ),
    "teams": (_ORGANIZATION,),
    "team": (Call("quay", "Who is in the team", "organization/{org}/team/{teamname}/members"),),
    "projects": (
        Call("quay", "Projects", "repository?namespace={org}"),
        Call("codacy", "Projects", "organizations/{linked}/repositories"),
        Call("cisense", "Projects", "organizations/{org_nid}/projects"),
        Call("flexstack", "Projects", "orgs/{org_id}/projects"),
    ),
    "project": (
        Call("quay", "The project", "repository/{org}/{project}"),
        Call("codacy", "The project", "organizations/{linked}/repositories/{project_part}"),
        Call("cisense", "The project", "projects/{project_nid}"),
        Call("flexstack", "The project", "projects/{project_id}"),
        Call("qodana", "The project", "public/organizations/projects/{project_short}"),
    ),
    "robots": (Call("quay", "Robots", "organization/{org}/robots"),),
    "robot": (
        Call("quay", "The robot, with its token", "organization/{org}/robots/{shortname}"),
        Call("quay", "What it may do", "organization/{org}/robots/{shortname}/permissions"),
    ),
    "applications": (Call("quay", "Applications", "organization/{org}/applications"),),
    "application": (Call("quay", "The application", "organization/{org}/applications/{client_id}"),),
    "logs": (
        Call("quay", "The usage log", "organization/{org}/logs"),
        Call("quay", "Its entries by day", "organization/{org}/aggregatelogs"),
    ),
    "settings": (
        _ORGANIZATION,
        Call("quay", "Its storage quota", "organization/{org}/quota"),
        _LINKED,
    ),
}


def names_of(
    *,
    user: User | None = None,
    organization: Organization | None = None,
    project: Project | None = None,
    parts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return what stands in paths, quoted, by its name; what is not there is left out.

    ``parts`` are the names in the page's own address.
    """
    found = {name: quote(str(part), safe="") for name, part in (parts or {}).items()}
    if user is not None:
        found["own_nid"] = nid("acc", user.personal_account.pk)
    if organization is not None:
        found |= {
            "org": quote(organization.slug, safe=""),
            "org_nid": nid("org", organization.pk),
            "org_id": base58(time_id("organization", organization.pk, organization.created_at)),
        }
        if organization.provider and organization.provider_organization:
            linked = quote(organization.provider_organization, safe="")
            found["linked"] = f"{organization.provider}/{linked}"
    if project is not None:
        found |= {
            "project": quote(project.slug),
            "project_part": quote(project.slug, safe=""),
            "project_nid": nid("prj", project.pk),
            "project_id": base58(time_id("project", project.pk, project.created_at)),
            "project_short": short_id("project", project.pk),
        }
    return found


def in_words(wire: Wire) -> Wire:
    """Return a wire with its words in the language of who reads."""
    return replace(wire, about=told(wire.about), token=told(wire.token))


def commands(calls: tuple[Call, ...], names: Mapping[str, str]) -> Iterator[Command]:
    """Yield the command line of each call whose names are all there."""
    for call in calls:
        if all(name is None or name in names for _, name, _, _ in Formatter().parse(call.path)):
            wire = in_words(WIRES[call.wire])
            yield Command(wire, told(call.words), _command(wire, call, call.path.format(**names)))


def _command(wire: Wire, call: Call, path: str) -> str:
    parts = ["curl -fsS" if call.method == "GET" else f"curl -fsS -X {call.method}", f'-H "{wire.header}"']
    if call.body:
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(call.body)}"]
    parts.append(shlex.quote(settings.PUBLIC_URL + (path if path.startswith("/") else wire.root + path)))
    return " \\\n  ".join(parts)
