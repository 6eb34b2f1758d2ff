"""Regular expressions from authors, matched where a runaway pattern can be stopped.

Python's `re` cannot be interrupted: one `(a+)+$` would hold a worker for ever. QuickJS checks a deadline while
it matches, and its dialect is close to Java's. Patterns without any special character never get that far.
"""

from __future__ import annotations

import json
import re

import quickjs

_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")
_DEADLINE_SECONDS = 0.5
_MEMORY_BYTES = 16 * 1024 * 1024
_STACK_BYTES = 256 * 1024


class BadPattern(ValueError):
    """A pattern that cannot be read, or takes too long on this text."""


def _evaluate(call: str) -> object:
    context = quickjs.Context()
    context.set_memory_limit(_MEMORY_BYTES)
    context.set_max_stack_size(_STACK_BYTES)
    context.set_time_limit(_DEADLINE_SECONDS)
    try:
        return json.loads(context.eval(f"JSON.stringify({call})"))
    except quickjs.JSException as error:
        reason = str(error).splitlines()[0]
        if "interrupted" in reason:
            reason = f"it takes longer than {_DEADLINE_SECONDS} s on this text"
        raise BadPattern(f"regular expression not usable: {reason}") from None


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches, as Java's `String.matches`."""
    if not _SPECIAL.search(pattern):
        return pattern == text
    whole = json.dumps(f"^(?:{pattern})$")
    return bool(_evaluate(f"new RegExp({whole}).test({json.dumps(text)})"))


def replace(pattern: str, replacement: str, text: str, *, every: bool) -> str:
    """The text with the first or every match replaced; `$1` in the replacement stands for a group."""
    flags = "g" if every else ""
    sought = f"new RegExp({json.dumps(pattern)}, '{flags}')"
    return str(_evaluate(f"{json.dumps(text)}.replace({sought}, {json.dumps(replacement)})"))


def split(pattern: str, text: str) -> list[str]:
    """The pieces between matches, without empty ones at the end, as Java's `String.split`."""
    if pattern and not _SPECIAL.search(pattern):
        pieces = text.split(pattern)
    else:
        found = _evaluate(f"{json.dumps(text)}.split(new RegExp({json.dumps(pattern)}))")
        pieces = [str(piece) for piece in found] if isinstance(found, list) else []
    while len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    return pieces
