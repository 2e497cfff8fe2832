"""Asking the operators for a higher limit, and what they answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from core.db import insert
from core.errors import Conflict, Invalid, NotFound, TooManyRequests
from core.words import say
from logs.kinds import (
    APPROVE_LIMIT_REQUEST,
    DENY_LIMIT_REQUEST,
    REQUEST_LIMIT,
    WITHDRAW_LIMIT_REQUEST,
)
from logs.record import record
from permissions.catalogue import QUOTA_MANAGE, QUOTA_REQUEST
from permissions.checks import require
from quotas.models import LimitRequest, Quota, Resource, Threshold
from quotas.selectors import limit_of
from quotas.services.counters import set_limit
from quotas.services.storage import add_threshold, change_quota, create_quota
from quotas.sizes import write_size

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor

LIMIT_MAX = 2**63 - 1
ANSWER_MAX = 500
# Who asks and withdraws again and again tells superusers each time.
ASKED_MAX, ASKED_WITHIN = 10, timedelta(days=1)
Status = LimitRequest.Status


@transaction.atomic
def request_limit(
    *, actor: Actor, namespace: Namespace, resource: Resource, wanted: int, reason: str = ""
) -> LimitRequest:
    """Ask the operators for a higher limit of one of a namespace's resources; superusers are told.

    Raises:
        Unauthenticated, Forbidden: the actor may not ask there.
        Invalid: not above the limit that holds (``field="wanted"``), or a reason that is too long.
        Conflict: there is no limit, or it is asked for already.
        TooManyRequests: it was asked for `ASKED_MAX` times within a day, whatever came of it.
        NotFound: the namespace is deleted.
    """
    require(actor, QUOTA_REQUEST, namespace)
    quota = _held(namespace=namespace, resource=resource)
    limit = limit_of(quota)
    if limit is None:
        raise Conflict("There is no limit of it")
    if not limit < wanted <= LIMIT_MAX:
        raise Invalid("Ask for more than the limit is now", field="wanted")
    since = timezone.now() - ASKED_WITHIN
    recent = LimitRequest.objects.filter(quota=quota, created_at__gt=since).order_by("created_at")
    asked = list(recent.values_list("created_at", flat=True)[:ASKED_MAX])
    if len(asked) == ASKED_MAX:
        wait = int((asked[0] - since).total_seconds()) + 1
        raise TooManyRequests("Too many requests; wait a little", retry_after=wait)
    person = actor.user
    request = LimitRequest(
        quota=quota,
        wanted=wanted,
        reason=" ".join(reason.split()),
        requested_by=person,
        requested_by_name=person.username if person else "",
    )
    insert(request, taken=say("More of it is asked for already"))
    record(REQUEST_LIMIT, actor=actor, namespace=namespace, reason=request.reason, **_told(request, limit))
    return request


@transaction.atomic
def withdraw_limit_request(*, actor: Actor, request: LimitRequest) -> None:
    """Take back what was asked for and is not answered.

    Raises:
        Unauthenticated, Forbidden: the actor may not ask there.
        Conflict: it is answered or withdrawn.
    """
    namespace = _owner(request)
    require(actor, QUOTA_REQUEST, namespace)
    _end(request, Status.WITHDRAWN)
    record(
        WITHDRAW_LIMIT_REQUEST, actor=actor, namespace=namespace, **_told(request, limit_of(request.quota))
    )


@transaction.atomic
def approve_limit_request(
    *, actor: Actor, request: LimitRequest, limit: int | None = None, answer: str = ""
) -> LimitRequest:
    """Give what was asked for, or another ``limit`` above the one that holds; who asked is told.

    A namespace that was held by the instance's default for storage gets a quota of its own, which refuses at
    100 % as the default did.

    Raises:
        Unauthenticated, Forbidden: only superusers.
        Invalid: the limit is not one.
        Conflict: it is answered or withdrawn, or the limit is as high by now.
    """
    require(actor, QUOTA_MANAGE)
    namespace = _owner(request)
    quota = _held(pk=request.quota_id)
    before, granted = limit_of(quota), request.wanted if limit is None else limit
    if before is None or granted <= before:
        raise Conflict("The limit is as high by now, or there is none")
    _end(request, Status.APPROVED, actor=actor, answer=answer, granted=granted)
    if quota.resource != Resource.BYTES:
        set_limit(actor=actor, resource=Resource(quota.resource), limit=granted, namespace=namespace)
    elif quota.limit is not None:
        change_quota(actor=actor, namespace=namespace, limit_bytes=granted)
    else:
        create_quota(actor=actor, namespace=namespace, limit_bytes=granted)
        add_threshold(actor=actor, namespace=namespace, kind=Threshold.Kind.REJECT, percent=100)
    told = _told(request, before, granted) | {"answer": request.answer}
    record(APPROVE_LIMIT_REQUEST, actor=actor, namespace=namespace, **told)
    return request


@transaction.atomic
def deny_limit_request(*, actor: Actor, request: LimitRequest, answer: str = "") -> LimitRequest:
    """Leave the limit as it is; who asked is told, with the answer.

    Raises:
        Unauthenticated, Forbidden: only superusers.
        Conflict: it is answered or withdrawn.
    """
    require(actor, QUOTA_MANAGE)
    namespace = _owner(request)
    _end(request, Status.DENIED, actor=actor, answer=answer)
    told = _told(request, limit_of(request.quota)) | {"answer": request.answer}
    record(DENY_LIMIT_REQUEST, actor=actor, namespace=namespace, **told)
    return request


def _held(**whose: Any) -> Quota:
    quota = Quota.objects.select_for_update(no_key=True).filter(**whose).first()
    if quota is None:
        raise NotFound("The namespace was deleted just now")
    return quota


def _owner(request: LimitRequest) -> Namespace:
    namespace = request.quota.namespace
    if namespace is None:
        raise NotFound("There is no such request")
    return namespace


def _end(
    request: LimitRequest,
    status: str,
    *,
    actor: Actor | None = None,
    answer: str = "",
    granted: int | None = None,
) -> None:
    """Answer a request that is open: of several at once, one does."""
    words = " ".join(answer.split())
    if len(words) > ANSWER_MAX:
        raise Invalid("The answer is too long", field="answer")
    name = actor.user.username if actor is not None and actor.user is not None else ""
    changes = {
        "status": status,
        "answer": words,
        "granted": granted,
        "decided_by_name": name,
        "decided_at": timezone.now(),
    }
    if not LimitRequest.objects.filter(pk=request.pk, status=Status.OPEN).update(**changes):
        raise Conflict("That is answered or withdrawn already")
    for field, value in changes.items():
        setattr(request, field, value)


def _told(request: LimitRequest, limit: int | None, granted: int | None = None) -> dict[str, Any]:
    resource = Resource(request.quota.resource)

    def shown(number: int | None) -> int | str | None:
        return write_size(number) if resource == Resource.BYTES and number is not None else number

    return {
        "resource": str(resource.label),
        "limit": shown(granted or request.wanted),
        "previous_limit": shown(limit),
        "asked_by": request.requested_by_name,
    }
