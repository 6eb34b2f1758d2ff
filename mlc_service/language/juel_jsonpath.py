"""JSONPath over plain JSON, as Spin's `jsonPath()` knows it: root, child, index, slice, wildcard, descent, filters.

Reading only, with a bound on the nodes looked at. The rules are those of Jayway JsonPath, which Spin calls: a path that
can name one node at most is *definite* and fails if there is none; any other gives a list, perhaps an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mlc_service.language import patterns
from mlc_service.language.juel_budget import check, remaining_seconds
from mlc_service.language.juel_values import CannotCoerce

MAX_LENGTH = 1_000
MAX_VISITS = 200_000
_MAX_NESTING = 20
_ABSENT = object()

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\W\d][\w-]*|\d+(?=[.\[]|$)")
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?")
_WHOLE = re.compile(r"\s*-?\d{1,9}\s*")
_SLICE = re.compile(r"\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::\s*-?\d{0,9}\s*)?")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|=~|in\b|nin\b")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/(i?)")

Value = Callable[["_Walk", Any], Any]
Test = Callable[["_Walk", Any], bool]


class BadPath(CannotCoerce):
    """A path that cannot be read, leads nowhere, or visits too much."""


class _Walk:
    """One evaluation: its root, and how much it has seen."""

    __slots__ = ("_left", "root")

    def __init__(self, root: Any) -> None:
        self.root = root
        self._left = MAX_VISITS

    def visit(self, count: int = 1) -> None:
        self._left -= count
        if self._left < 0:
            raise BadPath(f"the JSONPath visits more than {MAX_VISITS} nodes")
        if self._left % 1024 == 0:
            check()


@dataclass(frozen=True, slots=True)
class _Step:
    """`move` gives the nodes one step on from a node; `definite` means one at most."""

    move: Callable[[_Walk, Any], Iterator[Any]]
    definite: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A path read once."""

    text: str
    steps: tuple[_Step, ...]

    @property
    def is_definite(self) -> bool:
        return all(step.definite for step in self.steps)

    def find(self, root: Any) -> Any:
        """The node of a definite path, else the list of all nodes found. Raises BadPath."""
        found = self._from(_Walk(root), root)
        if not self.is_definite:
            return found
        if not found:
            raise BadPath(f"the JSONPath '{self.text}' leads to no element")
        return found[0]

    def _from(self, walk: _Walk, start: Any) -> list[Any]:
        nodes = [start]
        for step in self.steps:
            following: list[Any] = []
            for node in nodes:
                for one in step.move(walk, node):
                    walk.visit()
                    following.append(one)
            nodes = following
        return nodes

    def one_from(self, walk: _Walk, start: Any) -> Any:
        """The node, a list of nodes, or the mark for nothing; for paths inside filters."""
        found = self._from(walk, start)
        if not self.is_definite:
            return found
        return found[0] if found else _ABSENT


@lru_cache(maxsize=512)
def compile_path(text: str) -> Path:
    """The path. Raises BadPath."""
    if not text.strip() or len(text) > MAX_LENGTH:
        raise BadPath(f"the JSONPath must have 1 to {MAX_LENGTH} characters")
    body = text.strip()
    reader = _Reader(text, body if body[0] in "$@" else f"$.{body}")
    path = reader.path()
    if reader.place < len(reader.body):
        raise reader.unreadable("the end")
    return path


