"""The FlexStack wire's world: an organization, everybody around it with sessions and keys, another tenant."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts import services as accounts
from accounts.models import Membership, Organization, User
from core.publicids import base58, time_id
from notifications import services as notifications
from notifications.models import Subscription
from projects.models import Project
from tests import make
from tests.api import describing
from tests.staging import stand
from tokens import services as tokens
from tokens.kinds import Kind

# With sessions; `viewer`, `contributor` and `keeper` hold grants on `web`, `outsider` without being a member.
PEOPLE = (
    "stranger", "rival", "outsider", "member", "creator", "viewer", "contributor", "keeper",
    "teamadmin", "admin", "owner", "root", "auditor",
)  # fmt: skip
# With `X-API-Key`: the organization's, another's, one that was revoked, and tokens that are no API keys.
KEYS = ("key", "otherkey", "revoked", "access", "robot", "project")

HOOK = "https://192.0.2.7/hook"
SWITCHES: dict[str, Any] = {"READONLY_SUPERUSERS": frozenset({"auditor"}), "EGRESS_ALLOW": ["192.0.2.0/24"]}


def own(kind: str, row: Any) -> str:
    return base58(time_id(kind, row.pk, row.created_at))


@dataclass
class World:
    """People and things, and what is called for them."""

    acme: Organization
    globex: Organization
    web: Project
    vault: Project
    people: dict[str, User]
    keys: dict[str, str]
    hook: Subscription
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, name: str) -> Client:
        """Return the client of a principal; "" is nobody."""
        if name not in self.clients:
            if name in self.people:
                self.clients[name] = Client()
                self.clients[name].force_login(self.people[name])
            else:
                headers = {"x-api-key": self.keys[name]} if name else {}
                self.clients[name] = Client(headers=headers)
        return self.clients[name]

    def member(self, name: str) -> Membership:
        return Membership.objects.get(organization=self.acme, user=self.people[name])

    def ids(self) -> dict[str, str]:
        """Return the ids of everything by name."""
        found: dict[str, str] = {
            row.user.username: own("member", row) for row in self.acme.memberships.select_related("user")
        }
        rival = Membership.objects.get(organization=self.globex)
        found |= {
            "acme": own("organization", self.acme),
            "globex": own("organization", self.globex),
            "web": own("project", self.web),
            "vault": own("project", self.vault),
            "rival": own("member", rival),
            "hook": own("integration", self.hook),
            "nothing": "1CAjFu471zu6KptY3ZaDKe",
        }
        return found

    def call(self, name: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call as a principal; ``{acme}`` in the path and ``<acme>`` in the body become ids."""
        ids = self.ids()
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            for key, value in ids.items():
                text = text.replace(f"<{key}>", value)
            more = {"data": text, "content_type": "application/json"} | more
        address = "/v1/" + path.format(**ids)
        answer = self.client(name).generic(method, address, **more)
        describing.check("flexstack", method, address, answer)
        return answer


def told(answer: Any, status: int = 200) -> Any:
    """Return the JSON of an answer that has this status."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    return json.loads(answer.content)


def refused(answer: Any, status: int, code: str) -> dict[str, str]:
    """Return an error object, whose form is checked."""
    body: dict[str, str] = told(answer, status)
    assert {"code", "message"} <= set(body) <= {"cause", "code", "message"}
    assert body["code"] == code
    assert {type(value) for value in body.values()} == {str}
    assert all(body.values())
    return body


def build() -> World:
    """Make the world; `SWITCHES` must be on."""
    people = {name: make.user(name, superuser=name == "root") for name in PEOPLE}
    acme = make.organization("acme", people["owner"])
    globex = make.organization("globex", people["rival"])
    for name in ("member", "creator", "viewer", "contributor", "keeper", "admin"):
        role = name if name in ("creator", "admin") else "member"
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=people[name], role=role)
    make.member(make.team(acme, "admins", role="admin"), people["teamadmin"])
    web = make.project(acme, "web")
    grants = {"viewer": "read", "contributor": "write", "keeper": "admin", "outsider": "read"}
    for name, grant in grants.items():
        make.grant(web, grant, user=people[name])
    vault = make.project(globex, "vault", description="a secret of globex", visibility="public")
    robot = make.robot(acme)
    make.grant(web, "admin", robot=robot)

    def key(**owner: Any) -> tuple[Any, str]:
        kind = owner.pop("kind", Kind.KEY)
        return tokens.create_token(actor=make.SYSTEM, kind=kind, **owner)

    spent, revoked = key(organization=acme)
    tokens.revoke_token(actor=make.SYSTEM, credential=spent)
    _, robot_secret = tokens.issue(kind=Kind.ROBOT, robot=robot)
    keys = {
        "key": key(organization=acme)[1],
        "otherkey": key(organization=globex)[1],
        "revoked": revoked,
        "access": key(kind=Kind.ACCESS, user=people["owner"])[1],
        "robot": robot_secret,
        "project": key(kind=Kind.PROJECT, project=web)[1],
    }
    hook = notifications.create_integration(
        actor=make.SYSTEM, project=web, url=HOOK, flags={"services_ok": True}
    )
    return World(acme, globex, web, vault, people, keys, hook)


@pytest.fixture
def standing_world(request):
    with override_settings(**SWITCHES):
        return stand(build, request)


@pytest.fixture
def world(standing_world, db, settings):
    for name, value in SWITCHES.items():
        setattr(settings, name, value)
    return standing_world or build()
