"""What the CI Sense wire answers, and what it does, operation by operation."""

import json
import re

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import Account, Organization
from core.publicids import nid
from logs.models import LogEntry
from projects.models import Project
from tests import make

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def told(answer, status=200):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    return json.loads(answer.content)


def test_people(world):
    users = told(world.call("root", "GET", "server/users"))["users"]
    assert [user["user_login"] for user in users][:3] == ["stranger", "rival", "member"]
    owner = next(user for user in users if user["user_login"] == "owner")
    assert MOMENT.fullmatch(owner.pop("created_at"))
    own = nid("usr", world.people["owner"].pk)
    assert owner == {
        "user_nid": own,
        "nid": own,
        "user_name": "owner",
        "user_login": "owner",
        "user_email": "owner@example.test",
        "user_is_server_root": False,
    }
    assert [user["user_login"] for user in users if user["user_is_server_root"]] == ["root"]


def test_accounts_and_organizations(world):
    accounts_found = told(world.call("root", "GET", "server/accounts"))["accounts"]
    assert {one["account_type"] for one in accounts_found} == {"group"}
    assert [one["account_name"] for one in accounts_found] == ["acme", "globex"]
    own = told(world.call("owner", "GET", "accounts/{acme-account}"))["account"]
    assert own == accounts_found[0]
    made = told(
        world.call(
            "owner", "POST", "accounts/{acme-account}/organizations", {"organization_name": " Super org "}
        )
    )["organization"]
    assert made["organization_name"] == "Super org"
    assert [(one["user_login"], one["organization_role"]) for one in made["organization_members"]] == [
        ("owner", "administrator")
    ]
    found = told(world.call("owner", "GET", "accounts/{acme-account}/organizations"))["organizations"]
    assert [one["organization_name"] for one in found] == ["acme", "Super org"]
    # Members see those that they are in.
    found = told(world.call("member", "GET", "accounts/{acme-account}/organizations"))["organizations"]
    assert [one["organization_name"] for one in found] == ["acme"]
    assert Organization.objects.get(slug="super-org").name == "Super org"


@pytest.mark.parametrize("name", ["acme", "ACME", "Acme ", "globex", "owner"])
def test_names_are_taken_once(world, name):
    answer = world.call("owner", "POST", "accounts/{acme-account}/organizations", {"organization_name": name})
    assert told(answer, 409)["code"] == 409


def test_an_organization_with_its_members(world):
    body = told(world.call("member", "GET", "organizations/{acme}"))["organization"]
    roles = {one["user_login"]: one["organization_role"] for one in body["organization_members"]}
    assert roles == {
        "owner": "administrator",
        "member": "member",
        "reader": "member",
        "admin": "administrator",
        "teamadmin": "administrator",
    }
    assert "email" not in json.dumps(body)


