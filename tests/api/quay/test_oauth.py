"""The authorization of applications: what clients parse, and what must never happen."""

import base64
import hashlib
import json
import re
import secrets
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from core import seal
from logs.models import LogEntry
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.world import bearer, signed_in
from tests.counting import counted
from tests.racing import race
from tests.staging import stand
from tokens import services
from tokens.kinds import Kind
from tokens.models import Application, Assignment, AuthorizationCode, Credential
from tokens.redirects import fits

BASE = "http://testserver"
LOCAL = f"{BASE}/oauth/localapp"
CALLBACK = "https://rb.example/cb"


@pytest.fixture
def standing_world(request):
    return stand(prepare, request)


@pytest.fixture
def world(standing_world, db):
    return standing_world or prepare()


def prepare():
    made = worlds.build()
    owner = make.actor(made.people["owner"])
    app = services.create_application(
        actor=owner, organization=made.acme, name="release-bot", redirect_uri=CALLBACK
    )
    made.names |= {"app": app.client_id, "secret": app.client_secret}
    return made


def ask_for(world, **changes):
    """Return the parameters of a good request for a token; None leaves one out."""
    sent = {
        "client_id": world.names["app"],
        "redirect_uri": LOCAL,
        "response_type": "token",
        "scope": "repo:read org:admin",
    } | changes
    return {name: value for name, value in sent.items() if value is not None}


def authorize(world, client=None, **changes):
    client = client or signed_in("admin")
    return client.post("/oauth/authorizeapp", ask_for(world, **changes))


def code_of(answer):
    return parse_qs(urlsplit(answer["Location"]).query)["code"][0]


def token_in(answer):
    """Cut the token out as the Ansible collection does."""
    found = re.search("access_token=(.*?)&", answer["Location"])
    assert found is not None
    return found[1]


def get_code(world, client=None, **changes):
    return code_of(authorize(world, client, **{"response_type": "code", "redirect_uri": CALLBACK} | changes))


def exchange(world, brought, client=None, **changes):
    sent = {
        "grant_type": "authorization_code",
        "client_id": world.names["app"],
        "client_secret": world.names["secret"],
        "redirect_uri": CALLBACK,
        "code": brought,
    } | changes
    sent = {name: value for name, value in sent.items() if value is not None}
    return (client or Client()).post("/oauth/access_token", sent)


def error_of(answer):
    return dict(parse_qsl(urlsplit(answer["Location"]).query)).get("error")


# What clients parse --------------------------------------------------------------------------------------


def test_the_implicit_way_to_the_letter(world):
    """As the Ansible collection goes it: sign in, post the form, cut the token out of the address."""
    client = Client(enforce_csrf_checks=True)
    first = client.get("/csrf_token").json()["csrf_token"]
    body = json.dumps({"username": "admin", "password": make.PASSWORD})
    answer = client.post(
        "/api/v1/signin", body, content_type="application/json", headers={"x-csrf-token": first}
    )
    form = ask_for(world) | {"_csrf_token": answer["X-Next-CSRF-Token"]}
    answer = client.post("/oauth/authorizeapp", form)
    assert answer.status_code == 302
    expected = (
        re.escape(f"{LOCAL}?scope=repo%3Aread+org%3Aadmin#access_token=")
        + "[A-Za-z0-9]{40}&token_type=Bearer&expires_in=315576000"
    )
    assert re.fullmatch(expected, answer["Location"])
    token = token_in(answer)
    assert bearer(token).get("/api/v1/repository/acme/web").status_code == 200
    credential = Credential.objects.get(digest=seal.digest(token))
    assert (str(credential.user), str(credential.application)) == ("admin", "release-bot")
    assert credential.scopes == "repo:read org:admin"
    assert credential.expires_at is not None
    assert round((credential.expires_at - credential.created_at).total_seconds()) == 315576000
    assert credential.sealed == ""


