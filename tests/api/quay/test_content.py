"""What repositories hold: nothing, as long as no registry stands behind; else what the registry says."""

import json

import pytest

from logs.models import LogEntry
from projects import content
from projects.content import Label, Mirror, ProxyCache, Trigger, Verb
from tests.api.quay.access import PREFIX, call
from tests.api.quay.access_content import DIGEST, LABEL, MIRROR, UUID
from tests.api.quay.shelf import Shelf, a_build, a_manifest, a_tag
from tests.counting import counted

pytestmark = pytest.mark.django_db
WEB = "repository/acme/web"
MANIFEST = f"{WEB}/manifest/{DIGEST}"
CACHE = "organization/acme/proxycache"
HUGE = 10**400


@pytest.fixture
def owner(world):
    return world.client("owner")


# Bodies --------------------------------------------------------------------------------------------------


def without(body, key):
    return {name: value for name, value in body.items() if name != key}


BAD = {
    ("post", f"{WEB}/tokens/"): [{"friendlyName": None}, {"friendlyName": 7}, {}],
    ("put", f"{WEB}/tokens/x"): [{"role": None}, {"role": "owner"}, {"role": ["read"]}, {}],
    ("post", f"{WEB}/build/"): [
        {"file_id": 7},
        {"file_id": None},
        {"file_id": ""},
        {"archive_url": ["x"]},
        {"archive_url": "ftp://src.example.test/a"},
        {"archive_url": "https://"},
        *({"file_id": "f", key: 7} for key in ("subdirectory", "dockerfile_path", "context", "pull_robot")),
        *({"file_id": "f", "docker_tags": tags} for tags in ([], ["a", "a"], [7], "v1", None, ["a"] * 101)),
    ],
    ("put", f"{WEB}/trigger/{UUID}"): [{"enabled": 1}, {"enabled": None}, {}],
    ("post", f"{WEB}/trigger/{UUID}/activate"): [{}, {"config": []}, {"config": {}, "pull_robot": 7}],
    ("post", f"{WEB}/trigger/{UUID}/start"): [
        {"branch_name": 7},
        {"commit_sha": None},
        {"refs": "main"},
        {"branch_name": "main", "other": 1},
    ],
    ("put", f"{WEB}/tag/v1"): [
        {"manifest_digest": 7},
        {"expiration": "1"},
        {"expiration": True},
        {"expiration": HUGE},
        {"expiration": -HUGE},
        {"immutable": "yes"},
        {"immutable": None},
    ],
    ("post", f"{WEB}/tag/v1/restore"): [{}, {"manifest_digest": None}, {"manifest_digest": 7}],
    ("post", f"{MANIFEST}/labels"): [
        *(without(LABEL, key) for key in LABEL),
        LABEL | {"key": 7},
        LABEL | {"value": None},
        LABEL | {"media_type": "image/png"},
        LABEL | {"key": "org.opencontainers.x"},
        LABEL | {"value": "\x00"},
    ],
    ("post", f"{WEB}/mirror"): [
        *(without(MIRROR, key) for key in MIRROR if key not in ("is_enabled", "external_registry_username")),
        MIRROR | {"external_reference": "https://quay.example.test/acme/web"},
        MIRROR | {"external_reference": "web"},
        MIRROR | {"external_registry_username": 7},
        MIRROR | {"external_registry_password": 7},
        MIRROR | {"sync_interval": HUGE},
        MIRROR | {"sync_start_date": "2025-02-30T12:00:00Z"},
        MIRROR | {"sync_start_date": "2025-03-01"},
        MIRROR | {"root_rule": {"rule_kind": "regex", "rule_value": ["x"]}},
        MIRROR | {"root_rule": {"rule_kind": "tag_glob_csv", "rule_value": []}},
        MIRROR | {"root_rule": ["v*"]},
        MIRROR | {"skopeo_timeout_interval": 299},
        MIRROR | {"external_registry_config": {"verify_tls": "no"}},
        MIRROR | {"external_registry_config": {"proxy": {"http_proxy": 7}}},
        MIRROR | {"architecture_filter": ["m68k"]},
        MIRROR | {"is_enabled": 1},
        MIRROR | {"robot_username": ""},
    ],
    ("put", f"{WEB}/mirror"): [{"sync_interval": "1"}, {"is_enabled": None}, {"root_rule": None}],
    **{
        ("post", path): [
            {},
            {"upstream_registry": 7},
            {"upstream_registry": ""},
            {"upstream_registry": "r.test", "expiration_s": "1"},
            {"upstream_registry": "r.test", "expiration_s": -1},
            {"upstream_registry": "r.test", "insecure": "no"},
            {"upstream_registry": "r.test", "upstream_registry_username": 7},
            {"upstream_registry": "r.test", "upstream_registry_password": []},
        ]
        for path in (CACHE, "organization/acme/validateproxycache")
    },
}


