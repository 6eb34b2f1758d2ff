"""What can go wrong while an instance runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..language.errors import ExpressionError, ScriptError, TimerError
from .values import UnstorableValue

if TYPE_CHECKING:
    from .migration import PlanProblem
    from .migration_step import Unfit


class NotWaiting(LookupError):
    """The instance does not wait for that task, job or subscription (any more)."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"the instance does not wait for number {number}")


class ExecutionFailed(Exception):
    """A step could not be carried out; the execution must be thrown away and its transaction rolled back.

    `element_id` names the BPMN element; the message is fit for an incident or an HTTP answer.
    """

    def __init__(self, message: str, element_id: str | None) -> None:
        self.message = message
        self.element_id = element_id
        super().__init__(message if element_id is None else f"{message} (element {element_id!r})")


class HostFailed(Exception):
    """Raised by a `Host` when a script or decision fails for a reason that a person must see."""


class BpmnErrorThrown(Exception):
    """A script, listener or delegate throws a BPMN error: a value of the diagram, not a failure of the step."""

    def __init__(self, code: str, message: str | None = None, variables: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.message = message
        self.variables = variables or {}
        # thrown on the way out of an activity, whose own boundary events do not catch it any more
        self.is_outside = False
        super().__init__(f"BPMN error {code!r}" + (f": {message}" if message else ""))


class InvalidModification(ValueError):
    """What was asked of an instance cannot be done to it; the message says which part and why."""


class InvalidPlan(ValueError):
    """The plan takes no instance from the one definition to the other; `problems` are those of `migration.problems`."""

    def __init__(self, problems: Sequence[PlanProblem]) -> None:
        self.problems = problems
        super().__init__("the migration plan is not valid: " + "; ".join(str(problem) for problem in problems))


class NotMigratable(ValueError):
    """The plan does not fit what is active in the instance; `unfit` names every activity and continuation."""

    def __init__(self, instance_id: str, unfit: Sequence[Unfit]) -> None:
        self.instance_id = instance_id
        self.unfit = unfit
        super().__init__(f"instance {instance_id} cannot be migrated: " + "; ".join(str(one) for one in unfit))


class StateUnreadable(ValueError):
    """A stored instance was written by a newer version of the service, or is damaged."""


# what a diagram, its data or its surroundings can do wrong in a step
FAILURES = (ExpressionError, ScriptError, TimerError, HostFailed, UnstorableValue)


def failed(failure: Exception, element_id: str) -> ExecutionFailed:
    """What the caller of the engine hears of a failure at an element."""
    if isinstance(failure, ExpressionError):
        where = f" (column {failure.column} of {failure.text!r})" if failure.column else ""
        return ExecutionFailed(f"{failure.message}{where}", element_id)
    if isinstance(failure, ScriptError):
        where = f" (script line {failure.line})" if failure.line else ""
        return ExecutionFailed(f"{failure.message}{where}", element_id)
    return ExecutionFailed(str(failure), element_id)