def test_members_come_change_and_go(world):
    path = "organizations/{acme}/members/{stranger}"
    for role in ("member", "member", "administrator", "administrator", "member"):
        answer = told(world.call("owner", "PUT", path, {"organization_role": role}))
        assert answer["member"]["organization_role"] == role
    assert world.call("stranger", "GET", "organizations/{acme}").status_code == 200
    assert world.call("owner", "DELETE", path).status_code == 204
    assert world.call("stranger", "GET", "organizations/{acme}").status_code == 404
    assert world.call("owner", "DELETE", path).status_code == 404
    kinds = list(LogEntry.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds.count("org_set_member_role") == 4 + 2  # those of the world, and the changes that changed


def test_administration_by_a_team_ends_too(world):
    answer = world.call(
        "owner", "PUT", "organizations/{acme}/members/{teamadmin}", {"organization_role": "member"}
    )
    assert told(answer)["member"]["organization_role"] == "member"
    assert world.call("teamadmin", "DELETE", "organizations/{acme}").status_code == 403


def test_the_last_administrator_stays(world):
    for name in ("admin", "teamadmin"):
        path = f"organizations/{{acme}}/members/{{{name}}}"
        assert world.call("owner", "PUT", path, {"organization_role": "member"}).status_code == 200
    path = "organizations/{acme}/members/{owner}"
    assert world.call("owner", "PUT", path, {"organization_role": "member"}).status_code in (400, 409)
    assert world.call("owner", "DELETE", path).status_code == 409
    assert world.call("owner", "GET", "organizations/{acme}/projects").status_code == 200


def test_the_last_administrator_of_an_account_is_not_deleted(world):
    assert "account" in told(world.call("root", "DELETE", "server/users/{owner}"), 409)["message"]
    account = world.acme.account
    accounts.add_administrator(actor=make.SYSTEM, account=account, user=world.people["admin"])
    world.web.contact = None
    world.web.save()
    assert world.call("root", "DELETE", "server/users/{owner}").status_code == 204
    assert [one.username for one in account.administrators.all()] == ["admin"]


def test_contacts_stay(world):
    body = {"project_name": "boot", "project_contact": {"user_nid": "<member>"}}
    assert world.call("owner", "POST", "organizations/{acme}/projects", body).status_code == 200
    path = "organizations/{acme}/members/{member}"
    assert "contact" in told(world.call("owner", "DELETE", path), 409)["message"]


def test_deletions_cascade(world):
    make.project(world.people["member"], "diary")
    assert world.call("root", "DELETE", "server/users/{member}").status_code == 204
    assert not Project.objects.filter(slug="diary", namespace__deleted_at=None).exists()
    assert world.call("owner", "DELETE", "accounts/{acme-account}").status_code == 204
    assert Account.objects.get(pk=world.acme.account_id).deleted_at is not None
    for path in ("organizations/{acme}", "projects/{web}", "accounts/{acme-account}"):
        assert world.call("owner", "GET", path).status_code == 404


def test_projects(world):
    body = {"project_name": "boot loader", "project_contact": {"user_nid": "<member>"}, "ignored": 1}
    made = told(world.call("owner", "POST", "organizations/{acme}/projects", body))["project"]
    assert made["project_name"] == "boot loader"
    assert made["organization_nid"] == nid("org", world.acme.pk)
    assert made["project_contact"]["user_login"] == "member"
    assert made["nid"] == made["project_nid"] == made["project_external_id"]
    assert "project_git_url" not in made
    path = f"projects/{made['nid']}"
    assert told(world.call("owner", "POST", path, {}))["project"] == made
    changes = {"project_git_url": "https://git.example.test/b.git", "project_name": "boot 2"}
    changed = told(world.call("owner", "POST", path, changes))["project"]
    assert changed == made | changes
    assert told(world.call("owner", "GET", path))["project"] == changed
    # Names need not be unique, and lists show less.
    again = told(world.call("owner", "POST", "organizations/{acme}/projects", body))["project"]
    assert again["nid"] != made["nid"]
    found = told(world.call("owner", "GET", "organizations/{acme}/projects"))["projects"]
    assert [one["project_name"] for one in found] == ["web", "boot 2", "boot loader"]
    assert set(found[0]) == {"project_nid", "nid", "project_name", "organization_nid", "created_at"}
    # Who has no role on a private project does not learn of it.
    assert told(world.call("member", "GET", "organizations/{acme}/projects"))["projects"] == []
    everywhere = told(world.call("root", "GET", "server/projects"))["projects"]
    assert [one["project_name"] for one in everywhere] == ["web", "vault", "boot 2", "boot loader"]


def test_private_projects_name_their_account(world):
    diary = make.project(world.people["member"], "diary")
    body = told(world.call("member", "GET", f"projects/{nid('prj', diary.pk)}"))["project"]
    assert body["account_nid"] == nid("acc", world.people["member"].personal_account.pk)
    answer = world.call(
        "member", "POST", f"projects/{nid('prj', diary.pk)}", {"project_contact": {"user_nid": "<member>"}}
    )
    assert answer.status_code == 400


CONTACT = {"user_nid": "<member>"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("organizations/{acme}/projects", {"project_contact": CONTACT}),
        ("organizations/{acme}/projects", {"project_name": "x"}),
        ("organizations/{acme}/projects", {"project_name": " ", "project_contact": CONTACT}),
        ("organizations/{acme}/projects", {"project_name": "x" * 256, "project_contact": CONTACT}),
        ("organizations/{acme}/projects", {"project_name": 7, "project_contact": CONTACT}),
        ("organizations/{acme}/projects", {"project_name": "x", "project_contact": "<member>"}),
        ("organizations/{acme}/projects", {"project_name": "x", "project_contact": {"user_nid": "<rival>"}}),
        ("organizations/{acme}/projects", {"project_name": "x", "project_contact": {"user_nid": "<acme>"}}),
        ("organizations/{acme}/projects", {"project_name": "x", "project_contact": {"user_nid": None}}),
        ("projects/{web}", {"project_name": None}),
        ("projects/{web}", {"project_git_url": ["x"]}),
        ("projects/{web}", {"project_git_url": "x" * 1025}),
        ("projects/{web}", {"project_contact": {"user_nid": "<rival>"}}),
        ("projects/{web}", []),
        ("projects/{web}", "{"),
        ("accounts/{acme-account}/organizations", {}),
        ("accounts/{acme-account}/organizations", {"organization_name": ""}),
        ("accounts/{acme-account}/organizations", {"organization_name": "\x00"}),
        ("accounts/{acme-account}/organizations", {"organization_name": True}),
    ],
)
def test_bad_bodies(world, path, body):
    before = Project.objects.count(), Organization.objects.count(), LogEntry.objects.count()
    assert told(world.call("owner", "POST", path, body), 400)["message"]
    made_tokens = 1  # the caller's own
    assert (Project.objects.count(), Organization.objects.count()) == before[:2]
    assert LogEntry.objects.count() == before[2] + made_tokens


