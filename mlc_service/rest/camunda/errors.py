"""From typed exceptions to Camunda's answers: one table (camunda7.md §4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mlc_service.dmn import DecisionError
from mlc_service.engine import ExecutionFailed, InvalidModification, InvalidPlan, NotMigratable, NotWaiting
from mlc_service.jobs.work import JobFailed
from mlc_service.problems import InvalidResource, Problem
from mlc_service.process import errors as process
from mlc_service.rest.camunda.migration_dto import instance_report, plan_report
from mlc_service.rest.camunda.waiting_room import RoomFull
from mlc_service.rest.errors import HttpProblem
from mlc_service.store import errors as store

_PARSE_FAILED = "ENGINE-09005 Could not parse BPMN process. Errors: "
_DMN_FAILED = "ENGINE-22004 Unable to transform DMN resource '{resource}'. Errors: "

# Camunda's own spelling begins with a Cyrillic letter (U+0435), Operaton's does not: clients may read either.
_ELEMENT_IDS = ("\u0435lementIds", "elementIds")

_NOT_FOUND = {
    "process definition": "No matching definition with id {id}",
    "decision definition": "No matching decision definition with id {id}",
    "deployment": "Deployment with id '{id}' does not exist",
    "resource": "Deployment resource '{id}' does not exist",
    "task": "No matching task with id {id}",
    "job": "Job with id {id} does not exist",
    "job definition": "Job Definition with id {id} does not exist",
    "incident": "No matching incident with id {id}",
    "event subscription": "Event subscription with id {id} does not exist",
    "historic process instance": "Historic process instance with id {id} does not exist",
}


# what a worker may not do to an external task that is not its own
_REFUSED = {
    "complete": "External Task {id} cannot be completed by worker '{worker}'",
    "fail": "Failure of External Task {id} cannot be reported by worker '{worker}'",
    "throw": "Bpmn error of External Task {id} cannot be reported by worker '{worker}'",
    # the second apostrophe is Camunda's
    "extend": "The lock of the External Task {id} cannot be extended by worker '{worker}''",
    "lock": "External Task {id} cannot be locked by worker '{worker}'",
}
_MISSING = {"migrated": "ENGINE-23003", "modified": "ENGINE-13036"}
_OF_ANOTHER = {"migrated": "ENGINE-23002", "modified": "ENGINE-13037", "restarted": "ENGINE-13039"}


def translate(error: Exception) -> HttpProblem | None:
    """How Camunda would answer, None for what nobody expected."""
    if isinstance(error, HttpProblem):
        return error
    for kind, answer in _TABLE:
        if isinstance(error, kind):
            return answer(error)
    return None


@contextmanager
def explaining(what: str) -> Iterator[None]:
    """Client's mistakes and failed steps inside are told as `what: …`, as Camunda does for starts and completions."""
    try:
        yield
    except Exception as error:
        problem = translate(error)
        if problem is None or problem.status not in (400, 500):
            raise
        raise HttpProblem(
            problem.status, problem.kind, f"{what}: {problem.message}", problem.code, extra=problem.extra
        ) from error


@contextmanager
def naming_a_definition() -> Iterator[None]:
    """A definition that does not exist is the client's mistake inside, since another thing was asked for."""
    try:
        yield
    except store.NotFound as missing:
        if missing.kind != "process definition":
            raise
        message = f"no deployed process definition found with id '{missing.id}': processDefinition is null"
        raise HttpProblem(400, "InvalidRequestException", message) from missing


def _not_found(error: store.NotFound) -> HttpProblem:
    default = f"{error.kind[:1].upper()}{error.kind[1:]} with id {{id}} does not exist"
    message = _NOT_FOUND.get(error.kind, default).format(id=error.id)
    if error.kind == "external task":
        return HttpProblem(404, "RestException", message, 0)
    return HttpProblem(404, "InvalidRequestException", message)


def _definition_not_found(error: process.DefinitionNotFound) -> HttpProblem:
    message = f"No matching {error.kind} with key: {error.key} and no tenant-id"
    return HttpProblem(404, "InvalidRequestException", message)


def _invalid_resource(error: InvalidResource) -> HttpProblem:
    errors = [problem for problem in error.problems if problem.severity == "error"]
    warnings = [problem for problem in error.problems if problem.severity != "error"]
    lines = "".join(f"\n* {_line(error.resource, problem)}" for problem in errors)
    is_decision = error.resource.endswith((".dmn", ".dmn11.xml"))
    head = _DMN_FAILED.format(resource=error.resource) if is_decision else _PARSE_FAILED
    details = {
        error.resource: {
            "errors": [problem_dto(problem) for problem in errors],
            "warnings": [problem_dto(problem) for problem in warnings],
        }
    }
    return HttpProblem(400, "ParseException", head + lines, 0, extra={"details": details})


