"""Deployments: the files, and what they define (camunda7.md §2.1, §4.4)."""

from __future__ import annotations

from typing import Any

from mlc_service.process.deployments import Deploy, Deployed, delete_deployment, deploy
from mlc_service.rest.camunda import fields, query
from mlc_service.rest.camunda.body import as_moment
from mlc_service.rest.camunda.call import Answer, Call, Route
from mlc_service.rest.camunda.decisions import DECISION_DEFINITIONS
from mlc_service.rest.camunda.downloads import attachment, media_type_of
from mlc_service.rest.camunda.errors import problem_dto
from mlc_service.rest.camunda.multipart import Part, read_parts
from mlc_service.rest.camunda.process_definitions import PROCESS_DEFINITIONS
from mlc_service.rest.camunda.resource import Resource
from mlc_service.rest.camunda.tenants import tenant_filters
from mlc_service.rest.errors import HttpProblem, bad_request
from mlc_service.store.deployments import DeploymentFilter
from mlc_service.store.rows import DeploymentRow, ResourceInfo

_TAG = "Deployment"
_NAME = "deployment-name"
_SOURCE = "deployment-source"
_ACTIVATION = "deployment-activation-time"
_DUPLICATES = "enable-duplicate-filtering"
_CHANGED = "deploy-changed-only"
_TENANT = "tenant-id"
_RESERVED = (_NAME, _SOURCE, _ACTIVATION, _DUPLICATES, _CHANGED, _TENANT)

DEPLOYMENTS: Resource[DeploymentRow, DeploymentFilter] = Resource(
    path="/deployment",
    tag=_TAG,
    noun="deployments",
    fields=(
        fields.no_links(),
        fields.text("id", "id"),
        fields.text("name", "name"),
        fields.text("source", "source"),
        fields.moment("deploymentTime", "deployed"),
        fields.absent("tenantId"),
    ),
    queryable=query.Queryable(
        filters=(
            query.text("id", "id"),
            query.text("name", "name"),
            query.text("nameLike", "name_like"),
            query.text("source", "source"),
            query.moment("after", "after"),
            query.moment("before", "before"),
            *tenant_filters("includeDeploymentsWithoutTenantId"),
            *query.unsupported("withoutSource"),
        ),
        sorts={"id": "id", "name": "name", "deploymentTime": "deployed", "tenantId": "id"},
    ),
    wanted=DeploymentFilter,
    find=lambda unit, wanted, page: unit.deployments.find(wanted, page),
    count=lambda unit, wanted: unit.deployments.count(wanted),
    get=lambda unit, id: unit.deployments.get(id),
)

_RESOURCE_FIELDS = (
    fields.text("id", "id"),
    fields.text("name", "name"),
    fields.text("deploymentId", "deployment_id"),
)

_FORM: fields.Schema = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in _RESERVED} | {"data": {"type": "string", "format": "binary"}},
}


def create(call: Call) -> dict[str, Any]:
    """Deploys the files of a multipart form."""
    parts = read_parts(call.content_type, call.raw_body)
    command = _command(call, parts)
    deployed = call.run(lambda unit: deploy(unit, call.deps.process, command))
    return _created(call, deployed)


def _command(call: Call, parts: list[Part]) -> Deploy:
    # of two parts with one name the last counts, as in Camunda
    by_name = {part.name: part for part in parts}
    files: dict[str, bytes] = {}
    for part in by_name.values():
        if part.name in _RESERVED:
            continue
        if not part.filename:
            raise bad_request(
                f"No file name found in the deployment resource described by form parameter '{part.name[:100]}'."
            )
        files[part.filename] = part.content
    if not files:
        raise bad_request("No deployment resources contained in the form upload.")
    _refuse_later_activation(call, by_name.get(_ACTIVATION))
    changed_only = _flag(by_name, _CHANGED)
    return Deploy(
        resources=list(files.items()),
        name=_text(by_name, _NAME),
        source=_text(by_name, _SOURCE),
        filter_duplicates=changed_only or _flag(by_name, _DUPLICATES),
        changed_only=changed_only,
    )


