"""Answers to people when a page cannot be had."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form is out of date; the reason is for the log, not for the page."""
    return render(request, "403_csrf.html", status=403)
