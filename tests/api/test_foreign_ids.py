"""Another tenant's ids on the wires beside Quay's, sent by who may do it at home: nothing told or done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from accounts import services as accounts
from core.publicids import base58, nid, short_id, time_id
from tests import make
from tests.checksum import snapshot
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from accounts.models import Organization, User
    from projects.models import Project

pytestmark = pytest.mark.django_db

# It stands wherever the other tenant can put words.
MARKER = "zanzibar"


class Tenant:
    """An organization with everything that ids lead to, and its owner's tokens of every wire."""

    def __init__(self, name: str, provider: str) -> None:
        self.owner: User = make.user(f"{name}-owner")
        self.member: User = make.user(f"{name}-member")
        self.acme: Organization = make.organization(name, self.owner, email=f"{name}@example.test")
        changes = {"provider": "gh", "provider_organization": provider, "description": f"{name} words"}
        accounts.change_organization(actor=make.SYSTEM, organization=self.acme, changes=changes)
        accounts.set_member_role(actor=make.SYSTEM, organization=self.acme, user=self.member, role="member")
        self.project: Project = make.project(self.acme, f"{name}-vault", description=f"{name} words")
        make.grant(self.project, "read", user=self.member)
        self.headers = {
            "cisense": {"authorization": f"Bearer {self.issue(Kind.ACCESS, user=self.owner)}"},
            "codacy": {"api-token": self.issue(Kind.ACCOUNT, user=self.owner)},
            "qodana": {"authorization": f"Bearer {self.issue(Kind.ORGANIZATION, organization=self.acme)}"},
            "person": {"authorization": f"Bearer {make.token(self.owner)}"},
            "flexstack": {"x-api-key": self.issue(Kind.KEY, organization=self.acme)},
        }
        self.token = tokens.create_token(
            actor=make.SYSTEM, kind=Kind.REPOSITORY, project=self.project, title=f"{name}-ci"
        )[0]
        self.own_token = self.owner.credentials.get(kind=Kind.ACCOUNT)
        self.ids = {
            "user": nid("usr", self.member.pk),
            "owner": nid("usr", self.owner.pk),
            "account": nid("acc", self.acme.account_id),
            "organization": nid("org", self.acme.pk),
            "project": nid("prj", self.project.pk),
            "provider": provider,
            "slug": self.project.slug,
            "token": str(self.token.pk),
            "own_token": str(self.own_token.pk),
            "short": short_id("organization", self.acme.pk),
            "short_project": short_id("project", self.project.pk),
            "flex": self._flex("project", self.project),
            "flex_org": self._flex("organization", self.acme),
            "flex_member": self._flex("member", self.acme.memberships.get(user=self.member)),
        }

    def issue(self, kind: Kind, **owner: Any) -> str:
        """Make a token and return its secret."""
        return tokens.create_token(actor=make.actor(self.owner), kind=kind, **owner)[1]

    @staticmethod
    def _flex(kind: str, row: Any) -> str:
        return base58(time_id(kind, row.pk, row.created_at))


REPO = "/api/v3/organizations/gh/{provider}/repositories/{slug}"
HOME = "/api/v3/organizations/gh/{home_provider}/repositories/{home_slug}"
FLEX = "/v1/projects/{flex}"
CONTACT = {"project_contact": {"user_nid": "<owner>"}}

