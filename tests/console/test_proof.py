"""By what people prove that it is they: as somebody signs in by us, by a directory, or by a provider."""

import re
from datetime import timedelta

import pyotp
import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from accounts import selectors
from accounts.models import AuthenticatorApp, Identity
from core import seal
from tests import make
from tests.accounts.test_passkeys import HOST, Device, add
from tests.console.entering import enter
from tests.console.test_rooms_browser import TWO_LOOKS, look, says
from tokens.models import Credential

pytestmark = pytest.mark.django_db
ACCOUNT, SECURITY = "/account/", "/account/security/"
SESSIONS, TOKENS = "/account/sessions/", "/account/tokens/"
ISSUER = "https://login.example.test"
NEW = {"do": "create", "kind": "access", "title": "Mirror", "lifetime": "30"}


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def aged(client):
    session = client.session
    session["signed_in_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    return client


def known_by(user, service):
    Identity.objects.create(user=user, service=service, issuer=ISSUER, subject=f"{service}-{user.pk}")
    return user


def with_app(user):
    secret = pyotp.random_base32()
    AuthenticatorApp.objects.create(user=user, secret_sealed=seal.seal(secret), last_step=0)
    return pyotp.TOTP(secret).now()


@pytest.fixture
def by_provider(settings):
    settings.AUTHENTICATION, settings.OIDC_ISSUER, settings.OIDC_NAME = "OIDC", ISSUER, "Northwind ID"
    return known_by(make.user("ada", password=None), "oidc")


@pytest.fixture
def by_directory(settings):
    settings.AUTHENTICATION = "LDAP"
    return known_by(make.user("ada"), "ldap")


@pytest.mark.parametrize(
    ("way", "services_", "is_superuser", "has_password", "kept_by"),
    [
        ("Database", [], False, True, "muster"),
        ("Database", ["oidc"], False, True, "muster"),
        ("Database", ["oidc"], False, False, "provider"),
        ("Database", [], False, False, "muster"),
        ("OIDC", ["oidc"], False, True, "provider"),
        ("OIDC", ["oidc"], True, True, "muster"),
        ("LDAP", ["ldap"], False, True, "directory"),
        ("LDAP", ["ldap", "oidc"], False, True, "directory"),
        ("LDAP", ["oidc"], False, True, "provider"),
        ("LDAP", [], False, False, "directory"),
    ],
)
def test_who_keeps_the_password(settings, way, services_, is_superuser, has_password, kept_by):
    settings.AUTHENTICATION, settings.OIDC_ISSUER = way, ISSUER
    ada = make.user("ada", superuser=is_superuser)
    for service in services_:
        known_by(ada, service)
    if not has_password:
        ada.set_unusable_password()
        ada.save()
    assert selectors.keeper(actor=make.actor(ada)) == kept_by


def test_pages_speak_of_no_password_to_whom_a_provider_signs_in(by_provider):
    client = enter(by_provider)
    shown = text(client.get(SECURITY))
    assert "Northwind ID signs you in and asks for what it wants." in shown
    assert "your password" not in shown.lower()
    with_app(by_provider)
    shown = text(client.get(SECURITY))
    assert "your password" not in shown.lower()
    assert "If you have nothing else here" in shown
    assert "change your password where it is kept" in text(client.get(SESSIONS))


def test_pages_name_the_directory_that_keeps_the_password(by_directory):
    client = enter(by_directory)
    assert "Whoever learns your password of the directory can sign in as you" in text(client.get(SECURITY))
    assert "Your password of the directory" in text(aged(client).get(TOKENS))
    with_app(by_directory)
    assert "Your password of the directory, or a code of your app" in text(client.get(TOKENS))


def test_who_has_nothing_here_is_led_to_the_provider_and_back(by_provider):
    client = aged(enter(by_provider))
    shown = text(client.get(TOKENS))
    assert "/sign-in/provider/?again=1&amp;next=%2Faccount%2Ftokens%2F%23create-dialog" in shown
    assert "Your password" not in shown
    for sent in ({}, {"own_password": make.PASSWORD}, {"own_password": "123456"}):
        answer = client.post(TOKENS, NEW | sent)
        assert "data-once" not in text(answer)
    assert "do it again, by Northwind ID" in text(client.post(TOKENS, NEW))
    assert not Credential.objects.exists()


def test_who_has_an_app_proves_it_by_its_code(by_provider):
    client, code = aged(enter(by_provider)), with_app(by_provider)
    shown = text(client.get(TOKENS))
    assert "A code of your app" in shown
    assert "Or sign in again" in shown
    assert "That is not a code or a passkey of yours" in text(
        client.post(TOKENS, NEW | {"own_password": make.PASSWORD})
    )
    assert "data-once" in text(client.post(TOKENS, NEW | {"own_password": code}))


def test_who_has_a_passkey_alone_is_asked_for_it(by_provider, settings):
    settings.ALLOWED_HOSTS = [HOST]
    add(by_provider, Device(host=HOST))
    by_provider.refresh_from_db()  # its other sessions have ended
    client = aged(enter(by_provider))
    shown = text(client.get(TOKENS, secure=True, HTTP_HOST=HOST))
    assert "Prove it by a passkey" in shown
    assert "Your password" not in shown
    answer = text(client.post(TOKENS, NEW, secure=True, HTTP_HOST=HOST))
    assert "Prove by your passkey that it is you." in answer
    assert "data-once" not in answer


def test_applying_a_file_asks_so_too(by_provider):
    make.organization("acme", owner=by_provider)
    client = enter(by_provider)
    path = "/o/acme/code/"
    file = "version: 1\nrobots: {new: {description: Better}}\n"
    shown = text(aged(client).post(path, {"do": "compare", "text": file}))

    assert "/sign-in/provider/?again=1&amp;next=%2Fo%2Facme%2Fcode%2F" in shown
    assert "Apply all of it" not in shown


def test_an_address_is_changed_after_a_proof_at_the_provider(by_provider):
    client = aged(enter(by_provider))
    shown = text(client.post(ACCOUNT, {"do": "profile", "email": "ada@new.example"}))
    assert '/sign-in/provider/?again=1&amp;next=%2Faccount%2F"' in shown
    assert "Sign in again, then go on here" in shown
    by_provider.refresh_from_db()
    assert by_provider.email != "ada@new.example"


def test_linking_and_unlinking_ask_for_proof(settings):
    settings.OIDC_ISSUER, ada = ISSUER, make.user("ada")
    client = aged(enter(ada))
    assert "/sign-in/provider/?link=" not in text(client.get(ACCOUNT))
    assert "Your password" in text(client.post(ACCOUNT, {"do": "link"}))
    client.post(ACCOUNT, {"do": "link", "own_password": make.PASSWORD})
    assert "/sign-in/provider/?link=" in text(client.get(ACCOUNT))
    known_by(ada, "oidc")
    aged(client)
    assert "Your password" in text(client.post(ACCOUNT, {"do": "unlink"}))
    assert ada.identities.exists()
    client.post(ACCOUNT, {"do": "unlink", "own_password": make.PASSWORD})
    assert not ada.identities.exists()


def test_an_operator_who_would_view_is_led_to_the_provider(by_provider):
    make.user("bob")
    by_provider.is_superuser = True
    by_provider.save()
    shown = text(aged(enter(by_provider)).get(reverse("console:viewing", args=["bob"])))
    assert "/sign-in/provider/?again=1" in shown


@pytest.mark.browser
def test_the_way_to_the_provider_in_a_browser(browse, transactional_db, by_provider):
    visit = browse(by_provider)
    later = timezone.now() + timedelta(hours=1)
    with time_machine.travel(later):
        page = visit.goto(SECURITY)
        expect(page.get_by_text("Northwind ID signs you in")).to_be_visible()
        look(visit, "security-provider", TWO_LOOKS)
        page.get_by_role("button", name="Set up an app").click()
        link = page.get_by_role("dialog").get_by_role("link", name="Sign in again")
        expect(link).to_have_attribute("href", re.compile(r"%23app-dialog$"))
        look(visit, "security-again", TWO_LOOKS)


@pytest.mark.browser
def test_unlinking_in_a_browser(browse, transactional_db, settings):
    settings.OIDC_ISSUER, settings.OIDC_NAME = ISSUER, "Northwind ID"
    visit = browse(known_by(make.user("ada"), "oidc"))
    page = visit.goto(ACCOUNT)
    page.get_by_role("button", name="Unlink…").click()
    look(visit, "account-unlink", TWO_LOOKS)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Your password").fill(make.PASSWORD)
    dialog.get_by_role("button", name="Unlink").click()
    says(page, "The identity provider no longer signs you in.")
    page.get_by_role("link", name="Link with Northwind ID").wait_for()
    look(visit, "account-link", TWO_LOOKS)
