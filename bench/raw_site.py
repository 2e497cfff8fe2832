"""The rest of the second reference, and what gunicorn serves: logs, writes, and the other wires."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, time, timedelta
from email.utils import formatdate
from urllib.parse import parse_qs

import orjson

from bench.issued import issue, reveal
from bench.raw import CALLER, ORGANIZATION, Refused, digest_of, one, pool, rows, shown
from core.avatars import avatar
from core.publicids import base58, nid, nid_pk, time_id

DAY = timedelta(days=1)

OF_KIND = CALLER.replace("'oauth'", "'{kind}'")
OF_ORGANIZATION = """
SELECT o.id, o.slug, o.namespace_id, o.created_at
FROM tokens_credential c JOIN accounts_organization o ON o.id = c.organization_id
WHERE c.digest = %s AND c.kind = '{kind}' AND c.revoked_at IS NULL AND c.disabled_at IS NULL
    AND (c.expires_at IS NULL OR c.expires_at > now()) AND o.deleted_at IS NULL
"""
ENTRIES = """
SELECT id, at, kind, metadata::text, host(ip), performer_kind, performer_name, performer_email
FROM logs_logentry WHERE namespace_id = %s AND at >= %s AND at < %s ORDER BY at DESC, id DESC LIMIT 21
"""
COUNTS = """
SELECT kind, day, sum(count)::bigint FROM logs_logcount WHERE scope = %s AND day >= %s AND day < %s
GROUP BY kind, day ORDER BY day, kind
"""
NEW_ROBOT = """
INSERT INTO accounts_robot (shortname, description, metadata, created_at, namespace_id)
VALUES (%s, %s, '{}', now(), %s) RETURNING id, created_at
"""
NEW_CREDENTIAL = """
INSERT INTO tokens_credential (uuid, kind, title, scopes, digest, sealed, hint, created_at, robot_id,
    project_id, last_used_agent)
VALUES (gen_random_uuid(), %s, '', '', %s, %s, %s, now(), %s, %s, '')
"""
NEW_ENTRY = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_id, project_name,
    performer_id, performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
VALUES (now(), %s, %s, %s, 'organization', %s, %s, %s, %s, %s, '', '', %s, %s, %s)
"""
TEAM = "SELECT id FROM accounts_team WHERE organization_id = %s AND name = %s"
NAMED = """
SELECT id FROM projects_project WHERE namespace_id = %s AND team_id = %s AND name = %s AND deleted_at IS NULL
"""
KEPT = """
SELECT sealed FROM tokens_credential WHERE project_id = %s AND kind = 'project' AND revoked_at IS NULL
    AND disabled_at IS NULL AND expires_at IS NULL ORDER BY id LIMIT 1
"""
HOLD = "SELECT 1 FROM accounts_organization WHERE id = %s FOR UPDATE"
NEW_PROJECT = """
INSERT INTO projects_project (slug, name, description, visibility, state, icon, git_url, badge, created_at,
    namespace_id, size_bytes, connection_status, team_id)
VALUES (%s, %s, '', 'private', 'NORMAL', '', '', gen_random_uuid(), now(), %s, 0, 'connected', %s)
RETURNING id
"""
NEW_GRANT = """
INSERT INTO permissions_grant (role, created_at, project_id, team_id, by_default)
VALUES ('read', now(), %s, %s, false)
"""
LINKED = """
SELECT o.namespace_id, o.provider, o.provider_organization FROM accounts_organization o
JOIN accounts_membership m ON m.organization_id = o.id AND m.user_id = %s AND m.role IN ('owner', 'admin')
WHERE o.provider = %s AND o.provider_organization = %s AND o.deleted_at IS NULL
"""
BY_SLUG = """
SELECT p.id, p.slug, p.visibility, p.created_at,
    EXISTS (SELECT 1 FROM projects_star s WHERE s.project_id = p.id AND s.user_id = %s)
FROM projects_project p WHERE p.namespace_id = %s AND p.deleted_at IS NULL ORDER BY p.slug LIMIT 101
"""
TOTAL = "SELECT count(*) FROM projects_project WHERE namespace_id = %s AND deleted_at IS NULL"
NEWEST = """
SELECT id, created_at, connection_status, default_environment, description, icon, name
FROM projects_project WHERE namespace_id = %s AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT 21
"""
BY_KEY = """
SELECT o.id, o.name, o.account_id, o.created_at FROM accounts_organization o
JOIN accounts_membership m ON m.organization_id = o.id AND m.user_id = %s
WHERE o.id = %s AND o.deleted_at IS NULL
"""
MEMBERS = """
SELECT u.id, u.username, u.given_name, u.family_name, m.role
FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id WHERE m.organization_id = %s ORDER BY m.id
"""


