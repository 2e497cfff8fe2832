"""What a change would end or give, said in the dialog that asks whether it is meant; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.nouns import listed, things
from console.room import FormRoom
from core.words import told as word
from permissions.catalogue import ACCESS_READ, PROJECT_ROLE_OF_LEVEL
from permissions.checks import check
from permissions.resolver import Difference, Facts, difference
from permissions.selectors import facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django import forms
    from django.http import HttpRequest, HttpResponse

    from permissions.catalogue import Level
    from permissions.resolver import Effect

NAMED = 12
NOTHING = gettext_lazy(
    "Nobody's access to a project changes: what it ends or gives, they have by other ways, too."
)


@dataclass(frozen=True)
class Choice:
    """What one answer of several would do."""

    label: str
    lines: list[str]


@dataclass
class Preview:
    """A dialog with what a change would do: ``lines`` of the change itself, or ``choices`` of its form."""

    title: str
    do: str
    save: str
    form: forms.Form
    lines: list[str] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    danger: bool = True


class PreviewRoom(FormRoom):
    """A page whose address may ask ``?preview=NAME`` for one of ``previews``, made by ``preview_<name>``.

    Without a script the page comes with that dialog open; htmx is given the dialog alone. Who may not see
    what others reach is asked plainly by the page's own dialogs.
    """

    previews: ClassVar[frozenset[str]] = frozenset()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page, or for htmx the dialog alone."""
        if self.asked("preview") and self.asks_for_part:
            return self.page({"preview": self.preview()}, part="console/preview.html")
        return super().get(request, *args, **kwargs)

    def preview(self) -> Preview | None:
        """Return the dialog that the address asks for, if there is one for this person."""
        name = self.asked("preview")
        if name not in self.previews or not self.sees_access:
            return None
        found: Preview | None = getattr(self, f"preview_{name}")()
        if found is None:
            messages.error(self.request, _("It is not there any more. Load the page again."))
            return None
        found.form.auto_id = "preview_%s"
        return found

    @property
    def sees_access(self) -> bool:
        """Tell whether the person may see what others reach."""
        return check(self.actor, ACCESS_READ, self.organization)

    def facts(self) -> Facts:
        """Return what access hangs on now."""
        return facts(actor=self.actor, organization=self.organization)


def told(before: Facts, after: Facts) -> list[str]:
    """Return in sentences what lies between two states, the greatest loss first."""
    found = difference(before, after)
    lines = [*_standing(found, before.organization), *(_line(effect) for effect in found.effects)]
    return lines or [str(NOTHING)]


def _standing(found: Difference, organization: str) -> list[str]:
    lines = []
    if found.leavers:
        leave = ngettext(
            "{names} leaves {organization}.", "{names} leave {organization}.", len(found.leavers)
        )
        lines.append(leave.format(names=names_of(found.leavers), organization=organization))
    lowers = _("Lowers {names} in {organization} from {old} to {new}.")
    raises = _("Raises {names} in {organization} from {old} to {new}.")
    for changed, sentence in ((found.lowered, lowers), (found.raised, raises)):
        by_roles: dict[tuple[str, str], list[str]] = {}
        for name, old, new in changed:
            by_roles.setdefault((old, new), []).append(name)
        lines += [
            sentence.format(names=names_of(names), organization=organization, old=word(old), new=word(new))
            for (old, new), names in by_roles.items()
        ]
    return lines


def _line(effect: Effect) -> str:
    old, new = _role(effect.old), _role(effect.new)
    if not new:
        sentence = _("Ends {old} on {projects} for {who}: {names}.")
    elif not old:
        sentence = _("Gives {new} on {projects} for {who}: {names}.")
    elif effect.new < effect.old:
        sentence = _("Lowers {old} to {new} on {projects} for {who}: {names}.")
    else:
        sentence = _("Raises {old} to {new} on {projects} for {who}: {names}.")
    return sentence.format(
        old=old,
        new=new,
        projects=things("project", len(effect.projects)),
        who=names_of([*effect.people, *effect.robots]),
        names=names_of(effect.projects),
    )


def _role(level: Level) -> str:
    return word(str(PROJECT_ROLE_OF_LEVEL.get(level, "")))


def names_of(names: Sequence[str]) -> str:
    """Return names as a list of bounded length: ``ada, bo and 12 more``."""
    if len(names) > NAMED:
        return listed(names, at_most=NAMED)
    if len(names) > 1:
        return _("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
    return names[0] if names else _("nobody")
