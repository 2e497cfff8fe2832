"""The descriptions of all wires, for anybody to read: ``/api/docs/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.urls import path
from django.views.decorators.http import require_safe

from api import openapi, swagger
from api.cisense.wire import WIRE as CISENSE
from api.codacy.wire import WIRE as CODACY
from api.flexstack.wire import WIRE as FLEXSTACK
from api.qodana.wire import WIRE as QODANA

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

WIRES = {"cisense": CISENSE, "codacy": CODACY, "flexstack": FLEXSTACK, "qodana": QODANA}
# Quay's description is older than OpenAPI, and so is its form.
ADDRESSES = {"quay": "/api/v1/discovery?internal=true"} | {
    name: f"/api/docs/{name}/openapi.json" for name in WIRES
}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Return the list of the descriptions."""
    rows = [
        {"name": name, "title": swagger.TITLES[name], "document": ADDRESSES[name]}
        for name in sorted(ADDRESSES)
    ]
    return swagger.shown(request, "reference/descriptions.html", {"rows": rows})


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Return the page that shows the description of a wire."""
    if name not in ADDRESSES:
        raise Http404("There is no such description")
    return swagger.page(request, wire=name, document=ADDRESSES[name], by_session=name == "quay")


@require_safe
def document(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return the description of a wire."""
    if name not in WIRES:
        raise Http404("There is no such description")
    return openapi.answer(request, WIRES[name])


urlpatterns = [
    path("", index, name="api-descriptions"),
    path("files/<str:name>", swagger.file, name="api-description-file"),
    path("<str:name>/", page, name="api-description"),
    path("<str:name>/openapi.json", document, name="api-description-document"),
]