class _Reader:
    def __init__(self, text: str, body: str) -> None:
        self.text, self.body, self.place, self.nesting = text, body, 0, 0

    def unreadable(self, expected: str) -> BadPath:
        return BadPath(f"Unable to compile the JSONPath '{self.text[:100]}': {expected} expected at {self.place + 1}")

    def take(self, sign: str) -> bool:
        if self.body.startswith(sign, self.place):
            self.place += len(sign)
            return True
        return False

    def skip_space(self) -> None:
        found = _SPACE.match(self.body, self.place)
        self.place = found.end() if found else self.place

    def path(self) -> Path:
        start = self.place
        self.place += 1  # $ or @
        steps: list[_Step] = []
        while self.place < len(self.body):
            if self.take(".."):
                steps.append(_Step(_descend, False))
                if not self.body.startswith("[", self.place):
                    steps.append(self._named())
            elif self.take("."):
                steps.append(self._named())
            elif self.take("["):
                steps.append(self._bracket())
            else:
                break
        return Path(self.body[start : self.place], tuple(steps))

    def _named(self) -> _Step:
        if self.take("*"):
            return _Step(_wildcard, False)
        found = _WORD.match(self.body, self.place)
        if not found:
            raise self.unreadable("a name")
        self.place = found.end()
        if self.take("()"):
            if found.group() not in ("length", "size"):
                raise self.unreadable("length() is the only function;")
            return _Step(_length, True)
        return _child([found.group()])

    def _bracket(self) -> _Step:
        self.skip_space()
        if self.take("?"):
            return self._filter()
        if self.body.startswith(("'", '"'), self.place):
            names = [self._quoted()]
            while self._comma():
                names.append(self._quoted())
            self._close()
            return _child(names)
        end = self.body.find("]", self.place)
        inner = self.body[self.place : end] if end >= 0 else ""
        step = _bracketed(inner)
        if step is None:
            raise self.unreadable("an index, a slice, a quoted name, * or a filter")
        self.place = end + 1
        return step

    def _comma(self) -> bool:
        self.skip_space()
        if not self.take(","):
            return False
        self.skip_space()
        return True

    def _close(self) -> None:
        self.skip_space()
        if not self.take("]"):
            raise self.unreadable("']'")

    def _quoted(self) -> str:
        quote = self.body[self.place : self.place + 1]
        if quote not in ("'", '"'):
            raise self.unreadable("a quoted text")
        out: list[str] = []
        self.place += 1
        while self.place < len(self.body):
            char = self.body[self.place]
            self.place += 1
            if char == quote:
                return "".join(out)
            if char == "\\":
                char = self.body[self.place : self.place + 1]
                self.place += 1
            out.append(char)
        raise self.unreadable("the end of a quoted text")

    def _filter(self) -> _Step:
        self.skip_space()
        if not self.take("("):
            raise self.unreadable("'('")
        test = self._either()
        self.skip_space()
        if not self.take(")"):
            raise self.unreadable("')'")
        self._close()
        return _Step(lambda walk, node: _kept(walk, node, test), False)

    def _either(self) -> Test:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise self.unreadable("a simpler filter")
        parts = [self._all()]
        while self._sign("||"):
            parts.append(self._all())
        self.nesting -= 1
        return parts[0] if len(parts) == 1 else lambda walk, node: any(part(walk, node) for part in parts)

    def _all(self) -> Test:
        parts = [self._test()]
        while self._sign("&&"):
            parts.append(self._test())
        return parts[0] if len(parts) == 1 else lambda walk, node: all(part(walk, node) for part in parts)

    def _sign(self, sign: str) -> bool:
        self.skip_space()
        return self.take(sign)

    def _test(self) -> Test:
        if self._sign("!"):
            refuses = True
            while self._sign("!"):
                refuses = not refuses
            inner = self._test()
            return lambda walk, node: inner(walk, node) is not refuses
        if self.take("("):
            grouped = self._either()
            if not self._sign(")"):
                raise self.unreadable("')'")
            return grouped
        left = self._value()
        self.skip_space()
        found = _OPERATOR.match(self.body, self.place)
        if not found:
            return lambda walk, node: left(walk, node) is not _ABSENT
        self.place = found.end()
        self.skip_space()
        if found.group() == "=~":
            return self._matching(left)
        right, compare = self._value(), COMPARE[found.group()]
        return lambda walk, node: compare(left(walk, node), right(walk, node))

    def _matching(self, left: Value) -> Test:
        regex = _REGEX.match(self.body, self.place)
        if not regex:
            raise self.unreadable("/a regular expression/")
        self.place = regex.end()
        pattern = ("(?i)" if regex.group(2) else "") + regex.group(1).replace("\\/", "/")

        def holds(walk: _Walk, node: Any) -> bool:
            value = left(walk, node)
            return isinstance(value, str) and patterns.matches(pattern, value, seconds=remaining_seconds())

        return holds

    def _value(self) -> Value:
        if self.body[self.place : self.place + 1] in ("@", "$"):
            from_root = self.body[self.place] == "$"
            inner = self.path()
            return lambda walk, node: inner.one_from(walk, walk.root if from_root else node)
        constant = self._constant()
        return lambda _walk, _node: constant

    def _constant(self) -> Any:
        if self.take("["):
            items: list[Any] = []
            self.skip_space()
            while not self.take("]"):
                items.append(self._constant())
                if not self._comma() and not self.body.startswith("]", self.place):
                    raise self.unreadable("']'")
            return items
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.take(word):
                return value
        number = _NUMBER.match(self.body, self.place)
        if number:
            self.place = number.end()
            text = number.group()
            return int(text) if text.lstrip("-").isdigit() else float(text)
        return self._quoted()


