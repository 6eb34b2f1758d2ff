"""Rows as the rest of the service sees them: immutable, in the column order of `tables.py` (a test holds that).

Times are aware UTC datetimes. Change one with `row._replace(...)` and hand it back to its repository.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from mlc_service.engine.ids import derived_id

# the kind of the job that takes a token on, before or after its activity
CONTINUATION = "async"

# the queue of jobs that any worker may take
JOBS = "jobs"


class DeploymentRow(NamedTuple):
    id: str
    name: str | None
    source: str | None
    deployed: datetime


class ResourceRow(NamedTuple):
    id: str
    deployment_id: str
    name: str
    content: bytes


class ResourceInfo(NamedTuple):
    """A resource without its bytes."""

    id: str
    deployment_id: str
    name: str


class ProcessDefinitionRow(NamedTuple):
    id: str
    key: str
    version: int
    version_tag: str | None
    name: str | None
    description: str | None
    resource_name: str
    deployment_id: str
    suspended: bool
    history_time_to_live: int | None
    startable_in_tasklist: bool


class DecisionDefinitionRow(NamedTuple):
    id: str
    key: str
    version: int
    version_tag: str | None
    name: str | None
    resource_name: str
    deployment_id: str
    history_time_to_live: int | None = None


class InstanceRow(NamedTuple):
    """A live process instance; `variables` are those of scope 0 in stored form (`engine.values.from_stored`)."""

    id: str
    definition_id: str
    definition_key: str
    business_key: str | None
    root_id: str
    caller_id: str | None
    caller_number: int | None
    state: bytes
    variables: dict[str, Any]
    suspended: bool
    revision: int
    started: datetime


class InstanceInfo(NamedTuple):
    """A live process instance without its state and variables: what lists show."""

    id: str
    definition_id: str
    definition_key: str
    business_key: str | None
    root_id: str
    caller_id: str | None
    suspended: bool
    started: datetime


class ExecutionRow(NamedTuple):
    """Whatever can wait in a live instance; `number` is that of its activity instance, 0 for the instance itself."""

    id: str
    instance_id: str
    number: int
    activity_id: str | None
    definition_id: str
    definition_key: str
    business_key: str | None
    suspended: bool


class TaskRow(NamedTuple):
    """An open user task; its number is `engine.ids.number_of(instance_id, id)`."""

    id: str
    instance_id: str
    definition_id: str
    definition_key: str
    activity_id: str
    activity: int
    name: str | None
    description: str | None
    assignee: str | None
    owner: str | None
    delegation_state: str | None
    priority: int
    due: datetime | None
    follow_up: datetime | None
    created: datetime
    updated: datetime | None
    form_key: str | None
    suspended: bool
    form_ref: dict[str, Any] | None


class CandidateRow(NamedTuple):
    """Somebody who may claim a task: `kind` is `user` or `group`."""

    task_id: str
    kind: str
    candidate: str


class JobRow(NamedTuple):
    """Work for later. `state` is ready, running (leased to `worker` until `lease_until`) or failed (an incident).

    `queue` says who may take it. `announced` is when the workers of that queue were last told that it is due.
    """

    id: str
    instance_id: str | None
    number: int | None
    definition_id: str | None
    definition_key: str | None
    activity_id: str | None
    activity: int | None
    kind: str
    payload: Any
    priority: int
    exclusive: bool
    suspended: bool
    state: str
    due: datetime
    attempt: int
    worker: str | None
    lease_until: datetime | None
    retries: int
    retry_cycle: str | None
    expiries: int
    exception_message: str | None
    stacktrace: str | None
    created: datetime
    queue: str = JOBS
    announced: datetime | None = None

    @property
    def execution_id(self) -> str | None:
        """The execution that waits for it: a continuation's is named by the job itself, see `store.executions`."""
        if self.instance_id is None:
            return None
        return self.id if self.kind == CONTINUATION else derived_id(self.instance_id, self.activity or 0)


class ServiceProcessRow(NamedTuple):
    """A process of the service: `role` is api, worker, scheduler or runtime; `seen` is its last sign of life.

    Those that take jobs have a `queue` and a `concurrency`. `clock_ahead_seconds` is its machine's clock against the
    database's.
    """

    id: str
    role: str
    host: str
    pid: int
    version: str
    queue: str | None
    concurrency: int | None
    clock_ahead_seconds: float
    started: datetime
    seen: datetime


