"""What each principal gets: repositories, their permissions, stars, the entity search."""

from tests.api.quay.access import (
    AUDITOR,
    EVERYBODY,
    FULL,
    NOBODY,
    ORG_ADMINS,
    ORG_CREATORS,
    OWN_ADMIN,
    OWN_WRITERS,
    SIGNED_IN,
    SUPERUSERS,
    WEB_ADMINS,
    WEB_READERS,
    WEB_WRITERS,
    Row,
    everybody,
    only,
)

WEB = "repository/acme/web"
NEW = {"repository": "api", "visibility": "private", "description": ""}
ROLE = {"role": "write"}


# Who administers acme learns that a repository is missing; nobody else does.
def missing(status: int = 404, *, reading: bool = False) -> dict[str, int]:
    return only(WEB_ADMINS | (AUDITOR if reading else NOBODY), status)


REPOSITORIES = [
    Row("get", "repository?namespace=acme", everybody(200)),
    Row("get", "repository?public=true", everybody(200)),
    Row("get", "repository?starred=true", only(SIGNED_IN, 200, unknown=400)),
    Row("get", "repository", everybody(400)),
    Row("post", "repository", only(ORG_CREATORS, 201, unknown=400), body=NEW | {"namespace": "acme"}),
    # Without a namespace it is the caller's own; acme's owner holds the tokens of one scope.
    Row(
        "post",
        "repository",
        only(SIGNED_IN, 201, unknown=400, **dict.fromkeys(SIGNED_IN - OWN_ADMIN, 403))
        | {"repo:create": 201, "org:admin": 201, "user:admin": 403, "auditor": 403},
        body=NEW,
    ),
    Row("post", "repository", only(FULL, 404, unknown=400), body=NEW | {"namespace": "nowhere"}),
    Row("post", "repository", everybody(400), body={"repository": "api"}),
    Row("get", WEB, only(WEB_READERS | AUDITOR, 200)),
    Row("get", "repository/acme/site", everybody(200)),
    Row(
        "get", "repository/acme/docs", only(WEB_ADMINS | {"member", "repo:read", "repo:write"} | AUDITOR, 200)
    ),
    Row("get", "repository/acme/nowhere", missing(reading=True) | {"repo:read": 404, "repo:write": 404}),
    Row("get", "repository/nowhere/web", only(FULL | AUDITOR, 404)),
    Row("put", WEB, only(WEB_WRITERS, 200), body={"description": "front"}),
    Row("put", "repository/acme/site", only(WEB_ADMINS | {"repo:write"}, 200), body={"description": "front"}),
    Row("put", "repository/acme/nowhere", missing() | {"repo:write": 404}, body={"description": "front"}),
    Row("delete", WEB, only(WEB_ADMINS, 204)),
    Row("delete", "repository/acme/nowhere", missing(204)),
    Row("post", f"{WEB}/changevisibility", only(WEB_ADMINS, 200), body={"visibility": "public"}),
    Row("post", "repository/acme/nowhere/changevisibility", missing(), body={"visibility": "public"}),
    Row("put", f"{WEB}/changestate", only(WEB_ADMINS, 200), body={"state": "READ_ONLY"}),
    Row("put", "repository/acme/nowhere/changestate", missing(), body={"state": "READ_ONLY"}),
    # Another tenant's, where nobody of acme is anything.
    Row("get", "repository/globex/web", only(FULL | AUDITOR, 200)),
    Row("delete", "repository/globex/web", only(FULL, 204)),
]

