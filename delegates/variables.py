"""How delegates read variables that diagrams may write in more than one way."""

from __future__ import annotations

from mlc_service.delegate_api import DelegateExecution, JsonObject, MissingVariable


def snapshot_of(execution: DelegateExecution) -> JsonObject:
    """DEPLOYABLE_MODEL, else the snapshot that MODEL_ID or DEPLOYABLE_MODEL_ID names. Raises MissingVariable."""
    found = optional_snapshot(execution)
    if found is None:
        raise MissingVariable("DEPLOYABLE_MODEL", execution.activity_id)
    return found


def optional_snapshot(execution: DelegateExecution) -> JsonObject | None:
    """As `snapshot_of`, None if no variable names one."""
    if execution.get("DEPLOYABLE_MODEL") is not None:
        return execution.required("DEPLOYABLE_MODEL", dict)
    named = text(execution, "MODEL_ID") or text(execution, "DEPLOYABLE_MODEL_ID")
    return execution.ports.snapshots.get(named) if named else None


def document(execution: DelegateExecution, *names: str) -> JsonObject:
    """The first of these variables that is there. Raises MissingVariable, naming the first."""
    for name in names:
        if execution.get(name) is not None:
            return execution.required(name, dict)
    raise MissingVariable(names[0], execution.activity_id)


def optional_document(execution: DelegateExecution, name: str) -> JsonObject | None:
    """The variable, None if it is not there."""
    return None if execution.get(name) is None else execution.required(name, dict)


def documents(execution: DelegateExecution, singular: str, plural: str) -> list[JsonObject]:
    """A list of documents, written as one object or as a list, under either name; [] if there is none."""
    for name in (plural, singular):
        value = execution.get(name)
        if value is None:
            continue
        found = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in found):
            raise MissingVariable(name, execution.activity_id, value, "an asset or a list of assets")
        return found
    return []


def text(execution: DelegateExecution, name: str, default: str = "") -> str:
    """The variable as text, `default` if it is not there or null."""
    value = execution.get(name)
    return default if value is None else str(value)
