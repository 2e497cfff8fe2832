"""Asking the owner of an address whether it may be told about a project (quay-b.md 4.4).

Rows are the queue of the mails, as deliveries are: a worker claims one, makes the code of its link, keeps the
code's digest and mails the link. So the code is nowhere but in the mail.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from accounts.selectors import language_of
from core.batches import delete_in_batches
from core.languages import speaking
from core.letters import letter
from core.seal import digest
from core.words import say, told
from notifications.models import AuthorizedAddress

if TYPE_CHECKING:
    from datetime import datetime

    from django.core.mail import EmailMultiAlternatives

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=7)
PAUSE = timedelta(minutes=2)  # until a mail that could not be sent, or whose worker died, is tried again
ATTEMPTS = 5


def due(limit: int) -> list[int]:
    """Return the addresses that are owed a mail now."""
    rows = AuthorizedAddress.objects.filter(mail_due_at__lte=timezone.now()).order_by("mail_due_at", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def ask(address_id: int) -> None:
    """Mail the link to an address, if it is owed one and nobody else is at it."""
    now, code = timezone.now(), secrets.token_urlsafe(32)
    mine = AuthorizedAddress.objects.filter(
        pk=address_id, mail_due_at__lte=now, confirmed_at=None, project__deleted_at=None
    )
    claimed = mine.update(
        code_digest=digest(code),
        expires_at=now + LIFETIME,
        attempts=F("attempts") + 1,
        mail_due_at=now + PAUSE,
    )
    if not claimed:
        _let_be(address_id, now)
        return
    row = AuthorizedAddress.objects.select_related("project__namespace").get(pk=address_id)
    try:
        _message(row, code).send()
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Address %s: mail not sent: %s", address_id, error)
        if row.attempts < ATTEMPTS:
            return
    AuthorizedAddress.objects.filter(pk=address_id, code_digest=digest(code)).update(mail_due_at=None)


def _let_be(address_id: int, now: datetime) -> None:
    """Owe nothing to what was confirmed meanwhile, or whose project is gone."""
    AuthorizedAddress.objects.filter(pk=address_id, mail_due_at__lte=now).update(mail_due_at=None)


def _message(row: AuthorizedAddress, code: str) -> EmailMultiAlternatives:
    path = f"{row.project.namespace.name}/{row.project.slug}"
    words = {
        "path": path,
        "link": f"{settings.PUBLIC_URL}/authrepoemail?{urlencode({'code': code})}",
        "days": LIFETIME.days,
    }
    with speaking(language_of([row.email])):
        return letter(
            "address",
            subject=told(say("May {path} write to this address?", path=path)),
            to=[row.email],
            words=words,
            key=secrets.token_hex(16),
        )


def prune() -> None:
    """Forget addresses whose link was never followed."""
    old = timezone.now() - LIFETIME
    delete_in_batches(AuthorizedAddress.objects.filter(confirmed_at=None, asked_at__lt=old))
