"""Binding teams to groups over the wire: bad bodies, queries, the log."""

import pytest

from accounts import services
from accounts.models import Team
from logs.models import LogEntry
from tests import make
from tests.api.quay import world as worlds
from tests.counting import counted

PATH = "/api/v1/organization/acme/team/devs"


@pytest.fixture
def world(db, settings):
    settings.AUTHENTICATION, settings.OIDC_ISSUER = "OIDC", "https://idp.example.test"
    settings.TEAM_SYNCING = settings.TEAM_SYNCING_BY_ADMINS = True
    return worlds.build()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{",
        '"builders"',
        "{}",
        '{"group_name": null}',
        '{"group_name": 7}',
        '{"group_name": true}',
        '{"group_name": ["builders"]}',
        '{"group_name": {"name": "builders"}}',
        '{"group_name": ""}',
        '{"group_name": " \\t"}',
        '{"group_name": "a\\u0000b"}',
        '{"group_name": "\\ud800"}',
        '{"group_name": "%s"}' % ("x" * 1025),
        '{"group_name": "%s"}' % ("x" * 2_000_000),
        '{"group_dn": "cn=builders"}',
        '{"group_id": "builders"}',
        '{"group_name": "builders", "group_dn": 7}',
        "[" * 5000,
    ],
    ids=lambda body: body[:30],
)
def test_bad_bodies_bind_nothing(world, body):
    client = world.client("owner")
    answer = client.generic(
        "POST", f"{PATH}/syncing", body, content_type="application/json", CONTENT_TYPE="application/json"
    )
    assert answer.status_code == 400, answer.content
    assert not Team.objects.exclude(sync_service="").exists()
    assert not LogEntry.objects.filter(kind="enable_team_sync").exists()


def test_names_are_kept_as_they_came(world):
    name = "Ünïcode ☃ builders/ops"
    client = world.client("owner")
    answer = client.post(f"{PATH}/syncing", {"group_name": name, "more": 1}, "application/json")
    assert answer.status_code == 200
    assert client.get(f"{PATH}/members").json()["synced"]["config"] == {"group_name": name}


def test_the_log_tells(world):
    client = world.client("owner")
    client.post(f"{PATH}/syncing", {"group_name": "builders"}, "application/json")
    client.delete(f"{PATH}/syncing")
    client.delete(f"{PATH}/syncing")
    entries = LogEntry.objects.filter(kind__contains="team_sync").order_by("pk")
    assert [(one.kind, one.metadata["team"]) for one in entries] == [
        ("enable_team_sync", "devs"),
        ("disable_team_sync", "devs"),
    ]
    removed = LogEntry.objects.filter(kind="org_remove_team_member")
    assert [(one.metadata["member"], one.metadata["team"]) for one in removed] == [("member", "devs")]


def test_nobody_binds_the_last_administrators_away(world):
    services.set_member_role(
        actor=make.SYSTEM, organization=world.acme, user=world.people["auditor"], role="member"
    )
    world.acme.memberships.update(role="member", is_direct=False)
    services.delete_team(actor=make.SYSTEM, team=world.teams["leads"])
    client = world.client("owner")
    path = "/api/v1/organization/acme/team/owners/syncing"
    answer = client.post(path, {"group_name": "builders"}, "application/json")
    assert answer.status_code == 400
    assert "administrator" in answer.json()["detail"]
    owners = Team.objects.get(organization=world.acme, slug="owners")
    assert not owners.sync_service
    assert owners.members.filter(user=world.people["owner"]).exists()


def test_looking_costs_the_same_at_any_size(world):
    client = world.client("owner")
    services.enable_team_sync(actor=make.SYSTEM, team=world.teams["devs"], group_name="builders")
    found = []
    for number in range(2):
        client.get(f"{PATH}/members")
        with counted() as queries:
            assert "synced" in client.get(f"{PATH}/members?includePending=true").json()
        found.append(len(queries))
        for one in range(3):
            robot = make.robot(world.acme, f"more{number}{one}")
            services.add_team_member(actor=make.SYSTEM, team=world.teams["devs"], robot=robot)
    assert found[0] == found[1] <= 8
