"""Our FEEL and npm's feelin on the same random expressions: every difference is explained by a rule below, or a fault.

    python -m benchmarks.feelin_differences [--count 5000] [--seed 1] [--show 20]

Prints how many expressions agree, how many differ for each rule, and those that no rule explains; exits 1 if any.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any

from benchmarks import feelin
from benchmarks.feel_generator import CONTEXT, Expressions, Part
from mlc_service.dmn.feel import EvaluationLimit, FeelSyntaxError, Run, Scope, compare, expression
from mlc_service.dmn.feel.compiler import compile_node
from mlc_service.dmn.feel.parser import parse_expression
from mlc_service.dmn.feel.times import Date, DateTime, DaysTime, Time, YearsMonths
from mlc_service.dmn.feel.tree import Between, Comparison, Filter, Membership, OperatorTest, Path, RangeOf
from mlc_service.dmn.feel.values import Function, Range

COUNT, SEED = 5_000, 1
_LITERAL = re.compile(r'@"([^"]*)"')
_NUMERAL = re.compile(r"-?\d+\.\d{9,}")
_KINDS = {Date: "date", Time: "time", DateTime: "moment", DaysTime: "duration", YearsMonths: "duration"}
_FEELIN = """
import { evaluate, isFunction, isRange, FeelDate, FeelTime, FeelDateTime, FeelDuration } from 'feelin';
import { readFileSync } from 'node:fs';
const { expressions, context } = JSON.parse(readFileSync(0));
const kinds = [[FeelDate, 'date'], [FeelTime, 'time'], [FeelDateTime, 'moment'], [FeelDuration, 'duration']];
function plain(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? { number: value } : { number: String(value) };
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(plain);
  for (const [kind, name] of kinds) if (value instanceof kind) return { [name]: String(value) };
  if (isRange(value)) {
    const ends = [value['start included'], value['end included']];
    return { range: [plain(value.start), plain(value.end), ...ends] };
  }
  if (isFunction(value) || typeof value === 'function') return { function: true };
  return { context: Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)])) };
}
const answers = expressions.map(text => {
  try {
    const { value, warnings } = evaluate(text, context);
    return { value: plain(value), warnings: warnings.map(warning => warning.type) };
  } catch (error) {
    return { error: String(error.message) };
  }
});
console.log(JSON.stringify(answers));
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """An expression with what each says; `theirs` is None too where feelin raised `error`."""

    text: str
    ours: Any
    theirs: Any
    error: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rule by which the two may differ, and where it is written who is right."""

    name: str
    reason: str
    applies: Callable[[Difference], bool]


def ours(text: str) -> tuple[Any, str]:
    """Our value, and the error if there was one."""
    try:
        return _plain(expression(text, CONTEXT).value(Scope(Run(CONTEXT)))), ""
    except (FeelSyntaxError, EvaluationLimit) as error:
        return None, str(error)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"number": float(value)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {"context": {name: _plain(part) for name, part in value.items()}}
    if isinstance(value, Range):
        return {"range": [_plain(value.low), _plain(value.high), value.low_included, value.high_included]}
    if isinstance(value, Function):
        return {"function": True}
    kind = _KINDS.get(type(value))
    return value if kind is None else {kind: str(value)}


def same(left: Any, right: Any) -> bool:
    """Equal, numbers to twelve digits."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        return all(same(part, right[name]) for name, part in left.items())
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-12)
    return bool(left == right)


def _is(pattern: str) -> Callable[[Difference], bool]:
    """Whether the smallest differing part is of that form from its start."""
    compiled = re.compile(pattern)
    return lambda difference: compiled.match(difference.text) is not None


def _compared_values(text: str) -> list[tuple[str, Any, Any]]:
    """The operator and both values of every comparison that the part itself, or its filter, makes."""
    try:
        node: Any = parse_expression(text, CONTEXT)
    except FeelSyntaxError:
        return []
    scope = Scope(Run(CONTEXT))
    if isinstance(node, Path):
        node = node.source
    if isinstance(node, Filter) and isinstance(node.condition, Comparison):
        source = compile_node(node.source)(scope)
        left, right = compile_node(node.condition.left), compile_node(node.condition.right)
        items = source if isinstance(source, list) else [source]
        inner = [scope.inside({"item": one, **(one if isinstance(one, dict) else {})}) for one in items]
        return [(node.condition.operator, left(one), right(one)) for one in inner]
    if isinstance(node, Comparison):
        return [(node.operator, compile_node(node.left)(scope), compile_node(node.right)(scope))]
    if isinstance(node, Between):
        value, low, high = (compile_node(part)(scope) for part in (node.value, node.low, node.high))
        return [("<=", low, value), ("<=", value, high), ("<=", low, high)]
    if isinstance(node, Membership):
        value = compile_node(node.value)(scope)
        tests = [test for test in node.tests if isinstance(test, OperatorTest)]
        ends = [(test.operator, compile_node(test.end)(scope)) for test in tests]
        ends += [
            ("=", compile_node(test)(scope)) for test in node.tests if not isinstance(test, OperatorTest | RangeOf)
        ]
        ends += [("<", compile_node(test.low)(scope)) for test in node.tests if isinstance(test, RangeOf) and test.low]
        return [(operator, value, end) for operator, end in ends]
    return []


