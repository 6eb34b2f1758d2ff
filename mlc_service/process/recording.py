"""Engine effects become rows: the one place that writes what a step of an instance did.

Whatever came and went within the same step is not written as alive, and history gets it in one row, begun and ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from mlc_service import metrics
from mlc_service.engine import Caller, Execution
from mlc_service.engine import effects as fx
from mlc_service.engine.ids import derived_id, number_of
from mlc_service.engine.values import to_stored
from mlc_service.jobs.failures import RetryPolicy
from mlc_service.jobs.work import Lease
from mlc_service.process.retention import removal_time
from mlc_service.store.history import MigratedActivity
from mlc_service.store.rows import (
    CandidateRow,
    ExternalTaskRow,
    HistoricActivityRow,
    HistoricInstanceRow,
    HistoricTaskRow,
    HistoricVariableRow,
    InstanceRow,
    JobRow,
    ProcessDefinitionRow,
    SubscriptionRow,
    TaskRow,
    new_job,
)
from mlc_service.store.units import UnitOfWork

_QUICK = frozenset({"async"})
_GOES_ON = _QUICK | {"delegate"}


class Thrown(NamedTuple):
    """A signal that a step has thrown.

    `next_numbers` has, of each instance that the step has touched, the first number that came too late for it.
    """

    name: str
    variables: dict[str, Any]
    thrower: str
    next_numbers: Mapping[str, int]
    is_async: bool

    def reaches(self, subscription: SubscriptionRow) -> bool:
        """Whether the subscription was there when the signal was thrown, in an instance that has not had it yet."""
        instance_id = subscription.instance_id
        if instance_id is None:
            return True
        if instance_id == self.thrower and not self.is_async:
            return False
        if instance_id not in self.next_numbers:
            return True
        number = number_of(instance_id, subscription.id)
        return number is not None and number < self.next_numbers[instance_id]


@dataclass(frozen=True, slots=True)
class Subject:
    """An instance that a step has touched. `is_new` if it has no row yet; `consumed` is a job that is gone already.

    `first_numbers` has, of each instance that the step has touched, the number of the first thing that is new there: 0
    if all of it is.
    """

    id: str
    definition: ProcessDefinitionRow
    business_key: str | None
    root_id: str
    caller: Caller | None
    is_new: bool
    first_numbers: Mapping[str, int] = field(default_factory=dict)
    start_user: str | None = None
    delete_reason: str | None = None
    consumed: JobRow | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is left to do: signals to be delivered, and a job that the worker was given to go on with."""

    thrown: list[Thrown] = field(default_factory=list)
    next: JobRow | None = None


def record(
    unit: UnitOfWork,
    subject: Subject,
    execution: Execution,
    now: datetime,
    retries: RetryPolicy,
    lease: Lease | None = None,
) -> Recorded:
    """The instance's rows and its history are as the step has left it."""
    changes = _Changes(subject, now, retries)
    for effect in execution.effects:
        changes.add(effect)
    next_job = changes.claim_next(lease)
    _write_instance(unit, subject, execution, changes, now)
    _write_history(unit, subject, execution, changes, now)
    return Recorded(changes.thrown, next_job)


