"""Whose log a page shows, and the views of it that people keep: filters under a name."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.log_filter import LogFilter
from console.room import FormRoom, Room
from core.errors import Invalid, NotFound
from logs import selectors, services
from permissions.catalogue import ACCOUNT_CHANGE, LOG_EXPORT, LOG_READ, LOG_VIEW_SHARE
from permissions.checks import check

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.models import Namespace
    from logs.models import LogView
    from permissions.catalogue import Right


class Whose(Room):
    """Whose log a page is about: an organization's, unless a page says otherwise."""

    read: ClassVar[Right] = LOG_READ
    export: ClassVar[Right] = LOG_EXPORT
    # What the pages of this log are called among the addresses, before the name.
    prefix: ClassVar[str] = ""

    def namespace(self, right: Right) -> Namespace | None:
        """Return whose log it is, on which the person has the right; None for the whole instance's."""
        return self.enter(right).namespace

    def address(self, name: str, *parts: str) -> str:
        """Return where a page of this log is."""
        own = [self.kwargs["orgname"]] if "orgname" in self.kwargs else []
        return reverse(f"console:{self.prefix}{name}", args=[*own, *parts])

    def may_export(self, namespace: Namespace | None) -> bool:
        """Tell whether the person may export this log."""
        return check(self.actor, self.export, namespace)


class ViewForm(forms.Form):
    """What a view is called, and who else finds it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    is_shared = forms.BooleanField(
        label=gettext_lazy("Show it to all who read this log"),
        required=False,
        help_text=gettext_lazy("Administrators of the organization may then change it, too."),
    )


class SavedViews(Whose, FormRoom):
    """The views of a log: opened by an address, kept, renamed, overwritten and deleted."""

    dialogs = {"keep": ViewForm, "rename": ViewForm, "overwrite": forms.Form, "forget": forms.Form}
    filters: ClassVar[type[LogFilter]] = LogFilter

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill in what the open view is called; offer sharing to who may share."""
        if self.dialogs[name] is not ViewForm:
            return super().make_form(name, data)
        view = self.open_view if name == "rename" else None
        form = ViewForm(data, initial={"name": view.name, "is_shared": view.is_shared} if view else None)
        if not self.may_share:
            del form.fields["is_shared"]
        return form

    @cached_property
    def log(self) -> Namespace | None:
        """Whose log it is, which the person may read."""
        return self.namespace(self.read)

    @cached_property
    def may_share(self) -> bool:
        """Tell whether the person may share views here: with an organization, not with herself."""
        shared = self.log is not None and self.log.kind == "organization"
        return shared and check(self.actor, LOG_VIEW_SHARE, self.log)

    @cached_property
    def views(self) -> list[LogView]:
        """The person's views of this log, and those that are shared."""
        return list(selectors.views(actor=self.actor, namespace=self.log))

    @cached_property
    def open_view(self) -> LogView | None:
        """The view that the address names."""
        return next((view for view in self.views if str(view.uuid) == self.asked("view")), None)

    def _view(self) -> LogView:
        if self.open_view is None:
            raise NotFound("There is no such view")
        return self.open_view

    def address_of(self, view: LogView) -> str:
        """Return where a view is open."""
        return f"{self.request.path}?{urlencode({**view.query, 'view': str(view.uuid)})}"

    def shown_views(self, chosen: LogFilter) -> dict[str, Any]:
        """Return what the page says of the views, and of the one that is open."""
        view, user = self.open_view, self.actor.user
        may_keep = user is not None and check(self.actor, ACCOUNT_CHANGE, user)
        mine = view is not None and user is not None and view.user_id == user.pk
        return {
            "views": [(one, self.address_of(one)) for one in self.views],
            "view": view,
            "may_keep": may_keep,
            "offers_view": may_keep and (chosen.is_narrowed or view is not None),
            "may_change_view": may_keep and (mine or (view is not None and self.may_share)),
            "is_changed": view is not None and view.query != chosen.to_keep(),
        }

    def selected(self, namespace: Namespace | None) -> LogFilter:
        """Return the filter as it stands in the address, if there is no mistake in it.

        Raises:
            Invalid: there is one, and more would fit than is meant.
        """
        chosen = self.filters(self.request.GET, actor=self.actor, namespace=namespace)
        if chosen.errors:
            raise Invalid("The filter has a mistake: mend it first, or more would fit than is meant")
        return chosen

    def save_keep(self, data: dict[str, Any]) -> HttpResponse:
        """Keep what is shown under a name."""
        made = services.save_view(
            actor=self.actor, namespace=self.log, query=self.selected(self.log).to_keep(), **data
        )
        return self.done(_("The view is saved."), self.address_of(made))

    def save_rename(self, data: dict[str, Any]) -> HttpResponse:
        """Call the open view otherwise, or share it."""
        services.change_view(actor=self.actor, view=self._view(), **data)
        return self.done(_("The view is changed."))

    def save_overwrite(self, data: dict[str, Any]) -> HttpResponse:
        """Keep what is shown in place of what the open view showed."""
        view, query = self._view(), self.selected(self.log).to_keep()
        services.change_view(actor=self.actor, view=view, query=query)
        return self.done(_("The view shows this from now on."), self.address_of(view))

    def save_forget(self, data: dict[str, Any]) -> HttpResponse:
        """Delete the open view; what it shows stays on the page."""
        services.delete_view(actor=self.actor, view=self._view())
        return self.done(_("The view is deleted."), self.here(view=""))
