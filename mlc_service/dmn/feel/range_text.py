"""The function `range(text)`: a range written as text, whose ends are literals (DMN 1.5 §10.3.4.1)."""

from __future__ import annotations

from typing import Any

from mlc_service.dmn.feel import compare, tree
from mlc_service.dmn.feel.compiler import compile_node
from mlc_service.dmn.feel.functions.registry import function
from mlc_service.dmn.feel.parser import parse_expression
from mlc_service.dmn.feel.scanner import FeelSyntaxError
from mlc_service.dmn.feel.scope import Run, Scope

_MAKERS = frozenset(["date", "time", "date and time", "duration"])


@function("range", "from:string", needs_run=True)
def range_of_text(run: Run, text: str) -> Any:
    try:
        node = parse_expression(text)
    except (FeelSyntaxError, RecursionError):
        return None
    if not isinstance(node, tree.RangeOf) or not all(_is_end(end) for end in (node.low, node.high)):
        return None
    if (node.low is None and node.low_included) or (node.high is None and node.high_included):
        return None
    span = compile_node(node)(Scope(run))
    if span is not None and span.low is not None and span.high is not None:
        comparable = type(span.low) is type(span.high) and compare.order(span.low, span.high) is not None
        return span if comparable else None
    return span


def _is_end(node: tree.Node | None) -> bool:
    if isinstance(node, tree.Negative):
        return isinstance(node.operand, tree.Literal)
    if isinstance(node, tree.Call):
        named = isinstance(node.function, tree.Name) and node.function.name in _MAKERS
        return named and all(isinstance(argument, tree.Literal) for argument in node.arguments)
    return node is None or isinstance(node, tree.Literal)
