"""The APIs of this instance: which there are, and how to begin with each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse

from accounts import listing, selectors
from console import calls
from console.room import Room
from core.errors import NotFound
from permissions.catalogue import ORGANIZATION_READ

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Organization


class Apis(Room):
    """The list of the APIs."""

    room = "apis"
    template = "console/apis.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page({"wires": [_told(wire) for wire in calls.WIRES.values()]})


class OneApi(Room):
    """How to begin with an API: its address, its token, and three calls for this instance."""

    room = "apis"
    template = "console/api.html"

    def get(self, request: HttpRequest, wire: str) -> HttpResponse:
        """Show the page; ``org`` in the address names the organization of the calls."""
        chosen = calls.WIRES.get(wire)
        if chosen is None:
            raise NotFound("There is no such API")
        own = sorted(listing.own_names(actor=self.actor))
        organization = self._organization(own)
        names = calls.names_of(user=self.actor.user, organization=organization)
        context = {
            **_told(chosen),
            "wires": list(calls.WIRES.values()),
            "organizations": own,
            "chosen": organization,
            "commands": list(calls.commands(chosen.calls, names)),
            "whole": len(chosen.calls),
            "token_url": self._token_url(chosen, organization),
        }
        return self.page(context)

    def _organization(self, own: list[str]) -> Organization | None:
        name = self.asked("org") or (own[0] if own else "")
        if not name:
            return None
        return selectors.organization(actor=self.actor, name=name, right=ORGANIZATION_READ)

    def _token_url(self, wire: calls.Wire, organization: Organization | None) -> str:
        if not wire.of_organization:
            return reverse(f"console:{wire.place}")
        return reverse(f"console:{wire.place}", args=[organization.slug]) if organization else ""


def _told(wire: calls.Wire) -> dict[str, Any]:
    """Return a wire with the addresses that its page names."""
    is_quay = wire.name == "quay"
    return {
        "wire": calls.in_words(wire),
        "base": settings.PUBLIC_URL + wire.root,
        "reference": reverse("api-description", args=[wire.name]),
        "document": "/api/v1/discovery" if is_quay else f"/api/docs/{wire.name}/openapi.json",
        # A browser that follows a link into the Quay wire is refused, as for every call that no script makes.
        "is_link": not is_quay,
        "form": "Swagger 2.0" if is_quay else "OpenAPI 3.1",
    }