def _orders_two_types(difference: Difference) -> bool:
    return any(
        operator not in ("=", "!=") and compare.order(left, right) is None
        for operator, left, right in _compared_values(difference.text)
    )


def _equates_unlike_values(difference: Difference) -> bool:
    return any(
        operator in ("=", "!=") and (type(left) is not type(right) or isinstance(left, list | dict))
        for operator, left, right in _compared_values(difference.text)
    )


def _turned_between(difference: Difference) -> bool:
    found = _compared_values(difference.text)
    return " between " in difference.text and len(found) == 3 and compare.order(*found[2][1:]) == 1


def _tag(value: Any) -> str:
    """The kind of a value: `date`, `number`, `null`, `list`..."""
    if isinstance(value, dict):
        return str(next(iter(value)))
    return "null" if value is None else type(value).__name__


def _holds_reversed_range(difference: Difference) -> bool:
    """Whether a range in it starts after its end, or an end is of another type than the other."""
    try:
        tree = parse_expression(difference.text, CONTEXT)
    except FeelSyntaxError:
        return "..[" in difference.text
    return any(compile_node(node)(Scope(Run(CONTEXT))) is None for node in _ranges(tree))


def _ranges(node: object) -> Iterator[Any]:
    if isinstance(node, RangeOf):
        yield node
    elif isinstance(node, tuple):
        for part in node:
            yield from _ranges(part)
    elif is_dataclass(node):
        for part in fields(node):
            yield from _ranges(getattr(node, part.name))


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "decimals",
        "numbers have 34 decimal digits (DMN 1.5 §10.3.2.3.1); feelin's are binary doubles, or of 9 digits (modulo)",
        lambda d: _NUMERAL.sub("#", str(d.ours)) == _NUMERAL.sub("#", str(d.theirs)),
    ),
    Explanation(
        "reversed range",
        "a range that starts after its end, or joins two types, is null (DMN 1.5 §10.3.2.7; TCK 1156); feelin turns "
        "the ends or fails",
        _holds_reversed_range,
    ),
    Explanation(
        "between turned ends",
        "nothing is between 3 and 1: `between` is two comparisons (DMN 1.5 §10.3.2.6); feelin turns the ends",
        _turned_between,
    ),
    Explanation(
        "ranges related",
        "Allen's relations are true or false for two ranges (DMN 1.5 §10.3.4.9; TCK 1130); feelin has null",
        lambda d: (
            d.theirs is None and _is(r"(starts|finishes|during|coincides|includes|meets|overlaps|before|after)\(")(d)
        ),
    ),
    Explanation(
        "position outside",
        "a position outside the text or list gives null (TCK 1103); feelin answers something",
        lambda d: d.ours is None and _is(r"(substring|sublist|insert before|remove)\(")(d),
    ),
    Explanation(
        "remove from the end",
        "a negative position counts from the end (DMN 1.5 §10.3.4.4); feelin removes another item",
        _is(r"remove\(.*, -\d+\)$"),
    ),
    Explanation(
        "parity of a fraction",
        "odd and even are null for a number with a fraction (TCK 0054, 0055); feelin says false",
        lambda d: d.ours is None and _is(r"(odd|even)\(")(d),
    ),
    Explanation(
        "median",
        "the median is the middle number; feelin sorts the numbers as texts",
        lambda d: "median(" in d.text,
    ),
    Explanation(
        "group that is not there",
        "`$1` without such a group is nothing (XPath 3.1, fn:replace); feelin leaves it",
        lambda d: _is(r"replace\(")(d) and "$1" in str(d.theirs),
    ),
    Explanation(
        "one value as a list",
        "where a list is wanted a value is the list of it (DMN 1.5 §10.3.2.9.4); feelin has null or fails",
        lambda d: d.theirs is None and _is(r"(union|concatenate|append)\(|\((for|some|every) \w+ in ")(d),
    ),
    Explanation(
        "condition that is no truth value",
        "only true is true (DMN 1.5 §10.3.2.10); feelin takes any value but null as true",
        _is(r"\((if|some|every) "),
    ),
    Explanation(
        "equality of lists, contexts and null",
        "lists of different length are not equal, and null equals null alone (DMN 1.5 §10.3.2.13.1); feelin has null",
        _equates_unlike_values,
    ),
    Explanation(
        "order of two types",
        "values of two types have no order, `<` between them is null (DMN 1.5 §10.3.2.13.2), so a filter drops them; "
        "feelin compares as JavaScript does, or fails",
        _orders_two_types,
    ),
    Explanation(
        "durations far from each other",
        "durations are equal if they are equally long; feelin takes some for equal that are hours apart",
        lambda d: any(isinstance(left, DaysTime) for _, left, _ in _compared_values(d.text)) and d.theirs is not None,
    ),
    Explanation(
        "arguments of another type",
        "a function called with values of other types is null (DMN 1.5 §10.3.4); feelin takes the time of a point in "
        "time, and null as an item",
        lambda d: d.ours is None and _is(r"(date and time|concatenate|union)\(")(d),
    ),
    Explanation(
        "order of items of two types",
        "items that have no order keep their places; feelin puts them anywhere, or fails",
        lambda d: _is(r"sort\(.*, function\(p, q\) p > q\)$")(d) and len({_tag(item) for item in d.ours or []}) > 1,
    ),
    Explanation(
        "durations as numbers, extremes of one value",
        "durations have a mean and can be multiplied, one value is its own extreme (DMN 1.5 table 59, §10.3.4.4); "
        "feelin has null",
        lambda d: d.theirs is None and (_tag(d.ours) == "duration" or _is(r"(min|max)\(")(d)),
    ),
    Explanation(
        "dates inside texts of lists",
        "in the text of a list a date stands as its literal, which can be read again; feelin leaves `@` and quotes out",
        lambda d: isinstance(d.ours, str) and _LITERAL.sub(r"\1", d.ours) == d.theirs,
    ),
    Explanation(
        "date and hours",
        "a date plus hours is a date (DMN 1.5 table 59); feelin makes a point in time",
        lambda d: (_tag(d.ours), _tag(d.theirs)) == ("date", "moment"),
    ),
    Explanation(
        "time and months",
        "a time moves by days-and-time durations alone (DMN 1.5 table 59); feelin drops years and months",
        lambda d: (_tag(d.ours), _tag(d.theirs)) == ("null", "time"),
    ),
    Explanation(
        "differences without meaning",
        "a date is its midnight in UTC, and the difference to a local point in time, a time or a duration is null "
        "(DMN 1.5 table 59, §10.3.2.3.6); feelin answers NaN, or reckons from today or from local midnight",
        lambda d: d.ours is None and _tag(d.theirs) in ("duration", "number") and " - " in d.text,
    ),
)