def test_state_comes_back_and_scopes_as_they_were_written(world):
    answer = authorize(world, scope="repo:read,org:admin", state="a b&c=d#e\r\nSet-Cookie: x=y")
    query, fragment = answer["Location"].split("#")
    assert dict(parse_qsl(urlsplit(query).query)) == {
        "scope": "repo:read,org:admin",
        "state": "a b&c=d#e\r\nSet-Cookie: x=y",
    }
    assert fragment.startswith("access_token=")
    assert "\n" not in answer["Location"]


def test_the_way_by_a_code(world):
    answer = authorize(world, response_type="code", redirect_uri=f"{CALLBACK}/x?y=1", state="s")
    assert re.fullmatch(
        r"https://rb\.example/cb/x\?y=1&scope=repo%3Aread\+org%3Aadmin&code=[A-Za-z0-9]{40}&state=s",
        answer["Location"],
    )
    code = code_of(answer)
    answer = exchange(world, code, redirect_uri=f"{CALLBACK}/x?y=1", scope="org:admin,repo:read")
    body = answer.json()
    assert answer.status_code == 200
    assert re.fullmatch("[A-Za-z0-9]{40}", body.pop("access_token"))
    assert body == {"token_type": "Bearer", "expires_in": 315576000, "refresh_token": None}
    assert answer["Cache-Control"] == "no-store"
    assert code not in str(list(AuthorizationCode.objects.values_list("digest", flat=True)))


def test_a_client_may_prove_itself_by_basic_and_send_all_in_the_query(world):
    code = get_code(world)
    sent = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": code}
    pair = base64.b64encode(f"{world.names['app']}:{world.names['secret']}".encode()).decode()
    url = "/oauth/access_token?" + urlencode(sent)
    assert Client().post(url, headers={"authorization": f"Basic {pair}"}).status_code == 200


def test_json_of_the_consent(world):
    answer = signed_in("admin").get("/oauth/authorize", ask_for(world, format="json", state="s"))
    body = answer.json()
    assert [scope["scope"] for scope in body["scopes"]] == ["repo:read", "org:admin"]
    assert [scope["dangerous"] for scope in body["scopes"]] == [False, True]
    assert body["scopes"][0].keys() == {"title", "scope", "description", "icon", "dangerous"}
    application = body["application"]
    assert application.keys() == {"name", "description", "url", "avatar", "organization"}
    assert json.loads(application["avatar"])["kind"] == "app"
    assert json.loads(application["organization"]["avatar"])["kind"] == "org"
    known = ("has_dangerous_scopes", "response_type", "client_id", "redirect_uri", "scope", "state")
    assert {name: body[name] for name in known} == {
        "has_dangerous_scopes": True,
        "response_type": "token",
        "client_id": world.names["app"],
        "redirect_uri": LOCAL,
        "scope": "repo:read org:admin",
        "state": "s",
    }
    assert body.keys() == {*known, "scopes", "application", "csrf_token_val", "assignment_uuid"}


def test_what_was_granted_before_is_granted_at_once(world):
    client = signed_in("admin")
    page = client.get("/oauth/authorize", ask_for(world))
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    authorize(world, client)
    again = client.get("/oauth/authorize", ask_for(world, scope="repo:read"))
    assert again.status_code == 302
    assert "#access_token=" in again["Location"]
    # More than before, a wish to be asked, another person's grant, and a revoked one do not.
    assert client.get("/oauth/authorize", ask_for(world, scope="repo:write")).status_code == 200
    assert client.get("/oauth/authorize", ask_for(world, prompt="consent")).status_code == 200
    assert client.head("/oauth/authorize", ask_for(world)).status_code == 200
    assert signed_in("owner").get("/oauth/authorize", ask_for(world)).status_code == 200
    Credential.objects.filter(application__client_id=world.names["app"]).update(revoked_at=timezone.now())
    assert client.get("/oauth/authorize", ask_for(world)).status_code == 200


