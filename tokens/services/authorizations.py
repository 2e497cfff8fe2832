"""What people let applications do in their name: asking, granting, offering, exchanging (quay-a.md 4.4)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from oauthlib.oauth2.rfc6749 import errors

from accounts import selectors as accounts
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from logs.kinds import (
    ASSIGN_OAUTH_TOKEN,
    CREATE_OAUTH_API_TOKEN,
    DECLINE_OAUTH_TOKEN,
    REVOKE_OAUTH_API_TOKEN,
)
from logs.record import record
from permissions.catalogue import APPLICATION_CHANGE, TOKEN_ISSUE, TOKEN_REVOKE, Level
from permissions.checks import organization_paths, require
from tokens.kinds import Kind
from tokens.models import Application, Assignment, AuthorizationCode, Credential
from tokens.redirects import fits, is_address
from tokens.services.credentials import read_scopes
from tokens.services.engine import (
    GRANTS,
    bearer,
    hold_application,
    hold_user,
    lifetime,
    new_request,
    organizations_application,
)

if TYPE_CHECKING:
    from typing import Any

    from accounts.models import Organization, User
    from core.actor import Actor

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Wish:
    """What an application asks for. ``own_pages`` are the addresses of our own page that shows tokens, first
    the one at which the person sees us.
    """

    client_id: str
    redirect_uri: str
    scope: str
    own_pages: tuple[str, ...]
    response_type: str = "code"
    state: str = ""
    assignment: str = ""
    code_challenge: str | None = None
    code_challenge_method: str | None = None


@dataclass(frozen=True)
class Asked:
    """A wish that may be granted: by whom it is asked, for what, and whether it was granted before."""

    application: Application
    scopes: tuple[str, ...]
    granted_before: bool


@dataclass(frozen=True)
class Exchanged:
    """The outcome of bringing a code: a token and its life, or what is wrong in the words of RFC 6749."""

    token: str = ""
    error: str = ""
    seconds: int = 0


# Asking --------------------------------------------------------------------------------------------------


def ask(*, actor: Actor, wish: Wish) -> Asked:
    """Return what a person may grant, before she does.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: no organization has such an application.
        Forbidden: she neither administers its organization by a role there, nor is she offered the token.
        Invalid: of ``redirect_uri``, ``scope``, ``response_type``, ``code_challenge``, ``assignment_uuid``;
            ``field`` says which. In this order: nobody learns more than she may.
    """
    require(actor, TOKEN_ISSUE)
    application = _application(wish.client_id)
    offer = _offer(actor, application, wish)
    if offer is None and not _administers(actor, application.namespace.organization):
        raise Forbidden(
            "Only administrators of its organization authorize an application",
            right=TOKEN_ISSUE.name,
            namespace=application.namespace,
        )
    _well_formed(application, wish)
    wanted = tuple(_scopes(wish.scope).split())
    return Asked(application, wanted, granted_before=_holds(actor.user, application, wanted))


def way_back(*, wish: Wish) -> str:
    """Return where a refusal may be sent: the address of the wish if it is proven, else our own page.

    Who is told nothing else must not be led elsewhere, either.
    """
    application = organizations_application(wish.client_id)
    registered = application.redirect_uri if application else ""
    if fits(wish.redirect_uri, registered=registered, own_pages=wish.own_pages):
        return wish.redirect_uri
    return wish.own_pages[0]


def registered_address(*, wish: Wish) -> str:
    """Return the application's own address, or our own page where it has none that leads anywhere."""
    application = organizations_application(wish.client_id)
    if application is not None and is_address(application.redirect_uri):
        return application.redirect_uri
    return wish.own_pages[0]


def seconds_of(*, wish: Wish) -> int:
    """Return how long a token lives that a wish is granted, as ``expires_in`` says it."""
    application = organizations_application(wish.client_id)
    return int(lifetime(application).total_seconds()) if application else 0


# Granting ------------------------------------------------------------------------------------------------


