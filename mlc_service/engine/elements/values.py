"""Where a value in a diagram comes from: a text or expression, a script, a list, a map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ...language.errors import ExpressionError, ScriptError
from ...language.juel import Expression
from ..errors import BpmnErrorThrown
from ..host import ScriptResult
from ..variables import ExecutionView, Names, remove, visible_plain, write_all

if TYPE_CHECKING:
    from ..tokens import Token
    from .task_view import TaskView


class Source(Protocol):
    """Gives a value at a token."""

    def value(self, token: Token, task: TaskView | None = None) -> Any: ...


class ExpressionSource:
    """A text, in which `${…}` is JUEL."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def value(self, token: Token, task: TaskView | None = None) -> Any:
        if self.expression.is_literal:
            return self.expression.text
        return self.expression.evaluate(Names(token, task))

    def local_value(self, token: Token) -> Any:
        """The value where only the variables of this very scope can be seen."""
        return self.expression.evaluate(Names(token, is_local=True))

    def text(self, token: Token) -> str | None:
        """The value as text; None stays None."""
        value = self.value(token)
        return None if value is None else str(value)


class LiteralSource:
    """A text as it stands."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def value(self, token: Token, task: TaskView | None = None) -> Any:  # noqa: ARG002
        return self.text


class MissingSource:
    """Stands for a script that is not there: whoever comes to it is told so."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def value(self, token: Token, task: TaskView | None = None) -> Any:  # noqa: ARG002
        raise ExpressionError(self.reason, "")


class ScriptSource:
    """A script; its writes become variables, its last value is the value."""

    __slots__ = ("language", "source")

    def __init__(self, language: str, source: str) -> None:
        self.language = language
        self.source = source

    def value(self, token: Token, task: TaskView | None = None) -> Any:
        variables = visible_plain(token)
        if task is not None:
            variables["task"] = task.as_facts()
        return settle(token, token.workflow.host.run_script(self.language, self.source, variables, Facts(token)))


class DelegateSource:
    """A delegate as a listener: called inside the command, as Camunda's listeners are."""

    __slots__ = ("event", "fields", "implementation")

    def __init__(self, implementation: str, event: str, fields: Mapping[str, Source]) -> None:
        self.implementation = implementation
        self.event = event
        self.fields = fields

    def value(self, token: Token, task: TaskView | None = None) -> Any:
        variables = visible_plain(token)
        variables.update({name: source.value(token, task) for name, source in self.fields.items()})
        if task is not None:
            variables["task"] = task.as_facts()
        return settle(token, token.workflow.host.listen(self.implementation, self.event, variables, Facts(token)))


def settle(token: Token, outcome: ScriptResult) -> Any:
    """What a script or listener wrote is written; its value, unless it threw a BPMN error."""
    if outcome.removed:
        remove(token, outcome.removed)
    if outcome.written:
        write_all(token, outcome.written)
    if outcome.error is not None:
        raise BpmnErrorThrown(outcome.error.code, outcome.error.message)
    return outcome.result


class Facts(Mapping[str, Any]):
    """What `execution` tells besides variables, worked out when it is asked for: most scripts never do."""

    __slots__ = ("_token",)

    NAMES: ClassVar[tuple[str, ...]] = (
        *("id", "processInstanceId", "processDefinitionId", "processBusinessKey", "businessKey"),
        *("currentActivityId", "currentActivityName", "activityInstanceId"),
    )

    def __init__(self, token: Token) -> None:
        self._token = token

    def __getitem__(self, name: str) -> Any:
        if name not in self.NAMES:
            raise KeyError(name)
        # the same members that expressions reach
        return getattr(ExecutionView(self._token), ExecutionView.__juel__[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


class ListSource:
    __slots__ = ("items",)

    def __init__(self, items: list[Source]) -> None:
        self.items = items

    def value(self, token: Token, task: TaskView | None = None) -> Any:
        return [item.value(token, task) for item in self.items]


class MapSource:
    __slots__ = ("entries",)

    def __init__(self, entries: Mapping[str, Source]) -> None:
        self.entries = entries

    def value(self, token: Token, task: TaskView | None = None) -> Any:
        return {key: source.value(token, task) for key, source in self.entries.items()}


class Condition:
    """The condition of a sequence flow: must come to a boolean, as Camunda demands."""

    __slots__ = ("source", "text")

    def __init__(self, source: Source, text: str) -> None:
        self.source = source
        self.text = text

    def holds(self, token: Token) -> bool:
        value = self.source.value(token)
        if value is True or value is False:
            return bool(value)
        kind = "null" if value is None else type(value).__name__
        raise ExpressionError(f"condition expression returns non-Boolean: {self.text} gave {kind}", self.text)

    def can_hold(self, token: Token) -> bool:
        """As `holds`, but a variable that does not exist yet makes it false (Camunda's rule for conditional events)."""
        try:
            return self.holds(token)
        except (ExpressionError, ScriptError):
            return False
