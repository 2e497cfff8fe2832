"""No more than 6 queries for one thing, 8 for a list, and as many for thirty rows as for one.

All that a call asks is counted: who the token belongs to, and that it was used.
"""

import pytest
from django.db import transaction

from accounts import services as accounts
from notifications import services as notifications
from projects import services as projects
from quotas import services as quotas
from quotas.models import Resource, Threshold
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import NOTHING, call
from tests.counting import counted

ONE, LIST = 6, 8
SIZES = (1, 30)
IDENTITIES = [{"issuer": "https://idp.example.test", "subject": str(number)} for number in range(30)]


def crowd(world, numbers):
    """Fill acme, and its owner's own namespace, with something of every kind for each number."""
    acme, owner, devs = world.acme, world.people["owner"], world.teams["devs"]
    for number in numbers:
        person = make.user(f"person{number}")
        guest = make.user(f"guest{number}")
        team = make.team(acme, f"team{number}", "creator")
        robot = make.robot(acme, f"robot{number}", metadata={"number": number})
        own = make.robot(owner, f"own{number}")
        project = make.project(acme, f"project{number}")
        make.member(team, person, owner)
        make.member(devs, person)
        for machine in (robot, world.robots["bot"]):
            accounts.add_team_member(actor=make.SYSTEM, team=team, robot=machine)
        for holder in (
            {"user": guest},
            {"user": world.people["member"]},
            {"team": devs},
            {"robot": robot},
            {"robot": world.robots["bot"]},
        ):
            make.grant(project, "read", **holder)
        make.grant(make.project(owner, f"own{number}"), "read", robot=own)
        accounts.invite(actor=make.SYSTEM, team=devs, user=guest)
        projects.create_default_grant(
            actor=make.SYSTEM, organization=acme, role="read", user=person, activating_user=guest
        )
        make.organization(f"org{number}", owner=owner)
        accounts.set_robot_federation(
            actor=make.SYSTEM,
            robot=world.robots["bot"],
            identities=IDENTITIES[: number + 1],
        )
        notifications.create_message(
            actor=make.SYSTEM, content="Sunday", severity="info", media_type="text/plain"
        )


def limits(world):
    """Set quotas with thresholds, so that they are shown."""
    for namespace in (world.acme.namespace, world.people["owner"].namespace):
        quota = quotas.set_limit(
            actor=make.SYSTEM, resource=Resource.BYTES, limit=10**10, namespace=namespace
        )
        Threshold.objects.create(quota=quota, kind="Warning", percent=80)
        Threshold.objects.create(quota=quota, kind="Reject", percent=100)


READS = [
    ("owner", "user/", ONE),
    ("stranger", "users/owner", ONE),
    ("owner", "users/owner", ONE),
    ("owner", "organization/acme", ONE),
    ("anonymous", "organization/acme", ONE),
    ("owner", "organization/acme/members", LIST),
    ("owner", "organization/acme/members/member", ONE),
    ("owner", "organization/acme/members/acme+bot", ONE),
    ("owner", "organization/acme/collaborators", LIST),
    ("owner", "organization/acme/team/devs/members?includePending=true", LIST),
    ("member", "organization/acme/team/devs/members", LIST),
    ("owner", "organization/acme/team/devs/permissions", LIST),
    ("owner", "organization/acme/prototypes", LIST),
    ("owner", "organization/acme/robots", LIST),
    ("owner", "organization/acme/robots?permissions=true", LIST),
    ("member", "organization/acme/robots?permissions=true", LIST),
    ("owner", "organization/acme/robots/bot", ONE),
    ("owner", "organization/acme/robots/bot/permissions", LIST),
    ("owner", "organization/acme/robots/bot/federation", LIST),
    ("owner", "user/robots?permissions=true", LIST),
    ("owner", "user/robots/own0", ONE),
    ("owner", "user/robots/own0/permissions", LIST),
    ("owner", "user/robots/own0/federation", LIST),
    ("superuser", "superuser/users/", LIST),
    ("superuser", "superuser/users/?limit=100", LIST),
    ("superuser", "superuser/users/member", ONE),
    ("superuser", "superuser/organizations/", LIST),
    ("superuser", "superuser/organizations/?limit=100", LIST),
    ("anonymous", "messages", LIST),
    ("anonymous", "error/not_found", ONE),
]


# What changes something asks more, but not more the more there is.
WRITES = [
    ("put", "organization/acme", {"email": "ops@example.test", "tag_expiration_s": 0}),
    ("put", "organization/acme/team/devs", {"role": "admin", "description": "x"}),
    ("put", "organization/acme/team/brandnew", {"role": "member"}),
    ("delete", "organization/acme/team/devs", NOTHING),
    ("put", "organization/acme/team/devs/members/stranger", NOTHING),
    ("delete", "organization/acme/team/devs/members/member", NOTHING),
    ("delete", "organization/acme/members/member", NOTHING),
    ("put", "organization/acme/robots/brandnew", {"description": "x"}),
    ("post", "organization/acme/robots/bot/regenerate", NOTHING),
    ("post", "organization/acme/robots/bot/federation", IDENTITIES),
    ("delete", "organization/acme/robots/bot/federation", NOTHING),
    ("post", "organization/acme/prototypes", {"role": "read", "delegate": {"name": "devs", "kind": "team"}}),
    ("put", "organization/acme/prototypes/{prototype}", {"role": "write"}),
    ("delete", "organization/acme/prototypes/{prototype}", NOTHING),
    ("put", "user/", {"company": "Acme"}),
    ("put", "user/robots/brandnew", NOTHING),
    ("post", "organization/", {"name": "initech"}),
    ("delete", "organization/acme", NOTHING),
]


def queries(world, principal, method, path, body=NOTHING):
    """Return how many queries a call asks whose token was never used before."""
    world.secrets.clear()
    client = world.client(principal)
    with counted() as asked:
        answer = call(client, method, path.format(**world.names), body)
    assert answer.status_code < 300, answer.content
    return len(asked)


def grow(world, size):
    """Let the world hold ``size`` of everything."""
    done = {1: 0, 30: 1}[size]
    crowd(world, range(done, size))


@pytest.fixture
def world(db):
    made = worlds.build()
    limits(made)
    return made


def test_reading_keeps_to_its_budget_at_any_size(world):
    found: dict[int, dict[tuple[str, str], int]] = {}
    for size in SIZES:
        grow(world, size)
        found[size] = {
            (principal, path): queries(world, principal, "get", path) for principal, path, _ in READS
        }
    budgets = {(principal, path): allowed for principal, path, allowed in READS}
    assert {key: count for key, count in found[30].items() if count > budgets[key]} == {}
    assert found[1] == found[30]


def test_changing_costs_the_same_at_any_size(world):
    found: dict[int, dict[tuple[str, str], int]] = {}
    for size in SIZES:
        grow(world, size)
        found[size] = {}
        for method, path, body in WRITES:
            with transaction.atomic():
                found[size][method, path] = queries(world, "owner", method, path, body)
                transaction.set_rollback(True)
    assert found[1] == found[30]