# wire, method, path, body; every id in them is swapped
CALLS: list[tuple[str, str, str, Any]] = [
    ("cisense", "GET", "/v3/accounts/{account}", None),
    ("cisense", "DELETE", "/v3/accounts/{account}", None),
    ("cisense", "GET", "/v3/accounts/{account}/organizations", None),
    ("cisense", "POST", "/v3/accounts/{account}/organizations", {"organization_name": "mine"}),
    ("cisense", "GET", "/v3/organizations/{organization}", None),
    ("cisense", "DELETE", "/v3/organizations/{organization}", None),
    ("cisense", "PUT", "/v3/organizations/{organization}/members/{user}", {"organization_role": "member"}),
    ("cisense", "DELETE", "/v3/organizations/{organization}/members/{user}", None),
    ("cisense", "GET", "/v3/organizations/{organization}/projects", None),
    ("cisense", "POST", "/v3/organizations/{organization}/projects", {"project_name": "x", **CONTACT}),
    ("cisense", "POST", "/v3/organizations/{home}/projects", {"project_name": "x", **CONTACT}),
    ("cisense", "GET", "/v3/projects/{project}", None),
    ("cisense", "POST", "/v3/projects/{project}", {"project_name": "mine"}),
    ("cisense", "POST", "/v3/projects/{home_project}", CONTACT),
    ("cisense", "DELETE", "/v3/projects/{project}", None),
    ("cisense", "DELETE", "/v3/server/users/{user}", None),
    ("codacy", "GET", "/api/v3/organizations/gh/{provider}", None),
    ("codacy", "GET", "/api/v3/organizations/gh/{provider}/people", None),
    ("codacy", "GET", "/api/v3/user/organizations/gh/{provider}", None),
    ("codacy", "GET", "/api/v3/organizations/gh/{provider}/repositories?filter=AllSynced", None),
    ("codacy", "POST", "/api/v3/repositories", {"provider": "gh", "repositoryFullPath": "<provider>/x"}),
    ("codacy", "GET", REPO, None),
    ("codacy", "DELETE", REPO, None),
    ("codacy", "POST", f"{REPO}/follow", None),
    ("codacy", "DELETE", f"{REPO}/follow", None),
    ("codacy", "GET", f"{REPO}/tokens", None),
    ("codacy", "POST", f"{REPO}/tokens", None),
    ("codacy", "DELETE", f"{REPO}/tokens/{{token}}", None),
    ("codacy", "POST", f"{REPO}/tokens/delete", {"ids": [1]}),
    ("codacy", "DELETE", f"{HOME}/tokens/{{token}}", None),
    ("codacy", "GET", "/api/v3/organizations/gh/{home_provider}/repositories/{slug}", None),
    ("codacy", "DELETE", "/api/v3/user/tokens/{own_token}", None),
    ("person", "GET", "/api/v1/organizations/{short}/tokens", None),
    ("person", "POST", "/api/v1/organizations/{short}/tokens", None),
    ("person", "DELETE", "/api/v1/organizations/{short}/tokens", None),
    ("qodana", "GET", "/api/v1/public/organizations/projects/{short_project}", None),
    ("qodana", "GET", "/api/v1/public/organizations/projects?projectName={slug}", None),
    ("flexstack", "GET", "/v1/orgs/{flex_org}/projects", None),
    ("flexstack", "POST", "/v1/projects", {"name": "x", "org_id": "<flex_org>"}),
    ("flexstack", "GET", FLEX, None),
    ("flexstack", "PUT", FLEX, {"name": "mine"}),
    ("flexstack", "DELETE", FLEX, None),
    ("flexstack", "POST", f"{FLEX}/disconnect", None),
    ("flexstack", "GET", f"{FLEX}/collaborators", None),
    ("flexstack", "POST", f"{FLEX}/collaborators", {"member_ids": ["<flex_member>"]}),
    ("flexstack", "POST", "/v1/projects/{home_flex}/collaborators", {"member_ids": ["<flex_member>"]}),
    ("flexstack", "GET", "/v1/projects/{home_flex}/collaborators/{flex_member}", None),
    ("flexstack", "PUT", "/v1/projects/{home_flex}/collaborators/{flex_member}", {"role": "owner"}),
    ("flexstack", "DELETE", "/v1/projects/{home_flex}/collaborators/{flex_member}", None),
    ("flexstack", "GET", f"{FLEX}/integrations/notifications", None),
    (
        "flexstack",
        "POST",
        f"{FLEX}/integrations/notifications",
        {"type": "webhook", "config": {"url": "https://192.0.2.7/x"}, "notifications": {}},
    ),
]


def test_ids_of_another_tenant_lead_nowhere():
    home, other = Tenant("home", "home-inc"), Tenant(MARKER, f"{MARKER}-inc")
    ids = other.ids | {f"home_{key}": value for key, value in home.ids.items()}
    ids["home"] = home.ids["organization"]
    before, wrong = snapshot(), []
    for wire, method, path, body in CALLS:
        answer = _send(home.headers[wire], method, path.format(**ids), body, other.ids)
        told = answer.content.decode().replace(f"{MARKER}-inc", "").replace(f"{MARKER}-vault", "")
        if answer.status_code not in (400, 403, 404):
            wrong.append(f"{method} {path}: {answer.status_code} {told[:200]}")
        if MARKER in told:
            wrong.append(f"{method} {path} tells {told[:200]}")
    assert wrong == []
    assert snapshot() == before


def test_at_home_all_of_them_lead_somewhere():
    """The calls above are refused for whose the ids are, not for how they are formed."""
    home = Tenant("home", "home-inc")
    ids = home.ids | {f"home_{key}": value for key, value in home.ids.items()}
    ids["home"] = home.ids["organization"]
    missing = []
    for wire, method, path, body in CALLS:
        if method != "GET" or "?projectName" in path:
            continue
        answer = _send(home.headers[wire], method, path.format(**ids), body, home.ids)
        if answer.status_code != 200 and "no_organization_api_token" not in answer.content.decode():
            missing.append(f"{method} {path}: {answer.status_code} {answer.content[:200]!r}")
    assert missing == []


def _send(headers: dict[str, str], method: str, path: str, body: Any, ids: dict[str, str]) -> Any:
    text = "" if body is None else json.dumps(body)
    for key, value in ids.items():
        text = text.replace(f"<{key}>", value)
    kind = "application/json" if body is not None else ""
    return Client(headers=headers).generic(method, path, text, content_type=kind)
