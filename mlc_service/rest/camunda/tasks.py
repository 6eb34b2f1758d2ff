"""User tasks: finding, taking, completing (camunda7.md §4.8)."""

from __future__ import annotations

from typing import Any

from mlc_service.engine.ids import derived_id
from mlc_service.process.tasks import (
    assign_task,
    claim_task,
    complete_task,
    delegate_task,
    escalate_task,
    fail_task,
    resolve_task,
    set_task_variables,
    task_variables,
    unclaim_task,
    update_task,
)
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.errors import explaining
from mlc_service.rest.camunda.resource import Resource, Sets
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.values import write_variables
from mlc_service.rest.camunda.variables import VariableResource
from mlc_service.rest.errors import bad_request
from mlc_service.store.rows import CandidateRow, TaskRow
from mlc_service.store.tasks import TaskFilter
from mlc_service.store.units import UnitOfWork

_TAG = "Task"
_DELEGATION_STATES = ("PENDING", "RESOLVED")


def _candidates(call: Call, sets: Sets) -> Sets:
    """Who asks for a candidate user also means that user's groups, and nobody means tasks that are taken already."""
    include_assigned = sets.pop("include_assigned", False)
    user = sets.get("candidate_user")
    if user is not None and "candidate_groups" not in sets:
        known = call.read(lambda unit: unit.users.look_up(user))
        if known is not None and known.groups:
            sets["candidate_groups"] = known.groups
    if ("candidate_user" in sets or "candidate_groups" in sets) and not include_assigned:
        sets.setdefault("assigned", False)
    return sets


