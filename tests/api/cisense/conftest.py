"""The CI Sense wire's world: an organization in a group account, everybody around it, another tenant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import Organization, User
from core.publicids import nid
from projects.models import Project
from tests import make
from tests.api import describing
from tests.staging import stand
from tokens import services as tokens
from tokens.kinds import Kind

PEOPLE = ("stranger", "rival", "member", "reader", "admin", "teamadmin", "owner", "root")


@dataclass
class World:
    """People and things, and what is called for them."""

    acme: Organization
    globex: Organization
    web: Project
    vault: Project
    people: dict[str, User]

    def secret(self, name: str) -> str:
        """Return a new access token of a person."""
        user = self.people[name]
        _, secret = tokens.create_token(actor=make.actor(user), kind=Kind.ACCESS, user=user, title="t")
        return secret

    def call(self, name: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call as a person, or as nobody for ""; ``{acme}`` and the like in path and body become ids."""
        if name:
            headers.setdefault("authorization", f"Bearer {self.secret(name)}")
        sent: dict[str, Any] = {"headers": headers}
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            for key, value in self.ids().items():
                text = text.replace(f"<{key}>", value)
            sent |= {"data": text, "content_type": "application/json"}
        address = "/v3/" + path.format(**self.ids())
        answer = Client().generic(method, address, **sent)
        describing.check("cisense", method, address, answer)
        return answer

    def ids(self) -> dict[str, str]:
        """Return the ids of everything by name."""
        found = {name: nid("usr", user.pk) for name, user in self.people.items()}
        for organization in (self.acme, self.globex):
            found[organization.slug] = nid("org", organization.pk)
            found[f"{organization.slug}-account"] = nid("acc", organization.account_id)
        return found | {
            "web": nid("prj", self.web.pk),
            "vault": nid("prj", self.vault.pk),
            "own-account": nid("acc", self.people["member"].personal_account.pk),
        }


def build() -> World:
    people = {name: make.user(name, superuser=name == "root") for name in PEOPLE}
    acme = make.organization("acme", people["owner"])
    globex = make.organization("globex", people["rival"])
    for name, role in (("member", "member"), ("reader", "member"), ("admin", "admin")):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=people[name], role=role)
    make.member(make.team(acme, "admins", role="admin"), people["teamadmin"])
    web = make.project(acme, "web", contact=people["owner"])
    make.grant(web, "read", user=people["reader"])
    vault = make.project(globex, "vault", description="a secret of globex")
    return World(acme, globex, web, vault, people)


@pytest.fixture
def standing_world(request):
    return stand(build, request)


@pytest.fixture
def world(standing_world, db):
    return standing_world or build()
