"""Regular expressions from authors, matched where a runaway pattern can be stopped.

Python's `re` cannot be interrupted: one `(a+)+$` would hold a worker for ever. QuickJS checks a deadline while
it matches, and its dialect is close to Java's; what differs is rewritten by `pattern_dialect`. Patterns without any
special character never get that far.
"""

from __future__ import annotations

import json
import re

import quickjs

from mlc_service.language.pattern_dialect import BadPattern, Pattern, replacement_parts
from mlc_service.language.pattern_dialect import read as _read

__all__ = ["BadPattern", "matches", "replace", "split"]

DEADLINE_SECONDS = 0.5
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")
_MEMORY_BYTES = 64 * 1024 * 1024
_STACK_BYTES = 256 * 1024

_REPLACE = """(text, sought, parts) => text.replace(sought, (...found) => {
  const groups = found[found.length - 1];
  const named = typeof groups === 'object' ? groups : {};
  const count = found.findIndex((one, place) => place > 0 && typeof one === 'number');
  return parts.map((part) => {
    if (typeof part === 'string') return part;
    if (typeof part[0] === 'string') {
      if (!(part[0] in named)) throw new Error(`No group with name {${part[0]}}`);
      return named[part[0]] ?? '';
    }
    let digits = part[0];
    while (digits.length > 1 && Number(digits.join('')) >= count) digits = digits.slice(0, -1);
    const group = Number(digits.join(''));
    if (group >= count) throw new Error(`No group ${group}`);
    return (found[group] ?? '') + part[0].slice(digits.length).join('');
  }).join('');
})"""

# java.lang.String.split, step by step: no empty piece in front of an empty first match
_SPLIT = """(text, sought, limit) => {
  const pieces = [];
  let begin = 0, found;
  while ((found = sought.exec(text)) !== null) {
    const end = found.index + found[0].length;
    if (found[0] === '') sought.lastIndex++;
    if (limit > 0 && pieces.length === limit - 1) break;
    if (begin === 0 && end === 0) continue;
    pieces.push(text.slice(begin, found.index));
    begin = end;
  }
  if (begin === 0) return [text];
  pieces.push(text.slice(begin));
  return pieces;
}"""


def _evaluate(call: str, seconds: float) -> object:
    context = quickjs.Context()
    context.set_memory_limit(_MEMORY_BYTES)
    context.set_max_stack_size(_STACK_BYTES)
    limit = min(seconds, DEADLINE_SECONDS)
    context.set_time_limit(limit)
    try:
        return json.loads(context.eval(f"JSON.stringify({call})"))
    except quickjs.JSException as error:
        # with no memory left there is none for a message either
        reason = (str(error).splitlines() or ["null"])[0].replace("null", "it needs too much memory on this text")
        if "interrupted" in reason:
            reason = f"it takes longer than {limit:.1g} s on this text"
        raise BadPattern(f"regular expression not usable: {reason}") from None


def _regexp(pattern: Pattern, flags: str = "", *, whole: bool = False) -> str:
    source = f"^(?:{pattern.source})$" if whole else pattern.source
    return f"new RegExp({json.dumps(source)}, '{flags}{pattern.flags}')"


def matches(pattern: str, text: str, *, seconds: float = DEADLINE_SECONDS) -> bool:
    """Whether the whole text matches, as Java's `String.matches`."""
    if not _SPECIAL.search(pattern):
        return pattern == text
    sought = _regexp(_read(pattern), whole=True)
    return bool(_evaluate(f"{sought}.test({json.dumps(text)})", seconds))


def replace(pattern: str, replacement: str, text: str, *, every: bool, seconds: float = DEADLINE_SECONDS) -> str:
    """The text with the first or every match replaced; `$1` and `${name}` in the replacement stand for groups."""
    sought = _regexp(_read(pattern), "g" if every else "")
    parts = json.dumps(replacement_parts(replacement))
    return str(_evaluate(f"({_REPLACE})({json.dumps(text)}, {sought}, {parts})", seconds))


def split(pattern: str, text: str, limit: int = 0, *, seconds: float = DEADLINE_SECONDS) -> list[str]:
    """The pieces between matches, as Java's `String.split`: without empty ones at the end unless `limit` says so.

    A positive `limit` is the most pieces there are; a negative one keeps empty pieces at the end.
    """
    if pattern and not _SPECIAL.search(pattern):
        pieces = text.split(pattern, limit - 1) if limit > 0 else text.split(pattern)
    else:
        sought = _regexp(_read(pattern), "g")
        found = _evaluate(f"({_SPLIT})({json.dumps(text)}, {sought}, {limit})", seconds)
        pieces = [str(piece) for piece in found] if isinstance(found, list) else []
    while limit == 0 and len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    return pieces
