"""Where the wire describes itself, for anybody: ``swagger.json`` and ``index.html`` (cisense.md 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api import openapi, swagger
from api.cisense.view import CiSenseView
from api.cisense.wire import WIRE
from api.openapi import describe
from core.actor import Actor

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request


class Anybody(CiSenseView):
    """A route that asks nobody who calls."""

    anonymous = True
    schemes = ()

    def caller(self, request: Request) -> Actor:
        """Ask nobody."""
        return Actor()


class Document(Anybody):
    """``swagger.json``."""

    @describe("getDescription", {200: {"type": "object"}, 304: None})
    def get(self, request: Request) -> HttpResponseBase:
        """Return this description, in OpenAPI 3.1; what you read was made from it."""
        return openapi.answer(request._request, WIRE)


class Page(Anybody):
    """``index.html``."""

    @describe("showDescription", {200: {"type": "string"}}, media="text/html")
    def get(self, request: Request) -> HttpResponse:
        """Return the page that shows this description."""
        return swagger.page(request._request, wire="cisense", document=f"{WIRE.root}swagger.json")
