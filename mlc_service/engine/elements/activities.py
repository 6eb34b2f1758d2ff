"""Tasks and the embedded sub-process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...language import timers
from ...language.errors import ExpressionError
from .. import effects as fx
from ..errors import HostFailed
from ..values import expression_value
from ..variables import visible, write, write_all
from .events import EventTrigger, StartEvent
from .node import Node, ProcessSpec
from .task_view import TaskView
from .values import ExpressionSource, Facts, ScriptSource, Source

if TYPE_CHECKING:
    from ..tokens import Token, Wait


class PlainTask(Node):
    """An undefined or manual task: history notes it, nothing waits (Camunda manual)."""

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, activity_type: str) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type


class DelegateTask(Node):
    """A service-like task that a delegate carries out, outside the transaction: as a job."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        implementation: str,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.implementation = implementation

    def execute(self, token: Token) -> None:
        self.ask_for_job(token.workflow.wait(token, "delegate", self), implementation=self.implementation)


class ExpressionTask(Node):
    """A service-like task whose work is one expression; the value may go into a variable."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        expression: ExpressionSource,
        result_variable: str | None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.expression = expression
        self.result_variable = result_variable

    def execute(self, token: Token) -> bool:
        value = self.expression.value(token)
        if self.result_variable:
            write(token, self.result_variable, value)
        return True


class ScriptTask(Node):
    """Runs a script in the command; its last value may go into a variable."""

    activity_type = "scriptTask"

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        script: ScriptSource,
        result_variable: str | None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.script = script
        self.result_variable = result_variable

    def execute(self, token: Token) -> bool:
        value = self.script.value(token)
        if self.result_variable:
            write(token, self.result_variable, value)
        return True


class DecisionTask(Node):
    """A business rule task that evaluates a deployed decision (`camunda:decisionRef`)."""

    activity_type = "businessRuleTask"

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        *,
        decision: ExpressionSource,
        binding: str,
        version: ExpressionSource | None,
        result_variable: str | None,
        map_result: str,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.decision = decision
        self.binding = binding
        self.version = version
        self.result_variable = result_variable
        self.map_result = map_result

    def execute(self, token: Token) -> bool:
        key = self.decision.text(token) or ""
        version = self.version.text(token) if self.version else None
        # a decision compares dates as dates
        variables = {name: expression_value(value) for name, value in visible(token).items()}
        rows = token.workflow.host.decide(key, self.binding, version, variables, Facts(token))
        if self.result_variable:
            write(token, self.result_variable, _mapped(rows, self.map_result, key))
        return True


def _mapped(rows: list[dict[str, Any]], how: str, key: str) -> Any:
    """The rows as `camunda:mapDecisionResult` wants them (Camunda manual, business rule task)."""
    if how == "resultList":
        return rows
    if how == "collectEntries":
        if any(len(row) > 1 for row in rows):
            raise HostFailed(f"decision {key!r}: collectEntries needs rows of one output")
        return [next(iter(row.values())) for row in rows if row]
    if len(rows) > 1:
        raise HostFailed(f"decision {key!r} gave {len(rows)} rows where {how} takes one")
    row = rows[0] if rows else None
    if how == "singleResult":
        return row
    if row is not None and len(row) > 1:
        raise HostFailed(f"decision {key!r}: singleEntry needs one output, the row has {len(row)}")
    return next(iter(row.values())) if row else None


class ReceiveTask(Node):
    """Waits for a message."""

    activity_type = "receiveTask"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, trigger: EventTrigger) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.trigger = trigger

    def execute(self, token: Token) -> None:
        self.trigger.subscribe(token, self)


@dataclass(slots=True)
class TaskForm:
    """What a user task says about the work and about who does it."""

    name: ExpressionSource | None = None
    description: ExpressionSource | None = None
    assignee: ExpressionSource | None = None
    candidate_users: list[ExpressionSource] = field(default_factory=list)
    candidate_groups: list[ExpressionSource] = field(default_factory=list)
    due: ExpressionSource | None = None
    follow_up: ExpressionSource | None = None
    priority: ExpressionSource | None = None
    form_key: ExpressionSource | None = None
    create_listeners: Sequence[Source] = ()
    complete_listeners: Sequence[Source] = ()


class UserTask(Node):
    """Waits for a person."""

    activity_type = "userTask"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, form: TaskForm) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.form = form

    def execute(self, token: Token) -> None:
        instance, form = token.workflow, self.form
        wait = instance.wait(token, "task", self)
        task = TaskView(
            token,
            wait.number,
            name=_text(form.name, token),
            description=_text(form.description, token),
            assignee=_text(form.assignee, token),
            due=_moment(form.due, token, "due date"),
            follow_up=_moment(form.follow_up, token, "follow-up date"),
            priority=_priority(form.priority, token),
        )
        for listener in form.create_listeners:
            listener.value(token, task)
        instance.effects.append(
            fx.TaskCreated(
                wait.number,
                token.id,
                self.name,
                task.name,
                task.description,
                task.assignee,
                _names(form.candidate_users, token),
                _names(form.candidate_groups, token),
                task.due_date,
                task.follow_up_date,
                task.priority,
                _text(form.form_key, token),
            )
        )

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        token = wait.token
        write_all(token, variables)
        if self.form.complete_listeners:
            task = TaskView(token, wait.number, name=_text(self.form.name, token))
            for listener in self.form.complete_listeners:
                listener.value(token, task)
        super().answer(wait, {})


def _text(source: ExpressionSource | None, token: Token) -> str | None:
    return None if source is None else source.text(token)


def _names(sources: list[ExpressionSource], token: Token) -> tuple[str, ...]:
    names: list[str] = []
    for source in sources:
        value = source.value(token)
        values = value if isinstance(value, list) else str(value if value is not None else "").split(",")
        names.extend(str(item).strip() for item in values if str(item).strip())
    return tuple(dict.fromkeys(names))


def _moment(source: ExpressionSource | None, token: Token, what: str) -> datetime | None:
    """A date given as a date, an ISO text or an ISO duration from now, as in Camunda."""
    value = None if source is None else source.value(token)
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    text = str(value)
    kind: timers.TimerKind = "duration" if text.startswith("P") else "date"
    problem = timers.check(kind, text)
    if problem is not None:
        raise ExpressionError(f"{what}: {problem}", text)
    return timers.first_due(kind, text, token.workflow.now)[0]


def _priority(source: ExpressionSource | None, token: Token) -> int:
    if source is None:
        return 50
    value = source.value(token)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ExpressionError(f"task priority {value!r} is not a number", source.expression.text) from None


class SubProcess(Node):
    """An embedded sub-process: a scope whose tokens are children of its own token."""

    activity_type = "subProcess"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.start_event: StartEvent | None = None

    def execute(self, token: Token) -> None:
        instance = token.workflow
        assert self.start_event is not None
        instance.arrive([instance.enter(self.start_event, token)])

    def scope_done(self, token: Token) -> None:
        token.complete()
