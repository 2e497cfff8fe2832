"""What each principal gets: tags, manifests, builds, triggers, mirrors, proxy caches, repositories' tokens.

There is no registry behind the instance, so whoever is allowed learns that nothing is there.
"""

from tests.api.quay.access import (
    AUDITOR,
    FULL,
    ORG_ADMINS,
    ORG_MEMBERS,
    SUPERUSERS,
    WEB_ADMINS,
    WEB_READERS,
    WEB_WRITERS,
    Row,
    everybody,
    only,
)

WEB, GONE, FOREIGN = "repository/acme/web", "repository/acme/nowhere", "repository/globex/web"
UUID = "00000000-0000-4000-8000-000000000000"
DIGEST = "sha256:" + "0f" * 32
LABEL = {"key": "team", "value": "core", "media_type": "text/plain"}
MIRROR = {
    "is_enabled": True,
    "external_reference": "quay.example.test/acme/web",
    "external_registry_username": None,
    "sync_interval": 86400,
    "sync_start_date": "2025-03-01T12:00:00Z",
    "root_rule": {"rule_kind": "tag_glob_csv", "rule_value": ["latest", "v*"]},
    "robot_username": "acme+ci",
    "skopeo_timeout_interval": 300,
}
READERS, ADMINS = WEB_READERS | AUDITOR, WEB_ADMINS | AUDITOR
# Who administers acme learns that a repository is missing.
MISSING = {"repo:read": 404, "repo:write": 404}


def locked(world):
    """Let nothing in the repository be changed."""
    project = world.projects["web"]
    project.state = "READ_ONLY"
    project.save()


IMAGES = [
    Row("get", f"{WEB}/tag/", only(READERS, 200)),
    Row("get", f"{WEB}/tag/?limit=100&page=1&onlyActiveTags=true", only(READERS, 200)),
    Row("get", "repository/acme/site/tag/", everybody(200)),
    Row("get", f"{GONE}/tag/", only(ADMINS, 404, **MISSING)),
    Row("get", f"{FOREIGN}/tag/", only(FULL | AUDITOR, 200)),
    Row("put", f"{WEB}/tag/v1", only(WEB_WRITERS, 404), body={"manifest_digest": DIGEST}),
    Row("put", f"{WEB}/tag/v1", only(WEB_WRITERS, 404), body={"expiration": None}),
    # Only admins make a tag changeable again.
    Row("put", f"{WEB}/tag/v1", only(WEB_ADMINS, 404), body={"immutable": False}),
    Row("put", f"{WEB}/tag/-v1", only(WEB_WRITERS, 400), body={"manifest_digest": DIGEST}),
    Row("put", f"{WEB}/tag/v1", only(WEB_WRITERS, 503), body={"expiration": None}, prepare=locked),
    Row("put", f"{FOREIGN}/tag/v1", only(FULL, 404), body={"expiration": None}),
    Row("delete", f"{WEB}/tag/v1", only(WEB_WRITERS, 404)),
    Row("delete", f"{WEB}/tag/v1", only(WEB_WRITERS, 503), prepare=locked),
    Row("post", f"{WEB}/tag/v1/restore", only(WEB_WRITERS, 404), body={"manifest_digest": DIGEST}),
    Row("get", f"{WEB}/manifest/{DIGEST}", only(READERS, 404)),
    Row("get", f"repository/acme/site/manifest/{DIGEST}", everybody(404)),
    Row("get", f"{WEB}/manifest/{DIGEST}/labels?filter=te", only(READERS, 404)),
    Row("post", f"{WEB}/manifest/{DIGEST}/labels", only(WEB_WRITERS, 404), body=LABEL),
    Row("post", f"{WEB}/manifest/{DIGEST}/labels", only(WEB_WRITERS, 503), body={}, prepare=locked),
    Row("get", f"{WEB}/manifest/{DIGEST}/labels/{UUID}", only(READERS, 404)),
    Row("delete", f"{WEB}/manifest/{DIGEST}/labels/{UUID}", only(WEB_WRITERS, 404)),
    Row("get", f"{WEB}/manifest/{DIGEST}/security?vulnerabilities=true", only(READERS, 404)),
]

BUILDS = [
    Row("get", f"{WEB}/build/?limit=5", only(READERS, 200)),
    Row("get", f"{GONE}/build/", only(ADMINS, 200, **dict.fromkeys(MISSING, 200))),
    Row("post", f"{WEB}/build/", only(WEB_WRITERS, 400), body={"file_id": "f"}),
    Row("post", f"{WEB}/build/", only(WEB_WRITERS, 503), body={}, prepare=locked),
    Row("post", f"{FOREIGN}/build/", only(FULL, 400), body={"file_id": "f"}),
    # A robot of somebody else is lent to nobody, whether there is one or not.
    Row(
        "post",
        f"{WEB}/build/",
        only(FULL, 400),
        body={"file_id": "f", "pull_robot": "globex+ci"},
    ),
    Row("post", f"{WEB}/build/", only(FULL, 404), body={"file_id": "f", "pull_robot": "globex+nobody"}),
    Row("get", f"{WEB}/build/{UUID}", only(READERS, 404)),
    Row("delete", f"{WEB}/build/{UUID}", only(WEB_ADMINS, 404)),
    Row("delete", f"{WEB}/build/{UUID}", only(WEB_ADMINS, 503), prepare=locked),
    Row("get", f"{WEB}/build/{UUID}/status", only(READERS, 400)),
    Row("get", f"{WEB}/build/{UUID}/logs?start=0", only(WEB_WRITERS | AUDITOR, 400)),
    Row("get", f"repository/acme/site/build/{UUID}", everybody(404)),
    Row("get", f"superuser/{UUID}/build", only(SUPERUSERS | AUDITOR, 404)),
    Row("get", f"superuser/{UUID}/status", only(SUPERUSERS | AUDITOR, 400)),
    Row("get", f"superuser/{UUID}/logs", only(SUPERUSERS | AUDITOR, 400)),
    Row("get", f"{WEB}/trigger/", only(ADMINS, 200)),
    Row("get", f"{GONE}/trigger/", only(ADMINS, 404)),
    Row("get", f"{WEB}/trigger/{UUID}", only(ADMINS, 404)),
    Row("put", f"{WEB}/trigger/{UUID}", only(WEB_ADMINS, 404), body={"enabled": False}),
    Row("put", f"{WEB}/trigger/{UUID}", only(WEB_ADMINS, 400), body={}),
    Row("put", f"{WEB}/trigger/{UUID}", only(WEB_ADMINS, 503), body={}, prepare=locked),
    Row("delete", f"{WEB}/trigger/{UUID}", only(WEB_ADMINS, 404)),
    Row("post", f"{WEB}/trigger/{UUID}/activate", only(WEB_ADMINS, 404), body={"config": {}}),
    Row("post", f"{WEB}/trigger/{UUID}/start", only(WEB_ADMINS, 404), body={"branch_name": "main"}),
    Row("get", f"{WEB}/trigger/{UUID}/builds?limit=5", only(ADMINS, 200)),
    Row("get", f"{FOREIGN}/trigger/", only(FULL | AUDITOR, 200)),
]

