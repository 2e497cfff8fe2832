"""Around every request: its id in the log lines, and the back office's own content security policy."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    Handler = Callable[[HttpRequest], HttpResponse]


def request_context(get_response: Handler) -> Handler:
    """Give every request an id: in its log lines and in the answer's ``X-Request-ID``."""

    def handle(request: HttpRequest) -> HttpResponse:
        request_id = secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = get_response(request)
        response.headers.setdefault("X-Request-ID", request_id)
        return response

    return handle


def content_security_policy(get_response: Handler) -> Handler:
    """Let the back office run what unfold needs, and nothing else anywhere."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_config = settings.ADMIN_CONTENT_SECURITY_POLICY["DIRECTIVES"]  # type: ignore[attr-defined]
        return response

    return handle
