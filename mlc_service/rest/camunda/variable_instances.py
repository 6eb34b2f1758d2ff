"""Variables of live instances in all their scopes, as one list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlc_service.engine.ids import derived_id
from mlc_service.engine.values import from_stored, type_of
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.history import variable_id
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.camunda.values import write_value
from mlc_service.store.errors import NotFound
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.selecting import Page
from mlc_service.store.units import UnitOfWork


class LiveVariable(NamedTuple):
    """A variable as it is now; `scope` is the id of the activity instance that owns it."""

    id: str
    name: str
    definition_id: str
    instance_id: str
    scope: str
    value: Any
    type: str


@dataclass(frozen=True, slots=True)
class LiveVariableFilter:
    """Conditions a variable must meet, all of them; None asks for nothing."""

    name: str | None = None
    name_like: str | None = None
    instance_ids: Sequence[str] | None = None
    scopes: Sequence[str] | None = None


def _find(unit: UnitOfWork, wanted: LiveVariableFilter, page: Page) -> list[LiveVariable]:
    found = list(_matching(unit, wanted))
    for field, direction in reversed(page.sort):
        found.sort(key=lambda variable: getattr(variable, field), reverse=direction == "desc")
    end = None if page.size is None else page.first + page.size
    return found[page.first : end]


def _matching(unit: UnitOfWork, wanted: LiveVariableFilter) -> Iterator[LiveVariable]:
    pattern = None if wanted.name_like is None else _like(wanted.name_like)
    for variable in _all(unit, wanted.instance_ids):
        if wanted.name is not None and variable.name != wanted.name:
            continue
        if pattern is not None and not pattern.fullmatch(variable.name):
            continue
        if wanted.scopes is None or variable.scope in wanted.scopes:
            yield variable


def _all(unit: UnitOfWork, instance_ids: Sequence[str] | None) -> Iterator[LiveVariable]:
    for instance_id in unit.instances.ids(InstanceFilter(ids=instance_ids)):
        try:
            instance = unit.instances.get(instance_id)
        except NotFound:
            continue  # ended since
        for number, variables in {0: instance.variables, **unit.instances.scopes(instance_id)}.items():
            for name, stored in variables.items():
                value = from_stored(stored)
                yield LiveVariable(
                    variable_id(instance_id, number, name), name, instance.definition_id, instance_id,
                    derived_id(instance_id, number), value, type_of(value),
                )  # fmt: skip


def _like(pattern: str) -> re.Pattern[str]:
    pieces = (".*" if letter == "%" else "." if letter == "_" else re.escape(letter) for letter in pattern)
    return re.compile("".join(pieces), re.DOTALL)


VARIABLE_INSTANCES: Resource[LiveVariable, LiveVariableFilter] = Resource(
    path="/variable-instance",
    tag="Variable Instance",
    noun="variables",
    fields=(
        fields.text("id", "id"),
        fields.text("name", "name"),
        fields.text("processDefinitionId", "definition_id"),
        fields.text("processInstanceId", "instance_id"),
        fields.text("executionId", "scope"),
        fields.absent("caseInstanceId"),
        fields.absent("caseExecutionId"),
        fields.absent("taskId"),
        fields.absent("batchId"),
        fields.text("activityInstanceId", "scope"),
        fields.absent("errorMessage"),
        fields.absent("tenantId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("variableName", "name"),
            query.text("variableNameLike", "name_like"),
            query.texts("processInstanceIdIn", "instance_ids"),
            query.texts("executionIdIn", "scopes"),
            query.texts("activityInstanceIdIn", "scopes"),
            query.texts("variableScopeIdIn", "scopes"),
            query.never("caseInstanceIdIn"),
            query.never("caseExecutionIdIn"),
            query.never("batchIdIn"),
            *tenant_filters(),
            *query.unsupported("taskIdIn", "variableValues", "variableNamesIgnoreCase", "variableValuesIgnoreCase"),
        ),
        sorts={"variableName": "name", "variableType": "type", "activityInstanceId": "scope", "tenantId": "id"},
    ),
    wanted=LiveVariableFilter,
    find=_find,
    count=lambda unit, wanted: sum(1 for _ in _matching(unit, wanted)),
    has_post=True,
    complete=lambda call, row, dto: dto | write_value(row.value, deserialize=call.flag("deserializeValues", True)),
)

ROUTES = VARIABLE_INSTANCES.routes()
