"""What each operation of the wire costs: as many queries for thirty of everything as for one.

Every row of the access table that somebody may do is asked as the best of those, in a small world and in a
crowded one. Reading keeps to the budget: 6 queries for one thing, 8 for a list. What changes something asks
more; its ceiling stands here, so that it rises only by somebody's will.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import time_machine
from django.db import transaction
from django.test import override_settings

from api.quay.urls import urlpatterns
from quotas import services as quotas
from tests import make
from tests.api.quay import access, crowd
from tests.api.quay import world as worlds
from tests.api.quay.access import Row, only
from tests.counting import counted

if TYPE_CHECKING:
    from tests.api.quay.world import World

# The use of a token is noted once a minute with one more statement, which is not counted here.
NOTED = 1
ONE, LIST = 6 - NOTED, 8 - NOTED
SIZES = (1, 30)
BEST = ("owner", "superuser", "full", *worlds.PRINCIPALS)

# One thing, though the path does not end with its name. All that ends with a name is one thing.
ONE_THING = {"OwnUser": "one's own account", "RobotFederation": "one setting of a robot"}
MANY = {"Entities": "whose names begin so"}

# What costs more the more there is, and why.
GROWS = {"post TeamSyncing": "people are taken out of the team, and the log tells of each"}

# Statements of what changes something, at most.
CEILINGS = {
    count: {" ".join(name.split()) for name in names.split(",")}
    for count, names in {
        # What is deleted is written into the trash first, table by table.
        77: "delete OneTeam",
        55: "delete OneRobot",
        45: "post Convert",
        36: "post TakeOwnership",
        33: "delete OneOrganization",
        31: "delete InstanceOrganization",
        22: "post TeamSyncing",
        19: "delete TeamMember",
        18: "delete OneMember, put TeamMember",
        16: "delete InstanceUser, delete OneRepository, post Organizations",
        15: "delete OneApplication, delete OwnUser, post OwnUser, put AnswerInvitation, put OneTeam",
        13: "post SignIn",
        12: "put UserPermission",
        # How many exports are under way is counted by one at a time, and PostgreSQL asked who still writes.
        11: """delete TeamInvite, post ApplicationTokens, post ExportOrganizationLogs, post
        ExportRepositoryLogs, post Prototypes, post Repositories, put TeamInvite""",
        10: """put OneOrganization, put OrganizationQuota, put RepositoryUsage, put
        TeamPermission""",
        9: """post ExportUserLogs, delete AnswerInvitation, delete OrganizationQuota, delete TeamSyncing, post
        AuthorizedEmail, post RegenerateRobotToken, post RobotFederation, put InstanceQuota, put OneRobot, put
        OrganizationQuotaLimit""",
        8: """post ClientKey, delete ApplicationToken, delete InstanceQuota, delete RobotFederation,
        post OrganizationQuotaLimits, post OrganizationQuotas, post ResetClientSecret, put
        InstanceOrganization, put OneApplication""",
        7: """delete AppToken, delete Authorization, delete OnePrototype, delete OrganizationQuotaLimit,
        delete TeamPermission, delete UserPermission, post Applications, post VerifySignIn, post
        InstanceQuotas, post Starred, put OnePrototype, put OwnUser""",
        6: """delete OrganizationNotification, delete RepositoryNotification, post ChangeVisibility, post
        InstanceUsers, post OrganizationNotification, post OrganizationNotifications, post
        RepositoryNotification, post RepositoryNotifications, post SendRecovery,
        put ChangeState, put OneRepository, put OneServiceKey""",
        5: """post ApprovedKey, post InstanceSize, post ServiceKeys, post
        TestOrganizationNotification, post TestRepositoryNotification, put InstanceUser""",
        4: """delete AssignedAuthorization, delete OneManifest, delete OneMessage, delete OneServiceKey,
        delete OwnNamespaceNotification, post AppTokens, post OwnNamespaceNotification, post
        OwnNamespaceNotifications""",
        3: """delete OneStar, post Messages, post Recovery, post SignOut, post
        TestOwnNamespaceNotification, put OwnNotice""",
    }.items()
}
CEILING = {name: count for count, names in CEILINGS.items() for name in names}


def limits(world: World) -> None:
    """Set quotas with thresholds, which are shown wherever their owners are."""
    for namespace in (world.acme.namespace, world.people["owner"].namespace):
        quotas.create_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=10**10)
        for kind, percent in (("Warning", 80), ("Reject", 100)):
            quotas.add_threshold(actor=make.SYSTEM, namespace=namespace, kind=kind, percent=percent)


# Reading with parameters, and as others, that the access table does not ask for.
ALSO = [
    Row("get", path, only({who}, 200), prepare=limits)
    for who, path in (
        ("owner", "user/"),
        ("owner", "organization/acme"),
        ("stranger", "users/owner"),
        ("member", "organization/acme"),
        ("member", "organization/acme/team/devs/members"),
        ("owner", "organization/acme/team/devs/members?includePending=true"),
        ("member", "organization/acme/robots?permissions=true"),
        ("owner", "user/robots?permissions=true"),
        ("owner", "user/robots/own0"),
        ("owner", "user/robots/own0/permissions"),
        ("superuser", "superuser/users/?limit=100"),
        ("superuser", "superuser/organizations/?limit=100"),
        ("stranger", "messages"),
        ("owner", "repository?namespace=acme&popularity=1&last_modified=1"),
        ("owner", "repository?starred=true&popularity=1"),
        ("repo:admin", "repository/acme/web?includeStats=true&includeTags=true"),
        ("owner", "find/repositories?query=p&includeUsage=true"),
        ("owner", "find/all?query=ac"),
        ("owner", "entities/pe?namespace=acme&includeTeams=1&includeOrgs=1"),
    )
]
ROWS = [row for row in access.all_rows() if any(200 <= status < 300 for status in row.expect.values())]


def spent(row: Row, world: World) -> int | None:
    """Return how many statements a call asks as the best who may; None if in this world nobody does."""
    for who in [name for name in BEST if 200 <= row.expect.get(name, 0) < 300]:
        with (
            transaction.atomic(),
            override_settings(**worlds.EVERYWHERE, **row.settings),
            override_settings(**worlds.SETTINGS.get(who, {})),
        ):
            there = copy.deepcopy(world)
            if row.prepare is not None:
                row.prepare(there)
            client, headers = there.client(who), {}
            if who == "anonymous" and row.method != "get":
                headers["x-csrf-token"] = client.get("/csrf_token").json()["csrf_token"]
            with counted() as asked:
                answer = access.call(client, row.method, row.path.format(**there.names), row.body, **headers)
            transaction.set_rollback(True)
        if answer.status_code < 300:
            return len(asked)
    return None


def budget(row: Row) -> int:
    """Return what a row may cost."""
    route, method = row.route
    if method != "get":
        return CEILING.get(f"{method} {route}", 0)
    pattern = next(str(one.pattern) for one in urlpatterns if one.name == route)
    single = pattern.removesuffix(r"/?\Z").endswith(")") and route not in MANY
    return ONE if single or route in ONE_THING else LIST


@pytest.mark.django_db
@time_machine.travel("2026-03-02T10:00:00Z", tick=False)  # what is noted each minute is not counted
def test_every_operation_keeps_to_its_budget_at_any_size():
    world = worlds.build()
    for principal in worlds.PRINCIPALS:
        world.client(principal).get("/api/v1/error/not_found")
    rows = ROWS + ALSO
    found = []
    for start, stop in zip((0, *SIZES), SIZES, strict=False):
        crowd.grow(world, start, stop)
        found.append([spent(row, world) for row in rows])
    over, grown = [], []
    for row, small, large in zip(rows, *found, strict=True):
        name = f"{row.method} {row.route[0]}"
        if (small or 0) > budget(row):
            over.append(f"{name} ({row.path}): {small}, and may {budget(row)}")
        if small != large and name not in GROWS:
            grown.append(f"{name} ({row.path}): {small} for one, {large} for thirty")
    assert over == [], "\n".join(over)
    assert grown == []
    assert sum(cost is None for cost in found[0]) < len(rows) / 20, "nearly all is asked"


def test_the_table_names_operations():
    asked = {f"{row.method} {row.route[0]}" for row in ROWS}
    assert CEILING.keys() | GROWS.keys() <= asked
    assert ONE_THING.keys() | MANY.keys() <= {row.route[0] for row in ROWS}