def differences(count: int = COUNT, seed: int = SEED) -> list[list[Difference]]:
    """For each expression that the two do not agree on, the smallest parts of it on which they differ already.

    Raises feelin.NotHere.
    """
    written = Expressions(seed)
    whole = [written.next() for _ in range(count)]
    found = _compared(whole)
    suspects = [part for part in whole if part.text in found]
    inner, layer = dict(found), suspects
    while layer := [part for one in layer for part in one.closed()]:
        inner |= _compared(layer)
    return [_smallest(part, inner) for part in suspects]


def _compared(parts: list[Part]) -> dict[str, Difference]:
    texts = list(dict.fromkeys(part.text for part in parts))
    answers = feelin.run(_FEELIN, {"expressions": texts, "context": CONTEXT})
    found = {}
    for text, answer in zip(texts, answers, strict=True):
        value, error = ours(text)
        theirs = answer.get("value")
        failed = "; ".join(part for part in (error and f"ours: {error}", answer.get("error", "")) if part)
        # where feelin raises it has no value, and neither have we
        if error or not same(value, theirs):
            found[text] = Difference(text, value, theirs, failed)
    return found


def _smallest(part: Part, found: dict[str, Difference]) -> list[Difference]:
    below = [small for inner in part.closed() for small in _smallest(inner, found)]
    if below or part.text not in found:
        return below
    return [found[part.text]]


def explained(found: list[list[Difference]]) -> tuple[Counter[str], list[Difference]]:
    """How many expressions each rule explains, all their smallest parts being explained, and what is left over."""
    by_rule: Counter[str] = Counter()
    left: dict[str, Difference] = {}
    for parts in found:
        rules = [next((rule.name for rule in EXPLANATIONS if rule.applies(part)), None) for part in parts]
        left |= {part.text: part for part, rule in zip(parts, rules, strict=True) if rule is None}
        if None not in rules:
            by_rule.update({str(rules[0]): 1})
    return by_rule, list(left.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--show", type=int, default=20, help="how many unexplained ones to print")
    asked = parser.parse_args()
    try:
        found = differences(asked.count, asked.seed)
    except feelin.NotHere as missing:
        print(f"nothing was compared: {missing}")
        return 0
    by_rule, left = explained(found)
    print(f"{asked.count} expressions, seed {asked.seed}: {asked.count - len(found)} agree, {len(found)} differ")
    for rule in EXPLANATIONS:
        print(f"  {by_rule[rule.name]:5} {rule.name}: {rule.reason}")
    print(f"  {len(left):5} unexplained")
    for difference in left[: asked.show]:
        print(f"    {difference.text}")
        print(f"      ours   {difference.ours}\n      theirs {difference.theirs} {difference.error}")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
