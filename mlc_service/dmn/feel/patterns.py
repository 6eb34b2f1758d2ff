"""XPath's regular expressions, which FEEL uses (DMN 1.5 §10.3.4.3), matched where a runaway pattern can be stopped.

Python's `re` cannot be interrupted. QuickJS looks at a clock while it matches, and its `v` patterns can say all that
XPath's can; `translated` writes one as the other.
"""

from __future__ import annotations

import json
import re
import threading
from functools import lru_cache
from typing import Any, NoReturn

import quickjs

from mlc_service.dmn.feel.values import EvaluationLimit

DEADLINE_SECONDS = 0.5
MEMORY_BYTES = 32 * 1024 * 1024
_STACK_BYTES = 512 * 1024
_MAX_NESTING = 50
_PRELUDE = """
const kept = new Map();
function compiled(pattern, flags) {
  const key = flags + '/' + pattern;
  let found = kept.get(key);
  if (!found) {
    if (kept.size > 200) kept.clear();
    kept.set(key, found = new RegExp(pattern, flags));
  }
  found.lastIndex = 0;
  return found;
}
function run(asked) {
  const {what, pattern, flags, text, template} = JSON.parse(asked);
  const sought = compiled(pattern, flags);
  if (what === 'search') return JSON.stringify(sought.test(text));
  if (what === 'replace') {
    const put = (...found) => template.map(part => typeof part === 'string' ? part : found[part] ?? '').join('');
    return JSON.stringify(text.replace(sought, put));
  }
  const parts = [];
  let last = 0;
  for (const found of text.matchAll(sought)) {
    parts.push(text.slice(last, found.index));
    last = found.index + found[0].length;
  }
  return JSON.stringify([...parts, text.slice(last)]);
}
"""
_FLAGS = frozenset("smixq")
_SPACE = " \t\n\r"
_NAME_START = r":A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C\u200D\u2070-\u218F"
_NAME_START += r"\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\u{10000}-\u{EFFFF}"
_NAME_PART = _NAME_START + r"\-.0-9\u00B7\u0300-\u036F\u203F\u2040"
_WORD = r"[\p{P}\p{Z}\p{C}]"
_CLASSES = {
    "d": r"\p{Nd}", "D": r"\P{Nd}", "s": r"[ \t\n\r]", "S": r"[^ \t\n\r]", "w": r"[^\p{P}\p{Z}\p{C}]", "W": _WORD,
    "i": f"[{_NAME_START}]", "I": f"[^{_NAME_START}]", "c": f"[{_NAME_PART}]", "C": f"[^{_NAME_PART}]",
}  # fmt: skip
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", **{mark: mark for mark in r"\|.?*+(){}$-[]^"}}
_CATEGORY = re.compile(r"(?:L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|Z[slp]?|S[mcko]?|C[cfon]?)")
_COUNT = re.compile(r"\{(\d{1,6})(?:(,)(\d{1,6})?)?\}")
# the blocks of Unicode that authors may be expected to name; JavaScript has none
BLOCKS = {
    "BasicLatin": (0x0, 0x7F), "Latin-1Supplement": (0x80, 0xFF), "LatinExtended-A": (0x100, 0x17F),
    "LatinExtended-B": (0x180, 0x24F), "IPAExtensions": (0x250, 0x2AF), "SpacingModifierLetters": (0x2B0, 0x2FF),
    "CombiningDiacriticalMarks": (0x300, 0x36F), "Greek": (0x370, 0x3FF), "GreekandCoptic": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x4FF), "Armenian": (0x530, 0x58F), "Hebrew": (0x590, 0x5FF), "Arabic": (0x600, 0x6FF),
    "Devanagari": (0x900, 0x97F), "Bengali": (0x980, 0x9FF), "Thai": (0xE00, 0xE7F), "Georgian": (0x10A0, 0x10FF),
    "HangulJamo": (0x1100, 0x11FF), "LatinExtendedAdditional": (0x1E00, 0x1EFF), "GreekExtended": (0x1F00, 0x1FFF),
    "GeneralPunctuation": (0x2000, 0x206F), "CurrencySymbols": (0x20A0, 0x20CF), "Arrows": (0x2190, 0x21FF),
    "MathematicalOperators": (0x2200, 0x22FF), "BoxDrawing": (0x2500, 0x257F), "Hiragana": (0x3040, 0x309F),
    "Katakana": (0x30A0, 0x30FF), "CJKUnifiedIdeographs": (0x4E00, 0x9FFF), "HangulSyllables": (0xAC00, 0xD7A3),
    "PrivateUse": (0xE000, 0xF8FF),
}  # fmt: skip


