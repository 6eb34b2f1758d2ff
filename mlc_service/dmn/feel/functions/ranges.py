"""Range functions: Allen's relations between points and ranges (DMN 1.5 §10.3.4.9), and `range(text)`."""

from __future__ import annotations

from typing import Any

from mlc_service.dmn.feel import compare
from mlc_service.dmn.feel.functions.registry import function
from mlc_service.dmn.feel.values import Range


def _before(left: Any, right: Any) -> bool | None:
    """Whether all of `left` lies before all of `right`; either may be a point."""
    high, high_in = (left.high, left.high_included) if isinstance(left, Range) else (left, True)
    low, low_in = (right.low, right.low_included) if isinstance(right, Range) else (right, True)
    if high is None or low is None:
        return None
    found = compare.order(high, low)
    return None if found is None else found < 0 or (found == 0 and not (high_in and low_in))


@function("before", "point1:any, point2:any")
def before(left: Any, right: Any) -> bool | None:
    return _before(left, right)


@function("before", "point:any, range:any")
def before_range(left: Any, right: Any) -> bool | None:
    return _before(left, right)


@function("after", "point1:any, point2:any")
def after(left: Any, right: Any) -> bool | None:
    return _before(right, left)


def _order(left: Any, right: Any) -> int | None:
    return None if left is None or right is None else compare.order(left, right)


def _low_order(left: Range, right: Range) -> int | None:
    """Which range starts first; of two at the same point the one that includes it."""
    found = _order(left.low, right.low)
    return (right.low_included - left.low_included) if found == 0 else found


def _high_order(left: Range, right: Range) -> int | None:
    """Which range ends first; of two at the same point the one that excludes it."""
    found = _order(left.high, right.high)
    return (left.high_included - right.high_included) if found == 0 else found


def _joint(*orders: tuple[int | None, tuple[int, ...]]) -> bool | None:
    """Whether every order is among those allowed; null if any is."""
    if any(found is None for found, _ in orders):
        return None
    return all(found in allowed for found, allowed in orders)


@function("meets", "range1:range, range2:range")
def meets(left: Range, right: Range) -> bool | None:
    found = _order(left.high, right.low)
    return None if found is None else left.high_included and right.low_included and found == 0


@function("met by", "range1:range, range2:range")
def met_by(left: Range, right: Range) -> bool | None:
    return meets(right, left)


@function("overlaps", "range1:range, range2:range")
def overlaps(left: Range, right: Range) -> bool | None:
    return compare.negate(compare.either(_before(left, right), _before(right, left)))


@function("overlaps before", "range1:range, range2:range")
def overlaps_before(left: Range, right: Range) -> bool | None:
    starts_first = _joint((_low_order(left, right), (-1,)))
    ends_first = _joint((_high_order(left, right), (-1, 0)))
    return compare.both(compare.both(starts_first, ends_first), overlaps(left, right))


@function("overlaps after", "range1:range, range2:range")
def overlaps_after(left: Range, right: Range) -> bool | None:
    starts_last = _joint((_low_order(left, right), (1,)))
    ends_last = _joint((_high_order(left, right), (0, 1)))
    return compare.both(compare.both(starts_last, ends_last), overlaps(left, right))


@function("finishes", "point:any, range:range")
def finishes(left: Any, right: Range) -> bool | None:
    if isinstance(left, Range):
        return _joint((_high_order(left, right), (0,)), (_low_order(left, right), (0, 1)))
    found = _order(left, right.high)
    return None if found is None else right.high_included and found == 0


@function("finished by", "range:range, point:any")
def finished_by(left: Range, right: Any) -> bool | None:
    return finishes(right, left)


@function("starts", "point:any, range:range")
def starts(left: Any, right: Range) -> bool | None:
    if isinstance(left, Range):
        return _joint((_low_order(left, right), (0,)), (_high_order(left, right), (-1, 0)))
    found = _order(left, right.low)
    return None if found is None else right.low_included and found == 0


@function("started by", "range:range, point:any")
def started_by(left: Range, right: Any) -> bool | None:
    return starts(right, left)


@function("includes", "range:range, point:any")
def includes(left: Range, right: Any) -> bool | None:
    if isinstance(right, Range):
        return _joint((_low_order(left, right), (-1, 0)), (_high_order(left, right), (0, 1)))
    return None if right is None else compare.within(right, left)


@function("during", "point:any, range:range")
def during(left: Any, right: Range) -> bool | None:
    return includes(right, left)


@function("coincides", "point1:any, point2:any")
def coincides(left: Any, right: Any) -> bool | None:
    if isinstance(left, Range) and isinstance(right, Range):
        return _joint((_low_order(left, right), (0,)), (_high_order(left, right), (0,)))
    found = _order(left, right)
    return None if found is None else found == 0
