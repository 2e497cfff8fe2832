"""Telling that an export is over: a POST to the callback URL, then a mail (quay-b.md 5.4)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import orjson
from django.conf import settings

from accounts.selectors import language_of
from core import egress
from core.languages import speaking
from core.letters import letter
from core.words import say, told
from logs.formats import date_range

if TYPE_CHECKING:
    from logs.models import LogExport

log = logging.getLogger(__name__)

Outcome = Literal["success", "failed"]
SUBJECT = say("Export Action Logs Complete")


class Untold(Exception):
    """Nobody could be told; ``str()`` is fit for people. ``final`` when trying again does not help."""

    def __init__(self, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.final = final


def call_back(export: LogExport, outcome: Outcome, link: str) -> None:
    """POST the outcome to the callback URL; only the status 200 counts.

    Raises:
        Untold: no answer, or another one.
    """
    first, last = date_range(export)
    body = {
        "export_id": str(export.uuid),
        "start_time": f"{first:%m/%d/%Y}",
        "end_time": f"{last:%m/%d/%Y}",
        "namespace": export.namespace_name or None,
        "repository": export.project_name or None,
        "exported_data_url": link or None,
        "status": outcome,
    }
    try:
        reply = egress.post(
            export.callback_url, body=orjson.dumps(body), headers={"Content-Type": "application/json"}
        )
    except egress.Refused as error:
        raise Untold(f"The callback URL may not be called: {error}", final=True) from error
    except egress.Failed as error:
        raise Untold(f"The callback URL could not be reached: {error}") from error
    if reply.status != 200:
        raise Untold(f"The callback URL answered {reply.status}, not 200.")


def mail(export: LogExport, outcome: Outcome, link: str, problem: str) -> None:
    """Mail the outcome, with the link where there is a file. ``problem`` is a sentence for people, or empty.

    Raises:
        Untold: the mail was not taken.
    """
    first, last = date_range(export)
    context = {
        "export": export,
        "whose": "/".join(filter(None, [export.namespace_name, export.project_name])),
        "outcome": outcome,
        "first": first,
        "last": last,
        "link": link,
        "seconds": settings.EXPORT_LINK_SECONDS,
        "attempts": settings.EXPORT_ATTEMPTS,
        "problem": problem,
    }
    with speaking(language_of([export.callback_email])):
        context["whose"] = context["whose"] or told(say("the whole instance"))
        context["problem"] = told(problem)
        message = letter(
            "log_export",
            subject=told(SUBJECT),
            to=[export.callback_email],
            words=context,
            key=f"{export.uuid}.{outcome}",
        )
    try:
        message.send()
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Export %s: mail not sent: %s", export.uuid, error)
        raise Untold(say("The mail could not be sent.")) from error