@transaction.atomic
def authorize(*, actor: Actor, wish: Wish) -> str:
    """Grant a wish: return the token, or the code to be exchanged for it, in clear, this once.

    Raises: as `ask`.
    """
    require(actor, TOKEN_ISSUE)
    if actor.user is None:
        raise Unauthenticated
    user = hold_user(actor.user)
    hold_application(_application(wish.client_id))
    actor.forget()
    asked = ask(actor=actor, wish=wish)
    application = asked.application
    request = _request(wish, user=user, client=application)
    grant = GRANTS[wish.response_type]
    grant.validate_authorization_request(request)
    told, _, _ = grant.create_authorization_response(request, bearer)
    secret: str = told[{"token": "access_token", "code": "code"}[wish.response_type]]
    offer = _offer(actor, application, wish)
    if offer is not None:
        offer.delete()
    if wish.response_type == "token":
        _tell(actor, request.credential, application)
    return secret


@transaction.atomic
def exchange(*, actor: Actor, form: dict[str, str], authorization: str = "") -> Exchanged:
    """Exchange a code for a token, for who knows the application's secret.

    ``form`` is what the application sends, ``authorization`` the header of that name. What is wrong is
    returned, not raised: that a replayed code ends its token must not be undone.
    """
    request = new_request(form, headers={"HTTP_AUTHORIZATION": authorization}, own_pages=())
    try:
        _, body, status = GRANTS["code"].create_token_response(request, bearer)
    except errors.OAuth2Error as error:
        return Exchanged(error=error.error)
    replayed: AuthorizationCode | None = getattr(request, "replayed", None)
    if replayed is not None:
        _tell_replay(replace(actor, user=replayed.user, memo={}), replayed)
    credential: Credential | None = getattr(request, "credential", None)
    if status != 200 or credential is None:
        return Exchanged(error=json.loads(body)["error"])
    _tell(replace(actor, user=request.user, memo={}), credential, request.client)
    seconds = int(lifetime(request.client).total_seconds())
    return Exchanged(token=json.loads(body)["access_token"], seconds=seconds)


# Offering ------------------------------------------------------------------------------------------------


@transaction.atomic
def assign(*, actor: Actor, wish: Wish, username: str) -> Assignment:
    """Offer a person a token of an application, which she may take without administering its organization.

    The same offer made twice is one.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the actor does not administer the organization by a role in it.
        NotFound: no such application, nobody of that name or she is disabled, or offers are switched off.
        Invalid: as `ask`; offers are of tokens, not of codes.
    """
    require(actor, TOKEN_ISSUE)
    if not settings.ASSIGN_OAUTH_TOKENS:
        raise NotFound("Tokens are not assigned here")
    application = _application(wish.client_id)
    organization = application.namespace.organization
    require(actor, APPLICATION_CHANGE, organization)
    user = hold_user(accounts.user(name=username))
    hold_application(application)
    actor.forget()
    if not _administers(actor, organization):
        raise Forbidden(
            "Only administrators of its organization offer tokens of an application",
            right=APPLICATION_CHANGE.name,
            namespace=application.namespace,
        )
    _well_formed(application, wish)
    if wish.response_type != "token":
        raise Invalid("Tokens are offered, not codes", field="response_type")
    offer, is_new = Assignment.objects.get_or_create(
        application=application,
        user=user,
        redirect_uri=wish.redirect_uri,
        scopes=_scopes(wish.scope),
        response_type=wish.response_type,
        defaults={"assigned_by": actor.user},
    )
    if is_new:
        record(
            ASSIGN_OAUTH_TOKEN,
            actor=actor,
            namespace=application.namespace,
            assigning_user=actor.user.username if actor.user else "",
            assigned_user=user.username,
            application=application.name,
            client_id=application.client_id,
        )
    return offer


@transaction.atomic
def decline_assignment(*, actor: Actor, assignment: Assignment) -> None:
    """Decline a token that the acting person is offered.

    Raises:
        NotFound: it is not offered to her, or not any more.
    """
    require(actor, TOKEN_REVOKE)
    found, _ = Assignment.objects.filter(pk=assignment.pk, user=actor.user).delete()
    if not found:
        raise NotFound("There is no such assigned authorization")
    application = assignment.application
    record(
        DECLINE_OAUTH_TOKEN,
        actor=actor,
        namespace=application.namespace,
        application=application.name,
        client_id=application.client_id,
    )


