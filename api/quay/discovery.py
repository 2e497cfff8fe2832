"""The wire in Swagger 2.0, made from the routes and from what each handler says of itself (quay-a.md 5.1)."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import get_resolver

from api.bodies import Shapes, first_sentence, summary
from api.operation import handled
from api.paths import spelled
from api.quay.errors import API, DESCRIPTIONS, MESSAGE, WORDS
from api.quay.operation import operations_of
from permissions.scopes import WORDS as SCOPE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.operation import Query
    from api.quay.operation import Operation
    from api.quay.view import QuayView

ROOT = "/api/v1/"
SECURITY = "oauth2_implicit"
# Both spellings are served; the document names the one that the vendor's own names.
SLASHED = re.compile(
    r"(user|organization|superuser/(users|organizations|changelog|registrysize)"
    r"|repository/\{repository\}/(build|notification|permissions/(team|user)|tag|tokens|trigger))\Z"
)
# Why something is as it is, for readers of the code: "(6.2)".
SECTION = re.compile(r"\s*\(\d+(?:\.\d+)*\)")
ABOUT = (
    "People sign in with a session, programs with a token: `Authorization: Bearer …`. Every refusal is JSON. "
    'What is refused before any operation has the shape `{"error": …}`: 403 for a write without token and '
    "without CSRF token, 401 for a JSON web token or where anonymous access is off, 400 for a browser's call "
    "without `X-Requested-With`. A body that is no JSON is a 400 and one of another type a 415, both of the "
    'shape `{"message": …}`, and so are 429, 500 and 503.'
)
TAGS = {
    "appspecifictokens": "Tokens of one's own for programs that know but names and passwords",
    "build": "Builds",
    "discovery": "This description",
    "entity": "Finding whom something can be granted to",
    "error": "What the errors mean",
    "globalmessages": "Messages to everybody",
    "logs": "The usage log: lists, counts and exports",
    "manifest": "Manifests and their labels",
    "mirror": "Copies of other registries",
    "namespacequota": "Storage quotas of organizations and of one's own namespace",
    "namespacenotification": "Who is told what happens in an organization or in one's own namespace",
    "organization": "Organizations and who is in them",
    "permission": "Who may do what in a repository",
    "prototype": "What new repositories of an organization are granted at birth",
    "repository": "Repositories",
    "repositorynotification": "Who is told what happens in a repository",
    "repotoken": "Tokens of repositories, which are no more",
    "robot": "Robots of organizations and of one's own",
    "search": "Finding repositories, namespaces, teams and robots",
    "secscan": "What scans found",
    "superuser": "The instance, for superusers",
    "tag": "Tags",
    "team": "Teams of an organization",
    "trigger": "What starts builds",
    "user": "Accounts, sessions and stars",
}
PARAMETERS = {
    "access_token_uuid": "The id of the token",
    "assigned_authorization_uuid": "The id of the offered token",
    "build_uuid": "The id of the build",
    "client_id": "The client id of the application",
    "code": "The code of the invitation, or of the token",
    "email": "The e-mail address that is meant",
    "error_type": "The type of the error, such as not_found",
    "kid": "The thumbprint of the key",
    "labelid": "The id of the label",
    "limit_id": "The number of the threshold",
    "manifestref": "The digest of the manifest",
    "membername": "The name of the person, or the full name of the robot",
    "name": "The name of the organization",
    "namespace": "The name of the organization or person",
    "orgname": "The name of the organization",
    "prefix": "What the name begins with",
    "prototypeid": "The id of the default permission",
    "quota_id": "The number of the quota",
    "repository": "The full path of the repository, as in namespace/name",
    "robot_shortname": "The name of the robot, without its owner and the plus sign",
    "tag": "The name of the tag",
    "teamname": "The name of the team",
    "token_uuid": "The id of the token",
    "trigger_uuid": "The id of the trigger",
    "username": "The name of the person, or the full name of the robot",
    "uuid": "The id",
}
STATUSES = {
    200: "Done",
    201: "Made",
    202: "Taken on",
    204: "Done; the answer is empty",
    304: "Not changed since",
    400: "Refused: the request cannot be carried out as it was sent",
    401: "Refused: nobody is signed in, or not lately enough",
    403: "Refused: the caller's roles or the token's scopes do not allow this",
    404: "There is no such thing",
    409: "Refused: it may not be changed",
    410: "Served no more",
    415: "Refused: the body is not of the type application/json",
    429: "Too many attempts; `Retry-After` tells when to come again",
    503: "Not now: the repository's state does not allow it",
    520: "The directory or the identity provider does not answer",
}
API_ERROR, MESSAGE_ERROR, ANY_ERROR = "ApiError", "ApiMessage", "ApiRefusal"
# The type of the error that a status mostly bears, for examples.
USUAL = {400: "invalid_request", 401: "invalid_token", 403: "insufficient_scope", 404: "not_found"}
_TEXT = {"type": "string"}
_API_ERROR: dict[str, dict[str, Any]] = {
    "status": {"type": "integer", "description": "The status of the answer"},
    "type": {**_TEXT, "description": "Where the type of the error is described"},
    "title": {
        **_TEXT,
        "description": "The type of the error",
        "enum": sorted({kind for _, kind in WORDS.values()}),
    },
    "detail": {**_TEXT, "description": "What is wrong"},
    "error_message": {**_TEXT, "description": "The same as detail"},
    "error_type": {**_TEXT, "description": "The same as title"},
}


def document(*, internal: bool) -> dict[str, Any]:
    """Return the description without host and scheme; ``internal`` adds what serves browsers alone."""
    shapes = Shapes(
        (one.body for view, _ in routes() for method in handled(view) for one in operations_of(view, method)),
        at="#/definitions/",
        nullable=lambda schema: schema | {"x-nullable": True},
    )
    paths: dict[str, dict[str, Any]] = {}
    tags: set[str] = set()
    for view, path in routes():
        for method in handled(view):
            for one in operations_of(view, method):
                if not path.startswith(one.under) or (one.internal and not internal):
                    continue
                item = paths.setdefault(
                    ROOT + path,
                    {
                        "x-name": f"{view.__module__}.{view.__name__}",
                        "x-path": ROOT + path,
                        "x-tag": one.tag,
                        "parameters": [_path_parameter(name) for name in re.findall(r"{(\w+)}", path)],
                    },
                )
                item[method] = _operation(one, view, method, shapes)
                tags.add(one.tag)
    return {
        "swagger": "2.0",
        "info": {
            "version": "v1",
            "title": "Muster",
            "description": ABOUT,
            "termsOfService": "",
            "contact": {"email": settings.DEFAULT_FROM_EMAIL},
        },
        "basePath": "/",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {
            SECURITY: {
                "type": "oauth2",
                "flow": "implicit",
                "authorizationUrl": "/oauth/authorize",
                "scopes": {str(scope): words.sentence for scope, words in SCOPE_WORDS.items()},
            }
        },
        "paths": paths,
        "definitions": _errors() | shapes.definitions(),
        "tags": [{"name": tag, "description": TAGS.get(tag, tag)} for tag in sorted(tags)],
    }


@cache
def _document(*, internal: bool) -> dict[str, Any]:
    return document(internal=internal)


@lru_cache(maxsize=16)
def written(*, internal: bool, host: str, scheme: str) -> tuple[bytes, str]:
    """Return the description as an instance tells it under one of its names, and its entity tag."""
    whole = _document(internal=internal)
    security = whole["securityDefinitions"][SECURITY]
    address = f"{scheme}://{host}{security['authorizationUrl']}"
    told = whole | {
        "host": host,
        "schemes": [scheme],
        "securityDefinitions": {SECURITY: security | {"authorizationUrl": address}},
    }
    text = json.dumps(told, separators=(",", ":")).encode() + b"\n"
    return text, f'"{sha256(text).hexdigest()[:32]}"'


def routes() -> Iterator[tuple[type[QuayView], str]]:
    """Yield each view with every path below the root that leads to it, in the order of the routes."""
    for pattern in get_resolver("api.quay.urls").url_patterns:
        view = pattern.callback.view_class  # type: ignore[union-attr] # as DRF makes them
        for path in paths_of(str(pattern.pattern)):
            if path:
                yield view, path


def paths_of(pattern: str) -> list[str]:
    """Return the paths of a route as the document spells them."""
    return [f"{path}/" if SLASHED.match(path) else path for path in spelled(pattern)]


def _path_parameter(name: str) -> dict[str, Any]:
    about = PARAMETERS.get(name, name)
    return {"name": name, "in": "path", "required": True, "type": "string", "description": about}


def _query_parameter(query: Query) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": query.name,
        "in": "query",
        "required": False,
        "type": query.type,
        "description": query.about,
    }
    if query.default is not None:
        said["default"] = query.default
    if query.choices:
        said["enum"] = list(query.choices)
    return said


def _operation(one: Operation, view: type[QuayView], method: str, shapes: Shapes) -> dict[str, Any]:
    parameters = [_query_parameter(query) for query in one.query]
    if one.body is not None:
        schema = shapes.reference(one.body)
        if one.body_is == "array":
            schema = {"type": "array", "items": schema}
        parameters.append(
            {
                "name": "body",
                "in": "body",
                "required": one.body_is != "optional",
                "description": first_sentence(one.body),
                "schema": schema,
            }
        )
    words = SECTION.sub("", first_sentence(getattr(view, method)))
    security: list[dict[str, list[str]]] = [{SECURITY: list(one.scopes)}] if one.scopes else []
    if one.scopes and one.anybody:
        security.append({})
    return {
        "operationId": one.name,
        "summary": summary(words),
        "description": f"{words} {_needed(one)}".rstrip(),
        "parameters": parameters,
        "tags": [one.tag],
        "security": security,
        "responses": {
            str(status): _response(one, view, method, status)
            for status in sorted(one.statuses(method, csrf_exempt=view.csrf_exempt))
        },
    }


def _needed(one: Operation) -> str:
    """Say which scopes a token needs: where the session calls, nothing else on the page does."""
    names = " and ".join(f"`{scope}`" for scope in one.scopes)
    if not names:
        return ""
    return f"Anybody may call; a token with {names} sees more." if one.anybody else f"A token needs {names}."


def _response(one: Operation, view: type[QuayView], method: str, status: int) -> dict[str, Any]:
    said: dict[str, Any] = {"description": STATUSES[status]}
    if status < 400:
        bare = status in (204, 304) or (one.empty and status == one.success)
        if bare:
            return said
        shown = _examples().get(one.name) if status == one.success else None
        example = {} if shown is None else {"examples": {"application/json": shown}}
        return {**said, "schema": {}, **example}
    own = [shape for key, (code, shape) in view.errors.items() if code == status and _concerns(key, method)]
    if status in (410, 415, 429) or (own and own.count(MESSAGE) == len(own) and status not in (400, 401)):
        name = MESSAGE_ERROR
    else:
        name = API_ERROR if own.count(API) == len(own) else ANY_ERROR
    said["schema"] = {"$ref": f"#/definitions/{name}"}
    kind = USUAL.get(status)
    if name != API_ERROR or kind is None:
        return said
    words = DESCRIPTIONS[kind]
    shown = {"detail": words, "error_message": words, "error_type": kind, "title": kind}
    where = {"type": f"https://muster.example/api/v1/error/{kind}", "status": status}
    return said | {"examples": {"application/json": shown | where}}


@cache
def _examples() -> dict[str, Any]:
    """Return an answer of each operation, as tests/api/quay/examples.py takes them from what was answered."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text())
    return found


def _concerns(key: str, method: str) -> bool:
    named, space, _ = key.partition(" ")
    return not space or named == method


def _errors() -> dict[str, Any]:
    return {
        API_ERROR: {
            "type": "object",
            "description": "Why the request was refused",
            "properties": _API_ERROR,
            "required": list(_API_ERROR),
        },
        MESSAGE_ERROR: {
            "type": "object",
            "description": "Why the request was refused, in short",
            "properties": {"message": {"description": "What is wrong"}},
            "required": ["message"],
        },
        ANY_ERROR: {
            "type": "object",
            "description": "An ApiError, or an ApiMessage, or the same with the key error: by the reason",
            "properties": {key: {} for key in (*_API_ERROR, "message", "error")},
        },
    }