def test_names_and_passwords_by_basic(world):
    pair = base64.b64encode(f"admin:{make.PASSWORD}".encode()).decode()
    client = Client(enforce_csrf_checks=True, headers={"authorization": f"Basic {pair}"})
    assert client.get("/oauth/authorize", ask_for(world)).status_code == 200
    assert client.post("/oauth/authorizeapp", ask_for(world)).status_code == 403  # no CSRF token
    token = client.get("/csrf_token").json()["csrf_token"]
    assert client.post("/oauth/authorizeapp", ask_for(world, _csrf_token=token)).status_code == 302
    wrong = base64.b64encode(b"admin:wrong").decode()
    answer = Client().get("/oauth/authorize", ask_for(world), headers={"authorization": f"Basic {wrong}"})
    assert answer.status_code == 401
    # A token of the API opens nothing here: it could make itself a stronger one.
    assert bearer(world.secret("admin")).get("/oauth/authorize", ask_for(world)).status_code == 401


# Who may -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("stranger", 403), ("member", 403), ("creator", 403), ("admin", 200), ("owner", 200), ("auditor", 403)],
)
def test_only_administrators_of_the_organization_authorize(world, settings, who, status):
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    client = signed_in(who)
    assert client.get("/oauth/authorize", ask_for(world)).status_code == status
    answer = authorize(world, client)
    assert answer.status_code == 302
    assert error_of(answer) == (None if status == 200 else "unauthorized_client")
    assert Credential.objects.filter(application__client_id=world.names["app"]).exists() == (status == 200)


def test_full_access_is_no_role_in_the_organization(world, settings):
    settings.SUPERUSERS_FULL_ACCESS = True
    client = signed_in("superuser")
    assert client.get("/oauth/authorize", ask_for(world)).status_code == 403
    assert error_of(authorize(world, client)) == "unauthorized_client"


def test_nobody_is_asked_to_sign_in_and_then_asked_in_any_case(world):
    answer = Client().get("/oauth/authorize", ask_for(world))
    assert answer.status_code == 401
    assert b"/sign-in/?next=%2Foauth%2Fauthorize%3F" in answer.content
    assert b"prompt%3Dconsent" in answer.content
    assert Client().get("/oauth/authorize", ask_for(world, format="json")).json()["status"] == 401
    client = Client(enforce_csrf_checks=True)
    token = client.get("/csrf_token").json()["csrf_token"]
    assert client.post("/oauth/authorizeapp", ask_for(world, _csrf_token=token)).status_code == 401


@pytest.mark.parametrize("path", ["authorizeapp", "denyapp", "authorize/assignuser"])
def test_no_step_without_a_csrf_token(world, path):
    client = signed_in("admin")
    del client.defaults["HTTP_X_CSRF_TOKEN"]
    url = f"/oauth/{path}?" + urlencode(ask_for(world, username="member"))
    answer = client.post(url, ask_for(world))
    assert (answer.status_code, list(answer.json())) == (403, ["error"])
    assert not Credential.objects.filter(application__client_id=world.names["app"]).exists()
    assert not Assignment.objects.exists()


# Where answers go ----------------------------------------------------------------------------------------

GOOD_PAGES = [LOCAL, CALLBACK, f"{CALLBACK}/deeper", f"{CALLBACK}?a=b", "https://RB.example/cb"]
BAD_PAGES = [
    "https://evil.example/cb",
    "http://rb.example/cb",
    "https://rb.example:444/cb",
    "https://rb.example/other",
    "https://rb.example/cb/../other",
    "https://rb.example/cb/%2e%2e/other",
    "https://rb.example/cb?x=%0a",
    "https://rb.example/cb@evil.example",
    "https://rb.example@evil.example/cb",
    "https://me:pw@rb.example/cb",
    "https://rb.example.evil.example/cb",
    "https://rb.example\\@evil.example/cb",
    "https://rb.example/cb#fragment",
    "https://rb.example/cb\r\nSet-Cookie: x=y",
    "https://rb.example/cb with space",
    "https://rb.example\t/cb",
    "//rb.example/cb",
    "/cb",
    "javascript:alert(1)",
    "https://rb.example:x/cb",
    "https://[rb.example/cb",
    "https:///cb",
    "http://evil.example/oauth/localapp",
    f"{LOCAL}/x",
    f"{LOCAL}?x",
    "https://rb.example/cb" + "x" * 1024,
    "https://rb.exämple/cb",
    "nonsense",
]


