"""The user task: waits for a person, and tells its listeners what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...language import timers
from ...language.errors import ExpressionError
from .. import effects as fx
from ..variables import write_all
from .node import FormRef, Node, ProcessSpec
from .task_view import TaskView
from .triggers import TimerTrigger
from .values import ExpressionSource, Source

if TYPE_CHECKING:
    from ..tokens import Token, Wait

DEFAULT_PRIORITY = 50
_KNOWN_FROM_THE_START = ("name", "description", "assignee", "due", "follow_up", "priority")


@dataclass(slots=True)
class Timeout:
    """A task listener for `timeout`: called when its timer fires, as often as it does.

    `id` is unique in its task.
    """

    id: str
    listener: Source
    timer: TimerTrigger


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
    # create, assignment, update, complete, delete
    listeners: Mapping[str, Sequence[Source]] = field(default_factory=dict)
    timeouts: Sequence[Timeout] = ()


class UserTask(Node):
    """Waits for a person."""

    activity_type = "userTask"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, form: TaskForm) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.form = form

    @property
    def is_plain_task(self) -> bool:
        return not (self.boundary_events or self.input_parameters or self.output_parameters or self.form.timeouts)

    def has_task_listeners(self, event: str) -> bool:
        """Whether somebody listens to that event of the task."""
        return bool(self.form.listeners.get(event))

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
            candidate_users=_names(form.candidate_users, token),
            candidate_groups=_names(form.candidate_groups, token),
        )
        for index, timeout in enumerate(form.timeouts):
            self.arm_timeout(timeout, token, index)
        try:
            self._tell("create", token, task)
            if task.assignee is not None:
                self._tell("assignment", token, task)
        finally:
            # a listener may throw a BPMN error: the task has been there all the same, and is deleted
            instance.effects.append(self._created(wait.number, token, task))

    def _created(self, number: int, token: Token, task: TaskView) -> fx.TaskCreated:
        return fx.TaskCreated(
            number,
            token.id,
            str(self.name),
            task.name,
            task.description,
            task.assignee,
            tuple(dict.fromkeys(task.candidate_users)),
            tuple(dict.fromkeys(task.candidate_groups)),
            task.due_date,
            task.follow_up_date,
            task.priority,
            *self.form_at(token),
        )

    def form_at(self, token: Token) -> tuple[str | None, dict[str, Any] | None]:
        """The form's key, and its reference as `effects.TaskCreated` has it."""
        return _text(self.form_key, token), _reference(self.form_ref, token)

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        if wait.kind == "timer":
            self._timed_out(wait)
            return
        token = wait.token
        write_all(token, variables)
        if self.has_task_listeners("complete"):
            self._told("complete", token, wait.number, token.workflow.task_facts or self._facts(token, wait.number))
            if token.is_gone:
                return
        super().answer(wait, {})

    def change(self, wait: Wait, facts: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """A person has changed the task: its listeners know, and what they set is the task's, too."""
        token = wait.token
        task = self._view(token, wait.number, {**facts, **changes})
        before = task.as_fields()
        self._tell("update", token, task)
        # the update listeners may have set another assignee
        if task.assignee != facts.get("assignee"):
            self._tell("assignment", token, task)
        changed = {name: value for name, value in task.as_fields().items() if value != before[name]}
        token.workflow.effects.append(fx.TaskChanged(wait.number, {**changes, **changed}))

    def canceled(self, token: Token) -> None:
        if self.has_task_listeners("delete"):
            number = next((wait.number for wait in token.waits.values() if wait.kind == "task"), None)
            if number is not None:
                self._told("delete", token, number, self._facts(token, number))

    def _told(self, event: str, token: Token, number: int, facts: Mapping[str, Any]) -> None:
        """Listeners of the event know of the task as it is; what they set is the task's."""
        with self._changing(token, number, facts) as task:
            self._tell(event, token, task)

    @contextmanager
    def _changing(self, token: Token, number: int, facts: Mapping[str, Any]) -> Iterator[TaskView]:
        task = self._view(token, number, facts)
        before = task.as_fields()
        yield task
        changed = {name: value for name, value in task.as_fields().items() if value != before[name]}
        if changed:
            token.workflow.effects.append(fx.TaskChanged(number, changed))

    @staticmethod
    def _facts(token: Token, number: int) -> Mapping[str, Any]:
        """The task's fields as they are: the outside world knows what people have made of it."""
        instance = token.workflow
        for effect in reversed(instance.effects):
            if isinstance(effect, fx.TaskCreated) and effect.number == number:
                return {name: getattr(effect, name) for name in _KNOWN_FROM_THE_START}
        known: Mapping[str, Any] = instance.host.task_facts(instance.instance_id, number)
        return known

    def _tell(self, event: str, token: Token, task: TaskView) -> None:
        if token.workflow.skips_listeners:
            return
        task.event_name = event
        for listener in self.form.listeners.get(event, ()):
            listener.value(token, task)

    def _view(self, token: Token, number: int, facts: Mapping[str, Any]) -> TaskView:
        return TaskView(token, number, **{"name": _text(self.form.name, token), **facts})

    def arm_timeout(self, timeout: Timeout, token: Token, index: int) -> None:
        """The timer of the listener, which is the `index`th of the task, is armed."""
        timeout.timer.subscribe(token, self)
        # the wait just made says whose it is
        wait = next(reversed(token.waits.values()))
        wait.detail = [*wait.detail, index]

    def _timed_out(self, wait: Wait) -> None:
        token = wait.token
        *detail, index = wait.detail
        timeout = self.form.timeouts[index]
        token.workflow.end_wait(wait)
        number = next(one.number for one in token.waits.values() if one.kind == "task")
        with self._changing(token, number, self._facts(token, number)) as task:
            task.event_name = "timeout"
            timeout.listener.value(token, task)
        waits = len(token.waits)
        timeout.timer.rearm(token, self, detail)
        if len(token.waits) > waits:
            again = next(reversed(token.waits.values()))
            again.detail = [*again.detail, index]


def _text(source: ExpressionSource | None, token: Token) -> str | None:
    return None if source is None else source.text(token)


def _reference(form: FormRef | None, token: Token) -> dict[str, Any] | None:
    if form is None:
        return None
    version = _text(form.version, token)
    return {
        "key": form.key.text(token),
        "binding": form.binding,
        "version": int(version) if version and version.isdigit() else None,
    }


def _names(sources: list[ExpressionSource], token: Token) -> list[str]:
    names: list[str] = []
    for source in sources:
        value = source.value(token)
        values = value if isinstance(value, list) else str(value if value is not None else "").split(",")
        names.extend(str(item).strip() for item in values if str(item).strip())
    return names


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
        return DEFAULT_PRIORITY
    value = source.value(token)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ExpressionError(f"task priority {value!r} is not a number", source.expression.text) from None
