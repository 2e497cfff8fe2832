"""A wire in OpenAPI 3.1, made from its routes and from what each handler says of itself.

Every method of a view bears one line, or one for each path where several lead to it::

    @describe("getAccount", {200: under("account", ref("Account"))}, also=[404])
    def get(...)

What is common to a wire's operations stands once in its `Wire`. Quay's own document is Swagger 2.0
(api/quay/discovery.py).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.urls import get_resolver
from django.utils.cache import get_conditional_response

from api.base import TokenView
from api.bodies import Shapes, first_sentence, summary
from api.operation import declared, handled, told
from api.paths import spelled
from api.schemas import AT, or_null

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.serializers import Serializer

    from api.operation import Handler, Query
    from api.schemas import Schema

STATUSES = {
    200: "Done",
    201: "Made",
    204: "Done; the answer is empty",
    304: "Not changed since",
    400: "Refused: the request cannot be carried out as it was sent",
    401: "Refused: no token, or none that is known",
    402: "Refused: a quota is reached",
    403: "Refused: the caller may not do this",
    404: "There is no such thing, or the caller may not know of it",
    408: "It took too long; try again",
    409: "Refused: it contradicts what is there",
    422: "Refused: a value is not acceptable",
    429: "Too many calls; `Retry-After` tells when to come again",
    500: "It failed for a reason of the instance's own",
    501: "This is not done here",
    502: "Another service that is needed does not answer",
    503: "Not now: the instance is busy or read-only",
}
# Why something is as it is, for readers of the code: "(qodana.md 4.1)".
SECTION = re.compile(r"\s*\([a-z-]+\.md [^)]*\)")


@dataclass(frozen=True)
class Operation:
    """One operation.

    ``answers`` has a schema, or None for an empty answer, by status; ``also`` are the refusals that are not
    common to the wire. ``path`` is the route's, where several lead to one handler.
    """

    name: str
    answers: Mapping[int, Schema | None]
    also: tuple[int, ...] = ()
    body: type[Serializer[Any]] | None = None
    optional: bool = False
    query: tuple[Query, ...] = ()
    path: str = ""
    media: str = "application/json"


def describe(
    name: str,
    answers: Mapping[int, Schema | None],
    *,
    also: Sequence[int] = (),
    body: type[Serializer[Any]] | None = None,
    optional: bool = False,
    query: Sequence[Query] = (),
    path: str = "",
    media: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Say what a handler serves; see Operation."""
    return declared(Operation(name, answers, tuple(also), body, optional, tuple(query), path, media))


@dataclass(frozen=True)
class Group:
    """Operations about one thing: their names stand in one text."""

    name: str
    about: str
    operations: str


@dataclass(frozen=True, eq=False)
class Wire:
    """What is common to the operations of a wire.

    ``groups`` say what the operations are about, and which belong together, in the order in which they are
    shown. ``parameters`` describe what stands in paths. ``always`` are the refusals that every operation
    knows, and ``secured`` those that only operations with a caller know; ``error`` gives the schema of one.
    """

    title: str
    version: str
    about: str
    urls: str
    root: str
    schemas: Mapping[str, Schema]
    schemes: Mapping[str, Mapping[str, str]]
    groups: tuple[Group, ...]
    parameters: Mapping[str, Schema]
    always: tuple[int, ...]
    secured: tuple[int, ...]
    error: Callable[[int], Schema]

    def routes(self) -> Iterator[tuple[type[TokenView], str]]:
        """Yield each view with the paths that lead to it, in the order of the routes."""
        for pattern in get_resolver(self.urls).url_patterns:
            view = pattern.callback.view_class  # type: ignore[union-attr] # as DRF makes them
            if issubclass(view, TokenView):
                # Other spellings are served as well; the first is the one to use.
                yield view, self.root + spelled(str(pattern.pattern))[0]

    def group_of(self, one: Operation) -> Group:
        """Return the group of an operation."""
        (group,) = (group for group in self.groups if one.name in group.operations.split())
        return group

    def operations(self) -> Iterator[tuple[str, str, type[TokenView], Operation]]:
        """Yield path, method, view and operation of everything that is served."""
        for view, path in self.routes():
            for method in served(view):
                for one in told(view, method):
                    if one.path in ("", path):
                        yield path, method, view, one


