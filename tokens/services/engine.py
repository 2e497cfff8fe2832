"""OAuth 2.0 by django-oauth-toolkit and oauthlib, over our own applications, codes and tokens.

The library validates requests and leads through the two grants; every row that it would read or write is one
of `tokens.models`, and every insecure or unused way of it is closed here. docs/adr/0006 says why so.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request
from oauthlib.oauth2 import AuthorizationCodeGrant, BearerToken, ImplicitGrant
from oauthlib.oauth2.rfc6749 import errors

from core import seal
from core.db import hold
from core.errors import Invalid, NotFound
from core.words import say
from permissions.catalogue import Scope
from tokens.kinds import FORMS, Kind
from tokens.models import Application, AuthorizationCode, Credential
from tokens.redirects import fits
from tokens.services.credentials import issue, read_scopes
from tokens.services.lifetimes import limit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import User

# A used code is known again for so long; then its replay is refused as an unknown code is.
CODES_KEPT = timedelta(days=1)


def organizations_application(client_id: str) -> Application | None:
    """Return the application of a client id, if it belongs to a living organization."""
    if not client_id or "\x00" in client_id:
        return None
    found = (
        Application.objects.select_related("namespace__organization")
        .filter(client_id=client_id, namespace__deleted_at=None, namespace__kind="organization")
        .first()
    )
    if found is None or found.namespace.organization.deleted_at is not None:
        return None
    found.namespace.organization.namespace = found.namespace
    return found


class Validator(OAuth2Validator):  # type: ignore[misc]  # the library has no types
    """What the library asks about applications, scopes, addresses and codes."""

    # Clients: every one is confidential and proves itself by its secret, in the form or by Basic

    def _load_application(self, client_id: str, request: Any) -> Application | None:
        if request.client is None or request.client.client_id != client_id:
            request.client = organizations_application(client_id)
        client: Application | None = request.client
        return client

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        return hmac.compare_digest(seal.digest(provided_secret), seal.digest(stored_secret))

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Demand the secret, whatever is sent."""
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Refuse public clients: there are none."""
        return False

    # What may be asked for

    def validate_grant_type(self, client_id: str, grant_type: str, *args: Any, **kwargs: Any) -> bool:
        """Exchange codes alone: no passwords, no refreshing, no tokens for the client itself."""
        return grant_type == "authorization_code"

    def validate_response_type(self, client_id: str, response_type: str, *args: Any, **kwargs: Any) -> bool:
        """Give codes and tokens."""
        return response_type in ("code", "token")

    def validate_scopes(self, client_id: str, scopes: list[str], *args: Any, **kwargs: Any) -> bool:
        """Know every scope, and want at least one."""
        return bool(scopes) and set(scopes) <= set(Scope.values)

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        """Give nothing to who asks for nothing."""
        return []

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, **kwargs: Any) -> bool:
        """Send answers only to where the application lives, or to our own page."""
        return fits(redirect_uri, registered=request.client.redirect_uri, own_pages=request.own_pages)

    def get_default_redirect_uri(self, *args: Any, **kwargs: Any) -> None:
        """Know no address that nobody has named."""

    # Codes: kept as digests, used once, soon, and by whom they were made for

    def save_authorization_code(self, client_id: str, code: dict[str, str], request: Any, **_: Any) -> None:
        """Keep a code that was just made. The person is held, so that she is not cleared up for twice."""
        now = timezone.now()
        old = AuthorizationCode.objects.filter(user=request.user, application=request.client)
        old.filter(expires_at__lt=now - CODES_KEPT).delete()
        AuthorizationCode.objects.create(
            application=request.client,
            user=request.user,
            digest=seal.digest(code["code"]),
            redirect_uri=request.redirect_uri,
            scopes=" ".join(request.scopes),
            code_challenge=request.code_challenge or "",
            expires_at=now + timedelta(seconds=settings.OAUTH_CODE_SECONDS),
        )

    def validate_code(self, client_id: str, code: str, client: Application, request: Any, **_: Any) -> bool:
        """Find the code, lock it, and see that it is this client's, fresh, and was never used.

        Bringing a used one ends the token that was issued for it: two parties have the code (RFC 6749 4.1.2).
        """
        try:
            hold_application(client)
        except NotFound:
            return False
        row = (
            AuthorizationCode.objects.select_for_update(of=("self",), no_key=True)
            .select_related("user__namespace", "credential")
            .filter(digest=seal.digest(code), application=client)
            .first()
        )
        if row is None:
            return False
        now = timezone.now()
        if row.used_at is not None:
            issued = row.credential
            living = Credential.objects.filter(pk=issued.pk if issued else 0, revoked_at=None)
            if living.update(revoked_at=now):
                row.application = client
                request.replayed = row
            return False
        if row.expires_at <= now or not row.user.is_active or row.user.deleted_at is not None:
            return False
        if request.code_verifier and not row.code_challenge:
            return False  # somebody took the challenge out of the request on its way
        if request.scope is not None and not _same_scopes(request.scope, row.scopes):
            raise errors.InvalidScopeError(request=request)
        request.code_row, request.user, request.scopes = row, row.user, row.scopes.split()
        return True

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        """Return what the code is bound to."""
        return request.code_row.code_challenge or None

    def get_code_challenge_method(self, code: str, request: Any) -> str:
        """Return how: a plain challenge is never taken."""
        return "S256"

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Application, request: Any, **_: Any
    ) -> bool:
        """Demand the very address that the code was sent to."""
        return bool(redirect_uri == request.code_row.redirect_uri)

    def invalidate_authorization_code(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing more: the code is used since its token was saved."""

    # Tokens

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """Keep a token that was just made, as a credential of the person."""
        row = getattr(request, "code_row", None)
        unused = AuthorizationCode.objects.filter(pk=row.pk if row else 0, used_at=None)
        if row is not None and not unused.update(used_at=timezone.now()):
            raise errors.InvalidGrantError(request=request)
        credential, _ = issue(
            kind=Kind.OAUTH,
            user=request.user,
            application=request.client,
            issued_by=request.user,
            scopes=" ".join(request.scopes),
            expires_at=timezone.now() + lifetime(request.client),
            secret=token["access_token"],
        )
        request.credential = credential
        if row is not None:
            AuthorizationCode.objects.filter(pk=row.pk).update(credential=credential)

    def validate_bearer_token(self, *args: Any, **kwargs: Any) -> bool:
        """Recognize nobody: that is `authenticate`."""
        return False

    def validate_refresh_token(self, *args: Any, **kwargs: Any) -> bool:
        """Know none."""
        return False

    def validate_user(self, *args: Any, **kwargs: Any) -> bool:
        """Take no passwords."""
        return False


