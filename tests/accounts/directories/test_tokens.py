"""What a provider, or whoever pretends to be one, could send: tokens that are not good."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.test import Client
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from accounts import provider
from accounts.models import Identity, User
from tests import make
from tests.core.sockets import Server

pytestmark = pytest.mark.django_db
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})


class Issuer:
    """A provider that gives out whatever the test wants."""

    def __init__(self):
        self.server = Server(self.answer)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.keys = [KEY]
        self.discovery = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        self.token: bytes | dict[str, str] = {}

    def answer(self, head, sock):
        path = self.server.requests[-1][0].split()[1]
        if path == "/token":
            found: Any = self.token
        elif path == "/keys":
            found = {"keys": [key.as_dict(private=False) for key in self.keys]}
        else:
            found = self.discovery
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def asked(self, path):
        return sum(head.split()[1] == path for head, _ in self.server.requests)


@pytest.fixture
def issuer(settings, monkeypatch):
    monkeypatch.setattr(provider, "_shelf", provider._Shelf())
    issuer = Issuer()
    settings.AUTHENTICATION = "OIDC"
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = issuer.url, "muster"
    settings.EGRESS_ALLOW = [f"127.0.0.1:{issuer.server.port}"]
    yield issuer
    issuer.server.close()


def claims(issuer, **other):
    now = int(time.time())
    found = {"iss": issuer.url, "sub": "u-1", "aud": "muster", "iat": now, "exp": now + 300, **other}
    return {name: value for name, value in found.items() if value is not None}


def signed(found, key=KEY, **header):
    return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, found, key)


def raw(header, found, secret=b""):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    text = part(header) + b"." + part(found)
    mark = hmac.new(secret, text, hashlib.sha256).digest() if secret else b""
    return (text + b"." + base64.urlsafe_b64encode(mark).rstrip(b"=")).decode()


def come_back(issuer, make_token):
    """Begin to sign in, let the provider give a token made with the attempt's nonce, and come back."""
    client = Client()
    url = client.get("/sign-in/provider/")["Location"]
    parts = dict(one.split("=", 1) for one in url.partition("?")[2].split("&"))
    token = make_token(parts["nonce"])
    issuer.token = token if isinstance(token, bytes | dict) else {"access_token": "a", "id_token": token}
    return client, client.get(f"/sign-in/provider/back/?code=x&state={parts['state']}")


def public_pem():
    return KEY.as_pem(private=False)


