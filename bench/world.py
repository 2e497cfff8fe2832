"""The fixed world that is measured: filled once by bulk inserts, and kept for the next run.

    DATABASE_URL=… python -m bench.world SIZE     prints what callers need, as JSON

An organization ``bench`` with 200 robots (two grants and one team each), 51 teams, 500 projects and 200,000
log entries within thirty days, each times SIZE. Its owner calls, with every scope. In the world of size 0
it is empty, and another organization has somebody in 200 teams with 10,000 projects.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User

NAME = "bench"
OWNER = "bench-owner"
WRITES = "bench-writes"  # what calls write into
ROBOTS, TEAMS, PROJECTS, ENTRIES, DAYS = 200, 50, 500, 200_000, 30
START = datetime(2025, 6, 1, tzinfo=UTC)

ROBOTS_SQL = """
INSERT INTO accounts_robot (shortname, description, metadata, created_at, namespace_id)
SELECT 'robot' || n, 'Builds number ' || n, '{}', %(start)s + n * interval '1 minute', %(namespace)s
FROM generate_series(1, %(robots)s) n;
INSERT INTO tokens_credential (uuid, kind, title, scopes, digest, sealed, hint, created_at, robot_id,
    last_used_agent, last_used_at)
SELECT gen_random_uuid(), 'robot', '', '', sha256(('bench' || id)::bytea), '', '', created_at, id, '',
    CASE WHEN id %% 3 > 0 THEN created_at + interval '1 day' END
FROM accounts_robot WHERE namespace_id = %(namespace)s
"""
TEAMS_SQL = """
INSERT INTO accounts_team (slug, name, description, role, previous_names, sync_service, sync_config,
    created_at, organization_id, sync_problem)
SELECT 'team' || n, 'Team ' || n, 'People of ' || n,
    (ARRAY['admin', 'creator', 'member', 'member', 'member'])[n %% 5 + 1], '[]', '', '{}', %(start)s,
    %(organization)s, ''
FROM generate_series(1, %(teams)s) n;
INSERT INTO accounts_teammember (is_maintainer, created_at, robot_id, team_id)
SELECT false, %(start)s, robot.id, team.id
FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM accounts_robot
    WHERE namespace_id = %(namespace)s) robot
JOIN (SELECT id, row_number() OVER (ORDER BY id) n, count(*) OVER () total FROM accounts_team
    WHERE organization_id = %(organization)s) team ON team.n = robot.n %% team.total + 1
"""
PROJECTS_SQL = """
INSERT INTO projects_project (slug, name, description, visibility, state, icon, git_url, badge, created_at,
    namespace_id, size_bytes, connection_status, team_id)
SELECT 'project-' || n, 'Project ' || n, 'What number ' || n || ' is for',
    CASE WHEN n %% 10 = 0 THEN 'public' ELSE 'private' END, 'NORMAL', '', 'https://git.example/acme/' || n,
    gen_random_uuid(), %(start)s + n * interval '1 minute', %(namespace)s, n * 1000, 'connected', NULL
FROM generate_series(1, %(projects)s) n;
WITH project AS (SELECT id, row_number() OVER (ORDER BY id) n, count(*) OVER () total FROM projects_project
        WHERE namespace_id = %(namespace)s),
    robot AS (SELECT id, row_number() OVER (ORDER BY id) n FROM accounts_robot
        WHERE namespace_id = %(namespace)s),
    team AS (SELECT id, row_number() OVER (ORDER BY id) n, count(*) OVER () total FROM accounts_team
        WHERE organization_id = %(organization)s)
INSERT INTO permissions_grant (role, created_at, project_id, robot_id, team_id)
SELECT 'write', %(start)s, project.id, robot.id, NULL
FROM robot JOIN project ON project.n IN (robot.n %% project.total + 1, (robot.n + 7) %% project.total + 1)
UNION ALL
SELECT 'read', %(start)s, project.id, NULL, team.id
FROM project JOIN team ON team.n = project.n %% team.total + 1
"""
ENTRIES_SQL = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_id, project_name,
    performer_id, performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
SELECT %(start)s + n * interval '1 second' * (86400.0 * %(days)s / NULLIF(%(entries)s, 0)),
    (ARRAY['create_repo', 'change_repo_permission', 'create_robot', 'org_add_team_member',
        'login_success'])[n %% 5 + 1],
    %(namespace)s, %(name)s, 'organization', n %% 500, 'project-' || n %% 500, n %% 1300,
    CASE WHEN n %% 4 = 0 THEN %(name)s || '+robot' || n %% 100 ELSE 'person' || n %% 1300 END,
    CASE WHEN n %% 4 = 0 THEN 'robot' ELSE 'user' END, '', 'ci', 'quay',
    ('10.' || n %% 200 || '.' || n %% 250 || '.7')::inet,
    jsonb_build_object('repo', 'project-' || n %% 500, 'namespace', %(name)s,
        'username', 'person' || n %% 1300)
FROM generate_series(1, %(entries)s) n
"""


