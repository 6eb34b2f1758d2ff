"""Reads a JUEL text into a tree: a scanner and a Pratt parser for Jakarta EL as Camunda 7 uses it.

Left out, as in Camunda 7: lambdas, assignment, `;`, `+=`, collection literals, statics, `instanceof`. Function
prefixes (`ns:f()`) are not known either: none of Camunda's own functions has one, and `a ? b:f()` stays readable.
A method's name may be worked out too: `a['m']()`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel_hints import static_member

MAX_LENGTH = 20_000
MAX_DEPTH = 120  # one Python frame per level when evaluated, far below the interpreter's own limit

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<float>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
      | (?P<int>\d+)
      | (?P<word>[^\W\d]\w*|[$][\w$]*)
      | (?P<quote>['"])
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE,
)
_SAME = {
    "and": "&&", "or": "||", "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=",
    "div": "/", "mod": "%", "not": "!", "empty": "empty",
}  # fmt: skip
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_STRENGTH = {
    "?": 1, "||": 2, "&&": 3, "==": 4, "!=": 4, "<": 5, ">": 5, "<=": 5, ">=": 5,
    "+": 6, "-": 6, "*": 7, "/": 7, "%": 7, ".": 9, "[": 9,
}  # fmt: skip
_PREFIX_STRENGTH = 8
_NEW = re.compile(r"\bnew\s+([\w.]+)")
_MEANT = {
    "=": "compare with ==; an expression cannot assign",
    "&": "and is && or the word and",
    "|": "or is || or the word or",
    ";": "there is one value to an expression",
    **dict.fromkeys("‘’“”„«»", "write texts between straight quotes, ' or \""),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the tree; `at` is its column in the whole text, from 1; `depth` the levels below it."""

    at: int
    depth: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`base.key` or `base[key]`; `source` is the text of the base, for messages."""

    base: Node
    key: Node
    source: str


@dataclass(frozen=True, slots=True)
class MethodCall(Node):
    base: Node
    method: Node
    arguments: tuple[Node, ...]
    source: str


@dataclass(frozen=True, slots=True)
class FunctionCall(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Prefix(Node):
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Infix(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`&&` or `||` over any number of parts; a chain is one level deep however long it is."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # int, float, string, word, sign, end
    value: Any
    at: int
    end: int


def parse(text: str) -> list[str | Node]:
    """The text's parts in order: literal text as str, each `${…}` or `#{…}` as its tree."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"Expression is longer than {MAX_LENGTH} characters", text[:80] + "…", MAX_LENGTH)
    parts: list[str | Node] = []
    position = 0
    while position < len(text):
        literal, position = _literal_text(text, position)
        if literal:
            parts.append(literal)
        if position < len(text):
            reader = _Reader(text, position + 2)
            parts.append(reader.whole())
            position = reader.token.end
    return parts


def _literal_text(text: str, position: int) -> tuple[str, int]:
    r"""The text up to the next unescaped `${` or `#{`, and where that is; `\${` stands for a plain `${`."""
    out: list[str] = []
    escaped = False
    while position < len(text):
        char = text[position]
        if char == "\\":
            if escaped:
                out.append(char)
            escaped = True
        else:
            opens = char in "#$" and text.startswith("{", position + 1)
            if opens and not escaped:
                break
            if escaped and not opens:
                out.append("\\")
            out.append(char)
            escaped = False
        position += 1
    if escaped:
        out.append("\\")
    return "".join(out), position


