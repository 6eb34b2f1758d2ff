"""The syntax tree of a FEEL expression: what the parser makes and the compiler reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A variable; `name` is written with single spaces. `?` is the value under test."""

    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` / `or`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Between:
    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Membership:
    """`value in (test, test, ...)`."""

    value: Node
    tests: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class OperatorTest:
    """A unary test with an operator, `< 10`; only ever a test, never a value."""

    operator: str
    end: Node


@dataclass(frozen=True, slots=True)
class RangeOf:
    low: Node | None
    high: Node | None
    low_included: bool
    high_included: bool


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ContextOf:
    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Path:
    source: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter:
    source: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Call:
    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class If:
    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class For:
    """`for a in xs, b in ys return body`; a source may be a `Steps`."""

    loops: tuple[tuple[str, Node], ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Steps:
    """`1..n` as the source of a loop, counting down as well as up."""

    first: Node
    last: Node


@dataclass(frozen=True, slots=True)
class Quantified:
    """`some` / `every`."""

    every: bool
    loops: tuple[tuple[str, Node], ...]
    condition: Node


@dataclass(frozen=True, slots=True)
class FunctionOf:
    parameters: tuple[tuple[str, TypeOf | None], ...]
    body: Node


@dataclass(frozen=True, slots=True)
class External:
    """`function(parameters) external mapping`."""

    parameters: tuple[str, ...]
    mapping: Node


@dataclass(frozen=True, slots=True)
class TypeOf:
    """A type's name, with the types inside `list<...>`, `range<...>`, `context<name: ...>`, `function<...> -> ...`."""

    name: str
    inner: tuple[TypeOf, ...] = ()
    fields: tuple[tuple[str, TypeOf], ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceOf:
    value: Node
    type: TypeOf


@dataclass(frozen=True, slots=True)
class UnaryTests:
    """A decision table's input cell: any of the tests holds, or none when negated; no tests at all is any value."""

    tests: tuple[Node, ...]
    negated: bool = False


Node = (
    Literal
    | Name
    | Arithmetic
    | Negative
    | Comparison
    | Logic
    | Between
    | Membership
    | OperatorTest
    | RangeOf
    | ListOf
    | ContextOf
    | Path
    | Filter
    | Call
    | If
    | For
    | Steps
    | Quantified
    | FunctionOf
    | External
    | InstanceOf
)
