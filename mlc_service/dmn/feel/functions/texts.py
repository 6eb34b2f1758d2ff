"""String functions (DMN 1.5 §10.3.4.3). Positions count from 1, characters are code points."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from mlc_service.dmn.feel.functions.registry import function
from mlc_service.dmn.feel.values import EvaluationLimit, to_text

_MAX_SUBJECT = 10_000
_MAX_UNBOUNDED = 8
_FLAGS = {"s": re.DOTALL, "m": re.MULTILINE, "i": re.IGNORECASE, "x": re.VERBOSE}
_CLASS = re.compile(r"\[\^?(\]?(?:\\.|[^\]\\])*)\]", re.DOTALL)
# subtraction of classes is XPath, and not Python's; the doubled ones Python may give a meaning to one day
_SET_MARKS = ("[", "--", "&&", "||", "~~")
_QUANTIFIER = re.compile(r"[*+]|\{\d*,\}")


@function("string", "from:any")
def string(value: Any) -> str | None:
    return None if value is None else to_text(value)


@function("substring", "string:string, start position:number, length:number?")
def substring(text: str, start: Decimal, length: Decimal | None = None) -> str | None:
    at, size = int(start), len(text)
    if at == 0 or abs(at) > size or (length is not None and length < 1):
        return None
    begin = at - 1 if at > 0 else size + at
    return text[begin:] if length is None else text[begin : begin + int(length)]


@function("string length", "string:string")
def string_length(text: str) -> Decimal:
    return Decimal(len(text))


@function("upper case", "string:string")
def upper_case(text: str) -> str:
    return text.upper()


@function("lower case", "string:string")
def lower_case(text: str) -> str:
    return text.lower()


@function("trim", "string:string")
def trim(text: str) -> str:
    return text.strip()


@function("substring before", "string:string, match:string")
def substring_before(text: str, match: str) -> str:
    return text.partition(match)[0] if match and match in text else ""


@function("substring after", "string:string, match:string")
def substring_after(text: str, match: str) -> str:
    if not match:
        return text
    return text.partition(match)[2]


@function("contains", "string:string, match:string")
def contains(text: str, match: str) -> bool:
    return match in text


@function("starts with", "string:string, match:string")
def starts_with(text: str, match: str) -> bool:
    return text.startswith(match)


@function("ends with", "string:string, match:string")
def ends_with(text: str, match: str) -> bool:
    return text.endswith(match)


@function("matches", "input:string, pattern:string, flags:string?")
def matches(text: str, pattern: str, flags: str | None = None) -> bool | None:
    found = _pattern(pattern, flags or "")
    return None if found is None else found.search(_subject(text)) is not None


@function("replace", "input:string, pattern:string, replacement:string, flags:string?")
def replace(text: str, pattern: str, replacement: str, flags: str | None = None) -> str | None:
    found = _pattern(pattern, flags or "")
    if found is None:
        return None
    template = _template(replacement, found.groups, literal="q" in (flags or ""))
    if template is None:
        return None
    return found.sub(
        lambda match: "".join(part if isinstance(part, str) else match[part] or "" for part in template),
        _subject(text),
    )


@function("split", "string:string, delimiter:string")
def split(text: str, delimiter: str) -> list[str] | None:
    found = _pattern(delimiter, "")
    if found is None:
        return None
    parts, last = [], 0
    for match in found.finditer(_subject(text)):
        parts.append(text[last : match.start()])
        last = match.end()
    return [*parts, text[last:]]


@function("string join", "list:list, delimiter:string?")
@function("string join", "list:list, delimiter:any, prefix:string, suffix:string")
def string_join(
    items: list[Any], delimiter: Any = None, prefix: str | None = None, suffix: str | None = None
) -> str | None:
    if delimiter is not None and not isinstance(delimiter, str):
        return None
    if not all(item is None or isinstance(item, str) for item in items):
        return None
    joined = (delimiter or "").join(item for item in items if item is not None)
    return (prefix or "") + joined + (suffix or "")


def _subject(text: str) -> str:
    if len(text) > _MAX_SUBJECT:
        raise EvaluationLimit(f"patterns are matched against texts of at most {_MAX_SUBJECT} characters")
    return text


@lru_cache(maxsize=512)
def _pattern(pattern: str, flags: str) -> re.Pattern[str] | None:
    """The compiled pattern, or None for one that is not valid; XPath and Python agree on all but rare corners."""
    if not set(flags) <= {*_FLAGS, "q"}:
        return None
    if any(mark in found[1] for found in _CLASS.finditer(pattern) for mark in _SET_MARKS):
        return None
    _refuse_explosive(pattern)
    options = re.NOFLAG
    for flag in flags.replace("q", ""):
        options |= _FLAGS[flag]
    try:
        return re.compile(re.escape(pattern) if "q" in flags else pattern, options)
    except (re.error, OverflowError, RecursionError):
        return None


def _refuse_explosive(pattern: str) -> None:
    """Python's `re` backtracks: a repetition inside a repetition, or many in a row, could run for hours."""
    open_groups, unbounded, at = [False], 0, 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 2
            continue
        class_of_letters = _CLASS.match(pattern, at)
        if class_of_letters:
            at = class_of_letters.end() - 1
        elif letter == "(":
            open_groups.append(False)
        elif letter == ")" and len(open_groups) > 1:
            inner = open_groups.pop()
            repeated = _QUANTIFIER.match(pattern, at + 1) is not None
            if inner and repeated:
                raise EvaluationLimit("a pattern that repeats a repetition can take for ever")
            open_groups[-1] = open_groups[-1] or inner or repeated
        elif _QUANTIFIER.match(pattern, at):
            unbounded += 1
            open_groups[-1] = True
        at += 1
    if unbounded > _MAX_UNBOUNDED:
        raise EvaluationLimit(f"a pattern with more than {_MAX_UNBOUNDED} open repetitions can take for ever")


def _template(replacement: str, groups: int, *, literal: bool) -> list[str | int] | None:
    """The parts of an XPath replacement: `$1` a group, `\\$` and `\\\\` the letters; None if it is not valid."""
    if literal:
        return [replacement]
    parts: list[str | int] = []
    at = 0
    while at < len(replacement):
        letter, following = replacement[at], replacement[at + 1 : at + 2]
        if letter == "\\":
            if following not in ("\\", "$"):
                return None
            parts.append(following)
            at += 2
        elif letter == "$":
            if not following.isdigit():
                return None
            group = int(following)
            parts.append(group if group <= groups else "")
            at += 2
        else:
            parts.append(letter)
            at += 1
    return parts
