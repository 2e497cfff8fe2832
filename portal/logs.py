"""How log lines are written: JSON for machines, plain for a terminal; each with its request's id."""

import logging
import re

import structlog

# Addresses whose next part is as good as a password: links that were mailed, and a token of a wire.
LINKS = re.compile(r"/(recover|verify|invitations|exportedlogs|teaminvite|tokens)/[^/\s\"'?#]+")


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
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, without_links, renderer],
    )


def without_links(
    logger: structlog.typing.WrappedLogger, method: str, told: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Leave out of each text of a line the part of an address that works for whoever has it."""
    return {
        name: LINKS.sub(r"/\1/…", value) if isinstance(value, str) else value for name, value in told.items()
    }