MIRRORS = [
    Row("get", f"{WEB}/mirror", only(ADMINS, 404)),
    Row("get", f"{FOREIGN}/mirror", only(FULL | AUDITOR, 404)),
    Row("post", f"{WEB}/mirror", only(WEB_ADMINS, 400), body=MIRROR),
    Row("post", f"{GONE}/mirror", only(WEB_ADMINS, 404), body=MIRROR),
    Row("put", f"{WEB}/mirror", only(WEB_ADMINS, 404), body={"is_enabled": False}),
    Row("put", f"{WEB}/mirror", only(WEB_ADMINS, 404), body={"sync_interval": 1}, prepare=locked),
    Row("post", f"{WEB}/mirror/sync-now", only(WEB_ADMINS, 404)),
    Row("post", f"{WEB}/mirror/sync-cancel", only(WEB_ADMINS, 404)),
    Row("get", "organization/acme/proxycache", only(ORG_MEMBERS | AUDITOR, 200)),
    Row(
        "get",
        "organization/owner/proxycache",
        only({"owner", "repo:create", "org:admin"} | FULL | AUDITOR, 200),
    ),
    Row("get", "organization/nowhere/proxycache", only(FULL | AUDITOR, 200)),
    Row("post", "organization/acme/proxycache", only(ORG_ADMINS, 400), body={"upstream_registry": "r.test"}),
    # The body comes first.
    Row("post", "organization/acme/proxycache", everybody(400), body={"org_name": "acme"}),
    Row("post", "organization/nowhere/proxycache", only(FULL, 404), body={"upstream_registry": "r.test"}),
    Row("delete", "organization/acme/proxycache", only(ORG_ADMINS, 404)),
    Row("delete", "organization/globex/proxycache", only(FULL, 404)),
    Row(
        "post",
        "organization/acme/validateproxycache",
        only(ORG_ADMINS, 400),
        body={"upstream_registry": "r.test"},
    ),
    Row("post", "organization/acme/validateproxycache", everybody(400), body={}),
]

# Given up, with permission and body checked as ever; whether there is a repository is not asked.
TOKENS = [
    Row("get", f"{WEB}/tokens/", only(ADMINS, 410)),
    Row("get", f"{GONE}/tokens/", only(ADMINS, 410)),
    Row("post", f"{WEB}/tokens/", only(WEB_ADMINS, 410), body={"friendlyName": "ci"}),
    Row("post", f"{WEB}/tokens/", only(WEB_ADMINS, 400), body={"friendlyName": 7}),
    Row("post", f"{GONE}/tokens/", only(WEB_ADMINS, 400), body={}),
    Row("get", f"{WEB}/tokens/ABC", only(ADMINS, 410)),
    Row("put", f"{WEB}/tokens/ABC", only(WEB_ADMINS, 410), body={"role": "read"}),
    Row("put", f"{GONE}/tokens/ABC", only(WEB_ADMINS, 400), body={"role": "owner"}),
    Row("delete", f"{WEB}/tokens/ABC", only(WEB_ADMINS, 410)),
    Row("delete", f"{FOREIGN}/tokens/ABC", only(FULL, 410)),
]

# What no ending takes by path and method belongs to the bare rule: a nested name, and nobody's there. It is
# not acme/web any more, so that whoever administers that alone is nobody here.
NESTED = [
    Row("get", f"{WEB}/tag/v1", only(ADMINS, 404, **MISSING, keeper=403)),
    Row("get", f"{WEB}/manifest/latest", only(ADMINS, 404, **MISSING)),
    Row("delete", f"{WEB}/manifest/{DIGEST}", only(WEB_ADMINS, 204, keeper=403)),
    Row("get", f"{WEB}/autoprunepolicy/", only(ADMINS, 404, **MISSING)),
    Row("get", f"{WEB}/immutabilitypolicy/", only(ADMINS, 404, **MISSING)),
    Row(
        "post",
        f"{WEB}/autoprunepolicy/",
        everybody(405),
        body={"method": "number_of_tags", "value": 9},
        csrf=False,
    ),
]

ROWS = [*IMAGES, *BUILDS, *MIRRORS, *TOKENS, *NESTED]