CROWD = "bench-crowd"
CROWDED = 0  # the size of the world that has the crowd, and nothing else: others' plans stay as they are
CROWD_TEAMS, CROWD_PROJECTS = 200, 10_000
# Who is in all teams, each with its share of the projects, and who is in one with one of them.
CROWD_SQL = """
INSERT INTO accounts_team (slug, name, description, role, previous_names, sync_service, sync_config,
    created_at, organization_id, sync_problem)
SELECT 'crowd-' || n, 'crowd-' || n, '', 'member', '[]', '', '{}', %(start)s, %(organization)s, ''
FROM generate_series(0, %(teams)s) n;
INSERT INTO projects_project (slug, name, description, visibility, state, icon, git_url, badge, created_at,
    namespace_id, size_bytes, connection_status, team_id)
SELECT 'crowd-' || n, 'crowd-' || n, '', 'private', 'NORMAL', '', '', gen_random_uuid(), %(start)s,
    %(namespace)s, 0, 'connected', NULL
FROM generate_series(1, %(projects)s) n;
INSERT INTO accounts_membership (role, is_direct, created_at, organization_id, user_id)
SELECT 'member', true, %(start)s, %(organization)s, person FROM unnest(ARRAY[%(few)s, %(many)s]) person;
INSERT INTO accounts_teammember (is_maintainer, created_at, user_id, team_id)
SELECT false, %(start)s, CASE WHEN slug = 'crowd-0' THEN %(few)s ELSE %(many)s END, id
FROM accounts_team WHERE organization_id = %(organization)s AND slug LIKE 'crowd-%%';
INSERT INTO permissions_grant (role, created_at, project_id, team_id)
SELECT 'read', %(start)s, project.id, team.id
FROM (SELECT id, substr(slug, 7)::int n FROM projects_project WHERE namespace_id = %(namespace)s) project
JOIN (SELECT id, substr(slug, 7)::int n FROM accounts_team
    WHERE organization_id = %(organization)s AND slug LIKE 'crowd-%%') team
ON team.n = project.n %% %(teams)s + 1 OR (team.n = 0 AND project.n = 1)
"""
EMPTY_SQL = """
DELETE FROM tokens_credential
    WHERE robot_id IN (SELECT id FROM accounts_robot WHERE namespace_id = {namespace})
    OR project_id IN {projects};
DELETE FROM permissions_grant
    WHERE project_id IN {projects};
DELETE FROM projects_project WHERE id IN {projects};
DELETE FROM accounts_robot WHERE namespace_id = {namespace};
UPDATE quotas_quota SET used = 0 WHERE namespace_id = {namespace} AND resource = 'robots';
UPDATE quotas_quota SET used = 1 WHERE namespace_id = {namespace} AND resource = 'projects'
"""
# All but the one whose token is asked for again and again.
WRITTEN = "(SELECT id FROM projects_project WHERE namespace_id = {namespace} AND name <> 'Project')"
THERE = "(SELECT id FROM accounts_namespace WHERE name = %(name)s)"


def fill(size: int) -> None:
    """Make the world if this database has none yet."""
    from django.db import connection, transaction

    from accounts import services as accounts
    from accounts.models import Namespace
    from core.actor import Actor

    if Namespace.objects.filter(key=NAME).exists():
        return
    with transaction.atomic(), connection.cursor() as cursor:
        system = Actor.of_system(NAME)
        owner = accounts.create_user(actor=system, username=OWNER, email=f"{OWNER}@example.test")
        organization = accounts.create_organization(actor=Actor(user=owner), slug=NAME)
        told: dict[str, Any] = {
            "start": START, "days": DAYS, "name": NAME, "namespace": organization.namespace_id,
            "organization": organization.pk, "robots": ROBOTS * size, "teams": TEAMS * size,
            "projects": PROJECTS * size, "entries": ENTRIES * size,
        }  # fmt: skip
        for statements in (ROBOTS_SQL, TEAMS_SQL, PROJECTS_SQL, ENTRIES_SQL):
            for statement in statements.split(";\n"):
                cursor.execute(statement, told)


