"""One way to answer with a page: whole for a browser, a part of it for htmx."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from console.shell import Shell

CSV_TYPE = "text/csv; charset=utf-8"


def wants_part(request: HttpRequest) -> bool:
    """Tell whether htmx asks, and not for a page that the Back button leads to."""
    headers = request.headers
    return bool(headers.get("HX-Request")) and not headers.get("HX-History-Restore-Request")


def file_response(pieces: Iterable[bytes], *, name: str, content_type: str) -> HttpResponse:
    """Send a file as it is made; ``name`` is what it is kept as."""
    response = StreamingHttpResponse(pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response  # type: ignore[return-value] # as good as one that is not streamed


def refused_part(response: HttpResponse) -> HttpResponse:
    """Let htmx show a refusal over the page: what the part was meant for stays as it is."""
    for name, value in {"Retarget": "#refused", "Reswap": "innerHTML", "Push-Url": "false"}.items():
        response.headers[f"HX-{name}"] = value
    return response


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    shell: Shell,
    part: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render ``template`` inside the shell, or only ``part`` when htmx asks.

    Both live under one address, so the answer varies on what htmx says about itself: else the Back button
    could show a bare fragment. A part brings along what the messages framework has to say.
    """
    wanted = bool(part) and wants_part(request)
    context = {**context, "shell": shell, "is_part": wanted}
    response = render(request, part if wanted else template, context, status=status)
    if wanted and (said := messages.get_messages(request)):
        response.write(render_to_string("console/components/more_messages.html", {"messages": said}))
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return response
