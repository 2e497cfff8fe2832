"""Callers who try what is not theirs: another tenant's, what may exist, what was deleted, other spellings."""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Invitation, Membership, Organization, Robot, Team, User
from core.errors import Unauthenticated
from logs.models import LogEntry
from permissions.models import DefaultGrant
from tests import make
from tests.api.quay.access import call
from tests.api.quay.world import bearer
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db

ROLE = {"role": "admin"}
RULE = {"role": "read", "delegate": {"name": "owner", "kind": "user"}}
IDENTITY = [{"issuer": "https://idp.example.test", "subject": "ci"}]


def state():
    """Return what a refused call must leave as it is."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in (Organization, Team, Membership, Robot, Invitation, DefaultGrant, User)
    } | {"secrets": list(Credential.objects.order_by("pk").values("pk", "digest", "revoked_at"))}


# An administrator of acme, or its owner with the broadest token, is nobody in globex.
FOREIGN = [
    ("put", "organization/globex", {"email": "x@example.test"}),
    ("delete", "organization/globex", None),
    ("get", "organization/globex/members", None),
    ("get", "organization/globex/members/globex-owner", None),
    ("delete", "organization/globex/members/globex-owner", None),
    ("get", "organization/globex/collaborators", None),
    ("put", "organization/globex/team/devs", ROLE),
    ("put", "organization/globex/team/fresh", ROLE),
    ("delete", "organization/globex/team/devs", None),
    ("get", "organization/globex/team/devs/members", None),
    ("put", "organization/globex/team/devs/members/owner", None),
    ("delete", "organization/globex/team/owners/members/globex-owner", None),
    ("get", "organization/globex/team/devs/permissions", None),
    ("get", "organization/globex/prototypes", None),
    (
        "post",
        "organization/globex/prototypes",
        {"role": "read", "delegate": {"name": "owner", "kind": "user"}},
    ),
    ("put", "organization/globex/prototypes/{globex_prototype}", {"role": "admin"}),
    ("delete", "organization/globex/prototypes/{globex_prototype}", None),
    ("get", "organization/globex/robots", None),
    ("get", "organization/globex/robots/ci", None),
    ("put", "organization/globex/robots/fresh", None),
    ("delete", "organization/globex/robots/ci", None),
    ("post", "organization/globex/robots/ci/regenerate", None),
    ("get", "organization/globex/robots/ci/permissions", None),
    ("get", "organization/globex/robots/ci/federation", None),
    ("post", "organization/globex/robots/ci/federation", IDENTITY),
    ("delete", "organization/globex/robots/ci/federation", None),
    ("get", "superuser/users/", None),
    ("put", "superuser/users/globex-owner", {"password": "another-horse-9"}),
    ("delete", "superuser/users/globex-owner", None),
    ("put", "superuser/organizations/globex", {"name": "mine"}),
    ("delete", "superuser/organizations/globex", None),
    ("post", "superuser/takeownership/globex", None),
    ("post", "messages", {"message": {"content": "x", "media_type": "text/plain", "severity": "info"}}),
]


@pytest.mark.parametrize(("method", "path", "body"), FOREIGN)
def test_another_tenants_things_stay_as_they_are(world, method, path, body):
    send = (body,) if body is not None else ()
    clients = {name: world.client(name) for name in ("owner", "admin", "stranger", "superuser")}
    if path.startswith(("superuser", "messages")):
        del clients["superuser"]
    before = state()
    for name, client in clients.items():
        assert call(client, method, path.format(**world.names), *send).status_code == 403, name
    after = state()
    assert after == before


# Ids of another tenant in calls on one's own.
MIXED = [
    ("put", "organization/acme/team/devs/members/globex+ci", None, 400),
    ("delete", "organization/acme/team/devs/members/globex+ci", None, 400),
    ("get", "organization/acme/members/globex+ci", None, 404),
    ("get", "organization/acme/members/globex-owner", None, 404),
    ("put", "organization/acme/prototypes/{globex_prototype}", {"role": "admin"}, 404),
    ("delete", "organization/acme/prototypes/{globex_prototype}", None, 404),
    ("post", "organization/acme/prototypes", {
        "role": "read", "delegate": {"name": "globex+ci", "kind": "user"}}, 400),
    ("post", "organization/acme/prototypes", {
        "role": "read", "delegate": {"name": "reader", "kind": "user"},
        "activating_user": {"name": "globex+ci"}}, 400),
    ("get", "organization/acme/robots/globex+ci", None, 400),
    ("delete", "organization/acme/robots/globex+ci", None, 400),
    ("get", "user/robots/ci", None, 400),
    ("put", "teaminvite/{invitation}", None, 400),
    ("delete", "teaminvite/{invitation}", None, 400),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status"), MIXED)
def test_another_tenants_ids_are_of_no_use_in_ones_own_calls(world, method, path, body, status):
    send = (body,) if body is not None else ()
    client = world.client("owner")
    before = state()
    assert call(client, method, path.format(**world.names), *send).status_code == status
    assert state() == before


@pytest.mark.parametrize("who", ["stranger", "anonymous", "reader", "member"])
@pytest.mark.parametrize(
    ("method", "there", "missing"),
    [
        ("get", "organization/acme/members", "organization/nowhere/members"),
        ("get", "organization/acme/robots/ci", "organization/acme/robots/nothing"),
        ("get", "organization/acme/robots/ci", "organization/nowhere/robots/ci"),
        ("get", "organization/acme/team/owners/members", "organization/acme/team/nothing/members"),
        ("get", "organization/acme/team/owners/members", "organization/nowhere/team/owners/members"),
        ("get", "organization/acme/prototypes", "organization/nowhere/prototypes"),
        ("delete", "organization/acme/team/leads", "organization/acme/team/nothing"),
        ("delete", "organization/acme/robots/ci", "organization/nowhere/robots/ci"),
        ("put", "organization/acme/team/devs/members/reader", "organization/acme/team/devs/members/nobody"),
        ("get", "superuser/users/reader", "superuser/users/nobody"),
        ("delete", "superuser/organizations/acme", "superuser/organizations/nowhere"),
    ],
)
def test_who_may_not_know_is_told_the_same_of_what_is_there_and_what_is_not(
    world, who, method, there, missing
):
    client = world.client(who)
    headers = {}
    if who == "anonymous":
        headers["x-csrf-token"] = client.get("/csrf_token").json()["csrf_token"]
    answers = [call(client, method, path, **headers) for path in (there, missing)]
    assert {answer.status_code for answer in answers} <= {401, 403}
    assert answers[0].json() == answers[1].json()


# Secrets


def test_robots_tokens_are_shown_to_administrators_alone(world, settings):
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    path = "organization/acme/robots?token=true&permissions=true"
    for name in ("admin", "owner", "org:admin", "member", "creator", "repo:create", "auditor"):
        robots = call(world.client(name), "get", path).json()["robots"]
        lengths = {len(robot.get("token", "")) for robot in robots}
        assert lengths == ({64} if name in ("admin", "owner", "org:admin") else {0}), name
    assert "token" not in call(world.client("auditor"), "get", "organization/acme/robots/ci").json()


def test_a_regenerated_token_is_the_shown_one_and_the_old_one_is_dead(world):
    client = world.client("owner")
    old = call(client, "get", "organization/acme/robots/ci").json()["token"]
    new = call(client, "post", "organization/acme/robots/ci/regenerate").json()["token"]
    assert call(client, "get", "organization/acme/robots/ci").json()["token"] == new != old
    assert tokens.authenticate(new, kinds=[Kind.ROBOT]).robot == world.robots["ci"]
    with pytest.raises(Unauthenticated):
        tokens.authenticate(old, kinds=[Kind.ROBOT])


def test_a_robot_of_the_same_name_inherits_nothing(world):
    client = world.client("owner")
    old = call(client, "get", "organization/acme/robots/bot").json()["token"]
    assert call(client, "delete", "organization/acme/robots/bot").status_code == 204
    assert call(client, "put", "organization/acme/robots/bot").status_code == 201
    robots = call(client, "get", "organization/acme/robots?permissions=true").json()["robots"]
    bot = next(robot for robot in robots if robot["name"] == "acme+bot")
    assert (bot["teams"], bot["repositories"], bot["description"]) == ([], [], "")
    with pytest.raises(Unauthenticated):
        tokens.authenticate(old, kinds=[Kind.ROBOT])


def test_an_organization_of_the_same_name_inherits_nothing(world):
    owner, stranger = world.client("owner"), world.client("stranger")
    robot = call(owner, "get", "organization/acme/robots/ci").json()["token"]
    assert call(owner, "delete", "organization/acme").status_code == 204
    with pytest.raises(Unauthenticated):
        tokens.authenticate(robot, kinds=[Kind.ROBOT])
    assert call(stranger, "post", "organization/", {"name": "acme"}).status_code == 201
    shown = call(stranger, "get", "organization/acme").json()
    assert (list(shown["teams"]), shown["email"]) == (["owners"], "")
    assert call(stranger, "get", "organization/acme/robots").json() == {"robots": []}
    assert call(stranger, "get", "organization/acme/collaborators").json() == {"collaborators": []}
    assert call(owner, "get", "organization/acme").json()["is_member"] is False
    assert call(owner, "get", "organization/acme/robots").status_code == 403


def test_a_person_of_the_same_name_inherits_nothing(world, settings):
    settings.USER_CREATION = True
    reader = world.client("reader")
    call(reader, "put", "user/robots/ci")
    assert call(reader, "delete", "user/").status_code == 204
    nobody = world.client("anonymous")
    headers = {"x-csrf-token": nobody.get("/csrf_token").json()["csrf_token"]}
    body = {"username": "reader", "password": "another-horse-9", "email": "reader@example.test"}
    assert call(nobody, "post", "user/", body, **headers).status_code == 200
    assert call(nobody, "get", "user/robots").json() == {"robots": []}
    assert call(nobody, "get", "organization/acme/robots").status_code == 403
    assert call(reader, "get", "user/").status_code == 401


# Invitations


def test_an_invitation_is_good_once_for_one_person_and_not_for_ever(world, settings):
    settings.MAILING = True
    stranger, reader = world.client("stranger"), world.client("reader")
    path = f"teaminvite/{world.names['invitation']}"
    assert call(reader, "put", path).status_code == 400
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        secret = make.token(world.people["stranger"])
        assert call(bearer(secret), "put", path).status_code == 400
    assert call(stranger, "put", path).json() == {"org": "acme", "team": "makers"}
    assert call(stranger, "put", path).status_code == 400
    assert call(stranger, "get", "organization/acme").json()["is_member"] is True


def test_an_invitation_of_an_address_is_only_for_who_has_it(world):
    code = accounts.invite(actor=make.SYSTEM, team=world.teams["devs"], email="Reader@Example.test").code
    assert call(world.client("writer"), "put", f"teaminvite/{code}").status_code == 400
    assert call(world.client("reader"), "put", f"teaminvite/{code}").status_code == 200


def test_an_invitation_ends_with_its_team_and_its_organization(world):
    stranger, owner = world.client("stranger"), world.client("owner")
    path = f"teaminvite/{world.names['invitation']}"
    with transaction.atomic():
        assert call(owner, "delete", "organization/acme/team/makers").status_code == 204
        assert call(stranger, "put", path).status_code == 400
        transaction.set_rollback(True)
    assert call(owner, "delete", "organization/acme").status_code == 204
    assert call(stranger, "put", path).status_code == 400


# Roles


def test_who_was_put_out_is_out_at_once(world):
    member, admin = world.client("member"), world.client("admin")
    assert call(member, "get", "organization/acme/robots").status_code == 200
    assert call(admin, "delete", "organization/acme/members/member").status_code == 204
    assert call(member, "get", "organization/acme/robots").status_code == 403
    assert call(member, "get", "repository/acme/docs").status_code == 403


def test_leaving_the_last_admin_team_ends_all_administration(world):
    admin, owner = world.client("admin"), world.client("owner")
    # On this wire there are no roles but the teams': the founder, out of the owners, administers no more.
    assert call(admin, "delete", "organization/acme/team/owners/members/owner").status_code == 204
    assert call(owner, "get", "organization/acme").json()["is_admin"] is False
    assert call(owner, "put", "organization/acme", {"email": "x@example.test"}).status_code == 403


def test_nobody_ends_the_last_administration(world):
    owner = bearer(make.token(world.people["globex-owner"]))
    for method, path, body in (
        ("delete", "organization/globex/team/owners", None),
        ("delete", "organization/globex/team/owners/members/globex-owner", None),
        ("delete", "organization/globex/members/globex-owner", None),
        ("put", "organization/globex/team/owners", {"role": "member"}),
        ("delete", "user/", None),
    ):
        answer = call(owner, method, path, *((body,) if body else ()))
        assert (answer.status_code, list(answer.json())) == (400, ["message"]), path
    assert call(owner, "get", "organization/globex").json()["is_admin"] is True


def test_a_superuser_may_leave_no_organization_without_an_administrator(world, settings):
    settings.SUPERUSERS_FULL_ACCESS = True
    root = world.client("full")
    assert call(root, "delete", "organization/globex/members/globex-owner").status_code == 400
    assert call(root, "delete", "superuser/users/globex-owner").status_code == 400
    assert call(root, "post", "superuser/takeownership/globex").status_code == 200
    assert call(root, "delete", "superuser/users/globex-owner").status_code == 204


# Names


@pytest.mark.parametrize("name", ["ACME", "Acme", "acm\u212f", "\uff41cme", "acme\n", " acme", "acme "])
def test_another_spelling_of_a_taken_name_is_refused(world, name):
    assert call(world.client("stranger"), "post", "organization/", {"name": name}).status_code == 400


def test_people_and_organizations_share_their_names(world):
    stranger, root = world.client("stranger"), world.client("superuser")
    words = call(stranger, "post", "organization/", {"name": "reader"}).json()["error_message"]
    assert "The username already exists" in words
    assert "already taken" in words
    words = call(root, "post", "superuser/users/", {"username": "acme"}).json()["message"]
    assert "The username already exists" in words
    assert call(root, "put", "superuser/organizations/acme", {"name": "reader"}).status_code == 400


def test_the_texts_that_clients_compare(world):
    owner = world.client("owner")
    answer = call(owner, "put", "organization/acme/robots/ci")
    assert answer.json()["error_message"] == "Existing robot with name: acme+ci"
    answer = call(owner, "get", "organization/acme/robots/nothing")
    assert answer.json() == {"message": "Could not find robot with specified username"}
    answer = call(owner, "delete", "organization/acme/team/devs/members/reader")
    assert answer.json() == {"message": "User reader does not belong to team devs"}


# Pages


def test_pages_of_people_go_through_all_of_them_once(world):
    root = world.client("superuser")
    names, page = [], ""
    while True:
        body = call(root, "get", f"superuser/users/?limit=3&next_page={page}").json()
        names += [one["username"] for one in body["users"]]
        if "next_page" not in body:
            break
        page = body["next_page"]
    everybody = call(root, "get", "superuser/users/").json()["users"]
    assert names == [one["username"] for one in everybody]
    assert len(set(names)) == len(names) == User.objects.count()


def test_a_page_token_of_something_else_is_the_first_page(world):
    root = world.client("superuser")
    first = call(root, "get", "superuser/users/?limit=2").json()["users"]
    with time_machine.travel(timezone.now() - timedelta(days=3), tick=False):
        old = call(root, "get", "superuser/users/?limit=2").json()["next_page"]
    sealed = call(world.client("superuser"), "post", "superuser/users/", {"username": "newcomer"}).json()
    for token in (old, sealed["encrypted_password"], "nonsense", old[:-4]):
        assert call(root, "get", f"superuser/users/?limit=2&next_page={token}").json()["users"] == first


def test_disabled_people_are_left_out_on_demand(world):
    root = world.client("superuser")
    call(root, "put", "superuser/users/reader", {"enabled": False})
    shown = {one["username"] for one in call(root, "get", "superuser/users/").json()["users"]}
    enabled = {
        one["username"] for one in call(root, "get", "superuser/users/?disabled=False").json()["users"]
    }
    assert shown - enabled == {"reader"}
    assert LogEntry.objects.filter(kind="user_disable").count() == 1
