"""Following the link by which the owner of an address lets it be told (quay-b.md 4.4)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import View

from console.room import DIALECT
from core.client import session_actor
from core.errors import NotFound
from core.words import told
from notifications import services

# The link itself is the secret: nobody keeps the page, and no other page learns where it was.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class ConfirmAddress(View):
    """The page behind the link. No sign-in: who reads the mail is the one who may say yes."""

    http_method_names = ("get", "options")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Confirm the address; used, old and unknown links look the same."""
        actor = session_actor(request, dialect=DIALECT)
        try:
            address = services.confirm_address(
                actor=actor, code=request.GET.get("code", "").replace("\0", "")
            )
        except NotFound as error:
            response = render(request, "404.html", {"reason": told(error.message)}, status=404)
        else:
            response = render(request, "console/address.html", {"address": address})
        for name, value in PRIVATE.items():
            response.headers[name] = value
        return response
