"""Projects on the FlexStack wire: what they look like, how they change, pages, ids."""

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from itertools import product
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import connection

from core.publicids import parsed_uuid
from logs.models import LogEntry
from permissions.models import Grant
from projects import services, tasks
from projects.models import Project
from tests import make
from tests.api.flexstack.conftest import own, refused, told

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
KINDS = LogEntry.objects.order_by("pk").values_list


def kinds(after=0):
    return list(LogEntry.objects.filter(pk__gt=after).order_by("pk").values_list("kind", flat=True))


def last_entry():
    return LogEntry.objects.latest("pk").pk


# Objects -------------------------------------------------------------------------------------------------


def test_a_project_is_made_read_replaced_and_deleted(world):
    before = last_entry()
    body = {"name": "  Store front ", "description": "Public shop", "icon": "emoji:rocket", "id": "mine"}
    made = told(world.call("creator", "POST", "projects", body), 201)
    assert list(made) == sorted(made)
    assert MOMENT.fullmatch(made.pop("created_at"))
    assert len(made["id"]) == 22
    path = f"projects/{made.pop('id')}"
    assert made == {
        "connection_status": "disconnected",
        "default_environment_id": None,
        "description": "Public shop",
        "icon": "emoji:rocket",
        "name": "Store front",
        "org_id": own("organization", world.acme),
    }
    row = Project.objects.get(name="Store front")
    assert (row.slug, row.visibility) == ("store-front", "private")
    assert Grant.objects.get(project=row).role == "admin"
    environment = "018f2d4a-1c3b-7e55-9a10-3f6b2c7d8e91"
    whole = {"name": "Shop", "default_environment_id": environment, "icon": "url:https://x.test/i.png"}
    changed = told(
        world.call("creator", "PUT", path, whole | {"org_id": 7, "connection_status": "connected"})
    )
    assert changed["default_environment_id"] == "1CAjFu471zu6KptY3ZaDKe"
    assert (changed["description"], changed["icon"]) == (None, "url:https://x.test/i.png")
    assert changed["connection_status"] == "disconnected"
    assert told(world.call("creator", "GET", path)) == changed
    # The whole of an answer can be sent back, and changes nothing.
    assert told(world.call("creator", "PUT", path, changed)) == changed
    reset = told(world.call("creator", "PUT", path, {"name": "Shop"}))
    assert reset == changed | {"default_environment_id": None, "icon": None}
    assert world.call("creator", "DELETE", path).status_code == 204
    refused(world.call("creator", "GET", path), 404, "not_found")
    refused(world.call("creator", "DELETE", path), 404, "not_found")
    assert kinds(before) == ["create_repo", "change_repo_profile", "change_repo_profile", "delete_repo"]


def test_a_key_makes_projects_of_its_organization_that_nobody_owns(world):
    made = told(world.call("key", "POST", "projects", {"name": "n", "description": None}), 201)
    assert made["org_id"] == own("organization", world.acme)
    assert not Grant.objects.filter(project__name="n").exists()
    assert told(world.call("key", "GET", f"projects/{made['id']}/collaborators"))["data"] == []
    entry = LogEntry.objects.filter(kind="create_repo").latest("pk")
    assert (entry.performer_kind, entry.performer_name) == ("organization", "acme")


def test_who_is_in_several_organizations_says_which(world):
    make.organization("third", world.people["creator"])
    body = refused(world.call("creator", "POST", "projects", {"name": "x"}), 400, "bad_input")
    assert body["cause"].startswith("org_id")
    sent = {"name": "x", "org_id": "<acme>"}
    assert told(world.call("creator", "POST", "projects", sent), 201)["org_id"] == world.ids()["acme"]
    refused(world.call("stranger", "POST", "projects", {"name": "x"}), 400, "bad_input")