def new_job(
    id: str,
    kind: str,
    now: datetime,
    *,
    payload: Any = None,
    due: datetime | None = None,
    retries: int = 3,
    retry_cycle: str | None = None,
    priority: int = 0,
    exclusive: bool = False,
    instance_id: str | None = None,
    number: int | None = None,
    definition_id: str | None = None,
    definition_key: str | None = None,
    activity_id: str | None = None,
    activity: int | None = None,
    queue: str = JOBS,
) -> JobRow:
    """A job that nobody has claimed yet, due now unless said otherwise."""
    return JobRow(
        id=id,
        instance_id=instance_id,
        number=number,
        definition_id=definition_id,
        definition_key=definition_key,
        activity_id=activity_id,
        activity=activity,
        kind=kind,
        payload=payload,
        priority=priority,
        exclusive=exclusive,
        suspended=False,
        state="ready",
        due=now if due is None else due,
        attempt=0,
        worker=None,
        lease_until=None,
        retries=retries,
        retry_cycle=retry_cycle,
        expiries=0,
        exception_message=None,
        stacktrace=None,
        created=now,
        queue=queue,
    )


class SubscriptionRow(NamedTuple):
    """Who waits for an event: an instance, or (`instance_id` None) a definition to be started.

    `kind` is signal, message, conditional or compensate; the last two have no `event_name`.
    """

    id: str
    instance_id: str | None
    definition_id: str
    kind: str
    event_name: str | None
    activity_id: str
    activity: int | None
    created: datetime


class ExternalTaskRow(NamedTuple):
    """Work for a worker outside: `worker` has it until `lock_until`; `retries` None has not failed yet."""

    id: str
    instance_id: str
    definition_id: str
    definition_key: str
    activity_id: str
    activity: int
    topic: str
    priority: int
    worker: str | None
    lock_until: datetime | None
    retries: int | None
    error_message: str | None
    error_details: str | None
    suspended: bool
    created: datetime


class IncidentRow(NamedTuple):
    """What a person has to look at; `job_id` or `external_task_id` is Camunda's `configuration`.

    `cause_id` names the incident of a called instance that this one of its caller stands for, `root_cause_id` the
    first of them.
    """

    id: str
    kind: str
    instance_id: str | None
    definition_id: str | None
    activity_id: str | None
    job_id: str | None
    message: str | None
    created: datetime
    external_task_id: str | None = None
    cause_id: str | None = None
    root_cause_id: str | None = None
    annotation: str | None = None
    execution_id: str | None = None
    configuration: str | None = None


class HistoricInstanceRow(NamedTuple):
    """`state` is ACTIVE, SUSPENDED, COMPLETED, EXTERNALLY_TERMINATED or INTERNALLY_TERMINATED.

    `removal` is from when on the hierarchy may be removed: the root's row says it for all.
    """

    id: str
    definition_id: str
    definition_key: str
    business_key: str | None
    start_activity_id: str | None
    end_activity_id: str | None
    start_user: str | None
    state: str
    started: datetime
    ended: datetime | None
    delete_reason: str | None
    root_id: str | None
    caller_id: str | None
    start_variables: dict[str, Any] | None
    removal: datetime | None = None


class HistoricActivityRow(NamedTuple):
    """`parent` is the number of the enclosing scope's activity instance, 0 for the process instance."""

    id: str
    instance_id: str
    number: int
    parent: int
    definition_id: str
    definition_key: str
    activity_id: str
    activity_name: str | None
    activity_type: str
    started: datetime
    ended: datetime | None
    canceled: bool
    called_instance_id: str | None = None


class HistoricTaskRow(NamedTuple):
    id: str
    instance_id: str
    definition_id: str
    definition_key: str
    activity_id: str
    activity: int
    name: str | None
    description: str | None
    assignee: str | None
    owner: str | None
    priority: int
    due: datetime | None
    follow_up: datetime | None
    started: datetime
    ended: datetime | None
    delete_reason: str | None


class HistoricVariableRow(NamedTuple):
    """The latest value of a variable, in stored form; `state` is CREATED or DELETED."""

    instance_id: str
    scope: int
    name: str
    definition_id: str
    definition_key: str
    value: Any
    state: str
    created: datetime
    updated: datetime


class UserRow(NamedTuple):
    id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    password_hash: str | None
    groups: list[str]
    created: datetime


class DocumentRow(NamedTuple):
    """One document of the life cycle; `version` counts its updates from 1. The repository knows the kind."""

    id: str
    group: str | None
    name: str | None
    state: str | None
    version: int
    created: datetime
    created_by: str | None
    modified: datetime
    modified_by: str | None
    idempotency_key: str | None
    document: dict[str, Any]
