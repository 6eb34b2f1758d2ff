"""Where names are looked up while an expression runs, and how much it may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from mlc_service.dmn.feel.values import EvaluationLimit, to_feel, to_plain
from mlc_service.language.script_outcome import ThrownError

MAX_STEPS = 1_000_000
# what runs outside this interpreter, patterns and scripts, counts by the clock: ten seconds are all steps there are
STEPS_PER_SECOND = 100_000
_MISSING = object()
_NOW = "__now__"


class Outcome(Protocol):
    @property
    def result(self) -> Any:
        """What the script answered, as plain Python."""

    @property
    def error(self) -> ThrownError | None:
        """The BPMN error that it threw instead."""


class Scripts(Protocol):
    """Who runs the cells written in a script language; `language.scripts.ScriptRunner` is one."""

    def run(self, language: str, source: str, variables: Mapping[str, Any], /) -> Outcome:
        """The outcome. Raises language.ScriptError. Safe to repeat: a script changes nothing outside itself."""


class Run:
    """One evaluation of one decision: the caller's variables, the steps left, and what was decided already."""

    __slots__ = ("_bound", "_budget", "_converted", "_variables", "decided", "scripts")

    def __init__(self, variables: Mapping[str, Any], scripts: Scripts | None = None) -> None:
        self._variables = variables
        self._converted: dict[str, Any] = {}
        self._bound: set[str] = set()
        self._budget = [MAX_STEPS]
        self.scripts = scripts
        self.decided: dict[int, Any] = {}

    def apart(self, variables: Mapping[str, Any] | None = None) -> Run:
        """A run with none of the names bound in this one: same steps to spend; other variables if given, and then
        nothing is decided yet."""
        run = Run(self._variables if variables is None else variables, self.scripts)
        run._budget = self._budget
        if variables is None:
            run.decided = self.decided
        return run

    @property
    def now(self) -> Any:
        """The moment that the caller gave."""
        return self._variables.get(_NOW)

    def variable(self, name: str) -> Any:
        """The variable as FEEL sees it, converted once; null if there is none."""
        if name in self._converted:
            return self._converted[name]
        value = to_feel(self._variables.get(name))
        self._converted[name] = value
        return value

    def has(self, name: str) -> bool:
        return name in self._converted or name in self._variables

    def plain(self, name: str) -> Any:
        """The variable as other languages see it: as the caller gave it, or the plain form of what was bound."""
        if name in self._variables and name not in self._bound:
            return self._variables[name]
        return to_plain(self.variable(name))

    def bind(self, name: str, value: Any) -> None:
        """`name` is this FEEL value from now on."""
        self._converted[name] = value
        self._bound.add(name)

    def bind_inside(self, group: str, values: Mapping[str, Any]) -> None:
        """`group.name` is this FEEL value from now on, for each of the names."""
        found = self._converted.get(group) if group in self._bound else None
        self.bind(group, {**(found if isinstance(found, dict) else {}), **values})

    def all_plain(self) -> dict[str, Any]:
        """Every variable as other languages see it."""
        given = {name: value for name, value in self._variables.items() if not name.startswith("__")}
        return {**given, **{name: to_plain(self._converted[name]) for name in self._bound}}

    def spend(self, steps: int) -> None:
        """Counts work done in loops and calls; an endless or exploding expression ends here."""
        self._budget[0] -= steps
        if self._budget[0] < 0:
            raise EvaluationLimit(f"more than {MAX_STEPS} steps in one evaluation")

    @contextmanager
    def timed(self, least: int = 0) -> Iterator[None]:
        """Counts the time of what is done inside as steps, `least` of them at the start."""
        self.spend(least)
        start = time.monotonic()
        try:
            yield
        finally:
            self.spend(int((time.monotonic() - start) * STEPS_PER_SECOND))


class Scope:
    """Names bound inside an expression, on top of an outer scope and, at the bottom, the run's variables."""

    __slots__ = ("_outer", "_values", "run")

    def __init__(self, run: Run, values: Mapping[str, Any] | None = None, outer: Scope | None = None) -> None:
        self.run = run
        self._values = values
        self._outer = outer

    def find(self, name: str) -> Any:
        """The value bound to the name; an unknown name is null."""
        scope: Scope | None = self
        while scope is not None:
            if scope._values is not None:
                value = scope._values.get(name, _MISSING)
                if value is not _MISSING:
                    return value
            scope = scope._outer
        return self.run.variable(name)

    def knows(self, name: str) -> bool:
        """Whether the name is bound anywhere, be it to null."""
        scope: Scope | None = self
        while scope is not None:
            if scope._values is not None and name in scope._values:
                return True
            scope = scope._outer
        return self.run.has(name)

    def plain(self, name: str) -> Any:
        """The value as other languages see it; None if there is none."""
        scope: Scope | None = self
        while scope is not None:
            if scope._values is not None and name in scope._values:
                return to_plain(scope._values[name])
            scope = scope._outer
        return self.run.plain(name)

    def all_plain(self) -> dict[str, Any]:
        """Every name with its value as other languages see it."""
        outer = self.run.all_plain() if self._outer is None else self._outer.all_plain()
        return outer | {name: to_plain(value) for name, value in (self._values or {}).items()}

    def inside(self, values: Mapping[str, Any]) -> Scope:
        return Scope(self.run, values, self)


Evaluate = Callable[[Scope], Any]