FORGED = {
    "no signature": lambda i, n: raw({"alg": "none", "typ": "JWT"}, claims(i, nonce=n)),
    "our public key as a secret": lambda i, n: raw(
        {"alg": "HS256", "typ": "JWT", "kid": "one"}, claims(i, nonce=n), public_pem()
    ),
    "another key": lambda i, n: signed(claims(i, nonce=n), OTHER),
    "another key of our name": lambda i, n: signed(claims(i, nonce=n), OTHER, kid="one"),
    "its own key along": lambda i, n: signed(claims(i, nonce=n), OTHER, jwk=OTHER.as_dict(private=False)),
    "another issuer": lambda i, n: signed(claims(i, nonce=n, iss="https://elsewhere.example")),
    "another client": lambda i, n: signed(claims(i, nonce=n, aud="somebody")),
    "several clients, for another": lambda i, n: signed(
        claims(i, nonce=n, aud=["muster", "other"], azp="other")
    ),
    "no client": lambda i, n: signed(claims(i, nonce=n, aud=None)),
    "another attempt": lambda i, n: signed(claims(i, nonce="another")),
    "no attempt": lambda i, n: signed(claims(i)),
    "too old": lambda i, n: signed(claims(i, nonce=n, exp=int(time.time()) - 120)),
    "for ever": lambda i, n: signed(claims(i, nonce=n, exp=None)),
    "made tomorrow": lambda i, n: signed(claims(i, nonce=n, nbf=int(time.time()) + 86400)),
    "nobody": lambda i, n: signed(claims(i, nonce=n, sub=None)),
    "nobody's name": lambda i, n: signed(claims(i, nonce=n, sub="")),
    "a name too long": lambda i, n: signed(claims(i, nonce=n, sub="x" * 256)),
    "a number": lambda i, n: signed(claims(i, nonce=n, sub=7)),
    "another access token": lambda i, n: signed(claims(i, nonce=n, at_hash="x" * 22)),
    "no token": lambda i, n: {"access_token": "a"},
    "a list": lambda i, n: b"[]",
    "no JSON": lambda i, n: b"<html>",
    "too large": lambda i, n: "x" * 20000,
    "nonsense": lambda i, n: "a.b.c",
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_forged_signs_nobody_in(issuer, how):
    client, answer = come_back(issuer, lambda nonce: FORGED[how](issuer, nonce))
    assert answer.status_code == 403
    assert not User.objects.exists()
    assert client.get("/api/v1/user/").status_code == 401


def test_what_is_good_does(issuer):
    client, answer = come_back(
        issuer, lambda nonce: signed(claims(issuer, nonce=nonce, preferred_username="Ada"))
    )
    assert answer.status_code == 302
    assert client.get("/api/v1/user/").json()["username"] == "ada"


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://elsewhere.example"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": ["x"]},
        {"issuer": None},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_not_followed(issuer, wrong):
    issuer.discovery |= wrong
    assert Client().get("/sign-in/provider/").status_code == 403


def test_new_keys_are_read_at_need_and_not_for_everybody(issuer, monkeypatch):
    linked = Identity.objects.create(user=make.user(), service="oidc", issuer=issuer.url, subject="u-1")
    assert bearer(signed(claims(issuer))).status_code == 200
    issuer.keys = [OTHER]
    for _ in range(5):
        assert bearer(signed(claims(issuer), OTHER)).status_code == 401
    assert issuer.asked("/keys") == 1
    monkeypatch.setattr(provider, "ASK_AGAIN_SECONDS", 0)
    assert bearer(signed(claims(issuer), OTHER)).status_code == 200
    assert bearer(signed(claims(issuer))).status_code == 401
    assert linked.user.username == "ada"


def bearer(token, path="/api/v1/user/"):
    return Client().get(path, headers={"authorization": f"Bearer {token}"})


def test_a_bearer_token_counts_like_a_sign_in(issuer, settings):
    ada = make.user()
    Identity.objects.create(user=ada, service="oidc", issuer=issuer.url, subject="u-1")
    acme = make.organization("acme", owner=ada)
    token = signed(claims(issuer))
    assert bearer(token).json()["username"] == "ada"
    client = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {token}"})
    assert (
        client.put("/api/v1/organization/acme/team/devs", {"role": "member"}, "application/json").status_code
        == 200
    )
    assert client.delete("/api/v1/organization/acme").status_code == 204  # asks for a fresh sign-in
    settings.OIDC_AUDIENCES = ["ci"]
    assert bearer(signed(claims(issuer, aud="ci"))).status_code == 200
    assert acme.slug == "acme"


REFUSED = {
    "unknown": lambda i: claims(i, sub="u-2"),
    "another issuer": lambda i: claims(i, iss="https://elsewhere.example"),
    "another audience": lambda i: claims(i, aud="other"),
    "no audience": lambda i: claims(i, aud=None),
    "too old": lambda i: claims(i, exp=int(time.time()) - 120),
    "for ever": lambda i: claims(i, exp=None),
    "nobody": lambda i: claims(i, sub=None),
    "no text": lambda i: claims(i, sub=["u-1"]),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_bearer_token_that_is_not_good_is_a_401_at_once(issuer, how):
    Identity.objects.create(user=make.user(), service="oidc", issuer=issuer.url, subject="u-1")
    answer = bearer(signed(REFUSED[how](issuer)), "/api/v1/repository/acme/web")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Invalid or expired token"}


def test_bearer_tokens_end_with_the_person_and_the_provider(issuer, settings):
    ada = make.user()
    Identity.objects.create(user=ada, service="oidc", issuer=issuer.url, subject="u-1")
    token = signed(claims(issuer))
    assert bearer(token).status_code == 200
    assert bearer(raw({"alg": "none", "typ": "JWT"}, claims(issuer))).status_code == 401
    assert bearer(raw({"alg": "HS256", "typ": "JWT"}, claims(issuer), public_pem())).status_code == 401
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert bearer(token).status_code == 401
    User.objects.filter(pk=ada.pk).update(is_active=True)
    settings.OIDC_ISSUER = ""
    assert bearer(token).status_code == 401


def test_other_kinds_of_keys(issuer):
    key = ECKey.generate_key("P-256", {"kid": "curve"})
    issuer.keys = [key]
    Identity.objects.create(user=make.user(), service="oidc", issuer=issuer.url, subject="u-1")
    assert bearer(jwt.encode({"alg": "ES256", "kid": "curve"}, claims(issuer), key)).status_code == 200
