"""Sizes over the wire: who reports them and how, and where they show."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts import services as accounts
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas import tasks
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.world import bearer

PATH = "/api/v1/repository/acme/web/usage"
MIB = 2**20


@pytest.fixture
def world(db):
    made = worlds.build()
    make.grant(made.projects["web"], "admin", robot=made.robots["ci"])
    return made


def report(client, size, path=PATH):
    body = size if isinstance(size, str) else json.dumps({"size_bytes": size})
    return client.generic("PUT", path, body, content_type="application/json")


def basic(name, token):
    sent = b64encode(f"{name}:{token}".encode()).decode()
    return Client(enforce_csrf_checks=True, headers={"authorization": f"Basic {sent}"})


def test_a_robot_reports_by_its_token_alone_or_by_name_and_token(world):
    token = world.secret("robot")
    for number, client in enumerate((bearer(token), basic("acme+ci", token)), 1):
        answer = report(client, number)
        assert answer.status_code == 200, answer.content
        assert client.get(PATH).json() == answer.json()
        assert answer.json()["size_bytes"] == number
    assert Project.objects.get(pk=world.projects["web"].pk).size_bytes == 2


def test_who_is_not_that_robot_reports_nothing(world):
    token = world.secret("robot")
    owner = world.secret("owner")
    other = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=world.robots["globex-ci"])
    strangers = [
        basic("acme+bot", token),
        basic("globex+ci", token),
        basic("", token),
        basic("acme+ci", ""),
        basic("acme+ci", other),
        basic("owner", owner),
        basic("owner", make.PASSWORD),
        Client(enforce_csrf_checks=True, headers={"authorization": "Basic ***"}),
        Client(enforce_csrf_checks=True, headers={"authorization": "Basic /w=="}),
        bearer(other),
        bearer(world.secret("owner")),
    ]
    for client in strangers:
        assert report(client, 7).status_code == 403
    for client in strangers[:9]:
        assert client.get(PATH).status_code == 401
    assert Project.objects.get(pk=world.projects["web"].pk).size_bytes == 0


def test_a_robot_s_token_opens_nothing_else(world):
    for client in (bearer(world.secret("robot")), basic("acme+ci", world.secret("robot"))):
        assert client.get("/api/v1/repository/acme/web").status_code == 401
        assert client.delete("/api/v1/repository/acme/web/usage").status_code == 403
        assert client.post("/api/v1/repository/acme/web/usage").status_code in (403, 405)


def test_a_robot_that_is_disabled_or_demoted_reports_no_more(world):
    client = bearer(world.secret("robot"))
    assert report(client, 1).status_code == 200
    make.grant(world.projects["web"], "write", robot=world.robots["ci"])
    assert report(client, 2).status_code == 403
    make.grant(world.projects["web"], "admin", robot=world.robots["ci"])
    accounts.change_robot(actor=make.SYSTEM, robot=world.robots["ci"], enabled=False)
    assert report(client, 3).status_code == 403
    assert Project.objects.get(pk=world.projects["web"].pk).size_bytes == 1


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        "7",
        "{}",
        '{"size_bytes": null}',
        '{"size_bytes": "7"}',
        '{"size_bytes": true}',
        '{"size_bytes": 7.0}',
        '{"size_bytes": 1e3}',
        '{"size_bytes": -1}',
        '{"size_bytes": 9223372036854775808}',
        '{"size_bytes": ' + "9" * 5000 + "}",
        '{"size_bytes": [7]}',
        '{"size": 7}',
        '{"size_bytes": NaN}',
    ],
)
def test_what_is_no_size_is_refused(world, body):
    assert report(bearer(world.secret("robot")), body).status_code == 400
    assert not Project.objects.exclude(size_bytes=0).exists()


def test_a_refusal_speaks_the_wire_and_is_kept_in_the_log(world):
    namespace = world.acme.namespace
    quotas.create_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=10 * MIB)
    quotas.add_threshold(actor=make.SYSTEM, namespace=namespace, kind="Reject", percent=100)
    client = bearer(world.secret("robot"))
    assert report(client, 10 * MIB - 1).status_code == 200
    answer = report(client, 10 * MIB)
    assert answer.status_code == 400
    assert answer.json()["error_type"] == "invalid_request"
    assert client.get(PATH).json()["size_bytes"] == 10 * MIB - 1
    logs = bearer(world.secret("owner")).get("/api/v1/organization/acme/logs").json()["logs"]
    assert [(one["kind"], one["performer"]["name"]) for one in logs[:2]] == [
        ("quota_error", "acme+ci"),
        ("report_repo_usage", "acme+ci"),
    ]
    assert logs[0]["metadata"]["usage_bytes"] == 10 * MIB - 1


# Where sizes show ----------------------------------------------------------------------------------------


def size(project, number):
    projects.report_usage(actor=make.SYSTEM, project=project, size_bytes=number)


def told(limit, used, status="complete"):
    return {
        "quota_bytes": used,
        "configured_quota": limit,
        "running_backfill": status,
        "backfill_status": status,
    }


def test_every_view_tells_true_numbers(world):
    owner = world.people["owner"]
    own = make.project(owner, "own")
    size(own, 5)
    size(world.projects["web"], 70)
    size(world.projects["docs"], 30)
    quotas.create_quota(actor=make.SYSTEM, namespace=world.acme.namespace, limit_bytes=1000)
    client, root = bearer(world.secret("owner")), bearer(world.secret("superuser"))
    assert client.get("/api/v1/organization/acme").json()["quota_report"] == told(1000, 100)
    assert client.get("/api/v1/user/").json()["quota_report"] == told(None, 5)
    listed = client.get("/api/v1/repository?namespace=acme").json()["repositories"]
    assert {one["name"]: one["quota_report"] for one in listed} == {
        "web": {"quota_bytes": 70, "configured_quota": 1000},
        "docs": {"quota_bytes": 30, "configured_quota": 1000},
        "site": {"quota_bytes": 0, "configured_quota": 1000},
    }
    users = {one["name"]: one for one in root.get("/api/v1/superuser/users/").json()["users"]}
    assert users["owner"]["quota_report"] == told(None, 5)
    assert users["member"]["quota_report"] == told(None, 0, "waiting")
    shown = root.get("/api/v1/superuser/organizations/").json()["organizations"]
    assert {one["name"]: one["quota_report"] for one in shown} == {
        "acme": told(1000, 100),
        "globex": told(None, 0, "waiting"),
    }
    size(world.projects["web"], 0)
    size(world.projects["docs"], 0)
    assert client.get("/api/v1/organization/acme").json()["quota_report"] == told(1000, 0)


def test_the_default_limit_shows_where_there_is_no_other(world, settings):
    settings.DEFAULT_QUOTA_BYTES = 3 * MIB
    client = bearer(world.secret("owner"))
    default: dict[str, object] = {
        "id": None,
        "limit_bytes": 3 * MIB,
        "limit": "3.0 MiB",
        "default_config": True,
        "limits": [],
        "default_config_exists": True,
    }
    assert client.get("/api/v1/organization/acme/quota").json() == [default]
    assert client.get("/api/v1/user/quota").json() == []
    body = client.get("/api/v1/organization/acme").json()
    assert (body["quotas"], body["quota_report"]["configured_quota"]) == ([], 3 * MIB)
    listed = client.get("/api/v1/repository?namespace=acme").json()["repositories"]
    assert {one["quota_report"]["configured_quota"] for one in listed} == {3 * MIB}
    quotas.create_quota(actor=make.SYSTEM, namespace=world.acme.namespace, limit_bytes=MIB)
    (own,) = client.get("/api/v1/organization/acme/quota").json()
    assert (own["limit_bytes"], own["default_config"], own["default_config_exists"]) == (MIB, False, True)


def test_the_size_of_everything_is_counted_when_asked_for(world):
    size(world.projects["web"], 2**40)
    size(world.projects["globex-web"], 1)
    root = bearer(world.secret("superuser"))
    path = "/api/v1/superuser/registrysize/"
    assert root.post(path).status_code == 201
    assert root.post(path).status_code == 202
    assert root.get(path).json() == {"size_bytes": 0, "last_ran": None, "queued": True, "running": False}
    before = datetime.now(UTC).timestamp() * 1000
    tasks.count_registry()
    found = root.get(path).json()
    assert before - 1 <= found.pop("last_ran") <= datetime.now(UTC).timestamp() * 1000
    assert found == {"size_bytes": 2**40 + 1, "queued": False, "running": False}
    assert root.post(path).status_code == 201


@pytest.mark.parametrize("count", [1, 12])
def test_sizes_cost_the_same_at_any_number_of_projects(world, count, django_assert_num_queries):
    for number in range(count):
        size(make.project(world.acme, f"more{number}"), number)
    client, root = bearer(world.secret("owner")), bearer(world.secret("superuser"))
    for one in (client, root):
        one.get("/api/v1/user/")  # the first use of a token is noted
    with django_assert_num_queries(3):  # credential, projects, quotas
        client.get("/api/v1/repository?namespace=acme")
    with django_assert_num_queries(3):
        root.get("/api/v1/superuser/organizations/")
    with django_assert_num_queries(3):  # credential, project, roles
        client.get(PATH)
    with django_assert_num_queries(2):
        root.get("/api/v1/superuser/registrysize/")


def test_a_report_costs_little(world, django_assert_max_num_queries):
    client = bearer(world.secret("robot"))
    report(client, 1)
    with django_assert_max_num_queries(16):
        report(client, 2)