@pytest.mark.parametrize(("method", "path"), BAD)
def test_a_bad_body_is_told_as_such(owner, method, path):
    for body in [*BAD[method, path], None, [], "x"]:
        answer = call(owner, method, path, body)
        assert answer.status_code == 400, (body, answer.content)
        assert "no registry" not in answer.content.decode(), body
    for broken in ("{", "", "[" * 5000):
        assert call(owner, method, path, broken).status_code == 400
    assert owner.generic(method.upper(), PREFIX + path, "a=1", content_type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (f"{WEB}/tag/", "limit"),
        (f"{WEB}/tag/", "page"),
        (f"{WEB}/build/", "limit"),
        (f"{WEB}/build/", "since"),
    ],
)
def test_a_bad_number_in_the_query_is_told_with_its_meaning(owner, path, parameter):
    for value in ("x", "", "1.5", "9" * 40):
        answer = call(owner, "get", f"{path}?{parameter}={value}")
        assert (answer.status_code, list(answer.json()["message"])) == (400, [parameter])


# Addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "repository/acme%2Fweb/tag/",
        "repository/acme%2Fweb/tag",
        f"repository/acme%2Fweb/trigger/{UUID}/builds",
        "repository/acme/web/build",
    ],
)
def test_addresses_may_be_encoded_and_end_with_a_slash(owner, path):
    assert call(owner, "get", path).status_code == 200


def test_a_tag_may_have_the_name_of_an_ending(owner):
    for name in ("logs", "tag", "build", "mirror", "tokens", "exportlogs", "v1+x"):
        wanted = 404 if "+" not in name else 400
        assert call(owner, "put", f"{WEB}/tag/{name}", {"expiration": None}).status_code == wanted
        assert call(owner, "delete", f"{WEB}/tag/{name}").json()["detail"] == "Tag not found"


def test_an_ending_without_the_method_leaves_the_path_to_the_next_rule(owner):
    created = {"namespace": "acme", "repository": "x/tag", "visibility": "private", "description": ""}
    assert call(owner, "post", "repository", created).status_code == 201
    assert call(owner, "get", "repository/acme/x/tag/logs").json()["logs"]
    assert call(owner, "get", "repository/acme/x/tag/tag/").json()["tags"] == []
    assert call(owner, "post", "repository/acme/x/tag/changevisibility", {"visibility": "public"}).json() == {
        "success": True
    }


@pytest.mark.parametrize("reference", ["latest", "sha256:", "sha256:xyz", "sha256:0f%2F0f", ":0f"])
def test_a_manifest_is_addressed_by_a_digest_alone(owner, reference):
    answer = call(owner, "get", f"{WEB}/manifest/{reference}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Repository not found")


@pytest.mark.parametrize(
    "path", ["tag/", "build/", f"build/{UUID}", "trigger/", "mirror", f"manifest/{DIGEST}"]
)
def test_looking_costs_the_same_as_one_thing(owner, path):
    call(owner, "get", "error/none")
    with counted() as statements:
        call(owner, "get", f"{WEB}/{path}")
    assert len(statements) <= 6


def test_refused_changes_leave_nothing_behind(world, owner):
    before = LogEntry.objects.count()
    call(owner, "post", f"{WEB}/build/", {"file_id": "f"})
    call(owner, "post", f"{WEB}/mirror", MIRROR)
    call(owner, "post", CACHE, {"upstream_registry": "r.test"})
    assert LogEntry.objects.count() == before


# A registry behind it ------------------------------------------------------------------------------------


@pytest.fixture
def shelf(world, monkeypatch):
    monkeypatch.setattr(content, "_installed", list(content._installed))
    shelf = Shelf(world.projects["web"])
    content.install(shelf)
    return shelf


