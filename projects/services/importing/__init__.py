"""Importing a GitHub organization from files in peribolos format. What becomes what: docs/import.md.

`sources` finds the files and makes YAML nodes of them, `parsing` and `checking` make `files.Files` of those,
`state` reads the database, `planning` compares, `applying` writes, `reporting` says it in lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from accounts.models import Organization
from accounts.services.guards import lock
from core.db import one_at_a_time
from core.errors import Conflict, Invalid
from core.names import fold, is_namespace_name
from core.words import say
from permissions.catalogue import ORGANIZATION_MANAGE, USER_MANAGE
from permissions.checks import require
from projects.services.importing.applying import Import
from projects.services.importing.files import BrokenFiles, Files
from projects.services.importing.parsing import read
from projects.services.importing.planning import Plan, make_plan
from projects.services.importing.reporting import plan_lines, summary_lines
from projects.services.importing.state import State, read_state

if TYPE_CHECKING:
    from core.actor import Actor
    from projects.services.importing.applying import Progress

__all__ = [
    "BrokenFiles",
    "Files",
    "Plan",
    "import_organization",
    "plan_import",
    "plan_lines",
    "read",
    "summary_lines",
]


def _silently(what: str, done: int, of: int) -> None:
    pass


def plan_import(*, actor: Actor, name: str, files: Files, owner: str = "") -> Plan:
    """Return what `import_organization` would do now; nothing is written or locked.

    Raises: as `import_organization`, except for limits.
    """
    require(actor, ORGANIZATION_MANAGE)
    require(actor, USER_MANAGE)
    return _compare(name, files, owner)[0]


@transaction.atomic
def import_organization(
    *, actor: Actor, name: str, files: Files, owner: str = "", progress: Progress = _silently
) -> Plan:
    """Make the organization ``name`` have all that the files say, or nothing of it; return what was done.

    What is here already is reused, what differs is changed, and nothing is ever removed: a second run
    finds nothing to do. ``owner`` names the person who shall own the organization; without one, the first
    admin of the files owns a new one. ``progress`` is called with what, how many are done, and of how many.

    Raises:
        Forbidden: only superusers import.
        BrokenFiles: the files contradict what is here.
        Invalid: a name breaks its rule, or there is nobody to own the organization.
        Conflict: the name belongs to a person, or somebody changed the same things just now.
        QuotaExceeded: a limit of members or projects would be passed.
    """
    require(actor, ORGANIZATION_MANAGE)
    require(actor, USER_MANAGE)
    one_at_a_time("import")
    lock(Organization.objects.filter(namespace__key=fold(name), namespace__deleted_at=None))
    plan, state = _compare(name, files, owner)
    if plan.is_empty:
        return plan
    try:
        with transaction.atomic():
            Import(actor=actor, plan=plan, state=state, progress=progress).run()
    except IntegrityError as error:
        raise Conflict("Somebody changed the same names while the import ran; run it again") from error
    return plan


def _compare(name: str, files: Files, owner: str) -> tuple[Plan, State]:
    slug, owner = fold(name), fold(owner)
    if not is_namespace_name(slug):
        raise Invalid(say("Invalid organization name {name!r}", name=name), field="name")
    state = read_state(slug, files, owner)
    return make_plan(files, state, owner), state
