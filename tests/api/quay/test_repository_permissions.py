"""Who may do what in a repository (quay-b.md 2)."""

import json

import pytest

from logs.models import LogEntry
from permissions.models import Grant
from projects import services as projects
from tests import make
from tests.api.quay.access import call

pytestmark = pytest.mark.django_db
API_KEYS = {"detail", "error_message", "error_type", "title", "type", "status"}
WEB = "repository/acme/web/permissions"
NO_USER = "User does not have permission for repo."
NO_TEAM = "Team does not have permission for repo."


@pytest.fixture
def owner(world):
    return world.client("owner")


def told():
    entry = LogEntry.objects.latest("pk")
    return entry.kind, {key: value for key, value in entry.metadata.items() if not key.startswith("oauth")}


def test_the_list_is_an_object_of_explicit_permissions_by_name(world, owner):
    make.grant(world.projects["web"], "admin", user=world.people["member"])
    found = call(owner, "get", f"{WEB}/user/").json()["permissions"]
    assert {name: (one["role"], one["is_robot"], one["is_org_member"]) for name, one in found.items()} == {
        "reader": ("read", False, False),
        "writer": ("write", False, False),
        "acme+ci": ("write", True, True),
        "member": ("admin", False, True),
    }
    for name, one in found.items():
        assert list(one) == ["role", "name", "is_robot", "avatar", "is_org_member"]
        assert one["name"] == one["avatar"]["name"] == name
        assert one["avatar"]["kind"] == ("robot" if one["is_robot"] else "user")


def test_in_a_persons_namespace_nobody_is_an_organizations_member(world):
    stranger = world.client("stranger")
    call(stranger, "post", "repository", {"repository": "mine", "visibility": "private", "description": ""})
    make.robot(world.people["stranger"], "bot")
    call(stranger, "put", "repository/stranger/mine/permissions/user/stranger+bot", {"role": "read"})
    found = call(stranger, "get", "repository/stranger/mine/permissions/user/").json()["permissions"]
    assert {name: one["role"] for name, one in found.items()} == {"stranger": "admin", "stranger+bot": "read"}
    assert not any("is_org_member" in one for one in found.values())
    # There are no teams in a person's namespace.
    assert call(stranger, "get", "repository/stranger/mine/permissions/team/").json() == {"permissions": {}}
    answer = call(stranger, "put", "repository/stranger/mine/permissions/team/devs", {"role": "read"})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)


@pytest.mark.parametrize("kind", ["user", "team"])
def test_the_list_of_a_missing_repository_is_an_empty_object(owner, kind):
    answer = call(owner, "get", f"repository/acme/nowhere/permissions/{kind}/")
    assert (answer.status_code, answer.json()) == (200, {"permissions": {}})


def test_people_who_are_gone_are_not_listed(world, owner):
    from accounts import services as accounts

    accounts.delete_user(actor=make.SYSTEM, user=world.people["reader"])
    assert set(call(owner, "get", f"{WEB}/user/").json()["permissions"]) == {"writer", "acme+ci"}


@pytest.mark.parametrize("name", ["stranger", "acme+bot"])
def test_a_permission_is_granted_changed_and_taken_back(world, owner, name):
    path = f"{WEB}/user/{name}"
    for role in ("read", "admin", "admin", "write"):
        put = call(owner, "put", path, {"role": role, "name": "ignored"})
        assert (put.status_code, put.json()["role"], put.json()["name"]) == (200, role, name)
        assert told() == (
            "change_repo_permission",
            {"username": name, "repo": "web", "namespace": "acme", "role": role},
        )
        got = call(owner, "get", path)
        assert (got.status_code, got.json()) == (200, put.json())
    assert Grant.objects.filter(project=world.projects["web"]).count() == 4
    answer = call(owner, "delete", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert told() == ("delete_repo_permission", {"username": name, "repo": "web", "namespace": "acme"})


def test_a_teams_permission_is_granted_changed_and_taken_back(world, owner):
    path = f"{WEB}/team/devs"
    for role in ("read", "admin", "write"):
        put = call(owner, "put", path, {"role": role})
        assert put.status_code == 200
        assert (put.json()["role"], put.json()["name"], put.json()["avatar"]["kind"]) == (
            role,
            "devs",
            "team",
        )
        assert told() == ("change_repo_permission", {"team": "devs", "repo": "web", "role": role})
        assert call(owner, "get", path).json() == {"role": role}
        assert call(owner, "get", f"{WEB}/team/").json() == {"permissions": {"devs": put.json()}}
    assert call(world.client("member"), "put", "repository/acme/web", {"description": "x"}).status_code == 200
    assert call(owner, "delete", path).status_code == 204
    assert told() == ("delete_repo_permission", {"team": "devs", "repo": "web"})
    assert call(world.client("member"), "get", "repository/acme/web").status_code == 403


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{WEB}/user/stranger", NO_USER),
        (f"{WEB}/user/nobody", NO_USER),
        (f"{WEB}/user/acme+bot", NO_USER),
        (f"{WEB}/user/globex+ci", NO_USER),
        (f"{WEB}/user/acme+", NO_USER),
        (f"{WEB}/user/+", NO_USER),
        (f"{WEB}/user/acme+ci+ci", NO_USER),
        (f"{WEB}/user/devs", NO_USER),
        (f"{WEB}/team/devs", NO_TEAM),
        (f"{WEB}/team/nobody", NO_TEAM),
        (f"{WEB}/team/reader", NO_TEAM),
        ("repository/acme/docs/permissions/team/owners", NO_TEAM),
    ],
)
def test_no_permission_is_a_400_whose_words_clients_compare(owner, path, words):
    answer = call(owner, "get", path)
    assert (answer.status_code, answer.json()) == (400, {"message": words})
    answer = call(owner, "delete", path)
    assert (answer.status_code, set(answer.json()), answer.json()["detail"]) == (400, API_KEYS, words)


