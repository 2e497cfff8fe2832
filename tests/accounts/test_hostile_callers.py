"""Signing in as somebody hostile tries it: old links, used codes, other sites, many at once."""

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.test import Client, RequestFactory

from accounts import services
from accounts.models import Invitation, MailedLink, Membership, RecoveryCode, User
from console import passkeys
from core.errors import BadCredentials, Invalid, NotFound, TooManyRequests
from tests import make
from tests.accounts.test_links import ask, code, deliver, somebody
from tests.accounts.test_second_factor import code as app_code
from tests.accounts.test_second_factor import set_up
from tests.racing import race

pytestmark = pytest.mark.django_db
NEW = "another-horse-7"
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "\tjavascript:alert(1)",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
]


@pytest.fixture
def ada():
    return make.user("ada")


def now(user):
    return make.actor(User.objects.get(pk=user.pk))


# An address of somebody else's ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["own", "superuser", "recovery"])
def test_a_new_password_ends_a_wish_for_another_address(ada, mailbox, settings, way):
    """Who got in for a while has a link in his mailbox; it must not bring him the account afterwards."""
    settings.VERIFY_EMAIL = True
    User.objects.filter(pk=ada.pk).update(is_verified=True)
    services.change_own_account(actor=now(ada), changes={"email": "thief@example.test"})
    deliver()
    theft = code(mailbox.mails[0])
    assert services.link_is_good(code=theft, purpose="verification")
    if way == "own":
        services.change_own_account(actor=now(ada), changes={"password": NEW})
    elif way == "superuser":
        services.change_user(actor=make.SYSTEM, user=ada, password=NEW)
    else:
        ask()
        deliver()
        services.recover(actor=somebody(), code=code(mailbox.mails[-1]), password=NEW)
    with pytest.raises(NotFound):
        services.verify_email(actor=somebody(), code=theft)
    assert User.objects.get(pk=ada.pk).email == "ada@example.test"


def test_a_new_password_ends_the_way_to_another_one_and_not_the_proof_of_ones_own_address(ada, mailbox):
    ask()
    deliver()
    soon = MailedLink.objects.get().expires_at
    proof = MailedLink.objects.create(user=ada, purpose="verification", email=ada.email, expires_at=soon)
    services.change_own_account(actor=now(ada), changes={"password": NEW})
    proof.refresh_from_db()
    assert proof.expires_at == soon
    assert MailedLink.objects.get(purpose="recovery").expires_at < soon


# Half signed in ------------------------------------------------------------------------------------------


def half(ada):
    client = Client()
    answer = client.post("/sign-in/", {"username": "ada", "password": make.PASSWORD})
    assert answer["Location"] == "/sign-in/second/"
    return client


def test_half_a_sign_in_opens_nothing_and_ends_with_a_new_password(ada):
    secret, _ = set_up(ada)
    client = half(ada)
    assert client.get("/account/security/").status_code == 302
    assert client.get("/api/v1/user/").status_code == 401
    services.change_own_account(actor=now(ada), changes={"password": NEW})
    answer = client.post("/sign-in/second/", {"code": app_code(secret)})
    assert answer.status_code == 403
    assert client.get("/account/security/").status_code == 302


