"""How log lines are written: JSON for machines, plain for a terminal; each with its request's id."""

from __future__ import annotations

import logging
import re
from json import dumps
from typing import TYPE_CHECKING

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

# Addresses whose next part is as good as a password: links that were mailed, and a token of a wire.
# They come inside of other addresses, too: as where somebody who has to sign in wants to go.
_PARTS = "recover|verify|invitations|exportedlogs|teaminvite|tokens"
LINKS = re.compile(
    rf"(/(?:{_PARTS})/)[^/\s\"'?#]+|(%2F(?:{_PARTS})%2F)(?:(?!%2F)[^/\s\"'?#&])+", re.IGNORECASE
)


def formatter(*, json: bool) -> logging.Formatter:
    """Return the formatter for stdlib and structlog records alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(_json) if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, without_links, renderer],
    )


def _json(told: dict[str, object], default: Callable[[object], object]) -> str:
    try:
        return orjson.dumps(told, default=default).decode()
    except TypeError:  # numbers beyond 64 bits, halves of characters: no line is lost for them
        return dumps(told, default=default)


def without_links(
    logger: structlog.typing.WrappedLogger, method: str, told: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Leave out of each text of a line the part of an address that works for whoever has it."""
    return {name: _without_links(value) for name, value in told.items()}


def _without_links(value: object) -> object:
    # A request, which Django's own lines carry, is written as what it says of itself: its whole address.
    written = value if isinstance(value, str) else repr(value)
    found, number = LINKS.subn(lambda match: f"{match[1] or match[2]}…", written)
    return found if number else value
