"""Fetching the file of a log export, and its manifest, by the link that was mailed or posted."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.generic import View

from core.errors import NotFound
from core.words import told
from logs.downloads import manifest, open_download

# The link itself is the secret: nobody keeps the file, and no other page learns where it was.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class Private(View):
    """What a link leads to. No sign-in: who has the link may have it, until it expires."""

    http_method_names = ("get", "head", "options")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, and keep the link out of caches and referrers; expired and unknown links look the same."""
        try:
            response = super().dispatch(request, *args, **kwargs)
        except NotFound as error:
            response = render(request, "404.html", {"reason": told(error.message)}, status=404)
        for name, value in PRIVATE.items():
            response.headers[name] = value
        return response


class ExportedLogs(Private):
    """The file behind a link."""

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        """Stream the file, or the one range of it that was asked for."""
        found = open_download(token)
        tag = f'"{found.sha256}"'
        asked = request.headers.get("Range", "")
        if request.headers.get("If-Range", tag) != tag:
            asked = ""  # a part of another file would not fit to what the caller has
        bounds = _bounds(asked, found.size)
        first, last = bounds or (0, found.size - 1)
        if bounds and first > last:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{found.size}"})
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Disposition": content_disposition_header(True, found.name) or "",
            "Content-Length": str(last - first + 1),
            "Content-Type": found.content_type,
            "ETag": tag,
        }
        if bounds:
            headers["Content-Range"] = f"bytes {first}-{last}/{found.size}"
        # Before anything is promised, the beginning is there.
        pieces = found.read(first, last)
        status = 206 if bounds else 200
        if request.method == "HEAD":
            return HttpResponse(status=status, headers=headers)
        return StreamingHttpResponse(pieces, status=status, headers=headers)


class Manifest(Private):
    """What the file behind a link is, and each part of it, to check it by."""

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        """Return it as JSON."""
        return JsonResponse(manifest(token), json_dumps_params={"indent": 2})


def _bounds(asked: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a range; None for all, first > last for what is not there."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", asked.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        wanted = int(match[2])
        return (max(0, size - wanted), size - 1) if wanted else (1, 0)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None  # malformed, and so ignored
    return (first, last) if first < size else (1, 0)
