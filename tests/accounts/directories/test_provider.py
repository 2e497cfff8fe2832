"""Signing in by a real OpenID Connect provider, from the button to the project and out again."""

import re
import time
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pyotp
import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import provider, services, worker
from accounts.models import AuthenticatorApp, Identity, TeamMember, User
from core import seal
from core.seal import unseal
from logs.models import LogEntry
from tests import make
from tests.api.quay.world import bearer

TOKENS, SECURITY = "/account/tokens/", "/account/security/"
AGAIN = f"/sign-in/provider/?again=1&next={TOKENS}"
pytestmark = [pytest.mark.processes, pytest.mark.django_db]


def sign_in(idp, name, client=None, path="/sign-in/provider/"):
    """Go through the provider as a browser does; return the client and its last answer."""
    client = client or Client()
    away = client.get(path)
    assert away.status_code == 302, away.content
    return client, client.get(idp.visit(away["Location"], name))


def who(client):
    answer = client.get("/api/v1/user/")
    return answer.json()["username"] if answer.status_code == 200 else None


def turn(minutes=0):
    """Let the workers take a turn, so many minutes from now."""
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True):
        for key in services.identities_to_refresh(limit=100):
            worker.refresh_identity(key)
        for key in services.teams_to_sync(limit=100):
            worker.sync_team(key)


def inside(team):
    names = TeamMember.objects.filter(team=team, user__isnull=False)
    return sorted(names.values_list("user__username", flat=True))


def test_from_the_button_to_a_private_project_and_out_again(idp):
    acme = make.organization()
    web = make.project(acme)
    devs = make.team(acme)
    make.grant(web, "read", team=devs)
    make.member(devs, make.user("old"))
    services.enable_team_sync(actor=make.SYSTEM, team=devs, group_name="builders")
    assert inside(devs) == []  # whom the group does not have leaves at once
    idp.person("ada", email="ada@corp.example", email_verified=True, groups=["builders", "staff"])
    idp.person("bob", groups=["builders"])

    client, answer = sign_in(idp, "ada", path="/sign-in/provider/?next=/o/acme/")
    assert (answer.status_code, answer["Location"]) == (302, "/o/acme/")
    assert who(client) == "ada"
    body = client.get("/api/v1/user/").json()
    assert body["email"] == "ada@corp.example"
    assert body["has_password_set"] is False
    subject = Identity.objects.get(user__username="ada").subject
    assert body["logins"] == [{"service": "oidc", "service_identifier": subject, "metadata": {}}]
    assert LogEntry.objects.get(kind="login_success").metadata["type"] == "oidc"
    sign_in(idp, "bob")

    path = "/api/v1/repository/acme/web"
    token = bearer(make.token(User.objects.get(username="ada")))
    assert client.get(path).status_code == token.get(path).status_code == 403
    turn()
    assert inside(devs) == ["ada", "bob"]
    assert client.get(path).status_code == token.get(path).status_code == 200

    idp.person("ada", groups=["staff"])
    turn(31)
    assert inside(devs) == ["bob"]
    assert client.get(path).status_code == token.get(path).status_code == 403


def test_a_second_sign_in_is_the_same_person_whatever_she_is_called(idp):
    idp.person("ada")
    sign_in(idp, "ada")
    idp.person("ada", preferred_username="countess", email="new@corp.example", email_verified=True)
    client, _ = sign_in(idp, "ada")
    assert who(client) == "ada"
    assert Identity.objects.get().login == "countess"
    assert Identity.objects.get().used_at


def test_nobody_becomes_somebody_else_by_a_name_or_an_address(idp, settings):
    settings.SUPERUSERS = frozenset({"root"})
    boss = make.user("boss", superuser=True, email="boss@corp.example")
    idp.person("boss", email="boss@corp.example", email_verified=True)
    idp.person("root", email="root@corp.example", email_verified=False)
    idp.person("Über Frau!!")
    found = {}
    for name in ("boss", "root", "Über Frau!!"):
        client = Client()
        away = client.get("/sign-in/provider/")
        client.get(idp.visit(away["Location"], quote(name)))
        found[name] = User.objects.get(username=who(client))
    assert found["boss"].username == "boss-2"
    assert found["boss"].email == ""
    assert found["boss"].pk != boss.pk
    assert found["root"].username == "root-2"
    assert found["root"].email == ""  # the provider has not proven it
    assert found["Über Frau!!"].username == "uber-frau"
    assert not any(user.is_superuser for user in found.values())


