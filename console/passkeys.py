"""Challenges for passkeys, kept in the browser's session until they are answered, each for one answer."""

from __future__ import annotations

import ipaddress
import json
import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.http.request import split_domain_port

from accounts import services

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User
    from core.actor import Actor

STATES = "passkey_challenges"  # in the session, newest last
STATES_MAX = 6
SECONDS = 600


class AnswerField(forms.CharField):
    """The hidden field that a passkey's answer goes into."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20_000, widget=forms.HiddenInput, **options)


def host_of(request: HttpRequest) -> str:
    """Return the name under which this browser knows us: what its passkeys are bound to."""
    return split_domain_port(request.get_host())[0]


def may_have_passkeys(request: HttpRequest) -> bool:
    """Tell whether browsers make passkeys for this address: they want https, or localhost, and a name."""
    host = host_of(request)
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost" or host.endswith(".localhost")
    return False


def offer(request: HttpRequest, actor: Actor) -> str:
    """Return what the browser makes a new passkey with, as JSON; empty where it would not."""
    if not may_have_passkeys(request):
        return ""
    return _keep(request, *services.offer_passkey(actor=actor, host=host_of(request)))


def ask(request: HttpRequest, user: User | None = None) -> str:
    """Return what the browser answers with a passkey, a person's or anybody's, as JSON; empty as `offer`."""
    if not may_have_passkeys(request):
        return ""
    return _keep(request, *services.ask_for_passkey(host=host_of(request), user=user))


def _keep(request: HttpRequest, options: dict[str, Any], state: dict[str, Any]) -> str:
    young = [one for one in request.session.get(STATES, []) if time.time() - one["at"] < SECONDS]
    request.session[STATES] = [*young, {**state, "at": time.time()}][-STATES_MAX:]
    return json.dumps(options)


def answered(request: HttpRequest, answer: str) -> dict[str, Any]:
    """Return what the service checks an answer by; its challenge is gone from here on."""
    challenge, kept = services.challenge_of(answer), request.session.get(STATES, [])
    state = next((one for one in kept if one["challenge"] == challenge), None)
    if state is not None:
        request.session[STATES] = [one for one in kept if one is not state]
    is_young = state is not None and time.time() - state["at"] < SECONDS
    return {
        "host": host_of(request),
        # Nothing answers an empty challenge.
        "state": state if is_young else {},
        "answer": answer,
    }
