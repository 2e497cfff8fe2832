"""Swagger UI, served from here: a page for each description, and the two files that draw it.

The files come from their package by a view of their own: compressing them among the other static files takes
longer than everything else of a first start.
"""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_safe

from core import languages

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# What each wire is called.
TITLES = {
    "cisense": "CI Sense",
    "codacy": "Codacy",
    "flexstack": "FlexStack",
    "qodana": "Qodana",
    "quay": "Quay",
}
PLACE = "static/drf_spectacular_sidecar/swagger-ui-dist"


def page(request: HttpRequest, *, wire: str, document: str, by_session: bool = False) -> HttpResponse:
    """Return a page that shows the description of a wire at ``document``.

    ``by_session`` is for a wire that takes the session of who is signed in: operations are tried in her name.
    """
    wires = [{"name": name, "title": TITLES[name]} for name in sorted(TITLES)]
    told = {"wire": wire, "title": TITLES[wire], "document": document, "by_session": by_session}
    return shown(request, "reference/description.html", told | {"wires": wires})


def shown(request: HttpRequest, template: str, told: dict[str, Any]) -> HttpResponse:
    """Return a page of the reference in its reader's language; all else below these addresses is English."""
    with languages.speaking(languages.asked_by(request)):
        answer = render(request, template, told)
    patch_vary_headers(answer, ["Accept-Language", "Cookie"])
    return answer


@require_safe
def file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return one of the files of Swagger UI."""
    if name not in TYPES:
        raise Http404("There is no such file")
    plain, packed, tag = _read(name)
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(packed if is_packed else plain, content_type=f"{TYPES[name]}; charset=utf-8")
    if is_packed:
        answer["Content-Encoding"] = "gzip"
    answer["ETag"] = tag
    answer["Cache-Control"] = "public, max-age=3600"
    patch_vary_headers(answer, ["Accept-Encoding"])
    return get_conditional_response(request, etag=tag, response=answer) or answer


@cache
def _read(name: str) -> tuple[bytes, bytes, str]:
    plain = files("drf_spectacular_sidecar").joinpath(PLACE, name).read_bytes()
    # Weak: the same file, packed or not.
    return plain, gzip.compress(plain, 6, mtime=0), f'W/"{sha256(plain).hexdigest()[:32]}"'