class _Changes:
    """Effects added up, so that each table is written once."""

    def __init__(self, subject: Subject, now: datetime, retries: RetryPolicy) -> None:
        self._subject = subject
        self._now = now
        self._retries = retries
        self.activities: dict[int, HistoricActivityRow] = {}
        self.ended_activities: list[tuple[str, bool]] = []
        self.variables: dict[tuple[int, str], HistoricVariableRow] = {}
        self.deleted_variables: dict[tuple[int, str], None] = {}
        self.tasks: dict[int, TaskRow] = {}
        self.candidates: dict[int, list[CandidateRow]] = {}
        self.historic_tasks: dict[int, HistoricTaskRow] = {}
        self.ended_tasks: list[tuple[str, str]] = []
        self.jobs: dict[int, JobRow] = {}
        self.dropped_jobs: list[str] = []
        self.subscriptions: dict[int, SubscriptionRow] = {}
        self.ended_subscriptions: list[str] = []
        self.external_tasks: dict[int, ExternalTaskRow] = {}
        self.ended_external_tasks: list[str] = []
        self.changed_tasks: list[tuple[str, dict[str, Any]]] = []
        self.changed_jobs: list[tuple[str, dict[str, Any]]] = []
        self.renamed_subscriptions: list[tuple[str, str]] = []
        self.migrated: fx.Migrated | None = None
        self.migrated_activities: list[MigratedActivity] = []
        self.migrated_tasks: list[tuple[str, str | None, dict[str, Any] | None]] = []
        self.thrown: list[Thrown] = []
        self.end: fx.InstanceEnded | None = None
        self.start_activity_id: str | None = None

    def add(self, effect: fx.Effect) -> None:
        match effect:
            case fx.ActivityStarted():
                self._activity_started(effect)
            case fx.ActivityEnded(number, canceled):
                begun = self.activities.get(number)
                if begun is not None:
                    self.activities[number] = begun._replace(ended=self._now, canceled=canceled)
                else:
                    self.ended_activities.append((self._id(number), canceled))
            case fx.CallStarted(number, called_id):
                self.activities[number] = self.activities[number]._replace(called_instance_id=called_id)
            case fx.VariableWritten():
                self._variable_written(effect)
            case fx.VariableDeleted(scope, name):
                written = self.variables.get((scope, name))
                if written is not None:
                    self.variables[scope, name] = written._replace(state="DELETED")
                else:
                    self.deleted_variables[scope, name] = None
            case fx.TaskCreated():
                self._task_created(effect)
            case fx.TaskChanged(number, changes):
                self._task_changed(number, changes)
            case fx.TaskEnded(number, reason):
                self._task_ended(number, reason)
            case fx.JobCreated():
                self._job_created(effect)
            case fx.JobDropped(number):
                consumed = self._subject.consumed
                if self.jobs.pop(number, None) is None and (consumed is None or consumed.number != number):
                    self.dropped_jobs.append(self._id(number))
            case fx.JobChanged(number, changes):
                self._job_changed(number, changes)
            case fx.ExternalTaskCreated():
                self._external_task_created(effect)
            case fx.ExternalTaskEnded(number):
                if self.external_tasks.pop(number, None) is None:
                    self.ended_external_tasks.append(self._id(number))
            case fx.Subscribed():
                self._subscribed(effect)
            case fx.Unsubscribed(number):
                if self.subscriptions.pop(number, None) is None:
                    self.ended_subscriptions.append(self._id(number))
            case fx.Resubscribed(number, event_name):
                self.renamed_subscriptions.append((self._id(number), event_name))
            case fx.SignalThrown(event_name, variables, next_numbers, is_async):
                subject = self._subject
                # who was not in the engine's hands yet was as it had been before the step
                too_late = {**subject.first_numbers, **next_numbers}
                self.thrown.append(Thrown(event_name, variables, subject.id, too_late, is_async))
            case fx.Migrated():
                self.migrated = effect
            case fx.ActivityMigrated(number, activity_id, name, activity_type, parent):
                moved = MigratedActivity(self._id(number), activity_id, name, activity_type, parent)
                self.migrated_activities.append(moved)
            case fx.TaskMigrated(number, form_key, form_ref):
                self.migrated_tasks.append((self._id(number), form_key, form_ref))
            case fx.InstanceEnded():
                self.end = effect

    def claim_next(self, lease: Lease | None) -> JobRow | None:
        """The first new job that can run at once is the worker's already, if the worker wants to go on."""
        consumed = self._subject.consumed
        if lease is None or not lease.goes_on or consumed is None:
            return None
        for number, job in self.jobs.items():
            # who held a job that others may run beside must not become the one exclusive holder on the way
            if job.kind in (_QUICK if lease.together else _GOES_ON) and (consumed.exclusive or not job.exclusive):
                claimed = job._replace(
                    state="running", attempt=1, worker=lease.worker, lease_until=lease.until(self._now)
                )
                self.jobs[number] = claimed
                return claimed
        return None

    def _id(self, number: int) -> str:
        return derived_id(self._subject.id, number)

    def _activity_started(self, effect: fx.ActivityStarted) -> None:
        definition = self._subject.definition
        if self.start_activity_id is None:
            self.start_activity_id = effect.activity_id
        self.activities[effect.number] = HistoricActivityRow(
            id=self._id(effect.number),
            instance_id=self._subject.id,
            number=effect.number,
            parent=effect.parent,
            definition_id=definition.id,
            definition_key=definition.key,
            activity_id=effect.activity_id,
            activity_name=effect.activity_name,
            activity_type=effect.activity_type,
            started=self._now,
            ended=None,
            canceled=False,
        )

    def _variable_written(self, effect: fx.VariableWritten) -> None:
        place = (effect.scope, effect.name)
        self.deleted_variables.pop(place, None)
        self.variables[place] = HistoricVariableRow(
            instance_id=self._subject.id,
            scope=effect.scope,
            name=effect.name,
            definition_id=self._subject.definition.id,
            definition_key=self._subject.definition.key,
            value=to_stored(effect.value),
            state="CREATED",
            created=self._now,
            updated=self._now,
        )

    def _task_created(self, effect: fx.TaskCreated) -> None:
        id = self._id(effect.number)
        definition = self._subject.definition
        self.tasks[effect.number] = TaskRow(
            id=id,
            instance_id=self._subject.id,
            definition_id=definition.id,
            definition_key=definition.key,
            activity_id=effect.activity_id,
            activity=effect.activity,
            name=effect.name,
            description=effect.description,
            assignee=effect.assignee,
            owner=None,
            delegation_state=None,
            priority=effect.priority,
            due=effect.due,
            follow_up=effect.follow_up,
            created=self._now,
            updated=None,
            form_key=effect.form_key,
            suspended=False,
            form_ref=effect.form_ref,
        )
        self.candidates[effect.number] = [
            *(CandidateRow(id, "user", user) for user in dict.fromkeys(effect.candidate_users)),
            *(CandidateRow(id, "group", group) for group in dict.fromkeys(effect.candidate_groups)),
        ]
        self.historic_tasks[effect.number] = HistoricTaskRow(
            id=id,
            instance_id=self._subject.id,
            definition_id=definition.id,
            definition_key=definition.key,
            activity_id=effect.activity_id,
            activity=effect.activity,
            name=effect.name,
            description=effect.description,
            assignee=effect.assignee,
            owner=None,
            priority=effect.priority,
            due=effect.due,
            follow_up=effect.follow_up,
            started=self._now,
            ended=None,
            delete_reason=None,
        )

    def _task_changed(self, number: int, changes: dict[str, Any]) -> None:
        begun = self.tasks.get(number)
        if begun is None:
            self.changed_tasks.append((self._id(number), changes))
        else:
            self.tasks[number] = begun._replace(updated=self._now, **changes)
            known = {name: value for name, value in changes.items() if name in HistoricTaskRow._fields}
            self.historic_tasks[number] = self.historic_tasks[number]._replace(**known)

    def _external_task_created(self, effect: fx.ExternalTaskCreated) -> None:
        definition = self._subject.definition
        self.external_tasks[effect.number] = ExternalTaskRow(
            id=self._id(effect.number),
            instance_id=self._subject.id,
            definition_id=definition.id,
            definition_key=definition.key,
            activity_id=effect.activity_id,
            activity=effect.activity,
            topic=effect.topic,
            priority=effect.priority,
            worker=None,
            lock_until=None,
            retries=None,
            error_message=None,
            error_details=None,
            suspended=False,
            created=self._now,
        )

    def _task_ended(self, number: int, reason: str) -> None:
        if self.tasks.pop(number, None) is None:
            self.ended_tasks.append((self._id(number), reason))
        else:
            self.candidates.pop(number)
            begun = self.historic_tasks[number]
            self.historic_tasks[number] = begun._replace(ended=self._now, delete_reason=reason)

    def _job_created(self, effect: fx.JobCreated) -> None:
        definition = self._subject.definition
        self.jobs[effect.number] = new_job(
            self._id(effect.number),
            effect.kind,
            self._now,
            payload=None if effect.implementation is None else {"implementation": effect.implementation},
            due=effect.due,
            retries=self._retries.retries_of(effect.retry_cycle),
            retry_cycle=effect.retry_cycle,
            priority=effect.priority,
            exclusive=effect.exclusive,
            instance_id=self._subject.id,
            number=effect.number,
            definition_id=definition.id,
            definition_key=definition.key,
            activity_id=effect.activity_id,
            activity=effect.activity,
        )

    def _job_changed(self, number: int, changes: dict[str, Any]) -> None:
        fields = dict(changes)
        if "implementation" in fields:
            fields["payload"] = {"implementation": fields.pop("implementation")}
        self.changed_jobs.append((self._id(number), fields))

    def _subscribed(self, effect: fx.Subscribed) -> None:
        id = self._id(effect.number)
        self.subscriptions[effect.number] = SubscriptionRow(
            id=id,
            instance_id=self._subject.id,
            definition_id=self._subject.definition.id,
            kind=effect.kind,
            event_name=effect.event_name,
            activity_id=effect.activity_id,
            activity=effect.activity,
            created=self._now,
        )


