"""How far the log is sealed and signed, and what was verified of it, for who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import QuerySet, Sum
from django.utils import timezone

from logs import settled
from logs.chain import checkpoints, sealing
from logs.models import LogChain, LogCheckpoint, LogEntry, LogVerification
from logs.selectors import require_reader
from logs.settled import Cursor

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor

LATE = timedelta(minutes=10)  # sealing is behind by more: something is wrong with it


@dataclass(frozen=True)
class State:
    """How many entries are sealed, and up to where the last checkpoint of the chain signed them.

    ``hash`` (hex) is the head of one chain; of all together there is none. ``line`` is the last checkpoint as
    it stands in the file, for who sees the whole instance: it tells of all chains.
    """

    sealed: int
    signed: int
    hash: str
    behind: timedelta
    checkpoint: LogCheckpoint | None
    line: str
    key: str

    @property
    def is_late(self) -> bool:
        """Tell whether sealing is behind by more than it ever should be."""
        return self.behind > LATE


def behind() -> timedelta:
    """Return for how long the oldest entry waits for its seal; a transaction that lasts lets it wait, too."""
    mark = sealing.mark()
    rows = settled.in_order(settled.after(Cursor(mark.xact, mark.entry), LogEntry.objects.all()))
    first = rows.values_list("at", flat=True)[:1]
    at = next(iter(first), None)
    return max(timedelta(), timezone.now() - at) if at else timedelta()


def state(*, actor: Actor, namespace: Namespace | None) -> State:
    """Return how far the log of a namespace, or of the instance, is sealed and signed.

    Raises:
        Unauthenticated, Forbidden: the actor may not read the log there.
    """
    require_reader(actor, namespace, None)
    sealed, signed, head = _of_all() if namespace is None else _of(namespace.pk)
    last = LogCheckpoint.objects.order_by("-number").first()
    return State(
        sealed=sealed,
        signed=signed,
        hash=head,
        behind=behind(),
        checkpoint=last,
        line=checkpoints.line_of(last).decode() if last and namespace is None else "",
        key=checkpoints.public_key(),
    )


def _of_all() -> tuple[int, int, str]:
    sums = LogChain.objects.aggregate(sealed=Sum("position"), signed=Sum("told"))
    return sums["sealed"] or 0, sums["signed"] or 0, ""


def _of(scope: int) -> tuple[int, int, str]:
    chain = LogChain.objects.filter(scope=scope).first()
    return (chain.position, chain.told, bytes(chain.hash).hex()) if chain else (0, 0, "")


def verifications(*, actor: Actor, namespace: Namespace | None) -> QuerySet[LogVerification]:
    """Return the verifications of a log, newest first. Raises as `state`."""
    require_reader(actor, namespace, None)
    return LogVerification.objects.filter(namespace=namespace).order_by("-pk")
