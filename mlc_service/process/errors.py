"""Broken rules of the use cases. `NotFound` and `IllegalMove` come from the store and are the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from mlc_service.store.errors import IllegalMove, NotFound

# what is done to many instances at once
Deed = Literal["migrated", "modified", "restarted"]


class NoResources(ValueError):
    """A deployment without a file."""


class DefinitionNotFound(LookupError):
    """No definition has that key (and version)."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"no {kind} with key {key} is deployed")


class DeploymentInUse(Exception):
    """The deployment still has live instances and was to be deleted without them."""

    def __init__(self, id: str, instances: int) -> None:
        self.id = id
        self.instances = instances
        super().__init__(f"deployment {id} has {instances} live instances")


class AlreadyClaimed(Exception):
    """The task belongs to somebody else."""

    def __init__(self, task_id: str, assignee: str) -> None:
        self.task_id = task_id
        self.assignee = assignee
        super().__init__(f"task {task_id} is already claimed by {assignee}")


class Suspended(Exception):
    """The thing rests; it has to be activated first.

    `kind` is process definition, process instance, task or external task.
    """

    def __init__(self, kind: str, id: str) -> None:
        self.kind = kind
        self.id = id
        super().__init__(f"{kind} {id} is suspended")


class LockedByAnother(Exception):
    """The external task is not the worker's to `deed` (complete, fail, throw, extend, lock): the holder has it.

    `holder` None: nobody has it.
    """

    def __init__(self, deed: str, task_id: str, worker: str, holder: str | None) -> None:
        self.deed = deed
        self.task_id = task_id
        self.worker = worker
        self.holder = holder
        super().__init__(f"worker {worker!r} cannot {deed} external task {task_id}, which {holder!r} has")


class LockExpired(Exception):
    """The worker's lock of the external task ran out before `now`: it can be taken anew, but not extended."""

    def __init__(self, task_id: str, now: datetime) -> None:
        self.task_id = task_id
        self.now = now
        super().__init__(f"the lock of external task {task_id} ran out before {now}")


class MismatchingCorrelation(Exception):
    """A message finds no receiver, or (`matches` > 1) more than the one it is meant for."""

    def __init__(self, message_name: str, matches: int) -> None:
        self.message_name = message_name
        self.matches = matches
        found = "nobody waits" if matches == 0 else f"{matches} wait"
        super().__init__(f"message {message_name!r}: {found} that matches the parameters")


class NotSubscribed(Exception):
    """The execution does not wait for that event."""

    def __init__(self, execution_id: str, kind: str, event_name: str | None) -> None:
        self.execution_id = execution_id
        self.kind = kind
        self.event_name = event_name
        super().__init__(f"execution {execution_id} does not wait for {kind} {event_name or ''}".rstrip())


class FormRefused(ValueError):
    """A generated form cannot be shown, or does not take what was submitted; each message names its field."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = list(messages)
        super().__init__(" ".join(self.messages))


class NoForm(LookupError):
    """There is no file with the form that was asked for; the message says why."""


class NotCaught(Exception):
    """Nobody catches what a task has thrown; `kind` is escalation."""

    def __init__(self, kind: str, code: str, task_id: str) -> None:
        self.kind = kind
        self.code = code
        self.task_id = task_id
        super().__init__(f"nobody catches the {kind} {code!r} of task {task_id}")


class NotResolvable(Exception):
    """The incident is over when what caused it is; nobody can close it by hand."""

    def __init__(self, incident_id: str, kind: str) -> None:
        self.incident_id = incident_id
        self.kind = kind
        super().__init__(f"incident {incident_id} of type {kind} cannot be closed by hand")


class UnknownPlanEnd(LookupError):
    """A migration plan names a definition that does not exist, as its `role`: source or target."""

    def __init__(self, role: Literal["source", "target"], id: str) -> None:
        self.role = role
        self.id = id
        super().__init__(f"{role} process definition {id} does not exist")


class NoSuchInstance(LookupError):
    """An instance that was to be migrated, modified or restarted (`deed`) among others is not there."""

    def __init__(self, deed: Deed, instance_id: str) -> None:
        self.deed = deed
        self.instance_id = instance_id
        super().__init__(f"instance {instance_id} cannot be {deed}: it does not exist")


class OtherDefinition(Exception):
    """An instance that was to be migrated, modified or restarted (`deed`) among others is of another definition."""

    def __init__(self, deed: Deed, instance_id: str, definition_id: str, wanted: str) -> None:
        self.deed = deed
        self.instance_id = instance_id
        self.definition_id = definition_id
        self.wanted = wanted
        super().__init__(f"instance {instance_id} cannot be {deed}: it is of {definition_id}, not of {wanted}")


class StillRunning(Exception):
    """Only an instance that has ended can be restarted."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        super().__init__(f"instance {instance_id} cannot be restarted: it has not ended")


class SignalStorm(RuntimeError):
    """Signals kept causing signals within one command; none of it was kept."""

    def __init__(self, deliveries: int) -> None:
        self.deliveries = deliveries
        super().__init__(f"{deliveries} signals were delivered within one command without coming to rest")


__all__ = [
    "AlreadyClaimed",
    "DefinitionNotFound",
    "DeploymentInUse",
    "FormRefused",
    "IllegalMove",
    "LockExpired",
    "LockedByAnother",
    "MismatchingCorrelation",
    "NoForm",
    "NoResources",
    "NoSuchInstance",
    "NotCaught",
    "NotFound",
    "NotResolvable",
    "NotSubscribed",
    "OtherDefinition",
    "SignalStorm",
    "StillRunning",
    "Suspended",
    "UnknownPlanEnd",
]
