"""Logs go to standard error: readable on a terminal, one JSON object a line elsewhere.

A line says what it is about: the job and the instance that are being worked on (`about`), the request that is being
answered (`about_request`), the trace it belongs to. What is secret does not get out: see `masked`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mlc_service import tracing

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]

_HIDDEN = "***"
_SECRET_NAME = re.compile(r"(?i)(^|[_-])(password|passwd|pwd|secret|token|authorization|cookie|api_?key)$")
# in this order: a password in an address, a header, a query or connection string, a JSON text
_SECRET_TEXTS = (
    re.compile(r"(?P<before>://[^\s/@:\"']*:)[^\s@\"']+(?=@)"),
    re.compile(r"(?P<before>\b(?:Bearer|Basic) +)(?!realm=)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)(?P<before>\b\w*(?:password|passwd|pwd|secret|token|api_?key)=)[^\s&;,\"'\\]+"),
    re.compile(
        r"(?i)(?P<before>[\"']\w*(?:password|passwd|pwd|secret|token|authorization|api_?key)\\?[\"']\s*:\s*\\?[\"'])"
        r"[^\"'\\]+"
    ),
)

_request: ContextVar[Callable[[], Mapping[str, Any]] | None] = ContextVar("request", default=None)


def about(**facts: str | None) -> AbstractContextManager[None]:
    """Every line that is written within the block, in this thread, carries these facts (those that are not None)."""
    known = {name: value for name, value in facts.items() if value is not None}
    # typed as a generator by structlog
    return structlog.contextvars.bound_contextvars(**known)


def about_request(facts: Callable[[], Mapping[str, Any]]) -> None:
    """Every line that is written for this request carries `facts()`: they are asked anew, for more becomes known."""
    _request.set(facts)


def configure(level: LogLevel = "info", format: LogFormat | None = None) -> None:
    """structlog and the standard library write the same form; `format` is chosen by what standard error is.

    Of libraries, warnings and worse are written; at level `debug` also what they call information.
    """
    on_terminal = sys.stderr.isatty() if format is None else format == "console"
    known: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request,
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_values,
    ]
    # local variables would put passwords and request bodies on the screen
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    rendered: list[Processor] = [plain if on_terminal else structlog.processors.JSONRenderer(), _mask_line]
    structlog.configure(
        processors=[*known, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *known],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_values, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel({"debug": logging.INFO, "error": logging.ERROR}.get(level, logging.WARNING))
    logging.captureWarnings(True)


def masked(text: str) -> str:
    """The text without passwords and tokens, as far as they can be told from the rest."""
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(rf"\g<before>{_HIDDEN}", text)
    return text


def mask_values(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """A processor: values whose names say that they are secret are hidden, at any depth."""
    return {name: _masked_value(name, value) for name, value in event.items()}


def _masked_value(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {key: _masked_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked_value("", inner) for inner in value]
    return value


def _mask_line(_logger: WrappedLogger, _name: str, line: Any) -> str:
    return masked(str(line))


def _add_request(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    facts = _request.get()
    return event if facts is None else {**facts(), **event}


def _add_trace(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {**tracing.current_ids(), **event}
