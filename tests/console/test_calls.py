"""What the console prints for the shell does what it says: bash runs every command against an instance."""

import html
import json
import os
import re
import subprocess

import pytest
from django.test import Client, override_settings
from playwright.sync_api import expect

from accounts import services as accounts
from console import calls
from console.urls import urlpatterns
from tests import make
from tests.console import world as worlds
from tests.console.entering import enter
from tokens import services as tokens
from tokens.kinds import Kind

PAGES = {
    "home": "/",
    "account": "/account/",
    "tokens": "/account/tokens/",
    "authorizations": "/account/applications/",
    "notices": "/notifications/",
    "overview": "/o/acme/",
    "members": "/o/acme/members/",
    "teams": "/o/acme/teams/",
    "team": "/o/acme/teams/devs/",
    "projects": "/o/acme/projects/",
    "project": "/o/acme/projects/site/docs/",
    "robots": "/o/acme/robots/",
    "robot": "/o/acme/robots/busy/",
    "applications": "/o/acme/applications/",
    "application": "/o/acme/applications/ROCKET/",
    "logs": "/o/acme/logs/",
    "settings": "/o/acme/settings/",
}
OF_MEMBERS = ("home", "account", "tokens", "overview", "teams", "team", "projects", "project", "robots")
COPIED = re.compile(r'<div class="copy"><code>(curl .*?)</code>', re.DOTALL)


@pytest.fixture
def instance(live_server):
    world = worlds.build()
    linked = {"provider": "gh", "provider_organization": "Acme Inc"}
    accounts.change_organization(actor=make.SYSTEM, organization=world.acme, changes=linked)
    world.acme.refresh_from_db()
    with override_settings(PUBLIC_URL=live_server.url):
        yield world


def secrets(world, user):
    """Return a token for each wire: the person's, or the organization's."""
    found = {"quay": make.token(user)}
    for wire, kind in (("codacy", Kind.ACCOUNT), ("cisense", Kind.ACCESS)):
        _, found[wire] = tokens.create_token(actor=make.actor(user), kind=kind, user=user)
    for wire, kind in (("flexstack", Kind.KEY), ("qodana", Kind.ORGANIZATION)):
        _, found[wire] = tokens.create_token(actor=make.SYSTEM, kind=kind, organization=world.acme)
    return found


def printed(client, path):
    """Return the commands on a page, by wire."""
    page = client.get(path)
    assert page.status_code == 200, path
    found = [html.unescape(text) for text in COPIED.findall(page.content.decode())]
    return [(wire_of(text), text) for text in found]


def wire_of(text):
    wires = [
        name
        for name, wire in calls.WIRES.items()
        if f'"{wire.header}"' in text and re.search(r"//[^/]+" + wire.root, text)
    ]
    if len(wires) > 1:  # Quay and Qodana share a prefix, and the form of their header.
        return "qodana" if "/public/" in text else "quay"
    return wires[0] if wires else "qodana"


def run(text, secret):
    """Run a command as it is printed; return the status and what came."""
    done = subprocess.run(
        ["bash", "-euc", text.replace("curl -fsS", "curl -sS -w '\\n%{http_code}'")],
        env={"PATH": os.environ["PATH"], "TOKEN": secret},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (text, done.stderr)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_every_page_of_the_table_is_one():
    names = {pattern.name for pattern in urlpatterns}
    assert set(calls.PAGES) == set(PAGES)
    assert set(PAGES) <= names
    assert {call.wire for found in calls.PAGES.values() for call in found} == set(calls.WIRES)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("who", "pages"), [("owner", tuple(PAGES)), ("member", OF_MEMBERS)])
def test_every_call_of_every_page_answers(instance, who, pages):
    user = getattr(instance, who)
    client, keys = enter(user), secrets(instance, user)
    for name in pages:
        found = printed(client, PAGES[name])
        assert len(found) == len(calls.PAGES[name]), name
        for wire, text in found:
            status, body = run(text, keys[wire])
            assert status == 200, (name, text, status, body[:300])
            assert isinstance(json.loads(body), dict | list)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wire", calls.WIRES)
def test_the_first_calls_of_an_api_answer_and_so_they_do_again(instance, wire):
    client, keys = enter(instance.owner), secrets(instance, instance.owner)
    found = printed(client, f"/apis/{wire}/")
    assert len(found) == 3
    for _ in range(2):
        for _, text in found:
            status, body = run(text, keys[wire])
            assert status in (200, 201), (text, status, body[:300])


@pytest.mark.django_db
def test_who_is_in_no_organization_gets_the_calls_that_need_none():
    client = enter(make.user("ada"))
    assert len(printed(client, "/apis/quay/")) == 1
    assert "The others need an organization" in client.get("/apis/quay/").content.decode()
    assert len(printed(client, "/apis/flexstack/")) == 1


@pytest.mark.django_db
def test_names_that_people_typed_stay_inside_their_quotes(settings):
    owner = make.user("ada")
    acme = make.organization("acme", owner)
    linked = {"provider": "gh", "provider_organization": "a'; touch x; '$(id)"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=linked)
    (text,) = (text for wire, text in printed(enter(owner), "/o/acme/") if wire == "codacy")
    assert f"{settings.PUBLIC_URL}/api/v3/organizations/gh/a%27%3B%20touch%20x%3B%20%27%24%28id%29" in text


@pytest.mark.django_db
def test_the_organization_of_the_first_calls_is_chosen_and_must_be_ones_own():
    ada = make.user("ada")
    make.organization("acme", ada)
    make.organization("beta", ada)
    make.organization("other")
    client = enter(ada)
    assert printed(client, "/apis/quay/")[1][1].endswith("/organization/acme")
    assert printed(client, "/apis/quay/?org=beta")[1][1].endswith("/organization/beta")
    # Another's is refused like one that is not there.
    assert [client.get(f"/apis/quay/?org={name}").status_code for name in ("other", "nothing")] == [403, 403]
    assert Client().get("/apis/quay/").status_code == 302


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["", "without scripts"])
def test_the_dialog_opens_from_the_bar_and_on_a_phone_from_the_menu(browse, transactional_db, scripts):
    ada = make.user("ada")
    make.organization("acme", ada)
    visit = browse(ada, scripts=scripts)
    page = visit.goto("/o/acme/projects/")
    dialog = page.get_by_role("dialog", name="This page by API")
    page.get_by_role("button", name="This page by API").click()
    expect(dialog.locator("code", has_text="namespace=acme")).to_be_visible()
    if scripts:
        visit.check("calls-1280-light")
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Account menu of ada").click()
    page.get_by_role("button", name="This page by API").click()
    expect(dialog.locator("code", has_text="namespace=acme")).to_be_visible()
    if scripts:
        page.emulate_media(color_scheme="dark")
        visit.check("calls-390-dark")
