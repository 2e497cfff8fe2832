"""Bytes: counted as they are reported, refused where a threshold says so, and told once when they reach one.

The rules are those of quay-b.md 6.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from core.errors import Conflict, Invalid, NotFound, QuotaExceeded
from core.words import say
from logs.kinds import QUOTA_ERROR, QUOTA_WARNING
from logs.record import record
from quotas.models import Quota, Resource, Threshold
from quotas.sizes import write_size

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor

BYTES_MAX = 2**63 - 1


@dataclass(frozen=True)
class Step:
    """A share of a limit from which on something happens; ``row`` remembers whether that was told."""

    row: Threshold | Quota
    kind: str
    percent: int
    limit: int

    @property
    def bytes(self) -> int:
        """Where the step stands."""
        return self.limit * self.percent // 100

    @property
    def is_reject(self) -> bool:
        """Tell whether growth stops here."""
        return self.kind == Threshold.Kind.REJECT


@dataclass(frozen=True)
class Ledger:
    """The rows that count a namespace's bytes, held for the rest of the transaction."""

    namespace: Namespace
    own: Quota
    account: Quota | None

    @property
    def rows(self) -> list[Quota]:
        """Both, or the one there is."""
        return [self.own] if self.account is None else [self.own, self.account]


def take_ledger(*, namespace: Namespace, beside: Resource | None = None) -> Ledger:
    """Hold the rows that count a namespace's bytes, with those of another resource that is counted as well.

    Whoever reads a project's size in order to count it takes these first, and holds the project then.

    Raises:
        NotFound: the namespace is deleted.
    """
    resources = [Resource.BYTES] if beside is None else [Resource.BYTES, beside]
    rows = Quota.objects.filter(resource__in=resources).select_for_update(no_key=True).order_by("pk")
    return _ledger(namespace, rows)


def _ledger(namespace: Namespace, rows: QuerySet[Quota]) -> Ledger:
    own = {row.resource: row for row in rows.filter(namespace=namespace)}
    if Resource.BYTES not in own:
        raise NotFound("The namespace was deleted just now")
    account = None
    if namespace.account_id is not None:
        account = {row.resource: row for row in rows.filter(account=namespace.account_id)}.get(Resource.BYTES)
    return Ledger(namespace, own[Resource.BYTES], account)


def fitting(*, namespace: Namespace, amounts: Iterable[int]) -> list[bool]:
    """Tell of each of some amounts of bytes whether it can be counted, after those before it that can.

    Nothing is held and nothing is counted.

    Raises:
        NotFound: the namespace is deleted.
    """
    ledger = _ledger(namespace, Quota.objects.filter(resource=Resource.BYTES))
    steps = _steps(ledger.own)
    found = []
    for amount in amounts:
        try:
            fits = _refusing(ledger, steps, amount) is None
        except (QuotaExceeded, Invalid):
            fits = False
        if fits:
            for row in ledger.rows:
                row.used += amount
        found.append(fits)
    return found


def move_bytes(*, actor: Actor, ledger: Ledger, amount: int) -> QuotaExceeded | None:
    """Count ``amount`` bytes more, or fewer, in a namespace and its account.

    A threshold that refuses is told about inside this transaction, which has to stand: so the refusal is
    returned, nothing is counted, and the caller raises it after the commit. Shrinking is never refused.

    Raises:
        QuotaExceeded: the account's limit would be passed.
        Invalid: more than can be counted.
    """
    own = ledger.own
    steps = _steps(own)
    stop = _refusing(ledger, steps, amount)
    if stop is not None:
        _tell(actor, ledger.namespace, own, stop)
        return QuotaExceeded(
            say(
                "Storage is refused from {percent} % of {limit} on",
                percent=stop.percent,
                limit=write_size(stop.limit),
            ),
            resource=Resource.BYTES,
            namespace=ledger.namespace,
        )
    for row in ledger.rows:
        if not Quota.objects.filter(pk=row.pk, used=row.used).update(used=F("used") + amount):
            raise Conflict("Somebody else counted at the same time")
        row.used += amount
    _notice(actor, ledger.namespace, own, steps, may_rearm=amount < 0)
    return None


