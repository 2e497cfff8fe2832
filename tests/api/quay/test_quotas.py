"""Storage quotas over the wire: sizes, bad bodies, races, the log."""

import pytest

from core.errors import Invalid
from logs.models import LogEntry
from quotas.models import Quota
from quotas.sizes import read_size, write_size
from tests.api.quay.world import bearer

PATH = "/api/v1/organization/acme/quota"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1024", 1024),
        ("1K", 1000),
        ("1KB", 1000),
        ("1 Ki", 1024),
        ("10 GiB", 10 * 2**30),
        ("7EiB", 7 * 2**60),
    ],
)
def test_sizes_are_read(text, number):
    assert read_size(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "GiB", "1.5G", "-1", "1  G", "1 ZiB", "1YiB", "1B", "1g", "10 Gib", "\uff11G", "1" * 31, "1G\n"],
)
def test_what_is_no_size(text):
    with pytest.raises(Invalid):
        read_size(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1.0 Byte"),
        (1023, "1023.0 Byte"),
        (1024, "1.0 KiB"),
        (2**63 - 1, "8.0 EiB"),
        (1500 * 10**6, "1.4 GiB"),
    ],
)
def test_sizes_are_written(number, text):
    assert write_size(number) == text


@pytest.fixture
def client(world, settings):
    settings.SUPERUSERS_FULL_ACCESS = True
    return bearer(world.secret("superuser"))


def send(client, method, path, body):
    return client.generic(method, path, body, content_type="application/json")


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "null",
        '{"limit_bytes": "7"}',
        '{"limit_bytes": true}',
        '{"limit_bytes": 7.5}',
        '{"limit_bytes": null}',
        '{"limit_bytes": 0}',
        '{"limit_bytes": -1}',
        '{"limit_bytes": 9223372036854775808}',
        '{"limit_bytes": 7, "limit": "7"}',
        '{"limit": 7}',
        '{"limit": "0"}',
        '{"limit": "many"}',
        '{"limit": "8E"}',
        '{"limit": "9EiB"}',
        '{"limit": "1\\u0000"}',
    ],
)
def test_bad_quotas_change_nothing(client, body):
    answer = send(client, "POST", PATH, body)
    fits = body == '{"limit": "8E"}'  # eight decimal exabytes are just below 2^63
    assert answer.status_code == (201 if fits else 400), answer.content
    assert Quota.objects.exclude(limit=None).exists() is fits


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"type": "Warning"}',
        '{"threshold_percent": 80}',
        '{"type": 7, "threshold_percent": 80}',
        '{"type": "Warning", "threshold_percent": "80"}',
        '{"type": "Warning", "threshold_percent": 80.5}',
        '{"type": "Warning", "threshold_percent": -1}',
        '{"type": "Warning", "threshold_percent": 1000000}',
        '{"type": "", "threshold_percent": 80}',
    ],
)
def test_bad_limits_change_nothing(client, body):
    send(client, "POST", PATH, '{"limit_bytes": 1000}')
    number = client.get(PATH).json()[0]["id"]
    assert send(client, "POST", f"{PATH}/{number}/limit", body).status_code == 400
    assert client.get(f"{PATH}/{number}/limit").json() == []


@pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", "9" * 40, "\u0661"])
def test_numbers_that_are_none(client, number):
    send(client, "POST", PATH, '{"limit_bytes": 1000}')
    for path in (f"{PATH}/{number}", f"{PATH}/{number}/limit", f"{PATH}/{number}/limit/{number}"):
        assert client.get(path).status_code == 404


def test_the_organization_shows_its_quota_and_the_log_tells_of_it(client):
    send(client, "POST", PATH, '{"limit": "10 GiB"}')
    number = client.get(PATH).json()[0]["id"]
    send(client, "POST", f"{PATH}/{number}/limit", '{"type": "reject", "threshold_percent": 95}')
    send(client, "PUT", f"{PATH}/{number}", '{"limit": "20 GiB"}')
    shown = client.get("/api/v1/organization/acme").json()
    assert shown["quotas"][0]["limits"][0] | {"id": 0} == {"id": 0, "type": "Reject", "limit_percent": 95}
    assert shown["quota_report"]["configured_quota"] == 20 * 2**30
    client.delete(f"{PATH}/{number}")
    assert client.get("/api/v1/organization/acme").json()["quotas"] == []
    told = LogEntry.objects.filter(kind__contains="quota").order_by("pk")
    assert [entry.kind for entry in told] == [
        "org_create_quota",
        "org_create_quota_limit",
        "org_change_quota",
        "org_delete_quota",
    ]
    assert told[2].metadata["previous_limit"] == "10.0 GiB"
    assert told[2].metadata["limit"] == "20.0 GiB"


def test_queries(client, django_assert_max_num_queries):
    send(client, "POST", PATH, '{"limit_bytes": 1000}')
    number = client.get(PATH).json()[0]["id"]
    for path in (PATH, f"{PATH}/{number}", f"{PATH}/{number}/limit", "/api/v1/user/quota"):
        with django_assert_max_num_queries(6):
            assert client.get(path).status_code == 200


def test_a_person_with_no_quota(client):
    assert client.get("/api/v1/user/quota").json() == []