def lifetime(application: Application) -> timedelta:
    """Return how long an application's token lives: as the wire says, or less where its organization does."""
    said = timedelta(seconds=settings.OAUTH_TOKEN_SECONDS)
    return min(said, limit_of(application=application) or said)


def _same_scopes(sent: str, granted: str) -> bool:
    try:
        return set(read_scopes(sent).split()) == set(granted.split())
    except Invalid:
        return False


class _Told:
    """A grant whose outcome is told as it is: each wire writes its own answer."""

    def prepare_authorization_response(
        self, request: Any, token: dict[str, Any], headers: Any, body: Any, status: int
    ) -> tuple[dict[str, Any], None, int]:
        return dict(token), None, status


class CodeGrant(_Told, AuthorizationCodeGrant):  # type: ignore[misc]  # the library has no types
    """The way by a code; challenges are S256 or nothing."""

    _code_challenge_methods: ClassVar = {"S256": AuthorizationCodeGrant._code_challenge_methods["S256"]}

    def create_authorization_code(self, request: Any) -> dict[str, str]:
        """Make a code of forty letters and digits."""
        return {"code": FORMS[Kind.OAUTH].make()}


class TokenGrant(_Told, ImplicitGrant):  # type: ignore[misc]  # the library has no types
    """The implicit way, which the Quay wire's clients take."""


validator = Validator()
bearer = BearerToken(
    validator,
    token_generator=lambda request: FORMS[Kind.OAUTH].make(),
    expires_in=settings.OAUTH_TOKEN_SECONDS,
)
GRANTS: dict[str, Any] = {"code": CodeGrant(validator, refresh_token=False), "token": TokenGrant(validator)}


def new_request(params: Mapping[str, str], **known: Any) -> Any:
    """Return the library's request for parameters that are sent once each; ``known`` is known already."""
    request = Request("https://localhost/oauth", "POST", urlencode(params), known.pop("headers", {}))
    for name, value in known.items():
        setattr(request, name, value)
    return request


def hold_user(user: User) -> User:
    """Hold a person who may act: alive, and not disabled.

    Raises:
        NotFound: she is not.
    """
    found = hold(user)
    if not found.is_active:
        raise NotFound(say("Unknown user {username}", username=user.username), absent="user")
    return found


def hold_application(application: Application) -> None:
    """Hold an application and its organization, both alive: the deletion of either takes what is made along.

    Raises:
        NotFound: one is deleted.
    """
    hold(application.namespace.organization, gone=say("Application not found"))
    hold(application, gone=say("Application not found"))
