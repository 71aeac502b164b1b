"""Structured logs: JSON in service, readable in a terminal, a context per piece of work, and nothing personal or secret in them."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_HIDDEN = frozenset(
    {"secret", "secrets", "password", "token", "authorization", "signature", "email", "to", "body", "headers", "name", "address"}
)

# Local variables hold bodies and secrets: a traceback names places only.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def redact(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of keys that may hold personal data or secrets; log identifiers instead. What a terminal would obey, or take for
    the end of the line, is written out."""
    for key, value in event.items():
        if key in _HIDDEN:
            event[key] = "[redacted]"
        elif isinstance(value, str) and not value.isprintable():
            event[key] = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in value)
    return event


def configure(level: str = "info", format: Literal["auto", "json", "console"] = "auto") -> None:
    """Set up structlog and send the standard library's records the same way, to standard error."""
    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    final: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiosqlite", "asyncio", "procrastinate", "tortoise", "aiohttp.access", "mail.log", "tortoise.db_client"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for silent in ("fontTools", "pikepdf"):
        logging.getLogger(silent).setLevel(logging.ERROR)