def _write_instance(unit: UnitOfWork, subject: Subject, execution: Execution, changes: _Changes, now: datetime) -> None:
    if changes.end is not None:
        if not subject.is_new:
            # tasks, jobs, subscriptions, incidents and scopes go with it
            unit.instances.delete(subject.id)
        return
    scopes = execution.changed_scopes()
    variables = scopes.pop(0, None)
    if subject.is_new:
        unit.instances.insert(
            InstanceRow(
                id=subject.id,
                definition_id=subject.definition.id,
                definition_key=subject.definition.key,
                business_key=subject.business_key,
                root_id=subject.root_id,
                caller_id=None if subject.caller is None else subject.caller.instance_id,
                caller_number=None if subject.caller is None else subject.caller.number,
                state=execution.dump(),
                variables=variables or {},
                suspended=False,
                revision=1,
                started=now,
            ),
            {number: stored for number, stored in scopes.items() if stored is not None},
        )
    else:
        unit.instances.update(subject.id, execution.dump(), variables)
        unit.instances.write_scopes(subject.id, scopes)
        unit.tasks.delete([id for id, _ in changes.ended_tasks])
        unit.jobs.delete(changes.dropped_jobs)
        unit.external_tasks.delete(changes.ended_external_tasks)
        unit.subscriptions.delete(changes.ended_subscriptions)
        for id, fields in changes.changed_tasks:
            unit.tasks.update(id, updated=now, **fields)
        _migrate(unit, subject, changes)
    unit.tasks.insert(list(changes.tasks.values()), _flat(changes.candidates.values()))
    unit.jobs.insert(list(changes.jobs.values()))
    unit.external_tasks.insert(list(changes.external_tasks.values()))
    unit.subscriptions.insert(list(changes.subscriptions.values()))


