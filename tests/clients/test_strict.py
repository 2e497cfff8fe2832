"""What a strict client reads of the Quay wire: the Terraform provider's calls, and every refusal there is."""

import json
from urllib.parse import quote

import pytest
from django.db import transaction
from django.test import override_settings

from tests.api.quay import access
from tests.api.quay import world as worlds
from tests.api.quay.access import NOTHING, call
from tests.clients import strict
from tests.clients.strict import Undecodable, decode, decode_error

# 403 in another shape, and where the contract says so.
OTHER_SHAPES = {
    "get RobotPermissions": "quay-a.md 10",
    "post Messages": "quay-a.md 5.3",
    "delete OneMessage": "quay-a.md 5.3",
    "post SignIn": "quay-a.md 3.2: what is wrong with the credentials",
    "post VerifySignIn": "quay-a.md 3.2",
}


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), override_settings(**worlds.EVERYWHERE), transaction.atomic():
        made = worlds.build()
        for who in worlds.PRINCIPALS:
            made.client(who)
        yield made
        transaction.set_rollback(True)


# Refusals ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_refusal_can_be_decoded(world):
    found, refused = [], 0
    for row in access.all_rows():
        # A path that holds what `prepare` makes is refused before anybody looks for it.
        path = row.path.format_map(_Anything(world.names))
        for who in ("anonymous", "stranger", "member"):
            if row.expect[who] < 400:
                continue
            with transaction.atomic(), override_settings(**worlds.EVERYWHERE, **row.settings):
                client, headers = world.client(who), {}
                if who == "anonymous":
                    headers["x-csrf-token"] = client.get("/csrf_token").json()["csrf_token"]
                answer = call(client, row.method, path, row.body, **headers)
                transaction.set_rollback(True)
            if answer.status_code < 400:
                continue  # what `prepare` makes is missing here, and not in the way
            refused += 1
            try:
                error = decode_error(answer.status_code, answer["Content-Type"], json.loads(answer.content))
            except ValueError as problem:
                found.append(f"{who}: {row} {answer.status_code}: {problem}")
                continue
            typed = isinstance(error, strict.ApiError)
            if answer.status_code in (401, 403) and not typed and _name(row) not in OTHER_SHAPES:
                found.append(f"{who}: {row} {answer.status_code}: {error}")
    assert found == [], "\n".join(found)
    assert refused > 500


class _Anything(dict[str, str]):
    def __missing__(self, name):
        return "0"


def _name(row):
    return f"{row.method} {row.route[0]}"


# The provider's calls ------------------------------------------------------------------------------------


def read(client, shape, method, path, body=NOTHING):
    """Call, and decode what comes; errors too, as the provider does."""
    answer = call(client, method, path, body)
    if answer.status_code >= 300:
        return decode_error(answer.status_code, answer["Content-Type"], answer.json())
    return decode(shape, answer.json()) if shape is not None else answer.content


@pytest.mark.django_db
def test_what_the_provider_does_with_an_organization(world):
    client = world.client("owner")
    made = {"name": "hashi", "email": "hashi@example.test"}
    assert read(client, str, "post", "organization/", made) == "Created"
    org = read(client, strict.Organization, "get", "organization/hashi")
    assert (org.name, org.email, org.ordered_teams) == ("hashi", "hashi@example.test", ["owners"])
    changed = {"name": "hashi", "email": "other@example.test"}
    org = read(client, strict.Organization, "put", "organization/hashi", changed)
    assert org.email == "other@example.test"
    read(client, dict, "put", "organization/hashi/team/ops", {"name": "ops", "role": "creator"})
    read(client, strict.Member, "put", "organization/hashi/team/ops/members/stranger", {})
    people = read(client, strict.TeamMembers, "get", "organization/hashi/team/ops/members")
    assert [one.name for one in people.members] == ["stranger"]
    org = read(client, strict.Organization, "get", "organization/hashi")
    assert (org.teams["ops"].role, org.teams["ops"].member_count) == ("creator", 1)
    robot = read(client, strict.Robot, "put", "organization/hashi/robots/ci", {"description": "pipe"})
    again = read(client, strict.Robot, "get", "organization/hashi/robots/ci")
    assert (robot.name, robot.token) == (again.name, again.token) == ("hashi+ci", robot.token)
    rule = {"role": "read", "delegate": {"name": "ops", "kind": "team"}}
    assert read(client, strict.Prototype, "post", "organization/hashi/prototypes", rule).role == "read"
    # Who has gone is gone from the team: the one branch on an error that the provider has.
    gone = read(client, None, "delete", "organization/hashi/team/ops/members/nobody")
    assert gone.status == 404
    assert read(client, None, "delete", "organization/hashi") == b""
    assert read(client, strict.Organization, "get", "organization/hashi").status == 404


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["web2", "team-a/app/component"])
def test_what_the_provider_does_with_a_repository(world, name):
    client = world.client("owner")
    made = {"namespace": "acme", "repository": name, "visibility": "private", "description": ""}
    answer = call(client, "post", "repository", made)
    assert answer.json() == {"namespace": "acme", "name": name, "kind": "image"}
    path = f"repository/{quote(f'acme/{name}', safe='')}"
    repository = read(client, strict.Repository, "get", path)
    assert (repository.name, repository.description, repository.is_public) == (name, "", False)
    read(client, dict, "put", f"{path}/permissions/team/devs", {"role": "write"})
    assert read(client, strict.TeamRole, "get", f"{path}/permissions/team/devs").role == "write"
    role = read(client, strict.UserRole, "put", f"{path}/permissions/user/acme+ci", {"role": "read"})
    assert (role.name, role.is_robot) == ("acme+ci", True)
    shown = read(client, strict.UserRole, "get", f"{path}/permissions/user/acme%2Bci")
    assert shown == role
    assert read(client, None, "delete", f"{path}/permissions/team/devs") == b""
    assert read(client, None, "delete", path) == b""
    assert read(client, strict.Repository, "get", path).title == "not_found"
    assert read(world.client("stranger"), strict.Repository, "get", path).title == "insufficient_scope"
    assert read(world.client("expired"), strict.Repository, "get", path).title == "invalid_token"


# The decoder itself --------------------------------------------------------------------------------------

ERROR = {
    "status": 404,
    "type": "https://quay.example/api/v1/error/not_found",
    "title": "not_found",
    "detail": "x",
    "error_message": "x",
    "error_type": "not_found",
}


@pytest.mark.parametrize(
    "body",
    [
        ERROR | {"extra": 1},
        ERROR | {"status": "404"},
        ERROR | {"status": True},
        ERROR | {"status": 400},
        ERROR | {"error_message": "y"},
        ERROR | {"title": "gone", "error_type": "gone"},
        ERROR | {"type": "/api/v1/error/not_found"},
        {key: value for key, value in ERROR.items() if key != "type"},
        [ERROR],
        None,
        {"message": 7},
    ],
)
def test_the_decoder_is_strict(body):
    decode_error(404, "application/json", ERROR)
    with pytest.raises(Undecodable):
        decode_error(404, "application/json", body)
    with pytest.raises(Undecodable):
        decode_error(404, "text/html", ERROR)
