"""Asking for runs, cancelling them, doing again what failed, and undoing what lies in the trash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core.bell import ring_by_name
from core.db import insert
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.words import say
from logs.kinds import BEGIN_RUN, CANCEL_RUN
from logs.record import record
from permissions.checks import check, require
from runs.models import Run, RunItem
from runs.services.actions import ACTIONS, MISSING, Action
from trash.models import Trashed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor

MOST = 20_000
AT_ONCE = 50  # things that are done while somebody waits for the page; more of them by a worker
BATCH = 1000
LISTED_MAX = 2000  # letters of a query: what is longer is no filter that anybody chose
NAME_MAX = RunItem._meta.get_field("name").max_length or 0
RESTORE = "thing.restore"
UNKNOWN = say("There is nothing to do here by that name")
TAKEN = say("This form was used already: begin anew")
ENDED = say("The run has ended already")
OPEN = say("The run is still under way")


@dataclass(frozen=True)
class Thing:
    """What a run is over: its key, 0 if there is none of that name, and its name."""

    target: int
    name: str


@transaction.atomic
def begin_run(
    *,
    actor: Actor,
    namespace: Namespace,
    action: str,
    things: Sequence[Thing],
    uuid: UUID | None = None,
    origin: Run | None = None,
    listed: str = "",
    noun: str = "",
) -> Run:
    """Let something be done to many things of a namespace, and return the run.

    A worker does it with the rights that the person has when it comes to each thing. A small one is for the
    caller to do at once, by `work_now`; a worker comes only if that fails. ``uuid`` is the key that a form
    brings: sent twice, it is one run. ``listed`` is the query by which the list was narrowed from which they
    were chosen, for the way back there; ``noun`` is what that lists, where it is something else than the
    action is about.

    Raises:
        Forbidden: the actor lacks the right, or is no person in a browser.
        Invalid: there are no such actions, no things, or too many.
        Conflict: the key is of another run.
    """
    if action not in ACTIONS:
        raise Invalid(UNKNOWN, field="action")
    require(actor, ACTIONS[action].right, namespace)
    if not actor.is_session or actor.user is None:
        raise Forbidden("Runs are asked for by people, in a browser", namespace=namespace)
    if uuid is not None and (asked := asked_before(actor, namespace, action, uuid)):
        return asked
    if not things:
        raise Invalid("Nothing is left to do it to", field="things")
    if len(things) > MOST:
        raise Invalid(say("At most {most} at once: narrow the list", most=MOST), field="things")
    run = _row(actor, namespace, action, things)
    run.uuid, run.origin = uuid or run.uuid, origin
    way_back = {"listed": listed if len(listed) <= LISTED_MAX else "", "noun": noun}
    run.arguments = {name: told for name, told in way_back.items() if told}
    try:
        insert(run, taken=TAKEN)
    except Conflict:  # the same form, sent twice at once
        if asked := asked_before(actor, namespace, action, run.uuid):
            return asked
        raise
    RunItem.objects.bulk_create(_items(run, things), batch_size=BATCH)
    record(BEGIN_RUN, actor=actor, namespace=namespace, run=str(run.uuid), action=action, number=len(things))
    if not is_small(run):
        ring_by_name("runs.work", run.pk)
    return run


def is_small(run: Run) -> bool:
    """Tell whether a run is done before the page answers that asked for it."""
    return run.number <= AT_ONCE


def _row(actor: Actor, namespace: Namespace, action: str, things: Sequence[Thing]) -> Run:
    return Run(
        namespace=namespace,
        action=action,
        asked_by=actor.user,
        asked_by_name=actor.user.username if actor.user else "",
        ip=actor.ip,
        user_agent=actor.user_agent,
        number=len(things),
        failed=sum(not thing.target for thing in things),
        due_at=timezone.now(),
    )


def asked_before(actor: Actor, namespace: Namespace, action: str, uuid: UUID) -> Run | None:
    """Return the run that the same person asked for by the same form."""
    return Run.objects.filter(uuid=uuid, namespace=namespace, action=action, asked_by=actor.user).first()


def _items(run: Run, things: Iterable[Thing]) -> list[RunItem]:
    return [
        RunItem(
            run=run,
            position=position,
            target=thing.target,
            name=thing.name[:NAME_MAX],
            status=RunItem.Status.WAITING if thing.target else RunItem.Status.FAILED,
            reason="" if thing.target else MISSING,
        )
        for position, thing in enumerate(things)
    ]


@transaction.atomic
def cancel_run(*, actor: Actor, run: Run) -> None:
    """Do nothing more; what is done stays done. Waits for the one thing that is under way.

    Raises:
        Forbidden: whoever may not ask for such a run.
        Conflict: it has ended.
    """
    require(actor, _action(run).right, run.namespace)
    still = Run.objects.filter(pk=run.pk, ended_at=None)
    if not still.update(status=Run.Status.CANCELLED, due_at=None, ended_at=timezone.now()):
        raise Conflict(ENDED)
    record(CANCEL_RUN, actor=actor, namespace=run.namespace, run=str(run.uuid), action=run.action)


@transaction.atomic
def retry_run(*, actor: Actor, run: Run) -> Run:
    """Begin another run over what failed, and over what was not come to. Raises as `begin_run`.

    While that is under way, it is returned, and no other begun.

    Raises:
        Conflict: it is still under way.
    """
    require(actor, _action(run).right, run.namespace)
    if follower := _follower(run, run.action):
        return follower
    again = _unfinished(run).order_by("position").values_list("target", "name")
    things = [Thing(target, name) for target, name in again]
    return begin_run(
        actor=actor,
        namespace=run.namespace,
        action=run.action,
        things=things,
        origin=run,
        listed=run.arguments.get("listed", ""),
        noun=run.arguments.get("noun", ""),
    )


@transaction.atomic
def undo_run(*, actor: Actor, run: Run) -> Run:
    """Begin a run that restores from the trash what this one deleted. Raises as `begin_run`.

    While that is under way, it is returned, and no other begun.

    Raises:
        Conflict: it is still under way.
        NotFound: nothing of it is in the trash any more.
    """
    require(actor, ACTIONS[RESTORE].right, run.namespace)
    if follower := _follower(run, RESTORE):
        return follower
    things = _in_trash(run)
    if not things:
        raise NotFound("Nothing of it is in the trash any more")
    return begin_run(
        actor=actor,
        namespace=run.namespace,
        action=RESTORE,
        things=things,
        origin=run,
        listed=run.arguments.get("listed", ""),
        noun=run.arguments.get("noun") or run.action.partition(".")[0],
    )


def _unfinished(run: Run) -> QuerySet[RunItem]:
    """Return what failed or was not come to, and is there to be tried again."""
    open_ = (RunItem.Status.WAITING, RunItem.Status.FAILED)
    return run.items.filter(status__in=open_).exclude(target=0)


def to_retry(*, actor: Actor, run: Run, at_most: int) -> tuple[list[str], int]:
    """Return the names of the first of what would be done again, and how many they are.

    Raises:
        Forbidden: whoever may not ask for such a run.
        Conflict: it is still under way.
    """
    require(actor, _action(run).right, run.namespace)
    if run.is_open:
        raise Conflict(OPEN)
    found = _unfinished(run)
    return list(found.order_by("position").values_list("name", flat=True)[:at_most]), found.count()


def retryable(*, actor: Actor, run: Run) -> bool:
    """Tell whether the actor may do again what failed, and something of it is left to be done."""
    return not run.is_open and may_follow(actor=actor, run=run) and _unfinished(run).exists()


def _follower(run: Run, action: str) -> Run | None:
    """Hold a run that has ended; return what follows it by that action and is under way, if anything does."""
    held = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
    if held.is_open:
        raise Conflict(OPEN)
    return held.followers.filter(action=action, ended_at=None).order_by("pk").first()


def undoable(*, actor: Actor, run: Run) -> bool:
    """Tell whether the actor may restore something that a run deleted."""
    if run.is_open or run.action not in ACTIONS or not ACTIONS[run.action].puts_away:
        return False
    return check(actor, ACTIONS[RESTORE].right, run.namespace) and bool(_in_trash(run, at_most=1))


def may_follow(*, actor: Actor, run: Run) -> bool:
    """Tell whether the actor may cancel a run, or do it again."""
    return run.action in ACTIONS and check(actor, ACTIONS[run.action].right, run.namespace)


def _action(run: Run) -> Action:
    """Return what a run does. Raises NotFound for one that was done by something else, and is only told."""
    if run.action not in ACTIONS:
        raise NotFound(UNKNOWN)
    return ACTIONS[run.action]


def _in_trash(run: Run, at_most: int | None = None) -> list[Thing]:
    kind = _action(run).puts_away
    if not kind or run.started_at is None:
        return []
    done = run.items.filter(status=RunItem.Status.DONE)
    here = Trashed.objects.filter(
        kind=kind,
        namespace=run.namespace,
        target__in=done.values("target"),
        deleted_at__gte=run.started_at,
    ).exclude(status=Trashed.Status.PURGING)
    # Backwards: what was deleted last hung on what was deleted before, such as a team on its parent.
    return [Thing(pk, name) for pk, name in here.order_by("-pk").values_list("pk", "name")[:at_most]]
