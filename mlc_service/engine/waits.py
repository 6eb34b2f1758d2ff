"""Who waits for an event, found by what is waited for: what happens costs what it concerns, not all that is there.

Lists come in the order in which the waits began, which is the same before and after the instance was stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tokens import Token, Wait


class SignalWaits:
    """Waits for signals, by name."""

    __slots__ = ("_by_name",)

    def __init__(self) -> None:
        # None: the first states did not keep the name, so those have to be asked
        self._by_name: dict[str | None, dict[int, Wait]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def add(self, wait: Wait) -> None:
        self._by_name.setdefault(wait.detail, {})[wait.number] = wait

    def remove(self, wait: Wait) -> None:
        _remove(self._by_name, wait.detail, wait.number)

    def of(self, name: str) -> list[Wait]:
        """Those who wait for the signal."""
        found = dict(self._by_name.get(name, {}))
        for number, wait in self._by_name.get(None, {}).items():
            if wait.node.signal_name(wait) == name:
                found[number] = wait
        return [found[number] for number in sorted(found)]


class ConditionalWaits:
    """Waits for conditions, by the scopes whose variables they can see and by the one variable they look at."""

    __slots__ = ("_by_variable",)

    def __init__(self) -> None:
        # number of the scope, name of the variable (None: any)
        self._by_variable: dict[tuple[int, str | None], dict[int, Wait]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_variable)

    def add(self, wait: Wait) -> None:
        name = wait.node.trigger.variable_name
        scope: Token | None = wait.token
        while scope is not None:
            self._by_variable.setdefault((scope.id, name), {})[wait.number] = wait
            scope = scope.parent

    def remove(self, wait: Wait) -> None:
        name = wait.node.trigger.variable_name
        scope: Token | None = wait.token
        while scope is not None:
            _remove(self._by_variable, (scope.id, name), wait.number)
            scope = scope.parent

    def concerned(self, scope: Token, name: str) -> list[Wait]:
        """Those that a change of the scope's variable concerns."""
        found = {**self._by_variable.get((scope.id, name), {}), **self._by_variable.get((scope.id, None), {})}
        return [found[number] for number in sorted(found)]


def _remove(index: dict[Any, dict[int, Wait]], key: object, number: int) -> None:
    waits = index[key]
    del waits[number]
    if not waits:
        del index[key]