class Pattern:
    """A pattern that can be matched; `groups` is how many parentheses it has."""

    __slots__ = ("_flags", "_pattern", "groups")

    def __init__(self, pattern: str, flags: str, groups: int) -> None:
        self._pattern = pattern
        self._flags = "v" + flags
        self.groups = groups

    def search(self, text: str) -> bool:
        """Whether the pattern is found anywhere. Raises EvaluationLimit."""
        return bool(self._run("search", text))

    def replace(self, text: str, template: list[str | int]) -> str:
        """The text with every match replaced by the parts, a number being a group. Raises EvaluationLimit."""
        return str(self._run("replace", text, template))

    def split(self, text: str) -> list[str]:
        """The pieces between the matches. Raises EvaluationLimit."""
        found = self._run("split", text)
        return [str(piece) for piece in found]

    def _run(self, what: str, text: str, template: list[str | int] | None = None) -> Any:
        flags = self._flags if what == "search" else self._flags + "g"
        asked = {"what": what, "pattern": self._pattern, "flags": flags, "text": text, "template": template}
        try:
            return json.loads(_engine()(json.dumps(asked)))
        except quickjs.JSException as error:
            _matchers.__dict__.clear()
            reason = (str(error).splitlines() or ["stopped"])[0]
            if "interrupted" in reason or "memory" in reason or "stack" in reason:
                raise EvaluationLimit(f"the pattern takes more than {DEADLINE_SECONDS} s or its memory") from None
            raise EvaluationLimit(f"the pattern cannot be matched: {reason}") from None


@lru_cache(maxsize=512)
def pattern_of(text: str, flags: str) -> Pattern | None:
    """The pattern, or None if it or its flags are not valid."""
    if not set(flags) <= _FLAGS:
        return None
    kept = "".join(sorted(set(flags) & set("smi")))
    if "q" in flags:
        return Pattern("".join(_literal(letter) for letter in text), kept, 0)
    try:
        reader = _Reader(_without_space(text) if "x" in flags else text, dot_all="s" in flags)
        return Pattern(reader.whole(), kept, reader.groups)
    except _Invalid:
        return None


_matchers = threading.local()


def _engine() -> Any:
    """The matcher of this thread: an engine of QuickJS belongs to the thread that made it."""
    if not hasattr(_matchers, "run"):
        context = quickjs.Context()
        context.set_memory_limit(MEMORY_BYTES)
        context.set_max_stack_size(_STACK_BYTES)
        context.eval(_PRELUDE)
        context.set_time_limit(DEADLINE_SECONDS)
        _matchers.run = context.get("run")
        _matchers.context = context
    return _matchers.run


class _Invalid(Exception):
    """The text is no pattern."""


def _literal(letter: str) -> str:
    return letter if letter.isascii() and letter.isalnum() else f"\\u{{{ord(letter):x}}}"


def _without_space(text: str) -> str:
    """The pattern as the flag `x` reads it: white space counts inside brackets only."""
    kept, depth, at = [], 0, 0
    while at < len(text):
        letter = text[at]
        if depth == 0 and letter in _SPACE:
            at += 1
            continue
        if letter == "\\" and (depth or text[at + 1 : at + 2] not in _SPACE):
            kept.append(text[at : at + 2])
            at += 2
            continue
        depth += (letter == "[") - (letter == "]" and depth > 0)
        kept.append(letter)
        at += 1
    return "".join(kept)


