"""Modifying an instance by hand, and the instructions by which one can be started elsewhere than at its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlc_service.process.modification import Instruction, modify_instance, modify_instances
from mlc_service.rest.camunda import fields
from mlc_service.rest.camunda.body import Body
from mlc_service.rest.camunda.call import Call, Route
from mlc_service.rest.camunda.errors import naming_a_definition
from mlc_service.rest.camunda.process_instances import instances_of
from mlc_service.rest.camunda.values import read_value
from mlc_service.rest.errors import bad_request
from mlc_service.store.units import UnitOfWork

_CANCEL = ("activityId", "activityInstanceId", "transitionInstanceId")
# what an instruction needs to name
_PLACES = {"startBeforeActivity": "activityId", "startAfterActivity": "activityId", "startTransition": "transitionId"}


def modify(call: Call) -> None:
    """The instance's tokens are cancelled and begun as the instructions say."""
    body = call.body
    instructions = read_instructions(body.objects("instructions"))
    skips_listeners, skips_mappings = body.flag("skipCustomListeners"), body.flag("skipIoMappings")
    # checked only: there is no log of what operators did that could keep it
    body.text("annotation")

    call.run(
        lambda unit: modify_instance(
            unit, call.deps.process, call.path["id"], instructions,
            skips_listeners=skips_listeners, skips_mappings=skips_mappings, user=call.caller.user_id,
        )
    )  # fmt: skip


def modify_many(call: Call) -> None:
    """The same is done to several instances of one definition."""
    body = call.body
    definition_id = body.required_text("processDefinitionId", "processDefinitionId is null")
    instructions = [_instruction_for_many(Body(one)) for one in body.objects("instructions")]
    if not instructions:
        raise bad_request("Modification instructions cannot be empty")
    find = instances_of(call)
    skips_listeners, skips_mappings = body.flag("skipCustomListeners"), body.flag("skipIoMappings")
    body.text("annotation")

    def work(unit: UnitOfWork) -> None:
        ids = find(unit)
        if not ids:
            raise bad_request("Process instance ids cannot be empty: Process instance ids is empty")
        modify_instances(
            unit, call.deps.process, definition_id, ids, instructions,
            skips_listeners=skips_listeners, skips_mappings=skips_mappings, user=call.caller.user_id,
        )  # fmt: skip

    with naming_a_definition():
        call.run(work)


def read_instructions(documents: Sequence[Mapping[str, Any]]) -> list[Instruction]:
    """The instructions of a modification. Raises a 400."""
    return [_instruction(Body(document)) for document in documents]


def read_start_instructions(documents: Sequence[Mapping[str, Any]]) -> list[Instruction]:
    """The instructions of a start: nothing can be cancelled yet, and nothing can be in another scope. Raises a 400."""
    found = read_instructions(documents)
    for instruction in found:
        if instruction.kind == "cancel":
            raise bad_request("An instance that is about to be started has nothing to cancel")
        if instruction.ancestor_activity_instance_id is not None:
            raise bad_request("An instance that is about to be started has no ancestorActivityInstanceId")
    return found


def _instruction(body: Body) -> Instruction:
    kind = body.text("type")
    if kind != "cancel" and kind not in _PLACES:
        known = ", ".join(("cancel", *_PLACES))
        raise bad_request(f"The type of an instruction must be one of {known}, not '{kind}'")
    if kind == "cancel":
        return _cancellation(body)
    place = _PLACES[kind]
    named = body.required_text(place, f"For instruction type '{kind}': '{place}' must be set")
    make: Callable[..., Instruction] = Instruction
    return make(
        kind=kind,
        activity_id=named if place == "activityId" else None,
        transition_id=named if place == "transitionId" else None,
        ancestor_activity_instance_id=body.text("ancestorActivityInstanceId"),
        variables=_variables(body.document.get("variables")),
    )


def _instruction_for_many(body: Body) -> Instruction:
    """As `_instruction`, but what is to be cancelled can be named by its activity only."""
    if body.text("type") != "cancel":
        return _instruction(body)
    named = body.required_text("activityId", "For instruction type 'cancel': 'activityId' must be set")
    only_present = body.flag("cancelCurrentActiveActivityInstances")
    return Instruction(kind="cancel", activity_id=named, only_present=only_present)


def _cancellation(body: Body) -> Instruction:
    given = {name: value for name in _CANCEL if (value := body.text(name))}
    if len(given) != 1:
        names = "'activityId', 'activityInstanceId', or 'transitionInstanceId'"
        raise bad_request(f"For instruction type 'cancel': exactly one, {names}, is required")
    return Instruction(
        kind="cancel",
        activity_id=given.get("activityId"),
        activity_instance_id=given.get("activityInstanceId"),
        transition_instance_id=given.get("transitionInstanceId"),
    )


def _variables(document: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Names, values, and whether they are local to what is begun."""
    if document is None:
        return ()
    if not isinstance(document, dict) or not all(isinstance(typed, dict) for typed in document.values()):
        raise bad_request("The variables of an instruction must be an object of typed values")
    return tuple((name, read_value(name, typed), Body(typed).flag("local")) for name, typed in document.items())


INSTRUCTION: fields.Schema = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": ["cancel", *_PLACES]},
        **{name: {"type": "string"} for name in (*_CANCEL, "transitionId", "ancestorActivityInstanceId")},
        "variables": {"type": "object"},
    },
}
_MODIFY: fields.Schema = {
    "type": "object",
    "properties": {
        "instructions": {"type": "array", "items": INSTRUCTION},
        "skipCustomListeners": {"type": "boolean"},
        "skipIoMappings": {"type": "boolean"},
        "annotation": {"type": "string"},
    },
}
_MODIFY_MANY: fields.Schema = {
    "type": "object",
    "properties": {
        **_MODIFY["properties"],
        "processDefinitionId": {"type": "string"},
        "processInstanceIds": {"type": "array", "items": {"type": "string"}},
        "processInstanceQuery": {"type": "object"},
        "historicProcessInstanceQuery": {"type": "object"},
    },
}

ROUTES = [
    Route(
        "POST", "/process-instance/{id}/modification", modify, "Process Instance", "Cancel and begin activities",
        request=_MODIFY,
    ),
    Route(
        "POST", "/modification/execute", modify_many, "Modification", "Cancel and begin activities in many",
        request=_MODIFY_MANY,
    ),
]  # fmt: skip
