"""A deployed decision, ready to be evaluated."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mlc_service.dmn.coercion import Declared, read_input
from mlc_service.dmn.feel import Run, Scope
from mlc_service.dmn.feel.scope import Evaluate, Scripts
from mlc_service.dmn.outcome import Logic, Outcome
from mlc_service.dmn.results import DecisionError, DecisionRecord, DecisionResult
from mlc_service.language.scripts import ScriptRunner
from mlc_service.problems import Problem


@dataclass(frozen=True, slots=True)
class InputData:
    """A variable the diagram declares, with its type; `group` is the import it comes from."""

    name: str
    type_ref: Declared
    group: str | None = None

    def bind(self, run: Run) -> None:
        """The variable is of its type, and seen as `group.name` if it is from an import."""
        if not run.has(self.name):
            return
        given = run.variable(self.name)
        read = read_input(given, self.type_ref)
        if self.group is not None:
            run.bind_inside(self.group, {self.name: read})
        elif read is not given:
            run.bind(self.name, read)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A business knowledge model or decision service: a function that decisions may call by its name.

    One from an import is called as `group.name`, and sees its own requirements, `inner`, and no others.
    """

    name: str
    function: Evaluate
    group: str | None = None
    inner: tuple[Knowledge, ...] = ()

    def bind(self, run: Run) -> None:
        if self.group is None:
            run.bind(self.name, self.function(Scope(run)))
            return
        apart = run.apart()
        for model in self.inner:
            model.bind(apart)
        run.bind_inside(self.group, {self.name: self.function(Scope(apart))})


@dataclass(frozen=True, slots=True)
class Requirement:
    """A decision whose outcome another one sees, under the import's name if it comes from one."""

    decision: Decision
    group: str | None = None

    def bind(self, run: Run) -> None:
        """A requiring decision sees the outputs by name (Camunda) and the value by this decision's names (DMN)."""
        if self.group is None:
            self.decision.bind(self.decision.decide(run), run)
        else:
            outcome = self.decision.decide(run.apart())
            run.bind_inside(self.group, dict.fromkeys((self.decision.name, self.decision.variable), outcome.value))


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """One decision of a DMN file; compiled once, evaluated from any thread.

    `warnings` are findings about the decision's file that did not keep it from being read.
    """

    key: str
    name: str
    version_tag: str | None
    history_time_to_live: int | None  # days
    variable: str
    logic: Logic
    requires: tuple[Requirement, ...] = ()
    input_data: tuple[InputData, ...] = ()
    knowledge: tuple[Knowledge, ...] = ()
    type_ref: Declared = None
    warnings: tuple[Problem, ...] = ()

    def evaluate(self, variables: Mapping[str, Any], scripts: Scripts | None = None) -> DecisionResult:
        """The rows that hold for these variables. Raises DecisionError.

        A variable that is absent, null or NaN counts as null: it is neither below nor above anything, and lets
        pass only cells that null satisfies in FEEL (empty, `null`, `not("a")`, `!= 5`).
        Required decisions are evaluated first, each once. `scripts` runs cells in script languages; without it a
        runner of this process's own does.
        """
        return evaluate_as(self.key, variables, scripts, self.decide)

    def decide(self, run: Run) -> Outcome:
        """The outcome, found once for all who ask within the run. Raises DecisionError."""
        found = run.decided.get(id(self))
        if found is not None:
            outcome: Outcome = found[1]
            return outcome
        for required in self.requires:
            required.bind(run)
        for data in self.input_data:
            data.bind(run)
        for model in self.knowledge:
            model.bind(run)
        outcome = self.logic.evaluate(Scope(run))
        self.settle(outcome, run)
        return outcome

    def settle(self, outcome: Outcome, run: Run) -> None:
        """This is the decision's outcome in the run, however it was come by."""
        run.decided[id(self)] = (self, outcome)

    def bind(self, outcome: Outcome, run: Run) -> None:
        for name, value in outcome.bindings.items():
            run.bind(name, value)
        for name in (self.key, self.name, self.variable):
            run.bind(name, outcome.value)

    def record(self, outcome: Outcome) -> DecisionRecord:
        """What history keeps of the outcome."""
        told = outcome.account()
        return DecisionRecord(
            self.key,
            self.name,
            outcome.hit_policy,
            tuple(outcome.matched_rules),
            told.inputs,
            told.outputs,
            told.collected,
        )


def evaluate_as(
    key: str, variables: Mapping[str, Any], scripts: Scripts | None, decide: Callable[[Run], Outcome]
) -> DecisionResult:
    """The result of what is decided, with the records of all that was decided on the way. Raises DecisionError."""
    run = Run(variables, scripts or _LATE)
    try:
        outcome = decide(run)
    except RecursionError:
        raise DecisionError("nested too deeply", key) from None
    return DecisionResult(
        rows=outcome.rows,
        matched_rules=outcome.matched_rules,
        inputs=outcome.inputs,
        hit_policy=outcome.hit_policy,
        decision_key=key,
        recorders=tuple(_recorder(decision, reached) for decision, reached in run.decided.values()),
    )


def _recorder(decision: Decision, outcome: Outcome) -> Callable[[], DecisionRecord]:
    return lambda: decision.record(outcome)


class _LateScripts:
    """A script runner that is made when the first script is met: most decisions have none."""

    def run(self, language: str, source: str, variables: Mapping[str, Any]) -> Any:
        return _own_runner().run(language, source, variables)


@lru_cache(maxsize=1)
def _own_runner() -> ScriptRunner:
    runner = ScriptRunner()
    atexit.register(runner.close)
    return runner


_LATE = _LateScripts()