def _line(resource: str, problem: Problem) -> str:
    return f"{problem.message} | resource {resource} | line {problem.line} | column {problem.column}"


def problem_dto(problem: Problem) -> dict[str, Any]:
    """A finding about a file as Camunda writes it."""
    ids = [] if problem.element_id is None else [problem.element_id]
    return {
        "message": problem.message,
        "line": problem.line,
        "column": problem.column,
        "mainElementId": problem.element_id,
        **dict.fromkeys(_ELEMENT_IDS, ids),
    }


def _no_resources(_: process.NoResources) -> HttpProblem:
    return HttpProblem(400, "InvalidRequestException", "No deployment resources contained in the form upload.")


def _in_use(error: process.DeploymentInUse) -> HttpProblem:
    message = (
        f"Deployment {error.id} has {error.instances} running process instances. "
        "Delete them first, or delete the deployment with cascade=true"
    )
    return HttpProblem(400, "BadUserRequestException", message, 10001)


def _claimed(error: process.AlreadyClaimed) -> HttpProblem:
    message = f"Task '{error.task_id}' is already claimed by someone else."
    return HttpProblem(500, "TaskAlreadyClaimedException", message, 0)


def _suspended(error: process.Suspended) -> HttpProblem:
    if error.kind == "external task":
        return HttpProblem(400, "RestException", f"ENGINE-03043 ExternalTask with id '{error.id}' is suspended.", 0)
    message = f"{error.kind[:1].upper()}{error.kind[1:]} {error.id} is suspended"
    return HttpProblem(400, "SuspendedEntityInteractionException", message, 0)


def _locked_by_another(error: process.LockedByAnother) -> HttpProblem:
    refused = _REFUSED[error.deed].format(id=error.task_id, worker=error.worker)
    holder = "null" if error.holder is None else error.holder
    return HttpProblem(400, "RestException", f"{refused}. It is locked by worker '{holder}'.", 0)


def _lock_expired(error: process.LockExpired) -> HttpProblem:
    now = int(error.now.timestamp() * 1000)
    message = f"Cannot extend a lock that expired: lockExpirationTime is not greater than or equal to {now}"
    return HttpProblem(400, "RestException", message, 0)


def _room_full(error: RoomFull) -> HttpProblem:
    message = f"{error.waiting} requests wait for external tasks already: try again later, or without waiting"
    return HttpProblem(500, "InvalidRequestException", message)


def _mismatching(error: process.MismatchingCorrelation) -> HttpProblem:
    if error.matches:
        found = f"{error.matches} executions match the correlation keys"
    else:
        found = "No process definition or execution matches the parameters"
    message = f"Cannot correlate message '{error.message_name}': {found}"
    return HttpProblem(400, "MismatchingMessageCorrelationException", message, 0)


def _form_refused(error: process.FormRefused) -> HttpProblem:
    return HttpProblem(400, "FormFieldValidationException", str(error), 0)


def _no_form(error: process.NoForm) -> HttpProblem:
    return HttpProblem(400, "InvalidRequestException", str(error))


def _not_caught(error: process.NotCaught) -> HttpProblem:
    message = (
        f"Task with id '{error.task_id}' throws an {error.kind} event with {error.kind}Code '{error.code}', "
        f"but no {error.kind} handler was defined."
    )
    return HttpProblem(400, "BadUserRequestException", message, 0)


def _not_resolvable(error: process.NotResolvable) -> HttpProblem:
    return HttpProblem(400, "BadUserRequestException", f"Cannot resolve an incident of type {error.kind}", 0)


def _not_subscribed(error: process.NotSubscribed) -> HttpProblem:
    named = f"a {error.kind} event with name '{error.event_name}'" if error.event_name else "any event"
    message = f"Execution '{error.execution_id}' has not subscribed to {named}."
    return HttpProblem(500, "ProcessEngineException", message, 0)


def _illegal_move(error: store.IllegalMove) -> HttpProblem:
    return HttpProblem(409, "OptimisticLockingException", f"The {error.kind} {error.id} is {error.state}", 1)


def _lease_lost(error: store.LeaseLost) -> HttpProblem:
    return HttpProblem(409, "OptimisticLockingException", str(error), 1)