def _text(parts: dict[str, Part], name: str) -> str | None:
    part = parts.get(name)
    return part.text() if part else None


def _flag(parts: dict[str, Part], name: str) -> bool:
    # Python-generated clients send `True`
    return (_text(parts, name) or "").strip().lower() == "true"


def _refuse_later_activation(call: Call, part: Part | None) -> None:
    text = part.text().strip() if part else ""
    if not text:
        return
    if as_moment(_ACTIVATION, text) > call.deps.clock.now():
        raise HttpProblem(501, "NotSupportedException", f"{_ACTIVATION} in the future is not supported")


def _created(call: Call, deployed: Deployed) -> dict[str, Any]:
    row = deployed.deployment
    link = {"method": "GET", "href": f"{call.base_url}/mlc-service/rest/deployment/{row.id}", "rel": "self"}
    processes = {one.id: PROCESS_DEFINITIONS.dto(one) for one in deployed.processes}
    decisions = {one.id: DECISION_DEFINITIONS.dto(one) for one in deployed.decisions}
    return {
        **DEPLOYMENTS.dto(row),
        "links": [link],
        "deployedProcessDefinitions": processes or None,
        "deployedCaseDefinitions": None,
        "deployedDecisionDefinitions": decisions or None,
        "deployedDecisionRequirementsDefinitions": None,
        # ours: what was deployed and looks wrong, as a refusal would tell it
        "warnings": {name: [problem_dto(one) for one in found] for name, found in deployed.warnings.items()},
    }


def delete(call: Call) -> None:
    """Takes a deployment back, with `cascade` also instances and history."""
    cascade = call.flag("cascade")
    call.run(lambda unit: delete_deployment(unit, call.deps.process, call.path["id"], cascade=cascade))


def list_resources(call: Call) -> list[dict[str, Any]]:
    """The files of a deployment, without their contents."""

    def find(unit: Any) -> list[ResourceInfo]:
        unit.deployments.get(call.path["id"])
        return list(unit.deployments.resource_list(call.path["id"]))

    return [fields.write(_RESOURCE_FIELDS, row) for row in call.read(find)]


def get_resource(call: Call) -> dict[str, Any]:
    """One file of a deployment, without its contents."""
    path = call.path
    row = call.read(lambda unit: unit.deployments.resource(path["id"], path["resourceId"]))
    return fields.write(_RESOURCE_FIELDS, row)


def download_resource(call: Call) -> Answer:
    """The contents of a file of a deployment."""
    path = call.path
    row = call.read(lambda unit: unit.deployments.resource(path["id"], path["resourceId"]))
    return Answer(row.content, media_type_of(row.name), headers=attachment(row.name))


ROUTES = [
    Route(
        "POST", "/deployment/create", create, _TAG, "Deploy files",
        request=_FORM, consumes="multipart/form-data", answer=fields.schema_of(DEPLOYMENTS.fields),
    ),
    *DEPLOYMENTS.routes(),
    Route(
        "DELETE", "/deployment/{id}", delete, _TAG, "Delete a deployment",
        parameters=[{"name": "cascade", "in": "query", "schema": {"type": "boolean"}}],
    ),
    Route(
        "GET", "/deployment/{id}/resources", list_resources, _TAG, "List the files of a deployment",
        answer={"type": "array", "items": fields.schema_of(_RESOURCE_FIELDS)},
    ),
    Route(
        "GET", "/deployment/{id}/resources/{resourceId}", get_resource, _TAG, "Get a file of a deployment",
        answer=fields.schema_of(_RESOURCE_FIELDS),
    ),
    Route("GET", "/deployment/{id}/resources/{resourceId}/data", download_resource, _TAG, "Download a file"),
]  # fmt: skip
