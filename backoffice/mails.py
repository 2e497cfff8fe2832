"""The operators' page of mails, where the instance writes them to files instead of sending them."""

from __future__ import annotations

import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404
from django.template.response import TemplateResponse

from permissions.checks import may_change_in_back_office

if TYPE_CHECKING:
    from email.message import EmailMessage

    from django.http import HttpRequest, HttpResponse

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
FILE_NAME = re.compile(r"\d{8}-\d{6}-\d+\.log", re.ASCII)
BETWEEN = re.compile(rb"^-{79}\n", re.MULTILINE)  # what the backend writes after each message
FILES_MAX = 500
FILE_BYTES_MAX = 256 * 1024
TEXT_MAX = 100_000
HEADER_MAX = 500
PAGE = 50
# What the standard library's parser of headers raises on broken ones, among them its own slips.
UNREADABLE = (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError)


@dataclass(frozen=True)
class Mail:
    """A mail in a file. ``number`` counts the mails of its file from 0; ``is_cut``: it is too long."""

    name: str
    number: int
    subject: str
    sender: str
    to: str
    at: datetime | None
    text: str
    is_cut: bool


def are_kept() -> bool:
    """Tell whether mails are written to files."""
    return bool(settings.EMAIL_BACKEND == FILE_BACKEND and getattr(settings, "EMAIL_FILE_PATH", None))


def file_names() -> list[str]:
    """Return the names of the newest files, newest first: their names begin with the time."""
    directory = Path(settings.EMAIL_FILE_PATH)
    if not directory.is_dir():
        return []
    found = [
        one.name
        for one in directory.iterdir()
        if FILE_NAME.fullmatch(one.name) and one.is_file() and not one.is_symlink()
    ]
    return sorted(found, reverse=True)[:FILES_MAX]


def read(name: str) -> list[Mail]:
    """Return the mails of one file, in the order they were written.

    Raises:
        Http404: there is no such file, or the name is not one that the backend gives.
    """
    path = Path(settings.EMAIL_FILE_PATH) / name
    # The pattern knows no slash: the path cannot leave the directory, and a link in it is not followed.
    if not FILE_NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
        raise Http404("There is no such mail")
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    is_cut = len(content) > FILE_BYTES_MAX
    parts = [part for part in BETWEEN.split(content[:FILE_BYTES_MAX]) if part.strip()]
    last = len(parts) - 1
    return [_mail(name, number, part, is_cut=is_cut and number == last) for number, part in enumerate(parts)]


def _mail(name: str, number: int, content: bytes, *, is_cut: bool) -> Mail:
    parsed = BytesParser(policy=email.policy.default).parsebytes(content)
    text = _text(parsed)
    return Mail(
        name=name,
        number=number,
        subject=_header(parsed, "Subject"),
        sender=_header(parsed, "From"),
        to=_header(parsed, "To"),
        at=_date(parsed),
        text=text[:TEXT_MAX],
        is_cut=is_cut or len(text) > TEXT_MAX,
    )


def _header(parsed: EmailMessage, name: str) -> str:
    try:
        return str(parsed.get(name, ""))[:HEADER_MAX]
    except UNREADABLE:
        return "(unreadable)"


def _date(parsed: EmailMessage) -> datetime | None:
    try:
        at: datetime | None = getattr(parsed.get("Date"), "datetime", None)
    except UNREADABLE:
        return None
    # "-0000", which Django writes, is UTC without a place.
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _text(parsed: EmailMessage) -> str:
    """Return the readable part: plain text, or the source of HTML, which is shown as text and never run."""
    try:
        part = parsed.get_body(preferencelist=("plain", "html"))
        payload = part.get_payload(decode=True) if part is not None else None
    except UNREADABLE:
        return "(unreadable)"
    if not isinstance(payload, bytes):
        return ""
    # Whatever charset the mail claims: nothing in it may break the page.
    return payload.decode("utf-8", errors="replace")


# Pages ---------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = admin.site.name
    may_read = may_change_in_back_office(request.user)  # type: ignore[arg-type]
    context = {**admin.site.each_context(request), "may_read": may_read, **context}
    return TemplateResponse(request, template, context)


def _only_where_kept() -> None:
    if not are_kept():
        raise Http404("This instance sends its mails")


def mail_list(request: HttpRequest) -> HttpResponse:
    """List the mails, newest first."""
    _only_where_kept()
    page = Paginator(file_names(), PAGE).get_page(request.GET.get("p"))
    found = [mail for name in page for mail in reversed(read(name))]
    return _page(request, "backoffice/mails.html", {"title": "Mails", "mails": found, "page": page})


def one_mail(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show a mail's text. Its links may carry secrets: not for read-only superusers."""
    _only_where_kept()
    if not may_change_in_back_office(request.user):  # type: ignore[arg-type]
        raise PermissionDenied
    found = read(name)
    if number >= len(found):
        raise Http404("There is no such mail")
    return _page(request, "backoffice/mail.html", {"title": "Mail", "mail": found[number]})
