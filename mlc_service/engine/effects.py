"""What a step of an instance asks of the outside world: plain data, in the order it happened.

`number` is unique within the instance (see `ids.derived_id`); `activity` is the number of the activity instance it
belongs to. The engine never carries an effect out: `process/` writes them to the database in the same transaction
as the new state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple


class ActivityStarted(NamedTuple):
    """An activity instance exists; history gets a row. `parent` is the enclosing scope's activity instance."""

    number: int
    activity_id: str
    activity_name: str | None
    activity_type: str
    parent: int


class ActivityEnded(NamedTuple):
    """An activity instance is over; `canceled` if it did not complete."""

    number: int
    canceled: bool


class CallStarted(NamedTuple):
    """The call activity `activity` has called the process instance `instance_id`, whose effects are its own."""

    activity: int
    instance_id: str


class VariableWritten(NamedTuple):
    """A variable has a new value in `scope` (the number of its activity instance, 0 for the process instance)."""

    scope: int
    name: str
    value: Any
    created: bool


class VariableDeleted(NamedTuple):
    """A variable is gone from `scope`."""

    scope: int
    name: str


class TaskCreated(NamedTuple):
    """A user task waits for a person; `number` is the task's, dates are aware UTC."""

    number: int
    activity: int
    activity_id: str
    name: str | None
    description: str | None
    assignee: str | None
    candidate_users: tuple[str, ...]
    candidate_groups: tuple[str, ...]
    due: datetime | None
    follow_up: datetime | None
    priority: int
    form_key: str | None
    # {"key", "binding", "version"} of `camunda:formRef`
    form_ref: dict[str, Any] | None = None


class TaskChanged(NamedTuple):
    """The user task has new values in these fields of `TaskCreated` (a listener or a person set them)."""

    number: int
    changes: dict[str, Any]


class TaskEnded(NamedTuple):
    """The user task is no longer open: `reason` is `completed` or `deleted`."""

    number: int
    reason: str


class JobCreated(NamedTuple):
    """Work for later, to be handed back to the engine under this `number`.

    `kind` is one of
      `async`     go on with a token that waits before or after an activity (`Execution.continue_job`)
      `timer`     due at `due` (`Execution.fire_timer`)
      `delegate`  call `implementation` outside the transaction, then `delegate_completed` or `delegate_failed`
    `retry_cycle` is the text of `camunda:failedJobRetryTimeCycle`, checked at deployment, or None for the default.
    """

    number: int
    kind: str
    activity: int
    activity_id: str
    due: datetime | None = None
    implementation: str | None = None
    priority: int = 0
    exclusive: bool = True
    retry_cycle: str | None = None


class JobDropped(NamedTuple):
    """The job is not needed any more: its activity ended, or the engine has consumed it."""

    number: int


class JobChanged(NamedTuple):
    """The job has new values in these fields of `JobCreated`: `due`, `implementation`, `retry_cycle`."""

    number: int
    changes: dict[str, Any]


class ExternalTaskCreated(NamedTuple):
    """Work waits for a worker outside, who fetches it by its topic."""

    number: int
    activity: int
    activity_id: str
    topic: str
    priority: int


class ExternalTaskEnded(NamedTuple):
    """The external task is not there any more: completed, or its activity ended."""

    number: int


class Subscribed(NamedTuple):
    """The instance waits for an event: `kind` is `signal`, `message`, `conditional` or `compensate`.

    The last two have no name. A compensation waits in the scope `activity` until it is thrown or the scope ends.
    """

    number: int
    kind: str
    event_name: str | None
    activity: int
    activity_id: str


class Unsubscribed(NamedTuple):
    """The subscription is over."""

    number: int


class Resubscribed(NamedTuple):
    """The subscription is for another name."""

    number: int
    event_name: str


class SignalThrown(NamedTuple):
    """A signal goes out to everybody who waited for it when it was thrown, but for the thrower's own instance.

    That one has received it already. `next_numbers` has the next number of each instance in the hands of the engine at
    that moment: a subscription with that number or a higher one came too late. An instance that began in this command
    and is not named did not wait for any signal then. `is_async`: nobody has received it, and each receiver is to get
    it by a job of its own.
    """

    event_name: str
    variables: dict[str, Any]
    next_numbers: Mapping[str, int]
    is_async: bool = False


class Migrated(NamedTuple):
    """The instance follows another definition, and so does all that it has open.

    What waits at an activity of `renamed` waits at the one of that name now. `scopes` are those that hold variables.
    """

    definition_id: str
    renamed: Mapping[str, str]
    scopes: tuple[int, ...]


class ActivityMigrated(NamedTuple):
    """The live activity instance is one of this activity of the definition that its instance follows now."""

    number: int
    activity_id: str
    activity_name: str | None
    activity_type: str
    parent: int


class TaskMigrated(NamedTuple):
    """The open user task has the form of the activity that it belongs to now."""

    number: int
    form_key: str | None
    form_ref: dict[str, Any] | None


class InstanceEnded(NamedTuple):
    """The instance is over: `state` is COMPLETED, EXTERNALLY_TERMINATED or INTERNALLY_TERMINATED (Camunda's names)."""

    state: str
    end_activity_id: str | None


Effect = (
    ActivityStarted
    | ActivityEnded
    | CallStarted
    | VariableWritten
    | VariableDeleted
    | TaskCreated
    | TaskChanged
    | TaskEnded
    | JobCreated
    | JobDropped
    | JobChanged
    | ExternalTaskCreated
    | ExternalTaskEnded
    | Subscribed
    | Unsubscribed
    | Resubscribed
    | SignalThrown
    | Migrated
    | ActivityMigrated
    | TaskMigrated
    | InstanceEnded
)