def _child(names: list[str]) -> _Step:
    if len(names) == 1:
        return _Step(
            lambda _, node: iter([node[names[0]]] if isinstance(node, dict) and names[0] in node else []), True
        )
    return _Step(lambda _, node: iter([_picked(node, names)] if isinstance(node, dict) else []), True)


def _picked(node: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: node[name] for name in names if name in node}


def _bracketed(inner: str) -> _Step | None:
    if inner.strip() == "*":
        return _Step(_wildcard, False)
    cut = _SLICE.fullmatch(inner)
    if cut:
        begin, end = (int(bound) if bound else None for bound in cut.groups())
        return _Step(lambda _, node: iter(node[begin:end] if isinstance(node, list) else []), False)
    places = inner.split(",")
    if not all(_WHOLE.fullmatch(place) for place in places):
        return None
    wanted = [int(place) for place in places]
    return _Step(lambda _, node: _elements(node, wanted), len(wanted) == 1)


def _elements(node: Any, wanted: list[int]) -> Iterator[Any]:
    if isinstance(node, list):
        yield from (node[place] for place in wanted if -len(node) <= place < len(node))


def _wildcard(_: _Walk, node: Any) -> Iterator[Any]:
    yield from node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _descend(walk: _Walk, node: Any) -> Iterator[Any]:
    """The node and all below it, parents first."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            yield one
            inner = list(one.values() if isinstance(one, dict) else one)
            walk.visit(len(inner))
            waiting.extend(reversed(inner))


def _length(_: _Walk, node: Any) -> Iterator[Any]:
    if isinstance(node, list | dict | str):
        yield len(node)


def _kept(walk: _Walk, node: Any, test: Test) -> Iterator[Any]:
    # Jayway asks an object itself, a list's elements one by one
    for one in node if isinstance(node, list) else [node] if isinstance(node, dict) else []:
        walk.visit()
        if test(walk, one):
            yield one


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_number(value: Any) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return value


def _same(left: Any, right: Any) -> bool:
    if left is _ABSENT or right is _ABSENT:
        return False
    if _is_number(left) != _is_number(right):
        left, right = _as_number(left), _as_number(right)
    return bool(isinstance(left, bool) == isinstance(right, bool) and left == right)


def _ordered(left: Any, right: Any, holds: Callable[[Any, Any], bool]) -> bool:
    if (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return holds(left, right)
    return False


def _within(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_same(left, one) for one in right)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": lambda left, right: _ordered(left, right, lambda one, other: bool(one < other)),
    "<=": lambda left, right: _ordered(left, right, lambda one, other: bool(one <= other)),
    ">": lambda left, right: _ordered(left, right, lambda one, other: bool(one > other)),
    ">=": lambda left, right: _ordered(left, right, lambda one, other: bool(one >= other)),
    "in": _within,
    "nin": lambda left, right: not _within(left, right),
}
