"""Random FEEL expressions over the grammar that all engines share, of every type, a few of them ill-typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

CONTEXT = {
    "a": 3,
    "b": -2.5,
    "zero": 0,
    "name": "Anna",
    "empty text": "",
    "flag": True,
    "nothing": None,
    "xs": [1, 2, 3, 4],
    "words": ["red", "green", "blue"],
    "mixed": [1, "a", None, True],
    "loan": {"amount": 1200, "term": {"months": 12}, "tags": ["x", "y"]},
    "loans": [{"amount": 10, "ok": True}, {"amount": 20, "ok": False}, {"amount": 30, "ok": True}],
}
_DATES = ("2024-01-31", "2024-02-29", "2023-12-31", "1999-07-04", "2024-03-01")
_TIMES = ("00:00:00", "10:30:00", "23:59:59", "08:15:30")
_DAYS = ("P1D", "PT36H", "P2DT3H4M5S", "-P1D", "PT0S", "PT15M")
_MONTHS = ("P1Y", "P14M", "-P3M", "P0M", "P2Y6M")
_TEXTS = ("", "a", "Anna", "foobar", "a b c", "Zoë", "10", "1;2;3")
_VARIABLE = re.compile(r"\bv\d+\b")
_BOUND = re.compile(r"(?:for |some |every |function\()(v\d+)\b")
_ROUNDINGS = ("decimal", "round up", "round half up")
_STEPS = ("1..4", "3..1", "0..2")
_RELATIONS = ("before", "after", "meets", "overlaps", "includes", "during", "starts", "finishes", "coincides")
_NUMERALS = ('"12.5"', '"x"', '"-3"')
_SEPARATORS = ('", "', '""', '"-"')
_PATTERNS = ('"a"', '"[aeiou]"', '"(o+)b"', '"^f"', '"o{2}"', '"[0-9]+"', '"a|b"', '"\\s"')
_REPLACEMENTS = ('"x"', '""', '"<$1>"')
_KEYS = ('"p"', '"new"')
_SPLITS = ('";"', '" "', '"o"')
_NUMBERS = ("0", "1", "2", "3", "10", "0.5", "2.25", "100", ".5", "7")


@dataclass(frozen=True, slots=True)
class Part:
    """An expression and the expressions inside it."""

    text: str
    inner: tuple[Part, ...]

    def closed(self) -> list[Part]:
        """The nearest parts inside that stand on their own: no variable in them is bound outside."""
        found = []
        for part in self.inner:
            bound = set(_BOUND.findall(part.text))
            found += [part] if bound.issuperset(_VARIABLE.findall(part.text)) else part.closed()
        return found


class Expressions:
    """Writes expressions; the same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._names: dict[str, list[str]] = {"number": ["a", "b", "zero"], "string": ["name", "empty text"]}
        self._names |= {"boolean": ["flag"], "numbers": ["xs"], "strings": ["words"], "context": ["loan"]}
        self._turn = 0
        self._parts: list[Part] = []

    def next(self) -> Part:
        """One more expression, with the expressions it is made of."""
        self._parts = []
        self.of(self._random.choice(list(_MAKERS)), self._random.choice([2, 3, 3, 4]))
        return self._parts[0]

    def of(self, kind: str, depth: int) -> str:
        """An expression of that type, or now and then of another."""
        beside, self._parts = self._parts, []
        text = self._of(kind, depth)
        self._parts = [*beside, Part(text, tuple(self._parts))]
        return text

    def _of(self, kind: str, depth: int) -> str:
        if self._random.random() < 0.03:
            kind = self._random.choice([*_MAKERS, "null"])
        if kind == "null":
            return self._random.choice(["null", "nothing", "mixed[3]"])
        simple, nested = _MAKERS[kind]
        names = self._names.get(kind, [])
        if names and self._random.random() < 0.2:
            return self._random.choice(names)
        makers = simple if depth <= 0 or self._random.random() < 0.15 else nested
        return self._random.choice(makers)(self, depth - 1)

    def pick(self, *texts: str) -> str:
        return self._random.choice(texts)

    def bound(self, kind: str, write: Callable[[str], str]) -> str:
        """What `write` makes of a fresh variable of that type, which expressions inside may use."""
        self._turn += 1
        name = f"v{self._turn}"
        names = self._names.setdefault(kind, [])
        names.append(name)
        try:
            return write(name)
        finally:
            names.remove(name)


_Maker = Callable[[Expressions, int], str]


def _call(name: str, *kinds: str) -> _Maker:
    return lambda e, d: f"{name}({', '.join(e.of(kind, d) for kind in kinds)})"


def _infix(left: str, right: str, *operators: str) -> _Maker:
    return lambda e, d: f"({e.of(left, d)} {e.pick(*operators)} {e.of(right, d)})"