@pytest.mark.parametrize("body", [{}, {"organization_role": "owner"}, {"organization_role": None}])
def test_bad_roles(world, body):
    told(world.call("owner", "PUT", "organizations/{acme}/members/{stranger}", body), 400)


def test_a_body_without_its_content_type(world):
    answer = Client(headers={"authorization": f"Bearer {world.secret('owner')}"}).generic(
        "POST", f"/v3/projects/{nid('prj', world.web.pk)}", '{"project_name": "x"}', content_type="text/plain"
    )
    assert "Content-Type" in told(answer, 400)["message"]


@pytest.mark.parametrize(
    "path",
    [
        "organizations/{globex}",
        "organizations/{web}",
        "organizations/org-000000000000",
        "organizations/acme",
        "projects/{vault}",
        "projects/{acme}",
        "accounts/{globex-account}",
        "accounts/{stranger}",
        "nowhere",
        "organizations/{acme}/members",
        "",
    ],
)
def test_what_is_not_there_or_not_for_her(world, path):
    body = told(world.call("owner", "GET", path), 404)
    assert "secret" not in body["message"]


def test_another_method(world):
    answer = world.call("owner", "PATCH", "organizations/{acme}")
    assert told(answer, 405)["code"] == 405
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("size", [1, 30])
@pytest.mark.parametrize(
    ("who", "path", "most"),
    [
        ("root", "server/users", 8),
        ("root", "server/accounts", 8),
        ("root", "server/projects", 8),
        ("owner", "accounts/{acme-account}/organizations", 8),
        ("owner", "organizations/{acme}/projects", 8),
        ("member", "organizations/{acme}", 6),
        ("reader", "projects/{web}", 6),
        ("owner", "accounts/{acme-account}", 6),
    ],
)
def test_reads_cost_the_same_at_any_size(world, django_assert_max_num_queries, who, path, most, size):
    for number in range(size - 1):
        user = make.user(f"extra{number}")
        accounts.set_member_role(actor=make.SYSTEM, organization=world.acme, user=user, role="member")
        make.project(world.acme, f"extra{number}", contact=user)
        make.organization(f"more{number}", world.people["owner"], account=world.acme.account)
    secret = world.secret(who)
    headers = {"authorization": f"Bearer {secret}"}
    world.call("", "GET", path, **headers)
    with django_assert_max_num_queries(most):
        assert world.call("", "GET", path, **headers).status_code == 200
