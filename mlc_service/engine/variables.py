"""Variables belong to scopes, as in Camunda: reading walks up the scopes, writing goes to where the name exists.

The process instance, an embedded sub-process and an activity with input parameters each hold variables of their own;
a token without any shares those of its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .effects import VariableDeleted, VariableWritten
from .ids import derived_id
from .values import TypedValue, as_variable, expression_value, plain

if TYPE_CHECKING:
    from .elements.node import Node
    from .tokens import Token

_ABSENT = object()
# asked for by `currentUserGroups()` alone, and answered by a look into the database
_GROUPS = "authenticatedUserGroups"


def find(token: Token, name: str) -> tuple[Token, Any] | None:
    """The nearest scope that holds the variable, and its stored value."""
    scope: Token | None = token
    while scope is not None:
        value = scope.data.get(name, _ABSENT)
        if value is not _ABSENT:
            return scope, value
        scope = scope.parent
    return None


def write(token: Token, name: str, value: Any) -> None:
    """The variable has the value: where it exists already, else in the process instance."""
    found = find(token, name)
    if found is not None:
        write_local(found[0], name, value)
        return
    scope = token
    while scope.parent is not None:
        scope = scope.parent
    write_local(scope, name, value)


def write_local(scope: Token, name: str, value: Any) -> None:
    """The variable has the value in this very scope. The one place where a variable changes."""
    value = as_variable(value)
    created = name not in scope.data
    scope.data[name] = value
    instance = scope.workflow
    instance.changed.add(scope.id)
    instance.effects.append(VariableWritten(scope.id, name, value, created))
    if instance.conditional_waits:
        instance.variable_events.append((scope, name, "create" if created else "update"))


def write_all(token: Token, values: Mapping[str, Any]) -> None:
    """Every value is written as `write` does it."""
    for name, value in values.items():
        write(token, name, value)


def remove(token: Token, names: Iterable[str], *, local: bool = False) -> None:
    """The nearest variable of each name is gone; names that do not exist are no error, as in Camunda.

    With `local` only what this very scope holds.
    """
    for name in names:
        found = find(token, name)
        if found is not None and (not local or found[0] is token):
            scope = found[0]
            del scope.data[name]
            instance = scope.workflow
            instance.changed.add(scope.id)
            instance.effects.append(VariableDeleted(scope.id, name))
            if instance.conditional_waits:
                instance.variable_events.append((scope, name, "delete"))


def visible(token: Token) -> dict[str, Any]:
    """All variables that can be read from here, typed as stored; inner ones hide outer ones."""
    layers = []
    scope: Token | None = token
    while scope is not None:
        if scope.data:
            layers.append(scope.data)
        scope = scope.parent
    if len(layers) == 1:
        return dict(layers[0])
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged.update(layer)
    return merged


def visible_plain(token: Token) -> dict[str, Any]:
    """As `visible`, with plain values."""
    values = visible(token)
    for name, value in values.items():
        if isinstance(value, TypedValue):
            values[name] = plain(value)
    return values


class Names(Mapping[str, Any]):
    """What an expression at a token can name: the host objects first, then the variables (Camunda's order)."""

    __slots__ = ("_is_local", "_objects", "_token")

    def __init__(
        self,
        token: Token,
        task: Any = None,
        objects: Mapping[str, Any] | None = None,
        *,
        is_local: bool = False,
    ) -> None:
        self._token = token
        # only what this very scope holds
        self._is_local = is_local
        instance = token.workflow
        self._objects: dict[str, Any] = {
            "execution": ExecutionView(token),
            "authenticatedUserId": instance.user,
            "__now__": instance.now,
        }
        if objects is not None:
            self._objects.update(objects)
        if task is not None:
            self._objects["task"] = task

    def __getitem__(self, name: str) -> Any:
        if name in self._objects:
            return self._objects[name]
        if name == _GROUPS:
            instance = self._token.workflow
            return instance.host.groups_of(instance.user)
        found = find(self._token, name)
        if found is None or (self._is_local and found[0] is not self._token):
            raise KeyError(name)
        return expression_value(found[1])

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        known = name in self._token.data if self._is_local else find(self._token, name) is not None
        return known or name in self._objects or name == _GROUPS

    def __iter__(self) -> Iterator[str]:
        yield from self._objects
        yield from self._token.data if self._is_local else visible(self._token)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ExecutionView:
    """The `execution` that expressions talk to; `__juel__` lists all they can reach."""

    __slots__ = ("_token",)

    __juel__: Mapping[str, str] = {
        "getVariable": "get_variable",
        "getVariableLocal": "get_variable_local",
        "hasVariable": "has_variable",
        "setVariable": "set_variable",
        "setVariableLocal": "set_variable_local",
        "removeVariable": "remove_variable",
        "hasVariableLocal": "has_variable_local",
        "hasVariables": "has_variables",
        "getVariables": "get_variables",
        "getVariablesLocal": "get_variables_local",
        "getVariableNames": "get_variable_names",
        "setVariables": "set_variables",
        "removeVariables": "remove_variables",
        "variables": "variables",
        "activityInstanceId": "activity_instance_id",
        "getActivityInstanceId": "get_activity_instance_id",
        "id": "id",
        "getId": "get_id",
        "processInstanceId": "process_instance_id",
        "getProcessInstanceId": "get_process_instance_id",
        "businessKey": "business_key",
        "processBusinessKey": "business_key",
        "getBusinessKey": "get_business_key",
        "getProcessBusinessKey": "get_business_key",
        "currentActivityId": "current_activity_id",
        "getCurrentActivityId": "get_current_activity_id",
        "currentActivityName": "current_activity_name",
        "getCurrentActivityName": "get_current_activity_name",
        "processDefinitionId": "process_definition_id",
        "getProcessDefinitionId": "get_process_definition_id",
    }

    def __init__(self, token: Token) -> None:
        self._token = token

    def get_variable(self, name: str) -> Any:
        found = find(self._token, name)
        return None if found is None else expression_value(found[1])

    def get_variable_local(self, name: str) -> Any:
        return expression_value(self._token.data.get(name))

    def has_variable(self, name: str) -> bool:
        return find(self._token, name) is not None

    def has_variable_local(self, name: str) -> bool:
        return name in self._token.data

    def has_variables(self) -> bool:
        return bool(visible(self._token))

    def get_variables_local(self) -> dict[str, Any]:
        return {name: plain(value) for name, value in self._token.data.items()}

    def get_variable_names(self) -> list[str]:
        return sorted(visible(self._token))

    def set_variables(self, values: Mapping[str, Any]) -> None:
        write_all(self._token, values)

    def remove_variables(self, names: Iterable[str]) -> None:
        remove(self._token, list(names))

    def get_activity_instance_id(self) -> str:
        return self.activity_instance_id

    def set_variable(self, name: str, value: Any) -> None:
        write(self._token, name, value)

    def set_variable_local(self, name: str, value: Any) -> None:
        write_local(self._token, name, value)

    def remove_variable(self, name: str) -> None:
        remove(self._token, [name])

    def get_variables(self) -> dict[str, Any]:
        return visible_plain(self._token)

    @property
    def variables(self) -> dict[str, Any]:
        return visible_plain(self._token)

    @property
    def id(self) -> str:
        return str(self._token.workflow.instance_id)

    @property
    def process_instance_id(self) -> str:
        return str(self._token.workflow.instance_id)

    @property
    def activity_instance_id(self) -> str:
        return derived_id(self.id, self._token.id)

    @property
    def process_definition_id(self) -> str | None:
        definition_id: str | None = self._token.workflow.definition_id
        return definition_id

    @property
    def business_key(self) -> str | None:
        key: str | None = self._token.workflow.business_key
        return key

    @property
    def current_activity_id(self) -> str:
        return str(self._current_node.name)

    @property
    def current_activity_name(self) -> str | None:
        name: str | None = self._current_node.bpmn_name
        return name

    @property
    def _current_node(self) -> Node:
        instance, node = self._token.workflow, self._token.task_spec
        # listeners of the process are told where it begins or has ended
        found: Node = instance.nodes.get(instance.last_activity or "", node) if self._token.parent is None else node
        return found

    def get_id(self) -> str:
        return self.id

    def get_process_instance_id(self) -> str:
        return self.process_instance_id

    def get_process_definition_id(self) -> str | None:
        return self.process_definition_id

    def get_business_key(self) -> str | None:
        return self.business_key

    def get_current_activity_id(self) -> str:
        return self.current_activity_id

    def get_current_activity_name(self) -> str | None:
        return self.current_activity_name
