"""Messages to everybody: written and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.db import insert
from core.errors import Invalid, NotFound
from core.words import say
from logs.kinds import (
    CREATE_MESSAGE,
    DELETE_MESSAGE,
)
from logs.record import record
from notifications.models import GlobalMessage
from permissions.catalogue import (
    MESSAGE_MANAGE,
)
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def create_message(*, actor: Actor, content: str, severity: str, media_type: str) -> GlobalMessage:
    """Write a message that every wire and the console show to everybody (quay-a.md 5.3).

    Raises:
        Forbidden: only superusers.
        Invalid: no content, or an unknown severity or media type.
    """
    require(actor, MESSAGE_MANAGE)
    if not content.strip():
        raise Invalid("A message has content", field="content")
    message = GlobalMessage(content=content, severity=severity, media_type=media_type)
    insert(message, taken=say("The message exists already"))
    record(CREATE_MESSAGE, actor=actor, uuid=str(message.uuid), severity=severity)
    return message


@transaction.atomic
def delete_message(*, actor: Actor, message: GlobalMessage) -> None:
    """Remove a message to everybody.

    Raises:
        Forbidden: only superusers.
        NotFound: somebody else removed it just now.
    """
    require(actor, MESSAGE_MANAGE)
    gone, _ = GlobalMessage.objects.filter(pk=message.pk).delete()
    if not gone:
        raise NotFound("There is no such message", absent="message")
    record(DELETE_MESSAGE, actor=actor, uuid=str(message.uuid))