def crowd() -> dict[str, str]:
    """Return tokens of somebody with little and of somebody with much, in an organization made for them."""
    from django.db import connection, transaction

    from accounts import services as accounts
    from accounts.models import Namespace, User
    from core.actor import Actor
    from permissions.catalogue import Scope
    from tokens import services as tokens
    from tokens.models import Credential

    system = Actor.of_system(NAME)
    names = {"few": f"{CROWD}-few", "many": f"{CROWD}-many"}
    if not Namespace.objects.filter(key=CROWD).exists():
        with transaction.atomic(), connection.cursor() as cursor:
            people = {
                who: accounts.create_user(actor=system, username=name, email=f"{name}@example.test")
                for who, name in names.items()
            }
            owner = User.objects.get(username=OWNER)
            made = accounts.create_organization(actor=Actor(user=owner), slug=CROWD)
            told: dict[str, Any] = {
                "start": START, "organization": made.pk, "namespace": made.namespace_id, "teams": CROWD_TEAMS,
                "projects": CROWD_PROJECTS, "few": people["few"].pk, "many": people["many"].pk,
            }  # fmt: skip
            for statement in CROWD_SQL.split(";\n"):
                cursor.execute(statement, told)
    Credential.objects.filter(title=CROWD).delete()
    given = {"crowd": CROWD}
    for who, name in names.items():
        user = User.objects.get(username=name)
        _, given[who] = tokens.issue_api_token(
            actor=system, user=user, scopes=" ".join(Scope.values), title=CROWD
        )
    return given


def callers(size: int) -> dict[str, str]:
    """Return the owner's credentials, made anew: no secret can be shown again.

    What earlier runs wrote is taken away, and the log is summed up, as its worker does it all day.
    """
    from django.db import connection

    from accounts import services as accounts
    from accounts.models import Organization, User
    from api.cisense.constants import ORGANIZATION
    from api.flexstack.constants import ORGANIZATION as FLEXSTACK
    from core.actor import Actor
    from core.publicids import base58, nid, time_id
    from logs.counts import roll_up
    from permissions.catalogue import Scope
    from projects import services as projects
    from tokens import services as tokens
    from tokens.kinds import Kind
    from tokens.models import Credential

    owner = User.objects.get(username=OWNER)
    here = Organization.objects.get(namespace__key=NAME)
    there = Organization.objects.filter(namespace__key=WRITES).first()
    if there is None:
        there = accounts.create_organization(actor=Actor(user=owner), slug=WRITES)
    Organization.objects.filter(pk=here.pk).update(provider="gh", provider_organization=NAME)
    Organization.objects.filter(pk=there.pk).update(licence_plan=Organization.LicencePlan.ULTIMATE_PLUS)
    # The title tells them apart from what people make; a run leaves some behind, the next ends them.
    Credential.objects.filter(title=NAME).delete()
    system, scopes = Actor.of_system(NAME), " ".join(Scope.values)
    _, token = tokens.issue_api_token(actor=system, user=owner, scopes=scopes, title=NAME)
    # What asking for a token again finds.
    project, _ = projects.obtain_project(
        actor=Actor(user=owner), organization=there, team="Team", project="Project"
    )
    projects.project_token(actor=Actor(user=owner), project=project)
    told = {"token": token, "organization": NAME, "writes": WRITES, "nid": nid(ORGANIZATION, here.pk)}
    told["public"] = base58(time_id(FLEXSTACK, here.pk, here.created_at))
    for kind, whose in (
        (Kind.ACCOUNT, {"user": owner}),
        (Kind.ACCESS, {"user": owner}),
        (Kind.KEY, {"organization": here}),
        (Kind.ORGANIZATION, {"organization": there}),
    ):
        _, told[kind.value if kind != Kind.ORGANIZATION else "qodana"] = tokens.issue(
            kind=kind, title=NAME, scopes=scopes, **whose
        )
    told["session"] = session(owner)
    if size == CROWDED:
        told |= crowd()
    while roll_up():
        pass
    with connection.cursor() as cursor:
        settle(cursor.execute)
    return told


def session(owner: User) -> str:
    """Return the cookie of somebody who has signed in, as the door to the console does it."""
    from django.conf import settings
    from django.test import Client

    browser = Client()
    browser.force_login(owner)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={browser.cookies[name].value}"


def settle(execute: Callable[[str, dict[str, Any]], Any]) -> None:
    """Take away all that was written, past every rule, and make PostgreSQL's statistics anew.

    ``execute`` runs one statement outside a transaction. After thousands of new rows PostgreSQL would go on
    with plans made for few: reading robots took six times as long after writing some.
    """
    statements = EMPTY_SQL.replace("{projects}", WRITTEN).replace("{namespace}", THERE)
    for statement in statements.split(";\n"):
        execute(statement, {"name": WRITES})
    execute("VACUUM ANALYZE", {})


def main(size: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)  # for the page that is asked
    fill(size)
    print(json.dumps(callers(size)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