def _refusing(ledger: Ledger, steps: list[Step], amount: int) -> Step | None:
    """Return the step that refuses ``amount`` bytes more, if one does. Raises as `move_bytes`."""
    if amount <= 0:
        return None
    own, account = ledger.own, ledger.account
    if any(row.used + amount > BYTES_MAX for row in ledger.rows):
        raise Invalid("That is more than can be counted", field="size_bytes")
    if account is not None and account.limit is not None and account.used + amount > account.limit:
        raise QuotaExceeded("The limit of storage of this account is reached", resource=Resource.BYTES)
    stop = _deciding(steps, own.used + amount)
    return stop if stop is not None and stop.is_reject else None


def note_counted(ledger: Ledger) -> None:
    """Note that a size was reported in the namespace, so that what is counted means something."""
    if ledger.own.counted_at is None:
        Quota.objects.filter(pk=ledger.own.pk).update(counted_at=timezone.now())


def notice(*, actor: Actor, namespace: Namespace, own: Quota) -> None:
    """Tell of the threshold that usage stands at after limits have changed; the namespace's row is held."""
    _notice(actor, namespace, own, _steps(own), may_rearm=True)


def _notice(actor: Actor, namespace: Namespace, own: Quota, steps: list[Step], *, may_rearm: bool) -> None:
    """Tell of the threshold that usage stands at, unless that was told; forget what usage has fallen below.

    Of several thresholds reached at once only the one that decides is told. One that has refused stands above
    usage and is only forgotten when usage falls or limits change, lest each refusal is told.
    """
    deciding = _deciding(steps, own.used)
    if deciding is not None:
        _tell(actor, namespace, own, deciding)
        # What is passed over needs no word of its own, but for a refusal behind a mere warning: that one
        # begins to hold when usage falls.
        _mark(
            [step for step in steps if step.bytes <= own.used and step.kind in ("Warning", deciding.kind)],
            timezone.now(),
        )
    if may_rearm:
        _mark([step for step in steps if step.bytes > own.used], None)


def _steps(own: Quota) -> list[Step]:
    """Return what the namespace's limit, or else the instance's default, sets; oldest first."""
    if not settings.QUOTA_MANAGEMENT:
        return []
    limit = own.limit
    if limit is not None:
        return [Step(row, row.kind, row.percent, limit) for row in own.thresholds.order_by("pk")]
    if settings.DEFAULT_QUOTA_BYTES > 0:
        return [Step(own, Threshold.Kind.REJECT, 100, settings.DEFAULT_QUOTA_BYTES)]
    return []


def _deciding(steps: list[Step], used: int) -> Step | None:
    """Return the step that decides: of those reached the one with most bytes, of equal ones the first."""
    return max((step for step in steps if used >= step.bytes), key=lambda step: step.bytes, default=None)


def _tell(actor: Actor, namespace: Namespace, own: Quota, step: Step) -> None:
    if step.row.told_at is not None:
        return
    _mark([step], timezone.now())
    record(
        QUOTA_ERROR if step.is_reject else QUOTA_WARNING,
        actor=actor,
        namespace=namespace,
        metadata={
            "namespace": namespace.name,
            "threshold_percent": step.percent,
            "usage_bytes": own.used,
            "limit_bytes": step.limit,
            "usage_percent": own.used * 100 // step.limit,
            "usage_bytes_formatted": write_size(own.used),
            "limit_bytes_formatted": write_size(step.limit),
        },
    )


def _mark(steps: list[Step], told_at: datetime | None) -> None:
    changed = [step.row for step in steps if (step.row.told_at is None) != (told_at is None)]
    for row in changed:
        row.told_at = told_at
        type(row)._default_manager.filter(pk=row.pk).update(told_at=told_at)
