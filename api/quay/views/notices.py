"""What the caller is told in the console (quay-a.md 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Flag
from api.quay.dates import rfc2822
from api.quay.operation import Query, operation
from api.quay.view import QuayView
from notifications import selectors, services
from permissions.catalogue import Scope

if TYPE_CHECKING:
    from rest_framework.request import Request

    from notifications.models import Notice

PAGE = 5
PAGE_MAX = 100
OFFSET_MAX = 10_000  # older ones are asked for by nobody, and each page before costs

PAGED = [
    Query("limit", "How many to return", "integer", default=PAGE),
    Query("page", "Which page to return, from 0 on", "integer", default=0),
]


def notice_view(row: Notice) -> dict[str, Any]:
    """Return a notice; ``organization`` is told to who gets it as one of its administrators."""
    return {
        "id": str(row.uuid),
        "organization": row.namespace.name if row.as_administrator else None,
        "kind": row.kind,
        "created": rfc2822(row.created_at),
        "metadata": row.metadata,
        "dismissed": row.dismissed_at is not None,
    }


class OwnNotices(QuayView):
    """``user/notifications``."""

    @operation(
        "listUserNotifications", "user", scopes=[Scope.USER_ADMIN], also=[400], query=PAGED, internal=True
    )
    def get(self, request: Request) -> Response:
        """List a page of the caller's notices that were not dismissed, newest first, and whether there is
        more.
        """
        found = selectors.own_notices(actor=self.actor)
        limit = min(max(self.whole("limit", "How many to return", default=PAGE) or 0, 1), PAGE_MAX)
        page = max(self.whole("page", "Which page to return, from 0 on", default=0) or 0, 0)
        start = min(page * limit, OFFSET_MAX)
        rows = list(found[start : start + limit + 1])
        return Response(
            {"notifications": [notice_view(row) for row in rows[:limit]], "additional": len(rows) > limit}
        )


class NoticeChange(serializers.Serializer[None]):
    """The body that puts a notice away, or takes it out again."""

    dismissed = Flag()


class OwnNotice(QuayView):
    """``user/notifications/{uuid}``."""

    @operation("getUserNotification", "user", scopes=[Scope.USER_ADMIN], also=[404], internal=True)
    def get(self, request: Request, uuid: str) -> Response:
        """Return one of the caller's notices, dismissed or not."""
        return Response(notice_view(selectors.own_notice(actor=self.actor, uuid=uuid)))

    @operation(
        "updateUserNotification",
        "user",
        scopes=[Scope.USER_ADMIN],
        body=NoticeChange,
        also=[404],
        internal=True,
    )
    def put(self, request: Request, uuid: str) -> Response:
        """Dismiss a notice, or take it out again."""
        self.signed_in()
        notice = selectors.own_notice(actor=self.actor, uuid=uuid)
        body = self.body(NoticeChange)
        changed = services.dismiss_notice(actor=self.actor, notice=notice, dismissed=body["dismissed"])
        return Response(notice_view(changed))
