"""Runs, as far as somebody may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from core.errors import NotFound
from core.words import say
from permissions.catalogue import RUN_READ
from permissions.checks import check, require
from runs.models import Run, RunItem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor

MISSING = say("There is no such run")


def runs(*, actor: Actor, namespace: Namespace) -> QuerySet[Run]:
    """Return the runs of a namespace, newest first.

    Raises:
        Unauthenticated, Forbidden: neither an administrator of it nor an auditor.
    """
    require(actor, RUN_READ, namespace)
    return Run.objects.filter(namespace=namespace).order_by("-pk")


def run(*, actor: Actor, namespace: Namespace, uuid: UUID) -> Run:
    """Return one of them. Raises NotFound, too, if it is not there any more."""
    found = runs(actor=actor, namespace=namespace).filter(uuid=uuid)
    one = found.select_related("namespace__organization", "origin").first()
    if one is None:
        raise NotFound(MISSING)
    return one


def known(*, actor: Actor, namespace: Namespace, uuids: Iterable[str]) -> set[str]:
    """Return which of these runs the actor may look at: none if she may not, or they are gone."""
    wanted = set(uuids)
    if not wanted or not check(actor, RUN_READ, namespace):
        return set()
    found = Run.objects.filter(namespace=namespace, uuid__in=wanted)
    return {str(uuid) for uuid in found.values_list("uuid", flat=True)}


def items(*, actor: Actor, run: Run, status: str = "") -> QuerySet[RunItem]:
    """Return what a run is over, in its order, narrowed by what became of each. Raises as `runs`."""
    require(actor, RUN_READ, run.namespace)
    found = RunItem.objects.filter(run=run).order_by("position")
    return found.filter(status=status) if status in RunItem.Status.values else found
