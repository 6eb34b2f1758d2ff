"""Forms of start events and user tasks: where they are, what they show, and what becomes of a submitted one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from mlc_service.engine import Definition, ExecutionFailed, NotWaiting
from mlc_service.engine.forms import FormField, ShownField, read_submission, shown
from mlc_service.language import ExpressionError
from mlc_service.process.definitions import latest_definition
from mlc_service.process.errors import FormRefused, NoForm
from mlc_service.process.instances import StartInstance, start_instance
from mlc_service.process.running import StartedInstance, load
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.tasks import complete_task
from mlc_service.store.errors import NotFound
from mlc_service.store.rows import ProcessDefinitionRow, ResourceRow, TaskRow
from mlc_service.store.units import UnitOfWork

_DEPLOYED = "deployment:"
_PREFIXES = ("embedded:", "camunda-forms:")


@dataclass(frozen=True, slots=True)
class Form:
    """Where a form is: a key, a reference to a Camunda Form (`{"key", "binding", "version"}`), or generated fields."""

    key: str | None
    reference: Mapping[str, Any] | None
    fields: Sequence[FormField] = ()


@dataclass(frozen=True, slots=True)
class _Open:
    """A form with all that its expressions and fields refer to."""

    form: Form
    names: Mapping[str, Any]
    # the variables that are there already, typed
    variables: Mapping[str, Any]


def start_form(unit: UnitOfWork, around: Surroundings, definition_id: str) -> Form:
    """The form that a definition is started with. Raises NotFound, ExecutionFailed."""
    return _start(unit, around, unit.definitions.get(definition_id)).form


def task_form(unit: UnitOfWork, around: Surroundings, task_id: str) -> Form:
    """The form that a task is completed with. Raises NotFound."""
    row = unit.tasks.get(task_id)
    return Form(row.form_key, row.form_ref, _fields_of(unit, around, row))


def start_form_fields(unit: UnitOfWork, around: Surroundings, definition_id: str) -> list[ShownField]:
    """The generated fields as they are before anybody has filled them in. Raises NotFound, FormRefused."""
    return _shown(_start(unit, around, unit.definitions.get(definition_id)))


def task_form_fields(unit: UnitOfWork, around: Surroundings, task_id: str) -> list[ShownField]:
    """The generated fields with the values that the task sees. Raises NotFound, FormRefused."""
    return _shown(_task(unit, around, unit.tasks.get(task_id)))


def start_form_variables(
    unit: UnitOfWork, around: Surroundings, definition_id: str, names: Collection[str] = ()
) -> dict[str, Any]:
    """What a form may show at the start: the defaults of its fields, or of those that were named."""
    return _variables(_start(unit, around, unit.definitions.get(definition_id)), names)


def task_form_variables(
    unit: UnitOfWork, around: Surroundings, task_id: str, names: Collection[str] = ()
) -> dict[str, Any]:
    """What a form may show at a task: its fields and all variables visible from there, or those that were named."""
    return _variables(_task(unit, around, unit.tasks.get(task_id)), names)


def submit_start_form(unit: UnitOfWork, around: Surroundings, command: StartInstance) -> StartedInstance:
    """As `start_instance`, after the generated form has taken the variables in. Raises FormRefused besides."""
    if command.definition_id is not None:
        row = unit.definitions.get(command.definition_id)
    else:
        row = latest_definition(unit, command.definition_key or "")
    variables = _taken(_start(unit, around, row, command.user), command.variables)
    return start_instance(unit, around, replace(command, definition_id=row.id, variables=variables))


def submit_task_form(
    unit: UnitOfWork,
    around: Surroundings,
    task_id: str,
    variables: Mapping[str, Any],
    *,
    user: str | None = None,
) -> dict[str, Any]:
    """As `complete_task`, after the generated form has taken the variables in. Raises FormRefused besides."""
    opened = _task(unit, around, unit.tasks.get(task_id), user)
    return complete_task(unit, around, task_id, _taken(opened, variables), user=user)


def deployed_start_form(unit: UnitOfWork, around: Surroundings, definition_id: str) -> ResourceRow:
    """The file that the form of a definition is in. Raises NotFound, NoForm, ExecutionFailed."""
    row = unit.definitions.get(definition_id)
    return _file(unit, row, _start(unit, around, row).form)


def deployed_task_form(unit: UnitOfWork, around: Surroundings, task_id: str) -> ResourceRow:
    """The file that the form of a task is in. Raises NotFound, NoForm."""
    task = unit.tasks.get(task_id)
    return _file(unit, unit.definitions.get(task.definition_id), task_form(unit, around, task_id))


# --- opening ------------------------------------------------------------------------------------------------------


def _start(unit: UnitOfWork, around: Surroundings, row: ProcessDefinitionRow, user: str | None = None) -> _Open:
    definition = around.parsed.definition(unit, row)
    names = {"__now__": around.clock.now(), "authenticatedUserId": user}
    try:
        node = definition.start_node(None)
    except ExecutionFailed:
        # only an event starts it
        return _Open(Form(None, None), names, {})

    def text(source: Any) -> str | None:
        value = None if source is None else source.expression.evaluate(names)
        return None if value is None else str(value)

    reference: dict[str, Any] | None = None
    try:
        form = node.form_ref
        if form is not None:
            version = text(form.version)
            number = int(version) if version and version.isdigit() else None
            reference = {"key": text(form.key), "binding": form.binding, "version": number}
        return _Open(Form(text(node.form_key), reference, node.form_fields), names, {})
    except ExpressionError as error:
        raise ExecutionFailed(error.message, str(node.name)) from None


def _task(unit: UnitOfWork, around: Surroundings, task: TaskRow, user: str | None = None) -> _Open:
    form = Form(task.form_key, task.form_ref, _fields_of(unit, around, task))
    execution, _ = load(unit, around, unit.instances.get(task.instance_id), user)
    try:
        return _Open(form, execution.names(task.activity), execution.variables(task.activity))
    except NotWaiting:
        raise NotFound("task", task.id) from None


def _fields_of(unit: UnitOfWork, around: Surroundings, task: TaskRow) -> Sequence[FormField]:
    definition: Definition = around.parsed.known(unit, task.definition_id).definition
    return definition.nodes[task.activity_id].form_fields


# --- showing and taking in -----------------------------------------------------------------------------------------


def _shown(opened: _Open) -> list[ShownField]:
    fields, problems = shown(opened.form.fields, opened.variables, opened.names)
    if problems:
        raise FormRefused([problem.message for problem in problems])
    return fields


def _variables(opened: _Open, names: Collection[str]) -> dict[str, Any]:
    fields = {one.field.id: one.as_variable() for one in _shown(opened) if not one.field.is_business_key}
    found = {**opened.variables, **fields}
    return {name: value for name, value in found.items() if not names or name in names}


def _taken(opened: _Open, submitted: Mapping[str, Any]) -> Mapping[str, Any]:
    submission = read_submission(opened.form.fields, submitted, opened.names, opened.variables)
    if submission.problems:
        raise FormRefused([problem.message for problem in submission.problems])
    return submission.variables


# --- forms in files ------------------------------------------------------------------------------------------------


def _file(unit: UnitOfWork, row: ProcessDefinitionRow, form: Form) -> ResourceRow:
    if form.reference is not None:
        return _referenced(unit, row, form.reference)
    if form.key is None:
        raise NoForm("One of the attributes 'formKey' and 'camunda:formRef' must be supplied but none were set.")
    place = form.key
    for prefix in _PREFIXES:
        place = place.removeprefix(prefix)
    if not place.startswith(_DEPLOYED):
        raise NoForm(f"The form key '{form.key}' does not reference a deployed form.")
    return unit.deployments.resource(row.deployment_id, place.removeprefix(_DEPLOYED))


def _referenced(unit: UnitOfWork, row: ProcessDefinitionRow, reference: Mapping[str, Any]) -> ResourceRow:
    """The file with the Camunda Form of that id; each deployment that has one is a version of it."""
    key, binding, version = reference["key"], reference["binding"], reference["version"]
    if binding == "deployment":
        files = [file for file in unit.deployments.resources(row.deployment_id) if file.name.endswith(".form")]
    else:
        files = unit.deployments.files_like("%.form")
    versions = [file for file in files if _form_id(file.content) == key]
    if binding == "version":
        versions = versions[version - 1 : version] if version else []
    if not versions:
        raise NotFound("form", key)
    return versions[-1]


def _form_id(content: bytes) -> Any:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document.get("id") if isinstance(document, dict) else None