def _literal(form: str, texts: tuple[str, ...]) -> _Maker:
    return lambda e, _: form.format(e.pick(*texts))


def _if(kind: str) -> _Maker:
    return lambda e, d: f"(if {e.of('boolean', d)} then {e.of(kind, d)} else {e.of(kind, d)})"


def _for(item: str, source: str, result: str) -> _Maker:
    def write(e: Expressions, d: int) -> str:
        items = e.of(source, d)
        return e.bound(item, lambda name: f"(for {name} in {items} return {e.of(result, d)})")

    return write


def _quantified(item: str, source: str) -> _Maker:
    def write(e: Expressions, d: int) -> str:
        items, which = e.of(source, d), e.pick("some", "every")
        return e.bound(item, lambda name: f"({which} {name} in {items} satisfies {e.of('boolean', d)})")

    return write


def _filtered(item: str, source: str) -> _Maker:
    return lambda e, d: f"{e.of(source, d)}[item {e.pick('<', '>', '=', '!=', '>=')} {e.of(item, 0)}]"


def _indexed(source: str) -> _Maker:
    return lambda e, d: f"{e.of(source, d)}[{e.pick('1', '2', '-1', '3', '9')}]"


def _part(kind: str, *names: str) -> _Maker:
    return lambda e, d: f"{e.of(kind, d)}.{e.pick(*names)}"


def _range(kind: str) -> _Maker:
    return lambda e, d: f"{e.pick('[', '(')}{e.of(kind, 0)}..{e.of(kind, 0)}{e.pick(']', ')')}"


def _list(kind: str) -> _Maker:
    return lambda e, d: "[" + ", ".join(e.of(kind, d) for _ in range(int(e.pick("0", "1", "2", "3", "3")))) + "]"


