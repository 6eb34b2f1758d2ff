"""Which rules of a table can hold, found without asking each: the cost of a call does not grow with the cells.

Most cells compare with constants: `"high"`, `> 0.8`, `[1..5[`, `not("a", "b")`. The constants of a column cut the
values of one type into zones, each constant one and each gap one; within a zone a cell always answers the same. For
each zone an integer holds one bit per rule that passes. A call looks up one integer per column and joins them with
`&`; only for the rules left over are the other cells evaluated, those with variables, functions or other languages.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel import Run, Scope, arithmetic, compare, tree
from mlc_service.dmn.feel.compiler import compile_node
from mlc_service.dmn.feel.times import Date, DaysTime, YearsMonths
from mlc_service.dmn.languages import FeelTests, Tests

Cells = Sequence[tuple[int, Tests]]
_MAKERS = frozenset(["date", "time", "date and time", "duration"])
_NO_ORDER = object()
# by type: what the values are sorted by; values of other types are compared cell by cell
_SORTED_BY: dict[type, Callable[[Any], Any]] = {
    Decimal: lambda number: number,
    str: lambda text: text,
    Date: lambda date: date.ordinal(),
    YearsMonths: lambda duration: duration.months,
    DaysTime: lambda duration: duration.nanos,
}


class RuleIndex:
    """Finds the rules that hold; `rules` are their cells that ask something, each with its column."""

    def __init__(self, rules: Sequence[Cells], columns: int) -> None:
        self._rules = rules
        self._all = (1 << len(rules)) - 1
        of_column: list[dict[int, Tests]] = [{} for _ in range(columns)]
        for rule, cells in enumerate(rules):
            for column, tests in cells:
                of_column[column][rule] = tests
        self._columns = [_Column(cells, self._all) for cells in of_column]

    def candidates(self, values: Sequence[Any]) -> Iterator[tuple[int, list[tuple[int, Tests]]]]:
        """The rules not ruled out by these values, in order, each with the cells that are still to be asked."""
        left = self._all
        unasked: list[int] = []
        for column, value in zip(self._columns, values, strict=True):
            passing, open_ = column.masks(value)
            left &= passing
            if not left:
                return
            unasked.append(open_)
        while left:
            lowest = left & -left
            left ^= lowest
            rule = lowest.bit_length() - 1
            yield rule, [cell for cell in self._rules[rule] if unasked[cell[0]] & lowest]


class _Column:
    """The cells of one column."""

    def __init__(self, cells: dict[int, Tests], everyone: int) -> None:
        self._cells = cells
        self._constant: dict[int, tuple[_Constants, Tests]] = {}
        for rule, tests in cells.items():
            constants = _constants(tests)
            if constants is not None:
                self._constant[rule] = (constants, tests)
        self._asking = _bits(cells)
        self._general = self._asking & ~_bits(self._constant)
        self._silent = everyone & ~self._asking
        self._zones: dict[type, _Zones] = {}
        self._fixed: dict[bool | None, int] = {}

    def masks(self, value: Any) -> tuple[int, int]:
        """The rules that may hold, and those among them whose cell has to be asked."""
        if not self._cells:
            return self._silent, 0
        if value is None or isinstance(value, bool):
            return self._for_fixed(value) | self._general | self._silent, self._general
        zones = self._zones.get(type(value))
        if zones is None:
            if type(value) not in _SORTED_BY:
                return self._asking | self._silent, self._asking
            # two threads may build the same at once; either will do
            zones = self._zones[type(value)] = _Zones(type(value), self._constant)
        return zones.passing(value) | self._general | self._silent, self._general

    def _for_fixed(self, value: bool | None) -> int:
        found = self._fixed.get(value)
        if found is None:
            scope = Scope(Run({}))
            found = _bits(rule for rule, (_, tests) in self._constant.items() if tests.hold(value, scope))
            self._fixed[value] = found
        return found


def _bits(rules: Any) -> int:
    mask = 0
    for rule in rules:
        mask |= 1 << rule
    return mask


class _Zones:
    """The cells of a column for values of one type. Of `n` sorted constants, zone `2i + 1` is the i-th itself, and zone
    `2i` the gap before it."""

    def __init__(self, kind: type, cells: dict[int, tuple[_Constants, Tests]]) -> None:
        self._key = _SORTED_BY[kind]
        ends = (end for constants, _ in cells.values() for end in constants.ends())
        self._keys = sorted({self._key(end) for end in ends if type(end) is kind})
        changes = [0] * (2 * len(self._keys) + 2)
        for rule, (constants, _) in cells.items():
            for first, last in constants.zones(kind, self._zone, 2 * len(self._keys)):
                changes[first] ^= 1 << rule
                changes[last + 1] ^= 1 << rule
        self._masks: list[int] = []
        mask, seen = 0, {0: 0}
        for change in changes[:-1]:
            mask ^= change
            # most zones of a column of texts are alike, and share one integer
            self._masks.append(seen.setdefault(mask, mask))

    def passing(self, value: Any) -> int:
        return self._masks[self._zone(value)]

    def _zone(self, value: Any) -> int:
        key = self._key(value)
        at = bisect_left(self._keys, key)
        return 2 * at + 1 if at < len(self._keys) and self._keys[at] == key else 2 * at


@dataclass(frozen=True, slots=True)
class _Span:
    """One test of a cell: from an end to an end, either of them open; or, `outside`, all but the values between."""

    low: Any
    high: Any
    low_included: bool
    high_included: bool
    outside: bool = False

    def zones(self, kind: type, zone: Callable[[Any], int], last: int) -> tuple[int, int] | None:
        """The first and last zone inside; None if values of that type cannot be compared."""
        first = 0
        if self.low is not _NO_ORDER:
            if type(self.low) is not kind:
                return None
            first = zone(self.low) + (not self.low_included)
        if self.high is not _NO_ORDER:
            if type(self.high) is not kind:
                return None
            last = zone(self.high) - (not self.high_included)
        return first, last


@dataclass(frozen=True, slots=True)
class _Constants:
    """A cell that only compares with constants."""

    spans: tuple[_Span, ...]
    negated: bool

    def ends(self) -> list[Any]:
        return [end for span in self.spans for end in (span.low, span.high) if end is not _NO_ORDER]

    def zones(self, kind: type, zone: Callable[[Any], int], last: int) -> list[tuple[int, int]]:
        """The stretches of zones that pass, apart from each other and in order."""
        inside: list[tuple[int, int]] = []
        for span in self.spans:
            found = span.zones(kind, zone, last)
            if span.low is None:
                # `null`, `!= null`: no value of any type is null, so it is false, or true everywhere
                inside += [(0, last)] if span.outside else []
            elif found is None:
                # null: it passes nothing, and neither does what negates it
                if self.negated:
                    return []
            else:
                inside += _complement([found], last) if span.outside else [found]
        joined = _joined(inside)
        return _complement(joined, last) if self.negated else joined


def _joined(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(stretch for stretch in stretches if stretch[0] <= stretch[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _complement(stretches: list[tuple[int, int]], last: int) -> list[tuple[int, int]]:
    gaps, at = [], 0
    for first, end in _joined(stretches):
        if first > at:
            gaps.append((at, first - 1))
        at = end + 1
    return [*gaps, (at, last)] if at <= last else gaps


def _constants(tests: Tests) -> _Constants | None:
    """What the cell compares with, or None if that takes more than constants."""
    parsed = tests.tests.parsed() if isinstance(tests, FeelTests) else None
    if parsed is None:
        return None
    node, known = parsed
    spans = [_span(test, known) for test in node.tests]
    kept = [span for span in spans if span is not None]
    return _Constants(tuple(kept), node.negated) if kept and len(kept) == len(spans) else None


def _span(node: tree.Node, known: frozenset[str]) -> _Span | None:
    operator, end = "=", node
    if isinstance(node, tree.OperatorTest):
        operator, end = node.operator, node.end
    if isinstance(node, tree.RangeOf):
        return _range(node, known)
    constant = _constant(end, known)
    if constant is _NO_ORDER:
        return None
    if operator in ("=", "!="):
        return _Span(constant, constant, True, True, outside=operator == "!=")
    if constant is None:
        return None
    if operator in ("<", "<="):
        return _Span(_NO_ORDER, constant, True, operator == "<=")
    return _Span(constant, _NO_ORDER, operator == ">=", True)


def _range(node: tree.RangeOf, known: frozenset[str]) -> _Span | None:
    low = _NO_ORDER if node.low is None else _constant(node.low, known)
    high = _NO_ORDER if node.high is None else _constant(node.high, known)
    if (node.low is not None and low is _NO_ORDER) or (node.high is not None and high is _NO_ORDER):
        return None
    if low is None or high is None:
        return None
    if low is not _NO_ORDER and high is not _NO_ORDER and (type(low) is not type(high) or _turned(low, high)):
        return None
    return _Span(low, high, node.low_included, node.high_included)


def _turned(low: Any, high: Any) -> bool:
    return (compare.order(low, high) or 0) > 0


def _constant(node: tree.Node, known: frozenset[str]) -> Any:
    """The constant's value, or _NO_ORDER if the node is none that a column can be sorted by."""
    if isinstance(node, tree.Literal):
        found = node.value
    elif isinstance(node, tree.Negative) and isinstance(node.operand, tree.Literal):
        found = arithmetic.negative(node.operand.value)
    elif _makes_constant(node, known):
        found = compile_node(node)(Scope(Run({})))
    else:
        return _NO_ORDER
    if found is None and not isinstance(node, tree.Literal):
        return _NO_ORDER
    # a point in time can be compared with days too, so it is in no order of one type
    return found if found is None or isinstance(found, bool) or type(found) in _SORTED_BY else _NO_ORDER


def _makes_constant(node: tree.Node, known: frozenset[str]) -> bool:
    """Whether the node is `date("...")` or the like, and no name of the file stands for another function."""
    if not (isinstance(node, tree.Call) and isinstance(node.function, tree.Name) and node.names is None):
        return False
    name = node.function.name
    return name in _MAKERS and name not in known and all(isinstance(a, tree.Literal) for a in node.arguments)
