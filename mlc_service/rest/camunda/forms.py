"""Forms of start events and user tasks: where they are, what they show, submitting them (camunda7.md §4.5, §4.8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlc_service.process.definitions import latest_definition
from mlc_service.process.forms import (
    Form,
    deployed_start_form,
    deployed_task_form,
    start_form,
    start_form_fields,
    start_form_variables,
    submit_start_form,
    submit_task_form,
    task_form,
    task_form_fields,
    task_form_variables,
)
from mlc_service.process.instances import StartInstance
from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.call import Answer, Call, Handler, Route
from mlc_service.rest.camunda.downloads import attachment, media_type_of
from mlc_service.rest.camunda.errors import explaining
from mlc_service.rest.camunda.generated_form import generated_form
from mlc_service.rest.camunda.instance_dto import STARTED, started_dto
from mlc_service.rest.camunda.values import write_variables
from mlc_service.rest.errors import not_found
from mlc_service.store.rows import ResourceRow
from mlc_service.store.units import UnitOfWork

_DEFINITION, _TASK = "Process Definition", "Task"
# what an author has written is never a page of ours, wherever a browser may open it
_AS_A_FILE = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}


def start(call: Call) -> dict[str, Any]:
    """Where the form is that a definition is started with."""

    def find(unit: UnitOfWork) -> tuple[str, Form]:
        id = _definition_id(call, unit)
        return id, start_form(unit, call.deps.process, id)

    id, form = call.read(find)
    return _place(form, f"process-definition/{id}")


def of_task(call: Call) -> dict[str, Any]:
    """Where the form of a task is."""
    id = call.path["id"]
    return _place(call.read(lambda unit: task_form(unit, call.deps.process, id)), f"task/{id}")


def start_variables(call: Call) -> dict[str, Any]:
    """The variables that a start form may show: the defaults of its fields."""
    names = _names(call)
    return _written(
        call, call.read(lambda unit: start_form_variables(unit, call.deps.process, _definition_id(call, unit), names))
    )


def variables_of_task(call: Call) -> dict[str, Any]:
    """The variables that the form of a task may show: its fields and all that is visible from the task."""
    names = _names(call)
    return _written(call, call.read(lambda unit: task_form_variables(unit, call.deps.process, call.path["id"], names)))


def rendered_start(call: Call) -> Answer:
    """The generated start form as HTML."""

    def find(unit: UnitOfWork) -> Answer:
        id = _definition_id(call, unit)
        shown = start_form_fields(unit, call.deps.process, id)
        if not shown:
            raise not_found(f"No matching rendered start form for process definition with the id {id} found.")
        return _html(generated_form(shown))

    return call.read(find)


def rendered_of_task(call: Call) -> Answer:
    """The generated form of a task as HTML."""
    id = call.path["id"]
    shown = call.read(lambda unit: task_form_fields(unit, call.deps.process, id))
    if not shown:
        raise not_found(f"No matching rendered form for task with the id {id} found.")
    return _html(generated_form(shown))


def deployed_start(call: Call) -> Answer:
    """The file with the start form."""
    return _file(
        call.read(lambda unit: deployed_start_form(unit, call.deps.process, _definition_id(call, unit)))
    )  # fmt: skip


def deployed_of_task(call: Call) -> Answer:
    """The file with the form of a task."""
    return _file(call.read(lambda unit: deployed_task_form(unit, call.deps.process, call.path["id"])))


def submit_start(call: Call) -> dict[str, Any]:
    """Starts an instance with what was entered."""
    name = call.path.get("id") or call.path["key"]
    with explaining(f"Cannot instantiate process definition {name}"):
        command = StartInstance(
            definition_id=call.path.get("id"),
            definition_key=call.path.get("key"),
            variables=call.body.variables(),
            business_key=call.body.text("businessKey"),
            user=call.caller.user_id,
        )
        started = call.run(lambda unit: submit_start_form(unit, call.deps.process, command))
    return started_dto(call, started, with_variables=False)


def submit_of_task(call: Call) -> dict[str, Any] | None:
    """Completes a task with what was entered."""
    id = call.path["id"]
    with explaining(f"Cannot submit task form {id}"):
        variables = call.body.variables()
        with_variables = call.body.flag("withVariablesInReturn")
        after = call.run(
            lambda unit: submit_task_form(unit, call.deps.process, id, variables, user=call.caller.user_id)
        )
    return write_variables(after) if with_variables else None


def _definition_id(call: Call, unit: UnitOfWork) -> str:
    id = call.path.get("id")
    return id if id is not None else latest_definition(unit, call.path["key"]).id


def _place(form: Form, owner: str) -> dict[str, Any]:
    key = form.key
    if key is None and form.reference is None and form.fields:
        key = f"embedded:engine://engine/:engine/{owner}/rendered-form"
    return {"key": key, "camundaFormRef": form.reference, "contextPath": None}


def _names(call: Call) -> Collection[str]:
    return [name.strip() for name in call.query.get("variableNames", "").split(",") if name.strip()]


def _written(call: Call, variables: dict[str, Any]) -> dict[str, Any]:
    return write_variables(variables, deserialize=call.flag("deserializeValues", True))


def _html(text: str) -> Answer:
    return Answer(text.encode(), "application/xhtml+xml; charset=utf-8", headers=_AS_A_FILE)


def _file(resource: ResourceRow) -> Answer:
    headers = {**_AS_A_FILE, **attachment(resource.name)}
    return Answer(resource.content, media_type_of(resource.name), headers=headers)


_PLACE: fields.Schema = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "nullable": True},
        "camundaFormRef": {
            "type": "object",
            "nullable": True,
            "properties": {
                "key": {"type": "string"},
                "binding": {"type": "string"},
                "version": {"type": "integer", "nullable": True},
            },
        },
        "contextPath": {"type": "string", "nullable": True},
    },
}
_VARIABLES: fields.Schema = {"type": "object", "additionalProperties": {"type": "object"}}
_ASKED: list[fields.Schema] = [
    {"name": "variableNames", "in": "query", "schema": {"type": "string"}},
    {"name": "deserializeValues", "in": "query", "schema": {"type": "boolean", "default": True}},
]
_SUBMIT: fields.Schema = {
    "type": "object",
    "properties": {"variables": {"type": "object"}, "businessKey": {"type": "string", "nullable": True}},
}
_COMPLETE: fields.Schema = {
    "type": "object",
    "properties": {"variables": {"type": "object"}, "withVariablesInReturn": {"type": "boolean"}},
}


def _of_definition(method: str, rest: str, handler: Handler, summary: str, **described: Any) -> list[Route]:
    """The operation by id, and by key for the latest version."""
    by_id, by_key = "/process-definition/{id}", "/process-definition/key/{key}"
    return [
        Route(method, by_id + rest, handler, _DEFINITION, summary, **described),
        Route(method, by_key + rest, handler, _DEFINITION, f"{summary}, by key", **described),
    ]


ROUTES = [
    *_of_definition("GET", "/startForm", start, "Get where the start form is", answer=_PLACE),
    *_of_definition(
        "GET", "/form-variables", start_variables, "Get the variables of the start form",
        parameters=_ASKED, answer=_VARIABLES,
    ),
    *_of_definition("GET", "/rendered-form", rendered_start, "Get the generated start form"),
    *_of_definition("GET", "/deployed-start-form", deployed_start, "Get the deployed start form"),
    *_of_definition(
        "POST", "/submit-form", submit_start, "Start an instance with a form",
        request=_SUBMIT, answer=fields.schema_of(STARTED),
    ),
    Route("GET", "/task/{id}/form", of_task, _TASK, "Get where a task's form is", answer=_PLACE),
    Route(
        "GET", "/task/{id}/form-variables", variables_of_task, _TASK, "Get the variables of a task's form",
        parameters=_ASKED, answer=_VARIABLES,
    ),
    Route("GET", "/task/{id}/rendered-form", rendered_of_task, _TASK, "Get a task's generated form"),
    Route("GET", "/task/{id}/deployed-form", deployed_of_task, _TASK, "Get a task's deployed form"),
    Route("POST", "/task/{id}/submit-form", submit_of_task, _TASK, "Complete a task with a form", request=_COMPLETE),
]  # fmt: skip
