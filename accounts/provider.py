"""Talking to the OpenID Connect provider: who came back from it, her groups, and whose a token is.

The provider is the operator's choice, named by the settings. Authlib and joserfc read and check what it
says; every call leaves through `core.egress`, so that a provider inside the intranet needs an entry in the
allow-list.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from django.conf import settings
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core import egress
from core.errors import BadCredentials, Unreachable
from core.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

DOWN = say("The identity provider does not answer")
# Signatures by a key of the provider's alone: no algorithm in which whoever checks could also sign.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
KEPT_SECONDS = 600.0  # discovery document and keys
ASK_AGAIN_SECONDS = 60.0  # at the soonest, for a key that is not among those kept
CLOCKS_APART = 60  # seconds
TOKEN_MAX = 16384
GROUPS_MAX = 1000
TEXT_MAX = 255
# Seconds: no sign-in there is too old, but who asks for an age is told the time of it.
ANY_AGE = 10 * 365 * 86400


class Withdrawn(Exception):
    """The provider says that the person's consent, or her session there, is over."""


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun: ``url`` is where to send the browser, the rest what must come back."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Visitor:
    """Who came back. ``groups`` is None where the provider did not say; ``email`` one that it has proven.

    ``signed_in_at`` is when the provider last asked her who she is, where its ID token says so.
    """

    subject: str
    login: str = ""
    email: str = ""
    name: str = ""
    groups: frozenset[str] | None = None
    refresh_token: str = ""
    signed_in_at: datetime | None = None


# Signing in ----------------------------------------------------------------------------------------------


def begin(*, redirect_uri: str, again: bool = False) -> Attempt:
    """Return where to send the browser: authorization code, with PKCE, state and nonce.

    ``again`` has the provider ask who she is, even if she is signed in there.

    Raises:
        Unreachable: the provider is down, or describes itself in a way that cannot be used.
    """
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    params = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": redirect_uri,
        "scope": " ".join(settings.OIDC_SCOPES),
        "state": state,
        "nonce": nonce,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
        "max_age": str(ANY_AGE),
    }
    if again:
        params["prompt"] = "login"
    url = add_params_to_uri(_endpoint("authorization_endpoint"), params.items())
    return Attempt(url, state, nonce, verifier)


def finish(*, code: str, verifier: str, nonce: str, redirect_uri: str) -> Visitor:
    """Redeem the code that the browser brought, and return who she is.

    Raises:
        BadCredentials: the code, or what the provider gave for it, is not good.
        Unreachable: as `begin`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    try:
        answer = _token(form)
    except Withdrawn as error:
        raise BadCredentials("The identity provider does not confirm this sign-in") from error
    access_token, id_token = _text(answer.get("access_token")), _text(answer.get("id_token"))
    token = _read(id_token)
    try:
        known = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": settings.OIDC_ISSUER},
                "aud": {"essential": True, "value": settings.OIDC_CLIENT_ID},
            },
            {"nonce": nonce, "client_id": settings.OIDC_CLIENT_ID, "access_token": access_token},
        )
        known.validate(leeway=CLOCKS_APART)
    except JoseError as error:
        log.warning("An ID token was refused: %s", error)
        raise BadCredentials("The identity provider's answer is not valid") from error
    claims = dict(known)
    signed_in_at = _moment(claims.get("auth_time"))
    if signed_in_at is None:
        log.warning("An ID token has no auth_time, which MUSTER_OIDC_REQUIRE_AUTH_TIME is about")
    claims |= _userinfo(access_token, _text(claims.get("sub")))
    visitor = _visitor(claims, _text(answer.get("refresh_token")))
    return replace(visitor, signed_in_at=signed_in_at)


def refresh(*, refresh_token: str, subject: str) -> Visitor:
    """Ask again about somebody who is not here: her groups, and the next refresh token if there is one.

    Raises:
        Withdrawn: the provider says that she may not be asked about any more.
        Unreachable: as `begin`, or it speaks of somebody else.
    """
    answer = _token({"grant_type": "refresh_token", "refresh_token": refresh_token})
    claims = _userinfo(_text(answer.get("access_token")), subject)
    return _visitor({"sub": subject, **claims}, _text(answer.get("refresh_token")) or refresh_token)


# Tokens that clients bring -------------------------------------------------------------------------------


def subject_of(token: str) -> str:
    """Return whose JSON web token of the provider's this is, made for us or an audience of the settings.

    Raises:
        BadCredentials: it is not good.
        Unreachable: as `begin`.
    """
    read = _read(token)
    wanted = [settings.OIDC_CLIENT_ID, *settings.OIDC_AUDIENCES]
    registry = jwt.JWTClaimsRegistry(
        leeway=CLOCKS_APART,
        iss={"essential": True, "value": settings.OIDC_ISSUER},
        aud={"essential": True, "values": wanted},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        registry.validate(read.claims)
    except JoseError as error:
        raise BadCredentials("The token is not valid") from error
    return _subject(read.claims)


# What it says about people -------------------------------------------------------------------------------


def _visitor(claims: Mapping[str, Any], refresh_token: str) -> Visitor:
    proven = claims.get("email_verified") is True
    return Visitor(
        subject=_subject(claims),
        login=_text(claims.get(settings.OIDC_LOGIN_CLAIM))[:TEXT_MAX],
        email=_text(claims.get("email")) if proven else "",
        name=_text(claims.get("name"))[:TEXT_MAX],
        groups=_groups(claims.get(settings.OIDC_GROUPS_CLAIM)),
        refresh_token=refresh_token,
    )


def _moment(claim: Any) -> datetime | None:
    """Return the moment of a claim; None for one that is missing, no number of seconds, or not come yet."""
    if not isinstance(claim, int | float) or isinstance(claim, bool) or claim > time.time() + CLOCKS_APART:
        return None
    try:
        return datetime.fromtimestamp(min(claim, time.time()), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _subject(claims: Mapping[str, Any]) -> str:
    subject = _text(claims.get("sub"))
    if not subject or len(subject) > TEXT_MAX:
        raise BadCredentials("The identity provider does not say who this is")
    return subject


def _groups(claim: Any) -> frozenset[str] | None:
    """Return the groups' names; None for a claim that is missing or of a form we do not know."""
    if isinstance(claim, str):
        claim = [claim] if claim else []
    if not isinstance(claim, list):
        return None
    names = [name for name in map(_text, claim) if 0 < len(name) <= TEXT_MAX]
    if len(names) < len(claim) or len(names) > GROUPS_MAX:
        log.warning("Of %d groups in a claim only some were taken", len(claim))
    return frozenset(names[:GROUPS_MAX])


