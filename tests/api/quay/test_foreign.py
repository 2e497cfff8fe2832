"""Nobody reaches another tenant by its ids: see foreign.py."""

import copy
import re
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import override_settings

from accounts.models import Robot
from permissions.models import Grant
from tests import checksum, make
from tests.api.quay import access, access_oauth, foreign
from tests.api.quay import world as worlds
from tokens import services as tokens
from tokens.models import Application

ROWS = [row for row in access.all_rows() if foreign.home(row)]


@pytest.fixture(scope="module")
def tenants(django_db_setup, django_db_blocker):
    """acme's world with its tokens, hooli's, and which rows are hooli's."""
    with django_db_blocker.unblock(), override_settings(**worlds.EVERYWHERE), transaction.atomic():
        world = worlds.build()
        for principal in foreign.CALLERS:
            client = world.client(principal)
            assert client.get("/api/v1/error/not_found").status_code == 200
        before = checksum.snapshot()
        other = foreign.mirror(world)
        yield world, other, foreign.rows_of(before, checksum.snapshot())
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_ids_of_another_tenant_lead_nowhere(row, tenants):
    world, other, rows = copy.deepcopy(tenants)
    with override_settings(**worlds.EVERYWHERE, **row.settings):
        if row.prepare is not None:
            row.prepare(world)
            before = checksum.snapshot()
            row.prepare(other)
            rows |= foreign.rows_of(before, checksum.snapshot())
        for name in re.findall(r"{(\w+)}", row.path):
            assert name.startswith("globex") or world.names[name] != other.names[name], name
        names = {value: other.names[name] for name, value in world.names.items() if name in other.names}
        secrets = foreign.secrets_of(rows) | {foreign.CLASSIFIED, *foreign.HIDDEN}
        before = checksum.snapshot()
        public, found = foreign.open_to_all(other), []
        for path, body in foreign.variants(foreign.filled(row, world.names), names):
            for principal in foreign.home(row):
                with transaction.atomic(), checksum.watched() as writes:
                    answer = access.call(world.client(principal), row.method, path, body)
                    changed = writes.changes(before)
                    transaction.set_rollback(True)
                status, text = answer.status_code, answer.content.decode()
                looking = status >= 400 or row.method == "get"
                wrong = (
                    [str(one) for one in changed] if looking else foreign.trespasses(changed, rows, public)
                )
                wrong += [f"tells {secret}" for secret in secrets if secret in text]
                if status >= 500:
                    wrong.append("fails")
                found += [f"{principal}: {row.method} {path} {status}: {one}" for one in wrong]
    assert found == []


def test_every_id_of_every_path_is_swapped():
    wanted, swapped = set(), set()
    for row in ROWS:
        found = access.resolved(row.path).kwargs
        wanted |= {(*row.route, part) for part in found if found[part] and part not in foreign.NO_IDS}
        swapped |= {(*row.route, part) for part in foreign.swapped_parts(row)}
    assert wanted - swapped == set()


# Steps of the authorization, which stand beside the API: (method, path, what is sent beside a wish).
STEPS = [
    ("get", "authorize", {"format": "json"}),
    ("get", "authorize", {"response_type": "token"}),
    ("post", "authorizeapp", {"response_type": "token"}),
    ("post", "authorizeapp", {"response_type": "code"}),
    ("post", "authorizeapp", {"response_type": "token", "assignment_uuid": "{offer}"}),
    ("post", "authorize/assignuser", {"username": "admin", "response_type": "token"}),
    ("post", "access_token", {"grant_type": "authorization_code", "client_secret": "x", "code": "{code}"}),
]


@pytest.mark.django_db
def test_no_step_of_the_authorization_reaches_another_tenants_application(tenants):
    _, other, rows = copy.deepcopy(tenants)
    before = checksum.snapshot()
    access_oauth.with_authorization(other)
    client_id, page = other.names["acme_app"], "http://testserver/oauth/localapp"
    application = Application.objects.get(client_id=client_id)
    wish = tokens.Wish(client_id, page, "repo:read", (page,), response_type="code")
    code = tokens.authorize(actor=make.actor(other.people["owner"]), wish=wish)
    names = {"offer": other.names["offer"], "code": code}
    rows |= foreign.rows_of(before, checksum.snapshot())
    secrets = foreign.secrets_of(rows) | {foreign.CLASSIFIED, *foreign.HIDDEN, code}
    assert application.namespace == other.acme.namespace
    client = worlds.signed_in("owner")
    before, public, found = checksum.snapshot(), foreign.open_to_all(other), []
    for method, path, more in STEPS:
        sent = {"client_id": client_id, "redirect_uri": page, "scope": "repo:read"}
        sent |= {name: value.format(**names) for name, value in more.items()}
        in_query = method == "get" or path.endswith("assignuser")
        address = f"/oauth/{path}?{urlencode(sent)}" if in_query else f"/oauth/{path}"
        with transaction.atomic(), checksum.watched() as writes:
            answer = client.generic(
                method.upper(),
                address,
                *(() if in_query else (urlencode(sent), "application/x-www-form-urlencoded")),
            )
            changed = writes.changes(before)
            transaction.set_rollback(True)
        text = answer.content.decode() + answer.headers.get("Location", "")
        text = text.replace(code, "") if path == "access_token" else text
        wrong = [str(one) for one in changed] + foreign.trespasses(changed, rows, public)
        wrong += [f"tells {secret}" for secret in secrets if secret in text]
        if answer.status_code < 300 or "access_token=" in text or "code=" in text:
            wrong.append("is granted")
        found += [f"{method} {path} {answer.status_code}: {one}" for one in wrong]
    assert found == []
    at_home = worlds.signed_in("hooli-owner").get(f"/oauth/authorize?{urlencode(sent | {'format': 'json'})}")
    assert at_home.status_code in (200, 302), "the application is good at home"


@pytest.mark.django_db
def test_the_net_catches_what_is_changed_and_what_refers(tenants):
    world, other, rows = copy.deepcopy(tenants)
    public = foreign.open_to_all(other)
    before = checksum.snapshot()
    with checksum.watched() as writes:
        make.grant(world.projects["web"], "read", user=other.people["owner"])
        make.team(world.acme, "spies")
    assert foreign.trespasses(writes.changes(before), rows, public) == []
    with checksum.watched() as writes:
        Grant.objects.create(project=world.projects["web"], team=other.teams["devs"], role="read")
        Robot.objects.filter(pk=other.robots["ci"].pk).delete()
    told = foreign.trespasses(writes.changes(before), rows, public)
    assert any(line.startswith("team is foreign: permissions_grant") for line in told)
    assert any(line.startswith("accounts_robot ") and line.endswith("is gone") for line in told)
    secrets = foreign.secrets_of(rows)
    assert len(secrets) == 3, "those of the robots that are left"
