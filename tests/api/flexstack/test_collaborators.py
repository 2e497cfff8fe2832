"""Members of an organization in its projects, on the FlexStack wire."""

import re

import pytest

from accounts import services as accounts
from core.publicids import parsed_uuid
from logs.models import LogEntry
from permissions.models import Grant
from projects import services
from tests import make
from tests.api.flexstack.conftest import own, refused, told

ALL = "projects/{web}/collaborators"


def roles(world):
    return {one["name"]: one["role"] for one in told(world.call("key", "GET", ALL))["data"]}


def test_a_collaborator(world):
    found = told(world.call("viewer", "GET", ALL + "/{contributor}"))
    assert list(found) == sorted(found)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.pop("created_at"))
    user = world.people["contributor"]
    assert found == {
        "account_id": own("account", user.personal_account),
        "avatar": None,
        "display_name": None,
        "id": own("member", world.member("contributor")),
        "name": "contributor",
        "org_role": "member",
        "profile": {"bio": None, "github": None, "location": None, "twitter": None, "website": None},
        "project_id": own("project", world.web),
        "role": "contributor",
    }


def test_those_who_hold_a_role_of_their_own_are_listed_in_the_order_they_joined(world):
    body = told(world.call("viewer", "GET", ALL + "?sort=created_at"))
    # Neither who administers the organization nor who is not in it.
    assert [one["name"] for one in body["data"]] == ["viewer", "contributor", "keeper"]
    assert roles(world) == {"viewer": "viewer", "contributor": "contributor", "keeper": "owner"}
    for role in ("viewer", "contributor", "owner"):
        only = told(world.call("viewer", "GET", f"{ALL}?role={role}"))["data"]
        assert [one["role"] for one in only] == [role]
    for role in ("", "admin", "VIEWER"):
        refused(world.call("viewer", "GET", f"{ALL}?role={role}"), 400, "bad_input")
    first = told(world.call("viewer", "GET", ALL + "?sort=created_at&limit=1"))
    rest = told(world.call("viewer", "GET", f"{ALL}?sort=created_at&after={first['next_page']}"))
    assert [one["name"] for one in rest["data"]] == ["contributor", "keeper"]


def test_members_are_added_as_viewers_once(world):
    before = LogEntry.objects.latest("pk").pk
    ids = world.ids()
    again = str(parsed_uuid(ids["admin"])).replace("-", "")
    sent = [ids["admin"], str(parsed_uuid(ids["teamadmin"])), ids["keeper"], again]
    made = told(world.call("keeper", "POST", ALL, {"member_ids": sent}), 201)
    assert [(one["name"], one["role"], one["org_role"]) for one in made] == [
        ("admin", "viewer", "admin"),
        ("teamadmin", "viewer", "admin"),
        ("keeper", "owner", "member"),
    ]
    told(world.call("keeper", "POST", ALL, {"member_ids": sent}), 201)
    entries = LogEntry.objects.filter(pk__gt=before).order_by("pk")
    assert [(one.kind, one.metadata["username"], one.metadata["role"]) for one in entries] == [
        ("change_repo_permission", "admin", "read"),
        ("change_repo_permission", "teamadmin", "read"),
    ]


def test_who_is_no_member_is_not_added_and_nobody_beside(world):
    for other in ("<rival>", "<nothing>", "<acme>", "<web>"):
        refused(world.call("key", "POST", ALL, {"member_ids": ["<member>", other]}), 404, "not_found")
    assert not Grant.objects.filter(user=world.people["member"]).exists()


BAD_IDS = [None, 7, "", "<member>", {}, [], ["<member>"] * 101, [7], [None], ["x"], [["<member>"]], {"a": 1}]


def test_bad_lists_of_members(world):
    for body in [{}, [], ["<member>"], *({"member_ids": ids} for ids in BAD_IDS)]:
        refused(world.call("key", "POST", ALL, body), 400, "bad_input")
    assert "member" not in roles(world)