class _Reader:
    """Reads one `${…}`; afterwards `token` is its closing brace."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.nesting = 0
        self.token = self._scan(position)

    def whole(self) -> Node:
        node = self._expression(0)
        if self.token.value != "}" or self.token.kind != "sign":
            raise self._unexpected("'}'")
        return node

    def _scan(self, position: int) -> _Token:
        while True:
            found = _TOKEN.match(self.text, position)
            if found is None:
                if position >= len(self.text):
                    return _Token("end", None, position + 1, position)
                char = self.text[position]
                meant = f" ({_MEANT[char]})" if char in _MEANT else ""
                raise self._syntax(f"encountered invalid character '{char}'{meant}", position + 1)
            if found.lastgroup != "space":
                break
            position = found.end()
        kind, raw, at = str(found.lastgroup), found.group(), position + 1
        if kind == "quote":
            return self._string(raw, position)
        if kind == "int":
            if len(raw) > 19 or int(raw) >= 2**63:
                raise self._syntax(f"the number {raw[:40]} does not fit into 64 bits", at)
            return _Token(kind, int(raw), at, found.end())
        if kind == "float":
            return _Token(kind, float(raw), at, found.end())
        return _Token(kind, raw, at, found.end())

    def _string(self, quote: str, position: int) -> _Token:
        out: list[str] = []
        here = position + 1
        while here < len(self.text):
            char = self.text[here]
            if char == quote:
                return _Token("string", "".join(out), position + 1, here + 1)
            if char == "\\":
                here += 1
                char = self.text[here : here + 1]
                if char not in ("\\", quote):
                    raise self._syntax(f"encountered invalid escape sequence \\{char}", here)
            out.append(char)
            here += 1
        raise self._syntax("encountered unterminated string", position + 1)

    def _advance(self) -> _Token:
        token = self.token
        self.token = self._scan(token.end)
        return token

    def _syntax(self, what: str, at: int) -> ExpressionError:
        return ExpressionError(f"Error parsing '{self.text}': syntax error at position {at}, {what}", self.text, at)

    def _unexpected(self, expected: str) -> ExpressionError:
        token = self.token
        shown = "the end of the text" if token.kind == "end" else f"'{token.value}'"
        made = _NEW.search(self.text)
        meant = static_member(self.text, made.group(1).rpartition(".")[2], token.at) if made else ""
        return self._syntax(f"encountered {shown}, expected {expected}" + (f"; {meant}" if meant else ""), token.at)

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise self._unexpected(f"'{sign}'")
        self._advance()

    def _is(self, sign: str) -> bool:
        return self.token.kind == "sign" and self.token.value == sign

    def _deeper(self, at: int, *children: Node) -> int:
        depth = 1 + max((child.depth for child in children), default=0)
        if depth > MAX_DEPTH:
            raise self._syntax(f"the expression is nested deeper than {MAX_DEPTH} levels", at)
        return depth

    def _expression(self, strength: int) -> Node:
        self.nesting += 1
        if self.nesting > MAX_DEPTH:
            raise self._syntax(f"the expression is nested deeper than {MAX_DEPTH} levels", self.token.at)
        start = self.token.at
        left = self._operand()
        while True:
            operator = self._infix_operator()
            if operator is None or _STRENGTH[operator] <= strength:
                break
            left = self._infix(left, operator, start)
        self.nesting -= 1
        return left

    def _infix_operator(self) -> str | None:
        if self.token.kind == "sign" and self.token.value in _STRENGTH:
            return str(self.token.value)
        if self.token.kind == "word" and _SAME.get(self.token.value) in _STRENGTH:
            return _SAME[self.token.value]
        return None

    def _infix(self, left: Node, operator: str, start: int) -> Node:
        source = self.text[start - 1 : self.token.at - 1].rstrip()
        at = self._advance().at
        if operator == ".":
            return self._dotted(left, source)
        if operator == "[":
            key = self._expression(0)
            self._expect("]")
            if self._is("("):
                arguments = self._arguments()
                return MethodCall(at, self._deeper(at, left, key, *arguments), left, key, arguments, source)
            return Member(at, self._deeper(at, left, key), left, key, source)
        if operator == "?":
            yes = self._expression(0)
            self._expect(":")
            no = self._expression(0)
            return Choice(at, self._deeper(at, left, yes, no), left, yes, no)
        right = self._expression(_STRENGTH[operator])
        if operator in ("&&", "||"):
            parts = left.parts if isinstance(left, Logic) and left.operator == operator else (left,)
            return Logic(at, self._deeper(at, *parts, right), operator, (*parts, right))
        return Infix(at, self._deeper(at, left, right), operator, left, right)

    def _dotted(self, base: Node, source: str) -> Node:
        if self.token.kind != "word":
            raise self._unexpected("a name")
        word = self._advance()
        key = Constant(word.at, 1, word.value)
        if self._is("("):
            arguments = self._arguments()
            return MethodCall(word.at, self._deeper(word.at, base, *arguments), base, key, arguments, source)
        return Member(word.at, self._deeper(word.at, base), base, key, source)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._is(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._expression(0))
        self._advance()
        return tuple(arguments)

    def _operand(self) -> Node:
        token = self.token
        if token.kind in ("int", "float", "string"):
            self._advance()
            return Constant(token.at, 1, token.value)
        if token.kind == "word":
            return self._word()
        if self._is("("):
            self._advance()
            inner = self._expression(0)
            self._expect(")")
            return inner
        if self._is("-") or self._is("!"):
            return self._prefix(str(token.value))
        raise self._unexpected("a value")

    def _prefix(self, operator: str) -> Node:
        at = self._advance().at
        operand = self._expression(_PREFIX_STRENGTH)
        return Prefix(at, self._deeper(at, operand), operator, operand)

    def _word(self) -> Node:
        token = self.token
        if token.value in ("not", "empty"):
            return self._prefix(_SAME[token.value])
        if token.value in _SAME or token.value == "instanceof":
            raise self._unexpected("a value")
        self._advance()
        if token.value in _CONSTANTS:
            return Constant(token.at, 1, _CONSTANTS[token.value])
        if self._is("("):
            arguments = self._arguments()
            return FunctionCall(token.at, self._deeper(token.at, *arguments), token.value, arguments)
        return Name(token.at, 1, token.value)