def test_a_code_that_was_used_opens_no_second_browser(ada):
    secret, _ = set_up(ada)
    first, second = half(ada), half(ada)
    typed = app_code(secret)
    assert first.post("/sign-in/second/", {"code": typed}).status_code == 302
    assert second.post("/sign-in/second/", {"code": typed}).status_code == 403
    assert second.get("/account/security/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_recovery_code_at_once_one_gets_in(monkeypatch):
    monkeypatch.setattr("accounts.services.factors.TRIES_PER_ADDRESS", 100)
    ada = make.user("ada")
    _, codes = set_up(ada)

    def bring(number):
        services.sign_in(actor=somebody(), username="ada", password=make.PASSWORD, code=codes[0])

    assert race(8, bring) == {"ok": 1, "bad_credentials": 7}
    assert RecoveryCode.objects.filter(user=ada, used_at=None).count() == len(codes) - 1


def test_a_challenge_is_answered_once():
    request = RequestFactory().get("/", secure=True)
    request.session = SessionBase()
    passkeys._keep(request, {}, {"challenge": "once", "user_verification": "required"})
    answer = '{"response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAib25jZSJ9"}}'
    assert passkeys.answered(request, answer)["state"]["challenge"] == "once"
    assert passkeys.answered(request, answer)["state"] == {}


# Other sites ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ELSEWHERE)
def test_nobody_is_sent_to_another_site_after_signing_in(ada, where):
    form = {"username": "ada", "password": make.PASSWORD}
    assert Client().post("/sign-in/", {**form, "next": where})["Location"] == "/"
    assert Client().post("/sign-in/", form, query_params={"next": where})["Location"] == "/"
    secret, _ = set_up(ada)
    client = Client()
    client.post("/sign-in/", {**form, "next": where})
    assert client.post("/sign-in/second/", {"code": app_code(secret)})["Location"] == "/"


def test_a_page_of_ours_is_where_she_goes(ada):
    form = {"username": "ada", "password": make.PASSWORD, "next": "/account/tokens/?a=b"}
    assert Client().post("/sign-in/", form)["Location"] == "/account/tokens/?a=b"


@pytest.mark.parametrize(
    "path", ["/sign-in/", "/sign-in/second/", "/sign-in/passkey/", "/sign-out/", "/language/"]
)
def test_another_site_cannot_send_our_forms(ada, path):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    form = {"username": "ada", "password": make.PASSWORD, "language": "de"}
    for headers in ({}, {"origin": "https://evil.example"}):
        assert client.post(path, form, headers=headers).status_code == 403
    assert client.get("/account/").status_code == 200
    assert User.objects.get(pk=ada.pk).language == ""


def test_reading_signs_nobody_out(ada):
    client = Client()
    client.force_login(ada)
    assert client.get("/sign-out/").status_code == 405
    assert client.get("/account/").status_code == 200


# Guessing ------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_while_redis_is_away(ada, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    for _ in range(10):
        with pytest.raises(BadCredentials):
            services.sign_in(actor=somebody(), username="ada", password="wrong-9")
    with pytest.raises(TooManyRequests):
        services.sign_in(actor=somebody(), username="ada", password=make.PASSWORD)
    page = Client(REMOTE_ADDR="192.0.2.1").post("/sign-in/", {"username": "ada", "password": make.PASSWORD})
    assert page.status_code == 403


# Invitations ---------------------------------------------------------------------------------------------


@pytest.fixture
def invited(settings):
    settings.MAILING = True
    acme = make.organization("acme")
    owner = make.actor(User.objects.get(username="acme-owner"))
    services.invite_people(actor=owner, organization=acme, whom=["eve@example.test"], role="admin")
    return acme, owner, Invitation.objects.get()


def test_an_invitation_is_for_its_address_alone(invited):
    acme, _, invitation = invited
    for name in ("bob", "ada"):
        with pytest.raises(Invalid):
            services.accept_invitation(actor=make.actor(make.user(name)), code=invitation.code)
    assert not Membership.objects.filter(organization=acme, user__username="bob").exists()
    assert Invitation.objects.get() == invitation


def test_a_withdrawn_invitation_opens_nothing(invited):
    acme, owner, invitation = invited
    eve = make.user("eve")
    services.end_invitation(actor=owner, invitation=invitation)
    with pytest.raises(Invalid):
        services.accept_invitation(actor=make.actor(eve), code=invitation.code)
    assert services.accept_if_invited(actor=make.actor(eve), code=invitation.code) is None
    assert not Membership.objects.filter(organization=acme, user=eve).exists()


def test_whose_address_is_another_by_now_proves_nothing_by_an_old_code(invited):
    """What the person was when the request began is not what counts."""
    acme, _, invitation = invited
    eve = make.user("eve")
    before = make.actor(User.objects.select_related("namespace").get(pk=eve.pk))
    services.change_user(actor=make.SYSTEM, user=eve, email="victim@example.test")
    with pytest.raises(Invalid):
        services.accept_invitation(actor=before, code=invitation.code)
    assert not Membership.objects.filter(organization=acme, user=eve).exists()


@pytest.mark.django_db(transaction=True)
def test_an_invitation_is_accepted_once_and_not_while_it_is_withdrawn(settings):
    settings.MAILING = True
    acme = make.organization("acme")
    owner = User.objects.select_related("namespace").get(username="acme-owner")
    eve = make.user("eve")
    services.invite_people(
        actor=make.actor(owner), organization=acme, whom=["eve@example.test"], role="member"
    )
    invitation = Invitation.objects.get()

    def act(number):
        if number == 3:
            services.end_invitation(actor=make.actor(owner), invitation=invitation)
        else:
            person = User.objects.select_related("namespace").get(pk=eve.pk)
            services.accept_invitation(actor=make.actor(person), code=invitation.code)

    told = race(6, act)
    is_in = Membership.objects.filter(organization=acme, user=eve).count()
    assert not Invitation.objects.exists()
    assert told["ok"] == 1
    assert is_in == (0 if told["not_found"] == 0 else 1)
