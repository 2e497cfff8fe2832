"""What a change would end or give, said in the dialog that asks whether it is meant; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from console.room import FormRoom
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
NOTHING = "Nobody's access to a project changes: what it ends or gives, they have by other ways, too."


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
        if found is not None:
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
    return lines or [NOTHING]


def _standing(found: Difference, organization: str) -> list[str]:
    lines = []
    if found.leavers:
        leave = "leaves" if len(found.leavers) == 1 else "leave"
        lines.append(f"{_some(found.leavers)} {leave} {organization}.")
    for changed, verb in ((found.lowered, "Lowers"), (found.raised, "Raises")):
        by_roles: dict[tuple[str, str], list[str]] = {}
        for name, old, new in changed:
            by_roles.setdefault((old, new), []).append(name)
        lines += [
            f"{verb} {_some(names)} in {organization} from {old} to {new}."
            for (old, new), names in by_roles.items()
        ]
    return lines


def _line(effect: Effect) -> str:
    old, new = _role(effect.old), _role(effect.new)
    if not new:
        verb = f"Ends {old}"
    elif not old:
        verb = f"Gives {new}"
    else:
        verb = f"{'Lowers' if effect.new < effect.old else 'Raises'} {old} to {new}"
    projects = f"{len(effect.projects)} project{'s' if len(effect.projects) != 1 else ''}"
    who = _some([*effect.people, *effect.robots])
    return f"{verb} on {projects} for {who}: {_some(effect.projects)}."


def _role(level: Level) -> str:
    return str(PROJECT_ROLE_OF_LEVEL.get(level, ""))


def _some(names: Sequence[str]) -> str:
    """Return names as a list of bounded length: ``ada, bo and 12 more``."""
    shown, more = names[:NAMED], len(names) - NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else "nobody"