def test_a_hundred_at_once(world):
    for number in range(99):
        user = make.user(f"u{number}")
        accounts.set_member_role(actor=make.SYSTEM, organization=world.acme, user=user, role="member")
    found = [f"<{name}>" for name in world.ids() if re.fullmatch(r"u\d+", name)]
    assert len(told(world.call("key", "POST", ALL, {"member_ids": ["<member>", *found]}), 201)) == 100


def test_roles_change_and_collaborators_go(world):
    path = ALL + "/{viewer}"
    for role in ("contributor", "contributor", "owner", "viewer"):
        assert told(world.call("keeper", "PUT", path, {"role": role}))["role"] == role
        assert roles(world)["viewer"] == role
    kinds = LogEntry.objects.filter(kind="change_repo_permission", metadata__username="viewer")
    assert kinds.count() == 1 + 3  # that of the world, and those that changed something
    assert world.call("keeper", "DELETE", path).status_code == 204
    assert world.call("viewer", "GET", "projects/{web}").status_code == 404
    for method, body in (("GET", None), ("PUT", {"role": "viewer"}), ("DELETE", None)):
        refused(world.call("keeper", method, path, body), 404, "not_found")


def test_bad_roles(world):
    for role in [None, "", "admin", "Owner", 7, True, ["owner"], {"a": 1}]:
        refused(world.call("key", "PUT", ALL + "/{viewer}", {"role": role}), 400, "bad_input")
    refused(world.call("key", "PUT", ALL + "/{viewer}", {}), 400, "bad_input")


def test_the_last_owner_stays(world):
    path = ALL + "/{keeper}"
    # An owner from outside of the organization, and a robot, do not count.
    make.grant(world.web, "admin", user=world.people["outsider"])
    for who in ("key", "owner", "keeper"):
        refused(world.call(who, "PUT", path, {"role": "viewer"}), 409, "conflict")
        refused(world.call(who, "DELETE", path), 409, "conflict")
        assert told(world.call(who, "PUT", path, {"role": "owner"}))["role"] == "owner"
    told(world.call("key", "PUT", ALL + "/{viewer}", {"role": "owner"}))
    assert world.call("keeper", "DELETE", path).status_code == 204
    refused(world.call("key", "DELETE", ALL + "/{viewer}"), 409, "conflict")


def test_collaborators_of_one_project_are_none_of_another(world):
    other = make.project(world.acme, "other")
    path = f"projects/{own('project', other)}/collaborators"
    assert told(world.call("key", "GET", path))["data"] == []
    for method, body in (("GET", None), ("PUT", {"role": "viewer"}), ("DELETE", None)):
        refused(world.call("key", method, path + "/{viewer}", body), 404, "not_found")
        refused(world.call("key", method, ALL + "/{rival}", body), 404, "not_found")
        refused(world.call("key", method, ALL + "/UPPER", body), 400, "bad_input")


def test_who_leaves_the_organization_leaves_its_projects(world):
    accounts.remove_member(actor=make.SYSTEM, organization=world.acme, user=world.people["viewer"])
    assert "viewer" not in roles(world)
    services.delete_project(actor=make.SYSTEM, project=world.web)
    refused(world.call("key", "GET", ALL), 404, "not_found")


LISTS = ("projects", "orgs/{acme}/projects", ALL)
ITEMS = ("projects/{web}", ALL + "/{viewer}")


@pytest.mark.parametrize("size", [1, 30])
def test_reads_cost_the_same_at_any_size(world, django_assert_max_num_queries, size):
    for number in range(size - 1):
        user = make.user(f"extra{number}")
        accounts.set_member_role(actor=make.SYSTEM, organization=world.acme, user=user, role="member")
        make.grant(world.web, "read", user=user)
        make.grant(make.project(world.acme, f"extra{number}"), "read", user=world.people["contributor"])
    ids = world.ids()
    for who in ("key", "owner", "contributor"):
        world.call(who, "GET", "projects")
        for path in LISTS:
            with django_assert_max_num_queries(8):
                answer = world.client(who).get(f"/v1/{path.format(**ids)}?limit=240")
            assert len(told(answer)["data"]) == size + (2 if path == ALL else 0)
        for path in ITEMS:
            with django_assert_max_num_queries(6):
                answer = world.client(who).get(f"/v1/{path.format(**ids)}")
            told(answer)
