"""One domain behind five wires: what is made by one is there in all others, and the log tells by which."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from accounts import services as accounts
from core import publicids
from logs.models import LogEntry
from projects.models import Project
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import Organization, User

pytestmark = pytest.mark.django_db


@dataclass
class Wire:
    """How one wire is called: the headers of its token, and the path and body of each act on a project."""

    name: str
    headers: dict[str, str]
    create: tuple[str, dict[str, Any]]
    path: Callable[[Project], str]
    # How its own words name the project in what it answers.
    shown: Callable[[Any], str]
    change: tuple[str, str, dict[str, Any]] | None = None
    deletes: bool = True
    credential: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the wire."""
        sent = "" if body is None else json.dumps(body)
        kind = "application/json" if body is not None else ""
        return Client(headers=self.headers).generic(method, path, sent, content_type=kind)


def wires(owner: User, acme: Organization) -> dict[str, Wire]:
    """Return the five wires, each with a token of the owner, or of the organization where it has those."""
    actor = make.actor(owner)

    def token(kind: Kind, **of: Any) -> str:
        return tokens.create_token(actor=actor, kind=kind, title=f"{kind} token", **of)[1]

    quay = make.token(owner, title="oauth token")
    cisense, codacy = token(Kind.ACCESS, user=owner), token(Kind.ACCOUNT, user=owner)
    qodana = token(Kind.ORGANIZATION, organization=acme)
    flexstack = token(Kind.KEY, organization=acme)
    repositories = "/api/v3/organizations/gh/acme-inc/repositories"
    contact = {"user_nid": publicids.nid("usr", owner.pk)}
    found = [
        Wire(
            "quay",
            {"authorization": f"Bearer {quay}"},
            ("/api/v1/repository", {"namespace": "acme", "visibility": "private", "description": ""}),
            lambda project: f"/api/v1/repository/acme/{project.slug}",
            lambda body: str(body["name"]),
            ("PUT", "{path}", {"description": "by quay"}),
        ),
        Wire(
            "qodana",
            {"authorization": f"Bearer {qodana}"},
            ("/api/v1/public/organizations/projects", {"teamName": "builders"}),
            lambda project: (
                f"/api/v1/public/organizations/projects/{publicids.short_id('project', project.pk)}"
            ),
            lambda body: str(body["name"]),
            deletes=False,
        ),
        Wire(
            "codacy",
            {"api-token": codacy},
            ("/api/v3/repositories", {"provider": "gh"}),
            lambda project: f"{repositories}/{project.slug}",
            lambda body: str(body["data"]["name"]),
            ("POST", "{path}/tokens", {}),
        ),
        Wire(
            "cisense",
            {"authorization": f"Bearer {cisense}"},
            (
                f"/v3/organizations/{publicids.nid('org', acme.pk)}/projects",
                {"project_contact": contact},
            ),
            lambda project: f"/v3/projects/{publicids.nid('prj', project.pk)}",
            lambda body: str(body["project"]["project_name"]),
            ("POST", "{path}", {"project_git_url": "https://git.example.test/web.git"}),
        ),
        Wire(
            "flexstack",
            {"x-api-key": flexstack},
            ("/v1/projects", {}),
            lambda project: (
                "/v1/projects/"
                + publicids.base58(publicids.time_id("project", project.pk, project.created_at))
            ),
            lambda body: str(body["name"]),
            ("PUT", "{path}", {"name": "web", "description": "by flexstack"}),
        ),
    ]
    return {wire.name: wire for wire in found}


# The key under which each wire's creation takes the name, and the name in its form.
NAMED = {
    "quay": ("repository", "web"),
    "qodana": ("projectName", "web"),
    "codacy": ("repositoryFullPath", "acme-inc/web"),
    "cisense": ("project_name", "web"),
    "flexstack": ("name", "web"),
}
NAMES = list(NAMED)


@pytest.fixture
def acme():
    owner = make.user("owner")
    acme = make.organization("acme", owner)
    changes = {"provider": "gh", "provider_organization": "acme-inc"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=changes)
    return acme


