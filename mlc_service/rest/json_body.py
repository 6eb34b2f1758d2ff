"""Reading a client's JSON so that nothing in it can trip what comes behind."""

from __future__ import annotations

import json
from typing import Any

import orjson
from fastapi import Request

from mlc_service.rest.errors import HttpProblem, bad_request

# Stored values are wrapped a few times before they are written, and the writer stops at 254 levels.
MAX_DEPTH = 100


def read_json(body: bytes) -> Any:
    """The parsed body, None for an empty one.

    Raises a 400 for what is not JSON in UTF-8, is nested over 100 deep, or holds a NUL character, which
    PostgreSQL cannot store. Integers beyond 64 bits arrive as floats.
    """
    if not body.strip():
        return None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpProblem(400, "JsonParseException", f"The body is not valid JSON: {error}") from error
    if b"\\u0000" in body:
        _refuse_nul(value)
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise bad_request(f"The body is nested more than {MAX_DEPTH} levels deep")
    return value


async def json_body(request: Request) -> Any:
    """FastAPI dependency: the request's body through `read_json`."""
    return read_json(await request.body())


def dump_json(value: Any) -> bytes:
    """The value as JSON, also if a script computed what orjson refuses: integers over 64 bits, deep nesting."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(value, default=str, ensure_ascii=True).encode()


def _refuse_nul(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise bad_request("The NUL character (\\u0000) is not allowed in a text")
        elif isinstance(item, dict):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _depth(value: Any) -> int:
    deepest = 0
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        deepest = max(deepest, depth)
        if isinstance(item, dict):
            pending.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list):
            pending.extend((child, depth + 1) for child in item)
    return deepest