def test_names_are_taken_once_in_an_organization(world):
    for name in ("web", " web "):
        refused(world.call("key", "POST", "projects", {"name": name}), 409, "conflict")
    told(world.call("otherkey", "POST", "projects", {"name": "web"}), 201)
    second = told(world.call("key", "POST", "projects", {"name": "Web"}), 201)
    assert Project.objects.get(name="Web").slug != "web"
    path = f"projects/{second['id']}"
    refused(world.call("key", "PUT", path, {"name": "web"}), 409, "conflict")
    assert world.call("key", "DELETE", "projects/{web}").status_code == 204
    assert told(world.call("key", "PUT", path, {"name": "web"}))["name"] == "web"


def test_private_projects_of_people_are_no_part_of_this_wire(world):
    diary = make.project(world.people["member"], "diary")
    refused(world.call("member", "GET", f"projects/{own('project', diary)}"), 404, "not_found")
    assert told(world.call("member", "GET", "projects"))["data"] == []


# Disconnecting -------------------------------------------------------------------------------------------


def status(world):
    return told(world.call("key", "GET", "projects/{web}"))["connection_status"]


def test_disconnecting_is_begun_by_the_call_and_ended_by_a_worker(
    world, bells, django_capture_on_commit_callbacks
):
    before = last_entry()
    assert world.call("key", "POST", "projects/{web}/disconnect").status_code == 204
    assert kinds(before) == []
    services.connect_project(actor=make.SYSTEM, project=world.web)
    assert status(world) == "connected"
    with django_capture_on_commit_callbacks(execute=True):
        answer = world.call("key", "POST", "projects/{web}/disconnect", "{not even read")
    assert answer.status_code == 204
    assert answer.content == b""
    assert status(world) == "disconnecting"
    assert ("projects.disconnect", world.web.pk) in bells
    assert world.call("key", "PUT", "projects/{web}/disconnect").status_code == 204
    refused(world.call("key", "DELETE", "projects/{web}"), 409, "conflict")
    assert kinds(before) == ["connect_repo", "disconnect_repo"]
    tasks.disconnect(world.web.pk)
    assert status(world) == "disconnected"
    assert world.call("key", "DELETE", "projects/{web}").status_code == 204


def test_a_lost_bell_is_made_up_for_and_nothing_else_is_disconnected(world):
    other = make.project(world.acme, "other")
    for project in (world.web, other):
        services.connect_project(actor=make.SYSTEM, project=project)
    services.disconnect_project(actor=make.SYSTEM, project=world.web)
    tasks.disconnect(other.pk)
    tasks.sweep()
    found = dict(Project.objects.values_list("slug", "connection_status"))
    assert found == {"web": "disconnected", "other": "connected", "vault": "disconnected"}


# Bad input -----------------------------------------------------------------------------------------------

NAMES: list[object] = [None, 7, True, [], {}, "", "   ", "x" * 101, "\x00", "\ud800"]
ICONS = [7, [], "", "rocket", "icon:", "emoji", "file:x", " icon:x", "icon:x\n", "url:" + "x" * 1021]
BODIES = [
    *({"name": name} for name in NAMES),
    {},
    *({"name": "n", "icon": icon} for icon in ICONS),
    *({"name": "n", "description": text} for text in (7, [1], {"a": 1}, False, "\x00")),
    [],
    [{"name": "n"}],
    '"n"',
    "null",
    "{",
    "",
    "[" * 100_000,
    '{"name": "%s"}' % ("x" * 3_000_000),
]
IDS = [
    7,
    "",
    "web",
    "1" * 21,
    "z" * 22,
    "0" * 22,
    "018F2D4A-1C3B-7E55-9A10-3F6B2C7D8E91",
    "018F2D4A1C3B7E559A103F6B2C7D8E91",
    "{018f2d4a-1c3b-7e55-9a10-3f6b2c7d8e91}",
    "018f2d4a1c3b-7e55-9a10-3f6b-2c7d8e91",
    "\u0661" * 22,
]


def test_bad_bodies(world):
    before = last_entry(), Project.objects.count()
    for body in BODIES:
        for method, path in (("POST", "projects"), ("PUT", "projects/{web}")):
            assert refused(world.call("key", method, path, body), 400, "bad_input")["cause"], str(body)[:40]
    assert (last_entry(), Project.objects.count()) == before