@pytest.mark.parametrize("uri", GOOD_PAGES)
def test_addresses_that_fit(uri):
    assert fits(uri, registered=CALLBACK, own_pages={LOCAL})


@pytest.mark.parametrize("uri", BAD_PAGES)
def test_addresses_that_do_not(uri):
    assert not fits(uri, registered=CALLBACK, own_pages={LOCAL})


@pytest.mark.parametrize("registered", ["", "rb.example", "javascript:alert(1)", "https://", "*"])
def test_an_application_without_an_address_has_our_own_page_alone(registered):
    assert fits(LOCAL, registered=registered, own_pages={LOCAL})
    assert not fits(CALLBACK, registered=registered, own_pages={LOCAL})


def test_nobody_is_sent_anywhere_else(world):
    """For every way of refusing, and every person: no answer leads to an address that is not proven."""
    admin, stranger = signed_in("admin"), signed_in("stranger")
    for uri in BAD_PAGES:
        sent = ask_for(world, redirect_uri=uri)
        for client in (admin, stranger):
            for unknown in ({}, {"client_id": "NOBODY"}, {"scope": "nonsense"}, {"response_type": "x"}):
                answers = [
                    client.get("/oauth/authorize", sent | unknown),
                    client.post("/oauth/authorizeapp", sent | unknown),
                    client.post("/oauth/denyapp", sent | unknown),
                ]
                for answer in answers:
                    target = answer.get("Location", LOCAL).partition("?")[0]
                    assert target in (LOCAL, CALLBACK), (uri, unknown, target)
                    assert answer.status_code in (302, 400, 403, 404)
    assert not Credential.objects.filter(application__client_id=world.names["app"]).exists()


def test_a_bad_address_is_told(world):
    client = signed_in("admin")
    answer = authorize(world, client, redirect_uri="https://evil.example/")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    answer = client.get("/oauth/authorize", ask_for(world, redirect_uri="https://evil.example/", state="s"))
    assert answer["Location"] == f"{CALLBACK}?error=redirect_uri_mismatch&state=s"
    Application.objects.update(redirect_uri="javascript:alert(1)")
    answer = client.get("/oauth/authorize", ask_for(world, redirect_uri="https://evil.example/"))
    assert answer["Location"] == f"{LOCAL}?error=redirect_uri_mismatch"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "NOBODY"}, "unauthorized_client"),
        ({"client_id": "owner"}, "unauthorized_client"),  # a person's own, where her own tokens belong
        ({"scope": "repo:read nonsense"}, "invalid_scope"),
        ({"scope": ","}, "invalid_scope"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_type": "code", "code_challenge": "x" * 43}, "invalid_request"),
        ({"response_type": "code", "code_challenge": "x" * 43, "code_challenge_method": "plain"},
         "invalid_request"),
        ({"response_type": "code", "code_challenge": "short", "code_challenge_method": "S256"},
         "invalid_request"),
        ({"response_type": "code", "code_challenge_method": "S256"}, "invalid_request"),
        ({"response_type": "code", "assignment_uuid": "x"}, "invalid_request"),
    ],
)  # fmt: skip
def test_errors_go_to_the_proven_address(world, changes, error):
    make.token(world.people["owner"])
    answer = authorize(world, state="s", **changes)
    assert answer["Location"] == f"{LOCAL}?error={error}&state=s"
    assert not Credential.objects.filter(application__client_id=world.names["app"]).exists()


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope"])
def test_what_is_missing_twice_or_too_long_is_a_400(world, name):
    client = signed_in("admin")
    for value in (None, "", "x" * 5000, "a\x00b", ["repo:read", "repo:read"]):
        for answer in (
            client.get("/oauth/authorize", ask_for(world, **{name: value})),
            client.post("/oauth/authorizeapp", ask_for(world, **{name: value})),
        ):
            assert answer.status_code == 400, value
            assert answer.json().keys() <= {"error", *API_KEYS}
    assert client.get("/oauth/authorize", ask_for(world, state="x" * 2049)).status_code == 400