# Parts ---------------------------------------------------------------------------------------------------


def _application(client_id: str) -> Application:
    found = organizations_application(client_id)
    if found is None:
        raise NotFound("Application not found", absent="application")
    return found


def _administers(actor: Actor, organization: Organization) -> bool:
    # By a role there, not by what superusers may: the token would act with roles alone (quay-a.md 4.4).
    return any(path.level >= Level.ADMIN for path in organization_paths(actor, organization))


def _scopes(text: str) -> str:
    wanted = read_scopes(text)
    if not wanted:
        raise Invalid("Name at least one scope", field="scope")
    return wanted


def _well_formed(application: Application, wish: Wish) -> None:
    if not fits(wish.redirect_uri, registered=application.redirect_uri, own_pages=wish.own_pages):
        raise Invalid("The address is not the application's", field="redirect_uri")
    if wish.response_type not in GRANTS:
        raise Invalid("Ask for a code or for a token", field="response_type")
    _scopes(wish.scope)
    if wish.assignment and wish.response_type != "token":
        raise Invalid("Tokens are offered, not codes", field="assignment_uuid")
    # oauthlib asks for no form of the challenge, and takes a missing method for a plain one.
    challenge, method = wish.code_challenge, wish.code_challenge_method
    if (challenge is None and method is None) or wish.response_type == "token":
        return
    if method != "S256" or not CHALLENGE.fullmatch(challenge or ""):
        raise Invalid("A code challenge is of the method S256", field="code_challenge")


def _request(wish: Wish, *, user: User, client: Application) -> Any:
    params = {
        "client_id": wish.client_id,
        "redirect_uri": wish.redirect_uri,
        "response_type": wish.response_type,
        "scope": _scopes(wish.scope),
    }
    if wish.response_type == "code" and wish.code_challenge:
        params |= {"code_challenge": wish.code_challenge, "code_challenge_method": "S256"}
    return new_request(params, user=user, client=client, own_pages=wish.own_pages)


def _offer(actor: Actor, application: Application, wish: Wish) -> Assignment | None:
    """Return the offer that a wish names, if it is this person's and for just this."""
    if not wish.assignment:
        return None
    try:
        key, wanted = UUID(wish.assignment), set(read_scopes(wish.scope).split())
    except (ValueError, Invalid):
        return None
    offer = Assignment.objects.filter(uuid=key, user=actor.user, application=application).first()
    if offer is None or set(offer.scopes.split()) != wanted or offer.redirect_uri != wish.redirect_uri:
        return None
    return offer


def _holds(user: User | None, application: Application, wanted: tuple[str, ...]) -> bool:
    """Tell whether a person's living tokens of an application have every wanted scope among them."""
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    held = Credential.objects.filter(
        alive, user=user, application=application, kind=Kind.OAUTH, revoked_at=None, disabled_at=None
    ).values_list("scopes", flat=True)
    return set(wanted) <= {scope for scopes in held.distinct() for scope in scopes.split()}


def _tell(actor: Actor, credential: Credential, application: Application) -> None:
    record(
        CREATE_OAUTH_API_TOKEN,
        actor=actor,
        namespace=application.namespace,
        oauth_token_uuid=str(credential.uuid),
        scope=credential.scopes,
        token_display_name=credential.title,
        application_name=application.name,
        auth_method="OAuth",
        client_id=application.client_id,
        username=credential.user.username if credential.user else "",
    )


def _tell_replay(actor: Actor, code: AuthorizationCode) -> None:
    application, credential = code.application, code.credential
    record(
        REVOKE_OAUTH_API_TOKEN,
        actor=actor,
        namespace=application.namespace,
        oauth_token_uuid=str(credential.uuid) if credential else "",
        application_name=application.name,
        client_id=application.client_id,
        username=code.user.username,
    )