def test_bad_ids(world):
    for id in IDS:
        for method, path, key in (
            ("PUT", "projects/{web}", "default_environment_id"),
            ("POST", "projects", "org_id"),
        ):
            body = {"name": "n", key: id}
            assert key in refused(world.call("key", method, path, body), 400, "bad_input")["cause"]
        if id and isinstance(id, str):
            refused(world.call("key", "GET", f"projects/{quote(id)}"), 400, "bad_input")
            refused(world.call("key", "GET", f"orgs/{quote(id)}/projects"), 400, "bad_input")


def test_a_body_of_another_type(world):
    answer = world.call("key", "POST", "projects", '{"name": "n"}', content_type="text/plain")
    assert "Content-Type" in refused(answer, 400, "bad_input")["cause"]


# Ids -----------------------------------------------------------------------------------------------------


def test_three_forms_of_one_id(world):
    found = told(world.call("key", "GET", "projects/{web}"))
    uuid = parsed_uuid(found["id"])
    assert isinstance(uuid, UUID)
    assert uuid.version == 7
    for text in (found["id"], str(uuid), uuid.hex):
        assert told(world.call("key", "GET", f"projects/{text}")) == found
    org = parsed_uuid(found["org_id"])
    assert isinstance(org, UUID)
    for text in (found["org_id"], str(org), org.hex):
        assert told(world.call("key", "GET", f"orgs/{text}/projects"))["data"] == [found]
    for text in ("YcVfxkQb6JRzqk5kF2tNLv", "1" * 22, "1CAjFu471zu6KptY3ZaDKe"):
        for path in (f"projects/{text}", f"orgs/{text}/projects"):
            refused(world.call("key", "GET", path), 404, "not_found")


@pytest.mark.parametrize("path", ["projects/{acme}", "projects/{owner}", "orgs/{web}/projects"])
def test_ids_of_other_things_are_not_found(world, path):
    refused(world.call("key", "GET", path), 404, "not_found")


def test_an_id_with_another_time_is_not_found(world):
    uuid = parsed_uuid(own("project", world.web))
    assert uuid is not None
    for other in (uuid.int ^ 1 << 80, uuid.int ^ 1 << 127):
        refused(world.call("key", "GET", f"projects/{UUID(int=other)}"), 404, "not_found")


# Pages ---------------------------------------------------------------------------------------------------


def names(page):
    return [one["name"] for one in page["data"]]