def test_each_answer_of_the_provider_works_once_and_in_its_browser(idp):
    idp.person("ada")
    client = Client()
    back = idp.visit(client.get("/sign-in/provider/")["Location"], "ada")
    stranger = Client()
    assert stranger.get(back).status_code == 403  # no such attempt in that browser
    assert who(stranger) is None
    code, _, state = back.partition("?")[2].partition("&")
    assert state.startswith("state=")
    for wrong in (
        "/sign-in/provider/back/",
        "/sign-in/provider/back/?code=x",
        f"/sign-in/provider/back/?{state[:-1]}&{code}",
        "/sign-in/provider/back/?state=x&code=\0",
    ):
        assert client.get(wrong).status_code == 403
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 403  # used
    late = Client()
    back = idp.visit(late.get("/sign-in/provider/")["Location"], "ada")
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert late.get(back).status_code == 403
    refused = Client()
    state = refused.get("/sign-in/provider/")["Location"].partition("&state=")[2].partition("&")[0]
    answer = refused.get(f"/sign-in/provider/back/?error=access_denied&state={state}")
    assert answer.status_code == 403
    assert "did not let you in" in answer.content.decode()


def test_a_code_of_another_attempt_is_refused(idp):
    idp.person("ada")
    idp.person("eve")
    mine, hers = Client(), Client()
    back = idp.visit(mine.get("/sign-in/provider/")["Location"], "ada")
    other = idp.visit(hers.get("/sign-in/provider/")["Location"], "eve")

    def part(url, name):
        return next(one for one in url.partition("?")[2].split("&") if one.startswith(name))

    # Eve's code in Ada's attempt: PKCE binds codes to attempts.
    answer = mine.get(f"/sign-in/provider/back/?{part(back, 'state')}&{part(other, 'code')}")
    assert answer.status_code == 403
    assert who(mine) is None


def test_who_is_disabled_or_not_let_in_stays_out(idp, settings):
    idp.person("ada")
    sign_in(idp, "ada")
    services.change_user(actor=make.SYSTEM, user=User.objects.get(username="ada"), enabled=False)
    client, answer = sign_in(idp, "ada")
    assert answer.status_code == 403
    assert who(client) is None
    settings.AUTHENTICATION = "Database"  # the provider beside passwords, and no strangers
    idp.person("eve")
    client, answer = sign_in(idp, "eve")
    assert answer.status_code == 403
    assert not User.objects.filter(username="eve").exists()


def test_passwords_open_for_superusers_alone(idp):
    make.user("ada")
    make.user("boss", superuser=True)
    client = Client()
    for name, status in (("ada", 403), ("boss", 302)):
        answer = client.post("/sign-in/", {"username": name, "password": make.PASSWORD})
        assert answer.status_code == status


def way_to_link(client):
    (way,) = re.findall(r"/sign-in/provider/\?link=\w+", client.get("/account/").content.decode())
    return way


def test_only_her_own_page_leads_somebody_to_link_an_account(idp, settings):
    settings.AUTHENTICATION = "Database"
    make.user("ada")
    make.user("eve")
    mine, hers = Client(), Client()
    for client, name in ((mine, "ada"), (hers, "eve")):
        client.post("/sign-in/", {"username": name, "password": make.PASSWORD})
    for path in ("/sign-in/provider/?link=1", way_to_link(hers)):
        answer = mine.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/account/")
        assert "not begun in this browser" in mine.get("/account/").content.decode()