def test_tags_are_those_of_the_registry(world, shelf, owner):
    shelf.held_tags = [a_tag("v2", DIGEST), a_tag("v1", DIGEST, end_ts=1743861791)]
    body = call(owner, "get", f"{WEB}/tag/?limit=1&onlyActiveTags=true&filter_tag_name=like:v").json()
    assert body == {
        "tags": [
            {
                "name": "v2",
                "manifest_digest": DIGEST,
                "is_manifest_list": False,
                "size": 7,
                "start_ts": 1741183391,
                "reversion": False,
                "last_modified": "Wed, 05 Mar 2025 14:03:11 -0000",
            }
        ],
        "page": 1,
        "has_additional": True,
    }
    assert (shelf.asked[-1].living, shelf.asked[-1].like, shelf.asked[-1].name) == (True, "v", "")
    body = call(owner, "get", f"{WEB}/tag/?limit=1&page=2&specificTag=v1").json()
    assert (body["tags"][0]["end_ts"], body["page"], body["has_additional"]) == (1743861791, 2, False)
    assert shelf.asked[-1].name == "v1"
    assert call(owner, "get", "repository/acme/docs/tag/").json()["tags"] == []
    assert set(call(owner, "get", WEB).json()["tags"]) == {"v1", "v2"}
    listed = call(owner, "get", "repository?namespace=acme&last_modified=true").json()["repositories"]
    assert {one["name"]: one["last_modified"] for one in listed} == {
        "web": 1741183391,
        "docs": None,
        "site": None,
    }


def test_changes_go_to_the_registry_and_are_told(world, shelf):
    shelf.held_tags = [a_tag("v1", DIGEST)]
    writer, reader = world.client("writer"), world.client("reader")
    assert call(reader, "delete", f"{WEB}/tag/v1").status_code == 403
    assert not shelf.changes
    assert call(writer, "delete", f"{WEB}/tag/v1").status_code == 204
    assert [(one.verb, one.subject) for one in shelf.changes] == [(Verb.DELETE_TAG, "v1")]
    entry = LogEntry.objects.get(kind="delete_tag")
    assert (entry.performer_name, entry.namespace_name, entry.project_name) == ("writer", "acme", "web")
    assert (entry.metadata["tag"], entry.metadata["repo"]) == ("v1", "web")
    assert call(writer, "delete", f"{WEB}/tag/v1").status_code == 404


def test_a_fixed_tag_stays(shelf, owner):
    shelf.held_tags, shelf.held_manifest = [a_tag("fixed", DIGEST)], a_manifest(DIGEST)
    before = LogEntry.objects.count()
    for method, path, body in (
        ("delete", "tag/fixed", None),
        ("put", "tag/fixed", {"immutable": False}),
        ("post", "tag/fixed/restore", {"manifest_digest": DIGEST}),
    ):
        answer = call(owner, method, f"{WEB}/{path}", body)
        assert (answer.status_code, answer.json()["error_type"]) == (409, "tag_immutable")
    assert LogEntry.objects.count() == before


def test_manifests_and_labels_are_those_of_the_registry(world, shelf, owner):
    shelf.held_manifest = a_manifest(DIGEST)
    shelf.held_label = Label(id="l1", key="team", value="core")
    view = {"id": "l1", "key": "team", "value": "core", "source_type": "api", "media_type": "text/plain"}
    body = call(owner, "get", MANIFEST).json()
    assert (body["digest"], body["layers"][0]["index"], body["layers"][0]["urls"]) == (DIGEST, 0, None)
    assert call(owner, "get", f"{MANIFEST}/labels").json() == {"labels": [view]}
    assert call(owner, "get", f"{MANIFEST}/labels?filter=x").json() == {"labels": []}
    assert call(owner, "get", f"{MANIFEST}/labels/l1").json() == view
    assert call(owner, "delete", f"{MANIFEST}/labels/l1").status_code == 204
    answer = call(owner, "post", f"{MANIFEST}/labels", LABEL)
    assert (answer.status_code, answer.json()) == (201, {"label": view})
    assert answer["Location"].endswith(f"{MANIFEST}/labels/l1")
    for key in ("Team", "a..b", "-a", "a" * 256, ""):
        assert call(owner, "post", f"{MANIFEST}/labels", LABEL | {"key": key}).status_code == 400
    assert call(owner, "get", f"{MANIFEST}/security").json() == {"status": "queued", "data": None}
    assert call(owner, "put", f"{WEB}/tag/v1", {"manifest_digest": DIGEST}).json() == "Updated"
    assert call(owner, "post", f"{WEB}/tag/v1/restore", {"manifest_digest": DIGEST}).json() == {}