TASKS: Resource[TaskRow, TaskFilter] = Resource(
    path="/task",
    tag=_TAG,
    noun="tasks",
    fields=(
        fields.text("id", "id"),
        fields.text("name", "name"),
        fields.text("assignee", "assignee"),
        fields.moment("created", "created"),
        fields.moment("due", "due"),
        fields.moment("followUp", "follow_up"),
        fields.moment("lastUpdated", "updated"),
        fields.text("delegationState", "delegation_state"),
        fields.text("description", "description"),
        fields.computed("executionId", lambda row: derived_id(row.instance_id, row.activity)),
        fields.text("owner", "owner"),
        fields.absent("parentTaskId"),
        fields.integer("priority", "priority"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processInstanceId", "instance_id"),
        fields.text("taskDefinitionKey", "activity_id"),
        fields.absent("caseExecutionId"),
        fields.absent("caseInstanceId"),
        fields.absent("caseDefinitionId"),
        fields.flag("suspended", "suspended"),
        fields.text("formKey", "form_key"),
        fields.computed("camundaFormRef", lambda row: row.form_ref, {"type": "object", "nullable": True}),
        fields.absent("tenantId"),
        fields.computed("taskState", lambda row: "Updated" if row.updated else "Created", {"type": "string"}),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("taskId", "id"),
            query.texts("taskIdIn", "ids"),
            query.text("processInstanceId", "instance_id"),
            query.texts("processInstanceIdIn", "instance_ids"),
            query.text("executionId", "execution_id"),
            query.text("processInstanceBusinessKey", "business_key"),
            query.text("processDefinitionId", "definition_id"),
            query.text("processDefinitionKey", "definition_key"),
            query.texts("processDefinitionKeyIn", "definition_keys"),
            query.text("taskDefinitionKey", "activity_id"),
            query.texts("taskDefinitionKeyIn", "activity_ids"),
            query.text("name", "name"),
            query.text("nameLike", "name_like"),
            query.text("descriptionLike", "description_like"),
            query.text("assignee", "assignee"),
            query.texts("assigneeIn", "assignees"),
            query.flag("assigned", assigned=True),
            query.flag("unassigned", assigned=False),
            query.text("owner", "owner"),
            query.text("delegationState", "delegation_state"),
            query.text("candidateUser", "candidate_user"),
            query.single("candidateGroup", "candidate_groups"),
            query.texts("candidateGroups", "candidate_groups"),
            query.flag("includeAssignedTasks", include_assigned=True),
            query.integer("priority", "priority"),
            query.integer("minPriority", "priority_at_least"),
            query.integer("maxPriority", "priority_at_most"),
            query.moment("createdBefore", "created_before"),
            query.moment("createdAfter", "created_after"),
            query.moment("dueBefore", "due_before"),
            query.moment("dueAfter", "due_after"),
            query.moment("followUpBefore", "follow_up_before"),
            query.moment("followUpAfter", "follow_up_after"),
            query.flag("active", suspended=False),
            query.flag("suspended", suspended=True),
            query.variables("processVariables", "variables"),
            query.ignored_flag("withCommentAttachmentInfo"),
            query.never("parentTaskId"),
            query.never("caseInstanceId"),
            query.never("caseInstanceBusinessKey"),
            query.never("caseInstanceBusinessKeyLike"),
            query.never("caseDefinitionId"),
            query.never("caseDefinitionKey"),
            query.never("caseDefinitionName"),
            query.never("caseDefinitionNameLike"),
            query.never("caseExecutionId"),
            query.never("caseInstanceVariables"),
            *tenant_filters(),
            *query.unsupported(
                "processInstanceBusinessKeyIn", "processInstanceBusinessKeyLike", "processDefinitionName",
                "processDefinitionNameLike", "activityInstanceIdIn", "assigneeLike",
                "assigneeNotIn", "candidateGroupLike", "involvedUser", "taskDefinitionKeyNotIn",
                "taskDefinitionKeyLike", "nameNotEqual", "nameNotLike", "description", "dueDate",
                "withoutDueDate", "followUpDate", "followUpBeforeOrNotExistent", "createdOn", "updatedAfter",
                "withCandidateGroups", "withoutCandidateGroups", "withCandidateUsers",
                "withoutCandidateUsers", "taskVariables", "variableNamesIgnoreCase",
                "variableValuesIgnoreCase", "withTaskVariablesInReturn", "withTaskLocalVariablesInReturn",
                "orQueries",
                *(
                    f"{name}Expression"
                    for name in (
                        "processInstanceBusinessKey", "processInstanceBusinessKeyLike", "assignee",
                        "assigneeLike", "owner", "candidateGroup", "candidateGroups", "candidateUser",
                        "involvedUser", "dueDate", "dueAfter", "dueBefore", "followUpDate", "followUpAfter",
                        "followUpBefore", "followUpBeforeOrNotExistent", "createdOn", "createdAfter",
                        "createdBefore", "updatedAfter",
                    )
                ),
            ),
        ),
        sorts={
            "instanceId": "instance_id", "caseInstanceId": "id", "dueDate": "due", "executionId": None,
            "caseExecutionId": "id", "assignee": "assignee", "created": "created", "lastUpdated": "updated",
            "followUpDate": "follow_up", "description": "description", "id": "id", "name": "name",
            "nameCaseInsensitive": None, "priority": "priority", "tenantId": "id", "processVariable": None,
            "executionVariable": None, "taskVariable": None, "caseExecutionVariable": None,
            "caseInstanceVariable": None,
        },
    ),
    wanted=TaskFilter,
    find=lambda unit, wanted, page: unit.tasks.find(wanted, page),
    count=lambda unit, wanted: unit.tasks.count(wanted),
    get=lambda unit, id: unit.tasks.get(id),
    adjust=_candidates,
    has_post=True,
)  # fmt: skip


def claim(call: Call) -> None:
    """The task is the user's."""
    user = call.body.required_text("userId", "userId must be set")
    call.run(lambda unit: claim_task(unit, call.deps.process, call.path["id"], user))


def unclaim(call: Call) -> None:
    """The task is nobody's."""
    call.run(lambda unit: unclaim_task(unit, call.deps.process, call.path["id"]))


def assign(call: Call) -> None:
    """The task is the user's, whoever had it; without one it is nobody's."""
    user = call.body.text("userId")
    call.run(lambda unit: assign_task(unit, call.deps.process, call.path["id"], user))