API_KEYS = ("status", "type", "title", "detail", "error_message", "error_type")


def test_unknown_client_and_scope_are_a_404_before_anything_is_granted(world):
    client = signed_in("admin")
    for changes in ({"client_id": "NOBODY"}, {"scope": "nonsense"}):
        assert client.get("/oauth/authorize", ask_for(world, **changes)).status_code == 404
    assert client.get("/oauth/authorize", ask_for(world, response_type="x")).status_code == 400
    assert client.get("/oauth/nowhere").json()["status"] == 404
    assert client.get("/oauth/authorizeapp").status_code == 405


def test_denying(world):
    answer = signed_in("admin").post("/oauth/denyapp", ask_for(world, redirect_uri=CALLBACK, state="s"))
    assert answer["Location"] == f"{CALLBACK}?error=authorization_denied&state=s"


# Codes ---------------------------------------------------------------------------------------------------


def pkce():
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_code_brought_again_ends_the_token_that_it_gave(world):
    code = get_code(world)
    token = exchange(world, code).json()["access_token"]
    assert bearer(token).get("/api/v1/repository/acme/web").status_code == 200
    for _ in range(2):
        answer = exchange(world, code)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
        assert bearer(token).get("/api/v1/repository/acme/web").status_code == 401
    kinds = list(LogEntry.objects.filter(kind__contains="oauth_api_token").order_by("pk"))
    assert [entry.kind for entry in kinds][-2:] == ["create_oauth_api_token", "revoke_oauth_api_token"]
    assert {entry.performer_name for entry in kinds[-2:]} == {"admin"}


def test_wrong_exchanges_give_nothing_and_leave_the_code_good(world):
    owner = make.actor(world.people["owner"])
    other = services.create_application(actor=owner, organization=world.acme, name="x", redirect_uri=CALLBACK)
    code = get_code(world)
    wrong: list[tuple[dict[str, str | None], str]] = [
        ({"client_secret": "x" * 40}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"client_secret": "ä\U0001f600"}, "invalid_client"),
        ({"client_id": "NOBODY"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"client_id": other.client_id}, "invalid_client"),
        ({"client_id": other.client_id, "client_secret": other.client_secret}, "invalid_grant"),
        ({"redirect_uri": LOCAL}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"code": "x" * 40}, "invalid_grant"),
        ({"code": None}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"scope": "repo:read"}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
        (
            {"grant_type": "password", "username": "admin", "password": make.PASSWORD},
            "unsupported_grant_type",
        ),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
    ]
    for changes, error in wrong:
        answer = exchange(world, code, **changes)
        assert (answer.status_code, answer.json()) == (400, {"error": error}), changes
    assert not Credential.objects.filter(application__client_id=world.names["app"]).exists()
    assert exchange(world, code).status_code == 200


def test_a_challenge_is_held_to(world):
    verifier, challenge = pkce()
    sent = {"code_challenge": challenge, "code_challenge_method": "S256"}
    code = get_code(world, **sent)
    for bad in (None, "", pkce()[0], challenge):
        assert exchange(world, code, code_verifier=bad).json() == {"error": "invalid_grant"}
    assert exchange(world, code, code_verifier=verifier).status_code == 200


def test_a_code_lives_for_a_minute(world, time_machine):
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    client = signed_in("admin")
    first, second = get_code(world, client), get_code(world, client)
    time_machine.move_to("2026-05-01T12:00:59Z", tick=False)
    assert exchange(world, first).status_code == 200
    time_machine.move_to("2026-05-01T12:01:00Z", tick=False)
    assert exchange(world, second).json() == {"error": "invalid_grant"}
    time_machine.move_to("2026-05-02T12:01:01Z", tick=False)
    get_code(world, signed_in("admin"))
    assert AuthorizationCode.objects.count() == 1


