"""What each operation of the Quay wire says of itself, beside its handler.

``discovery.py`` makes a document of it. Every method of a view bears one line, or one for each spelling of
its path::

    @operation("createOrgRobot", "robot", scopes=[Scope.ORG_ADMIN], body=NewRobot, success=201, also=[400])
    def put(...)

``tests/api/quay/test_discovery.py`` fails for a route and method without it, and for a status that the golden
files or the access tables know and the line does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from api.operation import Query, declared, handled, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rest_framework.serializers import Serializer

    from api.operation import Handler


__all__ = ["NEXT_PAGE", "Operation", "Query", "handled", "operation", "operations_of"]

NEXT_PAGE = Query("next_page", "The key of the page, as the page before told it")


@dataclass(frozen=True)
class Operation:
    """One operation.

    ``scopes`` are what a token needs, all of them; with ``anybody`` an anonymous call is answered, too, and
    sees less. ``success`` is the status when all goes well, ``also`` what else is answered but for what every
    operation has: 401 and 403 where somebody must call, 403 for a write without CSRF token, 400 and 415 for a
    body. ``under`` is the beginning of the path, where a route has several. ``internal`` operations serve
    browsers alone and are left out of the document unless asked for.
    """

    name: str
    tag: str
    scopes: tuple[str, ...]
    anybody: bool
    success: int
    also: tuple[int, ...]
    body: type[Serializer[Any]] | None
    body_is: Literal["object", "array", "optional"]
    query: tuple[Query, ...]
    empty: bool
    under: str
    internal: bool

    def statuses(self, method: str, *, csrf_exempt: bool = False) -> set[int]:
        """Return every status that a call may be answered with, but for the instance's own troubles."""
        found = {self.success, *self.also}
        if not self.anybody:
            found |= {401, 403}
        if method != "get" and not csrf_exempt:
            found.add(403)
        if self.body is not None:
            found |= {400} if self.body_is == "optional" else {400, 415}
        return found


def operation(
    name: str,
    tag: str,
    *,
    scopes: Sequence[str] = (),
    anybody: bool = False,
    success: int = 200,
    also: Sequence[int] = (),
    body: type[Serializer[Any]] | None = None,
    body_is: Literal["object", "array", "optional"] = "object",
    query: Sequence[Query] = (),
    empty: bool = False,
    under: str = "",
    internal: bool = False,
) -> Callable[[Handler], Handler]:
    """Say what a handler serves; see Operation. Without ``scopes`` anybody may call."""
    one = Operation(
        name=name,
        tag=tag,
        scopes=tuple(scopes),
        anybody=anybody or not scopes,
        success=success,
        also=tuple(also),
        body=body,
        body_is=body_is,
        query=tuple(query),
        empty=empty or success == 204,
        under=under,
        internal=internal,
    )

    return declared(one)


def operations_of(view: type, method: str) -> Sequence[Operation]:
    """Return what the handler of a method says of itself; nothing where it says nothing."""
    return told(view, method)