def complete(call: Call) -> dict[str, Any] | None:
    """The task is done and its instance has gone on to the next wait state."""
    id = call.path["id"]
    with explaining(f"Cannot complete task {id}"):
        variables = call.body.variables()
        with_variables = call.body.flag("withVariablesInReturn")
        after = call.run(lambda unit: complete_task(unit, call.deps.process, id, variables, user=call.caller.user_id))
    return write_variables(after) if with_variables else None


def delegate(call: Call) -> None:
    """Somebody else works on the task for its owner."""
    assignee = call.body.text("userId")
    call.run(lambda unit: delegate_task(unit, call.deps.process, call.path["id"], assignee, user=call.caller.user_id))


def resolve(call: Call) -> None:
    """What was delegated is done; the task is its owner's again."""
    variables = call.body.variables()
    call.run(lambda unit: resolve_task(unit, call.deps.process, call.path["id"], variables, user=call.caller.user_id))


def update(call: Call) -> None:
    """The task has the values that were sent; fields that were not are emptied, as in Camunda."""
    body = call.body
    for name in ("parentTaskId", "caseInstanceId", "tenantId"):
        if body.text(name):
            raise bad_request(f"Cannot set {name} of task '{call.path['id']}': tasks have none here")
    state = body.text("delegationState")
    if state is not None and state.upper() not in _DELEGATION_STATES:
        raise bad_request(f"Valid values for property 'delegationState' are 'PENDING' or 'RESOLVED', but was '{state}'")
    priority = body.integer("priority") or 0
    if not -(2**31) <= priority < 2**31:
        raise bad_request("priority is out of range")
    changes = {
        **{name: body.text(name) for name in ("name", "description", "assignee", "owner")},
        "due": body.moment("due"),
        "follow_up": body.moment("followUp"),
        "priority": priority,
        "delegation_state": state and state.upper(),
    }
    call.run(lambda unit: update_task(unit, call.deps.process, call.path["id"], changes, user=call.caller.user_id))


def bpmn_error(call: Call) -> None:
    """The task ends with an error that the diagram may catch."""
    code, message, variables = _code(call, "errorCode"), call.body.text("errorMessage"), call.body.variables()
    call.run(
        lambda unit: fail_task(
            unit, call.deps.process, call.path["id"], code, message, variables, user=call.caller.user_id
        )
    )


def bpmn_escalation(call: Call) -> None:
    """The task escalates; whoever catches that goes on."""
    code, variables = _code(call, "escalationCode"), call.body.variables()
    call.run(
        lambda unit: escalate_task(unit, call.deps.process, call.path["id"], code, variables, user=call.caller.user_id)
    )


def _code(call: Call, name: str) -> str:
    code = call.body.text(name)
    if not code:
        raise bad_request(f"{name} is {'null' if code is None else 'empty'}")
    return code


def identity_links(call: Call) -> list[dict[str, Any]]:
    """Who has to do with the task: assignee, owner, candidates."""
    wanted = call.query.get("type")

    def find(unit: UnitOfWork) -> list[dict[str, Any]]:
        row = unit.tasks.get(call.path["id"])
        links = [
            _link(user, None, kind)
            for kind, user in (("assignee", row.assignee), ("owner", row.owner))
            if user is not None
        ]
        for candidate in unit.tasks.candidates(row.id):
            is_user = candidate.kind == "user"
            links.append(
                _link(candidate.candidate if is_user else None, None if is_user else candidate.candidate, "candidate")
            )
        return links

    return [link for link in call.read(find) if wanted is None or link["type"] == wanted]


def add_identity_link(call: Call) -> None:
    """The user or group is a candidate of the task."""
    candidate = _candidate(call)

    def work(unit: UnitOfWork) -> None:
        unit.tasks.get(candidate.task_id, lock=True)
        unit.tasks.add_candidate(candidate)

    call.run(work)


def delete_identity_link(call: Call) -> None:
    """The user or group is not a candidate of the task any more."""
    candidate = _candidate(call)

    def work(unit: UnitOfWork) -> None:
        unit.tasks.get(candidate.task_id, lock=True)
        unit.tasks.remove_candidate(candidate)

    call.run(work)


