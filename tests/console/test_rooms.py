"""The console's pages without a browser: who gets in, what is saved, how many queries a page costs."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Membership, Organization, Robot, Team, TeamMember, User
from logs.models import LogEntry, LogExport, LogVerification
from notifications import services as notifications
from notifications.models import Delivery, Notice, Subscription
from permissions.models import Grant
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas.models import Resource
from runs.models import Run
from tests import make
from tests.console.conftest import EGRESS, build
from tests.console.entering import HOOK, RUN, SENT, enter, person
from tests.staging import stand
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Application, Credential

pytestmark = pytest.mark.django_db


PAGES = [
    # path, anonymous, stranger, writer, member, creator, admin, owner, auditor
    ("/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/new/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/applications/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/sessions/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/logs/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/stars/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/security/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/tokens/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/apis/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/apis/quay/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/apis/flexstack/?org=acme", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/apis/nothing/", 302, 404, 404, 404, 404, 404, 404, 404),
    ("/notifications/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/find/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/find/?q=e&in=acme", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/organization/acme", 302, 302, 302, 302, 302, 302, 302, 302),
    ("/repository/acme/site/docs", 302, 302, 302, 302, 302, 302, 302, 302),
    ("/style/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/o/acme/", 302, 302, 302, 200, 200, 200, 200, 200),
    ("/o/acme/find/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/suggest/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/members/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/invitations/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/teams/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/teams/devs/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/teams/owners/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/teams/devs/group/", 302, 403, 403, 403, 403, 404, 404, 403),
    ("/o/acme/teams/nothing/", 302, 403, 403, 404, 404, 404, 404, 404),
    ("/o/acme/defaults/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/projects/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/o/acme/projects/web/", 302, 403, 200, 200, 403, 200, 200, 200),
    ("/o/acme/projects/site/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/o/acme/projects/nothing/", 302, 403, 403, 403, 403, 404, 404, 404),
    ("/o/acme/robots/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/robots/ci/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/robots/nothing/", 302, 403, 403, 403, 403, 404, 404, 404),
    ("/o/acme/credentials/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/settings/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/applications/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/applications/ROCKET/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/applications/nothing/", 302, 403, 403, 403, 403, 404, 404, 404),
    ("/o/acme/notifications/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/notifications/of/web/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/notifications/of/nothing/", 302, 403, 403, 403, 403, 404, 404, 404),
    (f"/o/acme/notifications/{HOOK}/", 302, 403, 403, 403, 403, 200, 200, 200),
    (f"/o/acme/notifications/{SENT}/", 302, 403, 403, 403, 403, 404, 404, 404),
    (f"/o/acme/notifications/{HOOK}/{SENT}/", 302, 403, 403, 403, 403, 200, 200, 200),
    (f"/o/acme/notifications/{HOOK}/{HOOK}/", 302, 403, 403, 403, 403, 404, 404, 404),
    ("/o/acme/limits/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/limits/?of=bytes", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/access/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/access/?who=member&project=web", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/access/matrix/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/rights/", 302, 403, 403, 200, 200, 200, 200, 200),
    ("/o/acme/rights/?project=web", 302, 403, 200, 200, 403, 200, 200, 200),
    ("/o/acme/rights/?project=nothing", 302, 403, 403, 403, 403, 404, 404, 404),
    ("/o/acme/code/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/code/file/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/trash/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/account/organizations/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/account/organizations/?leave=acme", 302, 404, 404, 200, 200, 200, 200, 200),
    ("/account/runs/", 302, 200, 200, 200, 200, 200, 200, 200),
    (f"/account/runs/{RUN}/", 302, 404, 404, 404, 404, 404, 404, 404),
    ("/account/trash/", 302, 200, 200, 200, 200, 200, 200, 200),
    ("/o/acme/logs/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/o/acme/streams/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/streams/", 302, 403, 403, 403, 403, 403, 403, 403),
    ("/o/acme/logs/seals/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/logs/seals/", 302, 403, 403, 403, 403, 403, 403, 403),
    ("/logs/", 302, 403, 403, 403, 403, 403, 403, 403),
    ("/exports/", 302, 403, 403, 403, 403, 403, 403, 403),
    ("/o/acme/runs/", 302, 404, 404, 403, 403, 200, 200, 200),
    (f"/o/acme/runs/{RUN}/", 302, 404, 404, 403, 403, 200, 200, 200),
    (f"/o/acme/runs/{HOOK}/", 302, 404, 404, 403, 403, 404, 404, 404),
    ("/o/acme/exports/", 302, 403, 403, 403, 403, 200, 200, 200),
    ("/view-as/member/", 302, 403, 403, 403, 403, 403, 403, 403),
    ("/invitations/nothing/", 302, 404, 404, 404, 404, 404, 404, 404),
    ("/o/nothing/", 302, 404, 404, 404, 404, 404, 404, 404),
]
PEOPLE = (None, "stranger", "writer", "member", "creator", "admin", "owner", "auditor")


@pytest.mark.parametrize(("path", "statuses"), [(path, statuses) for path, *statuses in PAGES])
def test_who_may_open_what(acme, path, statuses):
    found = [enter(person(name) if name else None).get(path).status_code for name in PEOPLE]
    assert found == statuses


def test_every_page_is_in_the_table():
    from console.urls import urlpatterns

    open_to_all = {
        "sign-in",
        "sign-out",
        "setup",
        "exported-logs",
        "exported-manifest",
        "forgot",
        "recover",
        "verify",
        "join",
    }
    open_to_all |= {"address-confirmed", "provider", "provider-back", "sign-in-second", "sign-in-passkey"}
    open_to_all |= {"language"}
    of_exports = {"export", "instance-export"}  # below: an address with a key
    names = {pattern.name for pattern in urlpatterns} - open_to_all - of_exports
    tabled = set()
    for path, *_ in PAGES:
        place = path.partition("?")[0].lstrip("/")
        tabled |= {pattern.name for pattern in urlpatterns if pattern.resolve(place)}
    assert names <= tabled


TOKEN = {"do": "issue", "title": "ci", "kind": "repository", "lifetime": "90"}
URL, EVE = "https://192.0.2.7/new", "eve@example.test"
OF_WEB, ONE = "/o/acme/notifications/of/web/", f"/o/acme/notifications/{HOOK}/"
POSTS = [
    # path, form, stranger, member, creator, auditor, admin
    ("/notifications/", {"do": "read_all"}, 302, 302, 302, 302, 302),
    ("/notifications/", {"do": "read", "uuid": "x"}, 404, 404, 404, 404, 404),
    ("/notifications/", {"do": "unread", "uuid": "x"}, 404, 404, 404, 404, 404),
    ("/notifications/", {"do": "mails", "expiring": "on"}, 302, 302, 302, 302, 302),
    ("/notifications/", {"do": "clear"}, 302, 302, 302, 302, 302),
    ("/notifications/", {"do": "dismiss", "uuid": "x"}, 404, 404, 404, 404, 404),
    ("/account/stars/", {"do": "unstar", "namespace": "acme", "slug": "nothing"}, 404, 404, 404, 404, 404),
    ("/o/acme/members/", {"do": "add", "username": "stranger", "role": "member"}, 403, 403, 403, 403, 302),
    ("/o/acme/members/", {"do": "remove", "username": "member"}, 403, 403, 403, 403, 302),
    ("/o/acme/invitations/", {"do": "invite", "whom": "stranger", "role": "member"}, 403, 403, 403, 403, 302),
    ("/o/acme/invitations/", {"do": "renew", "key": "1"}, 403, 403, 403, 404, 404),
    ("/o/acme/invitations/", {"do": "withdraw", "key": "1"}, 403, 403, 403, 404, 404),
    ("/o/acme/defaults/", {"do": "create", "holder": "@devs", "role": "write"}, 403, 403, 403, 403, 302),
    ("/o/acme/defaults/", {"do": "change", "uuid": "x", "role": "read"}, 403, 403, 403, 404, 404),
    ("/o/acme/defaults/", {"do": "remove", "uuid": "x"}, 403, 403, 403, 404, 404),
    ("/o/acme/teams/", {"do": "create", "name": "New Team", "role": "member"}, 403, 403, 403, 403, 302),
    ("/o/acme/teams/devs/", {"do": "add", "username": "creator"}, 403, 403, 403, 403, 302),
    ("/o/acme/teams/devs/", {"do": "remove", "username": "member"}, 403, 403, 403, 403, 302),
    ("/o/acme/teams/devs/", {"do": "resend", "username": "eve@example.test"}, 403, 403, 403, 403, 302),
    ("/o/acme/teams/devs/", {"do": "withdraw", "username": "eve@example.test"}, 403, 403, 403, 403, 404),
    ("/o/acme/teams/devs/", {"do": "change", "role": "creator"}, 403, 403, 403, 403, 302),
    ("/o/acme/teams/devs/", {"do": "delete"}, 403, 403, 403, 403, 302),
    ("/o/acme/projects/", {"do": "create", "name": "New", "visibility": "private"}, 403, 403, 302, 403, 302),
    ("/o/acme/projects/web/", {"do": "grant", "holder": "stranger", "role": "read"}, 403, 403, 403, 403, 302),
    ("/o/acme/projects/web/", {"do": "revoke", "holder": "@devs"}, 403, 403, 403, 403, 302),
    ("/o/acme/projects/web/", {"do": "change", "description": "new"}, 403, 302, 403, 403, 200),
    ("/o/acme/projects/web/", {"do": "delete", "name": "web"}, 403, 403, 403, 403, 302),
    ("/o/acme/projects/web/", {"do": "star"}, 403, 302, 403, 302, 302),
    ("/o/acme/projects/web/", {"do": "unstar"}, 403, 302, 403, 302, 302),
    ("/o/acme/projects/web/", TOKEN, 403, 403, 403, 403, 200),
    ("/o/acme/projects/web/", {"do": "end", "uuid": "x"}, 403, 403, 403, 403, 404),
    ("/o/acme/robots/", {"do": "create", "shortname": "new", "lifetime": "90"}, 403, 403, 403, 403, 200),
    ("/o/acme/robots/ci/", {"do": "rotate", "grace": "7", "lifetime": "90"}, 403, 403, 403, 403, 200),
    ("/o/acme/robots/ci/", {"do": "regenerate", "lifetime": "never"}, 403, 403, 403, 403, 200),
    ("/o/acme/robots/ci/", {"do": "end"}, 403, 403, 403, 403, 404),
    ("/o/acme/robots/ci/", {"do": "disable"}, 403, 403, 403, 403, 302),
    ("/o/acme/robots/ci/", {"do": "delete", "name": "ci"}, 403, 403, 403, 403, 302),
    ("/o/acme/streams/", {"do": "begin", "config": URL, "begin": "now"}, 403, 403, 403, 403, 200),
    (
        "/o/acme/streams/",
        {"do": "begin_syslog", "config": "93.184.216.34", "begin": "now"},
        403,
        403,
        403,
        403,
        302,
    ),
    (
        "/o/acme/streams/",
        {"do": "begin_file", "config": "all.jsonl", "begin": "now"},
        404,
        404,
        404,
        404,
        404,
    ),
    *(
        ("/o/acme/streams/", {"do": verb, "uuid": HOOK, "grace": "7", "config": URL}, 403, 403, 403, 404, 404)
        for verb in ("test", "pause", "resume", "rewind", "rotate", "end", "direct", "direct_syslog")
    ),
    ("/o/acme/notifications/", {"do": "webhook", "event": "org_change", "url": URL}, 403, 403, 403, 403, 302),
    ("/o/acme/notifications/", {"do": "email", "event": "org_change", "email": EVE}, 403, 403, 403, 403, 302),
    ("/o/acme/notifications/", {"do": "slack", "event": "org_change", "url": URL}, 403, 403, 403, 403, 302),
    (
        "/o/acme/notifications/",
        {"do": "console", "event": "org_change", "kind": "org"},
        403,
        403,
        403,
        403,
        302,
    ),
    (
        f"{OF_WEB}",
        {"do": "webhook", "event": "repo_change", "url": URL, "shape": "flat"},
        403,
        403,
        403,
        403,
        302,
    ),
    (f"{OF_WEB}", {"do": "email", "event": "repo_change", "email": EVE}, 403, 403, 403, 403, 200),
    (f"{OF_WEB}", {"do": "slack", "event": "repo_change", "url": URL}, 403, 403, 403, 403, 302),
    (
        f"{OF_WEB}",
        {"do": "console", "event": "repo_change", "kind": "team", "name": "devs"},
        403,
        403,
        403,
        403,
        302,
    ),
    (f"{OF_WEB}", {"do": "integration", "url": URL, "flags": ["services_ok"]}, 403, 403, 403, 403, 302),
    (f"{OF_WEB}", {"do": "channel", "channel_id": "C0DEPLOYS"}, 403, 403, 403, 404, 404),
    (f"{OF_WEB}", {"do": "address", "email": EVE}, 403, 403, 403, 403, 404),
    (f"{ONE}", {"do": "change", "title": "x", "event": "repo_change", "url": URL}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "test"}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "pause"}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "resume"}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "rotate", "grace": "24"}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "end"}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "failed", "since": "2026-01-01T00:00"}, 403, 403, 403, 403, 200),
    (f"{ONE}", {"do": "again", "uuid": SENT}, 403, 403, 403, 403, 302),
    (f"{ONE}{SENT}/", {"do": "again"}, 403, 403, 403, 403, 302),
    (f"{ONE}", {"do": "delete"}, 403, 403, 403, 403, 302),
    ("/o/acme/code/", {"do": "compare", "text": "version: 1\nprofile: {}"}, 403, 403, 403, 200, 200),
    ("/o/acme/code/", {"do": "apply", "text": "version: 1\nrobots: {new: {}}"}, 403, 403, 403, 200, 200),
    ("/o/acme/teams/", {"do": "bulk", "verb": "delete", "all": "1"}, 403, 403, 403, 403, 200),
    (
        "/o/acme/teams/",
        {"do": "bulk", "verb": "delete", "pick": "devs", "confirmed": "1"},
        403,
        403,
        403,
        403,
        302,
    ),
    ("/o/acme/invitations/", {"do": "bulk", "verb": "renew", "all": "1"}, 403, 403, 403, 403, 200),
    ("/o/acme/invitations/", {"do": "bulk", "verb": "withdraw"}, 403, 403, 403, 403, 302),
    ("/o/acme/trash/", {"do": "bulk", "verb": "restore"}, 403, 403, 403, 403, 302),
    ("/o/acme/trash/", {"do": "bulk", "verb": "purge", "all": "1"}, 403, 403, 403, 403, 200),
    ("/account/organizations/", {"do": "leave", "organization": "acme"}, 404, 302, 302, 302, 302),
    ("/account/organizations/", {"do": "leave", "organization": "nothing"}, 404, 404, 404, 404, 404),
    ("/account/runs/", {"do": "cancel"}, 405, 405, 405, 405, 405),
    (f"/account/runs/{RUN}/", {"do": "cancel"}, 404, 404, 404, 404, 404),
    ("/o/acme/trash/", {"do": "restore", "uuid": "x", "name": "web"}, 403, 403, 403, 404, 404),
    ("/o/acme/trash/", {"do": "end", "uuid": "x", "name": "web"}, 403, 403, 403, 404, 404),
    ("/o/acme/logs/", {"do": "export"}, 403, 403, 403, 403, 302),
    ("/o/acme/logs/?q=x", {"do": "keep", "name": "Mine"}, 403, 403, 403, 302, 302),
    ("/o/acme/logs/", {"do": "rename", "name": "Mine"}, 403, 403, 403, 404, 404),
    ("/o/acme/logs/", {"do": "overwrite"}, 403, 403, 403, 404, 404),
    ("/o/acme/logs/", {"do": "forget"}, 403, 403, 403, 404, 404),
    ("/o/acme/logs/seals/", {"do": "verify"}, 403, 403, 403, 302, 200),
    ("/o/acme/logs/seals/", {"do": "cancel"}, 403, 403, 403, 404, 404),
    ("/logs/seals/", {"do": "verify"}, 403, 403, 403, 403, 403),
    ("/o/acme/credentials/", {"do": "bulk", "verb": "disable", "all": "1"}, 403, 403, 403, 403, 200),
    (f"/o/acme/runs/{RUN}/", {"do": "cancel"}, 404, 403, 403, 403, 302),
    (f"/o/acme/runs/{RUN}/", {"do": "retry"}, 404, 403, 403, 403, 302),
    (f"/o/acme/runs/{RUN}/", {"do": "undo"}, 404, 403, 403, 403, 404),
    (f"/o/acme/runs/{RUN}/", {"do": "nothing"}, 404, 403, 403, 404, 404),
    (f"/o/acme/runs/{HOOK}/", {"do": "retry"}, 404, 403, 403, 404, 404),
    ("/o/acme/limits/", {"do": "withdraw", "uuid": "x"}, 403, 404, 404, 404, 404),
    ("/o/acme/access/matrix/", {"do": "csv"}, 403, 403, 403, 200, 200),
    ("/o/acme/access/matrix/?level=write", {"do": "json"}, 403, 403, 403, 200, 200),
    ("/o/acme/settings/", {"do": "profile", "name": "Acme Ltd"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "provider"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "policy", "tag_expiration_s": "86400"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "credentials", "token_max_days": "90"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "factor"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "no_factor"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "issue", "lifetime": "90"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "replace", "lifetime": "90"}, 403, 403, 403, 403, 200),
    ("/o/acme/settings/", {"do": "end"}, 403, 403, 403, 403, 302),
    ("/o/acme/settings/", {"do": "key", "title": "x", "lifetime": "7"}, 403, 403, 403, 403, 200),
    ("/o/acme/settings/", {"do": "delete", "name": "acme"}, 403, 403, 403, 403, 302),
    ("/o/acme/applications/", {"do": "create", "name": "New"}, 403, 403, 403, 403, 302),
    ("/o/acme/applications/ROCKET/", {"do": "change", "name": "New"}, 403, 403, 403, 403, 302),
    ("/o/acme/applications/ROCKET/", {"do": "reset"}, 403, 403, 403, 403, 302),
    ("/o/acme/applications/ROCKET/", {"do": "delete", "name": "Rocket"}, 403, 403, 403, 403, 302),
]


@pytest.mark.parametrize(("path", "form", "statuses"), [(path, form, rest) for path, form, *rest in POSTS])
def test_who_may_send_what(acme, path, form, statuses):
    for name, status in zip(("stranger", "member", "creator", "auditor", "admin"), statuses, strict=True):
        before = counts()
        answer = enter(person(name)).post(path, form)
        assert answer.status_code == status, (name, answer.status_code)
        if status == 403:
            assert counts() == before
            refused = LogEntry.objects.filter(kind="access_denied", performer_name=name).latest("pk")
            assert refused.namespace_name == ("acme" if "/o/acme/" in path else "")


TOLD = (Subscription, Delivery, Run, LogVerification)


def counts():
    models = (
        Membership,
        Team,
        TeamMember,
        Project,
        Grant,
        Robot,
        LogExport,
        Application,
        Credential,
        Run,
        *TOLD,
    )
    return [model.objects.count() for model in models]


def test_forms_need_their_token(acme):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("owner"))
    answer = client.post("/o/acme/robots/", {"do": "create", "shortname": "new", "lifetime": "90"})
    assert answer.status_code == 403
    assert not Robot.objects.filter(shortname="new").exists()


WRONG = [
    ("/o/acme/members/", {"do": "add", "username": "nobody", "role": "member"}, "There is no user"),
    ("/o/acme/members/", {"do": "add", "username": "stranger", "role": "king"}, "Select a valid choice"),
    ("/o/acme/teams/", {"do": "create", "name": "devs", "role": "member"}, "already exists"),
    ("/o/acme/teams/devs/", {"do": "add", "username": "acme+nothing"}, "There is no user or robot"),
    ("/o/acme/teams/devs/", {"do": "add", "username": "member"}, "already in the team"),
    ("/o/acme/projects/web/", {"do": "grant", "holder": "@nothing", "role": "read"}, "There is no team"),
    ("/o/acme/projects/web/", {"do": "delete", "name": "site"}, "Type web to confirm"),
    ("/o/acme/projects/web/", {**TOKEN, "title": "two words"}, "Letters, digits and dashes"),
    ("/o/acme/projects/web/", {**TOKEN, "kind": "robot"}, "Select a valid choice"),
    ("/o/acme/robots/ci/", {"do": "delete", "name": "site"}, "Type ci to confirm"),
    ("/o/acme/robots/", {"do": "create", "shortname": "CI", "lifetime": "90"}, "is invalid"),
    ("/o/acme/robots/", {"do": "create", "shortname": "new", "lifetime": "7"}, "Select a valid choice"),
    (
        "/o/acme/robots/",
        {"do": "create", "shortname": "ci", "lifetime": "90"},
        "Existing robot with name: acme+ci",
    ),
    ("/o/acme/logs/", {"do": "export", "email": "nonsense"}, "valid email"),
]


@pytest.mark.parametrize(("path", "form", "words"), WRONG)
def test_wrong_input_is_said_where_it_was_typed_and_changes_nothing(acme, path, form, words, settings):
    settings.MAILING = True
    before = counts()
    answer = enter(person("owner")).post(path, form)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert words in page
    assert re.search(r"<dialog [^>]* open>", page)
    assert counts() == before


def test_a_refused_button_says_why(acme):
    client = enter(person("owner"))
    accounts.remove_member(actor=make.SYSTEM, organization=acme, user=person("admin"))
    answer = client.post("/o/acme/members/", {"do": "remove", "username": "owner"}, follow=True)
    assert "without an administrator" in answer.content.decode()
    assert Membership.objects.filter(user=person("owner")).exists()


def test_a_refused_role_stays_in_the_dialog_of_its_person(acme):
    client = enter(person("owner"))
    accounts.remove_member(actor=make.SYSTEM, organization=acme, user=person("admin"))
    TeamMember.objects.filter(user=person("owner")).delete()
    shown = client.get("/o/acme/members/?person=owner").content.decode()
    assert '<form method="post" action="/o/acme/members/?person=owner">' in shown
    form = {"do": "add", "username": "owner", "role": "member"}
    page = client.post("/o/acme/members/?person=owner", form).content.decode()
    assert re.findall(r'<dialog [^>]*id="([^"]+)"[^>]* open>', page) == ["person-dialog"]
    assert "without an administrator" in page
    assert re.search(r'value="member"[^>]* checked', page)
    # Beside it, the page's own dialog says what is wrong with somebody else.
    page = client.post("/o/acme/members/?person=member", form).content.decode()
    assert re.findall(r'<dialog [^>]*id="([^"]+)"[^>]* open>', page) == ["add-dialog"]
    form = {"do": "add", "username": "creator", "role": "auditor"}
    assert client.post("/o/acme/members/?person=creator", form)["Location"] == "/o/acme/members/"


def test_who_makes_no_organizations_is_told_why_and_not_led_there(acme, settings):
    settings.READONLY_SUPERUSERS = ["member"]
    client = enter(person("member"))
    answer = client.get("/new/")
    assert answer.status_code == 403
    assert "changes nothing" in answer.content.decode()
    for address in ("/o/acme/", "/find/?q=organization"):
        assert 'href="/new/"' not in client.get(address).content.decode(), address
        assert 'href="/new/"' in enter(person("owner")).get(address).content.decode(), address


def test_auditors_are_led_to_the_invitations(acme):
    page = enter(person("auditor")).get("/o/acme/members/").content.decode()
    assert 'href="/o/acme/invitations/"' in page
    assert "add-dialog" not in page


def test_who_could_not_be_invited_stands_in_the_form_again(acme):
    form = {"do": "invite", "whom": "stranger\nmember\nno-such-person", "role": "creator"}
    page = enter(person("owner")).post("/o/acme/invitations/", form).content.decode()
    assert "1 of 3 invited" in page
    kept = re.search(r"<textarea[^>]*>([^<]*)</textarea>", page)
    assert kept
    assert kept[1].split() == ["member", "no-such-person"]
    assert re.search(r'value="creator"[^>]* checked', page)


@pytest.mark.parametrize("path", ["/o/acme/teams/", "/account/", "/o/acme/robots/ci/"])
@pytest.mark.parametrize("do", ["", "nothing", "__class__"])
def test_unknown_wishes_are_not_found(acme, path, do):
    assert enter(person("owner")).post(path, {"do": do}).status_code == 404


def test_other_tenants_names_in_forms(acme):
    other = make.organization("other", owner=make.user("rival"))
    make.robot(other, "theirs")
    make.team(other, "theirs")
    owner = enter(person("owner"))
    for path, form in (
        ("/o/acme/teams/devs/", {"do": "add", "username": "other+theirs"}),
        ("/o/acme/projects/web/", {"do": "grant", "holder": "other+theirs", "role": "read"}),
        ("/o/acme/projects/web/", {"do": "grant", "holder": "@theirs", "role": "read"}),
    ):
        before = counts()
        assert owner.post(path, form).status_code == 200
        assert counts() == before
    export = LogExport.objects.create(
        namespace=other.namespace, starts_at=timezone.now(), ends_at=timezone.now()
    )
    for address in (f"/o/acme/exports/{export.uuid}/", f"/o/other/exports/{export.uuid}/"):
        assert owner.get(address).status_code in (403, 404)
        assert owner.post(address).status_code in (403, 404)
    export.refresh_from_db()
    assert export.status == "queued"


# Signing in ----------------------------------------------------------------------------------------------


def test_signing_in_goes_where_one_wanted_and_nowhere_else(acme):
    client = Client()
    wanted = client.get("/o/acme/robots/?q=ci")
    assert wanted["Location"] == "/sign-in/?next=%2Fo%2Facme%2Frobots%2F%3Fq%3Dci"
    form = {"username": "owner", "password": make.PASSWORD}
    assert (
        client.post("/sign-in/", form | {"next": "/o/acme/robots/?q=ci"})["Location"]
        == "/o/acme/robots/?q=ci"
    )
    for evil in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"):
        assert Client().post("/sign-in/", form | {"next": evil})["Location"] == "/"


def test_a_part_asked_for_after_the_session_ended_sends_the_whole_page_to_sign_in(acme):
    answer = Client().get("/o/acme/teams/?q=x", headers={"hx-request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Fo%2Facme%2Fteams%2F%3Fq%3Dx"


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(acme):
    answer = Client().post("/o/acme/teams/?q=x", {"do": "create", "name": "Fire"})
    assert answer["Location"] == "/sign-in/?next=%2Fo%2Facme%2Fteams%2F%3Fq%3Dx"


def test_a_wrong_password_says_so_and_nothing_more(acme):
    pages = [
        Client().post("/sign-in/", {"username": name, "password": "wrong-wrong"}).content.decode()
        for name in ("owner", "nobody-of-that-name")
    ]
    assert all("Invalid user name or password" in page for page in pages)
    assert "wrong-wrong" not in "".join(pages)


def test_signing_in_makes_a_new_session_and_signing_out_ends_all(acme):
    one, two = Client(), Client()
    one.get("/sign-in/")
    before = one.get("/csrf_token").json()
    form = {"username": "owner", "password": make.PASSWORD}
    for client in (one, two):
        assert client.post("/sign-in/", form).status_code == 302
        assert client.get("/").status_code == 200
    assert one.get("/csrf_token").json() != before
    one.post("/sign-out/")
    assert [client.get("/").status_code for client in (one, two)] == [302, 302]


def test_a_disabled_persons_session_is_over_at_once(acme):
    client = enter(person("member"))
    assert client.get("/").status_code == 200
    accounts.change_user(actor=make.SYSTEM, user=person("member"), enabled=False)
    assert client.get("/").status_code == 302


def test_the_first_run_page(settings):
    secret = accounts.offer_first_run()
    client = Client()
    assert client.get("/sign-in/")["Location"] == "/setup/"
    form = {"username": "root", "password": make.PASSWORD, "secret": "wrong", "email": ""}
    assert "not the secret" in client.post("/setup/", form).content.decode()
    assert not User.objects.exists()
    assert client.post("/setup/", form | {"secret": secret})["Location"] == "/"
    assert person("root").is_superuser
    assert client.get("/").status_code == 200
    assert Client().get("/setup/")["Location"] == "/sign-in/"
    assert (
        Client().post("/setup/", form | {"username": "second", "secret": secret})["Location"] == "/sign-in/"
    )
    assert User.objects.count() == 1


def test_changing_the_password_needs_the_old_one_and_ends_other_sessions(acme):
    here, there = enter(person("owner")), enter(person("owner"))
    form = {"do": "password", "old": "wrong-wrong", "password": "another-horse-9"}
    assert "Invalid user name or password" in here.post("/account/", form).content.decode()
    assert here.post("/account/", form | {"old": make.PASSWORD}).status_code == 302
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


# What pages show ------------------------------------------------------------------------------------------


def test_a_robots_token_is_shown_once_to_who_made_it(acme):
    client = enter(person("admin"))
    page = client.post("/o/acme/robots/ci/", {"do": "regenerate", "lifetime": "90"}).content.decode()
    secret = tokens.reveal(Credential.objects.get(kind=Kind.ROBOT, revoked_at=None))
    assert f"<code>{secret}</code>" in page
    for path in ("/o/acme/robots/ci/", "/o/acme/robots/"):
        assert secret not in client.get(path).content.decode()


def test_read_only_superusers_see_robots_and_no_tokens(acme, settings):
    secret = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=Robot.objects.get())
    settings.READONLY_SUPERUSERS = frozenset({"stranger"})
    client = enter(person("stranger"))
    page = client.get("/o/acme/robots/ci/")
    assert page.status_code == 200
    assert secret not in page.content.decode()
    assert client.post("/o/acme/robots/ci/", {"do": "delete", "name": "ci"}).status_code == 403


def test_the_log_is_filtered_by_the_address(acme):
    client = enter(person("owner"))

    def lines(query):
        return [line.label for line, _ in client.get(f"/o/acme/logs/?{query}").context["lines"]]

    assert set(lines("kind=create_robot")) == {"Create robot"}
    assert set(lines("group=access")) == {"Change project permission"}
    assert lines("q=no-such-thing") == []
    assert set(lines("q=devs&kind=org_create_team")) == {"Create team"}
    assert lines("performer=nobody") == []
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert lines(f"since={tomorrow}&until={tomorrow}") == []
    page = client.get("/o/acme/logs/?since=2026-02-01&until=2026-01-01")
    assert "The end lies before the start" in page.content.decode()
    for nonsense in (
        "since=yesterday",
        "kind=nothing",
        "page=%00",
        "group=x",
        "until=0001-01-01",
        "since=9999-12-31",
    ):
        assert client.get(f"/o/acme/logs/?{nonsense}").status_code == 200


def test_each_field_of_the_log_narrows_it_and_is_taken_away_again(acme):
    client = enter(person("owner"))
    web = {"project_name": "rare", "credential_name": "deploy", "dialect": "quay", "ip": "10.9.9.9"}
    LogEntry.objects.filter(kind="create_robot").update(**web)
    fields = {"about": "rare", "credential": "deploy", "door": "quay", "ip": "10.9.9.9"}
    for number in range(1, 5):
        chosen = dict(list(fields.items())[:number])
        page = client.get("/o/acme/logs/", chosen)
        assert [line.label for line, _ in page.context["lines"]] == ["Create robot"]
        assert len(page.context["narrowed"]) == number
        for (_, without), field in zip(
            page.context["narrowed"], ("about", "credential", "door", "ip"), strict=False
        ):
            assert f"{field}=" not in without
            assert without.count("=") == number - 1
    for field in fields:
        page = client.get("/o/acme/logs/", fields | {field: "flexstack" if field == "door" else "1.2.3.4"})
        assert page.context["lines"] == []
    page = client.get("/o/acme/logs/?ip=nonsense")
    assert "Enter a valid IPv4 or IPv6 address" in page.content.decode()
    answer = client.post("/o/acme/logs/?ip=nonsense", {"do": "export"})
    assert "The filter has a mistake" in answer.content.decode()
    assert not LogExport.objects.exists()
    client.post("/o/acme/logs/?ip=10.9.9.9&about=web", {"do": "export"})
    assert LogExport.objects.get().filters == {"about": "web", "ip": "10.9.9.9"}


def test_a_range_is_chosen_on_the_chart_by_two_days(acme):
    client = enter(person("owner"))
    for day in (7, 10, 12):
        at = datetime(2026, 3, day, 12, tzinfo=UTC)
        made = make.robot(acme, f"on-{day}").shortname
        LogEntry.objects.filter(kind="create_robot", metadata__robot=made).update(at=at)
    page = client.get("/o/acme/logs/?since=2026-03-10&until=2026-03-10&kind=create_robot")
    assert page.context["range"].endswith(
        "kind=create_robot&mark=2026-03-10&since=2026-02-23&until=2026-03-25"
    )
    page = client.get(page.context["range"])
    assert "Choose the other end on the chart" in page.content.decode()
    for since, until in (("10", "12"), ("07", "10"), ("10", "10")):
        wanted = f"/o/acme/logs/?kind=create_robot&amp;since=2026-03-{since}&amp;until=2026-03-{until}"
        assert f'href="{wanted}"' in page.content.decode()
    for nonsense in ("mark=x", "mark=0001-01-01", "mark=%00", "since=9999-12-31&until=9999-12-31"):
        assert client.get(f"/o/acme/logs/?{nonsense}").status_code == 200


def test_the_list_of_exports_moves_while_one_is_written(acme):
    client = enter(person("owner"))
    client.post("/o/acme/logs/", {"do": "export"})
    part = client.get("/o/acme/exports/", headers={"hx-request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in part
    assert "<html" not in part
    LogExport.objects.update(status="failed")
    assert "every 2s" not in client.get("/o/acme/exports/").content.decode()


def test_older_exports_are_a_page_further(acme):
    client, now = enter(person("owner")), timezone.now()
    for number in range(27):
        LogExport.objects.create(
            namespace=acme.namespace,
            starts_at=now,
            ends_at=now,
            status="failed",
            requested_by_name=f"asker{number:02}",
        )
    newest = client.get("/o/acme/exports/").content.decode()
    assert "asker26" in newest
    assert "asker01" not in newest
    older = re.search(r'href="([^"]+)" rel="next"', newest)
    assert older
    rest = client.get(older[1]).content.decode()
    assert re.findall(r"asker\d\d", rest) == ["asker01", "asker00"]
    assert 'href="/o/acme/exports/" rel="prev"' in rest


def test_an_export_is_written_in_the_format_that_was_chosen(acme, settings):
    client = enter(person("owner"))
    assert '<option value="csv" selected>CSV' in client.get("/o/acme/logs/").content.decode()
    answer = client.post("/o/acme/logs/", {"do": "export", "format": "xml"})
    assert "Select a valid choice" in answer.content.decode()
    settings.EXPORTS_AT_ONCE_OF_NAMESPACE = 3
    for form in ("csv", "jsonl", "quay"):
        client.post("/o/acme/logs/", {"do": "export", "format": form})
    assert [one.format for one in LogExport.objects.order_by("pk")] == ["csv", "jsonl", "quay"]
    page = client.get("/o/acme/exports/").content.decode()
    assert all(f">{words}</td>" in page for words in ("CSV", "JSON Lines", "JSON as Quay writes it"))
    answer = client.post("/o/acme/logs/", {"do": "export", "format": "csv"})
    assert "There are 3 exports of this log under way" in answer.content.decode()
    assert LogExport.objects.count() == 3


def test_no_mail_is_promised_for_an_export_where_none_is_sent(acme, settings):
    settings.MAILING = True
    client = enter(person("owner"))
    assert "Mail the link to" in client.get("/o/acme/logs/").content.decode()
    settings.MAILING = False
    assert "Mail the link to" not in client.get("/o/acme/logs/").content.decode()
    assert client.post("/o/acme/logs/", {"do": "export", "email": "a@b.example"}).status_code == 302
    assert LogExport.objects.get().callback_email == ""


def test_an_export_covers_what_is_shown(acme):
    client = enter(person("owner"))
    answer = client.post(
        "/o/acme/logs/?group=access&performer=system", {"do": "export", "email": "a@b.example"}
    )
    export = LogExport.objects.get()
    assert answer["Location"] == f"/o/acme/exports/{export.uuid}/"
    assert export.filters == {
        "performer": "system",
        "kinds": ["change_repo_permission", "delete_repo_permission", "give_up_repo_permission"],
    }
    assert "Waiting for a worker" in client.get(answer["Location"]).content.decode()
    part = client.get(answer["Location"], headers={"hx-request": "true"})
    assert 'hx-trigger="every 1s"' in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    client.post(answer["Location"])
    export.refresh_from_db()
    assert export.status == "cancelled"
    assert "every 1s" not in client.get(answer["Location"]).content.decode()


def test_names_that_look_like_markup_are_only_text(acme):
    evil = "<script>alert(1)</script>"
    owner = enter(person("owner"))
    owner.post("/o/acme/teams/", {"do": "create", "name": evil, "description": evil, "role": "member"})
    owner.post(
        "/o/acme/projects/", {"do": "create", "name": evil, "description": evil, "visibility": "public"}
    )
    for path in (
        "/o/acme/",
        "/o/acme/teams/",
        "/o/acme/projects/",
        "/o/acme/logs/",
        f"/o/acme/members/?q={evil}",
    ):
        page = owner.get(path).content.decode()
        assert "<script>alert" not in page, path


def test_limits_are_said_on_the_overview(acme):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=1, namespace=acme.namespace)
    page = enter(person("owner")).get("/o/acme/").content.decode()
    assert "Needs attention" in page
    answer = enter(person("owner")).post(
        "/o/acme/robots/", {"do": "create", "shortname": "more", "lifetime": "90"}
    )
    assert "The limit of robots" in answer.content.decode()


def test_storage_shows_on_the_overview_and_at_the_project(acme, settings):
    client = enter(person("owner"))
    assert not re.search(r"\bMiB\b", client.get("/o/acme/").content.decode())
    web = acme.namespace.projects.get(slug="web")
    assert "reported" not in client.get("/o/acme/projects/web/").content.decode()
    projects.report_usage(actor=make.SYSTEM, project=web, size_bytes=90 * 2**20)
    page = client.get("/o/acme/").content.decode()
    assert '<dd class="note">90 MiB</dd>' in page
    assert "Storage" not in page
    settings.DEFAULT_QUOTA_BYTES = 100 * 2**20
    assert "Storage: 90 of 100 MiB, 90%" in client.get("/o/acme/").content.decode()
    quotas.create_quota(actor=make.SYSTEM, namespace=acme.namespace, limit_bytes=360 * 2**20)
    assert "Storage: 90 of 360 MiB, 25%" in client.get("/o/acme/").content.decode()
    assert "<dt>Size</dt><dd>90 MiB" in client.get("/o/acme/projects/web/").content.decode()


@pytest.mark.parametrize(
    "room", ["", "find/", "members/", "teams/", "projects/", "robots/", "credentials/", "logs/", "exports/"]
)
def test_nonsense_in_the_address_is_a_page_all_the_same(acme, room):
    client = enter(person("owner"))
    for nonsense in (
        "q=%00",
        "q=%F0%9F%9A%80&start=-1",
        "start=99999999999999999999",
        "role=x&state=x&mine=x",
    ):
        assert client.get(f"/o/acme/{room}?{nonsense}").status_code == 200, nonsense


def test_projects_of_people_have_no_room_here(acme):
    make.project(person("owner"), "mine")
    for path in ("/o/owner/projects/mine/", "/o/owner/projects/", "/o/owner/"):
        assert enter(person("owner")).get(path).status_code == 404


def test_a_person_is_asked_for_by_administrators_alone(acme):
    assert enter(person("admin")).get("/o/acme/members/?person=member").status_code == 200
    assert enter(person("admin")).get("/o/acme/members/?person=nobody").status_code == 404
    for name in ("member", "stranger"):
        for headers in ({}, {"hx-request": "true"}):
            answer = enter(person(name)).get("/o/acme/members/?person=owner", headers=headers)
            assert answer.status_code == 403


def test_only_owners_are_offered_to_make_owners(acme):
    offered = {
        name: {
            value
            for value, _ in enter(person(name))
            .get("/o/acme/members/")
            .context["forms"]["add"]["role"]
            .field.choices
        }
        for name in ("admin", "owner")
    }
    assert offered["owner"] - offered["admin"] == {"owner"}


def test_finding_goes_to_the_only_hit_and_to_the_exact_one(acme):
    make.team(acme, "web")
    make.team(acme, "webmasters")
    client = enter(person("owner"))
    assert client.get("/o/acme/find/?q=webm")["Location"] == "/o/acme/teams/webmasters/"
    assert client.get("/o/acme/find/?q=DEVS")["Location"] == "/o/acme/teams/devs/"
    assert client.get("/o/acme/find/?q=web").status_code == 200  # a team and a project are called so
    part = client.get("/o/acme/find/?q=webm", headers={"hx-request": "true"})
    assert part.status_code == 200
    # Whom one may not list, one does not find.
    assert b"writer" not in enter(person("member")).get("/o/acme/find/?q=write").content.replace(
        b'value="write', b""
    )


def test_names_are_offered_while_one_types(acme):
    accounts.change_robot(actor=make.SYSTEM, robot=Robot.objects.get(), description='Builds "it"')

    def offered(name, query):
        page = enter(person(name)).get(f"/o/acme/suggest/?{query}").content.decode()
        return re.findall(r'<option value="([^"]*)">', page)

    everything = "kinds=people,robots,teams"
    assert offered("owner", f"{everything}&holder=w") == ["writer"]
    assert offered("owner", f"{everything}&holder=acme%2Bc") == ["acme+ci"]
    assert offered("owner", f"{everything}&holder=dev") == ["@devs"]
    assert offered("owner", f"{everything}&holder=%40dev") == ["@devs"]
    assert offered("owner", "kinds=people&username=dev") == []
    assert offered("owner", f"{everything}&holder=%40") == []
    assert offered("owner", f"{everything}&holder=%00") == []
    assert enter(person("stranger")).get(f"/o/acme/suggest/?{everything}&holder=w").status_code == 403


def test_saving_keeps_the_filter(acme):
    client = enter(person("owner"))
    form = {"do": "add", "username": "member", "role": "creator"}
    answer = client.post("/o/acme/members/?role=member&start=0&person=member", form)
    assert answer["Location"] == "/o/acme/members/?role=member&start=0"


def test_pages_are_packed_for_who_can_unpack(acme):
    answer = enter(person("owner")).get("/o/acme/", headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    assert answer["Cache-Control"] == "no-store"


def test_creating_an_organization_and_being_sent_there(acme):
    client = enter(person("stranger"))
    answer = client.post("/", {"do": "create", "name": "Fresh Fish & Co", "email": ""})
    assert answer["Location"] == "/o/fresh-fish-co/"
    assert Organization.objects.get(slug="fresh-fish-co").name == "Fresh Fish & Co"
    assert client.get("/o/fresh-fish-co/").status_code == 200


def test_dismissing_without_a_script(acme):
    stranger = person("stranger")
    for number in range(2):
        accounts.invite(actor=make.SYSTEM, team=make.team(acme, f"t{number}"), user=stranger)
    client = enter(stranger)
    assert b'aria-label="Notifications: 2 open"' in client.get("/account/").content
    uuid = Notice.objects.filter(user=stranger).latest("pk").uuid
    assert enter(person("owner")).post("/notifications/", {"do": "dismiss", "uuid": uuid}).status_code == 404
    assert client.post("/notifications/", {"do": "dismiss", "uuid": uuid})["Location"] == "/notifications/"
    page = client.get("/notifications/").content
    assert b"to the team t0 of acme" in page.replace(b"<wbr>", b"")
    assert b"to the team t1 of acme" not in page.replace(b"<wbr>", b"")
    part = client.post("/notifications/", {"do": "clear"}, headers={"hx-request": "true"}).content
    assert b"<html" not in part
    assert b'hx-swap-oob="true" aria-label="Notifications">' in part


@pytest.mark.parametrize("size", [1, 40])
def test_the_page_of_notices_costs_the_same_at_any_size(acme, size, django_assert_num_queries):
    stranger = person("stranger")
    for number in range(size):
        accounts.invite(actor=make.SYSTEM, team=make.team(acme, f"t{number}"), user=stranger)
    client = enter(stranger)
    client.get("/notifications/")
    with django_assert_num_queries(5):  # session, person, how many, the page of them, what surrounds it
        assert client.get("/notifications/").status_code == 200


def test_addresses_that_deliveries_name_lead_to_pages(acme):
    client = enter(person("owner"))
    assert client.get("/organization/acme")["Location"] == "/o/acme/"
    assert client.get("/repository/acme/site")["Location"] == "/o/acme/projects/site/"


def test_every_answer_carries_its_protection(acme):
    client = enter(person("owner"))
    for path in ("/", "/o/acme/", "/o/nothing/", "/sign-in/", "/nothing-at-all"):
        answer = client.get(path)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy, path
        assert "unsafe" not in policy
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"


# Cost -----------------------------------------------------------------------------------------------------

BUDGET = 12
ROOMS = [
    "",
    "find/?q=grown",
    "members/",
    "members/?q=r&role=member",
    "members/?person=member",
    "members/?state=unsecured",
    "invitations/",
    "invitations/?state=expired",
    "teams/",
    "teams/?q=grown",
    "teams/devs/",
    "defaults/",
    "projects/",
    "projects/web/",
    "robots/",
    "robots/?q=c&state=unused",
    "robots/ci/",
    "credentials/",
    "credentials/?state=never&kind=repository&q=grown",
    "settings/",
    "applications/",
    "applications/ROCKET/",
    "code/",
    "suggest/?kinds=people,robots,teams&holder=gro",
    "notifications/",
    "notifications/?q=g&state=failing",
    "notifications/of/web/",
    f"notifications/{HOOK}/",
    f"notifications/{HOOK}/?state=waiting",
    f"notifications/{HOOK}/{SENT}/",
    "suggest/?kinds=projects&project=gro",
    "rights/",
    "rights/?project=web",
    "access/",
    "access/?who=writer&project=web",
    "access/?who=stranger",
    "access/?who=gro&project=gro",
    "access/?project=web",
    "access/matrix/",
    "access/matrix/?level=read&source=direct&q=gro",
    "logs/",
    "logs/?q=devs&performer=system&group=change",
    "exports/",
    "limits/",
    "limits/?of=robots",
    "trash/",
    "trash/?q=dead&kind=project",
]


def asked(owner, room, headers=None):
    """Return what a page answers and what it asks the database, when it was seen before."""
    with transaction.atomic():
        client = enter(owner)
        client.get(f"/o/acme/{room}")
        with CaptureQueriesContext(connection) as queries:
            status = client.get(f"/o/acme/{room}", headers=headers).status_code
        transaction.set_rollback(True)
    return status, [str(query["sql"])[:200] for query in queries.captured_queries]


@override_settings(EGRESS_ALLOW=EGRESS)
def small_and_grown(rooms=ROOMS, headers=None):
    """Ask for each room while the organization is small; let it grow."""
    acme = build()
    owner = person("owner")
    small = {room: asked(owner, room, headers) for room in rooms}
    grow(acme)
    return small


@pytest.fixture
def standing_small_and_grown(request):
    return stand(small_and_grown, request)


@pytest.mark.parametrize("room", ROOMS)
def test_a_page_costs_the_same_at_any_size(standing_small_and_grown, room, settings):
    settings.EGRESS_ALLOW = EGRESS
    (before, small), (after, grown) = standing_small_and_grown[room], asked(person("owner"), room)
    assert before == after == 200
    assert len(small) <= BUDGET, small
    assert len(grown) == len(small), grown


def grow(acme):
    web, devs, ci = Project.objects.get(slug="web"), Team.objects.get(slug="devs"), Robot.objects.get()
    application, hook = Application.objects.get(), Subscription.objects.get(uuid=HOOK)
    for number in range(20):
        dead = make.project(acme, f"dead{number}")
        projects.delete_project(actor=make.SYSTEM, project=dead)
        for kind, owner in ((Kind.KEY, {"organization": acme}), (Kind.REPOSITORY, {"project": web})):
            tokens.create_token(actor=make.SYSTEM, kind=kind, title=f"grown{number}", **owner)
        tokens.create_application(actor=make.SYSTEM, organization=acme, name=f"grown{number}")
        one = make.user(f"grown{number}")
        team, robot = make.team(acme, f"grown{number}"), make.robot(acme, f"grown{number}")
        project = make.project(acme, f"grown{number}")
        tokens.issue(kind=Kind.OAUTH, user=one, application=application, scopes="repo:read")
        make.member(team, one)
        make.member(devs, one)
        accounts.add_team_member(actor=make.SYSTEM, team=devs, robot=robot)
        make.grant(project, "read", robot=ci)
        make.grant(project, "read", team=devs)
        make.grant(web, "read", user=one)
        make.grant(web, "read", team=team)
        make.grant(web, "read", robot=robot)
        LogExport.objects.create(namespace=acme.namespace, starts_at=timezone.now(), ends_at=timezone.now())
        for space, place in ((acme.namespace, None), (None, project), (None, web)):
            notifications.create_subscription(
                actor=make.SYSTEM,
                namespace=space,
                project=place,
                event="repo_change",
                method="in_console",
                config={},
                title=f"grown{number}",
            )
        notifications.send_test(actor=make.SYSTEM, subscription=hook)


def test_a_team_that_mirrors_a_group_says_so_and_takes_no_people(acme, settings):
    settings.AUTHENTICATION, settings.TEAM_SYNCING = "OIDC", True
    settings.OIDC_ISSUER = "https://login.example.test"
    team = make.team(acme, "mirror")
    make.member(team, person("member"))
    accounts.add_team_member(actor=make.SYSTEM, team=team, robot=make.robot(acme, "ci2"))
    Team.objects.filter(pk=team.pk).update(
        sync_service="oidc",
        sync_config={"group_name": "builders"},
        sync_problem="The identity provider does not answer",
    )
    path = "/o/acme/teams/mirror/"
    admin, member = (enter(person(name)).get(path).content.decode() for name in ("admin", "member"))
    for text in (admin, member):
        assert "the identity provider" in text
    assert "builders" in admin
    assert "does not answer" in admin
    assert "Remove acme+ci2 from the team" in admin
    assert "Remove member from the team" not in admin
    assert "builders" not in member
    assert "does not answer" not in member
    enter(person("admin")).post(path, {"do": "add", "username": "stranger"})
    enter(person("admin")).post(path, {"do": "remove", "username": "member"})
    assert list(team.members.filter(user__isnull=False).values_list("user__username", flat=True)) == [
        "member"
    ]


@pytest.mark.parametrize("way", ["Database", "OIDC", "LDAP"])
def test_the_sign_in_page_offers_what_there_is(db, settings, way):
    make.user()
    settings.AUTHENTICATION, settings.MAILING = way, True
    assert "/sign-in/provider/" not in Client().get("/sign-in/").content.decode()
    settings.OIDC_ISSUER = "https://login.example.test"
    text = Client().get("/sign-in/?next=/account/").content.decode()
    assert "Sign in with login.example.test" in text
    assert "/sign-in/provider/?next=%2Faccount%2F" in text
    assert ("<details" in text) == (way == "OIDC")
    assert ("/forgot/" in text) == (way == "Database")
