"""What a decision's logic answers, as the decisions that require it and history see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mlc_service.dmn.feel import Scope, to_plain
from mlc_service.dmn.results import InputValue, OutputValue

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """What history is told of one evaluation."""

    inputs: tuple[InputValue, ...] = ()
    outputs: tuple[OutputValue, ...] = ()
    collected: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Plain rows for the caller, FEEL values for a requiring decision, and the account, made when it is asked for."""

    rows: list[Row]
    value: Any
    bindings: Mapping[str, Any]
    matched_rules: list[str]
    inputs: Mapping[str, Any]
    hit_policy: str
    account: Callable[[], Account]


class Logic(Protocol):
    def evaluate(self, scope: Scope) -> Outcome:
        """What the logic answers for the variables of the scope. Raises DecisionError."""


def outcome_of(name: str, value: Any, plain: Any, *, clause_id: str | None = None) -> Outcome:
    """The outcome of logic that gives one value under one name."""

    def account() -> Account:
        return Account(outputs=(OutputValue(clause_id, name, None, None, name, None, plain),))

    return Outcome([{name: plain}], value, {name: value}, [], {}, "", account)


@dataclass(frozen=True, slots=True)
class NoLogic:
    """A decision that only has a name: its value is the variable of that name, which the caller may give."""

    variable: str

    def evaluate(self, scope: Scope) -> Outcome:
        value = scope.find(self.variable)
        return outcome_of(self.variable, value, to_plain(value))
