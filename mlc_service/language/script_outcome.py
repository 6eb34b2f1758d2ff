"""What every script language shares: the outcome, what may be stored of it, and what `execution` offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mlc_service.language.errors import ScriptError

# what a script may read from `execution` besides variables, as a property or as getX(); facts come from the caller
FACTS = (
    "id",
    "processInstanceId",
    "processDefinitionId",
    "processBusinessKey",
    "businessKey",
    "currentActivityId",
    "currentActivityName",
    "activityInstanceId",
    "tenantId",
)
# the package that Camunda's scripts have BpmnError from, and what every language says to one without a code
DELEGATE_PACKAGE = "org.camunda.bpm.engine.delegate"
NO_ERROR_CODE = "the error code of a BpmnError must be a text that is not empty"
_DEEPEST = 100
_SMALL = 20_000


@dataclass(frozen=True, slots=True)
class ThrownError:
    """A BPMN error that a script threw; the code is never empty."""

    code: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptOutcome:
    """What a script came to: its last value, the variables it set and those it removed.

    With `error`, the script threw a BPMN error: there is no result, and what it wrote until then stays written.
    """

    result: Any = None
    written: dict[str, Any] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    error: ThrownError | None = None


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """How long a script may run and how much memory its interpreter may take."""

    deadline_seconds: float
    memory_bytes: int


class NotStorable(ValueError):
    """A value of a kind that no process variable can have."""


class TooLarge(NotStorable):
    """A value that would be storable if there were less of it."""


def storable(value: Any, budget: int = 1_000_000) -> Any:
    """The value as plain JSON, all containers new; tuples and sets become lists, dates ISO texts.

    `budget` bounds its size in parts, with sixteen characters of text as one: a few lines of a script can share
    one list between so many others that written out it would fill any memory. Raises NotStorable.
    """
    if value is None or type(value) in _SIMPLE:
        return value
    try:
        return _Copy(min(budget, _SMALL)).of(value, 0)
    except TooLarge:
        # worth a look before more is copied: what shares much is measured in no time, and takes for ever to write out
        if _parts(value, {}, 0) > budget:
            raise TooLarge("the value is too large") from None
        return _Copy(budget).of(value, 0)


def _parts(value: Any, known: dict[int, int], depth: int) -> int:
    """How many parts the value has written out; each container is counted once, however often it is met."""
    if depth > _DEEPEST:
        raise TooLarge(f"the value is nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        return 1 + (len(value) >> 4)
    if not isinstance(value, list | tuple | set | frozenset | Mapping):
        return 1
    found = known.get(id(value))
    if found is None:
        items = value.values() if isinstance(value, Mapping) else value
        found = known[id(value)] = 1 + sum(_parts(item, known, depth + 1) for item in items)
    return found


_SIMPLE = frozenset({bool, int})


class _Copy:
    """One copy under way, and how much of it is still allowed."""

    def __init__(self, budget: int) -> None:
        self._left = budget

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1 + (len(value) >> 4 if isinstance(value, str) else 0)
        if self._left < 0:
            raise TooLarge("the value is too large")
        if depth > _DEEPEST:
            raise TooLarge(f"the value is nested deeper than {_DEEPEST} levels")
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise NotStorable(f"{value} is not a number that can be stored")
            return value
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {_key(key): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, date):
            return value.isoformat()
        raise NotStorable(f"a value of type {type(value).__name__} cannot be stored")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | float):
        return str(key)
    raise NotStorable(f"a key of type {type(key).__name__} cannot be stored")


def thrown_error(code: Any, message: Any) -> ThrownError:
    """The BPMN error as a script threw it. Raises ScriptError if it has no code."""
    if not isinstance(code, str) or not code:
        raise ScriptError(NO_ERROR_CODE)
    return ThrownError(code, message if isinstance(message, str) and message else None)


def outcome(
    result: Any, written: Mapping[str, Any], removed: list[str], error: ThrownError | None = None
) -> ScriptOutcome:
    """The outcome in plain JSON. Raises ScriptError for a variable that cannot be stored.

    A result that cannot be (a function, a match object) is None: many scripts end in a statement whose value
    nobody asked for.
    """
    stored: dict[str, Any] = {}
    for name, value in written.items():
        try:
            stored[name] = storable(value)
        except NotStorable as wrong:
            raise ScriptError(f"variable '{name}': {wrong}") from None
    try:
        plain_result = storable(result)
    except TooLarge as wrong:
        raise ScriptError(f"the script's result: {wrong}") from None
    except NotStorable:
        plain_result = None
    return ScriptOutcome(plain_result, stored, removed, error)


class Journal:
    """The variables as a script sees them, and a record of its writes; `execution` in JUEL scripts."""

    __juel__: Mapping[str, str] = {
        "getVariable": "get",
        "setVariable": "set",
        "removeVariable": "remove",
        "hasVariable": "has",
        "getVariables": "all",
        "variables": "all_now",
        "getProcessInstance": "itself",
        **{fact: f"fact_{fact}" for fact in FACTS},
    }

    def __init__(self, variables: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        self._variables = variables
        self.written: dict[str, Any] = {}
        self.removed: list[str] = []
        self.facts = facts

    def get(self, name: str) -> Any:
        if name in self.written:
            return self.written[name]
        return None if name in self.removed else self._variables.get(name)

    def set(self, name: str, value: Any) -> None:
        if name in self.removed:
            self.removed.remove(name)
        self.written[name] = value

    def remove(self, name: str) -> None:
        self.written.pop(name, None)
        if name not in self.removed:
            self.removed.append(name)

    def has(self, name: str) -> bool:
        return name in self.written or (name in self._variables and name not in self.removed)

    def all(self) -> dict[str, Any]:
        kept = {name: value for name, value in self._variables.items() if name not in self.removed}
        return {**kept, **self.written}

    @property
    def all_now(self) -> dict[str, Any]:
        return self.all()

    def itself(self) -> Journal:
        return self


def _fact(name: str) -> property:
    return property(lambda journal: journal.facts.get(name))


for _name in FACTS:
    setattr(Journal, f"fact_{_name}", _fact(_name))