def test_a_disabled_person_and_a_deleted_application_have_no_codes(world):
    first, second = get_code(world), get_code(world, signed_in("owner"))
    token = token_in(authorize(world, signed_in("owner")))
    accounts.change_user(actor=make.SYSTEM, user=world.people["admin"], enabled=False)
    assert exchange(world, first).json() == {"error": "invalid_grant"}
    application = Application.objects.get(client_id=world.names["app"])
    services.delete_application(
        actor=make.actor(world.people["owner"]), organization=world.acme, application=application
    )
    assert exchange(world, second).json() == {"error": "invalid_client"}
    assert bearer(token).get("/api/v1/repository/acme/web").status_code == 401
    assert not AuthorizationCode.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_code_brought_many_times_at_once_gives_one_token_at_most():
    world = prepare()
    code = get_code(world)
    statuses = []

    def act(number):
        statuses.append(exchange(world, code).status_code)

    assert race(6, act, at_once=6) == {"ok": 6}
    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]
    issued = Credential.objects.filter(application__client_id=world.names["app"])
    assert [credential.revoked_at is None for credential in issued] == [False]


# Offers --------------------------------------------------------------------------------------------------


def assign(world, client=None, **changes):
    query = urlencode(ask_for(world, username="stranger") | changes)
    return (client or signed_in("admin")).post(f"/oauth/authorize/assignuser?{query}")


def test_a_token_is_offered_and_taken(world):
    answer = assign(world)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert assign(world, format="json").json().keys() == {"message"}
    stranger = bearer(world.secret("stranger"))
    [offer] = stranger.get("/api/v1/user/assignedauthorization").json()["authorizations"]
    assert offer.keys() == {"application", "uuid", "redirectUri", "scopes", "responseType"}
    assert offer["application"]["organization"]["name"] == "acme"
    assert offer["application"]["clientId"] == world.names["app"]
    assert (offer["redirectUri"], offer["responseType"]) == (LOCAL, "token")
    uuid, session = offer["uuid"], signed_in("stranger")
    for other in ({"scope": "repo:read"}, {"redirect_uri": CALLBACK}, {"assignment_uuid": "x"}):
        sent = {"assignment_uuid": uuid} | other
        assert error_of(authorize(world, session, **sent)) == "unauthorized_client"
    assert error_of(authorize(world, signed_in("member"), assignment_uuid=uuid)) == "unauthorized_client"
    assert session.get("/oauth/authorize", ask_for(world, assignment_uuid=uuid)).status_code == 200
    answer = authorize(world, session, assignment_uuid=uuid)
    token = token_in(answer)
    assert str(Credential.objects.get(digest=seal.digest(token)).user) == "stranger"
    assert not Assignment.objects.exists()
    assert error_of(authorize(world, session, assignment_uuid=uuid)) == "unauthorized_client"
    entry = LogEntry.objects.get(kind="oauth_token_assigned")
    told = {"assigning_user": "admin", "assigned_user": "stranger", "application": "release-bot"}
    assert entry.metadata == told | {"client_id": world.names["app"]}


def test_an_authorization_is_revoked_by_who_gave_it(world):
    token = token_in(authorize(world))
    admin = bearer(world.secret("admin"))
    found = admin.get("/api/v1/user/authorizations").json()["authorizations"]
    [one] = [each for each in found if each["application"]["name"] == "release-bot"]
    assert [scope["scope"] for scope in one["scopes"]] == ["repo:read", "org:admin"]
    assert admin.get(f"/api/v1/user/authorizations/{one['uuid']}").json() == one
    assert admin.delete(f"/api/v1/user/authorizations/{one['uuid']}").status_code == 204
    assert admin.delete(f"/api/v1/user/authorizations/{one['uuid']}").status_code == 404
    assert bearer(token).get("/api/v1/repository/acme/web").status_code == 401