@pytest.mark.parametrize(
    "name", ["nobody", "acme+nobody", "globex+ci", "globex+nobody", "nowhere+ci", "acme", "devs"]
)
def test_a_permission_for_nobody_is_a_400(world, owner, name):
    before = Grant.objects.count()
    answer = call(owner, "put", f"{WEB}/user/{name}", {"role": "read"})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert Grant.objects.count() == before


def test_another_tenants_robot_is_like_none(owner):
    there = call(owner, "put", f"{WEB}/user/globex+ci", {"role": "read"}).json()["detail"]
    nowhere = call(owner, "put", f"{WEB}/user/globex+nobody", {"role": "read"}).json()["detail"]
    assert there.replace("globex+ci", "") == nowhere.replace("globex+nobody", "")


def test_a_namespaces_own_user_has_no_permission_to_change(world):
    stranger = world.client("stranger")
    call(stranger, "post", "repository", {"repository": "mine", "visibility": "private", "description": ""})
    path = "repository/stranger/mine/permissions/user/stranger"
    for method, body in (("put", {"role": "read"}), ("delete", None)):
        answer = call(stranger, method, path, body)
        assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert call(stranger, "get", path).json()["role"] == "admin"


@pytest.mark.parametrize("role", [None, "", "owner", "Read", 1, True, [], {}])
@pytest.mark.parametrize("path", [f"{WEB}/user/reader", f"{WEB}/team/devs"])
def test_bad_roles(owner, world, path, role):
    for body in ({"role": role}, {}):
        answer = call(owner, "put", path, body)
        assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    # Permission first, then the body, then whom it is for.
    assert call(world.client("stranger"), "put", path, {"role": role}).status_code == 403


@pytest.mark.parametrize("body", ["null", "[]", '"read"', "{", "7"])
def test_bodies_that_are_no_object(owner, body):
    assert call(owner, "put", f"{WEB}/user/reader", body).status_code == 400


def test_every_row_by_which_somebody_reaches_a_repository(world, owner):
    web, devs = world.projects["web"], world.teams["devs"]
    make.grant(web, "read", team=devs)
    make.grant(web, "write", user=world.people["member"])

    def reach(name):
        answer = call(owner, "get", f"{WEB}/user/{name}/transitive")
        return answer.status_code, sorted(one["role"] for one in answer.json().get("permissions", []))

    assert reach("member") == (200, ["read", "write"])
    assert reach("acme+bot") == (200, ["read"])
    assert reach("acme+ci") == (200, ["write"])
    assert reach("reader") == (200, ["read"])
    # What administrators have by their role is not counted.
    assert reach("owner") == reach("admin") == reach("nobody") == reach("globex+ci") == (404, [])
    answer = call(owner, "get", "repository/acme/nowhere/permissions/user/reader/transitive")
    assert (answer.status_code, set(answer.json())) == (404, API_KEYS)


def test_names_of_people_are_compared_without_regard_to_spelling(owner):
    answer = call(owner, "get", f"{WEB}/user/READER")
    assert (answer.status_code, answer.json()["name"]) == (200, "reader")


def test_permissions_in_another_tenants_repository_are_not_told(world, owner):
    for path in ("user/", "user/reader", "user/reader/transitive", "team/", "team/devs"):
        answer = call(owner, "get", f"repository/globex/web/permissions/{path}")
        missing = call(owner, "get", f"repository/globex/nowhere/permissions/{path}")
        assert (answer.status_code, missing.status_code) == (403, 403)
        assert json.loads(answer.content) == json.loads(missing.content)


def test_permissions_end_with_their_repository(world, owner):
    projects.delete_project(actor=make.SYSTEM, project=world.projects["web"])
    assert call(owner, "get", f"{WEB}/user/").json() == {"permissions": {}}
    assert call(owner, "put", f"{WEB}/user/reader", {"role": "read"}).status_code == 404