PERMISSIONS = [
    Row("get", f"{WEB}/permissions/user/", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", "repository/acme/nowhere/permissions/user/", missing(200, reading=True)),
    Row("get", f"{WEB}/permissions/user/reader", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", f"{WEB}/permissions/user/acme+ci", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", f"{WEB}/permissions/user/stranger", only(WEB_ADMINS | AUDITOR, 400)),
    Row("put", f"{WEB}/permissions/user/reader", only(WEB_ADMINS, 200), body=ROLE),
    Row("put", f"{WEB}/permissions/user/stranger", only(WEB_ADMINS, 200), body=ROLE),
    Row("put", f"{WEB}/permissions/user/acme+bot", only(WEB_ADMINS, 200), body=ROLE),
    Row("put", f"{WEB}/permissions/user/globex+ci", only(WEB_ADMINS, 400), body=ROLE),
    Row("put", f"{WEB}/permissions/user/nobody", only(WEB_ADMINS, 400), body=ROLE),
    Row("put", f"{WEB}/permissions/user/reader", only(WEB_ADMINS, 400), body={"role": "owner"}),
    Row("put", "repository/acme/nowhere/permissions/user/reader", missing(), body=ROLE),
    Row("delete", f"{WEB}/permissions/user/reader", only(WEB_ADMINS, 204)),
    Row("delete", f"{WEB}/permissions/user/stranger", only(WEB_ADMINS, 400)),
    Row("get", f"{WEB}/permissions/user/reader/transitive", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", f"{WEB}/permissions/user/owner/transitive", only(WEB_ADMINS | AUDITOR, 404)),
    Row("get", f"{WEB}/permissions/team/", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", "repository/acme/nowhere/permissions/team/", missing(200, reading=True)),
    Row("get", "repository/acme/docs/permissions/team/devs", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", f"{WEB}/permissions/team/devs", only(WEB_ADMINS | AUDITOR, 400)),
    Row("put", f"{WEB}/permissions/team/devs", only(WEB_ADMINS, 200), body=ROLE),
    Row("put", f"{WEB}/permissions/team/nobody", only(WEB_ADMINS, 400), body=ROLE),
    Row("delete", "repository/acme/docs/permissions/team/devs", only(WEB_ADMINS, 204)),
    Row("delete", f"{WEB}/permissions/team/devs", only(WEB_ADMINS, 400)),
    Row("get", "repository/globex/web/permissions/user/", only(FULL | AUDITOR, 200)),
    Row("put", "repository/globex/web/permissions/user/reader", only(FULL, 200), body=ROLE),
    Row("put", "repository/globex/web/permissions/team/devs", only(FULL, 200), body=ROLE),
]

STAR = {"namespace": "acme", "repository": "site"}
# What is missing, or not the caller's to see, is answered with null.
UNSEEN = {"namespace": "globex", "repository": "web"}
STARS = [
    Row("get", "user/starred", only(OWN_ADMIN, 200)),
    Row("post", "user/starred", only(OWN_WRITERS, 201), body=STAR),
    Row(
        "post",
        "user/starred",
        only(OWN_WRITERS, 200, full=201),
        body=UNSEEN,
    ),
    Row("post", "user/starred", everybody(400), body={"namespace": "acme"}),
    Row("delete", "user/starred/acme/site", only(OWN_WRITERS, 204)),
    Row("delete", "user/starred/globex/web", only(OWN_WRITERS, 200, full=204)),
]

ENTITIES = [
    Row("get", "entities/de?namespace=acme&includeTeams=true", everybody(200)),
    Row("post", "entities/link/reader", only(EVERYBODY - {"anonymous"}, 404)),
]

LOGS = [
    Row("get", f"{WEB}/logs", only(WEB_ADMINS | AUDITOR, 200)),
    Row("get", f"{WEB}/aggregatelogs", only(WEB_ADMINS | AUDITOR, 200)),
    Row("post", f"{WEB}/exportlogs", only(WEB_ADMINS, 200), body={}),
    Row("post", f"{WEB}/exportlogs", only(WEB_ADMINS, 400), body={"callback_email": 7}),
    Row("get", "repository/acme/nowhere/logs", missing(reading=True)),
    Row("get", "repository/acme/nowhere/aggregatelogs", missing(reading=True)),
    Row("post", "repository/acme/nowhere/exportlogs", missing(), body={}),
    Row("get", "organization/acme/logs", only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/acme/aggregatelogs", only(ORG_ADMINS | AUDITOR, 200)),
    Row("post", "organization/acme/exportlogs", only(ORG_ADMINS, 200), body={}),
    # The body comes first.
    Row("post", "organization/acme/exportlogs", everybody(400), body={"callback_email": 7}),
    Row("get", "organization/nowhere/logs", only(FULL | AUDITOR, 400)),
    Row("get", "organization/nowhere/aggregatelogs", only(FULL | AUDITOR, 400)),
    Row("post", "organization/nowhere/exportlogs", only(FULL, 400), body={}),
    Row("get", "organization/reader/logs", only(FULL | AUDITOR, 400)),  # a person is no organization
    Row("get", "organization/globex/logs", only(FULL | AUDITOR, 200)),
    Row("post", "organization/globex/exportlogs", only(FULL, 200), body={}),
    Row("get", "user/logs", only(OWN_ADMIN, 200)),
    Row("get", "user/aggregatelogs", only(OWN_ADMIN, 200)),
    Row("post", "user/exportlogs", only(OWN_WRITERS, 200), body={}),
    Row("get", "superuser/logs", only(SUPERUSERS | AUDITOR, 200)),
    Row("get", "superuser/aggregatelogs", only(SUPERUSERS | AUDITOR, 200)),
]

ROWS = LOGS + REPOSITORIES + PERMISSIONS + STARS + ENTITIES