def _text(value: Any) -> str:
    """Return a string that a database takes; anything else is none."""
    if not isinstance(value, str) or "\0" in value:
        return ""
    return value.encode(errors="ignore").decode()


# Calls ---------------------------------------------------------------------------------------------------


def _token(form: dict[str, str]) -> dict[str, Any]:
    endpoint = _endpoint("token_endpoint")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    methods = _discovered().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not settings.OIDC_CLIENT_SECRET:
        form |= {"client_id": settings.OIDC_CLIENT_ID}
    elif "client_secret_basic" in methods:
        pair = f"{quote(settings.OIDC_CLIENT_ID, safe='')}:{quote(settings.OIDC_CLIENT_SECRET, safe='')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": settings.OIDC_CLIENT_ID, "client_secret": settings.OIDC_CLIENT_SECRET}
    status, answer = _call("POST", endpoint, urlencode(form).encode(), headers)
    if status == 200 and _text(answer.get("access_token")):
        # A 200 that brings no token, or that cannot be read, confirms nobody.
        return answer
    if status in (400, 401) and answer.get("error") == "invalid_grant":
        raise Withdrawn
    log.error("The identity provider refuses Muster: %s %s", status, answer.get("error"))
    raise Unreachable(DOWN)


def _userinfo(access_token: str, subject: str) -> dict[str, Any]:
    """Return what the provider tells about whose token this is; nothing where it does not offer that."""
    if not _discovered().get("userinfo_endpoint"):
        return {}
    if not access_token.isascii() or not access_token:
        raise Unreachable(DOWN)
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    status, answer = _call("GET", _endpoint("userinfo_endpoint"), b"", headers)
    if status != 200 or answer.get("sub") != subject:
        # An answer about somebody else: what it says must not become hers.
        log.error("The identity provider does not tell about the person asked for: %s", status)
        raise Unreachable(DOWN)
    return answer


def _call(
    method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Return status and object of an answer; one that is no object is an empty one."""
    try:
        reply = egress.request(method, url, body=body, headers=headers, timeout=egress.TOTAL_SECONDS)
    except (egress.Refused, egress.Failed) as error:
        log.warning("The identity provider cannot be reached: %s", error)
        raise Unreachable(DOWN) from error
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    return reply.status, found if isinstance(found, dict) else {}


# What it says about itself -------------------------------------------------------------------------------


class _Shelf:
    """Documents of the provider, kept for a while in this process."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[float, dict[str, Any]]] = {}
        self.lock = threading.Lock()

    def document(self, url: str, *, at_most: float = KEPT_SECONDS) -> dict[str, Any]:
        """Return a document that is not older than so many seconds."""
        with self.lock:
            read_at, found = self.documents.get(url, (0.0, {}))
        if found and time.monotonic() - read_at < at_most:
            return found
        status, found = _call("GET", url, headers={"Accept": "application/json"})
        if status != 200 or not found:
            log.error("The identity provider answers %s at %s", status, url)
            raise Unreachable(DOWN)
        with self.lock:
            self.documents[url] = (time.monotonic(), found)
        return found


_shelf = _Shelf()


def _discovered() -> dict[str, Any]:
    found = _shelf.document(f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != settings.OIDC_ISSUER:
        log.error("The identity provider calls itself %r, not MUSTER_OIDC_ISSUER", found.get("issuer"))
        raise Unreachable(DOWN)
    return found


def _endpoint(name: str) -> str:
    url = _discovered().get(name)
    encrypted = urlsplit(settings.OIDC_ISSUER).scheme == "https"
    if not isinstance(url, str) or (encrypted and not url.startswith("https://")):
        log.error("The identity provider has no good %s", name)
        raise Unreachable(DOWN)
    return url


def _read(token: str) -> jwt.Token:
    """Return a token of the provider's whose signature is good; what it claims is not looked at yet.

    Raises:
        BadCredentials: no signature of the provider's.
        Unreachable: its keys cannot be read.
    """
    if not token or len(token) > TOKEN_MAX:
        raise BadCredentials("The token is not valid")
    url = _endpoint("jwks_uri")
    for at_most in (KEPT_SECONDS, ASK_AGAIN_SECONDS):
        try:
            return jwt.decode(token, _keys(_shelf.document(url, at_most=at_most)), algorithms=ALGORITHMS)
        except (JoseError, ValueError, RecursionError) as error:
            problem: Exception = error
    log.info("A token was refused: %s", problem)
    raise BadCredentials("The token is not valid") from problem


def _keys(document: dict[str, Any]) -> KeySet:
    keys = document.get("keys")
    public = [
        key
        for key in (keys if isinstance(keys, list) else ())
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    if not public:
        log.error("The identity provider shows no keys")
        raise Unreachable(DOWN)
    return KeySet.import_key_set({"keys": public})
