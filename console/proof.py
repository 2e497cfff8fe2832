"""By what somebody proves that it is her, where her sign-in is not recent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.selectors import Keeper
from console import passkeys
from core.words import say

if TYPE_CHECKING:
    from django.http import HttpRequest

# The fields of a form that hold the proof.
PROOF = "own_password"
PASSKEY = "own_passkey"
NOT_HER = {
    Keeper.MUSTER: say("That is not your password, nor a code or a passkey of yours"),
    Keeper.DIRECTORY: say("That is not your password of the directory, nor a code or a passkey of yours"),
    Keeper.PROVIDER: say("That is not a code or a passkey of yours"),
}


def provider_name() -> str:
    """Return what people call the identity provider; empty if there is none."""
    return settings.OIDC_NAME or urlsplit(settings.OIDC_ISSUER).hostname or ""


def link_key(request: HttpRequest) -> str:
    """Return what the way to link an account to one of the provider's asks for.

    It is good in this session alone: no page of others leads somebody to link what is not hers.
    """
    return salted_hmac("console.link", request.session.session_key or "").hexdigest()


class ProofField(forms.CharField):
    """Her password, or a code of her app.

    ``again`` is where who has no password here signs in anew, ``is_only_again`` tells that nothing else does.
    """

    again = ""
    is_only_again = False


def proof_fields(*, keeper: Keeper, with_code: bool, passkey: str, here: str) -> dict[str, forms.Field]:
    """Return the fields by which somebody proves that it is her, on the page ``here``.

    ``passkey`` is what a passkey of hers is asked, if she has one. Whom a provider signs in has no password;
    who has nothing else either gets a field that nothing fills, and the way to the provider.
    """
    is_password = keeper is not Keeper.PROVIDER
    words = is_password or with_code
    proof = ProofField(
        label=_label(keeper, with_code=with_code),
        required=not passkey,
        strip=not is_password,
        max_length=1024,
        help_text=_("It is a while since you signed in: this proves that it is you.") if words else "",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
        if is_password
        else forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"})
        if with_code
        else forms.HiddenInput(),
    )
    found: dict[str, forms.Field] = {PROOF: proof}
    if not is_password:
        proof.again = f"{reverse('console:provider')}?again=1&next={quote(here, safe='')}"
    if not words:
        proof.is_only_again = not passkey
        asked = _("It is a while since you signed in: do it again, by {provider}.")
        proof.error_messages["required"] = asked.format(provider=provider_name())
    if passkey:
        found[PASSKEY] = passkeys.AnswerField(required=not words)
        found[PASSKEY].error_messages["required"] = _("Prove by your passkey that it is you.")
    return found


def _label(keeper: Keeper, *, with_code: bool) -> str:
    if keeper is Keeper.PROVIDER:
        return _("A code of your app")
    if keeper is Keeper.DIRECTORY:
        if with_code:
            return _("Your password of the directory, or a code of your app")
        return _("Your password of the directory")
    return _("Your password, or a code of your app") if with_code else _("Your password")