def many(world, count=7):
    """Make projects of which some were made at the same moment."""
    moments = [datetime(2026, 1, 1, 0, 0, number // 2, tzinfo=UTC) for number in range(count)]
    for number, moment in enumerate(moments):
        row = make.project(world.acme, f"p{number}")
        Project.objects.filter(pk=row.pk).update(created_at=moment)
    services.delete_project(actor=make.SYSTEM, project=world.web)
    return [f"p{number}" for number in range(count)]


@pytest.mark.parametrize("sort", ["", "created_at", "+created_at", "%2Bcreated_at", "-created_at"])
@pytest.mark.parametrize("path", ["projects", "orgs/{acme}/projects"])
def test_pages_join_without_gap_whatever_comes_meanwhile(world, path, sort):
    expected = many(world)
    if sort in ("", "-created_at"):
        expected.reverse()
    query = f"{path}?limit=3" + (f"&sort={sort}" if sort else "")
    found, cursor, rounds = [], None, 0
    while rounds == 0 or cursor:
        page = told(world.call("key", "GET", query + (f"&after={quote(cursor)}" if cursor else "")))
        assert set(page) == {"data", "has_more", "next_page"}
        assert page["has_more"] is (page["next_page"] is not None)
        found += names(page)
        cursor = page["next_page"]
        if cursor:
            assert re.fullmatch(r"[a-zA-Z0-9+/=]+", cursor)
        rounds += 1
        for moment in (datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
            row = make.project(world.acme, f"new{rounds}-{moment.year}")
            Project.objects.filter(pk=row.pk).update(created_at=moment)
        if rounds > 9:
            break
    # What came at the end that was still to be read may be there; nothing else changes.
    assert [name for name in found if name.startswith("p")] == expected
    assert len(found) == len(set(found))


def test_the_row_of_a_cursor_may_go(world):
    expected = many(world)[::-1]
    page = told(world.call("key", "GET", "projects?limit=3"))
    Project.objects.filter(name=page["data"][-1]["name"]).delete()
    rest = told(world.call("key", "GET", f"projects?after={quote(page['next_page'])}"))
    assert names(rest) == expected[3:]
    assert (rest["has_more"], rest["next_page"]) == (False, None)


def test_signs_of_a_cursor_that_urls_change(world):
    many(world)
    cursor = told(world.call("key", "GET", "projects?limit=3"))["next_page"]
    # A cursor that holds every sign which may go astray means the same in every spelling.
    for spelling in (cursor, cursor.replace("+", " "), cursor.replace("+", "-").replace("/", "_")):
        page = told(world.call("key", "GET", "projects", QUERY_STRING=f"after={spelling}"))
        assert names(page) == ["p3", "p2", "p1", "p0"]


def cursor(text):
    return quote(b64encode(text.encode()).decode())


QUERIES = [
    *(f"limit={limit}" for limit in ("0", "241", "-1", "+5", "x", "", "1.0", "9" * 50, "%D9%A1")),
    *(f"sort={sort}" for sort in ("", "name", "--created_at", "created_at,id", "CREATED_AT")),
    *(f"after={text}" for text in ("", "=", "x", "!!!!", "é", "a" * 500, "%00", "////")),
    *(
        f"after={cursor(text)}"
        for text in (
            "7", "{}", "[]", "[1]", "[1,2,3]", '["1","2"]', "[1.5,2]", "[true,2]", "[-1,2]", "[1,-2]",
            f"[{10**30},1]", f"[1,{10**30}]", "[NaN,1]", "null",
        )
    ),
]  # fmt: skip


def test_bad_queries(world):
    for path, query in product(("projects", "orgs/{acme}/projects", "projects/{web}/collaborators"), QUERIES):
        refused(world.call("key", "GET", f"{path}?{query}"), 400, "bad_input")


def test_the_largest_page_and_the_default(world):
    for number in range(25):
        make.project(world.acme, f"p{number}")
    assert len(told(world.call("key", "GET", "projects"))["data"]) == 20
    assert len(told(world.call("key", "GET", "projects?limit=240&unknown=1"))["data"]) == 26
    made = b64decode(told(world.call("key", "GET", "projects?limit=1"))["next_page"])
    assert b"p" not in made


# Addresses -----------------------------------------------------------------------------------------------


def test_other_words_of_the_paths(world):
    for path in ("projects/{web}", "project/{web}"):
        assert told(world.call("key", "GET", path))["name"] == "web"
    for path in ("orgs", "org", "organizations"):
        assert told(world.call("key", "GET", path + "/{acme}/project"))["data"]
    assert told(world.call("key", "GET", "project/{web}/collaborator"))["data"]


@pytest.mark.parametrize("path", ["", "projects/", "projects/{web}/", "orgs", "orgs/{acme}", "nowhere/x"])
def test_no_such_address(world, path):
    for name in ("", "key"):
        refused(world.call(name, "GET", path), 404, "not_found")


def test_other_methods_are_not_implemented(world):
    for method, path in (
        ("PATCH", "projects/{web}"),
        ("DELETE", "projects"),
        ("GET", "projects/{web}/disconnect"),
    ):
        refused(world.call("key", method, path), 501, "not_implemented")


def test_an_instance_that_is_read_only(world, settings):
    settings.READ_ONLY = True
    assert world.call("key", "GET", "projects").status_code == 200
    refused(world.call("key", "POST", "projects", {"name": "n"}), 403, "forbidden")


def test_an_accident_is_told_as_one(world):
    def break_down(execute, sql, params, many, context):
        raise RuntimeError("a secret detail")

    client = world.client("key")
    with connection.execute_wrapper(break_down):
        body = refused(client.get("/v1/projects"), 500, "internal")
    assert "secret" not in str(body)
    assert "cause" not in body