_MAKERS: dict[str, tuple[list[_Maker], list[_Maker]]] = {
    "number": (
        [_literal("{}", _NUMBERS), _literal("-{}", _NUMBERS)],
        [
            *[_infix("number", "number", "+", "-", "*", "/")] * 3,
            lambda e, d: f"({e.of('number', 0)} ** {e.pick('0', '1', '2', '3')})",
            *[_call(name, "number") for name in ("abs", "floor", "ceiling", "sqrt")],
            *[_call(name, "numbers") for name in ("sum", "min", "max", "mean", "median", "product", "count")],
            lambda e, d: f"{e.pick(*_ROUNDINGS)}({e.of('number', d)}, {e.pick('0', '1', '2')})",
            _call("modulo", "number", "number"),
            _call("string length", "string"),
            _call("count", "strings"),
            _indexed("numbers"),
            _if("number"),
            _part("days", "days", "hours", "minutes", "seconds"),
            _part("months", "years", "months"),
            _part("date", "year", "month", "day", "weekday"),
            _part("time", "hour", "minute", "second"),
            lambda e, d: "loan.amount",
            lambda e, d: "loan.term.months",
            lambda e, d: f"number({e.pick(*_NUMERALS)})",
            lambda e, d: e.bound("number", lambda v: f"(function({v}) {e.of('number', d)})({e.of('number', d)})"),
            lambda e, d: f"{{r: {e.of('number', d)}, s: r + 1}}.s",
            _call("day of year", "date"),
            _call("week of year", "date"),
        ],
    ),
    "string": (
        [_literal('"{}"', _TEXTS)],
        [
            _infix("string", "string", "+"),
            *[_call(name, "string") for name in ("upper case", "lower case")],
            *[_call(name, "string", "string") for name in ("substring before", "substring after")],
            lambda e, d: f"substring({e.of('string', d)}, {e.pick('1', '2', '-1', '-2')})",
            lambda e, d: f"substring({e.of('string', d)}, {e.pick('1', '2', '-2')}, {e.pick('1', '2')})",
            lambda e, d: f"replace({e.of('string', d)}, {e.pick(*_PATTERNS)}, {e.pick(*_REPLACEMENTS)})",
            *[_call("string", kind) for kind in ("number", "boolean", "date", "days", "string", "numbers")],
            lambda e, d: f"string join({e.of('strings', d)}, {e.pick(*_SEPARATORS)})",
            _indexed("strings"),
            _if("string"),
            _call("day of week", "date"),
            _call("month of year", "date"),
        ],
    ),
    "boolean": (
        [lambda e, d: e.pick("true", "false")],
        [
            *[_infix(kind, kind, "=", "!=", "<", "<=", ">", ">=") for kind in ("number", "string", "date", "days")],
            *[_infix(kind, kind, "=", "!=") for kind in ("boolean", "numbers", "context", "months", "time")],
            *[_infix("boolean", "boolean", "and", "or")] * 2,
            _call("not", "boolean"),
            lambda e, d: f"({e.of('number', d)} between {e.of('number', d)} and {e.of('number', d)})",
            *[lambda e, d, k=kind: f"({e.of(k, d)} in {_range(k)(e, d)})" for kind in ("number", "date", "string")],
            lambda e, d: f"({e.of('number', d)} in ({e.pick('<', '>=')} {e.of('number', 0)}, {e.of('number', 0)}))",
            _quantified("number", "numbers"),
            _quantified("string", "strings"),
            *[_call(name, "string", "string") for name in ("contains", "starts with", "ends with")],
            lambda e, d: f"matches({e.of('string', d)}, {e.pick(*_PATTERNS)})",
            _call("list contains", "numbers", "number"),
            _call("list contains", "strings", "string"),
            *[lambda e, d, n=name: f"{n}([{e.of('boolean', d)}, {e.of('boolean', d)}])" for name in ("all", "any")],
            lambda e, d: (
                f"({e.of(e.pick('number', 'string', 'date', 'numbers', 'boolean'), d)} instance of "
                f"{e.pick('number', 'string', 'boolean', 'date', 'time')})"
            ),
            *[_call(name, "number") for name in ("odd", "even")],
            *[lambda e, d, n=name: f"{n}({_range('number')(e, d)}, {_range('number')(e, d)})"
              for name in _RELATIONS],
            _if("boolean"),
        ],
    ),
    "numbers": (
        [_list("number")],
        [
            _filtered("number", "numbers"),
            _for("number", "numbers", "number"),
            lambda e, d: e.bound("number", lambda v: f"(for {v} in {e.pick(*_STEPS)} return {e.of('number', d)})"),
            _call("append", "numbers", "number"),
            *[_call(name, "numbers", "numbers") for name in ("concatenate", "union")],
            *[_call(name, "numbers") for name in ("reverse", "distinct values", "flatten")],
            lambda e, d: f"sort({e.of('numbers', d)}, function(p, q) p > q)",
            lambda e, d: f"insert before({e.of('numbers', d)}, 1, {e.of('number', d)})",
            lambda e, d: f"remove({e.of('numbers', d)}, {e.pick('1', '2', '-1')})",
            lambda e, d: f"sublist({e.of('numbers', d)}, {e.pick('1', '2')})",
            _call("index of", "numbers", "number"),
            lambda e, d: "loans.amount",
            lambda e, d: f"loans[amount > {e.of('number', 0)}].amount",
            _if("numbers"),
        ],
    ),
    "strings": (
        [_list("string")],
        [
            _filtered("string", "strings"),
            _for("string", "strings", "string"),
            _for("number", "numbers", "string"),
            lambda e, d: f"split({e.of('string', d)}, {e.pick(*_SPLITS)})",
            *[_call(name, "strings") for name in ("reverse", "distinct values")],
            lambda e, d: "loan.tags",
        ],
    ),
    "context": (
        [lambda e, d: f"{{p: {e.of('number', 0)}, q: {e.of('string', 0)}}}"],
        [
            lambda e, d: f'{{p: {e.of("number", d)}, q: p + 1, "r s": {e.of("boolean", d)}}}',
            lambda e, d: f"context put({e.of('context', d)}, {e.pick(*_KEYS)}, {e.of('number', d)})",
            lambda e, d: f"context merge([{e.of('context', d)}, {e.of('context', d)}])",
            lambda e, d: f"get entries({e.of('context', d)})[1]",
            lambda e, d: "loan.term",
        ],
    ),
    "date": (
        [_literal('date("{}")', _DATES), _literal('@"{}"', _DATES)],
        [
            _infix("date", "months", "+", "-"),
            _infix("date", "days", "+", "-"),
            lambda e, d: f"date({e.pick('2024', '2023')}, {e.pick('1', '2', '12')}, {e.pick('1', '28', '31')})",
            lambda e, d: f"date({e.of('moment', d)})",
            _if("date"),
        ],
    ),
    "time": (
        [_literal('time("{}")', _TIMES), _literal('@"{}"', _TIMES)],
        [_infix("time", "days", "+", "-"), lambda e, d: f"time({e.of('moment', d)})"],
    ),
    "moment": (
        [lambda e, d: f'date and time("{e.pick(*_DATES)}T{e.pick(*_TIMES)}")'],
        [
            _infix("moment", "days", "+", "-"),
            _infix("moment", "months", "+", "-"),
            _call("date and time", "date", "time"),
        ],
    ),
    "days": (
        [_literal('duration("{}")', _DAYS), _literal('@"{}"', _DAYS)],
        [
            _infix("days", "days", "+", "-"),
            _infix("date", "date", "-"),
            _infix("moment", "moment", "-"),
            _infix("time", "time", "-"),
            _call("abs", "days"),
        ],
    ),
    "months": (
        [_literal('duration("{}")', _MONTHS), _literal('@"{}"', _MONTHS)],
        [
            _infix("months", "months", "+", "-"),
        ],
    ),
}  # fmt: skip
