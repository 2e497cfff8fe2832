"""How the Quay wire says what went wrong (quay-a.md 2, quay-b.md 0.3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.response import Response

from api.fields import first_problem
from core import errors

if TYPE_CHECKING:
    from rest_framework.request import Request

    from api.quay.view import QuayView

log = logging.getLogger(__name__)

# The six-key object, {"message": …}, {"error": …}, a JSON null, or nothing at all
API, MESSAGE, ERROR, NULL, EMPTY = "api", "message", "error", "null", "empty"

Words = tuple[int, str]
# One of the shapes above, an error type for the six-key object, or the very body to answer with
Shape = str | dict[str, Any]

# domain error -> (HTTP status, error_type); the wire knows no 409 here
WORDS: dict[str, Words] = {
    errors.Unauthenticated.code: (401, "invalid_token"),
    errors.FreshLoginRequired.code: (401, "fresh_login_required"),
    errors.BadCredentials.code: (403, "invalid_token"),
    errors.Forbidden.code: (403, "insufficient_scope"),
    errors.NotFound.code: (404, "not_found"),
    errors.Invalid.code: (400, "invalid_request"),
    errors.Conflict.code: (400, "invalid_request"),
    errors.QuotaExceeded.code: (400, "invalid_request"),
    errors.Unreachable.code: (520, "external_service_timeout"),
}

# error type -> what `error/{type}` tells about it
DESCRIPTIONS: dict[str, str] = {
    "invalid_token": "Nobody is signed in, or the token cannot be used.",
    "expired_token": "The token's time is over.",
    "fresh_login_required": "The sign-in is too old for this; sign in again.",
    "insufficient_scope": "The caller's roles or the token's scopes do not allow this.",
    "exceeds_license": "The licence does not cover this.",
    "not_found": "There is no such resource.",
    "invalid_request": "The request cannot be carried out as it was sent.",
    "invalid_response": "The server could not make a proper answer.",
    "downstream_issue": "A service that is needed for this failed.",
    "external_service_timeout": "A service that is needed for this did not answer in time.",
    "tag_immutable": "The tag may not be changed.",
    "token_rotation_failed": "The token could not be replaced.",
}


class BadParameter(ValidationError):
    """A query parameter of the wrong type; the message is an object of the parameter and its meaning."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(meaning)
        self.parameter = name
        self.meaning = meaning


class Gone(APIException):
    """What the wire once had and has given up; no retry will bring it back."""

    status_code = 410


class NullResponse(Response):
    """The JSON body ``null``; DRF would render None as no body at all."""

    @property
    def rendered_content(self) -> str:
        """Return the body."""
        self["Content-Type"] = "application/json"
        return "null"


def api_error(request: Request, status: int, kind: str, detail: str, **extra: Any) -> Response:
    """Return the six-key error object, which strict clients decode without unknown keys."""
    body = {
        "detail": detail,
        "error_message": detail,
        "error_type": kind,
        "title": kind,
        "type": request.build_absolute_uri(f"/api/v1/error/{kind}"),
        "status": status,
        **extra,
    }
    return Response(body, status=status)


def message(status: int, text: Any) -> Response:
    """Return ``{"message": …}``."""
    return Response({"message": text}, status=status)


def answer(view: QuayView, error: Exception) -> Response:
    """Turn whatever a view raised into the wire's own words."""
    request = view.request
    if isinstance(error, errors.DomainError):
        return _domain(view, request, error)
    if isinstance(error, BadParameter):
        return message(400, {error.parameter: error.meaning})
    if isinstance(error, ValidationError):
        _, words = first_problem(error.detail)
        return api_error(request, 400, "invalid_request", words)
    if isinstance(error, Http404):
        return api_error(request, 404, "not_found", "Not Found")
    if isinstance(error, MethodNotAllowed):
        response = message(405, "The method is not allowed for the requested URL.")
        response["Allow"] = ", ".join(view.allowed_methods)
        return response
    if isinstance(error, UnsupportedMediaType):
        return message(415, "The request's Content-Type must be application/json.")
    if isinstance(error, ParseError):
        return message(400, f"The body cannot be used: {error.detail}")
    if isinstance(error, SuspiciousOperation | MultiPartParserError):
        return message(400, "The form cannot be read.")
    if isinstance(error, APIException):
        return message(error.status_code, str(error.detail))
    if isinstance(error, IntegrityError | DataError) or type(error) is DatabaseError:
        # A race that no check could see: what the call refers to was changed or removed meanwhile.
        log.warning("Refused by the database in %s %s", request.method, request.path, exc_info=error)
        return message(400, "Something that the request refers to was changed at the same time.")
    if isinstance(error, OperationalError):
        log.error("The database is away or busy in %s %s", request.method, request.path, exc_info=error)
        response = message(503, "The database is busy; try again.")
        response["Retry-After"] = "1"
        return response
    log.error("Unhandled error in %s %s", request.method, request.path, exc_info=error)
    return message(500, "Internal Server Error")


def _domain(view: QuayView, request: Request, error: errors.DomainError) -> Response:
    if isinstance(error, errors.ReadOnly):
        return Response({"message": error.message, "is_readonly": True}, status=503)
    if isinstance(error, errors.TooManyRequests):
        response = message(429, error.message)
        response["Retry-After"] = str(error.details.get("retry_after", 60))
        return response
    status, kind = WORDS[error.code]
    shape: Shape = API
    for key in _keys(view, error):
        if key in view.errors:
            status, shape = view.errors[key]
            kind = "not_found" if status == 404 else "invalid_request" if status == 400 else kind
            break
    view.note_refusal(error, status)
    if shape == MESSAGE:
        return message(status, error.message)
    if shape == ERROR:
        return Response({"error": error.message}, status=status)
    if shape == NULL:
        return NullResponse(status=status)
    if shape == EMPTY:
        return Response(status=status)
    if not isinstance(shape, str):
        return Response(shape, status=status)
    return api_error(request, status, kind if shape == API else shape, error.message)


def _keys(view: QuayView, error: errors.DomainError) -> list[str]:
    """Return the keys under which a view may say this error its own way, the closest first."""
    method = (view.request.method or "").lower()
    tag = error.details.get("absent") or error.field
    return [f"{method} {error.code}:{tag}", f"{error.code}:{tag}", f"{method} {error.code}", error.code]
