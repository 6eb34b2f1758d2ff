"""Java's regular expressions written in JavaScript's dialect, as far as the two differ in everyday patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASSES = {
    "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9", "Upper": "A-Z", "Lower": "a-z", "Space": r"\s",
    "Punct": r"!-\/:-@\[-`{-~", "XDigit": "0-9a-fA-F", "Blank": r" \t", "ASCII": r"\x00-\x7F",
    "IsAlphabetic": "a-zA-Z", "IsDigit": "0-9",
}  # fmt: skip
_EDGES = {"A": "^", "z": "$", "Z": "$"}
_FLAGS = re.compile(r"\(\?([imsux]+)\)")
_KNOWN_FLAGS = {"i": "i", "m": "m", "s": "s", "u": ""}


class BadPattern(ValueError):
    """A pattern that cannot be read, or takes too long on this text."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern and its flags in JavaScript's dialect."""

    source: str
    flags: str


def read(pattern: str) -> Pattern:
    r"""The same pattern in JavaScript: leading `(?i)`, `\p{Alpha}` and its like, `\Q…\E`, `\A`, `\z`.

    Possessive quantifiers and atomic groups have no counterpart there and stay errors. Raises BadPattern.
    """
    flags, body = "", pattern
    leading = _FLAGS.match(pattern)
    if leading:
        if "x" in leading.group(1):
            raise BadPattern("regular expression not usable: the flag x (comments) is not supported")
        flags = "".join(sorted({_KNOWN_FLAGS[flag] for flag in leading.group(1)}))
        body = pattern[leading.end() :]
    return Pattern(_body(body), flags)


def _body(body: str) -> str:
    out: list[str] = []
    place, inside = 0, False
    while place < len(body):
        char = body[place]
        if char != "\\":
            inside = char == "[" or (inside and char != "]")
            out.append(char)
            place += 1
            continue
        taken, written = _escape(body, place, inside)
        out.append(written)
        place += taken
    return "".join(out)


def _escape(body: str, place: int, inside: bool) -> tuple[int, str]:
    letter = body[place + 1 : place + 2]
    if letter == "Q":
        end = body.find("\\E", place + 2)
        end = len(body) if end < 0 else end
        literal = body[place + 2 : end]
        return end + 2 - place, re.sub(r"[\\^$.|?*+()\[\]{}/-]", r"\\\g<0>", literal)
    if letter in ("p", "P") and body[place + 2 : place + 3] == "{":
        end = body.find("}", place)
        members = _CLASSES.get(body[place + 3 : end])
        if end < 0 or members is None or (inside and letter == "P"):
            raise BadPattern(f"regular expression not usable: \\{letter}{{…}} at index {place} is not supported")
        return end + 1 - place, members if inside else f"[{'^' if letter == 'P' else ''}{members}]"
    if letter in _EDGES and not inside:
        return 2, _EDGES[letter]
    if letter == "h":
        return 2, r" \t" if inside else r"[ \t]"
    return 2, body[place : place + 2]


def replacement_parts(replacement: str) -> list[str | list[str] | list[list[str]]]:
    r"""Java's replacement text in order: literal text, `[name]` for `${name}`, `[[digits]]` for `$12`.

    A backslash makes the next character literal. Raises BadPattern for a lone `$`.
    """
    parts: list[str | list[str] | list[list[str]]] = []
    place = 0
    while place < len(replacement):
        char = replacement[place]
        if char == "\\":
            if place + 1 >= len(replacement):
                raise BadPattern("replacement not usable: character to be escaped is missing")
            parts.append(replacement[place + 1])
            place += 2
        elif char == "$":
            named = re.compile(r"\$\{([a-zA-Z][a-zA-Z0-9]*)\}").match(replacement, place)
            numbered = re.compile(r"\$([0-9]{1,3})").match(replacement, place)
            if named:
                parts.append([named.group(1)])
                place = named.end()
            elif numbered:
                parts.append([list(numbered.group(1))])
                place = numbered.end()
            else:
                raise BadPattern("replacement not usable: Illegal group reference; write \\$ for a dollar sign")
        else:
            parts.append(char)
            place += 1
    return parts