def served(view: type[TokenView]) -> list[str]:
    """Return the methods that a view really serves: refusing what is no route is none."""
    return [method for method in handled(view) if getattr(view, method) is not TokenView.refuse_unknown]


def document(wire: Wire) -> dict[str, Any]:
    """Return the description of a wire."""
    everything = list(wire.operations())
    shapes = Shapes((one.body for *_, one in everything), at=AT, nullable=or_null)
    paths: dict[str, dict[str, Any]] = {}
    refusals: set[int] = set()
    for path, method, view, one in everything:
        item = paths.setdefault(path, {})
        if names := re.findall(r"{(\w+)}", path):
            item["parameters"] = [_path_parameter(wire, name) for name in names]
        statuses = {*wire.always, *one.also, *(wire.secured if view.schemes else ())} - one.answers.keys()
        refusals |= statuses
        tags = [wire.group_of(one).name]
        item[method] = {"tags": tags, **_operation(one, view, method, sorted(statuses), shapes)}
    bodies = shapes.definitions()
    clash = bodies.keys() & wire.schemas.keys()
    if clash:
        raise ValueError(f"Two schemas of one name: {sorted(clash)}")
    return {
        "openapi": "3.1.0",
        "info": {"title": wire.title, "version": wire.version, "description": wire.about},
        "servers": [{"url": "/"}],
        "tags": [{"name": group.name, "description": group.about} for group in wire.groups],
        "paths": paths,
        "components": {
            "schemas": {**wire.schemas, **bodies},
            "responses": {
                _refusal(status): {
                    "description": STATUSES[status],
                    "content": {"application/json": {"schema": wire.error(status)}},
                }
                for status in sorted(refusals)
            },
            "securitySchemes": {name: dict(scheme) for name, scheme in wire.schemes.items()},
        },
    }


def _refusal(status: int) -> str:
    return f"Refused{status}"


def _path_parameter(wire: Wire, name: str) -> dict[str, Any]:
    schema = dict(wire.parameters.get(name, {"type": "string"}))
    about = schema.pop("description", name)
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def _query_parameter(query: Query) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": query.type,
        "default": query.default,
        "enum": list(query.choices) or None,
        "minimum": query.least,
        "maximum": query.most,
    }
    schema = {key: value for key, value in schema.items() if value is not None}
    return {"name": query.name, "in": "query", "required": query.required, "description": query.about} | {
        "schema": schema
    }


def _operation(
    one: Operation, view: type[TokenView], method: str, refusals: list[int], shapes: Shapes
) -> dict[str, Any]:
    security: list[dict[str, list[str]]] = [{name: []} for name in view.schemes]
    if security and view.anonymous:
        security.append({})
    words = SECTION.sub("", first_sentence(getattr(view, method)))
    said: dict[str, Any] = {
        "operationId": one.name,
        "summary": summary(words),
        "description": words,
        "security": security,
        "responses": {
            **{str(status): _answer(one, status, schema) for status, schema in sorted(one.answers.items())},
            **{str(status): {"$ref": f"#/components/responses/{_refusal(status)}"} for status in refusals},
        },
    }
    if one.query:
        said["parameters"] = [_query_parameter(query) for query in one.query]
    if one.body is not None:
        said["requestBody"] = {
            "description": first_sentence(one.body),
            "required": not one.optional,
            "content": {"application/json": {"schema": shapes.reference(one.body)}},
        }
    return said


def _answer(one: Operation, status: int, schema: Schema | None) -> dict[str, Any]:
    said: dict[str, Any] = {"description": STATUSES[status]}
    return said if schema is None else said | {"content": {one.media: {"schema": schema}}}


@cache
def _written(wire: Wire) -> tuple[bytes, str]:
    text = json.dumps(document(wire), separators=(",", ":")).encode() + b"\n"
    return text, f'"{sha256(text).hexdigest()[:32]}"'


def answer(request: HttpRequest, wire: Wire) -> HttpResponseBase:
    """Answer with the description, or with 304 where the caller has it already."""
    text, tag = _written(wire)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    told_now = HttpResponse(text, content_type="application/json", headers=headers)
    return get_conditional_response(request, etag=tag, response=told_now) or told_now
