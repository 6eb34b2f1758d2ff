"""Where names are looked up while an expression runs, and how much it may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlc_service.dmn.feel.values import EvaluationLimit, to_feel, to_plain

MAX_STEPS = 1_000_000
_MISSING = object()


class Run:
    """One evaluation of one decision: the caller's variables, and the steps left."""

    __slots__ = ("_bound", "_converted", "_steps", "_variables")

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._converted: dict[str, Any] = {}
        self._bound: set[str] = set()
        self._steps = MAX_STEPS

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

    def spend(self, steps: int) -> None:
        """Counts work done in loops and calls; an endless or exploding expression ends here."""
        self._steps -= steps
        if self._steps < 0:
            raise EvaluationLimit(f"more than {MAX_STEPS} steps in one evaluation")


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

    def inside(self, values: Mapping[str, Any]) -> Scope:
        return Scope(self.run, values, self)


Evaluate = Callable[[Scope], Any]