def day(text):
    return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC)


def window(environ):
    query = parse_qs(environ["QUERY_STRING"])
    return day(query["starttime"][0]), day(query["endtime"][0]) + DAY


def sent(environ):
    return orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))


def logs(connection, caller, environ, name):
    namespace = one(connection, ORGANIZATION, caller[0], name)[6]
    start, end = window(environ)
    found = rows(connection, ENTRIES, namespace, start, end)
    return {
        "start_time": formatdate(start.timestamp()),
        "end_time": formatdate(end.timestamp()),
        "logs": [
            {
                "kind": kind,
                "metadata": orjson.loads(metadata),
                "ip": ip,
                "datetime": formatdate(at.timestamp()),
                "performer": {
                    "kind": "user",
                    "name": who,
                    "is_robot": of == "robot",
                    "avatar": avatar(who, email=email, kind=of),
                },
            }
            for _, at, kind, metadata, ip, of, who, email in found[:20]
        ],
        "next_page": f"{found[19][1].isoformat()} {found[19][0]}",
    }


def counts(connection, caller, environ, name):
    namespace = one(connection, ORGANIZATION, caller[0], name)[6]
    start, end = window(environ)
    return {
        "aggregated": [
            {
                "kind": kind,
                "count": count,
                "datetime": formatdate(datetime.combine(at, time(), tzinfo=UTC).timestamp()),
            }
            for kind, at, count in rows(connection, COUNTS, namespace, start.date(), end.date())
        ]
    }


def keep(connection, kind, *, robot=None, project=None):
    made = issue()
    values = (kind, made.digest, made.sealed, made.secret[:6], robot, project)
    connection.execute(NEW_CREDENTIAL, values, prepare=True)
    return made.secret


def robot(connection, caller, environ, name, shortname):
    found = one(connection, ORGANIZATION, caller[0], name)
    description = sent(environ).get("description", "")
    told = orjson.dumps({"robot": shortname, "description": description}).decode()
    with connection.transaction():
        key, created = one(connection, NEW_ROBOT, shortname, description, found[6])
        token = keep(connection, "robot", robot=key)
        values = ("create_robot", found[6], name, None, "", caller[0], caller[1], "user", "quay")
        connection.execute(NEW_ENTRY, (*values, environ["REMOTE_ADDR"], told), prepare=True)
    return {
        "name": f"{found[1]}+{shortname}",
        "created": formatdate(created.timestamp()),
        "last_accessed": None,
        "description": description,
        "token": token,
        "unstructured_metadata": None,
    }


def obtain(connection, caller, environ):
    organization, slug, namespace, _ = caller
    body = sent(environ)
    name = body["projectName"]
    team = one(connection, TEAM, organization, body["teamName"])[0]
    if found := rows(connection, NAMED, namespace, team, name):
        return {"projectToken": reveal(one(connection, KEPT, found[0][0])[0])}
    own = name.lower().replace(" ", "-")
    told = orjson.dumps({"repo": own, "namespace": slug}).decode()
    with connection.transaction():
        connection.execute(HOLD, (organization,), prepare=True)
        key = one(connection, NEW_PROJECT, own, name, namespace, team)[0]
        connection.execute(NEW_GRANT, (key, team), prepare=True)
        token = keep(connection, "project", project=key)
        values = ("create_repo", namespace, slug, key, own, None, slug, "organization", "qodana")
        connection.execute(NEW_ENTRY, (*values, environ["REMOTE_ADDR"], told), prepare=True)
    environ["bench.status"] = "201 Created"
    return {"projectToken": token}


