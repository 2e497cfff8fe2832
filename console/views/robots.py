"""Robots: the list, and one robot with its token and its access."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import listing, selectors, services
from console import expiry, snippets
from console.bulk import BulkRoom
from console.paging import paging, start_of
from console.previews import Preview, PreviewRoom, told
from console.undo import deleted
from console.views.access import address_of
from core.errors import Invalid
from core.words import say
from permissions import resolver
from permissions.catalogue import (
    ROBOT_CHANGE,
    ROBOT_CREATE,
    ROBOT_DELETE,
    ROBOT_LIST,
    ROBOT_READ,
)
from permissions.checks import check, require
from projects import selectors as projects

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.models import Robot

SHOWN = 100
ONCE = "console/robot_secret.html"
CHIPS = [
    ("", gettext_lazy("All")),
    ("expiring", gettext_lazy("Expiring soon")),
    ("expired", gettext_lazy("Expired")),
    ("never", gettext_lazy("Never used")),
    ("idle", format_lazy(gettext_lazy("Unused for {days} days"), days=listing.IDLE_DAYS)),
    ("unused", format_lazy(gettext_lazy("Unused for {days} days"), days=listing.UNUSED_DAYS)),
    ("endless", gettext_lazy("No expiry")),
    ("disabled", gettext_lazy("Disabled")),
]
GRACES = [
    ("1", gettext_lazy("For a day")),
    ("3", gettext_lazy("For three days")),
    ("7", gettext_lazy("For seven days")),
]
LIFETIMES = [
    ("90", gettext_lazy("In 90 days")),
    ("30", gettext_lazy("In 30 days")),
    ("365", gettext_lazy("In a year")),
    ("never", gettext_lazy("Never")),
]


def state_of(robot: Robot, last_used_at: datetime | None, expires_at: datetime | None) -> tuple[str, str]:
    """Return a robot's state in one word, and its tone."""
    now = timezone.now()
    if robot.disabled_at is not None:
        return "disabled", ""
    if expires_at is not None and expires_at <= now:
        return "expired", "bad"
    if expires_at is not None and expires_at <= now + timedelta(days=listing.EXPIRING_DAYS):
        return "expiring", "warn"
    if (last_used_at or robot.created_at) < now - timedelta(days=listing.UNUSED_DAYS):
        return "unused", "warn"
    return ("new", "info") if last_used_at is None else ("active", "good")


class LifetimeForm(forms.Form):
    """How long a token lives, in days."""

    lifetime = forms.ChoiceField(
        label=gettext_lazy("Its token expires"),
        choices=LIFETIMES,
        initial=LIFETIMES[0][0],
        help_text=gettext_lazy("Whatever runs with it stops then, unless it is given a new token before."),
    )


class RotateForm(LifetimeForm):
    """A new token beside the old one."""

    grace = forms.TypedChoiceField(
        label=gettext_lazy("The old token works on"),
        choices=GRACES,
        coerce=int,
        initial=GRACES[-1][0],
        help_text=gettext_lazy("Until then both work, so that nothing has to stop."),
    )
    field_order = ("grace", "lifetime")


class RobotForm(LifetimeForm):
    """A new robot."""

    shortname = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=255,
        help_text=gettext_lazy(
            "Lower-case letters and digits, with dots, dashes or underscores between them."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("What is it for?")}),
    )
    field_order = ("shortname", "description", "lifetime")


class ChangeForm(forms.Form):
    """What can be changed of a robot."""

    description = forms.CharField(required=False, max_length=255)


class WishForm(forms.Form):
    """Nothing but the wish itself."""


