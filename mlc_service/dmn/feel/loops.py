"""Walking through lists: filters, `for`, `some`, `every` (DMN 1.5 §10.3.2.5, §10.3.2.14)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel import arithmetic, compare
from mlc_service.dmn.feel.scope import Evaluate, Scope
from mlc_service.dmn.feel.values import Range, is_whole

Loops = list[tuple[str, Evaluate]]


def filter_by(source: Evaluate, condition: Evaluate, *, indexed: bool = False, strict: bool = False) -> Evaluate:
    """The items for which the condition holds, or the one at the position that it gives; `indexed` if it only can.

    `strict`, as boxed filters are: null if the condition is neither true nor false nor a position.
    """

    def evaluate(scope: Scope) -> Any:
        found = source(scope)
        items = found if isinstance(found, list) else ([] if found is None else [found])
        if indexed or not items:
            index = condition(scope)
            if index is None or isinstance(index, bool):
                return items if index is True else []
            return _item(items, index)
        scope.run.spend(len(items))
        kept = []
        for item in items:
            inner = scope.inside({"item": item})
            answer = condition(inner.inside(item) if isinstance(item, dict) else inner)
            if isinstance(answer, Decimal):
                return _item(items, answer)
            if answer is True:
                kept.append(item)
            elif strict and not isinstance(answer, bool):
                return None
        return kept

    return evaluate


def _item(items: list[Any], index: Any) -> Any:
    """The item at a position counted from 1, or from -1 backwards; null outside."""
    if not isinstance(index, Decimal) or not is_whole(index):
        return None
    at = int(index)
    if at == 0 or abs(at) > len(items):
        return None
    return items[at - 1 if at > 0 else at]


def for_each(loops: Loops, body: Evaluate) -> Evaluate:
    """The list of what the body gives in each turn; in it, `partial` is the list so far."""

    def evaluate(scope: Scope) -> list[Any] | None:
        results: list[Any] = []
        for turn in _turns(loops, scope.inside({"partial": results}), {}):
            if turn is None:
                return None
            results.append(body(turn))
        return results

    return evaluate


def quantify(loops: Loops, condition: Evaluate, *, every: bool, strict: bool = False) -> Evaluate:
    """Whether the condition holds in every turn, or in some; `strict`, as boxed ones are, looks at all turns and is
    null if it is anywhere neither true nor false."""
    start, join = (True, compare.both) if every else (False, compare.either)

    def evaluate(scope: Scope) -> bool | None:
        answer: bool | None = start
        for turn in _turns(loops, scope, {}):
            if turn is None:
                return None
            held = condition(turn)
            if strict and not isinstance(held, bool):
                return None
            answer = join(answer, held)
            if answer is (not start) and not strict:
                return answer
        return answer

    return evaluate


def _turns(loops: Loops, scope: Scope, values: dict[str, Any]) -> Iterator[Scope | None]:
    """A scope for each combination, the last loop turning fastest; None once if a source cannot be walked."""
    if not loops:
        yield scope.inside(dict(values))
        return
    name, source = loops[0]
    items = source(scope.inside(values))
    if isinstance(items, Range):
        items = steps(items.low, items.high) if items.low_included and items.high_included else None
    if items is None:
        yield None
        return
    for item in items if isinstance(items, list | range) else [items]:
        scope.run.spend(1)
        values[name] = Decimal(item) if isinstance(item, int) and not isinstance(item, bool) else item
        yield from _turns(loops[1:], scope, values)
    values.pop(name, None)


def steps(first: Any, last: Any) -> Any:
    """The whole numbers or the days from first to last, upwards or downwards; null for anything else."""
    if not (isinstance(first, Decimal) and isinstance(last, Decimal)):
        return arithmetic.days_between(first, last)
    if not (is_whole(first) and is_whole(last)):
        return None
    start, end = int(first), int(last)
    return range(start, end + 1) if start <= end else range(start, end - 1, -1)
