"""String functions (DMN 1.5 §10.3.4.3). Positions count from 1, characters are code points."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel.functions.registry import function
from mlc_service.dmn.feel.patterns import pattern_of
from mlc_service.dmn.feel.scope import Run
from mlc_service.dmn.feel.values import EvaluationLimit, to_text

MAX_SUBJECT = 10_000


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


@function("matches", "input:string, pattern:string, flags:string?", needs_run=True)
def matches(run: Run, text: str, pattern: str, flags: str | None = None) -> bool | None:
    found = pattern_of(pattern, flags or "")
    if found is None:
        return None
    with run.timed():
        return found.search(_subject(text))


@function("replace", "input:string, pattern:string, replacement:string, flags:string?", needs_run=True)
def replace(run: Run, text: str, pattern: str, replacement: str, flags: str | None = None) -> str | None:
    found = pattern_of(pattern, flags or "")
    if found is None:
        return None
    template = _template(replacement, found.groups, literal="q" in (flags or ""))
    if template is None:
        return None
    with run.timed():
        return found.replace(_subject(text), template)


@function("split", "string:string, delimiter:string", needs_run=True)
def split(run: Run, text: str, delimiter: str) -> list[str] | None:
    found = pattern_of(delimiter, "")
    if found is None:
        return None
    with run.timed():
        return found.split(_subject(text))


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
    if len(text) > MAX_SUBJECT:
        raise EvaluationLimit(f"patterns are matched against texts of at most {MAX_SUBJECT} characters")
    return text


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