@pytest.mark.parametrize("maker", NAMES)
def test_what_one_wire_makes_all_others_read_change_and_delete(acme, maker):
    owner = acme.memberships.get().user
    all_wires = wires(owner, acme)
    others = [name for name in NAMES if name != maker]
    for other in [*others, maker]:
        make_it(all_wires[maker])
        project = Project.objects.get(namespace=acme.namespace, slug="web", deleted_at=None)
        for wire in all_wires.values():
            answer = wire.call("GET", wire.path(project))
            assert answer.status_code == 200, (maker, wire.name, answer.content)
            assert wire.shown(answer.json()) == "web"
        changing = all_wires[other]
        if changing.change is not None:
            method, path, body = changing.change
            answer = changing.call(method, path.format(path=changing.path(project)), body)
            assert answer.status_code in (200, 201), (maker, other, answer.content)
            assert last(project).dialect == other
        # What a wire cannot delete, the next one does.
        deleting = changing if changing.deletes else all_wires["quay"]
        answer = deleting.call("DELETE", deleting.path(project))
        assert answer.status_code == 204, (maker, deleting.name, answer.content)
        gone = LogEntry.objects.filter(kind="delete_repo").latest("pk")
        assert gone.dialect == deleting.name
        assert gone.credential is not None
        assert gone.performer_name == ("acme" if deleting.name == "flexstack" else "owner")
        for wire in all_wires.values():
            assert wire.call("GET", wire.path(project)).status_code == 404, (deleting.name, wire.name)


def make_it(wire: Wire) -> None:
    """Create the project ``web`` by a wire, and look at what the log says."""
    path, body = wire.create
    key, name = NAMED[wire.name]
    answer = wire.call("POST", path, {**body, key: name})
    assert answer.status_code in (200, 201), (wire.name, answer.content)
    made = LogEntry.objects.filter(kind="create_repo").latest("pk")
    assert (made.dialect, made.namespace_name) == (wire.name, "acme")
    assert made.credential is not None
    assert made.credential_name


def last(project: Project) -> LogEntry:
    """Return the newest entry of a project."""
    return LogEntry.objects.filter(project=project).latest("pk")


def test_an_organization_of_one_wire_is_there_in_all_others(acme):
    owner = acme.memberships.get().user
    all_wires = wires(owner, acme)
    quay, cisense = all_wires["quay"], all_wires["cisense"]
    assert quay.call("POST", "/api/v1/organization/", {"name": "second"}).status_code == 201
    second = owner.memberships.get(organization__slug="second").organization
    path = f"/v3/organizations/{publicids.nid('org', second.pk)}"
    assert cisense.call("GET", path).json()["organization"]["organization_name"] == "second"
    account = publicids.nid("acc", acme.account_id)
    made = cisense.call("POST", f"/v3/accounts/{account}/organizations", {"organization_name": "Third One"})
    assert made.status_code == 200
    answer = quay.call("GET", "/api/v1/organization/third-one")
    assert (answer.status_code, answer.json()["is_admin"]) == (200, True)
    third = owner.memberships.get(organization__slug="third-one").organization
    in_third = wires(owner, third)
    assert in_third["qodana"].call("GET", "/api/v1/public/organizations/users").json()["count"] == 1
    assert in_third["flexstack"].call("GET", "/v1/projects").json()["data"] == []
    changes = {"provider": "gl", "provider_organization": "third"}
    accounts.change_organization(actor=make.actor(owner), organization=third, changes=changes)
    assert all_wires["codacy"].call("GET", "/api/v3/organizations/gl/third").status_code == 200
    # Deleted by one, it is gone from all, and its tokens with it.
    assert quay.call("DELETE", "/api/v1/organization/third-one").status_code == 204
    assert cisense.call("GET", f"/v3/organizations/{publicids.nid('org', third.pk)}").status_code == 404
    assert in_third["qodana"].call("GET", "/api/v1/public/organizations/users").status_code == 403
    assert in_third["flexstack"].call("GET", "/v1/projects").status_code == 401
    assert all_wires["codacy"].call("GET", "/api/v3/organizations/gl/third").status_code == 404