class _Reader:
    """Reads an XPath pattern and writes a JavaScript one."""

    def __init__(self, text: str, *, dot_all: bool) -> None:
        self._text = text
        self._at = 0
        self._dot = r"[\s\S]" if dot_all else r"[^\n\r]"
        self._closed: set[int] = set()
        self._depth = 0
        self.groups = 0

    def whole(self) -> str:
        written = self._alternatives()
        if self._at < len(self._text):
            self._invalid()
        return written

    def _invalid(self) -> NoReturn:
        raise _Invalid

    def _next(self) -> str:
        if self._at >= len(self._text):
            self._invalid()
        self._at += 1
        return self._text[self._at - 1]

    def _ahead(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _alternatives(self) -> str:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            self._invalid()
        written = [self._branch()]
        while self._ahead("|"):
            self._at += 1
            written.append(self._branch())
        self._depth -= 1
        return "|".join(written)

    def _branch(self) -> str:
        written = []
        while self._at < len(self._text) and not (self._ahead("|") or self._ahead(")")):
            atom = self._atom()
            written.append(atom if atom in ("^", "$") else atom + self._quantifier())
        return "".join(written)

    def _atom(self) -> str:
        letter = self._next()
        if letter in "^$":
            return letter
        if letter == ".":
            return self._dot
        if letter == "[":
            return self._class()
        if letter == "(":
            return self._group()
        if letter == "\\":
            return self._escape(inside=False)
        if letter in "?*+{}]":
            self._invalid()
        return _literal(letter)

    def _group(self) -> str:
        if self._ahead("?:"):
            self._at += 2
            opening, number = "(?:", 0
        elif self._ahead("?"):
            self._invalid()
        else:
            self.groups += 1
            opening, number = "(", self.groups
        inner = self._alternatives()
        if self._next() != ")":
            self._invalid()
        self._closed.add(number)
        return f"{opening}{inner})"

    def _quantifier(self) -> str:
        if self._at >= len(self._text):
            return ""
        letter = self._text[self._at]
        if letter in "?*+":
            self._at += 1
            written = letter
        elif letter == "{":
            found = _COUNT.match(self._text, self._at)
            if not found or (found[3] and int(found[3]) < int(found[1])):
                self._invalid()
            self._at = found.end()
            written = found.group()
        else:
            return ""
        if self._ahead("?"):
            self._at += 1
            written += "?"
        return written

    def _escape(self, *, inside: bool) -> str:
        letter = self._next()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter in "pP":
            return self._property(letter)
        if letter in "123456789" and not inside:
            return self._reference(letter)
        if letter not in _LETTERS:
            self._invalid()
        return _literal(_LETTERS[letter])

    def _reference(self, digits: str) -> str:
        while self._text[self._at : self._at + 1] in tuple("0123456789") and int(digits + self._text[self._at]) <= (
            self.groups
        ):
            digits += self._next()
        if int(digits) not in self._closed:
            self._invalid()
        return f"(?:\\{digits})"

    def _property(self, kind: str) -> str:
        end = self._text.find("}", self._at)
        if not self._ahead("{") or end < 0:
            self._invalid()
        name = self._text[self._at + 1 : end]
        self._at = end + 1
        if name[:2] == "Is":
            if name[2:] not in BLOCKS:
                self._invalid()
            low, high = BLOCKS[name[2:]]
            return f"[{'^' if kind == 'P' else ''}\\u{{{low:x}}}-\\u{{{high:x}}}]"
        if not _CATEGORY.fullmatch(name):
            self._invalid()
        return f"\\{kind}{{{name}}}"

    def _class(self) -> str:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            self._invalid()
        negated = self._ahead("^")
        self._at += negated
        written: list[str] = []
        subtracted = ""
        while True:
            if self._ahead("]") and written:
                break
            if self._ahead("-[") and written:
                self._at += 2
                subtracted = self._class()
                break
            written.append(self._member(first=not written))
        if self._next() != "]":
            self._invalid()
        self._depth -= 1
        whole = f"[{'^' if negated else ''}{''.join(written)}]"
        return f"[{whole}--{subtracted}]" if subtracted else whole

    def _member(self, *, first: bool) -> str:
        low = self._letter(first=first)
        last = self._text[self._at + 1 : self._at + 2]
        if not self._ahead("-") or last in ("]", "[", ""):
            return low
        self._at += 1
        high = self._letter(first=False)
        if not (_is_letter(low) and _is_letter(high)) or _code(low) > _code(high):
            self._invalid()
        return f"{low}-{high}"

    def _letter(self, *, first: bool) -> str:
        letter = self._next()
        if letter == "\\":
            return self._escape(inside=True)
        if letter == "[" or (letter == "]" and not first) or (letter == "-" and not first and not self._ahead("]")):
            self._invalid()
        return _literal(letter)


def _is_letter(written: str) -> bool:
    return len(written) == 1 or written.startswith("\\u{")


def _code(written: str) -> int:
    return ord(written) if len(written) == 1 else int(written[3:-1], 16)