def test_builds_are_those_of_the_registry(world, shelf, owner):
    trigger = Trigger(id="t1", service="github", pull_robot="acme+ci")
    web, docs = world.projects["web"], world.projects["docs"]
    shelf.held_builds = [
        a_build(web, "b1", archive_url="https://a.test/x", pull_robot="acme+ci", trigger=trigger),
        a_build(docs, "b2"),
        a_build(web, "b3"),
    ]
    reader = world.client("reader")
    body = call(owner, "get", f"{WEB}/build/b1").json()
    assert body["pull_robot"] == {"name": "acme+ci", "kind": "user", "is_robot": True}
    assert (body["is_writer"], body["trigger"]["id"], body["started"][:3]) == (True, "t1", "Wed")
    assert body["repository"] == {"namespace": "acme", "name": "web"}
    assert body["archive_url"] == "https://a.test/x"
    body = call(reader, "get", f"{WEB}/build/b1/status").json()
    assert (body["is_writer"], "archive_url" in body, "project" in body) == (False, False, False)
    # Another repository's build is nobody's here.
    assert call(owner, "get", f"{WEB}/build/b2").status_code == 404
    assert call(owner, "get", f"{WEB}/build/b2/status").status_code == 404
    assert call(owner, "get", f"{WEB}/build/b2/logs").status_code == 404
    assert call(owner, "get", f"{WEB}/build/b1/logs?start=3").json()["start"] == 3
    assert len(call(owner, "get", f"{WEB}/build/?limit=1").json()["builds"]) == 1
    assert len(call(owner, "get", f"{WEB}/trigger/t1/builds?limit=0").json()["builds"]) == 1
    answer = call(owner, "delete", f"{WEB}/build/b1")
    assert (answer.status_code, answer.json()["detail"]) == (400, "The build has begun")
    answer = call(owner, "delete", f"{WEB}/build/b3")
    assert (answer.status_code, answer.json()) == (201, "Okay")
    answer = call(owner, "post", f"{WEB}/build/", {"file_id": "f", "pull_robot": "acme+ci"})
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/{WEB}/build/b9/status")
    superuser = world.client("superuser")
    assert call(superuser, "get", "superuser/b2/build").json()["id"] == "b2"
    assert call(superuser, "get", "superuser/b2/status").json()["id"] == "b2"
    assert call(superuser, "get", "superuser/b2/logs").json()["total"] == 1


def test_triggers_are_those_of_the_registry(shelf, owner):
    shelf.held_trigger = Trigger(id="t1", service="gitlab")
    one = call(owner, "get", f"{WEB}/trigger/t1").json()
    assert call(owner, "get", f"{WEB}/trigger/").json() == {"triggers": [one]}
    assert (one["service"], "pull_robot" in one) == ("gitlab", False)
    assert call(owner, "put", f"{WEB}/trigger/t1", {"enabled": False}).json()["enabled"] is False
    assert call(owner, "post", f"{WEB}/trigger/t1/activate", {"config": {}}).status_code == 200
    assert call(owner, "post", f"{WEB}/trigger/t1/start", {}).status_code == 201
    assert call(owner, "delete", f"{WEB}/trigger/t1").status_code == 204
    assert [one.verb for one in shelf.changes] == [
        Verb.TOGGLE_TRIGGER,
        Verb.ACTIVATE_TRIGGER,
        Verb.START_TRIGGER,
        Verb.DELETE_TRIGGER,
    ]


def test_mirrors_are_those_of_the_registry(shelf, owner):
    assert call(owner, "post", f"{WEB}/mirror", MIRROR).status_code == 201
    fields = without(MIRROR, "external_registry_username")
    shelf.held_mirror = Mirror(**fields, sync_retries_remaining=3, sync_status="NEVER_RUN")
    assert json.dumps(MIRROR["root_rule"]) in json.dumps(call(owner, "get", f"{WEB}/mirror").json())
    answer = call(owner, "post", f"{WEB}/mirror", MIRROR)
    assert (answer.status_code, list(answer.json())) == (409, ["detail"])
    assert call(owner, "put", f"{WEB}/mirror", {"is_enabled": False}).json() == ""
    assert call(owner, "post", f"{WEB}/mirror/sync-now").status_code == 204
    assert call(owner, "post", f"{WEB}/mirror/sync-cancel").status_code == 204
    assert [one.verb for one in shelf.changes] == [
        Verb.CREATE_MIRROR,
        Verb.CHANGE_MIRROR,
        Verb.SYNC_MIRROR,
        Verb.CANCEL_SYNC,
    ]


def test_proxy_caches_are_those_of_the_registry(shelf, owner):
    body = {"upstream_registry": "r.test"}
    answer = call(owner, "post", "organization/acme/validateproxycache", body)
    assert (answer.status_code, answer.json()) == (202, "Anonymous")
    assert call(owner, "post", CACHE, body).json() == "Created"
    assert LogEntry.objects.get(kind="create_proxy_cache_config").metadata["upstream_registry"] == "r.test"
    shelf.held_cache = ProxyCache(upstream_registry="r.test", expiration_s=1, insecure=False)
    assert call(owner, "get", CACHE).json() == {
        "upstream_registry": "r.test",
        "expiration_s": 1,
        "insecure": False,
    }
    assert call(owner, "post", CACHE, body).status_code == 400
    assert call(owner, "delete", CACHE).json() == "Deleted"
