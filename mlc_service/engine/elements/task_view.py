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

    __slots__ = (
        "_number",
        "assignee",
        "candidate_groups",
        "candidate_users",
        "description",
        "due_date",
        "event_name",
        "follow_up_date",
        "name",
        "owner",
        "priority",
    )

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
        "owner": "owner",
        "getOwner": "get_owner",
        "setOwner": "set_owner",
        "eventName": "event_name",
        "getEventName": "get_event_name",
        "addCandidateUser": "add_candidate_user",
        "addCandidateGroup": "add_candidate_group",
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
        owner: str | None = None,
        candidate_users: list[str] | None = None,
        candidate_groups: list[str] | None = None,
    ) -> None:
        super().__init__(token)
        self._number = number
        self.name = name
        self.description = description
        self.assignee = assignee
        self.due_date = due
        self.follow_up_date = follow_up
        self.priority = priority
        self.owner = owner
        self.candidate_users = candidate_users if candidate_users is not None else []
        self.candidate_groups = candidate_groups if candidate_groups is not None else []
        self.event_name: str | None = None

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

    def get_owner(self) -> str | None:
        return self.owner

    def set_owner(self, owner: str | None) -> None:
        self.owner = owner

    def get_event_name(self) -> str | None:
        return self.event_name

    def add_candidate_user(self, user: str) -> None:
        self.candidate_users.append(user)

    def add_candidate_group(self, group: str) -> None:
        self.candidate_groups.append(group)

    def as_fields(self) -> dict[str, Any]:
        """What a listener may have changed, by the names of `effects.TaskCreated`."""
        return {
            "name": self.name,
            "description": self.description,
            "assignee": self.assignee,
            "owner": self.owner,
            "due": self.due_date,
            "follow_up": self.follow_up_date,
            "priority": self.priority,
        }

    def as_facts(self) -> dict[str, Any]:
        """What a script can read of the task."""
        return {"id": self.id, "name": self.name, "assignee": self.assignee, "priority": self.priority}
