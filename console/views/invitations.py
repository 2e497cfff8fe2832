"""What a mailed invitation leads to: joining the team, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts import selectors, services
from console.room import Room

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class Invited(Room):
    """An invitation, for whom it is meant; looking answers nothing: programs that read mail look, too."""

    template = "console/invitation.html"

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show who invites whereto."""
        return self.page({"invitation": selectors.invitation(actor=self.actor, code=code)})

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        """Join, or decline."""
        if request.POST.get("answer") == "accept":
            team = services.accept_invitation(actor=self.actor, code=code)
            return self.done(f"You are in {team.name} now.", "console:overview", team.organization.slug)
        services.decline_invitation(actor=self.actor, code=code)
        return self.done("The invitation is declined.", "console:home")