def _version_conflict(error: store.VersionConflict) -> HttpProblem:
    return HttpProblem(409, "OptimisticLockingException", str(error), 1)


def _not_waiting(error: NotWaiting) -> HttpProblem:
    return HttpProblem(404, "NotFoundException", str(error))


def _invalid_modification(error: InvalidModification) -> HttpProblem:
    return HttpProblem(400, "NotValidException", f"Cannot perform {error}", 0)


def _unknown_plan_end(error: process.UnknownPlanEnd) -> HttpProblem:
    message = f"ENGINE-23008 {error.role.capitalize()} process definition with id '{error.id}' does not exist"
    return HttpProblem(400, "InvalidRequestException", message, 0)


def _invalid_plan(error: InvalidPlan) -> HttpProblem:
    lines = "".join(f"\n\t{problem}" for problem in error.problems)
    report = plan_report(error.problems)
    message = f"ENGINE-23001 The migration plan is not valid:{lines}"
    return HttpProblem(400, "MigrationPlanValidationException", message, 0, extra={"validationReport": report})


def _not_migratable(error: NotMigratable) -> HttpProblem:
    lines = "".join(f"\n\t{one}" for one in error.unfit)
    report = instance_report(error)
    message = f"ENGINE-23004 Cannot migrate process instance '{error.instance_id}':{lines}"
    return HttpProblem(
        400, "MigratingProcessInstanceValidationException", message, 0, extra={"validationReport": report}
    )


def _no_such_instance(error: process.NoSuchInstance) -> HttpProblem:
    if error.deed == "restarted":
        return HttpProblem(400, "InvalidRequestException", f"Historic process instance '{error.instance_id}' not found")
    message = f"{_MISSING[error.deed]} {_named(error)}. The process instance does not exist"
    return HttpProblem(500, "ProcessEngineException", message, 0)


def _other_definition(error: process.OtherDefinition) -> HttpProblem:
    wanted = "the source process definition of the migration plan" if error.deed == "migrated" else "the given one"
    what = f"Its process definition '{error.definition_id}' does not match {wanted}, '{error.wanted}'"
    return HttpProblem(500, "ProcessEngineException", f"{_OF_ANOTHER[error.deed]} {_named(error)}. {what}", 0)


def _named(error: process.NoSuchInstance | process.OtherDefinition) -> str:
    kind = "Historic process instance" if error.deed == "restarted" else "Process instance"
    return f"{kind} '{error.instance_id}' cannot be {error.deed}"


def _still_running(error: process.StillRunning) -> HttpProblem:
    what = "It is not completed or terminated."
    message = f"ENGINE-13040 Historic process instance '{error.instance_id}' cannot be restarted. {what}"
    return HttpProblem(500, "ProcessEngineException", message, 0)


def _failed(error: Exception) -> HttpProblem:
    return HttpProblem(500, "ProcessEngineException", str(error), 0)


def _decision_failed(error: DecisionError) -> HttpProblem:
    return HttpProblem(500, "DmnEngineException", str(error), 0)


# (exception, how it is answered), the first that fits
_TABLE: list[tuple[type[Exception], Callable[[Any], HttpProblem]]] = [
    (InvalidResource, _invalid_resource),
    (process.NoResources, _no_resources),
    (process.DefinitionNotFound, _definition_not_found),
    (store.NotFound, _not_found),
    (process.DeploymentInUse, _in_use),
    (process.AlreadyClaimed, _claimed),
    (process.Suspended, _suspended),
    (process.LockedByAnother, _locked_by_another),
    (process.LockExpired, _lock_expired),
    (RoomFull, _room_full),
    (process.MismatchingCorrelation, _mismatching),
    (process.NotSubscribed, _not_subscribed),
    (process.FormRefused, _form_refused),
    (process.NoForm, _no_form),
    (process.NotCaught, _not_caught),
    (process.NotResolvable, _not_resolvable),
    (process.UnknownPlanEnd, _unknown_plan_end),
    (InvalidPlan, _invalid_plan),
    (NotMigratable, _not_migratable),
    (process.NoSuchInstance, _no_such_instance),
    (process.OtherDefinition, _other_definition),
    (process.StillRunning, _still_running),
    (process.SignalStorm, _failed),
    (store.IllegalMove, _illegal_move),
    (store.LeaseLost, _lease_lost),
    (store.VersionConflict, _version_conflict),
    (NotWaiting, _not_waiting),
    (InvalidModification, _invalid_modification),
    (ExecutionFailed, _failed),
    (JobFailed, _failed),
    (DecisionError, _decision_failed),
]