def repositories(connection, caller, environ, provider, name):
    namespace, provider, owner = one(connection, LINKED, caller[0], provider, name)
    found = rows(connection, BY_SLUG, caller[0], namespace)
    cursor = urlsafe_b64encode(found[99][1].encode()).rstrip(b"=").decode()
    return {
        "pagination": {"limit": 100, "total": one(connection, TOTAL, namespace)[0], "cursor": cursor},
        "data": [
            {
                "repositoryId": key,
                "provider": provider,
                "owner": owner,
                "name": slug,
                "fullPath": f"{owner}/{slug}",
                "visibility": visibility.capitalize(),
                "lastUpdated": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 10000:02d}Z",
                "problems": [],
                "languages": [],
                "standards": [],
                "addedState": "Following" if starred else "Added",
                "permission": "admin",
            }
            for key, slug, visibility, at, starred in found[:100]
        ],
    }


def moment(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def projects(connection, caller, environ):
    of = base58(time_id("organization", caller[0], caller[3]))
    found = rows(connection, NEWEST, caller[2])
    return {
        "data": [
            {
                "connection_status": status,
                "created_at": moment(at),
                "default_environment_id": base58(environment) if environment else None,
                "description": description or None,
                "icon": icon or None,
                "id": base58(time_id("project", key, at)),
                "name": name,
                "org_id": of,
            }
            for key, at, status, environment, description, icon, name in found[:20]
        ],
        "has_more": True,
        "next_page": str(found[19][0]),
    }


def organization(connection, caller, environ, public):
    key, name, account, at = one(connection, BY_KEY, caller[0], nid_pk("org", public))
    own = nid("org", key)
    return {
        "organization": {
            "organization_nid": own,
            "nid": own,
            "organization_name": name,
            "account_nid": nid("acc", account),
            "created_at": moment(at),
            "organization_members": [
                {
                    "user_nid": nid("usr", person),
                    "user_name": f"{given} {family}".strip() or username,
                    "user_login": username,
                    "organization_role": "administrator" if role in ("owner", "admin") else "member",
                }
                for person, username, given, family, role in rows(connection, MEMBERS, key)
            ],
        }
    }


TOKEN = "HTTP_AUTHORIZATION"
NAME = "([^/]+)"
MORE = [
    (re.compile(pattern), header, statement.replace("{kind}", kind), view, status, end)
    for pattern, header, statement, kind, view, status, end in (
        (f"/api/v1/organization/{NAME}/logs", TOKEN, CALLER, "", logs, "200 OK", b"\n"),
        (f"/api/v1/organization/{NAME}/aggregatelogs", TOKEN, CALLER, "", counts, "200 OK", b"\n"),
        (f"/api/v1/organization/{NAME}/robots/{NAME}", TOKEN, CALLER, "", robot, "201 Created", b"\n"),
        (
            "/api/v1/public/organizations/projects", TOKEN, OF_ORGANIZATION, "organization", obtain,
            "200 OK", b"",
        ),
        (
            f"/api/v3/organizations/{NAME}/{NAME}/repositories", "HTTP_API_TOKEN", OF_KIND, "account",
            repositories, "200 OK", b"",
        ),
        ("/v1/projects", "HTTP_X_API_KEY", OF_ORGANIZATION, "key", projects, "200 OK", b""),
        (f"/v3/organizations/{NAME}", TOKEN, OF_KIND, "access", organization, "200 OK", b""),
    )
]  # fmt: skip


def answer(environ):
    """Return what a call answers, the status, and what a body of its wire ends with."""
    for pattern, header, statement, view, status, end in MORE:
        if found := pattern.fullmatch(environ["PATH_INFO"]):
            with pool().connection() as connection:
                caller = one(connection, statement, digest_of(environ, header))
                body = view(connection, caller, environ, *found.groups())
            return body, environ.get("bench.status", status), end
    return shown(environ), "200 OK", b"\n"


def application(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [("Content-Length", "0")])
        return []
    try:
        body, status, end = answer(environ)
    except Refused:
        body, status, end = {"message": "refused"}, "403 Forbidden", b"\n"
    data = orjson.dumps(body) + end
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]
