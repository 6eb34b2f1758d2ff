"""Camunda's http-connector: a service task that calls a server.

    <camunda:connector>
      <camunda:connectorId>http-connector</camunda:connectorId>
      <camunda:inputOutput>
        <camunda:inputParameter name="url">https://example.org/orders</camunda:inputParameter>
        …

The connector's input parameters are this delegate's variables; its output parameters see what it writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from delegates.http_calls import (
    CONNECT_SECONDS,
    METHODS,
    REDIRECTS,
    SILENCE_SECONDS,
    WHOLE_SECONDS,
    WITHOUT_PAYLOAD,
    Call,
    NoAnswer,
    send,
)
from delegates.variables import optional_document
from mlc_service.delegate_api import DelegateExecution, delegate

_MOST_REDIRECTS = 20
# options of Camunda's request-config, in milliseconds
_CONNECT = ("connection-timeout",)
_SILENCE = ("response-timeout", "socket-timeout")
_KNOWN = {*_CONNECT, *_SILENCE, "redirects-enabled", "max-redirects", "throw-http-error"}


class ErrorAnswer(Exception):
    """The server answered with an error, and the diagram says that this is a failure."""

    def __init__(self, call: Call, status: int, text: str | None) -> None:
        self.status = status
        super().__init__(f"{call.method} was answered with {status}: {(text or '')[:500]}")


@delegate(
    "http-connector",
    reads=("url", "method", "headers", "payload", "request-config"),
    writes=("statusCode", "response", "headers"),
)
def http_connector(execution: DelegateExecution) -> None:
    """statusCode, response (text) and headers are a server's answer to method, url, headers and payload.

    An answer with an error status is an answer, unless `throw-http-error` in request-config says otherwise; anything
    else that goes wrong fails the try. Each try sends the same Idempotency-Key, so that a server which knows that
    header does its work once.
    """
    options = optional_document(execution, "request-config") or {}
    ignored = sorted(set(options) - _KNOWN)
    if ignored:
        execution.log("http_connector_options_ignored", options=ignored)
    call = _call(execution, options)
    answer = send(call)
    execution.log("http_connector_called", method=call.method, status=answer.status)
    if answer.status >= 400 and _is_true(options.get("throw-http-error", False)):
        raise ErrorAnswer(call, answer.status, answer.text)
    execution.set("statusCode", answer.status)
    execution.set("response", answer.text)
    execution.set("headers", answer.headers)


def _call(execution: DelegateExecution, options: Mapping[str, Any]) -> Call:
    url = execution.required("url", str)
    method = execution.required("method", str).strip().upper()
    if method not in METHODS:
        raise NoAnswer(f"{method[:40]!r} is no method; there are {', '.join(METHODS)}")
    headers = {
        str(name): _as_text(value)
        for name, value in (optional_document(execution, "headers") or {}).items()
        if value is not None
    }
    given = {name.lower() for name in headers}
    if "idempotency-key" not in given:
        headers["Idempotency-Key"] = execution.idempotency_key
    payload = None if method in WITHOUT_PAYLOAD else execution.get("payload")
    if isinstance(payload, dict | list) and "content-type" not in given:
        headers["Content-Type"] = "application/json"
    return Call(
        method=method,
        url=url,
        headers=headers,
        payload=None if payload is None else _as_text(payload).encode(),
        connect_seconds=_seconds(options, _CONNECT, CONNECT_SECONDS),
        silence_seconds=_seconds(options, _SILENCE, SILENCE_SECONDS),
        redirects=_redirects(options),
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _seconds(options: Mapping[str, Any], names: tuple[str, ...], default: float) -> float:
    """The first of these options that is there and positive, in seconds; none waits for ever."""
    for name in names:
        milliseconds = _whole_number(options, name)
        if milliseconds:
            return min(milliseconds / 1000, WHOLE_SECONDS)
    return default


def _redirects(options: Mapping[str, Any]) -> int:
    if not _is_true(options.get("redirects-enabled", True)):
        return 0
    wanted = _whole_number(options, "max-redirects")
    return REDIRECTS if wanted is None else min(wanted, _MOST_REDIRECTS)


def _whole_number(options: Mapping[str, Any], name: str) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    text = str(value).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise NoAnswer(f"request-config: {name} must be a whole number, not {text[:40]!r}")
    return int(text)


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")
