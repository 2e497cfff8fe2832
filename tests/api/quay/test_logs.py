"""The usage log on the Quay wire (quay-b.md 5): windows, pages, what an entry tells, counts, exports."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from logs.models import LogEntry, LogExport
from projects import services as projects
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import call
from tests.counting import counted
from tests.staging import stand

pytestmark = pytest.mark.django_db
API_KEYS = {"detail", "error_message", "error_type", "title", "type", "status"}
NOW = datetime(2025, 3, 5, 14, 3, 11, tzinfo=UTC)
ACME, WEB = "organization/acme", "repository/acme/web"


@time_machine.travel(NOW, tick=False)
def build():
    return worlds.build()


@pytest.fixture
def standing_world(request):
    return stand(build, request)


@pytest.fixture
def world(standing_world):
    with time_machine.travel(NOW, tick=False):
        yield standing_world


@pytest.fixture
def owner(world):
    return world.client("owner")


def write(world, count, *, kind="create_team", start=NOW, every=timedelta(seconds=1), **fields):
    """Write entries of acme, the last one first in time."""
    values = {
        "namespace": world.acme.namespace,
        "namespace_name": "acme",
        "namespace_kind": "organization",
        "performer": world.people["owner"],
        "performer_name": "owner",
        "performer_kind": "user",
        "performer_email": "owner@example.test",
    } | fields
    LogEntry.objects.bulk_create(
        LogEntry(kind=kind, at=start - number * every, metadata={"n": number}, **values)
        for number in range(count)
    )


def clear():
    LogEntry.objects.all().delete()


def kinds(answer):
    return [one["kind"] for one in answer.json()["logs"]]


# Windows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", "Tue, 04 Mar 2025 14:03:11 -0000", "Thu, 06 Mar 2025 14:03:11 -0000"),
        ("starttime=03/01/2025", "Sat, 01 Mar 2025 00:00:00 -0000", "Thu, 06 Mar 2025 14:03:11 -0000"),
        (
            "starttime=03/01/2025&endtime=03/02/2025",
            "Sat, 01 Mar 2025 00:00:00 -0000",
            "Mon, 03 Mar 2025 00:00:00 -0000",
        ),
        # Anything else is ignored.
        (
            "starttime=2025-03-01&endtime=x",
            "Tue, 04 Mar 2025 14:03:11 -0000",
            "Thu, 06 Mar 2025 14:03:11 -0000",
        ),
        ("starttime=13/40/2025", "Tue, 04 Mar 2025 14:03:11 -0000", "Thu, 06 Mar 2025 14:03:11 -0000"),
        (
            "starttime=01/01/0001&endtime=12/31/9999",
            "Mon, 01 Jan 0001 00:00:00 -0000",
            "Fri, 31 Dec 9999 00:00:00 -0000",
        ),
    ],
)
def test_the_window_is_echoed_as_it_is_used(owner, query, start, end):
    body = call(owner, "get", f"{ACME}/logs?{query}").json()
    assert (body["start_time"], body["end_time"]) == (start, end)


def test_the_days_named_belong_to_the_window(world, owner):
    clear()
    for day in (1, 2, 3, 4):
        write(world, 1, kind=f"org_{day}", start=datetime(2025, 3, day, tzinfo=UTC))
    write(world, 1, kind="org_delete", start=datetime(2025, 3, 3, 23, 59, 59, 999999, tzinfo=UTC))
    LogEntry.objects.filter(kind__startswith="org_").exclude(kind="org_delete").update(kind="org_create")
    answer = call(owner, "get", f"{ACME}/logs?starttime=03/02/2025&endtime=03/03/2025")
    assert kinds(answer) == ["org_delete", "org_create", "org_create"]
    assert len(kinds(call(owner, "get", f"{ACME}/logs?starttime=03/03/2025&endtime=03/02/2025"))) == 0


@pytest.mark.parametrize("where", [ACME, WEB, "user", "superuser"])
@pytest.mark.parametrize("what", ["logs", "aggregatelogs"])
def test_a_window_that_ends_before_it_starts(world, where, what):
    client = world.client("superuser" if where == "superuser" else "owner")
    answer = call(client, "get", f"{where}/{what}?starttime=03/03/2025&endtime=03/01/2025")
    assert (answer.status_code, set(answer.json())) == (400, {"message"})


# Lists ---------------------------------------------------------------------------------------------------


def test_an_entry_tells_who_did_what_from_where(world, owner):
    client, operator = world.client("admin"), world.client("superuser")
    client.defaults["REMOTE_ADDR"] = "10.0.0.9"
    call(client, "put", WEB, {"description": "# Ü"})
    entry = LogEntry.objects.latest("pk")
    for where in (ACME, WEB):
        assert call(owner, "get", f"{where}/logs").json()["logs"][0] == {
            "kind": "set_repo_description",
            "metadata": {
                "repo": "web",
                "namespace": "acme",
                "description": "# Ü",
                "oauth_token_id": entry.credential_id,
                "oauth_token_application_id": "admin",
                "oauth_token_application": "automation",
            },
            "ip": "10.0.0.9",
            "datetime": "Wed, 05 Mar 2025 14:03:11 -0000",
            "performer": {
                "kind": "user",
                "name": "admin",
                "is_robot": False,
                "avatar": {
                    "name": "admin",
                    "hash": hashlib.sha256(b"admin@example.test").hexdigest(),
                    "color": call(owner, "get", "users/admin").json()["avatar"]["color"],
                    "kind": "user",
                },
            },
        }
    everything = call(operator, "get", "superuser/logs").json()["logs"]
    assert everything[0]["namespace"]["name"] == "acme"
    assert (everything[0]["namespace"]["kind"], everything[0]["namespace"]["avatar"]["kind"]) == (
        "org",
        "org",
    )


def test_entries_of_robots_of_nobody_and_of_unknown_kinds(world, owner):
    clear()
    write(world, 1, kind="pull_repo", performer=None, performer_name="acme+ci", performer_kind="robot")
    write(world, 1, kind="no_such_kind", performer=None, performer_name="", performer_kind="", ip=None)
    unknown, robot = call(owner, "get", f"{ACME}/logs").json()["logs"]
    assert (unknown["kind"], unknown["ip"], "performer" in unknown) == ("unknown", None, False)
    assert robot["performer"]["is_robot"] is True
    assert robot["performer"]["avatar"]["kind"] == "robot"
    assert "namespace" not in robot


def test_entries_outlive_what_they_tell_of(world, owner):
    from accounts import services as accounts

    call(world.client("admin"), "put", WEB, {"description": "x"})
    accounts.delete_user(actor=make.SYSTEM, user=world.people["admin"])
    projects.delete_project(actor=make.SYSTEM, project=world.projects["web"])
    names = [
        one["performer"]["name"]
        for one in call(owner, "get", f"{ACME}/logs").json()["logs"]
        if "performer" in one
    ]
    assert "admin" in names


def test_each_log_holds_its_own(world, owner):
    clear()
    call(owner, "put", WEB, {"description": "x"})
    call(owner, "post", "user/starred", {"namespace": "acme", "repository": "site"})
    call(owner, "delete", "repository/acme/docs")
    assert kinds(call(owner, "get", f"{WEB}/logs")) == ["set_repo_description"]
    assert kinds(call(owner, "get", f"{ACME}/logs")) == ["delete_repo", "set_repo_description"]
    assert kinds(call(owner, "get", "user/logs")) == ["star_repo"]
    assert kinds(call(world.client("globex-owner"), "get", "organization/globex/logs")) == []
    whole = kinds(call(world.client("superuser"), "get", "superuser/logs"))
    assert whole[-3:] == ["delete_repo", "star_repo", "set_repo_description"]


def test_pages_of_twenty_newest_first(world, owner):
    clear()
    write(world, 50, every=timedelta(0))  # all at the same moment
    seen, token, pages = [], "", 0
    while True:
        body = call(owner, "get", f"{ACME}/logs?next_page={token}").json()
        seen += [one["metadata"]["n"] for one in body["logs"]]
        pages += 1
        token = body.get("next_page", "")
        if not token:
            break
    assert (pages, seen) == (3, list(range(49, -1, -1)))
    first = call(owner, "get", f"{ACME}/logs").json()
    assert len(first["logs"]) == 20
    for strange in ("x", "gAAAAABn", first["next_page"][:-2], "%7B%22at%22:1%7D"):
        body = call(owner, "get", f"{ACME}/logs?next_page={strange}").json()
        assert body["logs"] == first["logs"]


def test_a_token_of_another_list_is_the_first_page(world, owner):
    from core.paging import page_token

    for other in ({"after": 7}, {"at": "x", "id": 1}, {"at": NOW.isoformat(), "id": "1"}, {"at": None}, {}):
        body = call(owner, "get", f"{ACME}/logs?next_page={page_token(other)}").json()
        assert body["logs"]
    logs = page_token({"at": NOW.isoformat(), "id": 3})
    assert len(call(owner, "get", f"repository?namespace=acme&next_page={logs}").json()["repositories"]) == 3


def test_narrowing_to_a_performer(world, owner):
    clear()
    call(owner, "put", WEB, {"description": "x"})
    call(world.client("admin"), "put", f"{WEB}/changestate", {"state": "NORMAL"})
    assert kinds(call(owner, "get", f"{ACME}/logs?performer=admin")) == ["change_repo_state"]
    assert kinds(call(owner, "get", f"{ACME}/logs?performer=nobody")) == []
    assert kinds(call(owner, "get", "user/logs?performer=admin")) == []
    count = call(owner, "get", f"{ACME}/aggregatelogs?performer=admin").json()["aggregated"]
    assert [one["kind"] for one in count] == ["change_repo_state"]
    # Counts ignore a performer that nobody knows.
    assert len(call(owner, "get", f"{ACME}/aggregatelogs?performer=nobody").json()["aggregated"]) == 2
    # A repository's log is not narrowed.
    assert len(kinds(call(owner, "get", f"{WEB}/logs?performer=admin"))) == 2


@pytest.mark.parametrize("page", ["x", "1.5", "1e3", "", "9" * 30])
def test_a_page_that_is_no_number(world, page):
    answer = call(world.client("superuser"), "get", f"superuser/logs?page={page}")
    assert (answer.status_code, set(answer.json()["message"])) == (400, {"page"})


def test_a_session_that_is_not_fresh(world):
    client = worlds.signed_in("superuser")
    assert call(client, "get", "superuser/logs?page=7").status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        for what in ("logs", "aggregatelogs"):
            answer = call(client, "get", f"superuser/{what}")
            assert (answer.status_code, answer.json()["error_type"]) == (401, "fresh_login_required")


# Counts --------------------------------------------------------------------------------------------------


def test_counts_by_kind_and_day(world, owner):
    operator = world.client("superuser")
    clear()
    write(world, 3, kind="org_create_team", start=datetime(2025, 3, 4, 23, 59, 59, tzinfo=UTC))
    write(world, 2, kind="org_create_team")
    write(world, 1, kind="no_such_kind")
    body = call(owner, "get", f"{ACME}/aggregatelogs?starttime=03/01/2025&endtime=03/05/2025").json()
    assert sorted(body["aggregated"], key=lambda one: (one["datetime"], one["kind"])) == [
        {"kind": "org_create_team", "count": 3, "datetime": "Tue, 04 Mar 2025 00:00:00 -0000"},
        {"kind": "org_create_team", "count": 2, "datetime": "Wed, 05 Mar 2025 00:00:00 -0000"},
        {"kind": "unknown", "count": 1, "datetime": "Wed, 05 Mar 2025 00:00:00 -0000"},
    ]
    everything = call(operator, "get", "superuser/aggregatelogs").json()
    assert sum(one["count"] for one in everything["aggregated"]) == 6


@pytest.mark.parametrize("where", [ACME, WEB, "user", "superuser"])
def test_at_most_31_days_are_counted(world, where):
    client = world.client("superuser" if where == "superuser" else "owner")
    for query, status in (
        ("starttime=01/29/2025&endtime=02/28/2025", 200),
        ("starttime=01/28/2025&endtime=02/28/2025", 400),
        ("starttime=01/01/0001&endtime=12/31/9999", 400),
        ("starttime=12/31/9999&endtime=12/31/9999", 200),
    ):
        answer = call(client, "get", f"{where}/aggregatelogs?{query}")
        assert answer.status_code == status
        if status == 400:
            assert set(answer.json()) == {"message"}
        # A list may be of any length.
        assert call(client, "get", f"{where}/logs?{query}").status_code == 200


# Exports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "told"),
    [(ACME, ("acme", "")), (WEB, ("acme", "web")), ("user", ("owner", ""))],
)
def test_an_export_is_queued(world, owner, bells, django_capture_on_commit_callbacks, where, told):
    sent = {"callback_email": "ops@example.test", "starttime": "01/01/2020", "extra": 1}
    with django_capture_on_commit_callbacks(execute=True):
        answer = call(owner, "post", f"{where}/exportlogs?starttime=03/01/2025&endtime=03/02/2025", sent)
    assert (answer.status_code, list(answer.json())) == (200, ["export_id"])
    export = LogExport.objects.get(uuid=answer.json()["export_id"])
    assert (export.namespace_name, export.project_name) == told
    # The days are the query's, whatever the body says.
    assert (export.starts_at, export.ends_at) == (
        datetime(2025, 3, 1, tzinfo=UTC),
        datetime(2025, 3, 3, tzinfo=UTC),
    )
    assert (export.callback_email, export.dialect) == ("ops@example.test", "quay")
    assert bells == [("logs.build_export", export.pk)]
    entry = LogEntry.objects.get(kind="export_logs_success")
    assert (entry.namespace_name, entry.project_id) == (told[0], None)
    assert entry.metadata["export_id"] == str(export.uuid)
    assert entry.metadata["email"] == "ops@example.test"


def test_nobody_need_be_told(owner):
    assert call(owner, "post", f"{ACME}/exportlogs", {}).status_code == 200
    assert (
        call(owner, "post", f"{ACME}/exportlogs", {"callback_url": "", "callback_email": ""}).status_code
        == 200
    )


REFUSED = [
    ("", {"callback_url": "ftp://example.test/x"}),
    ("", {"callback_url": "nonsense"}),
    ("", {"callback_url": "http://"}),
    ("", {"callback_url": "https://ada:secret@203.0.113.7/x"}),
    ("", {"callback_url": "http://127.0.0.1/x"}),
    ("", {"callback_url": "http://localhost/x"}),
    ("", {"callback_url": "http://[::1]/x"}),
    ("", {"callback_url": "http://169.254.169.254/latest"}),
    ("", {"callback_url": "http://10.0.0.1/"}),
    ("", {"callback_email": "nobody"}),
    ("", {"callback_email": "a@b.test, c@d.test"}),
    ("", {"callback_email": "a@b.test\nBcc: c@d.test"}),
    ("?starttime=03/03/2025&endtime=03/01/2025", {}),
]


@pytest.mark.parametrize("where", [ACME, WEB, "user"])
@pytest.mark.parametrize(("query", "sent"), REFUSED, ids=str)
def test_a_refused_export_is_a_400_and_recorded(owner, where, query, sent):
    clear()
    answer = call(owner, "post", f"{where}/exportlogs{query}", sent)
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert not LogExport.objects.exists()
    entry = LogEntry.objects.get()
    assert (entry.kind, entry.project_id) == ("export_logs_failure", None)
    assert entry.namespace_name == ("owner" if where == "user" else "acme")
    assert entry.metadata["error"] == answer.json()["detail"]
    assert (entry.metadata["url"], entry.metadata["email"]) == (
        sent.get("callback_url"),
        sent.get("callback_email"),
    )
    assert entry.metadata.get("repo") == ("web" if where == WEB else None)
    assert entry.metadata["date/time"] == int(NOW.timestamp())


@pytest.mark.parametrize("where", [ACME, WEB, "user"])
def test_one_export_too_many_is_a_400_and_recorded(owner, settings, where):
    settings.EXPORTS_AT_ONCE_OF_NAMESPACE = 1
    assert call(owner, "post", f"{where}/exportlogs", {}).status_code == 200
    assert LogExport.objects.get().format == "quay"
    clear()
    answer = call(owner, "post", f"{where}/exportlogs", {})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)
    assert answer.json()["error_type"] == "invalid_request"
    assert LogExport.objects.count() == 1
    told = "There are 1 exports of this log under way: wait for one, or cancel it"
    assert (
        answer.json()["detail"] == LogEntry.objects.get(kind="export_logs_failure").metadata["error"] == told
    )


def test_refusals_of_strangers_and_of_missing_repositories_are_recorded(world, owner):
    clear()
    assert call(owner, "post", "repository/acme/nowhere/exportlogs", {}).status_code == 404
    entry = LogEntry.objects.get()
    assert (entry.kind, entry.namespace_name, entry.metadata["repo"]) == (
        "export_logs_failure",
        "acme",
        "nowhere",
    )
    member = world.client("member")
    clear()
    assert call(member, "post", f"{ACME}/exportlogs", {}).status_code == 403
    assert set(LogEntry.objects.values_list("kind", "namespace_name")) == {
        ("export_logs_failure", "acme"),
        ("access_denied", "acme"),
    }


@pytest.mark.parametrize("key", ["callback_url", "callback_email"])
@pytest.mark.parametrize("value", [None, 7, True, [], {}, "\x00", "\ud800"])
@pytest.mark.parametrize("where", [ACME, WEB, "user"])
def test_bad_values(owner, where, key, value):
    answer = call(owner, "post", f"{where}/exportlogs", {key: value})
    assert (answer.status_code, set(answer.json())) == (400, API_KEYS)


@pytest.mark.parametrize("body", ["null", "[]", "7", '"x"', "{"])
def test_a_body_that_is_no_object(owner, body):
    assert call(owner, "post", f"{ACME}/exportlogs", body).status_code == 400


def test_a_body_must_be_there(owner):
    assert call(owner, "post", f"{ACME}/exportlogs").status_code == 415


# What it costs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [ACME, WEB, "user", "superuser"])
@pytest.mark.parametrize("what", ["logs", "aggregatelogs"])
def test_a_list_costs_the_same_at_any_size(world, where, what):
    client = world.client("superuser" if where == "superuser" else "owner")
    call(client, "get", "error/none")
    found = []
    for size in (1, 30):
        clear()
        owner = world.people["owner"].namespace if where == "user" else world.acme.namespace
        write(world, size, namespace=owner, project=world.projects["web"])
        with counted() as statements:
            answer = call(client, "get", f"{where}/{what}?performer=owner")
        assert answer.status_code == 200
        body = answer.json()
        assert body.get("logs") or body.get("aggregated")
        found.append(len(statements))
    assert found[0] == found[1] <= 5
