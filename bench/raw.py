"""The second reference: one WSGI function with psycopg and orjson, on prepared statements; the same bytes.

No framework and no model: what a body costs at least in this language.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from email.utils import formatdate

from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from core.avatars import avatar

PEPPER = os.environ["MUSTER_TOKEN_PEPPER"].encode()
POOL: ConnectionPool | None = None

CALLER = """
SELECT u.id, u.username, u.email, u.is_verified, u.invoice_email, u.invoice_email_address, u.tag_expiration_s,
    u.company, u.family_name, u.given_name, u.location, u.password, u.namespace_id
FROM tokens_credential c JOIN accounts_user u ON u.id = c.user_id
WHERE c.digest = %s AND c.kind = 'oauth' AND c.revoked_at IS NULL AND c.disabled_at IS NULL
    AND (c.expires_at IS NULL OR c.expires_at > now()) AND u.is_active AND u.deleted_at IS NULL
"""
IDENTITIES = "SELECT service, subject FROM accounts_identity WHERE user_id = %s ORDER BY id"
QUOTA = (
    """SELECT used, "limit", counted_at FROM quotas_quota WHERE namespace_id = %s AND resource = 'bytes'"""
)
MEMBERSHIPS = """
SELECT o.slug, o.email, m.role
FROM accounts_membership m JOIN accounts_organization o ON o.id = m.organization_id
WHERE m.user_id = %s AND o.deleted_at IS NULL ORDER BY o.slug
"""
ORGANIZATION = """
SELECT o.id, o.slug, o.email, o.invoice_email, o.invoice_email_address, o.tag_expiration_s, o.namespace_id
FROM accounts_organization o JOIN accounts_namespace n ON n.id = o.namespace_id
JOIN accounts_membership m ON m.organization_id = o.id AND m.user_id = %s AND m.role IN ('owner', 'admin')
WHERE n.key = %s AND o.deleted_at IS NULL
"""
TEAMS = """
SELECT t.slug, t.description, t.role, t.sync_service,
    (SELECT count(*) FROM permissions_grant g JOIN projects_project p ON p.id = g.project_id
        WHERE g.team_id = t.id AND p.deleted_at IS NULL),
    (SELECT count(*) FROM accounts_teammember m WHERE m.team_id = t.id)
FROM accounts_team t WHERE t.organization_id = %s ORDER BY t.id
"""
ROBOTS = """
SELECT r.id, r.shortname, r.created_at, r.description,
    (SELECT c.last_used_at FROM tokens_credential c WHERE c.robot_id = r.id AND c.kind = 'robot'
        AND c.revoked_at IS NULL ORDER BY c.id DESC LIMIT 1) used
FROM accounts_robot r WHERE r.namespace_id = %s ORDER BY used DESC NULLS LAST, r.shortname
"""
ROBOT_TEAMS = """
SELECT m.robot_id, t.slug FROM accounts_teammember m JOIN accounts_team t ON t.id = m.team_id
JOIN accounts_robot r ON r.id = m.robot_id WHERE r.namespace_id = %s ORDER BY m.team_id
"""
ROBOT_GRANTS = """
SELECT g.robot_id, p.slug FROM permissions_grant g JOIN projects_project p ON p.id = g.project_id
JOIN accounts_robot r ON r.id = g.robot_id WHERE r.namespace_id = %s AND p.deleted_at IS NULL ORDER BY p.slug
"""
PROJECTS = """
SELECT p.id, p.slug, p.description, p.visibility, p.state, p.size_bytes,
    EXISTS (SELECT 1 FROM projects_star s WHERE s.project_id = p.id AND s.user_id = %s)
