"""An auditor on every wire: its word for her is that of a member, she reads all, and learns no secret."""

import json

import pytest
from django.test import Client

from accounts import services as accounts
from core.publicids import base58, nid, time_id
from notifications import services as notifications
from tests import make
from tests.api.quay.world import bearer
from tokens import services as tokens
from tokens.kinds import Kind

pytestmark = pytest.mark.django_db
HOOK = {"url": "https://hooks.example.com/services/T0/opensesame"}


@pytest.fixture
def acme():
    acme = make.organization("acme", make.user("owner"))
    link = {"provider": "gh", "provider_organization": "acme-inc"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=link)
    eve = make.user("eve")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=eve, role="auditor")
    web = make.project(acme, "web")
    make.project(acme, "docs")
    make.grant(web, "write", user=eve)
    return acme


@pytest.fixture
def eve(acme):
    return acme.memberships.get(role="auditor").user


def told(answer, status=200):
    assert answer.status_code == status, answer.content
    return json.loads(answer.content)


def test_quay_calls_her_a_member_and_shows_her_no_secret(acme, eve):
    robot = make.robot(acme, "ci")
    secret = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot)
    rocket = tokens.create_application(actor=make.SYSTEM, organization=acme, name="Rocket")
    for owner in ({"namespace": acme.namespace}, {"project": acme.namespace.projects.get(slug="docs")}):
        notifications.create_subscription(
            actor=make.SYSTEM, event="quota_warning", method="slack", config=HOOK, flat=True, **owner
        )
    client = bearer(make.token(eve))
    shown = told(client.get("/api/v1/organization/acme"))
    assert (shown["is_member"], shown["is_admin"], "invoice_email" in shown) == (True, False, True)
    assert shown["teams"]["owners"]["can_view"]
    own = told(client.get("/api/v1/user/"))["organizations"]
    assert [(one["is_org_admin"], one["can_create_repo"]) for one in own] == [(False, False)]
    found = told(client.get("/api/v1/repository?namespace=acme"))["repositories"]
    assert {one["name"] for one in found} == {"web", "docs"}
    docs, web = (told(client.get(f"/api/v1/repository/acme/{name}")) for name in ("docs", "web"))
    assert [(one["can_write"], one["can_admin"]) for one in (docs, web)] == [(False, False), (True, False)]
    pages = [
        client.get(f"/api/v1/{path}").content.decode()
        for path in (
            "organization/acme/robots",
            "organization/acme/robots/ci",
            "organization/acme/applications",
            "organization/acme/notifications",
            "repository/acme/docs/notification/",
        )
    ]
    for hidden in (secret, rocket.client_secret, "opensesame"):
        assert not any(hidden in page for page in pages)
    assert all("hooks.example.com" in page for page in pages[3:])
    by_owner = bearer(make.token(acme.memberships.get(role="owner").user))
    assert "opensesame" in by_owner.get("/api/v1/organization/acme/notifications").content.decode()


def test_qodana_calls_her_a_viewer(acme, eve):
    _, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme)
    answer = Client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/public/organizations/users")
    assert '"role":"VIEWER"' in answer.content.decode()
    assert {one["role"] for one in told(answer)["items"]} == {"OWNER", "VIEWER"}


def test_ci_sense_calls_her_a_member(acme, eve):
    _, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.ACCESS, user=eve, title="t")
    client, path = (
        Client(headers={"authorization": f"Bearer {secret}"}),
        f"/v3/organizations/{nid('org', acme.pk)}",
    )
    people = told(client.get(path))["organization"]["organization_members"]
    roles = {one["user_nid"]: one["organization_role"] for one in people}
    assert roles[nid("usr", eve.pk)] == "member"
    assert len(told(client.get(f"{path}/projects"))["projects"]) == 2
    assert client.delete(path).status_code == 403


def test_codacy_calls_her_a_member_who_reads_everything(acme, eve):
    _, secret = tokens.create_token(actor=make.actor(eve), kind=Kind.ACCOUNT, user=eve)
    client, path = Client(headers={"api-token": secret}), "/api/v3/organizations/gh/acme-inc"
    assert told(client.get(path))["data"]["membership"] == {"userRole": "member"}
    found = told(client.get(f"{path}/repositories?filter=AllSynced"))["data"]
    assert {one["name"]: one["permission"] for one in found} == {"docs": "read", "web": "write"}
    answer = client.post(f"{path}/repositories/docs/tokens", b"{}", content_type="application/json")
    # There what somebody may not change is not there for her.
    assert told(answer, 404)["error"] == "NotFound"


def test_flexstack_calls_her_a_member_and_signs_nothing_for_her(acme, eve):
    docs = acme.namespace.projects.get(slug="docs")
    client = Client()
    client.force_login(eve)

    def own(kind, row):
        return base58(time_id(kind, row.pk, row.created_at))

    listed = told(client.get(f"/v1/orgs/{own('organization', acme)}/projects"))
    assert len(listed["data"]) == 2
    path = f"/v1/projects/{own('project', docs)}"
    assert told(client.get(f"{path}/integrations/notifications")) == []
    web = acme.namespace.projects.get(slug="web")
    people = told(client.get(f"/v1/projects/{own('project', web)}/collaborators"))["data"]
    assert [(one["org_role"], one["role"]) for one in people if one["name"] == "eve"] == [
        ("member", "contributor")
    ]
    assert client.delete(path).status_code == 403