def _candidate(call: Call) -> CandidateRow:
    body = call.body
    user, group, kind = body.text("userId"), body.text("groupId"), body.text("type")
    if bool(user) == bool(group):
        raise bad_request("Identity Link requires userId or groupId, but not both.")
    if kind != "candidate":
        raise bad_request("Only identity links of type candidate can be changed here: use /assignee for the assignee")
    return CandidateRow(call.path["id"], "user" if user else "group", user or group or "")


def _link(user: str | None, group: str | None, kind: str) -> dict[str, Any]:
    return {"userId": user, "groupId": group, "type": kind}


def _variables(*, local: bool) -> VariableResource:
    return VariableResource(
        path="/task/{id}/localVariables" if local else "/task/{id}/variables",
        tag=_TAG,
        owner="task",
        read=lambda unit, call: task_variables(unit, call.deps.process, call.path["id"], local=local),
        change=lambda unit, call, written, deleted: set_task_variables(
            unit, call.deps.process, call.path["id"], written, deleted, local=local, user=call.caller.user_id
        ),
    )


_USER: fields.Schema = {"type": "object", "properties": {"userId": {"type": "string"}}}
_COMPLETE: fields.Schema = {
    "type": "object",
    "properties": {"variables": {"type": "object"}, "withVariablesInReturn": {"type": "boolean"}},
}
_RESOLVE: fields.Schema = {"type": "object", "properties": {"variables": {"type": "object"}}}
_ERROR: fields.Schema = {
    "type": "object",
    "required": ["errorCode"],
    "properties": {
        "errorCode": {"type": "string"},
        "errorMessage": {"type": "string", "nullable": True},
        "variables": {"type": "object"},
    },
}
_ESCALATION: fields.Schema = {
    "type": "object",
    "required": ["escalationCode"],
    "properties": {"escalationCode": {"type": "string"}, "variables": {"type": "object"}},
}
_UPDATE: fields.Schema = {
    "type": "object",
    "properties": {
        **{
            name: {"type": "string", "nullable": True}
            for name in ("name", "description", "assignee", "owner", "due", "followUp", "delegationState")
        },
        "priority": {"type": "integer"},
    },
}
_LINK: fields.Schema = {
    "type": "object",
    "properties": {name: {"type": "string", "nullable": True} for name in ("userId", "groupId", "type")},
}

ROUTES = [
    *TASKS.routes(),
    Route("POST", "/task/{id}/claim", claim, _TAG, "Claim a task", request=_USER),
    Route("POST", "/task/{id}/unclaim", unclaim, _TAG, "Give a task back"),
    Route("POST", "/task/{id}/assignee", assign, _TAG, "Assign a task", request=_USER),
    Route("PUT", "/task/{id}", update, _TAG, "Change a task", request=_UPDATE),
    Route("POST", "/task/{id}/delegate", delegate, _TAG, "Delegate a task", request=_USER),
    Route("POST", "/task/{id}/resolve", resolve, _TAG, "Resolve a delegated task", request=_RESOLVE),
    Route("POST", "/task/{id}/bpmnError", bpmn_error, _TAG, "End a task with a BPMN error", request=_ERROR),
    Route("POST", "/task/{id}/bpmnEscalation", bpmn_escalation, _TAG, "Escalate from a task", request=_ESCALATION),
    Route("POST", "/task/{id}/complete", complete, _TAG, "Complete a task", request=_COMPLETE),
    Route(
        "GET", "/task/{id}/identity-links", identity_links, _TAG, "Get who has to do with a task",
        parameters=[{"name": "type", "in": "query", "schema": {"type": "string"}}],
        answer={"type": "array", "items": _LINK},
    ),
    Route("POST", "/task/{id}/identity-links", add_identity_link, _TAG, "Add a candidate", request=_LINK),
    Route("POST", "/task/{id}/identity-links/delete", delete_identity_link, _TAG, "Remove a candidate", request=_LINK),
    *_variables(local=False).routes(),
    *_variables(local=True).routes(),
]  # fmt: skip