FROM projects_project p WHERE p.namespace_id = %s AND p.deleted_at IS NULL ORDER BY p.id LIMIT 101
"""


class Refused(Exception):
    pass


def rows(connection, statement, *parameters):
    return connection.execute(statement, parameters, prepare=True).fetchall()


def one(connection, statement, *parameters):
    found = connection.execute(statement, parameters, prepare=True).fetchone()
    if found is None:
        raise Refused
    return found


def report(connection, namespace):
    found = rows(connection, QUOTA, namespace)
    used, limit, counted = found[0] if found else (0, None, None)
    status = "complete" if counted else "waiting"
    return {
        "quotas": [],
        "quota_report": {
            "quota_bytes": used,
            "configured_quota": limit,
            "running_backfill": status,
            "backfill_status": status,
        },
    }


def user(connection, caller, name, query):
    (
        key, username, email, verified, invoice, address, expiration, company, family, given, location,
        password, namespace,
    ) = caller  # fmt: skip
    identities = rows(connection, IDENTITIES, key)
    memberships = rows(connection, MEMBERSHIPS, key)
    return {
        "anonymous": False,
        "username": username,
        "avatar": avatar(username, email=email),
        "can_create_repo": True,
        "is_me": True,
        "verified": verified,
        "email": email,
        "logins": [
            {"service": service, "service_identifier": subject, "metadata": {}}
            for service, subject in identities
        ],
        "invoice_email": invoice,
        "invoice_email_address": address,
        "preferred_namespace": False,
        "tag_expiration_s": expiration,
        "prompts": [],
        "company": company or None,
        "family_name": family or None,
        "given_name": given or None,
        "location": location or None,
        "is_free_account": True,
        "has_password_set": bool(password) and not password.startswith("!"),
        **report(connection, namespace),
        "organizations": [
            {
                "name": slug,
                "avatar": avatar(slug, email=mail, kind="org"),
                "can_create_repo": role in ("owner", "admin", "creator"),
                "public": False,
                "is_org_admin": role in ("owner", "admin"),
                "preferred_namespace": False,
            }
            for slug, mail, role in memberships
        ],
    }


def organization(connection, caller, name, query):
    key, slug, email, invoice, address, expiration, namespace = one(connection, ORGANIZATION, caller[0], name)
    teams = rows(connection, TEAMS, key)
    return {
        "name": slug,
        "email": email,
        "avatar": avatar(slug, email=email, kind="user"),
        "is_admin": True,
        "is_member": True,
        "teams": {
            team: {
                "name": team,
                "description": description,
                "can_view": True,
                "role": role,
                "avatar": avatar(team, kind="team"),
                "repo_count": projects,
                "member_count": members,
                "is_synced": bool(sync),
            }
            for team, description, role, sync, projects, members in teams
        },
        "ordered_teams": [team[0] for team in teams],
        "invoice_email": invoice,
        "invoice_email_address": address,
        "tag_expiration_s": expiration,
        "is_free_account": True,
        **report(connection, namespace),
    }


def robots(connection, caller, name, query):
    found = one(connection, ORGANIZATION, caller[0], name)
    teams: dict[int, list] = {}
    for robot, slug in rows(connection, ROBOT_TEAMS, found[6]):
        teams.setdefault(robot, []).append({"name": slug, "avatar": avatar(slug, kind="team")})
    projects: dict[int, list] = {}
    for robot, slug in rows(connection, ROBOT_GRANTS, found[6]):
        projects.setdefault(robot, []).append(slug)
    return {
        "robots": [
            {
                "name": f"{found[1]}+{shortname}",
                "created": formatdate(created.timestamp()),
                "last_accessed": formatdate(used.timestamp()) if used else None,
                "description": description,
                "teams": teams.get(key, []),
                "repositories": projects.get(key, []),
            }
            for key, shortname, created, description, used in rows(connection, ROBOTS, found[6])
        ]
    }


def projects(connection, caller, name, query):
    found = one(connection, ORGANIZATION, caller[0], query.partition("=")[2])
    configured = report(connection, found[6])["quota_report"]["configured_quota"]
    shown = rows(connection, PROJECTS, caller[0], found[6])
    return {
        "repositories": [
            {
                "namespace": found[1],
                "name": slug,
                "description": description,
                "is_public": visibility == "public",
                "kind": "image",
                "state": state,
                "is_starred": starred,
                "quota_report": {"quota_bytes": size, "configured_quota": configured},
            }
            for _, slug, description, visibility, state, size, starred in shown[:100]
        ],
        "next_page": str(shown[99][0]),
    }


ROUTES = {("user",): user, ("organization",): organization, ("organization", "robots"): robots,
          ("repository",): projects}  # fmt: skip


def pool():
    """Return the connections of this process."""
    global POOL
    if POOL is None:
        options = {"row_factory": tuple_row, "autocommit": True}
        POOL = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=8, kwargs=options)
    return POOL


def digest_of(environ, header):
    return hmac.new(PEPPER, environ.get(header, "").rpartition(" ")[2].encode(), hashlib.sha256).digest()


def shown(environ):
    """Return what is behind a path of the lists and objects above."""
    parts = [part for part in environ["PATH_INFO"].split("/")[3:] if part]
    view, name = ROUTES[tuple(parts[::2])], parts[1] if len(parts) > 1 else ""
    with pool().connection() as connection:
        caller = one(connection, CALLER, digest_of(environ, "HTTP_AUTHORIZATION"))
        return view(connection, caller, name, environ.get("QUERY_STRING", ""))
