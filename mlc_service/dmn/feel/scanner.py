"""FEEL text becomes tokens, one at a time, because what a name is depends on the names already known.

Names may hold spaces and, if such a name is known, operators and keywords (`Kolmogorov-SmirnovPValue`,
`Terms and Conditions`); the longest known name wins (DMN 1.5 §10.3.1.2). Words side by side can be nothing but one
name, so `Service Response Time` needs no declaration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mlc_service.dmn.feel.values import NUMBERS


class FeelSyntaxError(ValueError):
    """The text is not FEEL; `offset` counts characters from 0."""

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # number, string, at, name, keyword, op, end
    text: str
    start: int
    end: int
    value: Any = None


KEYWORDS = frozenset(
    [
        *("and", "or", "in", "between", "if", "then", "else", "for", "return", "some", "every", "satisfies"),
        *("true", "false", "null", "function", "instance"),
    ]
)
# built-in names that hold a keyword, or would be cut at one
_BUILT_IN_NAMES = ("date and time", "years and months duration", "days and time duration")
_START = r"(?:[^\W\d]|[\U00010000-\U000EFFFF])"
_PART = r"(?:[\w\u00b7]|[\U00010000-\U000EFFFF])"
_WORD = re.compile(rf"{_START}{_PART}*|\?")
_MORE = re.compile(rf"\s+({_PART}+)")
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_OPERATOR = re.compile(r"\.\.|\*\*|<=|>=|!=|==|->|[-+*/<>=()\[\]{},:.]")
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_INSTANCE_OF = re.compile(r"instance\s+of\b")
_NAME_PART_AHEAD = re.compile(_PART)
_QUOTED_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_RUN = re.compile(rf"{_PART}+(?:[\s\-+*/.']+{_PART}+)+")
_MAX_NAME_WORDS = 12
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_MISTAKEN = {"AND": "and", "OR": "or", "NOT": "not(...)"}


class Scanner:
    """Reads the token at any place of `text`; names added to `known` hold from then on."""

    def __init__(self, text: str, known: Iterable[str] = ()) -> None:
        self.text = text
        self._known: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for name in (*_BUILT_IN_NAMES, *known):
            self.know(name)

    def know(self, name: str) -> None:
        """`name` is read as one name from now on, whatever characters it holds."""
        words = name.split()
        first = _WORD.match(name)
        if not words or first is None or first.end() == len(name):
            return
        pattern = re.compile(r"\s+".join(re.escape(word) for word in words))
        entries = self._known.setdefault(first.group(), [])
        entries.append((" ".join(words), pattern))
        entries.sort(key=lambda entry: -len(entry[0]))

    def skip_space(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def read(self, at: int) -> Token:
        """The first token at or after `at`."""
        text, at = self.text, self.skip_space(at)
        if at >= len(text):
            return Token("end", "", at, at)
        found = _NUMBER.match(text, at)
        if found:
            return Token("number", found.group(), at, found.end(), NUMBERS.create_decimal(found.group()))
        found = _WORD.match(text, at)
        if found:
            return self._name(found)
        if text[at] in '"@':
            return self._quoted(at)
        found = _OPERATOR.match(text, at)
        if not found:
            raise FeelSyntaxError(f"'{text[at]}' does not belong here", at)
        if found.group() == "==":
            raise FeelSyntaxError("'==' is not FEEL; equality is written '='", at)
        return Token("op", found.group(), at, found.end())

    def _quoted(self, at: int) -> Token:
        literal = self.text[at] == "@"
        start = self.skip_space(at + 1) if literal else at
        found = _STRING.match(self.text, start)
        if not found:
            raise FeelSyntaxError("a text begins here and has no closing quote", at)
        return Token("at" if literal else "string", found.group(), at, found.end(), unescape(found[1]))

    def _name(self, first: re.Match[str]) -> Token:
        text, start, end = self.text, first.start(), first.end()
        for name, pattern in self._known.get(first.group(), ()):
            found = pattern.match(text, start)
            if found and not _NAME_PART_AHEAD.match(text, found.end()):
                return Token("name", name, start, found.end(), name)
        word = first.group()
        if word in KEYWORDS and (word != "instance" or _INSTANCE_OF.match(text, start)):
            return Token("keyword", word, start, end)
        if word == "?":
            return Token("name", word, start, end, word)
        words = [word]
        while more := _MORE.match(text, end):
            if more[1] in KEYWORDS and (more[1] != "instance" or _INSTANCE_OF.match(text, more.start(1))):
                break
            if more[1] in _MISTAKEN:
                raise FeelSyntaxError(f"'{more[1]}' is not FEEL; write '{_MISTAKEN[more[1]]}'", more.start(1))
            words.append(more[1])
            end = more.end()
        name = " ".join(words)
        return Token("name", name, start, end, name)


def unescape(text: str) -> str:
    """The text with its escapes resolved; a backslash before any other letter stays (`\\s` in a pattern)."""
    if "\\" not in text:
        return text

    def letter(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        if code:
            number = int(code, 16)
            return chr(number) if number <= 0x10FFFF else found[0]
        return _ESCAPED.get(found[3], found[0])

    return _SURROGATES.sub(
        lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), _ESCAPE.sub(letter, text)
    )


def ambiguous_names(text: str) -> tuple[str, ...]:
    """Every stretch of `text` that would be one name if such a variable existed, and is something else if not.

    In `a - b + c` these are `a - b`, `b + c` and `a - b + c`, as they are written, white space made single.
    """
    found: dict[str, None] = {}
    for run in _RUN.finditer(_QUOTED_OR_COMMENT.sub(" ; ", text)):
        words = list(re.finditer(rf"{_PART}+", run.group()))
        for first, word in enumerate(words):
            if not _WORD.match(word.group()):
                continue
            plain = word.group() not in KEYWORDS
            for last in words[first + 1 : first + _MAX_NAME_WORDS]:
                written = " ".join(run.group()[word.start() : last.end()].split())
                plain = plain and last.group() not in KEYWORDS
                if not (plain and all(letter.isalnum() or letter in "_ ·" for letter in written)):
                    found[written] = None
    return tuple(found)
