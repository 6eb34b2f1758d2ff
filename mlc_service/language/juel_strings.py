"""The methods of java.lang.String inside expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlc_service.language import patterns
from mlc_service.language.juel_budget import remaining_seconds
from mlc_service.language.juel_values import MAX_TEXT, CannotCoerce, bounded, to_long, to_text

_UP_TO_SPACE = "".join(map(chr, range(0x21)))  # what Java's trim() takes off


def _substring(text: str, begin: Any, end: Any = None) -> str:
    first, last = to_long(begin), len(text) if end is None else to_long(end)
    if not 0 <= first <= last <= len(text):
        raise CannotCoerce(f"begin {first}, end {last}, length {len(text)}")
    return text[first:last]


def _replace(text: str, target: Any, replacement: Any) -> str:
    sought, put = to_text(target), to_text(replacement)
    if len(text) + (text.count(sought) * len(put)) > MAX_TEXT:
        raise CannotCoerce(f"the text is longer than {MAX_TEXT} characters")
    return text.replace(sought, put)


def _replace_all(text: str, regex: Any, replacement: Any) -> str:
    found = patterns.replace(to_text(regex), to_text(replacement), text, every=True, seconds=remaining_seconds())
    return bounded(found)


def _replace_first(text: str, regex: Any, replacement: Any) -> str:
    found = patterns.replace(to_text(regex), to_text(replacement), text, every=False, seconds=remaining_seconds())
    return bounded(found)


def _matches(text: str, regex: Any) -> bool:
    return patterns.matches(to_text(regex), text, seconds=remaining_seconds())


def _split(text: str, regex: Any, limit: Any = 0) -> list[str]:
    return patterns.split(to_text(regex), text, to_long(limit), seconds=remaining_seconds())


def _repeat(text: str, count: Any) -> str:
    times = to_long(count)
    if times < 0 or len(text) * times > MAX_TEXT:
        raise CannotCoerce(f"count {times} is out of range")
    return text * times


def _char_at(text: str, index: Any) -> str:
    place = to_long(index)
    if not 0 <= place < len(text):
        raise CannotCoerce(f"String index out of range: {place}")
    return text[place]


def compare_texts(left: str, right: str) -> int:
    """As String.compareTo: the distance of the first characters that differ, else of the lengths."""
    for one, other in zip(left, right, strict=False):
        if one != other:
            return ord(one) - ord(other)
    return len(left) - len(right)


STRING_METHODS: dict[str, Callable[..., Any]] = {
    "length": lambda text: len(text),
    "isEmpty": lambda text: not text,
    "isBlank": lambda text: not text.strip(),
    "equals": lambda text, other: isinstance(other, str) and text == other,
    "equalsIgnoreCase": lambda text, other: isinstance(other, str) and text.lower() == other.lower(),
    "contentEquals": lambda text, other: text == to_text(other),
    "contains": lambda text, part: to_text(part) in text,
    "startsWith": lambda text, prefix, offset=0: text.startswith(to_text(prefix), max(0, to_long(offset))),
    "endsWith": lambda text, suffix: text.endswith(to_text(suffix)),
    "indexOf": lambda text, part, start=0: text.find(to_text(part), max(0, to_long(start))),
    "lastIndexOf": lambda text, part: text.rfind(to_text(part)),
    "charAt": _char_at,
    "substring": _substring,
    "toLowerCase": lambda text: text.lower(),
    "toUpperCase": lambda text: text.upper(),
    "trim": lambda text: text.strip(_UP_TO_SPACE),
    "strip": lambda text: text.strip(),
    "stripLeading": lambda text: text.lstrip(),
    "stripTrailing": lambda text: text.rstrip(),
    "concat": lambda text, other: bounded(text + to_text(other)),
    "repeat": _repeat,
    "replace": _replace,
    "replaceAll": _replace_all,
    "replaceFirst": _replace_first,
    "matches": _matches,
    "split": _split,
    "compareTo": lambda text, other: compare_texts(text, to_text(other)),
    "compareToIgnoreCase": lambda text, other: compare_texts(text.lower(), to_text(other).lower()),
    "toString": lambda text: text,
    "name": lambda text: text,
    "intern": lambda text: text,
}
