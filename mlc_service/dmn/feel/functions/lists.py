"""List and Boolean-list functions (DMN 1.5 §10.3.4.4). Those over numbers take a list or the numbers themselves."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cmp_to_key, reduce
from typing import Any, TypeVar

from mlc_service.dmn.feel import arithmetic, compare
from mlc_service.dmn.feel.functions.registry import function, invoke
from mlc_service.dmn.feel.scope import Run
from mlc_service.dmn.feel.values import NUMBERS, Function

_Declared = TypeVar("_Declared", bound=Callable[[list[Any]], Any])
_TRUE: bool | None = True
_FALSE: bool | None = False


def _over_items(name: str) -> Callable[[_Declared], _Declared]:
    def declare(implementation: _Declared) -> _Declared:
        function(name, "list:list")(implementation)
        function(name, "items:any...")(lambda items: implementation(items) if len(items) > 1 else None)
        return implementation

    return declare


def _numbers(items: list[Any]) -> list[Decimal] | None:
    return items if items and all(isinstance(item, Decimal) for item in items) else None


@function("count", "list:list")
def count(items: list[Any]) -> Decimal:
    return Decimal(len(items))


@_over_items("min")
def minimum(items: list[Any]) -> Any:
    return _extreme(items, -1)


@_over_items("max")
def maximum(items: list[Any]) -> Any:
    return _extreme(items, 1)


def _extreme(items: list[Any], wanted: int) -> Any:
    if not items:
        return None
    best = items[0]
    for item in items:
        found = compare.order(item, best)
        if found is None:
            return None
        best = item if found == wanted else best
    return best


@_over_items("sum")
def total(items: list[Any]) -> Any:
    # durations add up as well as numbers
    return reduce(arithmetic.add, items) if items and all(_adds_up(item) for item in items) else None


def _adds_up(item: Any) -> bool:
    return isinstance(item, Decimal) or arithmetic.negative(item) is not None


@_over_items("mean")
def mean(items: list[Any]) -> Any:
    return arithmetic.divide(total(items), Decimal(len(items))) if items else None


@_over_items("product")
def product(items: list[Any]) -> Decimal | None:
    found = _numbers(items)
    return arithmetic.finite(reduce(NUMBERS.multiply, found)) if found else None


@_over_items("median")
def median(items: list[Any]) -> Decimal | None:
    found = _numbers(items)
    if not found:
        return None
    ordered, middle = sorted(found), len(found) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return arithmetic.finite(NUMBERS.divide(NUMBERS.add(ordered[middle - 1], ordered[middle]), Decimal(2)))


@_over_items("stddev")
def standard_deviation(items: list[Any]) -> Decimal | None:
    found = _numbers(items)
    if not found or len(found) < 2:
        return None
    middle = NUMBERS.divide(reduce(NUMBERS.add, found), Decimal(len(found)))
    squares = (NUMBERS.power(NUMBERS.subtract(item, middle), 2) for item in found)
    return arithmetic.finite(NUMBERS.sqrt(NUMBERS.divide(reduce(NUMBERS.add, squares), Decimal(len(found) - 1))))


@_over_items("mode")
def mode(items: list[Any]) -> list[Decimal] | None:
    if not items:
        return []
    found = _numbers(items)
    if not found:
        return None
    counts: dict[Decimal, int] = {}
    for item in found:
        counts[item] = counts.get(item, 0) + 1
    return sorted(item for item, times in counts.items() if times == max(counts.values()))


@_over_items("all")
def every(items: list[Any]) -> bool | None:
    return reduce(compare.both, items, _TRUE)


@_over_items("any")
def some(items: list[Any]) -> bool | None:
    return reduce(compare.either, items, _FALSE)


@function("list contains", "list:list, element:any")
def list_contains(items: list[Any], element: Any) -> bool:
    return any(compare.equal(item, element) is True for item in items)


@function("append", "list:list, item:any...")
def append(items: list[Any], more: list[Any]) -> list[Any]:
    return [*items, *more]


@function("concatenate", "list:list...")
def concatenate(lists: list[list[Any]]) -> list[Any]:
    return [item for items in lists for item in items]


@function("union", "list:list...")
def union(lists: list[list[Any]]) -> list[Any]:
    return distinct_values(concatenate(lists))


@function("distinct values", "list:list")
def distinct_values(items: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if not list_contains(kept, item):
            kept.append(item)
    return kept


@function("duplicate values", "list:list")
def duplicate_values(items: list[Any]) -> list[Any]:
    return distinct_values([item for at, item in enumerate(items) if list_contains(items[:at], item)])


@function("flatten", "list:list")
def flatten(items: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in items:
        flat.extend(flatten(item) if isinstance(item, list) else [item])
    return flat


@function("reverse", "list:list")
def reverse(items: list[Any]) -> list[Any]:
    return items[::-1]


@function("index of", "list:list, match:any")
def index_of(items: list[Any], match: Any) -> list[Decimal]:
    return [Decimal(at) for at, item in enumerate(items, 1) if compare.equal(item, match) is True]


@function("sublist", "list:list, start position:number, length:number?")
def sublist(items: list[Any], start: Decimal, length: Decimal | None = None) -> list[Any] | None:
    at = _index(items, start)
    if at is None or (length is not None and not 0 <= length <= len(items) - at):
        return None
    return items[at:] if length is None else items[at : at + int(length)]


@function("insert before", "list:list, position:number, newItem:any")
def insert_before(items: list[Any], position: Decimal, item: Any) -> list[Any] | None:
    at = _index(items, position)
    return None if at is None else [*items[:at], item, *items[at:]]


@function("remove", "list:list, position:number")
def remove(items: list[Any], position: Decimal) -> list[Any] | None:
    at = _index(items, position)
    return None if at is None else [*items[:at], *items[at + 1 :]]


@function("list replace", "list:list, position:number, newItem:any")
def list_replace(items: list[Any], position: Decimal, item: Any) -> list[Any] | None:
    at = _index(items, position)
    return None if at is None else [*items[:at], item, *items[at + 1 :]]


@function("list replace", "list:list, match:function, newItem:any", needs_run=True)
def list_replace_matching(run: Run, items: list[Any], match: Function, item: Any) -> list[Any] | None:
    answers = [invoke(match, [old, item], None, run) for old in items]
    if not all(isinstance(answer, bool) for answer in answers):
        return None
    return [item if replaced else old for old, replaced in zip(items, answers, strict=True)]


@function("sort", "list:list")
def sort(items: list[Any]) -> list[Any] | None:
    if any(compare.order(items[0], item) is None for item in items):
        return None
    return sorted(items, key=cmp_to_key(lambda left, right: compare.order(left, right) or 0))


@function("sort", "list:list, precedes:function", needs_run=True)
def sort_by(run: Run, items: list[Any], precedes: Function) -> list[Any]:
    def order(left: Any, right: Any) -> int:
        run.spend(1)
        if invoke(precedes, [left, right], None, run) is True:
            return -1
        return 1 if invoke(precedes, [right, left], None, run) is True else 0

    return sorted(items, key=cmp_to_key(order))


def _index(items: list[Any], position: Decimal) -> int | None:
    """The index from 0 of a position from 1, or from -1 backwards; null outside the list."""
    at = int(position)
    if at == 0 or abs(at) > len(items):
        return None
    return at - 1 if at > 0 else len(items) + at
