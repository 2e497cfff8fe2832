"""What went wrong, once for all dialects that have a plain error object: a status, a code, and words.

The Quay wire has shapes of its own per layer, and so its own table (api/quay/errors.py).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.http import Http404
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)

from api.fields import first_problem
from core import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.base import DialectView

log = logging.getLogger(__name__)

# Codes beside those of core.errors, for what a framework refuses before the domain is asked.
MALFORMED, WRONG_TYPE, WRONG_METHOD, WRONG_MEDIA = "malformed", "wrong_type", "wrong_method", "wrong_media"
BUSY, FAILED = "busy", "failed"

STATUSES: dict[str, int] = {
    errors.Unauthenticated.code: 401,
    errors.FreshLoginRequired.code: 401,
    errors.BadCredentials.code: 401,
    errors.Forbidden.code: 403,
    errors.NotFound.code: 404,
    errors.Invalid.code: 400,
    errors.Conflict.code: 409,
    errors.QuotaExceeded.code: 409,
    errors.Unreachable.code: 502,
    errors.TooManyRequests.code: 429,
    errors.ReadOnly.code: 503,
    MALFORMED: 400,
    WRONG_TYPE: 400,
    WRONG_METHOD: 405,
    WRONG_MEDIA: 400,
    BUSY: 503,
    FAILED: 500,
}


@dataclass(frozen=True)
class Problem:
    """A refusal: ``code`` is the domain's, or one of the codes above; ``at`` the field at fault."""

    status: int
    code: str
    words: str
    at: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def problem_of(view: DialectView, error: Exception, statuses: Mapping[str, int]) -> Problem:
    """Return what an exception means on a dialect, whose ``statuses`` go before the common ones.

    Records a denied call on the way, and logs what nobody expected.
    """
    table = {**STATUSES, **statuses}
    code, words, at, headers = _told(view, error)
    if isinstance(error, errors.DomainError):
        view.note_refusal(error, table[code])
    status = error.status_code if isinstance(error, APIException) and code == FAILED else table[code]
    return Problem(status, code, words, at, headers)


def _told(view: DialectView, error: Exception) -> tuple[str, str, str, dict[str, str]]:
    request = view.request
    if isinstance(error, errors.TooManyRequests):
        return error.code, error.message, "", {"Retry-After": str(error.details.get("retry_after", 60))}
    if isinstance(error, errors.DomainError):
        return error.code, error.message, error.field, {}
    if isinstance(error, ValidationError):
        at, words = first_problem(error.detail)
        return WRONG_TYPE, words, at, {}
    if isinstance(error, Http404):
        return errors.NotFound.code, "Not found", "", {}
    if isinstance(error, MethodNotAllowed):
        return WRONG_METHOD, "The method is not allowed here", "", {"Allow": ", ".join(view.allowed_methods)}
    if isinstance(error, UnsupportedMediaType):
        return WRONG_MEDIA, "The request's Content-Type must be application/json", "", {}
    if isinstance(error, ParseError):
        return MALFORMED, f"The request cannot be used: {error.detail}", "", {}
    if isinstance(error, SuspiciousOperation):
        return MALFORMED, "The request cannot be read", "", {}
    if isinstance(error, APIException):
        return FAILED, str(error.detail), "", {}
    if isinstance(error, IntegrityError | DataError) or type(error) is DatabaseError:
        # A race that no check could see: what the call refers to was changed or removed meanwhile.
        log.warning("Refused by the database in %s %s", request.method, request.path, exc_info=error)
        words = "Something that the request refers to was changed at the same time"
        return errors.Conflict.code, words, "", {}
    if isinstance(error, OperationalError):
        log.error("The database is away or busy in %s %s", request.method, request.path, exc_info=error)
        return BUSY, "The database is busy; try again", "", {"Retry-After": "1"}
    log.error("Unhandled error in %s %s", request.method, request.path, exc_info=error)
    return FAILED, "Internal server error", "", {}
