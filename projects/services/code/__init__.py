"""An organization as a file: exported without secrets, compared, applied (docs/code.md).

`objects` is the shape that a file and the database share, `document` reads files, `state` the database,
`comparing` tells the difference, `applying` makes it, `wording` says it in lines and as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from django.db import IntegrityError, transaction

from accounts.models import Robot, Team, User
from accounts.services.guards import enter
from core.db import hold_all
from core.errors import Conflict
from core.words import say
from logs.kinds import ORG_APPLY
from logs.record import record
from permissions.catalogue import (
    APPLICATION_LIST,
    DEFAULT_GRANT_LIST,
    MEMBER_LIST,
    NOTIFICATION_READ,
    ORGANIZATION_ADMINISTER,
    ORGANIZATION_CHANGE,
    QUOTA_READ,
    ROBOT_READ,
    TEAM_GRANT_LIST,
)
from permissions.checks import require
from projects.models import Project
from projects.services.code.applying import Applying
from projects.services.code.comparing import ADD, CHANGE, REMOVE, Diff, Step, compare
from projects.services.code.document import Document, read_document
from projects.services.code.objects import title_of
from projects.services.code.state import State, people_of, read_state
from projects.services.code.wording import as_json, describe, lines_of, summary
from projects.services.importing.files import BrokenFiles
from quotas.models import Quota

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Organization
    from core.actor import Actor

__all__ = [
    "ADD",
    "CHANGE",
    "REMOVE",
    "BrokenFiles",
    "Diff",
    "Document",
    "Step",
    "apply_document",
    "as_json",
    "describe",
    "export_organization",
    "lines_of",
    "plan_document",
    "read_document",
    "summary",
    "title_of",
]

# All of them are an administrator's, and each is asked for.
READING = (
    ORGANIZATION_ADMINISTER,
    MEMBER_LIST,
    TEAM_GRANT_LIST,
    ROBOT_READ,
    DEFAULT_GRANT_LIST,
    APPLICATION_LIST,
    NOTIFICATION_READ,
    QUOTA_READ,
)
CHANGED = say("The organization was changed since you looked: compare again")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # the faster one, if there
    """Writes everything out: a file that is read here has no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def export_organization(*, actor: Actor, organization: Organization) -> str:
    """Return an organization as YAML, without secrets, in a stable order.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the organization.
    """
    _require_reading(actor, organization)
    nested = read_state(organization).nested()
    head = f"# The organization {organization.slug}, without secrets. docs/code.md tells what is what.\n"
    written: str = yaml.dump(
        nested, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
    )
    return head + written


def plan_document(
    *, actor: Actor, organization: Organization, document: Document, prune: bool = False, file: str = "file"
) -> Diff:
    """Return what `apply_document` would do now; nothing is written or locked.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the organization.
        BrokenFiles: the file is another organization's, or names people or things that are not there.
    """
    _require_reading(actor, organization)
    state = read_state(organization)
    return compare(
        actor=actor,
        document=document,
        state=state,
        people=_people(document, state),
        prune=prune,
        file=file,
    )


@transaction.atomic
def apply_document(
    *,
    actor: Actor,
    organization: Organization,
    document: Document,
    prune: bool = False,
    expected: str = "",
    file: str = "file",
    run: UUID | None = None,
) -> Diff:
    """Make an organization as a file says, or change nothing; return what was done.

    Additive unless ``prune``. ``expected`` is the fingerprint of the diff that somebody agreed to; ``run`` is
    where it is written down step by step, for the log to point there. Applying twice does nothing the second
    time; what does nothing is not logged.

    Raises:
        Unauthenticated, Forbidden: the actor may not do one of the changes by hand.
        BrokenFiles: as `plan_document`.
        Conflict: the organization was changed since, or nobody would administer it any more.
        Invalid, NotFound, QuotaExceeded, Unreachable: as the services that are called; the message names
            line and object.
    """
    require(actor, ORGANIZATION_CHANGE, organization)
    _require_reading(actor, organization)
    before = read_state(organization)
    people = _people(document, before)
    _hold(actor, organization, {**before.users, **people})
    state = read_state(organization)
    if (expected and state.fingerprint != expected) or state.users.keys() - before.users.keys():
        raise Conflict(CHANGED)
    diff = compare(actor=actor, document=document, state=state, people=people, prune=prune, file=file)
    if diff.is_empty:
        return diff
    try:
        with transaction.atomic():
            Applying(actor=actor, diff=diff, document=document, state=state, people=people).run()
    except IntegrityError as error:
        raise Conflict(CHANGED) from error
    record(
        ORG_APPLY,
        actor=actor,
        namespace=organization.namespace,
        added=len(diff.of(ADD)),
        changed=len(diff.of(CHANGE)),
        removed=len(diff.of(REMOVE)),
        pruned=prune,
        metadata={"run": str(run)} if run else None,
    )
    return diff


def _require_reading(actor: Actor, organization: Organization) -> None:
    for right in READING:
        require(actor, right, organization)


def _people(document: Document, state: State) -> dict[str, User]:
    return people_of({name for sort, name in document.named if sort == "user"}, state.users)


def _hold(actor: Actor, organization: Organization, people: dict[str, User]) -> None:
    """Hold all that may be touched, in the one order in which all hold (`core.db.hold`)."""
    hold_all(User, [user.pk for user in people.values()])
    enter(actor, ORGANIZATION_CHANGE, organization)
    namespace = organization.namespace_id
    hold_all(Team, Team.objects.filter(organization=organization).values_list("pk", flat=True))
    for owner in ({"namespace": namespace}, {"account": organization.account_id}):
        list(Quota.objects.select_for_update(no_key=True).filter(**owner).order_by("pk"))
    hold_all(Robot, Robot.objects.filter(namespace=namespace).values_list("pk", flat=True))
    living = Project.objects.filter(namespace=namespace, deleted_at=None)
    hold_all(Project, living.values_list("pk", flat=True))