@pytest.mark.parametrize(
    ("who", "changes", "status"),
    [
        ("member", {}, 403),
        ("superuser", {}, 403),
        ("admin", {"username": "nobody"}, 404),
        ("admin", {"username": "reader"}, 404),  # is disabled
        ("admin", {"username": ""}, 400),
        ("admin", {"client_id": "NOBODY"}, 404),
        ("admin", {"scope": "nonsense"}, 404),
        ("admin", {"redirect_uri": "https://evil.example/"}, 400),
        ("admin", {"response_type": "code"}, 400),
    ],
)
def test_bad_offers(world, settings, who, changes, status):
    settings.SUPERUSERS_FULL_ACCESS = True
    accounts.change_user(actor=make.SYSTEM, user=world.people["reader"], enabled=False)
    assert assign(world, signed_in(who), **changes).status_code == status
    assert not Assignment.objects.exists()


def test_offers_may_be_switched_off(world, settings):
    settings.ASSIGN_OAUTH_TOKENS = False
    assert assign(world).status_code == 404


# The page that shows a token, and what surrounds every answer --------------------------------------------


def test_the_page_that_shows_a_token(world):
    client = signed_in("member")
    assert Client().get("/oauth/localapp").status_code == 401
    assert client.get("/oauth/localapp", {"scope": "repo:read"}).status_code == 200
    sent = {"scope": "repo:read", "format": "json", "access_token": "<b>x"}
    assert client.get("/oauth/localapp", sent).json() == {"access_token": "<b>x"}
    page = client.get("/oauth/localapp", {"error": "<script>", "scope": "<script>", "code": "<script>"})
    assert b"<script>" not in page.content.replace(b"<script src=", b"")


def test_answers_are_kept_from_frames_caches_and_other_sites(world):
    client = signed_in("admin")
    consent = client.get("/oauth/authorize", ask_for(world, redirect_uri=CALLBACK))
    answers = [consent, client.get("/oauth/localapp"), authorize(world, client), exchange(world, "x" * 40)]
    for answer in answers:
        assert answer["Cache-Control"] == "no-store"
        is_page = b"<html" in answer.content
        assert answer["Referrer-Policy"] == ("same-origin" if is_page else "no-referrer")
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer
        assert "Content-Encoding" not in answer
    # Without it the browser would not follow the answer to the form.
    assert "form-action 'self' https://rb.example;" in consent["Content-Security-Policy"] + ";"
    assert "rb.example" not in answers[1]["Content-Security-Policy"]
    assert b"release-bot" in consent.content


def test_no_secret_is_in_the_log(world):
    token = token_in(authorize(world))
    code = get_code(world)
    other = exchange(world, code).json()["access_token"]
    told = str(list(LogEntry.objects.values_list("metadata", "credential_name")))
    assert not [one for one in (token, code, other, world.names["secret"]) if one in told]


def test_the_library_has_no_tables(db):
    assert not [name for name in connection.introspection.table_names() if name.startswith("oauth2_provider")]


def test_a_deleted_organizations_applications_are_nobodys(world):
    session, code = signed_in("admin"), get_code(world)
    token = token_in(authorize(world))
    accounts.delete_organization(actor=make.SYSTEM, organization=world.acme)
    assert session.get("/oauth/authorize", ask_for(world)).status_code == 404
    assert error_of(authorize(world, session)) == "unauthorized_client"
    assert exchange(world, code).json() == {"error": "invalid_client"}
    assert bearer(token).get("/api/v1/user/authorizations").status_code == 401


def test_lists_of_authorizations_cost_the_same_at_any_size(world):
    owner = world.people["owner"]
    application = Application.objects.get(client_id=world.names["app"])
    costs = []
    for size in (1, 30):
        for number in range(size):
            services.issue(kind=Kind.OAUTH, user=owner, application=application, scopes="repo:read")
            Assignment.objects.create(
                application=application, user=owner, redirect_uri=f"{LOCAL}/{number}", scopes="repo:read"
            )
        for path in ("authorizations", "assignedauthorization"):
            world.secrets.clear()
            client = world.client("owner")
            with counted() as asked:
                found = client.get(f"/api/v1/user/{path}").json()["authorizations"]
            assert len(found) >= size
            assert len(asked) <= 8
            costs.append(len(asked))
    assert costs[:2] == costs[2:]
