"""The `task` that task listeners talk to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..ids import derived_id
from ..variables import ExecutionView

if TYPE_CHECKING:
    from ..tokens import Token


class TaskView(ExecutionView):
    """A user task as its listeners see it; what a create listener sets is what the task will be."""

    __slots__ = ("_number", "assignee", "description", "due_date", "follow_up_date", "name", "priority")

    __juel__: Mapping[str, str] = {
        **{
            name: member
            for name, member in ExecutionView.__juel__.items()
            if "ariable" in name or name.lower().endswith("processinstanceid")
        },
        "id": "id",
        "getId": "get_id",
        "name": "name",
        "setName": "set_name",
        "description": "description",
        "setDescription": "set_description",
        "assignee": "assignee",
        "setAssignee": "set_assignee",
        "dueDate": "due_date",
        "setDueDate": "set_due_date",
        "followUpDate": "follow_up_date",
        "setFollowUpDate": "set_follow_up_date",
        "priority": "priority",
        "setPriority": "set_priority",
        "taskDefinitionKey": "task_definition_key",
        "execution": "execution",
    }

    def __init__(
        self,
        token: Token,
        number: int,
        *,
        name: str | None = None,
        description: str | None = None,
        assignee: str | None = None,
        due: datetime | None = None,
        follow_up: datetime | None = None,
        priority: int = 50,
    ) -> None:
        super().__init__(token)
        self._number = number
        self.name = name
        self.description = description
        self.assignee = assignee
        self.due_date = due
        self.follow_up_date = follow_up
        self.priority = priority

    @property
    def id(self) -> str:
        return derived_id(self.process_instance_id, self._number)

    @property
    def task_definition_key(self) -> str:
        return self.current_activity_id

    @property
    def execution(self) -> ExecutionView:
        return ExecutionView(self._token)

    def set_name(self, name: str | None) -> None:
        self.name = name

    def set_description(self, description: str | None) -> None:
        self.description = description

    def set_assignee(self, assignee: str | None) -> None:
        self.assignee = assignee

    def set_due_date(self, due: datetime | None) -> None:
        self.due_date = due

    def set_follow_up_date(self, follow_up: datetime | None) -> None:
        self.follow_up_date = follow_up

    def set_priority(self, priority: int) -> None:
        self.priority = priority

    def as_facts(self) -> dict[str, Any]:
        """What a script can read of the task."""
        return {"id": self.id, "name": self.name, "assignee": self.assignee, "priority": self.priority}
