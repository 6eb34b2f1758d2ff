"""Decision services: decisions that can be called like a function (DMN 1.5 §6.2.1.4, §10.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlc_service.dmn.coercion import Declared, coerced_or_null, read_input
from mlc_service.dmn.decision import Decision, evaluate_as
from mlc_service.dmn.feel import Run, Scope, to_plain
from mlc_service.dmn.feel.scope import Scripts
from mlc_service.dmn.feel.tree import TypeOf
from mlc_service.dmn.feel.values import Function
from mlc_service.dmn.outcome import Outcome, outcome_of
from mlc_service.dmn.results import DecisionResult


@dataclass(frozen=True, slots=True)
class ServiceInput:
    """What a caller has to give: input data, or the outcome of a decision that is then not evaluated."""

    name: str
    type_ref: Declared
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DecisionService:
    """A service of a DMN file. Its decisions see what the caller gives and no other variable."""

    key: str
    name: str
    inputs: tuple[ServiceInput, ...]
    decisions: tuple[Decision, ...]
    type_ref: Declared = None

    @property
    def outputs(self) -> list[str]:
        """The names of the decisions whose values the service answers."""
        return [decision.variable for decision in self.decisions]

    def evaluate(self, variables: Mapping[str, Any], scripts: Scripts | None = None) -> DecisionResult:
        """One row with the value of each output decision. Raises DecisionError.

        An input that is not of its type counts as null.
        """

        def decide(run: Run) -> Outcome:
            given = [read_input(run.variable(wanted.name), wanted.type_ref) for wanted in self.inputs]
            value = self._value(given, run)
            if len(self.decisions) == 1:
                return outcome_of(self.outputs[0], value, to_plain(value))
            row = to_plain(value) if isinstance(value, dict) else dict.fromkeys(self.outputs)
            whole = outcome_of(self.name, value, row)
            return Outcome([row], value, value or {}, [], {}, "", whole.account)

        return evaluate_as(self.key, variables, scripts, decide)

    def function(self, scope: Scope) -> Function:
        """The service as FEEL calls it: null if an argument is not of its type (DMN 1.5 §10.3.2.13.3)."""

        def call(given: list[Any]) -> Any:
            taken = [coerced_or_null(value, wanted.type_ref) for value, wanted in zip(given, self.inputs, strict=True)]
            if any(value is not None and kept is None for value, kept in zip(given, taken, strict=True)):
                return None
            return self._value(taken, scope.run)

        names = tuple(wanted.name for wanted in self.inputs)
        types = tuple(
            TypeOf(wanted.type_ref) if isinstance(wanted.type_ref, str) else wanted.type_ref for wanted in self.inputs
        )
        return Function(self.name, names, call, types)

    def _value(self, given: list[Any], run: Run) -> Any:
        inner = run.apart({"__now__": run.now})
        for value, wanted in zip(given, self.inputs, strict=True):
            taken = coerced_or_null(value, wanted.type_ref)
            if wanted.decision is None:
                inner.bind(wanted.name, taken)
            else:
                outcome = outcome_of(wanted.name, taken, to_plain(taken))
                wanted.decision.settle(outcome, inner)
                wanted.decision.bind(outcome, inner)
        values = [decision.decide(inner).value for decision in self.decisions]
        answer = values[0] if len(values) == 1 else dict(zip(self.outputs, values, strict=True))
        # the service's variable is typed as the function it is
        declared = self.type_ref
        if isinstance(declared, TypeOf) and declared.name == "function" and declared.inner:
            declared = declared.inner[-1]
        return coerced_or_null(answer, declared)
