"""What one may do in an organization, or on one of its projects, and why; what would give the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse

from console import reasons
from console.room import Room
from console.views.access import address_of
from core.words import told
from permissions.catalogue import MEMBER_LIST, ORGANIZATION_LEAVE, ORGANIZATION_READ, PROJECT_READ
from permissions.checks import (
    READ_ONLY_REASON,
    VIEWING_REASON,
    audits,
    check,
    is_readonly_superuser,
    organization_paths,
    project_paths,
)
from permissions.explanations import AUDITOR_REASON
from permissions.paths import ranked
from permissions.reasons import ASKED, answers, givers
from projects import selectors as projects

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class Rights(Room):
    """Every right on the place of the address: had, with the reason, or lacking, with what gives it."""

    room = "overview"
    template = "console/rights.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page; who is not inside sees it of the projects that are open to her."""
        actor, slug = self.actor, self.asked("project")
        organization = self.enter(None if slug else ORGANIZATION_READ)
        project = None
        if slug:
            project = projects.project(
                actor=actor, namespace=organization.slug, slug=slug, right=PROJECT_READ
            )
        found = answers(actor=actor, target=project or organization)
        paths = project_paths(actor, project) if project else organization_paths(actor, organization)
        context: dict[str, Any] = {
            "project": project,
            "allowed": [reasons.answer(one) for one in found if one.allowed],
            "refused": [reasons.answer(one) for one in found if not one.allowed],
            "ways": reasons.ways(ranked(paths)),
            "words": told(self._words()),
            "is_auditor_of_all": is_readonly_superuser(actor),
            "access_url": address_of(actor, organization, actor.user.username if actor.user else ""),
        }
        if not project and organization_paths(actor, organization) and check(actor, ORGANIZATION_LEAVE):
            query = urlencode({"leave": organization.slug})
            context["leave_url"] = f"{reverse('console:my-organizations')}?{query}"
        if check(actor, ORGANIZATION_READ, organization):
            asked = givers(organization)
            context |= {
                "givers": reasons.givers(asked[:ASKED]),
                "more": len(asked) > ASKED,
                "sees_members": check(actor, MEMBER_LIST, organization),
            }
        return self.page(context)

    def _words(self) -> str:
        """Say what holds beside every role, if anything does."""
        if self.actor.operator is not None:
            return VIEWING_REASON
        if is_readonly_superuser(self.actor):
            return READ_ONLY_REASON
        return AUDITOR_REASON if audits(self.actor, self.organization) else ""
