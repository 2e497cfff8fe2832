"""Fetching the file of a log export by the link that was mailed or posted."""

from __future__ import annotations

import re
from typing import IO, Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.generic import View

from core.errors import NotFound
from core.words import told
from logs.downloads import Download, open_download

# The link itself is the secret: nobody keeps the file, and no other page learns where it was.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class ExportedLogs(View):
    """The file behind a link. No sign-in: who has the link may have the file, until it expires."""

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

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        """Stream the file, or the one range of it that was asked for."""
        found = open_download(token)
        tag = f'"{found.sha256}"'
        asked = request.headers.get("Range", "")
        if request.headers.get("If-Range", tag) != tag:
            asked = ""  # a part of another file would not fit to what the caller has
        bounds = _bounds(asked, found.size)
        if bounds is None:
            response = _whole(found)
        elif bounds[0] > bounds[1]:
            found.file.close()
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{found.size}"})
        else:
            response = _part(found, *bounds)
        response.headers["ETag"] = tag
        response.headers["Accept-Ranges"] = "bytes"
        return response


def _whole(found: Download) -> FileResponse:
    return FileResponse(
        found.file,
        as_attachment=True,
        filename=found.name,
        content_type="application/json",
        headers={"Content-Length": str(found.size)},
    )


def _part(found: Download, first: int, last: int) -> FileResponse:
    found.file.seek(first)
    return FileResponse(
        _Part(found.file, last - first + 1),
        as_attachment=True,
        filename=found.name,
        content_type="application/json",
        status=206,
        headers={
            "Content-Length": str(last - first + 1),
            "Content-Range": f"bytes {first}-{last}/{found.size}",
        },
    )


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


class _Part:
    """The next ``left`` bytes of a file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self.file, self.left = file, left

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        self.file.close()
