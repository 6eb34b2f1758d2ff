"""What each kind of document allows over HTTP: a table of actions, one row a kind.

An action that is missing is answered with the reason in `refusals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, object_at, text_at
from mlc_service.lifecycle.engines import change_engine, register_engine, remove_engine
from mlc_service.lifecycle.errors import InvalidDocument
from mlc_service.lifecycle.life_cycle import LifeCycle
from mlc_service.lifecycle.model_jobs import change_model_job, create_model_job
from mlc_service.lifecycle.notifications import change_notification, create_notification, remove_notification
from mlc_service.lifecycle.snapshots import create_snapshot, refuse_change
from mlc_service.lifecycle.stored_models import change_model, register_model, remove_model
from mlc_service.lifecycle.test_results import change_test_result, create_test_result

Create = Callable[[Books, Mapping[str, Any], str | None], JsonObject]
Change = Callable[[Books, str, Mapping[str, Any], int | None], JsonObject]
Remove = Callable[[Books, str], None]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of document: what may be done with it, and what a list of it can be narrowed by."""

    kind: Kind
    create: Create | None = None
    change: Change | None = None
    remove: Remove | None = None
    filters: frozenset[str] = frozenset()
    refusals: Mapping[str, str] = field(default_factory=dict)


def _never(books: Books, document_id: str, _patch: Mapping[str, Any], _version: int | None) -> JsonObject:
    refuse_change(books, document_id)
    raise AssertionError("unreachable")


_ON_RECORD = "{} are on record and stay"

RESOURCES: tuple[Resource, ...] = (
    Resource(
        Kind.STORED_MODEL,
        create=register_model,
        change=change_model,
        remove=remove_model,
        filters=frozenset({"name", "tag"}),
    ),
    Resource(
        Kind.DEPLOYABLE_MODEL,
        create=create_snapshot,
        change=_never,
        filters=frozenset({"name", "tag", "storedModelId"}),
        refusals={"delete": _ON_RECORD.format("snapshots")},
    ),
    Resource(
        Kind.DEPLOYED_MODEL,
        filters=frozenset({"state", "tag", "storedModelId", "deployableModelId", "engineId"}),
        refusals={"delete": "deployed models are on record: PATCH the state to UNDEPLOYED instead"},
    ),
    Resource(
        Kind.ENGINE,
        create=register_engine,
        change=change_engine,
        remove=remove_engine,
        filters=frozenset({"name", "state", "tag"}),
    ),
    Resource(
        Kind.JOB,
        create=create_model_job,
        change=change_model_job,
        filters=frozenset({"state", "jobStatus", "jobType", "storedModelId", "deployableModelId", "tag"}),
        refusals={"delete": "model jobs are on record: PATCH the jobStatus to CANCELLED instead"},
    ),
    Resource(
        Kind.MODEL_TEST_RESULT,
        create=create_test_result,
        change=change_test_result,
        filters=frozenset({"storedModelId", "deployableModelId", "jobId", "tag"}),
        refusals={"delete": _ON_RECORD.format("test results")},
    ),
    Resource(
        Kind.NOTIFICATION,
        create=create_notification,
        change=change_notification,
        remove=remove_notification,
        filters=frozenset(
            {"state", "notificationType", "storedModelId", "deployableModelId", "jobId", "processInstanceId"}
        ),
    ),
)

# columns of their own in the store; everything else a list is narrowed by is a key
_STATE = frozenset({"state", "jobStatus"})
_NAME = frozenset({"name", "jobType"})


def narrowed(filters: Mapping[str, str]) -> dict[str, Any]:
    """The arguments for `Books.search` and `Books.count`."""
    arguments: dict[str, Any] = {"keys": {}}
    for name, value in filters.items():
        if name in _STATE:
            arguments["state"] = value
        elif name in _NAME:
            arguments["name"] = value
        else:
            arguments["keys"][name] = value
    return arguments


def deploy(life_cycle: LifeCycle, body: Mapping[str, Any], key: str, by: str) -> JsonObject:
    """The snapshot `deployableModel.id` is deployed on the runtime `engine.id` (or `engine.name`)."""
    snapshot_id = text_at(object_at(body, "deployableModel"), "id", "deployableModel", required=True)
    engine = object_at(body, "engine")
    engine_id = text_at(engine, "id", "engine")
    if not engine_id:
        name = text_at(engine, "name", "engine", required=True)
        found = life_cycle.bookkeeping.read(lambda books: books.search(Kind.ENGINE, name=name, limit=1))
        if not found:
            raise InvalidDocument("engine.name", f"there is no runtime '{name}'")
        engine_id = found[0]["id"]
    return life_cycle.serving.deploy(snapshot_id, engine_id, key, by)


def change_deployment(
    life_cycle: LifeCycle, deployed_id: str, patch: Mapping[str, Any], version: int | None, by: str
) -> JsonObject:
    """The deployed model is UNDEPLOYED: the one thing that can be asked of it."""
    for name in patch:
        if name not in ("state", "version", "id"):
            raise InvalidDocument(name, "of a deployed model only the state can be changed, to UNDEPLOYED")
    if patch.get("state") != "UNDEPLOYED":
        raise InvalidDocument("state", "only UNDEPLOYED can be asked for")
    return life_cycle.serving.undeploy(deployed_id, by, version)
