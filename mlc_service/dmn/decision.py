"""A deployed decision, ready to be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mlc_service.dmn.coercion import read_input
from mlc_service.dmn.feel import Run, Scope
from mlc_service.dmn.feel.scope import Evaluate
from mlc_service.dmn.results import DecisionError, DecisionResult
from mlc_service.dmn.table import Outcome


class Logic(Protocol):
    def evaluate(self, scope: Scope) -> Outcome:
        """What the logic answers for the variables of the scope. Raises DecisionError."""


@dataclass(frozen=True, slots=True)
class InputData:
    """A variable the diagram declares, with its type."""

    name: str
    type_ref: str | None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A business knowledge model: a function that decisions may call by its name."""

    name: str
    function: Evaluate


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a DMN file; compiled once, evaluated from any thread."""

    key: str
    name: str
    version_tag: str | None
    history_time_to_live: int | None  # days
    variable: str
    logic: Logic
    requires: tuple[Decision, ...] = ()
    input_data: tuple[InputData, ...] = ()
    knowledge: tuple[Knowledge, ...] = ()

    def evaluate(self, variables: Mapping[str, Any]) -> DecisionResult:
        """The rows that hold for these variables. Raises DecisionError.

        A variable that is absent, null or NaN counts as null: it is neither below nor above anything, and lets
        pass only cells that null satisfies in FEEL (empty, `null`, `not("a")`, `!= 5`).
        Required decisions are evaluated first, each once.
        """
        run = Run(variables)
        try:
            outcome = self._evaluate(run, set())
        except RecursionError:
            raise DecisionError("nested too deeply", self.key) from None
        return DecisionResult(
            rows=outcome.rows,
            matched_rules=outcome.matched_rules,
            inputs=outcome.inputs,
            hit_policy=outcome.hit_policy,
            decision_key=self.key,
        )

    def _evaluate(self, run: Run, done: set[str]) -> Outcome:
        for required in self.requires:
            if required.key not in done:
                done.add(required.key)
                required._bind(required._evaluate(run, done), run)
        for data in self.input_data:
            if run.has(data.name):
                given = run.variable(data.name)
                read = read_input(given, data.type_ref)
                if read is not given:
                    run.bind(data.name, read)
        for model in self.knowledge:
            run.bind(model.name, model.function(Scope(run)))
        return self.logic.evaluate(Scope(run))

    def _bind(self, outcome: Outcome, run: Run) -> None:
        """A requiring decision sees the outputs by name (Camunda) and the value by this decision's names (DMN)."""
        for name, value in outcome.bindings.items():
            run.bind(name, value)
        for name in (self.key, self.name, self.variable):
            run.bind(name, outcome.value)
