"""The admin site: people sign in and out by the console's pages, and only desks are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from accounts import services as accounts
from backoffice import mails
from backoffice.desk import DIALECT, Desk
from core.client import session_actor

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

WITHOUT = {"password_change", "password_change_done"}  # the console's account page logs what it changes


class BackOffice(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """The back office at ``/admin/``."""

    index_template = "backoffice/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register desks only: other packages' admin classes look broken here and save past the services."""
        if admin_class is not None and issubclass(admin_class, Desk):
            super().register(model_or_iterable, admin_class, **options)

    def desks(self) -> list[Desk]:
        """Return every desk, in the order of the installed apps."""
        return list(self._registry.values())

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send who is not signed in to the console's page, and refuse who is but may not come in."""
        index = reverse("admin:index")
        wanted = request.GET.get("next", index)
        if not url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
            wanted = index
        if self.has_permission(request):
            return HttpResponseRedirect(wanted)
        if request.user.is_authenticated:
            # The sign-in page would send her straight back here.
            raise PermissionDenied("The back office is for superusers")
        return redirect_to_login(wanted, resolve_url(settings.LOGIN_URL))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """End the person's sessions as the console does."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        accounts.sign_out(actor=session_actor(request, dialect=DIALECT))
        logout(request)
        return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))

    def get_urls(self) -> list[URLPattern]:
        return [one for one in super().get_urls() if getattr(one, "name", None) not in WITHOUT]

    def extra_urls(self) -> list[URLPattern]:
        """Return the addresses of pages that belong to no model."""
        return [
            path("mails/", self.admin_view(mails.mail_list), name="mails"),
            path("mails/<str:name>/<int:number>/", self.admin_view(mails.one_mail), name="mail"),
        ]