class ConfirmForm(forms.Form):
    """Typing the name proves that one means it."""

    name = forms.CharField(
        label=gettext_lazy("Type the robot's name to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class Robots(BulkRoom):
    """All robots of an organization."""

    noun = "robot"
    room = "robots"
    template = "console/robots.html"
    part = "console/robots_list.html"
    dialogs = {"create": RobotForm}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer what the organization allows."""
        form = super().make_form(name, data)
        expiry.limit(form.fields["lifetime"], self.organization.token_max_days)
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the robots, narrowed by name and state."""
        organization = self.enter(ROBOT_LIST)
        namespace = organization.namespace
        sees_access = check(self.actor, ROBOT_READ, namespace)
        search, state = self.asked("q"), self.asked("state")
        page = listing.robot_page(
            actor=self.actor,
            namespace=namespace,
            search=search,
            state=state,
            with_permissions=sees_access,
            start=start_of(self),
            size=SHOWN,
        )
        return {
            "robots": [(robot, *state_of(robot, *_times(robot))) for robot in page.robots],
            "paging": paging(self, found=page.found, size=SHOWN),
            "has_any": page.counts.all > 0,
            "chips": [
                (key, label, getattr(page.counts, key or "all"), self.here(state=key, start=""))
                for key, label in CHIPS
            ],
            "state": state,
            "search": search,
            "quota": self.numbers.get("robots"),
            "sees_access": sees_access,
            "may_create": check(self.actor, ROBOT_CREATE, namespace),
            "may_change": check(self.actor, ROBOT_CHANGE, namespace),
            "verbs": self.verbs,
            "noun": self.noun,
            "forms": self.all_forms(sent),
        }

    def bulk_rows(self) -> QuerySet[Robot]:
        """Return what fits the filter."""
        namespace = self.enter(ROBOT_CHANGE).namespace
        return listing.robots_like(
            actor=self.actor, namespace=namespace, search=self.asked("q"), state=self.asked("state")
        )

    def bulk_found(self, keys: list[str]) -> dict[str, Robot]:
        """Return those of this organization."""
        found = listing.robots_like(actor=self.actor, namespace=self.organization.namespace)
        return {robot.shortname: robot for robot in found.filter(shortname__in=keys)}

    def bulk_key(self, row: Robot) -> str:
        """Return its short name."""
        return row.shortname

    def bulk_name(self, row: Robot) -> str:
        """Return its full name."""
        return f"{self.organization.slug}+{row.shortname}"

    def bulk_spared(self, verb: str, row: Robot) -> str:
        """Say that it is so already."""
        if verb == "delete" or (row.disabled_at is None) == (verb == "disable"):
            return ""
        return _("it is enabled already") if verb == "enable" else _("it is disabled already")

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Create a robot and show its token."""
        organization = self.organization
        days = data.pop("lifetime")
        robot, secret = services.create_robot(
            actor=self.actor,
            namespace=organization.namespace,
            expires_at=_in_days(days),
            **data,
        )
        messages.success(
            self.request, _("The robot {full_name} is created.").format(full_name=robot.full_name)
        )
        return self.page(once(robot, secret), template=ONCE)


class OneRobot(PreviewRoom):
    """A robot: its token, its teams, its projects."""

    room = "robots"
    template = "console/robot.html"
    previews = frozenset({"delete"})
    dialogs = {
        "change": ChangeForm,
        "rotate": RotateForm,
        "regenerate": LifetimeForm,
        "end": WishForm,
        "enable": WishForm,
        "disable": WishForm,
        "delete": ConfirmForm,
    }

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Remember nothing of the last request."""
        super().setup(request, *args, **kwargs)
        self._robot: Robot | None = None

    @property
    def robot(self) -> Robot:
        """The robot of the address."""
        if self._robot is None:
            self._robot = selectors.robot(
                actor=self.actor,
                namespace=self.organization.namespace,
                shortname=self.kwargs["shortname"],
            )
        return self._robot

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the form for changes with what is there."""
        if name == "change" and data is None:
            return ChangeForm(initial={"description": self.robot.description})
        form = super().make_form(name, data)
        if "lifetime" in form.fields:
            expiry.limit(form.fields["lifetime"], self.organization.token_max_days)
        if name == "delete":
            form.fields["name"].label = _("Type {shortname} to confirm").format(
                shortname=self.robot.shortname
            )
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the robot with its tokens, which are not shown again, and its access."""
        robot, namespace = self.robot, self.organization.namespace
        newest, *older = robot.living or [None]  # type: ignore[attr-defined] # loaded by the selector
        used = [token.last_used_at for token in (newest, *older) if token and token.last_used_at]
        now = timezone.now()
        return {
            "robot": robot,
            "credential": newest,
            "older": next((token for token in older if token.expires_at and token.expires_at > now), None),
            "state": state_of(robot, max(used, default=None), newest and newest.expires_at),
            "last_used_at": max(used, default=None),
            "snippets": snippets.of_robot(robot.full_name),
            "sees_access": self.sees_access,
            "preview": self.preview(),
            "grants": projects.robot_grants(actor=self.actor, robot=robot),
            "access_url": address_of(self.actor, self.organization, robot.full_name),
            "teams": selectors.teams_of_robot(robot=robot),
            "may_change": check(self.actor, ROBOT_CHANGE, namespace),
            "may_delete": check(self.actor, ROBOT_DELETE, namespace),
            "forms": self.all_forms(sent),
        }

    def preview_delete(self) -> Preview:
        """Say what ends with the robot."""
        require(self.actor, ROBOT_DELETE, self.organization.namespace)
        now = self.facts()
        lines = [_("Its token stops working at once. The name can be used again and inherits nothing.")]
        lines += told(now, resolver.without_robot(now, self.robot.pk))
        return Preview(_("Delete this robot?"), "delete", _("Delete robot"), self.make_form("delete"), lines)

    def save_change(self, data: dict[str, Any]) -> HttpResponse:
        """Change the description."""
        services.change_robot(actor=self.actor, robot=self.robot, description=data["description"])
        return self.done(_("The robot is changed."))

    def save_regenerate(self, data: dict[str, Any]) -> HttpResponse:
        """Give it a new token."""
        secret = services.regenerate_robot_token(
            actor=self.actor, robot=self.robot, expires_at=_in_days(data["lifetime"])
        )
        messages.success(self.request, _("The robot has a new token. The old one does not work any more."))
        return self.page(once(self.robot, secret), template=ONCE)

    def save_rotate(self, data: dict[str, Any]) -> HttpResponse:
        """Give it a new token, and let the old one work on for a while."""
        secret = services.rotate_robot_token(
            actor=self.actor,
            robot=self.robot,
            grace=timedelta(days=data["grace"]),
            expires_at=_in_days(data["lifetime"]),
        )
        days = data["grace"]
        words = ngettext(
            "The robot has a new token. The old one works for {days} more day.",
            "The robot has a new token. The old one works for {days} more days.",
            days,
        ).format(days=days)
        messages.success(self.request, words)
        return self.page(once(self.robot, secret), template=ONCE)

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """End the older of its two tokens."""
        services.end_replaced_token(actor=self.actor, robot=self.robot)
        return self.done(_("The older token does not work any more."))

    def save_enable(self, data: dict[str, Any]) -> HttpResponse:
        """Switch it on."""
        services.change_robot(actor=self.actor, robot=self.robot, enabled=True)
        return self.done(_("The robot's token works again."))

    def save_disable(self, data: dict[str, Any]) -> HttpResponse:
        """Switch it off."""
        services.change_robot(actor=self.actor, robot=self.robot, enabled=False)
        return self.done(_("The robot's token is refused until you enable it again."))

    def save_delete(self, data: dict[str, Any]) -> HttpResponse:
        """Delete it."""
        name = self.robot.full_name
        if data["name"] not in (self.robot.shortname, name):
            raise Invalid(say("Type {shortname} to confirm", shortname=self.robot.shortname), field="name")
        services.delete_robot(actor=self.actor, robot=self.robot)
        words = deleted(
            _("The robot {name} is deleted.").format(name=name),
            actor=self.actor,
            namespace=self.organization.namespace,
            kind="robot",
            name=self.robot.shortname,
        )
        return self.done(words, "console:robots", self.organization.slug)


def once(robot: Robot, secret: str) -> dict[str, Any]:
    """Return what the page shows that tells a new token, this once."""
    return {"robot": robot, "secret": secret, "snippets": snippets.of_robot(robot.full_name, secret)}


def _times(robot: Robot) -> tuple[datetime | None, datetime | None]:
    # Annotated by the selector.
    return robot.last_used_at, robot.expires_at  # type: ignore[attr-defined]


def _in_days(days: str) -> datetime | None:
    return timezone.now() + timedelta(days=int(days)) if days.isdigit() else None
