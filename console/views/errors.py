"""Answers to people when a page cannot be had."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.page import refused_part


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form is out of date; the reason is for the log, not for the page."""
    if request.headers.get("HX-Request"):
        return refused_part(render(request, "console/refused.html", status=403))
    return render(request, "403_csrf.html", status=403)