def _migrate(unit: UnitOfWork, subject: Subject, changes: _Changes) -> None:
    """What was there before the step follows the definition that the instance follows now."""
    if changes.migrated is not None:
        unit.instances.migrate(subject.id, subject.definition.id, subject.definition.key, changes.migrated.renamed)
    for id, form_key, form_ref in changes.migrated_tasks:
        unit.tasks.update(id, form_key=form_key, form_ref=form_ref)
    for id, fields in changes.changed_jobs:
        unit.jobs.change(id, **fields)
    for id, event_name in changes.renamed_subscriptions:
        unit.subscriptions.rename(id, event_name)


def _write_history(unit: UnitOfWork, subject: Subject, execution: Execution, changes: _Changes, now: datetime) -> None:
    history = unit.history
    end = changes.end
    key = subject.definition.key
    if subject.is_new:
        unit.after_commit(metrics.INSTANCES_STARTED.labels(key).inc)
    if end is not None:
        unit.after_commit(metrics.INSTANCES_ENDED.labels(key, end.state).inc)
    removal = None
    if end is not None and subject.id == subject.root_id:
        # asked for anew: what is known of the definition may be older
        removal = removal_time(now, unit.definitions.time_to_live(subject.definition.id))
    if subject.is_new:
        history.insert_instance(
            HistoricInstanceRow(
                id=subject.id,
                definition_id=subject.definition.id,
                definition_key=subject.definition.key,
                business_key=subject.business_key,
                start_activity_id=changes.start_activity_id,
                end_activity_id=end.end_activity_id if end else None,
                start_user=subject.start_user,
                state=end.state if end else "ACTIVE",
                started=now,
                ended=now if end else None,
                delete_reason=None,
                root_id=subject.root_id,
                caller_id=None if subject.caller is None else subject.caller.instance_id,
                start_variables=execution.started_with,
                removal=removal,
            )
        )
    elif end is not None:
        history.end_instance(
            subject.id,
            state=end.state,
            at=now,
            end_activity_id=end.end_activity_id,
            delete_reason=subject.delete_reason,
            removal=removal,
        )
    if changes.migrated is not None:
        definition, migrated = subject.definition, changes.migrated
        history.migrate_instance(subject.id, definition.id, definition.key, migrated.renamed, migrated.scopes)
        history.migrate_activities(definition.id, definition.key, changes.migrated_activities)
    history.insert_activities(list(changes.activities.values()))
    history.end_activities(changes.ended_activities, now)
    history.insert_tasks(list(changes.historic_tasks.values()))
    for id, fields in changes.changed_tasks:
        history.update_task(id, **{name: value for name, value in fields.items() if name in HistoricTaskRow._fields})
    history.end_tasks(changes.ended_tasks, now)
    history.write_variables(list(changes.variables.values()))
    history.delete_variables(subject.id, list(changes.deleted_variables), now)


def _flat(groups: Iterable[list[CandidateRow]]) -> list[CandidateRow]:
    return [candidate for group in groups for candidate in group]