def test_somebody_who_is_here_links_her_account(idp, settings):
    settings.AUTHENTICATION = "Database"
    ada, eve = make.user("ada"), make.user("eve")
    idp.person("countess")
    client = Client()
    client.post("/sign-in/", {"username": "ada", "password": make.PASSWORD})
    _, answer = sign_in(idp, "countess", client, way_to_link(client))
    assert answer["Location"] == "/account/"
    assert Identity.objects.get().user == ada
    fresh, _ = sign_in(idp, "countess")
    assert who(fresh) == "ada"
    other = Client()
    other.post("/sign-in/", {"username": "eve", "password": make.PASSWORD})
    sign_in(idp, "countess", other, way_to_link(other))
    assert Identity.objects.get().user == ada
    assert not eve.identities.exists()
    assert Client().get("/sign-in/provider/?link=1").status_code == 403
    assert client.post("/account/", {"do": "unlink"}).status_code == 302
    assert not Identity.objects.exists()
    kinds = LogEntry.objects.filter(kind__in=["link_identity", "unlink_identity"])
    assert list(kinds.order_by("pk").values_list("kind", flat=True)) == ["link_identity", "unlink_identity"]


def test_who_becomes_superuser_by_a_group_is_in_and_her_older_sessions_are_not(idp, settings):
    settings.OIDC_SUPERUSER_GROUP = "roots"
    idp.person("ada")
    old, _ = sign_in(idp, "ada")
    idp.person("ada", groups=["roots"])
    new, _ = sign_in(idp, "ada")
    assert User.objects.get(username="ada").is_superuser
    assert (who(old), who(new)) == (None, "ada")


def test_linking_begins_a_new_session(idp, settings):
    settings.AUTHENTICATION, settings.OIDC_SUPERUSER_GROUP = "Database", "roots"
    make.user("ada")
    idp.person("countess", groups=["roots"])
    client = Client()
    client.post("/sign-in/", {"username": "ada", "password": make.PASSWORD})
    before = client.session.session_key
    sign_in(idp, "countess", client, way_to_link(client))
    assert who(client) == "ada"
    assert client.session.session_key != before


@pytest.fixture
def synced(idp):
    devs = make.team(make.organization())
    services.enable_team_sync(actor=make.SYSTEM, team=devs, group_name="builders")
    for name in ("ada", "bob"):
        idp.person(name, groups=["builders"])
        sign_in(idp, name)
    turn()
    assert inside(devs) == ["ada", "bob"]
    return devs


def test_a_provider_that_is_down_takes_nobody_out(idp, synced, monkeypatch):
    idp.stop()
    for minutes in (31, 62, 60 * 25, 60 * 49):
        turn(minutes)
        assert inside(synced) == ["ada", "bob"]
    monkeypatch.setattr(provider, "_shelf", provider._Shelf())
    assert Client().get("/sign-in/provider/").status_code == 403
    assert set(Identity.objects.values_list("unanswered", flat=True)) == {True}


def test_a_claim_that_is_missing_is_not_an_empty_one(idp, synced):
    idp.control(person="ada", claims={"preferred_username": "ada"})
    turn(31)
    assert inside(synced) == ["ada", "bob"]
    idp.person("ada", groups="builders")
    turn(62)
    assert inside(synced) == ["ada", "bob"]
    idp.person("ada", groups={"builders": 1})
    turn(93)
    assert inside(synced) == ["ada", "bob"]
    idp.person("ada", groups=[])
    turn(124)
    assert inside(synced) == ["bob"]


def test_who_cannot_be_asked_about_any_more_leaves_after_a_day(idp, synced):
    idp.control(end="ada")
    turn(31)
    assert inside(synced) == ["ada", "bob"]
    assert Identity.objects.get(user__username="ada").refresh_sealed == ""
    turn(60 * 25)
    assert inside(synced) == ["bob"]
    sign_in(idp, "ada")
    turn(60 * 26)
    assert inside(synced) == ["ada", "bob"]


def test_an_answer_about_somebody_else_changes_nothing(idp, synced):
    idp.person("ada", groups=["admins"], sub="u-of-eve")
    turn(31)
    assert inside(synced) == ["ada", "bob"]
    assert not Identity.objects.filter(groups__name="admins").exists()


def test_refresh_tokens_are_sealed_replaced_and_used_by_one_worker(idp, synced):
    identity = Identity.objects.get(user__username="ada")
    first = unseal(identity.refresh_sealed)
    assert first not in identity.refresh_sealed
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        worker.refresh_identity(identity.pk)
        identity.refresh_from_db()
        second = unseal(identity.refresh_sealed)
        assert second != first
        worker.refresh_identity(identity.pk)
        identity.refresh_from_db()
        assert unseal(identity.refresh_sealed) == second


def test_signing_in_rings_for_the_teams_that_it_changes(
    idp, synced, bells, django_capture_on_commit_callbacks
):
    idp.person("eve", groups=["builders", "nothing here"])
    with django_capture_on_commit_callbacks(execute=True):
        sign_in(idp, "eve")
    assert [bell for bell in bells if bell[0] == "accounts.sync_team"] == [("accounts.sync_team", synced.pk)]


def signed_in_ago(client):
    return timezone.now() - datetime.fromisoformat(client.session["signed_in_at"])


def test_what_the_provider_says_of_the_time_counts_and_not_the_way_back(idp):
    long_ago = int((timezone.now() - timedelta(hours=9)).timestamp())
    for said, fresh in ((long_ago, False), (int(time.time()), True), (int(time.time()) + 30, True)):
        idp.person("ada", auth_time=said)
        client, answer = sign_in(idp, "ada")
        assert answer["Location"] == "/"
        assert (signed_in_ago(client) < timedelta(minutes=2)) is fresh


@pytest.mark.parametrize("said", [None, True, -(10**30), 10**30])
def test_a_time_that_nobody_understands_proves_nothing(idp, said):
    idp.person("ada", auth_time=said)
    client, answer = sign_in(idp, "ada", path=AGAIN)
    assert answer["Location"] == TOKENS
    assert who(client) == "ada"
    assert signed_in_ago(client) > timedelta(days=365)
    assert "does not say that it has just asked who you are" in client.get(TOKENS).content.decode()


@pytest.mark.parametrize(("path", "fresh"), [("/sign-in/provider/", False), (AGAIN, True)])
def test_an_operator_may_take_the_way_back_for_a_proof_of_whom_it_was_to_ask(idp, settings, path, fresh):
    settings.OIDC_REQUIRE_AUTH_TIME = False
    idp.person("ada", auth_time=None)
    client, _ = sign_in(idp, "ada", path=path)
    assert (signed_in_ago(client) < timedelta(minutes=2)) is fresh
    idp.person("ada", auth_time=int(time.time()) - 9999)
    client, _ = sign_in(idp, "ada", path=path)
    assert signed_in_ago(client) > timedelta(hours=2)


def test_a_real_sign_in_there_is_one_here(idp):
    idp.person("ada")
    client, _ = sign_in(idp, "ada", path=AGAIN)
    assert signed_in_ago(client) < timedelta(minutes=2)
    assert "does not say" not in client.get(TOKENS).content.decode()


def test_changing_the_second_factor_makes_no_sign_in_newer(idp):
    idp.person("ada", auth_time=int(time.time()) - 300)
    client, _ = sign_in(idp, "ada")
    secret = pyotp.random_base32()
    ada = User.objects.get(username="ada")
    sealed = seal.seal(f"{ada.pk}:{secret}")
    client.post(SECURITY, {"do": "confirm", "sealed": sealed, "code": pyotp.TOTP(secret).now()})
    assert AuthenticatorApp.objects.filter(user=ada).exists()
    assert signed_in_ago(client) > timedelta(seconds=290)


def test_the_provider_asks_who_she_is_where_that_has_to_be_proven(idp):
    for path, prompt in (("/sign-in/provider/", []), ("/sign-in/provider/?again=1&next=/", ["login"])):
        sent = parse_qs(urlsplit(Client().get(path)["Location"]).query)
        assert sent.get("prompt", []) == prompt
        assert int(sent["max_age"][0]) > 365 * 86400
